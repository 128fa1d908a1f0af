"""A scheduler of one's own in every wrapping does the same in replay, simulation and engine."""

import ctypes
from pathlib import Path

import cffi
import numba
import numpy as np
import pytest
from engine_timeline import COSTS, make_jobs
from scipy import LowLevelCallable
from user_signatures import C_TYPE, CFFI_TYPE, NUMBA_TYPE

import planesched
from planesched import Engine, Policy, UserScheduler, Workload
from planesched.traces import PlaneMap
from planesched.workload import Poisson

POLICY = Policy.preset("vsm", planes=3).replace(scheduler="user")
DEMO = Path(planesched.__file__).parent / "data" / "demo.txt.xz"


# Each enters the highest plane that runs or has an interrupt, but prefers plane 1 to plane 2: what
# the default scheduler would not do.
def best(wanted):
    return 1 if wanted & 2 else wanted.bit_length() - 1


def in_python(state, now_ns, vcpu, reason):
    return best(int(state["runnable"]) | int(state["irq"]))


def in_c(user, state, now_ns, vcpu, reason, req_exit):
    words = ctypes.cast(state, ctypes.POINTER(ctypes.c_uint16))
    return best(words[1] | words[3])


@numba.cfunc(NUMBA_TYPE)
def in_numba(user, state, now_ns, vcpu, reason, req_exit):
    record = numba.carray(state, 1)[0]
    wanted = np.int32(record.runnable) | np.int32(record.irq)
    plane = 2 if wanted & 4 else 0
    return 1 if wanted & 2 else plane if wanted else -1


FFI = cffi.FFI()


@FFI.callback(CFFI_TYPE)
def in_cffi(user, words, now_ns, vcpu, reason, req_exit):
    return best(words[1] | words[3])


in_ctypes = C_TYPE(in_c)

WRAPPINGS = {
    "numba": in_numba,
    "ctypes": in_ctypes,
    "cffi": in_cffi,
    "scipy": LowLevelCallable(in_ctypes),
    "made before": UserScheduler(in_numba),
}


def replayed(userspace):
    plane_map = PlaneMap.parse(["timer=level1", "0x26-0x27=level2"])
    [result] = planesched.replay(
        DEMO, POLICY, plane_map=plane_map, planes=3, service=20_000, userspace=userspace
    )
    return result.as_dict()


def simulated(userspace):
    sources = [Poisson(plane, "20 us", rate="20 kHz") for plane in range(3)]
    result = planesched.simulate(
        POLICY, 3, 4, Workload(sources), duration="10 ms", seed=5, userspace=userspace
    )
    return result.as_dict()


def engine(userspace):
    out = Engine(POLICY, 3, costs=COSTS, userspace=userspace)
    out.feed(make_jobs(*[(i * 90, i % 3, 100) for i in range(200)]))
    out.advance(10**6)
    return out.stats().as_dict()


DRIVERS = {"replay": replayed, "simulation": simulated, "engine": engine}


@pytest.fixture(scope="module")
def expected():
    found = {name: driver(in_python) for name, driver in DRIVERS.items()}
    for name, driver in DRIVERS.items():
        assert found[name] != driver(None), name
    return found


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_in_every_wrapping(driver, wrapping, expected):
    assert DRIVERS[driver](WRAPPINGS[wrapping]) == expected[driver]
