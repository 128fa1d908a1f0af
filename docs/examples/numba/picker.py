"""A loop over many vCPUs in numba that calls the core."""

import ctypes

import numba
import numpy as np
from numba.extending import get_cython_function_address

from planesched import STATE, Event
from planesched.capi import policy_words, unpack

address = get_cython_function_address("planesched.capi", "ps_api_step")
prototype = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_int
)
step = prototype(address)
boot = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)(
    get_cython_function_address("planesched.capi", "ps_api_boot")
)


def _for_all(policy: int, states: int, n: int, size: int, event: int, plane: int) -> int:
    """Deliver an event to every vCPU; give the last packed outcome."""
    packed: int = 0
    for vcpu in range(n):
        packed = step(policy, states + vcpu * size, event, plane)
    return packed


for_all = numba.njit()(_for_all)


def main() -> None:
    words = policy_words("vsm", planes=2)
    states = np.zeros(1000, dtype=STATE)
    if boot(words.ctypes.data, states.ctypes.data, 3) != 0:
        raise RuntimeError("the boot plane is not online")
    states[:] = states[0]
    where = (words.ctypes.data, states.ctypes.data, len(states), STATE.itemsize)
    last = unpack(for_all(*where, int(Event.IRQ), 1))
    print(last)
    print("vCPUs that run plane 1:", np.count_nonzero(states["current"] == 1))


if __name__ == "__main__":
    main()
