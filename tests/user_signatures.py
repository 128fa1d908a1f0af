"""The signature of a scheduler of one's own (ps_scheduler_fn), as the bindings spell it."""

import ctypes
from typing import Any

from planesched import STATE

__all__ = ["CFFI_TYPE", "C_ARGUMENTS", "C_TYPE", "numba_type"]

C_ARGUMENTS = (
    *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32, ctypes.c_uint32),
    ctypes.POINTER(ctypes.c_int32),
)
C_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, *C_ARGUMENTS)
CFFI_TYPE = "int(void *, uint16_t *, int64_t, uint32_t, uint32_t, int32_t *)"


def numba_type() -> Any:
    import numba
    from numba import types

    return types.int32(
        types.voidptr,
        types.CPointer(numba.from_dtype(STATE)),
        types.int64,
        types.uint32,
        types.uint32,
        types.CPointer(types.int32),
    )
