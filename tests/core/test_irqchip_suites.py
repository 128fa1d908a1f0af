"""What suites of others assert of every vector: kvm-unit-tests' vmx_basic_vid_test and more.

The rest of their statements are cases, in tests/data/conformance/vector-suites.toml.
"""

from collections import Counter

import numpy as np
import pytest

from planesched import EVENT, VM, Event
from planesched.irqchip import ChipEvent, Controller
from planesched.reference_irqchip import ReferenceChip

VECTORS = range(0x21, 0x100)


@pytest.mark.parametrize("by_write", [False, True])
def test_every_vector_with_every_tpr(by_write):
    """The handler runs once iff the class is above that of TPR; else the vector stays (RVI)."""
    acts = np.zeros((len(VECTORS), 4), EVENT)
    acts["vcpu"] = np.arange(len(VECTORS))[:, np.newaxis]
    acts["kind"] = [ChipEvent.TPR, Event.IRQ, ChipEvent.TPR, Event.RESCHED]
    acts["arg"][:, 1] = VECTORS
    for tpr in range(256):
        vm = VM("vsm", planes=1, vcpus=len(VECTORS), controller="lapic")
        acts["arg"][:, 0] = 0xFF if by_write else tpr
        acts["arg"][:, 2] = tpr
        stats = vm.run(acts.reshape(-1))
        taken = [vector for vector in VECTORS if vector >> 4 > tpr >> 4]
        assert stats.injected[0] == len(taken)
        assert int(np.count_nonzero(vm.state["irq"])) == len(VECTORS) - len(taken)
        shown = vm.vcpus[0].chip(0), vm.vcpus[-1].chip(0)
        assert [bool(chip.isr) for chip in shown] == [0x21 in taken, 0xFF in taken]
        assert [bool(chip.irr) for chip in shown] == [0x21 not in taken, 0xFF not in taken]


def pair(vcpu, low, high):
    """Have both pend, then end what is taken; give the vectors in the order taken."""
    for act in (("cli", 0), ("irq", 0, low), ("irq", 0, high)):
        assert vcpu.step(*act).vector == 0
    return [vcpu.step(*act).vector for act in (("sti", 0), ("eoi", 0), ("eoi", 0))]


def test_every_pair_runs_the_higher_first():
    vcpu, slow = VM("vsm", planes=1, controller="lapic").vcpus[0], ReferenceChip("vsm", 1)
    for low in VECTORS:
        for high in range(low + 1, 0x100):
            assert pair(vcpu, low, high) == [high, low, 0]
            if (low * high) % 41 == 0:
                assert pair(slow, low, high) == [high, low, 0]
    assert vcpu.chip(0).irr == vcpu.chip(0).isr == ()


@pytest.mark.parametrize("make", [lambda c: VM("vsm", planes=1, controller=c).vcpus[0],
                                  lambda c: ReferenceChip("vsm", 1, c)])  # fmt: skip
def test_each_of_sixteen_sints_gives_one_interrupt(make):
    """hyperv_synic.c: half of them with auto-EOI, which leave nothing in service."""
    sints = range(0x60, 0x70)
    vcpu = make(Controller(auto_eoi=sints[::2]))
    taken = Counter()
    for vector in sints:
        taken[vcpu.step("irq", 0, vector).vector] += 1
        ended = vcpu.step("eoi", 0).ended
        assert ended == (vector if vector % 2 else 0)
    assert taken == Counter(sints)


def test_in_service_are_at_most_fifteen_deep():
    """One a class, each above the one before."""
    vcpu = VM("vsm", planes=1, controller="lapic").vcpus[0]
    nested = [vcpu.irq(0, cls << 4 | 3).vector for cls in range(1, 16)]
    assert vcpu.chip(0).isr == tuple(nested) == tuple(range(0x13, 0x100, 0x10))
    assert vcpu.irq(0, 0xFF).vector == 0
    assert [vcpu.eoi(0).ended for _ in nested] == [0xF3, 0xFF, *nested[-2:0:-1]]
