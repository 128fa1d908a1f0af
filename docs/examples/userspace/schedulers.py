"""A userspace scheduler of one's own, in Python, numba, ctypes and cffi: `scheduler = user`."""

import ctypes
from collections.abc import Callable

import numpy as np
from cffi import FFI
from numba import cfunc, types
from numba.np.numpy_support import carray, from_dtype

from planesched import STATE, VM, Reason, UserScheduler

pointer: Callable[..., types.Type] = types.CPointer

# Each enters the highest-numbered runnable plane, whatever its rank.


def in_python(state: np.void, now_ns: int, vcpu: int, reason: Reason) -> int | None:
    runnable = int(state["runnable"])
    return runnable.bit_length() - 1 if runnable else None


@cfunc(
    types.int32(
        types.voidptr,
        pointer(from_dtype(STATE)),
        types.int64,
        types.uint32,
        types.uint32,
        pointer(types.int32),
    )
)
def in_numba(user, state, now_ns, vcpu, reason, req_exit):  # type: ignore[no-untyped-def]
    runnable = carray(state, 1)[0].runnable
    plane = -1  # wait
    while runnable:
        runnable >>= 1
        plane += 1
    return plane


class State(ctypes.Structure):
    """As much of struct ps_state as is looked at."""

    _fields_ = [("online", ctypes.c_uint16), ("runnable", ctypes.c_uint16)]


@ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(State),
    ctypes.c_int64,
    ctypes.c_uint32,
    ctypes.c_uint32,
    ctypes.POINTER(ctypes.c_int32),
)
def in_ctypes(user, state, now_ns, vcpu, reason, req_exit):  # type: ignore[no-untyped-def]
    return state.contents.runnable.bit_length() - 1


ffi = FFI()
ffi.cdef("struct state { uint16_t online, runnable; };")


@ffi.callback("int(void *, struct state *, int64_t, uint32_t, uint32_t, int32_t *)")
def in_cffi(user, state, now_ns, vcpu, reason, req_exit):  # type: ignore[no-untyped-def]
    return state.runnable.bit_length() - 1


def main() -> None:
    for function in (in_python, in_numba, in_ctypes, in_cffi, None):
        scheduler = UserScheduler(function)
        vcpu = VM("kvm_user", planes=3, vcpus=1).vcpus[0]
        vcpu.start(1)
        gone = vcpu.call(2)  # which leaves for userspace
        scheduler.answer(vcpu, gone.reason)
        print(f"{scheduler.kind:7s} {vcpu}")


if __name__ == "__main__":
    main()
