"""Pages of searches: verdicts are the reports', and ladders show each step, as counted by hand."""

import re

from pages import HOSTILE, check

import planesched
from planesched.checking import matrix
from planesched.checking.kick import check_wakeups
from planesched.report.page import page


def rungs(text, name):
    """A ladder's marks by class."""
    [svg] = re.findall(rf'<svg[^>]*id="{name}".*?</svg>', text, re.DOTALL)
    classes = re.findall(r'class="([^"]*)"', svg)
    return {kind: classes.count(kind) for kind in ("arrow", "cross", "ring", "rung blocked")}


def marks_of(trace):
    """What a ladder of a trace must show, by hand."""
    states = [trace.start, *(step.states for step in trace.steps)]
    found = [(state, vcpu) for row in states for vcpu, state in enumerate(row)]
    switched = [
        before[step.vcpu]["current"] != step.states[step.vcpu]["current"]
        for before, step in zip(states, trace.steps, strict=False)
    ]
    faults = [bool(step.outcome.fault) for step in trace.steps]
    return {
        "arrow": sum(s and not f for s, f in zip(switched, faults, strict=True)),
        "cross": sum(faults) + (trace.loop is not None),
        "ring": sum(int(state["irq"]).bit_count() for state, _ in found),
        "rung blocked": sum(int(state["status"]) == 2 for state, _ in found),
    }


def test_a_search_is_a_table_and_ladders():
    names = ["kvm_planes", "vsm", "vsm_locked"]
    found = matrix(names, 2)
    text = page(found, "planesched check --matrix")
    read = check(text)
    asked = found.reports["vsm"].verdicts
    expected = [each.verdicts[name].short for name in asked for each in found.reports.values()]
    cells = [text for given, text in read.of("td") if given.get("class") in ("dead", "holds")]
    assert cells == expected
    broken = [
        verdict
        for report in found.reports.values()
        for verdict in report.verdicts.values()
        if verdict.trace
    ]
    assert len(broken) == 5
    for number, verdict in enumerate(broken):
        assert rungs(text, f"ladder-{number}") == marks_of(verdict.trace)
        assert verdict.trace.text in [told for _, told in read.of("pre")]


def test_ladders_of_several_vcpus_and_of_what_repeats():
    one = planesched.check("kvm_planes", 2, 2, properties="delivery", every=True)
    text = page(one, title="kvm_planes")
    check(text)
    ways = [[v.trace, *v.more] for v in one.verdicts.values() if v.trace]
    assert len(ways[0]) > 5
    steps = [step for step in ways[0][0].steps if step.is_event]
    assert text.count('class="why"') == len(steps)
    events = "irq, call, return, cli, sti"
    loops = planesched.check("vsm", 2, properties="progress", events=events)
    drawn = page(loops)
    assert rungs(drawn, "ladder-0") == marks_of(loops.verdicts["progress"].trace)
    assert "this step comes again for ever" in drawn
    for number, traces in enumerate(ways):
        for place, trace in enumerate(traces):
            name = f"ladder-{number}-{place}" if place else f"ladder-{number}"
            assert rungs(text, name) == marks_of(trace)
    assert page(one, title="kvm_planes") == text
    assert check(page(planesched.check("vsm", 2))).of("p", class_="verdict")[0][1] == (
        "Everything that was asked holds in all states."
    )


def test_two_policies_are_ladders_beside_each_other():
    found = planesched.diff("vsm", "vsm_relay", 3, labels=(HOSTILE, "relay"))
    text = page(found, "planesched diff")
    read = check(text)
    assert rungs(text, "ladder-0") == marks_of(found.trace)
    rows = [told for given, told in read.of("tr")]
    assert any(row.startswith("preempt") and row.endswith("targetrelay") for row in rows)
    assert not re.search(r"class=\"arrow\"", page(planesched.diff("vsm", "vsm", 2)))


def test_ladders_have_vectors():
    found = planesched.check("kvm_planes", 2, properties="delivery", vectors="0x31,0x51")
    text = page(found, "planesched check")
    read = check(text)
    trace = found.verdicts["delivery"].trace
    assert rungs(text, "ladder-0") == marks_of(trace)
    assert any(said.endswith("0x31") for _, said in read.of("text"))
    assert str(found.chips) in read.of("p", class_="hint")[0][1]
    assert text.count('class="why"') == len(trace)


def test_lost_wakeups_are_tables_of_acts():
    found = check_wakeups("vsm", 2, protocol="correct:consume=after", sends="irq 1", cure=True)
    assert found.broken
    read = check(page(found, "planesched check"))
    rows = [told for _, told in read.of("tr")]
    for name in found.broken:
        shortest = found.verdicts[name].shortest
        for number, row in enumerate(shortest.rows, 1):
            told = (str(number), row.sender, row.vcpu, row.phase, row.runs, row.layer)
            assert "".join(told) in rows
    warned = [told for _, told in read.of("li")]
    assert all(str(found.verdicts[name]).splitlines()[0] in warned for name in found.broken)
    held = check(page(check_wakeups("vsm", 2, sends="irq 1")))
    assert not held.of("ul", class_="warnings")
