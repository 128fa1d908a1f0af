"""The controllers of the core and of the slow model are led through the same random lives."""

import random
from collections import Counter

import numpy as np
import pytest

from planesched import EVENT, VM, Algorithm, Event, Flags, Policy, presets
from planesched.events import ChipEvent, Notes, takes_plane
from planesched.irqchip import Controller
from planesched.reference_irqchip import ReferenceChip

VECTORS = (5, 0x21, 0x31, 0x35, 0x42, 0x51, 0xF3)
EVENTS = [e for e in Event if e not in (Event.MASK, Event.UNMASK)]
OFTEN = [Event.IRQ] * 8 + [ChipEvent.EOI] * 6 + [ChipEvent.TPR] * 3 + list(ChipEvent) * 2
OFTEN += [Event.NMI, Event.HALT, Event.CALL, Event.RETURN, Event.STI, Event.CLI, Event.ENTER] * 2


def by_lot(state, base, pre, event, memory):
    """Draw one of the planes that could run."""
    memory[0] = (memory[0] * 69069 + 1) % 2**31
    planes = [plane for plane in range(16) if (base | pre) >> plane & 1]
    return planes[(int(memory[0]) >> 12) % len(planes)]


WITH_VECTOR = [
    Event.IRQ, ChipEvent.LINE_UP, ChipEvent.LINE_DOWN, ChipEvent.EMPTY, ChipEvent.EOM
]  # fmt: skip
ALGORITHMS = ["rank", "rank", "round_robin", Algorithm(by_lot, memory=np.array([3]))]


def controllers(rng):
    return Controller(
        mask_by=rng.choice(("ppr", "tpr")),
        nmi_blocked=rng.choice(("counts", "waits")),
        auto_eoi=rng.choice(((), (0x42,), (0x31, 0xF3))),
        vina_vector=rng.choice((0xF3, 0x35)),
        messages=rng.choice(((), (0x21, 0x31, 0x51))),
        rescan=rng.choice(("eom", "eoi")),
        disabled=rng.choice(("delivers", "holds")),
    )


def draw(rng, policy, planes):
    event = rng.choice(OFTEN if rng.random() < 0.8 else EVENTS)
    named = event in set(ChipEvent) or takes_plane(event, call_takes_plane=policy.hands_over)
    arg = None
    if event in WITH_VECTOR:
        arg = rng.choice(VECTORS)
    elif event == ChipEvent.TPR:
        arg = rng.randrange(256) if rng.random() < 0.5 else 0
    return int(event), rng.randrange(planes) if named else None, arg


def posted(out, event, plane, arg, vina):
    """What came in one step: (plane, vector) of each posting."""
    if out.fault:
        return
    waits = out.notes & Notes.QUEUED
    if (event == Event.IRQ and not waits) or out.notes & Notes.REPOSTED:
        yield plane, out.ended or arg
    if out.flags & Flags.VINA:
        yield out.now, vina


@pytest.mark.parametrize("preset", sorted(presets()))
def test_both_models_agree_and_every_vector_is_conserved(preset):
    rng = random.Random(preset)
    for _ in range(12):
        planes, setup = rng.randint(2, 4), controllers(rng)
        policy = Policy.preset(preset, planes)
        if policy.scheduler.name == "kernel":
            policy = policy.replace(algorithm=rng.choice(ALGORITHMS))
        vm = VM(policy, planes=planes, vcpus=1, controller=setup)
        fast, slow = vm.vcpus[0], ReferenceChip(policy, planes, setup)
        tally = Counter()
        for _ in range(200):
            event, plane, arg = draw(rng, policy, planes)
            before = {(p, v) for p in range(planes) for v in fast.chip(p).irr}
            found = fast.step(event, plane, arg)
            expected = slow.step(event, plane, arg or 0)
            assert (*found, found.vector, found.ended, found.notes) == tuple(expected)
            assert fast.state == slow.vcpu.state
            assert all(fast.chip(p) == slow.chip(p) for p in range(planes))
            after = {(p, v) for p in range(planes) for v in fast.chip(p).irr}
            tally.update(posted(found, event, plane, arg, setup.vina_vector))
            tally.subtract(gone(found, event, plane, arg, setup.vina_vector, before, after))
            assert tally == Counter(after), (event, plane, arg, found)
            tally = +tally


def gone(out, event, plane, arg, vina, before, after):
    """What became of postings in one step: injected, coalesced or dropped."""
    lost = []
    if out.vector:
        lost.append((out.now, out.vector))
    waits = out.notes & Notes.QUEUED
    if out.flags & Flags.COALESCED and not waits and event not in (Event.NMI, Event.INTERCEPT):
        lost.append((plane, out.ended or arg))
    if out.notes & Notes.DROPPED:
        lost.append((plane, out.ended or arg))
    if out.notes & (Notes.VINA_DROPPED | Notes.VINA_PENDING):
        lost.append((out.now, vina))
    if event in RESETS and not out.fault:
        lost += [at for at in before if at[0] == plane]
    return lost


RESETS = {number for name, number in Event.__members__.items() if name in ("DISABLE", "INIT")}


@pytest.mark.parametrize("preset", ["vsm", "kvm_planes", "kvm_user"])
def test_run_does_what_steps_do_and_its_figures_balance(preset):
    rng = random.Random(preset)
    for _ in range(10):
        planes, setup = rng.randint(1, 4), controllers(rng)
        policy = Policy.preset(preset, planes)
        made = {"planes": planes, "vcpus": 2, "policy": policy, "controller": setup}
        one, other = VM(**made), VM(**made)
        records = np.zeros(400, EVENT)
        taken = Counter()
        for number, record in enumerate(records):
            event, plane, arg = draw(rng, policy, planes)
            vcpu = rng.randrange(2)
            record["time_ns"], record["vcpu"], record["kind"] = 10 * number, vcpu, event
            record["plane"], record["arg"] = plane or 0, arg or 0
            out = one.vcpus[vcpu].step(event, plane, arg)
            taken[out.now] += bool(out.vector)
        half = len(records) // 2
        stats = [other.run(part) for part in (records[:half], records[half:])]
        assert (one.state == other.state).all()
        for vcpu in range(2):
            for plane in range(planes):
                assert one.vcpus[vcpu].chip(plane) == other.vcpus[vcpu].chip(plane)
        injected = sum(part.injected for part in stats)
        assert list(injected) == [taken[plane] for plane in range(planes)]
        for part in stats:
            assert not part.balance(0).any()
            assert not part.balance(1).any()


def test_latency_is_that_of_the_vector():
    """The second of two pending vectors waited from its own posting."""
    vm = VM("vsm", planes=1, controller="lapic")
    records = np.zeros(6, EVENT)
    records["time_ns"] = [0, 100, 150, 200, 300, 400]
    records["kind"] = [Event.CLI, Event.IRQ, Event.IRQ, Event.STI, ChipEvent.EOI, ChipEvent.EOI]
    records["arg"] = [0, 0x31, 0x51, 0, 0, 0]
    stats = vm.run(records)
    assert stats.injected[0] == 2
    assert (stats.latency[0].min_ns, stats.latency[0].max_ns) == (50, 200)


@pytest.mark.parametrize(
    ("kind", "plane", "arg", "said"),
    [
        (Event.IRQ, 0, 256, r"events\[0\].arg=256"),
        (Event.MASK, 0, 0, r"events\[0\].kind=4"),
        (41, 0, 0, r"events\[0\].kind=41"),
        (ChipEvent.EOI, 2, 0, "plane=2, expected a plane below planes=2 for eoi"),
    ],
)
def test_mistakes_in_records(kind, plane, arg, said):
    record = np.array([(0, 0, kind, plane, arg)], EVENT)
    with pytest.raises(ValueError, match=said):
        VM(planes=2, controller="lapic").run(record)


def test_mistakes_of_a_caller():
    vcpu = VM(planes=2, controller="lapic").vcpus[0]
    for args, said in [
        (("irq", 0), "vector=None, expected a whole number in 0..255"),
        (("irq", 0, 256), "vector=256"),
        (("tpr", 0), "value=None"),
        (("eoi", 0, 1), "arg=1, expected None: eoi takes no vector"),
        (("mask", 0), "event='mask', expected tpr"),
        (("eoi",), "plane=None"),
        (("eoi", 2), "plane=2"),
        (("eio", 0), "event='eio'"),
        ((41, 0), "event=41"),
        (("eom", 0), "vector=None"),
    ]:
        with pytest.raises(ValueError, match=said):
            vcpu.step(*args)
    vcpu.state["irq"] = 1
    with pytest.raises(ValueError, match="as the controllers give them"):
        vcpu.resched()
    plain = VM(planes=2).vcpus[0]
    with pytest.raises(ValueError, match="no controllers"):
        plain.irq(0, 0x31)
    with pytest.raises(ValueError, match="the VM has none"):
        plain.chip(0)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mask_by": "cr8"}, "mask_by='cr8'"),
        ({"nmi_blocked": ""}, "nmi_blocked=''"),
        ({"rescan": "exit"}, "rescan='exit', expected one of eom, eoi"),
        ({"disabled": "off"}, "disabled='off', expected one of delivers, holds"),
        ({"messages": range(32, 41)}, "messages=.*, expected at most 8 of a plane"),
        ({"messages": (5,)}, "messages=5, expected a whole number in 16..255"),
        ({"messages": (0xF3,)}, "messages=243, expected another than the VINA vector"),
        ({"messages": {0: 0x31}}, "messages=49, expected vectors"),
        ({"auto_eoi": True}, "auto_eoi=True, expected vectors"),
        ({"auto_eoi": "all"}, "auto_eoi='all', expected vectors"),
        ({"auto_eoi": (3,)}, "auto_eoi=3, expected a whole number in 16..255"),
        ({"vina_vector": {16: 0x20}}, "vina_vector=16, expected a plane in 0..15"),
    ],
)
def test_mistakes_in_a_controller(fields, said):
    with pytest.raises(ValueError, match=said):
        Controller(**fields)


@pytest.mark.parametrize(("rescan", "comes"), [("eom", 0), ("eoi", 0x31)])
def test_a_message_waits_for_its_slot(rescan, comes):
    vcpu = VM("vsm", controller=Controller(messages=(0x31,), rescan=rescan)).vcpus[0]
    assert vcpu.irq(0, 0x31).vector == 0x31
    again = [vcpu.irq(0, 0x31) for _ in range(2)]
    assert [bool(out.flags & Flags.COALESCED) for out in again] == [False, True]
    assert {out.notes for out in again} == {Notes.QUEUED}
    assert (vcpu.chip(0).slots, vcpu.chip(0).queued) == ((0x31,), (0x31,))
    assert vcpu.step("eom", 0, 0x31).vector == 0  # the slot is still full
    vcpu.step("empty", 0, 0x31)
    assert vcpu.eoi(0).vector == comes
    assert vcpu.step("eom", 0, 0x31).vector == 0x31 - comes
    assert (vcpu.chip(0).slots, vcpu.chip(0).queued) == ((0x31,), ())


def test_a_copy_is_a_vm_of_its_own():
    vm = VM(planes=2, controller=Controller(auto_eoi=(0x42,)))
    vm.vcpus[0].irq(1, 0x51)
    copy = vm.__copy__()
    assert copy.controller == vm.controller
    assert copy.vcpus[0].chip(1) == vm.vcpus[0].chip(1)
    copy.vcpus[0].eoi(1)
    assert (vm.vcpus[0].chip(1).isr, copy.vcpus[0].chip(1).isr) == ((0x51,), ())
