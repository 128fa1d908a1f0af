"""Every term has an entry, in the words of the rules; every example shows what it is for."""

import json
import re
import shlex

import pytest

from planesched import Event, Fault, Flags, Policy, Reason, presets
from planesched.checking import PROPERTIES
from planesched.checking.alphabets import ACTS, ALPHABETS
from planesched.cli import main
from planesched.errors import Mistake
from planesched.events import MASKS
from planesched.explaining import rules
from planesched.explaining.terms import KINDS, lookup, terms
from planesched.figures.words import FIGURES
from planesched.irqchip import ChipEvent
from planesched.policy import ENUMS, field_names
from planesched.workload import cost_sets

NAMES = {
    "field": field_names(),
    "property": PROPERTIES,
    "reason": [reason.name.lower() for reason in Reason],
    "fault": [fault.name.lower() for fault in Fault],
    "event": [event.name.lower() for enum in (Event, ChipEvent) for event in enum],
    "flag": [flag.name.lower() for flag in Flags],
    "mask": MASKS,
    "preset": presets(),
    "figure": FIGURES,
    "cost set": cost_sets(),
    "act": ACTS,
    "alphabet": ALPHABETS,
}
ALL = {(term.kind, term.name): term for term in terms()}


def test_nothing_lacks_an_entry_and_no_entry_is_of_nothing():
    assert tuple(NAMES) == KINDS
    wanted = [(kind, name) for kind, names in NAMES.items() for name in names]
    assert [key for key in wanted if key not in ALL] == []
    assert list(ALL) == wanted
    assert [key for key, term in ALL.items() if not (term.text and term.sources)] == []


def test_the_rules_that_come_with_the_package_are_the_documents(root):
    text = (root / "docs/reference/rules.md").read_text()
    assert rules.PATH.read_text() == text
    for kind in ("field", "reason", "fault", "flag", "mask"):
        for name in NAMES[kind]:
            rows = re.findall(rf"^\| `{name}` .*\|$", text, re.MULTILINE)
            said = ALL[kind, name].text.removeprefix("plane p ").removesuffix(" (1)")
            assert any(said in " ".join(row.replace("`", "").split()) for row in rows), name


def test_what_a_figure_means_is_what_the_reference_says(root):
    text = (root / "docs/reference/simulation.md").read_text()
    for name, meaning in FIGURES.items():
        assert f"| *{name.replace('_', ' ')}* | {meaning} |" in text
    assert lookup("idle entries") == [ALL["figure", "idle_entries"]]


def test_the_checkers_page_has_each_act(root):
    text = (root / "docs/reference/checker.md").read_text()
    assert [name for name in ACTS if name not in text] == []


def test_a_fields_values_are_those_it_takes_each_with_the_presets_that_have_it():
    for name in field_names():
        values = ALL["field", name].values
        if name in ENUMS:
            assert list(values) == list(ENUMS[name].__members__)
        told = {preset: value for value, names in values.items() for preset in names.split(", ")}
        for preset in presets():
            found = Policy.preset(preset, 3).as_dict()[name]
            found = "highest" if (name, preset) == ("marker", "vsm_relay") else found
            found = "none" if found in (None, []) else str(found)
            assert told[preset] == (found.lower() if found in ("True", "False") else found)


def test_the_sections_that_a_field_names_are_quoted_from_the_rules():
    assert ALL["field", "preempt"].rules["3.3"].startswith("Preemptors, seen from plane c")
    assert "no plane is entered" in ALL["reason", "none"].text
    assert [*ALL["field", "ret"].rules] == ["4, return"]
    assert [*ALL["field", "wake"].rules] == ["3.4.3"]
    assert "fall_through" in ALL["field", "idle"].rules["3.4.2"]
    everything = rules.plain(rules.PATH.read_text().replace("**", "").replace("- ", ""))
    for term in ALL.values():
        for where, text in term.rules.items():
            if term.kind != "property":
                assert text.replace("- ", "") in everything, (term.name, where)


def run(command, capsys):
    words = shlex.split(command)
    assert words[0] == "planesched"
    status = main(words[1:])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_the_examples_run_and_show_the_term(kind, capsys):
    wrong = []
    for (of, name), term in ALL.items():
        if of != kind:
            continue
        if kind == "preset":
            status, out = run(f"{term.example} --json", capsys)
            good = status == 0 and json.loads(out)["policies"][0]["name"] == name
        elif kind == "field":
            first, second = shlex.split(term.example)[2:4]
            policies = [dict(_fields(text)) for text in (first, second)]
            status, _ = run(term.example, capsys)
            good = status == 1 and len({*policies[0].items()} ^ {*policies[1].items()}) in (1, 2)
            good = good and name in second
        elif kind == "figure":
            status, out = run(term.example, capsys)
            good = status == 0 and name.replace("_", " ") in out
        elif kind in ("act", "alphabet"):
            status, out = run(term.example, capsys)
            happens = [name] if kind == "act" else ALPHABETS[name].events
            good = status in (0, 1) and all(act in out for act in happens)
        elif kind == "cost set":
            status, out = run(f"{term.example} --json", capsys)
            costs = json.loads(out)["given"]["costs"]
            good = status == 0 and str(cost_sets()[name].costs) in costs
        elif kind == "property":
            status, out = run(f"{term.example} --json", capsys)
            good = status in (0, 1) and [*json.loads(out)["verdicts"]] == [name]
        else:
            status, out = run(f"{term.example} --json", capsys)
            good = status == 0 and _shows(kind, name, json.loads(out)["steps"][-1])
        if not good:
            wrong.append(term.example)
    assert not wrong, "\n".join(wrong)


def _fields(text):
    preset, _, settings = text.partition(":")
    yield "preset", preset
    yield from (setting.split("=") for setting in settings.split(",") if setting)


def _shows(kind, name, step):
    if kind in ("reason", "fault"):
        return step[kind] == name
    if kind == "flag":
        return name in step["flags"]
    if kind == "mask":
        return name in step["explanation"]["before"]
    return step["event"].split()[0] in (name, "answer") and step["fault"] == "none"


def test_most_properties_are_shown_broken(capsys):
    broken = [name for name in PROPERTIES if run(ALL["property", name].example, capsys)[0] == 1]
    assert {*PROPERTIES} - {*broken} <= {"nothing_lost", "started", "settles"}


def test_the_command(capsys):
    assert main(["explain", "ret"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ret (field of a policy): where a return goes (4)\n")
    assert "next_online  vsm, vsm_relay, vsm_locked\n" in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["explain", "call", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "planesched.terms/1"
    assert [term["kind"] for term in document["terms"]] == ["field", "reason", "event"]
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"\b{name}\b", out) for _, name in ALL)


def test_what_is_no_term_is_a_mistake_with_what_was_meant(capsys):
    assert main(["explain", "wakeups"]) == 2
    assert "did you mean wakeup?" in capsys.readouterr().err
    with pytest.raises(Mistake, match="did you mean refuse_pending"):
        lookup("refuse-pendin")
    assert lookup("Refuse-Pending") == [ALL["field", "refuse_pending"]]
