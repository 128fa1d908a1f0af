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
    plain, other = VM("vsm", 2, 2), VM("vsm", 2, 2)
    expected = plain.run(events)
    assert other.run(laid_out(events)[number]).as_dict() == expected.as_dict()
    assert expected.events == 6
    assert other.state.tobytes() == plain.state.tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("vsm", 2.5), TypeError, "planes=2.5, expected a whole number"),
        (("vsm", 17), ValueError, r"planes=17, expected a whole number in 1\.\.16"),
        (("vsm", 2, 2.0), TypeError, "vcpus=2.0, expected a whole number"),
        (("vsm", 2, True), TypeError, "vcpus=True, expected a whole number"),
        (("vsm", 2, 0), ValueError, r"vcpus=0, expected a whole number in 1\.\.2\*\*32 - 1"),
        ((3,), TypeError, "policy=3, expected a Policy"),
        (("vsm", 2, 1, [0, 2]), ValueError, r"online=2, expected a plane in 0\.\.1"),
        (("vsm", 2, 1, [0, 0.5]), TypeError, "online=0.5, expected a plane"),
        (("vsm", 2, 1, ["a"]), TypeError, "online='a', expected a plane"),
        (("vsm", 2, 1, [1]), ValueError, r"online=\[1\], expected the boot plane 0 in it"),
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
        (1.0, TypeError, "vcpu=1.0, expected a whole number"),
        ("1", TypeError, "vcpu='1', expected a whole number"),
    ],
)
def test_no_such_vcpu(index, error, words):
    vm = VM("vsm", 2, 2)
    for make in (lambda: vm.vcpus[index], lambda: VCPU(vm, index)):
        with pytest.raises(error, match=words):
            make()
    assert vm.vcpus[-1].index == vm.vcpus[np.uint8(1)].index == 1


@pytest.mark.parametrize(
    ("event", "plane", "error", "words"),
    [
        ("irq", 2, ValueError, r"plane=2, expected a plane in 0\.\.1"),
        ("irq", -1, ValueError, r"plane=-1, expected a plane in 0\.\.1"),
        ("irq", 2**70, ValueError, r"plane=1180591620717411303424, expected a plane in 0\.\.1"),
        ("irq", np.int64(5), ValueError, r"plane=5, expected a plane in 0\.\.1"),
        ("irq", None, ValueError, "plane=None, expected a plane in .*irq needs one"),
        ("irq", 1.0, TypeError, "plane=1.0, expected a plane"),
        ("irq", True, TypeError, "plane=True, expected a plane"),
        ("irq", "1", TypeError, "plane='1', expected a plane"),
        ("halt", 1, ValueError, "plane=1, expected None: halt takes no plane here"),
        ("IRQ", 1, ValueError, "event='IRQ', expected one of resched, irq, nmi.* did you mean irq"),
        (24, None, ValueError, r"event=24, expected a name or a number"),
        (-1, None, ValueError, r"event=-1, expected a name or a number"),
        (1.0, 1, TypeError, "event=1.0, expected a name or a number"),
        (None, None, TypeError, "event=None, expected a name or a number"),
    ],
)
def test_no_such_event(event, plane, error, words):
    vm = VM("vsm", 2, 1)
    before = vm.state.copy()
    with pytest.raises(error, match=words):
        vm.vcpus[0].step(event, plane)
    assert vm.state.tobytes() == before.tobytes()
    assert vm.vcpus[0].step(np.uint8(1), np.uint8(1)).now == 1


@pytest.mark.parametrize(
    ("events", "log", "error", "words"),
    [
        ([], None, TypeError, "events: a list, expected an ndarray of dtype EVENT"),
        (np.zeros(2, STATE), None, TypeError, "events: an ndarray of dtype .*, expected"),
        (np.zeros(2, EVENT.newbyteorder(">")), None, TypeError, "expected an ndarray of dtype EV"),
        (np.zeros((2, 2), EVENT), None, ValueError, "events: 2 dimensions, expected one"),
        (some_events()[::-1], None, ValueError, r"events\[1\]\.time_ns=4, expected 5 or later"),
        (some_events(), np.zeros(8, EVENT), TypeError, "log: an ndarray of .* dtype OUTCOME"),
        (some_events(), np.zeros(8, OUTCOME)[::2], ValueError, "expected a contiguous array"),
    ],
)
def test_no_such_events(events, log, error, words):
    vm = VM("vsm", 2, 2)
    before = vm.state.copy()
    with pytest.raises(error, match=words):
        vm.run(events, log)
    assert vm.state.tobytes() == before.tobytes()
    assert vm.now_ns is None
    assert vm.run(some_events()).events == 6


def test_a_state_that_no_vcpu_has():
    vm = VM("vsm", 2, 2)
    vm.vcpus[1].state["current"] = 7
    vcpu = vm.vcpus[1]
    for act in (
        lambda: vm.run(some_events()), lambda: vcpu.step("irq", 1), vcpu.default_pick, vcpu.answer,
        lambda: vcpu.answer(1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="state"):
            act()
    with pytest.raises(ValueError, match="shape"):
        vm.state = np.zeros(3, STATE)


def test_a_vm_is_made_once_and_its_vcpus_are_never_without():
    with pytest.raises(TypeError, match="once"):
        VM().__init__()
    with pytest.raises(TypeError):
        VCPU.__new__(VCPU)
    with pytest.raises(IndexError):
        VM.__new__(VM).vcpus[0]
