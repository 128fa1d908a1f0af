"""Recorded reality: a real KVM's local APIC, act by act, in the slow model and in the core."""

import lzma
from itertools import pairwise

import pytest

from planesched import VM
from planesched.reference_irqchip import ReferenceChip


@pytest.fixture(scope="module")
def acts(root):
    """One tuple an act: name, argument, then taken, irr, isr, tpr and ppr; None begins a walk."""
    path = root / "tests/data/recorded/lapic-kvm61-svm.txt.xz"
    with lzma.open(path, "rt") as lines:
        return [None if line == "walk\n" else read(line.split()) for line in lines]


def read(words):
    keys = ("taken", "irr", "isr", "tpr", "ppr")
    at = [*(words.index(key, 2) for key in keys), len(words)]
    found = [tuple(map(int, words[i + 1 : j])) for i, j in pairwise(at)]
    return words[0], int(words[1]), *found


def reference():
    return ReferenceChip("vsm", planes=1)


def core():
    return VM("vsm", planes=1, vcpus=1, controller="lapic").vcpus[0]


def do(vcpu, act, arg):
    if act == "post":
        return vcpu.step("irq", 0, arg)
    return vcpu.step("tpr", 0, arg) if act == "tpr" else vcpu.step(act, 0)


@pytest.mark.parametrize("make", [pytest.param(reference, marks=pytest.mark.python), core])
def test_every_act_gives_what_was_recorded(acts, make):
    vcpu, walks, differ = None, 0, []
    for number, act in enumerate(acts, 1):
        if act is None:
            vcpu, walks = make(), walks + 1
            vcpu.step("cli", 0)
            continue
        name, arg, taken, irr, isr, (tpr,), (ppr,) = act
        outcome, chip = do(vcpu, name, arg), vcpu.chip(0)
        found = (((outcome.vector,) if outcome.vector else ()), chip.irr, chip.isr)
        if found != (taken, irr, isr) or (chip.tpr >> 4, chip.ppr >> 4) != (tpr >> 4, ppr >> 4):
            differ.append((number, act, chip))
    assert (walks, len(acts) - walks) == (300, 24_000)
    assert not differ
