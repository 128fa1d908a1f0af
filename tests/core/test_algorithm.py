"""Algorithms of one's own (rules, 3.7): who picks, what with, and mistakes that are named.

Longer than 300 lines by a few: one subject, with its wrappings and its mistakes.
"""

import copy
import ctypes
import pickle
import random

import cffi
import numpy as np
import pytest
from user_signatures import PICK_CFFI_TYPE, PICK_TYPE, pick_numba_type

from planesched import EVENT, VM, Algorithm, Event, Policy, capi, pick_many
from planesched.reference import Reference

TDX = Policy.preset("tdx", planes=4)
SIBLINGS = Policy(rank="siblings", marker=0, preempt="marker", call="handover")


def highest(state, base, pre, event):
    """Pick the plane with the highest number."""
    return (base | pre).bit_length() - 1


def by_turns(state, base, pre, event, memory):
    """Pick the planes in turn, whatever happens."""
    planes = [plane for plane in range(16) if (base | pre) >> plane & 1]
    memory["asked"] += 1
    return planes[int(memory["asked"]) % len(planes)]


MEMORY = np.zeros((), [("asked", "i8"), ("unused", "i4", 3)])
HIGHEST = Algorithm(highest, pure=True)
TURNS = Algorithm(by_turns, memory=MEMORY)


def some_events(n, vcpus=3, planes=4, seed=5):
    draw = np.random.default_rng(seed)
    events = np.zeros(n, EVENT)
    events["time_ns"] = np.arange(n) * 10
    events["vcpu"] = draw.integers(0, vcpus, n)
    kinds = [Event.RESCHED, Event.IRQ, Event.CALL, Event.RETURN, Event.START, Event.STOP]
    events["kind"] = draw.choice(kinds, n)
    named = ~np.isin(events["kind"], [Event.RESCHED, Event.RETURN])
    events["plane"][named] = draw.integers(0, planes, n)[named]
    return events


def runnable(policy, planes, current=0, vcpus=1):
    """A VM of which all planes are runnable."""
    vm = VM(policy, planes, vcpus)
    vm.state["runnable"] = (1 << planes) - 1
    vm.state["current"] = current
    return vm


# Worked out by hand from 3.7. Among siblings nobody but the marker outranks anyone.
@pytest.mark.parametrize(
    ("planes", "current", "event", "now"),
    [
        ([1, 2, 3], 1, "resched", 2),
        ([1, 2, 3], 3, "resched", 1),
        ([1, 3], 1, "resched", 3),
        ([1], 1, "resched", 1),
        ([1, 2, 3], 2, "mask", 2),  # no slice has ended
        ([0, 1, 2], 2, "mask", 0),  # the marker outranks it
        ([0, 1, 2], 2, "resched", 0),
        ([0, 1, 2], 0, "resched", 0),  # it alone is outranked by nobody
        ([1, 3], 2, "mask", 3),  # current cannot go on
        ([1], 2, "mask", 1),
    ],
)
def test_round_robin_by_hand(planes, current, event, now):
    vm = VM(SIBLINGS.replace(algorithm="round_robin"), 4, 1)
    vm.state["runnable"] = sum(1 << plane for plane in planes)
    vm.state["current"] = current
    out = vm.vcpus[0].step(event, *([1] if event == "mask" else []))
    assert out.now == now


def test_round_robin_where_all_have_their_rank_is_rank():
    plain, turns = VM("vsm", 4, 3), VM("vsm:algorithm=round_robin", 4, 3)
    events = some_events(3000)
    events["plane"][events["kind"] == Event.CALL] = 0
    assert plain.run(events).as_dict() == turns.run(events).as_dict()
    assert plain.state.tobytes() == turns.state.tobytes()


def test_rank_is_what_there_is_without_one():
    assert Policy().algorithm == "rank"
    assert Policy(algorithm="rank") == Policy()
    assert not Policy().has_algorithm
    assert "algorithm" not in repr(Policy())
    other = Policy.preset("vsm").replace(algorithm="round_robin")
    assert "algorithm='round_robin'" in repr(other)
    assert other.as_dict()["algorithm"] == "round_robin"


@pytest.mark.parametrize("algorithm", ["round_robin", HIGHEST, TURNS, highest])
def test_run_is_one_step_after_another(algorithm):
    """Looked up where it is pure, asked each time where not: the same as steps by hand."""
    policy = SIBLINGS.replace(algorithm=algorithm)
    events = some_events(4000)
    run, stepped = runnable(policy, 4, vcpus=3), runnable(policy, 4, vcpus=3)
    slow = [Reference(policy, 4) for _ in range(3)]
    for vcpu, model in enumerate(slow):
        model.state = run.state[vcpu]
    run.run(events)
    took_turns = 0
    for event in events:
        kind, vcpu = Event(event["kind"]), int(event["vcpu"])
        plane = None if kind in (Event.RESCHED, Event.RETURN) else int(event["plane"])
        out = stepped.vcpus[vcpu].step(kind, plane)
        model = slow[vcpu].step(kind, plane)
        assert tuple(out) == tuple(model)
        took_turns += out.was != out.now
    assert took_turns > 500
    assert run.state.tobytes() == stepped.state.tobytes()
    assert run.state.tobytes() == b"".join(model.state.tobytes() for model in slow)


def test_every_vcpu_and_every_copy_has_a_memory_of_its_own():
    vm = runnable(SIBLINGS.replace(algorithm=TURNS), 3, vcpus=2)
    assert [vm.vcpus[0].step("resched").now for _ in range(4)] == [1, 2, 0, 1]
    other, kept = copy.copy(vm), pickle.loads(pickle.dumps(vm))
    assert vm.vcpus[1].step("resched").now == 1
    for each in (vm, other, kept):
        assert each.vcpus[0].step("resched").now == 2


def test_what_it_is_asked():
    asked = []

    def pick(state, base, pre, event):
        asked.append((state.copy(), base, pre, event))
        return 0

    vm = VM(Policy.preset("kvm_planes", 3).replace(algorithm=pick, force_self="ignore"), 3, 1)
    vm.vcpus[0].step("irq", 1)
    vm.vcpus[0].step("start", 2)
    vm.vcpus[0].step("force", 0)
    states, *questions = zip(*asked, strict=True)
    assert list(zip(*questions, strict=True)) == [
        (0b001, 0, Event.IRQ), (0b101, 0, Event.START), (0b101, 0, Event.FORCE),
    ]  # fmt: skip
    assert states[0]["irq"] == 0b010


def test_it_may_pick_what_rank_would_not():
    vm = VM(Policy.preset("kvm_planes", 3).replace(algorithm=highest), 3, 1)
    assert vm.vcpus[0].step("start", 2).now == 2
    assert VM("kvm_planes", 3, 1).vcpus[0].step("start", 2).now == 0


@pytest.mark.parametrize("answer", [2, -1, 16, 10**6])
@pytest.mark.parametrize("c", [False, True])
def test_a_wrong_answer_is_named_and_nothing_is_stepped(answer, c):
    pick = PICK_TYPE(lambda *args: answer) if c else lambda *args: answer
    algorithm = Algorithm(pick, name="mine")
    vm = VM(Policy.preset("vsm", 3).replace(algorithm=algorithm), 3, 1)
    before = vm.state.tobytes()
    words = (
        rf"answer of algorithm mine={answer}, expected a plane of base=\[0\] or pre=\[1\], asked "
        r"at irq with current=0 online=0,1,2 runnable=0 irq=1"
    )
    with pytest.raises(ValueError, match=words):
        vm.vcpus[0].step("irq", 1)
    assert vm.state.tobytes() == before
    events = np.zeros(3, EVENT)
    events["kind"], events["plane"] = [Event.MASK, Event.IRQ, Event.IRQ], [2, 1, 1]
    with pytest.raises(ValueError, match="algorithm mine"):
        vm.run(events)


def test_with_controllers_too_nothing_is_stepped():
    policy = Policy.preset("vsm", 3).replace(algorithm=lambda *args: 2)
    vm = VM(policy, planes=3, vcpus=1, controller="lapic")
    with pytest.raises(ValueError, match=r"=2, expected a plane of base=\[0\] or pre=\[1\]"):
        vm.vcpus[0].irq(1, 0x31)
    assert vm.vcpus[0].chip(1).irr == ()
    assert vm.state["irq"] == 0
    events = np.zeros(1, EVENT)
    events["kind"], events["plane"], events["arg"] = Event.IRQ, 1, 0x31
    with pytest.raises(ValueError, match="expected a plane of base"):
        vm.run(events)


def test_a_pure_one_that_is_wrong_is_named_too():
    policy = Policy.preset("vsm", 3).replace(algorithm=Algorithm(lambda *args: 2, pure=True))
    events = np.zeros(50, EVENT)
    events["kind"], events["plane"] = Event.IRQ, 1
    with pytest.raises(ValueError, match=r"=2, expected a plane of base=\[0\] or pre=\[1\]"):
        VM(policy, 3, 1).run(events)


def test_what_a_callable_raises_comes_out():
    def pick(state, base, pre, event):
        raise KeyError("mine")

    vm = VM(Policy(algorithm=pick), 2, 1)
    with pytest.raises(KeyError, match="mine"):
        vm.vcpus[0].step("resched")
    with pytest.raises(TypeError, match=r"answer of algorithm .*='zero', expected a whole number"):
        VM(Policy(algorithm=lambda *args: "zero"), 2, 1).vcpus[0].step("resched")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("ronud_robin", ValueError, "did you mean round_robin"),
        (7, TypeError, "algorithm=7, expected rank or round_robin, an Algorithm, a callable"),
        (None, TypeError, "algorithm=None"),
    ],
)
def test_what_is_no_algorithm(given, error, words):
    with pytest.raises(error, match=words):
        Policy(algorithm=given)


def test_pure_and_memory_do_not_go_together():
    with pytest.raises(ValueError, match=r"memory=.*expected None, for one that is pure"):
        Algorithm(by_turns, memory=MEMORY, pure=True)
    with pytest.raises(TypeError, match="memory=4, expected an ndarray, for a Python callable"):
        Algorithm(by_turns, memory=4)
    with pytest.raises(TypeError, match=r"memory.dtype='object', expected one without objects"):
        Algorithm(by_turns, memory=np.array([None]))


def test_where_it_would_be_ignored_it_is_refused():
    policy = Policy(algorithm="round_robin")
    with pytest.raises(ValueError, match="algorithm='round_robin', expected rank, with scheduler"):
        Policy(algorithm="round_robin", scheduler="user")
    with pytest.raises(ValueError, match="expected rank: another one is not asked here"):
        capi.policy_words(policy)
    with pytest.raises(ValueError, match="expected rank: another one is not asked here"):
        pick_many(np.array([3], np.uint16), policy)


@pytest.mark.parametrize("name", ["algorithm", "userspace", "rank"])
def test_a_method_that_nobody_would_call_is_refused(name):
    with pytest.raises(ValueError, match=rf"Mine\.{name}: a method"):
        type("Mine", (Policy,), {name: lambda self, *args: 0})


def test_equal_and_told_apart():
    assert Algorithm(highest) == Algorithm(highest)
    assert Algorithm(highest) != Algorithm(highest, pure=True)
    assert Algorithm(by_turns, memory=MEMORY) == TURNS
    assert len({Policy(algorithm=highest), Policy(algorithm=highest), Policy()}) == 2
    assert Policy(algorithm=HIGHEST) == pickle.loads(pickle.dumps(Policy(algorithm=HIGHEST)))
    assert str(HIGHEST).endswith("test_algorithm.highest")
    assert "pure" in repr(HIGHEST)


# ---- The same in every wrapping ----

FFI = cffi.FFI()


def highest_in_c(memory, policy, state, base, pre, event):
    return (base | pre).bit_length() - 1


CTYPES = PICK_TYPE(highest_in_c)
CFFI = FFI.callback(PICK_CFFI_TYPE, highest_in_c)


def in_numba():
    import numba

    @numba.cfunc(pick_numba_type())
    def highest_in_numba(memory, policy, state, base, pre, event):
        plane, planes = -1, base | pre
        while planes:
            plane, planes = plane + 1, planes >> 1
        return plane

    return highest_in_numba


def in_scipy():
    from scipy import LowLevelCallable

    return LowLevelCallable(CTYPES)


@pytest.mark.parametrize(
    ("kind", "wrapping"),
    [
        ("ctypes", lambda: CTYPES),
        ("cffi", lambda: CFFI),
        pytest.param("numba", in_numba, marks=pytest.mark.integration),
        pytest.param("scipy", in_scipy, marks=pytest.mark.integration),
    ],
)
@pytest.mark.parametrize("pure", [False, True])
def test_every_wrapping(kind, wrapping, pure):
    algorithm = Algorithm(wrapping(), pure=pure)
    assert algorithm.kind == kind
    expected, found = (
        runnable(SIBLINGS.replace(algorithm=each), 4, vcpus=3) for each in (HIGHEST, algorithm)
    )
    events = some_events(2000)
    assert expected.run(events).as_dict() == found.run(events).as_dict()
    assert expected.state.tobytes() == found.state.tobytes()


def test_other_signatures_are_refused():
    short = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda memory: 0)
    with pytest.raises(TypeError, match=r"of signature .* expected int"):
        VM(Policy(algorithm=short), 2, 1)


def test_memory_of_a_c_function():
    """A copy for each vCPU of an array; an address as it is."""

    def count(memory, policy, state, base, pre, event):
        words = ctypes.cast(memory, ctypes.POINTER(ctypes.c_int64))
        words[0] += 1
        planes = [plane for plane in range(16) if (base | pre) >> plane & 1]
        return planes[words[0] % len(planes)]

    count = PICK_TYPE(count)
    shared = np.zeros(1, np.int64)
    own = Algorithm(count, memory=shared)
    theirs = Algorithm(count, memory=shared.ctypes.data)
    draw = random.Random(3)
    order = [draw.randrange(2) for _ in range(20)]
    for algorithm, seen in ((own, [0, 0]), (theirs, None)):
        vm = runnable(SIBLINGS.replace(algorithm=algorithm), 3, vcpus=2)
        for total, vcpu in enumerate(order, 1):
            if seen is not None:
                seen[vcpu] += 1
            turn = total if seen is None else seen[vcpu]
            assert vm.vcpus[vcpu].step("resched").now == turn % 3
    assert shared[0] == len(order)
