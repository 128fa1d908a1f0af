"""The signature of a scheduler of one's own (ps_scheduler_fn), as the bindings spell it."""

import ctypes

import numba
from numba import types

from planesched import STATE

__all__ = ["CFFI_TYPE", "C_ARGUMENTS", "C_TYPE", "NUMBA_TYPE"]

C_ARGUMENTS = (
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32, ctypes.c_uint32),
    ctypes.POINTER(ctypes.c_int32),
)
C_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, *C_ARGUMENTS)
NUMBA_TYPE = types.int32(
    types.voidptr,
    types.CPointer(numba.from_dtype(STATE)),
    types.int64,
    types.uint32,
    types.uint32,
    types.CPointer(types.int32),
)
CFFI_TYPE = "int(void *, uint16_t *, int64_t, uint32_t, uint32_t, int32_t *)"
