"""An explanation is of what the core does, and what it says of a plane is true of it."""

import json
import random
import re

import pytest
from compare import policies

from planesched import STATE, VM, Event, Policy, Reason, explain, presets
from planesched.cli import main
from planesched.errors import Mistake, TypeMistake
from planesched.events import MASKS
from planesched.explaining.words import said

OUTCOME_NAMES = ("was", "now", "reason", "fault", "flags")
# What is said of a plane that is kept out, and a mask that it is then in (or, with -, is not in).
MEANS = {
    "it is not online": "-online",
    "it is not runnable": "-runnable",
    "it is held": "held",
    "it waits for its start": "unstarted",
    "its NMI waits until it runs (nmi = waits)": "nmi",
    "its priority mask holds its interrupt back (gate = priority)": "masked",
    "its interrupt has had its one attempt (trigger = edge)": "-edge",
}


def random_steps(n: int):
    """Draw policies, states of a core that may be none that is reached, and events."""
    draw = random.Random(16)
    for _ in range(n):
        planes = draw.randint(1, 6)
        policy = policies.any_policy(draw, planes)
        vm = VM(policy, planes=planes)
        for name in MASKS:
            mask = draw.getrandbits(planes)
            if name in ("runnable", "held", "unstarted"):
                mask &= draw.getrandbits(planes)
            vm.state[0][name] = mask
        vm.state[0]["current"] = draw.randrange(planes)
        vm.state[0]["online"] |= draw.getrandbits(planes) | 1 << int(vm.state[0]["current"])
        vm.state[0]["status"] = draw.choice([0, 0, 0, 1, 2])
        event = draw.choice(list(Event))
        plane = draw.randrange(planes) if policies.takes_plane(policy, event) else None
        yield policy, planes, vm, event, plane


@pytest.fixture(scope="module")
def explained():
    """Explanations of random steps, each with the core's outcome and state."""
    found = []
    for policy, planes, vm, event, plane in random_steps(120):
        explanation = explain(policy, vm.state[0].copy(), event, plane, planes=planes)
        outcome = vm.vcpus[0].step(event, plane)
        found.append((explanation, tuple(outcome)[:5], vm.state[0].copy()))
    return found


def test_the_outcome_is_the_cores(explained):
    for found, outcome, state in explained:
        assert tuple(found.outcome) == outcome
        assert found.after == tuple(int(state[name]) for name in STATE.names)


def test_what_a_field_would_change_is_what_the_core_does_with_it_changed(explained):
    kinds = set()
    for found, _, _ in explained[:40]:
        name, _, plane = found.event.partition(" ")
        for change in found.changes:
            policy = Policy(**found.policy.as_dict() | _field(change.setting))
            vm = VM(policy, planes=found.planes)
            for field, value in zip(STATE.names, found.before, strict=True):
                vm.state[0][field] = value
            outcome = vm.vcpus[0].step(name, int(plane) if plane else None)
            assert tuple(outcome)[:5] == tuple(change.outcome), change.setting
            assert tuple(int(vm.state[0][field]) for field in STATE.names) == change.after
            kinds.add(found.same(change))
    assert kinds == {True, False}


def _field(setting):
    name, _, value = setting.partition("=")
    if name == "accelerated":
        return {name: [] if value == "none" else value.split("+")}
    value = {"none": None, "true": True, "false": False}.get(value, value)
    if name in ("preempt", "force") and value is None:
        value = "none"
    return {name: int(value) if name in ("marker", "boot") and value is not None else value}


def test_every_field_is_changed():
    """Each value of a field is tried but its own; accelerated, which is a set, reason by reason."""
    policy = "vsm:scheduler=user"
    changes = explain(policy, VM(policy, planes=3).state[0], "irq", 2).changes
    fields = {change.setting.partition("=")[0] for change in changes}
    assert fields == set(Policy().as_dict()) - {"algorithm"}  # which is the kernel's
    turns = [
        c for c in explain("vsm", VM("vsm").state[0], "irq", 1).changes if "robin" in c.setting
    ]
    assert [change.setting for change in turns] == ["algorithm=round_robin"]
    outcomes = {change.setting: change.outcome for change in changes}
    assert outcomes["accelerated=call"].reason == Reason.INTERRUPT
    assert (outcomes["accelerated=call"].now, outcomes["accelerated=interrupt"].now) == (0, 2)
    assert {f"accelerated={reason.name.lower()}" for reason in Reason if reason} <= set(outcomes)


def test_every_plane_of_a_dispatch_is_picked_or_kept_out_by_a_rule_that_is_true_of_it(explained):
    seen = set()
    for found, _, _ in explained:
        at = dict(zip(STATE.names, found.at, strict=True))
        assert {story.plane for story in found.stories} == set(range(found.planes))
        for story in found.stories:
            in_base, in_pre = (
                story.plane in (found.base or ()),
                story.plane in (found.preemptors or ()),
            )
            assert (story.runs is None) == (in_base or found.base is None)
            if found.base is None or story.picked:
                continue
            if in_base or in_pre:
                assert story.behind
                continue
            assert story.plane == found.view or story.enters, (found.event, story)
            for note in (story.runs, *story.enters):
                seen.add(note.text)
                wanted = MEANS.get(note.text)
                if wanted:
                    has = bool(at[wanted.lstrip("-")] >> story.plane & 1)
                    assert has is not wanted.startswith("-"), (note, found.at)
    assert seen >= MEANS.keys()


def test_the_order_base_and_pick_are_those_of_the_state(explained):
    for found, _, _ in explained:
        at = dict(zip(STATE.names, found.at, strict=True))
        online = [plane for plane in range(found.planes) if found.after[0] >> plane & 1]
        locked = [plane for plane in range(found.planes) if at["locked"] >> plane & 1]
        assert found.order == found.policy.order(online, locked)
        if found.base is None:
            continue
        able = at["online"] & at["runnable"] & ~at["held"]
        assert all(able >> plane & 1 for plane in found.base)
        if found.pick is not None and found.policy.scheduler.name == "kernel":
            assert found.pick == found.outcome.now
        if found.pick is not None and not found.policy.has_algorithm and found.base:
            offered = {*found.base, *found.preemptors}
            assert found.pick == next(plane for plane in found.order if plane in offered)


def test_every_section_stands_in_the_rules_and_the_text_fits(explained, root):
    rules = (root / "docs/reference/rules.md").read_text()
    headings = set(re.findall(r"^(?:## |\*\*)(\d(?:\.\d)?)", rules, re.MULTILINE))
    for found, _, _ in explained[:60]:
        for note in found.notes:
            assert ".".join(note.section.split(".")[:2]) in headings
            assert "{" not in note.text
        assert max(map(len, str(found).splitlines())) <= 80
        assert max(map(len, found.text(60).splitlines())) <= 60
        assert (
            said(found.outcome).split(",")[0] in " ".join(str(found).split())
            or found.before[-1] == 2
        )


def test_json_and_html_hold_the_same(explained):
    found = explained[0][0]
    document = json.loads(found.to_json())
    assert document["schema"] == "planesched.explanation/1"
    assert document["version"]
    assert document["outcome"]["now"] == found.outcome.now
    assert [change["setting"] for change in document["changes"]] == [
        c.setting for c in found.changes
    ]
    html = found._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") > 2
    assert "<script" not in html


def test_the_answer_to_the_usual_question():
    """Why does plane 2 run, and not plane 1, for which the interrupt is?"""
    vm = VM("vsm_relay", planes=3)
    found = explain("vsm_relay", vm.state[0], "irq", 1)
    assert (found.base, found.view, found.preemptors, found.pick) == ((0,), 0, (2,), 2)
    story = next(story for story in found.stories if story.plane == 1)
    assert str(story.runs) == "it is not runnable (3.4.2)"
    assert [str(note) for note in story.enters] == [
        "the marker comes in for it (preempt = relay) (3.3)"
    ]
    assert "plane 2 is entered, by relay" in " ".join(str(found).split())


def test_edges_and_what_userspace_did_not_ask_for_are_told():
    vm = VM("kvm_vsm", planes=3)
    vm.vcpus[0].mask(2)
    found = explain("kvm_vsm", vm.state[0], "irq", 2)
    [spent] = found.told("edge")
    assert (spent.planes, spent.section) == ((2,), "3.4.4")
    vm = VM("kvm_user", planes=2)
    vm.vcpus[0].call(1)
    vm.vcpus[0].enter(1)  # and req_exit is empty
    found = explain("kvm_user", vm.state[0], "irq", 0)
    why = found.stories[0].enters
    assert [note.section for note in why] == ["3.4.3", "3.4.7"]
    vm.state[0]["req_exit"] = 1
    found = explain("kvm_user", vm.state[0], "irq", 0)
    assert [note.section for note in found.told("exit")] == ["3.4.7"]
    assert found.outcome.reason == Reason.INTERRUPT


@pytest.mark.parametrize("preset", presets())
def test_a_policy_that_was_made_has_a_label_that_makes_it_again(preset):
    policy = Policy.preset(preset, 3).replace(vina="level")
    found = explain(policy, VM(policy, planes=3).state[0], "resched")
    assert VM(found.label, planes=3).policy == policy


def test_what_is_wrong_is_named():
    state = VM("vsm").state[0]
    with pytest.raises(TypeMistake, match="state: a int, expected one record of dtype STATE"):
        explain("vsm", 3, "irq", 1)
    with pytest.raises(Mistake, match=r"plane=None.*irq needs one"):
        explain("vsm", state, "irq")
    with pytest.raises(Mistake, match="did you mean irq"):
        explain("vsm", state, "irqs", 1)
    for name, value in (("status", 3), ("current", -1), ("current", 2), ("held", 4)):
        wrong = VM("vsm").state.copy()
        wrong[name] = value
        with pytest.raises(Mistake, match=r"state=.*, expected one of a vCPU with 2 planes"):
            explain("vsm", wrong[0], "irq", 1, planes=2)


def test_a_step_of_the_command_is_explained(capsys):
    words = ["step", "kvm_user", "call 1", "answer", "halt"]
    assert main([*words, "--explain", "2"]) == 0
    table, _, explained = capsys.readouterr().out.partition("\n\n")
    assert "answer  0 -> 1  user" in table
    assert "plane 1 is entered, by user" in " ".join(explained.split())
    assert main([*words, "--explain", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [step["event"] for step in steps if "explanation" in step] == ["halt"]
    assert steps[-1]["explanation"]["before"]["req_exit"] == [0]
    for step in steps[-1:]:
        assert step["explanation"]["outcome"] == {name: step[name] for name in OUTCOME_NAMES}


def test_every_step_of_the_command_can_be_explained(capsys):
    events = ["call 1", "enter 1", "irq 0", "enter 1 only", "irq 1", "answer", "halt", "answer"]
    for number, event in enumerate(events, 1):
        words = ["step", "kvm_user", *events, "--set", "unhalt=any", "--json"]
        assert main([*words, "--explain", str(number)]) == 0
        step = json.loads(capsys.readouterr().out)["steps"][number - 1]
        assert step["explanation"]["outcome"] == {name: step[name] for name in OUTCOME_NAMES}, event


def test_an_event_that_there_is_not_is_named(capsys):
    assert main(["step", "vsm", "halt", "--explain", "2"]) == 2
    assert "--explain=2, expected the number of an event, 1 to 1" in capsys.readouterr().err


def test_with_controllers_what_they_say_to_the_rules_is_explained(capsys):
    """Vector 0x21 waits behind 0x31, which is in service, and comes at its end."""
    words = ["step", "vsm", "irq 1 0x31", "irq 1 0x21", "eoi 1", "line_down 1 0x21", "--vectors"]
    wanted = [
        ("irq 1 0x31 (irq 1)", ["switched", "injected"]),
        ("irq 1 0x21 (irq 1)", []),
        ("eoi 1 (unmask 1)", ["injected"]),
    ]
    for number, (event, flags) in enumerate(wanted, 1):
        assert main([*words, "--explain", str(number), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["steps"][number - 1]["explanation"]
        assert (found["event"], found["outcome"]["flags"]) == (event, flags)
    assert main([*words, "--explain"]) == 0
    said = "line_down 1 0x21: its controller alone; nothing is dispatched (8)\n"
    assert capsys.readouterr().out.endswith(said)
    words = ["step", "kvm_user", "call 1", "answer", "irq 0 0x31", "answer", "--vectors"]
    assert main([*words, "--explain", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["steps"][-1]["explanation"]
    assert (found["event"], found["outcome"]["flags"]) == ("enter 0", ["switched", "injected"])
