"""A scheduler of one's own in every wrapping does the same in replay, simulation and engine."""

import ctypes
from pathlib import Path

import cffi
import numpy as np
import pytest
from engine_by_hand import COSTS, make_jobs
from user_signatures import C_TYPE, CFFI_TYPE, numba_type

import planesched
from planesched import VM, Engine, Policy, Reason, UserScheduler, Workload, capi
from planesched.traces import PlaneMap
from planesched.workload import Poisson

pytestmark = pytest.mark.integration

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


def in_numba():
    import numba

    @numba.cfunc(numba_type())
    def in_numba(user, state, now_ns, vcpu, reason, req_exit):
        record = numba.carray(state, 1)[0]
        wanted = np.int32(record.runnable) | np.int32(record.irq)
        plane = 2 if wanted & 4 else 0
        return 1 if wanted & 2 else plane if wanted else -1

    return in_numba


def in_scipy(function=None):
    from scipy import LowLevelCallable

    return LowLevelCallable(function or in_ctypes)


FFI = cffi.FFI()


@FFI.callback(CFFI_TYPE)
def in_cffi(user, words, now_ns, vcpu, reason, req_exit):
    return best(words[1] | words[3])


in_ctypes = C_TYPE(in_c)

WRAPPINGS = {
    "numba": in_numba,
    "ctypes": lambda: in_ctypes,
    "cffi": lambda: in_cffi,
    "scipy": in_scipy,
    "made before": lambda: UserScheduler(in_numba()),
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
    assert DRIVERS[driver](WRAPPINGS[wrapping]()) == expected[driver]


def gone():
    """A vCPU of three planes that went to userspace when plane 0 called plane 1."""
    vcpu = VM("kvm_user", planes=3, vcpus=2).vcpus[1]
    return vcpu, vcpu.call(1)


@pytest.mark.parametrize(
    ("kind", "wrapping"),
    [("numba", in_numba), ("scipy", in_scipy), ("scipy", lambda: in_scipy(in_cffi))],
)
def test_what_it_is_and_answers(kind, wrapping):
    scheduler = UserScheduler(wrapping())
    assert scheduler.kind == kind
    assert kind in repr(scheduler)
    vcpu, exit_ = gone()
    outcome = scheduler.answer(vcpu, exit_.reason)
    assert (outcome.now, outcome.reason, vcpu.user) == (1, Reason.USER, False)
    assert vcpu.state["req_exit"] == 0b001  # the planes that outrank plane 1


def test_the_default_in_c_by_way_of_scipy():
    from scipy import LowLevelCallable

    words = capi.policy_words("kvm_user", planes=3)
    pointer = ctypes.c_void_p(words.ctypes.data)
    scheduler = UserScheduler(LowLevelCallable.from_cython(capi, "ps_api_scheduler", pointer))
    assert scheduler.kind == "scipy"
    for event in ("irq", "nmi", "intercept"):
        vcpu, exit_ = gone()
        other, _ = gone()
        assert vcpu.step(event, 2) == other.step(event, 2)
        assert scheduler.answer(vcpu, exit_.reason) == UserScheduler().answer(other)
        assert vcpu.state == other.state


def test_other_signatures_are_refused():
    import numba
    from numba import types

    short_c = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *args: 0)
    short_numba = numba.cfunc(types.int32(types.int32))(lambda x: x)
    for function in (in_scipy(short_c), short_numba):
        with pytest.raises(TypeError, match="of signature"):
            UserScheduler(function)
