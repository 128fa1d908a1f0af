"""The signatures of a scheduler and of an algorithm of one's own, as the bindings spell them.

In C they are ps_scheduler_fn (scheduler.h) and ps_algorithm_fn (algorithm.h).
"""

import ctypes
from typing import Any

from planesched import STATE

__all__ = [
    "CFFI_TYPE",
    "C_ARGUMENTS",
    "C_TYPE",
    "PICK_CFFI_TYPE",
    "PICK_TYPE",
    "numba_type",
    "pick_numba_type",
]

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


PICK_ARGUMENTS = (*(ctypes.c_void_p,) * 3, *(ctypes.c_uint32,) * 3)
PICK_TYPE = ctypes.CFUNCTYPE(ctypes.c_int, *PICK_ARGUMENTS)
PICK_CFFI_TYPE = "int(void *, void *, uint16_t *, uint32_t, uint32_t, uint32_t)"


def pick_numba_type() -> Any:
    import numba
    from numba import types

    state = types.CPointer(numba.from_dtype(STATE))
    return types.int32(types.voidptr, types.voidptr, state, *(types.uint32,) * 3)
