"""Userspace schedulers from everywhere: the same answers, and mistakes that are named."""

import ctypes
import pickle

import cffi
import numpy as np
import pytest
from user_signatures import C_ARGUMENTS, C_TYPE, CFFI_TYPE

from planesched import VM, Reason, UserScheduler, capi

FFI = cffi.FFI()


def gone():
    """A vCPU of three planes that went to userspace when plane 0 called plane 1."""
    vcpu = VM("kvm_user", planes=3, vcpus=2).vcpus[1]
    return vcpu, vcpu.call(1)


def of_two(user, state, now_ns, vcpu, reason, req_exit):
    return 2


C_TWO = C_TYPE(of_two)
CFFI_TWO = FFI.callback(CFFI_TYPE, of_two)


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("python", lambda state, now_ns, vcpu, reason: 2),
        ("ctypes", C_TWO),
        ("cffi", CFFI_TWO),
    ],
)
def test_every_wrapping(kind, function):
    scheduler = UserScheduler(function)
    assert scheduler.kind == kind
    assert kind in repr(scheduler)
    vcpu, exit_ = gone()
    outcome = scheduler.answer(vcpu, exit_.reason)
    assert (outcome.now, outcome.reason, vcpu.user) == (2, Reason.USER, False)
    assert vcpu.state["req_exit"] == 0b011  # the planes that outrank plane 2


def test_the_default_in_c_gets_its_policy():
    words = capi.policy_words("kvm_user", planes=3)
    capsule = capi.__pyx_capi__["ps_api_scheduler"]
    ways = [
        UserScheduler(capsule, user=words),
        UserScheduler(capsule, user=words.ctypes.data),
    ]
    assert [way.kind for way in ways] == ["capsule", "capsule"]
    for scheduler in ways:
        for event in ("irq", "nmi", "intercept"):
            vcpu, exit_ = gone()
            other, _ = gone()
            assert vcpu.step(event, 2) == other.step(event, 2)
            assert scheduler.answer(vcpu, exit_.reason) == UserScheduler().answer(other)
            assert vcpu.state == other.state


def test_the_default_is_that_of_the_core():
    vcpu, exit_ = gone()
    other, _ = gone()
    assert UserScheduler().answer(vcpu, exit_.reason) == other.answer()
    assert vcpu.state == other.state


def test_what_a_callable_is_told_and_may_say():
    told = []

    def scheduler(state, now_ns, vcpu, reason):
        told.append((int(state["runnable"]), now_ns, vcpu, reason))
        state["runnable"] = 0  # a copy
        return 1, 0b100

    vcpu, exit_ = gone()
    UserScheduler(scheduler).answer(vcpu, exit_.reason, now_ns=77)
    assert told == [(0b010, 77, 1, Reason.CALL)]
    assert vcpu.current == 1
    assert vcpu.state["runnable"] == 0b010
    assert vcpu.state["req_exit"] == 0b100


def test_c_functions_ask_for_events_too():
    @C_TYPE
    def function(user, state, now_ns, vcpu, reason, req_exit):
        assert req_exit[0] == -1
        req_exit[0] = 0b101
        return 1

    vcpu, _ = gone()
    UserScheduler(function).answer(vcpu)
    assert vcpu.state["req_exit"] == 0b101


def test_to_wait():
    for function in (lambda *args: None, C_TYPE(lambda *args: -1)):
        vcpu, _ = gone()
        before = vcpu.state.tobytes()
        assert UserScheduler(function).answer(vcpu) is None
        assert vcpu.state.tobytes() == before


def raises(*args):
    raise KeyError("lost")


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (raises, KeyError, "lost"),
        (lambda *args: 16, ValueError, r"plane=16, expected a plane in 0\.\.15"),
        (lambda *args: "1", TypeError, "scheduler's plane='1', expected a plane"),
        (lambda *args: 1.5, TypeError, "scheduler's plane=1.5, expected a plane"),
        (lambda *args: True, TypeError, "scheduler's plane=True, expected a plane"),
        (
            lambda *args: (1, 2, 3),
            TypeError,
            "answer=.1, 2, 3., expected a plane, .plane, req_exit",
        ),
        (lambda *args: (1, 0.5), TypeError, "scheduler's req_exit=0.5, expected a whole number"),
        (
            lambda *args: (1, 1 << 16),
            ValueError,
            r"req_exit=65536, expected a whole number in 0\.\.65535",
        ),
        (lambda *args: 3, ValueError, r"plane=3, expected a plane in 0\.\.2"),
        (C_TYPE(lambda *args: -2), ValueError, "scheduler's answer: no plane"),
        (C_TYPE(lambda *args: 16), ValueError, "scheduler's answer: no plane"),
    ],
)
def test_wrong_answers_change_nothing(function, error, words):
    vcpu, exit_ = gone()
    before = vcpu.state.tobytes()
    scheduler = UserScheduler(function)
    with pytest.raises(error, match=words):
        scheduler.answer(vcpu, exit_.reason)
    assert vcpu.state.tobytes() == before


SHORT_C = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *args: 0)
NARROW_C = ctypes.CFUNCTYPE(ctypes.c_int, *C_ARGUMENTS[:2], *[ctypes.c_int] * 4)(lambda *args: 0)


@pytest.mark.parametrize(
    "function",
    [
        SHORT_C,
        NARROW_C,
        FFI.callback("int(void *)", lambda user: 0),
        capi.__pyx_capi__["ps_api_step"],
        ctypes.CDLL(None).abs,
        7,
        "vsm",
    ],
)
def test_what_is_no_scheduler(function):
    with pytest.raises(TypeError, match=r"function[=:]"):
        UserScheduler(function)


def test_null_and_user_are_looked_at():
    with pytest.raises(TypeError, match="expected the address of a function, not 0"):
        UserScheduler(C_TYPE(0))
    with pytest.raises(TypeError, match="user=1, expected None"):
        UserScheduler(lambda *args: 0, user=1)
    with pytest.raises(TypeError, match="user='x', expected an address or an ndarray"):
        UserScheduler(C_TWO, user="x")


def test_only_in_userspace():
    vcpu = VM("kvm_user", planes=3, vcpus=1).vcpus[0]
    with pytest.raises(ValueError, match=r"plane 0 running.* expected one in userspace"):
        UserScheduler().answer(vcpu)


def module_level(state, now_ns, vcpu, reason):
    return 2


def test_pickling():
    assert pickle.loads(pickle.dumps(UserScheduler())).kind == "default"
    with pytest.raises(TypeError, match=r"a C function \(ctypes\) cannot be pickled"):
        pickle.dumps(UserScheduler(C_TWO))


def test_it_keeps_what_it_was_given():
    import gc

    def make():
        words = capi.policy_words("kvm_user", planes=3)
        return UserScheduler(capi.__pyx_capi__["ps_api_scheduler"], user=words)

    scheduler = make()
    gc.collect()
    np.ones(10_000)
    vcpu, exit_ = gone()
    assert scheduler.answer(vcpu, exit_.reason).now == 1
