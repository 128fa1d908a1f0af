"""The search with vectors: against a search over the slow model, and what it is asked."""

import pytest
from slow_chips import SlowChips

from planesched import VM, Controller, check, conformance, diff
from planesched.checking import ALPHABETS
from planesched.policytext import as_policy

PROPERTIES = (
    "priority", "wakeup", "work_conserving", "started", "delivery", "progress", "nothing_lost",
    "eoi_owed",
)  # fmt: skip
HOSTILE = ("irq", "safe_halt", "call", "return", "cli", "sti", "lock", "answer", "eoi")
BEHAVED = tuple(e for e in ALPHABETS["behaved"].events if e not in ("mask", "unmask"))
VINA = ("irq", "call", "return", "cli", "sti", "vina_on", "vina_clear", "eoi")
NMI = ("irq", "nmi", "call", "return", "eoi", "iret")
MESSAGES = ("irq", "call", "return", "empty", "eom", "eoi")

WORLDS = {
    "vsm": ("vsm", HOSTILE, ((), (0x31, 0x51)), "lapic"),
    "TPR": ("vsm", (*BEHAVED, "eoi", "tpr"), ((), (0x51,)), "lapic"),
    "by TPR": ("openhcl", ("irq", "return", "call", "tpr", "eoi"), ((), (0x31, 0x41)),
               "lapic:mask_by=tpr"),
    "one class": ("kvm_vsm", ("irq", "call", "return", "eoi"), ((0x31,), (0x51, 0x52)), "lapic"),
    "auto-EOI": ("vsm", HOSTILE, ((0x31, 0x32), ()), "lapic:auto_eoi=0x31+0x32"),
    "VINA": ("openhcl", VINA, ((0x31, 0xF3), (0xF3,)), "lapic:auto_eoi=0xf3"),
    "NMI": ("kvm_planes", NMI, ((), (0x31,)), "lapic"),
    "messages": ("vsm", MESSAGES, ((), (0x31, 0x51)), "lapic:messages=0x31"),
    "messages on KVM": ("vsm", MESSAGES, ((), (0x31,)), "lapic:messages=0x31,rescan=eoi"),
    "lines": ("snp", ("line_up", "line_down", "irq", "call", "return", "eoi"), ((), (0x31,)),
              "lapic"),
    "userspace": ("kvm_user", ("irq", "call", "return", "answer", "eoi"), ((0x31,), (0x51,)),
                  "lapic"),
    "no EOI": ("vsm", ("irq", "call", "return", "-eoi"), ((0x31, 0x33), (0x51,)), "lapic"),
    "software disable": ("vsm", ("irq", "return", "call", "apic_off", "apic_on", "eoi"),
                         ((), (0x51,)), "lapic"),
}  # fmt: skip
LARGE = {
    "vsm, two planes": ("vsm", HOSTILE, ((0x31,), (0x31, 0x51)), "lapic"),
    "kvm_vsm, TPR": ("kvm_vsm", (*BEHAVED, "eoi", "tpr"), ((0x31,), (0x51, 0x52)), "lapic"),
    "openhcl, by TPR": ("openhcl", (*HOSTILE, "tpr"), ((0x41,), (0x31,)), "lapic:mask_by=tpr"),
    "VINA behind PPR": ("vsm", VINA[:3] + VINA[5:], ((0x31, 0x41), (0x41, 0x51)),
                        "lapic:vina_vector=0x41"),
    "NMI on TDX": ("tdx", (*NMI, "init", "start"), ((0x31,), (0x31,)), "lapic:nmi_blocked=waits"),
    "by turns": ("kvm_planes:rank=siblings,algorithm=round_robin",
                 ("irq", "call", "return", "start", "eoi"), ((), (0x31,), (0x31,)), "lapic"),
    "locked": ("vsm_locked", HOSTILE, ((0x31,), (0x51,)), "lapic"),
}  # fmt: skip
NAMES = [*WORLDS, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in LARGE)]


@pytest.mark.parametrize("name", NAMES)
def test_against_the_slow_model(name, tmp_path):
    preset, events, vectors, controller = {**WORLDS, **LARGE}[name]
    policy = as_policy(preset, len(vectors))
    words = tuple(word for word in events if word[0] != "-")
    slow = SlowChips(policy, words, vectors, controller).run()
    report = check(
        policy, len(vectors), events=events, properties=PROPERTIES, threads=1,
        vectors=dict(enumerate(vectors)), tpr="tpr" in events, controller=controller,
    )  # fmt: skip
    coverage = report.coverage
    assert coverage.exhausted
    assert (coverage.states, coverage.transitions) == (slow.states, slow.transitions)
    assert coverage.depth == slow.depth
    found = {n: len(v.trace) for n, v in report.verdicts.items() if v.holds is False}
    found.pop("progress", None)
    assert report.verdicts["progress"].holds is ("progress" not in slow.broken)
    slow.broken.pop("progress", None)
    assert found == slow.broken
    for each in report.verdicts.values():
        if each.trace is not None:
            each.trace.save(tmp_path / "found.toml", each.name)
            for model in ("core", "reference"):
                told = conformance.conform([tmp_path / "found.toml"], model)
                assert told.n_steps == len(each.trace)
                assert told.differences == (), str(told)


def test_two_planes_with_two_vectors_are_searched_in_full():
    report = check("vsm", vectors="0x31,0x51", tpr=True)
    assert report.holds
    assert report.coverage.exhausted
    assert "eoi_owed" in report.verdicts
    assert "vectors 0x31,0x51, tpr (lapic)" in " ".join(str(report).split())
    assert report.as_dict()["vectors"] == {
        "named": [[0x31, 0x51]] * 2, "tpr": [[0, 0x30, 0x50]] * 2, "controllers": ["lapic"] * 2
    }  # fmt: skip


def test_vectors_by_plane_are_read_as_text():
    asked = {"events": "irq, return", "threads": 1}
    report = check("vsm", vectors="0x31, 1:0x51", **asked)
    assert report.chips.vectors == ((0x31,), (0x31, 0x51))
    again = check("vsm", vectors={0: [0x31], 1: [0x51, 0x31]}, **asked)
    assert report.as_dict() == again.as_dict()


def test_the_answers_do_not_depend_on_the_threads():
    reports = [
        check("kvm_planes", vectors=[0x31, 0x51], tpr=True, threads=n).as_dict() for n in (1, 3)
    ]
    assert reports[0] == reports[1]


def test_a_guest_that_forgets_its_eoi_owes_it():
    report = check(
        "vsm", events="irq, return, call, -eoi", vectors={1: [0x31, 0x33]}, cure=True,
        properties="delivery, eoi_owed", threads=1,
    )  # fmt: skip
    owed = report.verdicts["eoi_owed"]
    assert (owed.short, owed.what) == (
        "stranded (1)",
        "vector 0x33 of plane 1 is in service for ever",
    )
    assert report.verdicts["delivery"].what == "vector 0x33 of plane 1 is never injected"
    assert owed.whose == "guest"
    assert "auto_eoi=all" in owed.cures
    assert report.verdicts["delivery"].cures == ("auto_eoi=all",)


def test_what_masks_tells_by_ppr_and_by_tpr_apart():
    report = diff(
        "openhcl", "openhcl", vectors={1: [0x31]}, controller=("lapic", "lapic:mask_by=tpr"),
        events="irq, return", threads=1,
    )  # fmt: skip
    steps = [step.do for step in report.trace.steps[::2]]
    assert sorted(steps) == ["irq 1 0x31", "irq 1 0x31", "return"]
    assert report.fields == {"mask_by": ("ppr", "tpr")}
    assert "irr 0x31 isr 0x31" in str(report)
    with pytest.raises(ValueError, match=r"controller=.*, expected one, or two"):
        diff("vsm", "vsm", vectors="0x31", controller=["lapic"] * 3)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"vectors": "0x31,0x41,0x51,0x61"}, "vectors: 0x31, .*, expected at most 3 of a plane"),
        ({"vectors": "31h"}, "vectors='31h', expected a vector, as 0x31 or 1:0x31"),
        ({"vectors": ""}, "expected a vector, as 0x31"),
        ({"vectors": "2:0x31"}, "vectors=2, expected a plane in 0..1"),
        ({"vectors": "x:0x31"}, "vectors='x:0x31', expected a vector"),
        ({"vectors": {}}, "expected one to three, as 0x31,0x51"),
        ({"vectors": {2: [0x31]}}, "vectors=2, expected a plane in 0..1"),
        ({"vectors": [5]}, "vectors=5, expected a whole number in 16..255"),
        ({"vectors": 0x31}, "vectors=49, expected vectors, or vectors by plane"),
        ({"tpr": True}, "vectors: none, with tpr, expected one to three"),
        ({"controller": "lapic"}, "vectors: none, with a controller, expected one to three"),
        ({"properties": "eoi_owed"}, "properties='eoi_owed', expected vectors with it"),
        ({"events": "irq 1 0x31"}, "events='irq 1 0x31', expected vectors"),
        ({"events": "eoi"}, "events='eoi', expected vectors"),
        ({"events": "irq 1 0x32", "vectors": "0x31"}, "events='irq 1 0x32', expected one of 0x31"),
        ({"events": "irq 2 0x31", "vectors": "0x31"}, "expected a plane below planes=2"),
        ({"events": "irq 1 x", "vectors": "0x31"}, "expected a plane and a vector, as"),
        ({"vectors": "0x31", "vcpus": 2}, "vcpus=2"),
        ({"vectors": "0x31,0x41,0x51", "planes": 6}, "expected fewer for planes=6"),
        ({"vectors": "0x31", "from_states": VM("vsm").state}, "expected boot"),
        (
            {"vectors": "0x31,0x41", "events": "irq, vina_on",
             "controller": Controller(vina_vector={0: 0x41, 1: 0x51})},
            None,
        ),
    ],
)  # fmt: skip
def test_mistakes(asked, said):
    if said is None:
        named = check("vsm", threads=1, **asked).chips.vectors
        assert named == ((0x31, 0x41), (0x31, 0x41, 0x51))
        return
    with pytest.raises((ValueError, TypeError), match=said):
        check("vsm", threads=1, **asked)
