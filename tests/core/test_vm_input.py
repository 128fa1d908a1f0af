"""What a VM and its vCPUs refuse, and how they say so; arrays are read however they lie."""

import numpy as np
import pytest

from planesched import EVENT, OUTCOME, STATE, VCPU, VM


def some_events(n=6):
    out = np.zeros(n, dtype=EVENT)
    out["time_ns"], out["kind"], out["plane"] = range(n), 1, np.arange(n) % 2
    return out


def laid_out(events):
    """The same events with others between them, off their alignment, and not to be written."""
    between = np.zeros(2 * len(events), dtype=EVENT)
    between[::2] = events
    memory = np.zeros(events.nbytes + 1, dtype=np.uint8)
    memory[1:] = events.view(np.uint8)
    fixed = events.copy()
    fixed.flags.writeable = False
    return [between[::2], events[::-1].copy()[::-1], memory[1:].view(EVENT), fixed]


@pytest.mark.parametrize("number", range(4))
def test_events_are_read_however_they_lie(number):
    events = some_events()
    plain, other = VM(2, 2, "vsm"), VM(2, 2, "vsm")
    expected = plain.run(events)
    assert other.run(laid_out(events)[number]).as_dict() == expected.as_dict()
    assert expected.events == 6
    assert other.state.tobytes() == plain.state.tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((2.5,), TypeError, "planes=2.5 is not a whole number"),
        ((17,), ValueError, "planes=17 exceeds MAX_PLANES=16"),
        ((2, 2.0), TypeError, "vcpus=2.0 is not a whole number"),
        ((2, True), TypeError, "vcpus=True is not a whole number"),
        ((2, 0), ValueError, r"vcpus=0 is not in 1\.\.4294967295"),
        ((2, 1, 3), TypeError, "policy=3 is neither a Policy nor the name of a preset"),
        ((2, 1, "vsm", [0, 2]), ValueError, r"online holds 2, which is not a plane in 0\.\.1"),
        ((2, 1, "vsm", [0, 0.5]), TypeError, "online=0.5 is not a plane id"),
        ((2, 1, "vsm", ["a"]), TypeError, "online='a' is not a plane id"),
        ((2, 1, "vsm", [1]), ValueError, "does not hold the boot plane 0"),
    ],
)
def test_no_such_vm(arguments, error, words):
    with pytest.raises(error, match=words):
        VM(*arguments)


@pytest.mark.parametrize(
    ("index", "error", "words"),
    [
        (2, IndexError, r"vcpu=2 is not in 0\.\.1"),
        (-3, IndexError, r"vcpu=-3 is not in 0\.\.1"),
        (1.0, TypeError, "vcpu=1.0 is not a whole number"),
        ("1", TypeError, "vcpu='1' is not a whole number"),
    ],
)
def test_no_such_vcpu(index, error, words):
    vm = VM(2, 2, "vsm")
    for make in (lambda: vm.vcpus[index], lambda: VCPU(vm, index)):
        with pytest.raises(error, match=words):
            make()
    assert vm.vcpus[-1].index == vm.vcpus[np.uint8(1)].index == 1


@pytest.mark.parametrize(
    ("event", "plane", "error", "words"),
    [
        ("irq", 2, ValueError, r"plane=2 is not in 0\.\.1"),
        ("irq", -1, ValueError, r"plane=-1 is not in 0\.\.1"),
        ("irq", 2**70, ValueError, r"plane=1180591620717411303424 is not in 0\.\.1"),
        ("irq", np.int64(5), ValueError, r"plane=5 is not in 0\.\.1"),
        ("irq", None, ValueError, "plane is missing: irq needs one"),
        ("irq", 1.0, TypeError, "plane=1.0 is not a plane id"),
        ("irq", True, TypeError, "plane=True is not a plane id"),
        ("irq", "1", TypeError, "plane='1' is not a plane id"),
        ("halt", 1, ValueError, "plane=1, but halt takes none here"),
        ("IRQ", 1, ValueError, "event='IRQ' is none of resched, irq, nmi"),
        (23, None, ValueError, r"event=23 is not in 0\.\.22"),
        (-1, None, ValueError, r"event=-1 is not in 0\.\.22"),
        (1.0, 1, TypeError, "event=1.0 is neither a name nor a number"),
        (None, None, TypeError, "event=None is neither a name nor a number"),
    ],
)
def test_no_such_event(event, plane, error, words):
    vm = VM(2, 1, "vsm")
    before = vm.state.copy()
    with pytest.raises(error, match=words):
        vm.vcpus[0].step(event, plane)
    assert vm.state.tobytes() == before.tobytes()
    assert vm.vcpus[0].step(np.uint8(1), np.uint8(1)).now == 1


@pytest.mark.parametrize(
    ("events", "log", "error", "words"),
    [
        ([], None, TypeError, "events is a list, expected an ndarray of dtype EVENT"),
        (np.zeros(2, STATE), None, TypeError, "events is an ndarray of dtype .*, expected"),
        (np.zeros(2, EVENT.newbyteorder(">")), None, TypeError, "expected an ndarray of dtype EV"),
        (np.zeros((2, 2), EVENT), None, ValueError, "events has 2 dimensions, expected 1"),
        (some_events()[::-1], None, ValueError, r"events\[1\]: time_ns=4 is before 5"),
        (some_events(), np.zeros(8, EVENT), TypeError, "log is an ndarray of .* dtype OUTCOME"),
        (some_events(), np.zeros(8, OUTCOME)[::2], ValueError, "log is not a contiguous array"),
    ],
)
def test_no_such_events(events, log, error, words):
    vm = VM(2, 2, "vsm")
    before = vm.state.copy()
    with pytest.raises(error, match=words):
        vm.run(events, log)
    assert vm.state.tobytes() == before.tobytes()
    assert vm.now_ns is None
    assert vm.run(some_events()).events == 6


def test_a_state_that_no_vcpu_has():
    vm = VM(2, 2, "vsm")
    vm.vcpus[1].state["current"] = 7
    for act in (lambda: vm.run(some_events()), lambda: vm.vcpus[1].step("irq", 1)):
        with pytest.raises(ValueError, match="state"):
            act()
    with pytest.raises(ValueError, match="shape"):
        vm.state = np.zeros(3, STATE)
