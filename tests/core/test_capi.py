"""The C functions for others do what the classes do, and refuse what cannot be."""

import ctypes

import numpy as np
import pytest

from planesched import STATE, VM, Event, Policy, capi, presets

SIGNATURES = {
    "ps_api_step": (ctypes.c_int64, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int, ctypes.c_int),
    "ps_api_takes_plane": (ctypes.c_int, ctypes.c_size_t, ctypes.c_int),
    "ps_api_first": (ctypes.c_int, ctypes.c_size_t, ctypes.c_int, ctypes.c_int),
    "ps_api_default_pick": (ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t),
    "ps_api_requests": (ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int),
    "ps_api_boot": (ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int),
}


def function(name):
    capsule = capi.__pyx_capi__[name]
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    named = ctypes.pythonapi.PyCapsule_GetName
    named.restype, named.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return ctypes.CFUNCTYPE(*SIGNATURES[name])(address(capsule, named(capsule)))


step, takes_plane, first, default_pick, requests, boot = map(function, SIGNATURES)


def test_every_function_is_here():
    assert set(capi.__pyx_capi__) == {*SIGNATURES, "ps_api_scheduler"}


@pytest.mark.parametrize("name", sorted(presets()))
def test_the_same_as_the_class(name):
    rng = np.random.default_rng(5)
    planes = 4
    words = capi.policy_words(name, planes=planes)
    policy = words.ctypes.data
    vcpu = VM(name, planes=planes, vcpus=1).vcpus[0]
    state = np.zeros((), dtype=STATE)
    assert boot(policy, state.ctypes.data, 15) == 0
    for _ in range(500):
        assert state.tobytes() == vcpu.state.tobytes()
        pick = default_pick(policy, state.ctypes.data)
        assert pick == (-1 if vcpu.default_pick() is None else vcpu.default_pick())
        event, plane = Event(rng.integers(len(Event))), int(rng.integers(planes))
        if vcpu.user and pick >= 0:
            event, plane = Event.ENTER, pick
            asked = requests(policy, state.ctypes.data, pick)
            state["req_exit"] = vcpu.state["req_exit"] = asked
        named = plane if takes_plane(policy, event) else None
        packed = step(policy, state.ctypes.data, event, plane)
        assert capi.unpack(packed) == vcpu.step(event, named)


def test_first_is_by_rank():
    words = capi.policy_words(Policy(direction="highest_first", marker=1), planes=4)
    assert first(words.ctypes.data, 0, 0b1101) == 3
    assert first(words.ctypes.data, 0, 0b1111) == 1
    assert first(words.ctypes.data, 0, 0) == -1


def test_what_cannot_be_is_refused_and_changes_nothing():
    words = capi.policy_words("vsm", planes=2)
    policy = words.ctypes.data
    state = np.zeros((), dtype=STATE)
    at = state.ctypes.data
    assert boot(policy, at, 2) == -1  # without the boot plane
    assert boot(policy, at, 1 << 16 | 1) == -1
    assert state.tobytes() == bytes(32)
    assert boot(policy, at, 3) == 0
    before = state.tobytes()
    for event, plane in [(-1, 0), (len(Event), 0), (Event.IRQ, 16), (Event.IRQ, -1)]:
        assert step(policy, at, event, plane) == -1
    assert takes_plane(policy, 99) == -1
    assert requests(policy, at, 16) == -1
    assert first(policy, 1 << 16, 1) == first(policy, 0, 1 << 16) == -1
    assert state.tobytes() == before
    for field, value in [("current", -1), ("current", 16), ("status", 3)]:
        broken = np.frombuffer(before, dtype=STATE).copy()
        broken[field] = value
        assert step(policy, broken.ctypes.data, Event.RESCHED, 0) == -1
        assert default_pick(policy, broken.ctypes.data) == -1


def test_policy_words_of_what_is_none():
    with pytest.raises(ValueError, match=r"planes=17, expected .* in 1\.\.16"):
        capi.policy_words("vsm", planes=17)
    with pytest.raises(TypeError, match="policy=3, expected a Policy"):
        capi.policy_words(3)
    with pytest.raises(ValueError, match="marker"):
        capi.policy_words(Policy(marker=5), planes=2)
