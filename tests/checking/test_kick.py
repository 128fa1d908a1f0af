"""Posting, kick and look: cases, the slow model against C, and what atomic delivery gives."""

import itertools
import json
import random
import runpy
import signal
from pathlib import Path

import numpy as np
import pytest
import slow_kick

from planesched import STATE, Policy, presets, reference
from planesched import reference_kick as slow
from planesched.checking.kick import KICK_EVENTS, KICK_PROPERTIES, check_wakeups
from planesched.checking.search import KickSearch
from planesched.checking.sends import parse_sends
from planesched.cli import main
from planesched.conformance import conform
from planesched.conformance.kick import kick_case
from planesched.core import KICK_SELF
from planesched.events import MASKS, Event
from planesched.policy import Call
from planesched.protocol import PROTOCOL_FIELDS, Protocol, protocol_numbers
from planesched.protocols import as_protocol, protocols

CASES = Path(__file__).parents[1] / "data" / "kick" / "cases.toml"
OF_SELF = (Event.CLI, Event.STI)


def record(values):
    found = np.zeros((), STATE)
    for name, value in zip((*MASKS, "current", "status"), values, strict=True):
        found[name] = value
    return found


def guests(policy, planes, *, shut=True):
    """Halt, call, return, and cli and sti of the plane that runs, for both models."""
    events = [(Event.HALT, -1), (Event.RETURN, -1)]
    if policy.call == Call.next:
        events.append((Event.CALL, -1))
    else:
        events += [(Event.CALL, plane) for plane in range(planes)]
    return events + [(event, slow_kick.SELF) for event in OF_SELF if shut]


def in_c(policy, planes, protocol, sends, events, *, repeat):
    search = KickSearch(
        policy,
        planes,
        protocol_numbers(protocol),
        [send.numbers for send in parse_sends(sends)],
        [(int(e), KICK_SELF if p == slow_kick.SELF else max(p, 0)) for e, p in events],
        repeat,
        (1 << len(KICK_PROPERTIES)) - 1,
    )
    search.add_root(record(reference.boot_state(policy, planes)))
    while search.expand(1_000_000, 100_000_000, False):
        pass
    return search


def broken_in_c(search):
    lengths = {}
    for number, name in enumerate(KICK_PROPERTIES):
        found = search.found(number)
        if found is not None:
            state, act, _ = found
            lengths[name] = len(search.path(state)[1]) + (act is not None)
    return lengths


@pytest.mark.python  # what it searches in C, the tests below search by all their fields
def test_the_page_is_what_the_tool_prints(root):
    made = runpy.run_path(str(root / "docs" / "wakeups.py"))["page"]()
    assert (root / "docs" / "how-to" / "wakeups.md").read_text(encoding="utf-8") == made


def test_every_field_and_value_stands_in_the_rules(root):
    text = (root / "docs" / "reference" / "kick.md").read_text(encoding="utf-8")
    for field in PROTOCOL_FIELDS.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{field.name}` |"))
        listed = [f"`{value}`" for value in field.values]
        assert [value for value in listed if value in row] == listed


def test_a_counterexample_is_saved_as_a_case_that_conforms(tmp_path):
    report = check_wakeups("snp", protocol="looker=0,recheck_sleep=no", sends="irq 1")
    report.save(tmp_path / "found.toml")
    n = len(report.broken)
    for model in ("core", "reference"):
        said = str(conform([tmp_path / "found.toml"], model))
        assert said.startswith(f"{model}: {n} case")
        assert said.endswith("all agree")


CASE = {"id": "x", "preset": "vsm", "planes": 2, "steps": [{"do": "look"}], "sends": ["irq 1"]}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("protocol", 1, "protocol=1, expected a table of fields"),
        ("sends", 1, "sends=1, expected a list of sends"),
        ("sends", ["irq 2"], "sends='irq 2', expected irq or nmi and a plane in 0..1"),
        ("sends", 9 * ["irq 1"], "sends=.*, expected at most 8 of them"),
        ("steps", [{"do": True}], "do=True, expected a str"),
        ("steps", [{"do": "look", "broken": 1}], "broken=1, expected a list of properties"),
    ],
)
def test_a_case_that_is_none(key, value, message):
    with pytest.raises(ValueError, match=message):
        kick_case("x.toml", CASE | {key: value})


@pytest.mark.parametrize("model", ["core", "reference"])
def test_cases(model):
    assert str(conform([CASES], model)) == f"{model}: 19 cases, 153 steps: all agree"


@pytest.mark.parametrize("seed", range(40))
def test_the_slow_model_and_c_find_the_same(seed):
    rng = random.Random(seed)
    name = rng.choice(list(presets()))
    policy = Policy.preset(name, planes=2)
    fields = {
        field.name: rng.choice(field.values if field.name != "looker" else (0, 1))
        for field in PROTOCOL_FIELDS.values()
        if rng.random() < 0.25
    }
    protocol = Protocol(**fields)
    n = rng.choice((1, 1, 2))
    sends = [f"{rng.choice(('irq', 'irq', 'nmi'))} {rng.randrange(2)}" for _ in range(n)]
    repeat, events = rng.random() < 0.5, guests(policy, 2, shut=n == 1)
    root = slow.start(
        policy,
        reference.boot_state(policy, 2),
        [slow.Send(s.kind, s.plane) for s in parse_sends(sends)],
        protocol,
    )
    depth, broken = slow_kick.search(root, events, repeat=repeat)
    search = in_c(policy, 2, protocol, sends, events, repeat=repeat)
    assert (search.states, broken_in_c(search)) == (len(depth), broken), (name, protocol, sends)


def atomic(policy, planes):
    """The states in which a guest runs or sleeps, where an interrupt is delivered in one act."""
    events = [(Event.IRQ, plane) for plane in range(planes)] + guests(policy, planes, shut=False)
    root = reference.boot_state(policy, planes)
    seen, todo = {root}, [root]
    while todo:
        state = todo.pop()
        if state[-1] & reference.USER:
            plane = reference.default_pick(policy, state)
            if plane is None:
                continue
            prepared = state
            if policy.scheduler.name == "user":
                prepared = reference.prepare(policy, state, plane)
            steps = [(prepared, Event.ENTER, plane)]
        else:
            steps = [(state, event, plane) for event, plane in events]
        for before, event, plane in steps:
            after, outcome = reference.step(policy, before, event, plane)
            if not outcome.fault and after not in seen:
                seen.add(after)
                todo.append(after)
    return {state for state in seen if not state[-1] & reference.USER}


@pytest.mark.parametrize("planes", [2, 3])
@pytest.mark.parametrize("name", list(presets()))
def test_at_rest_the_states_are_those_of_atomic_delivery(name, planes):
    policy = Policy.preset(name, planes=planes)
    sends = ", ".join(f"irq {plane}" for plane in range(planes))
    events = guests(policy, planes, shut=False)
    search = in_c(policy, planes, Protocol(), sends, events, repeat=True)
    assert search.exhausted
    assert not broken_in_c(search)
    rested = {tuple(int(s[n]) for n in (*MASKS, "current", "status")) for s in search.at_rest()}
    assert rested == atomic(policy, planes)


def test_harmless_values_break_nothing_alone_or_together():
    choices = {
        field.name: sorted(field.harmless | {field.values[0]})
        for field in PROTOCOL_FIELDS.values()
        if field.harmless
    }
    for name in ("vsm", "whp", "snp"):
        for values in itertools.product(*choices.values()):
            protocol = Protocol(**dict(zip(choices, values, strict=True)))
            report = check_wakeups(name, 2, protocol=protocol, sends="irq 1, irq 0")
            broken = set(report.broken) - ({"loop"} if protocol.poll == "rest" else set())
            assert not broken, (name, protocol)


def test_known_protocols_lose_nothing():
    for name in protocols():
        planes = 3 if name == "openvmm_whp" else 2
        policy = "snp" if name == "coconut_svsm" else "vsm"
        report = check_wakeups(policy, planes, protocol=name, sends="irq 1, irq 0")
        lost = [p for p in report.broken if p.startswith("lost")]
        assert bool(lost) == (name == "kvm_planes_rfc"), (name, lost)


def test_a_cure_is_found_and_a_report_reads_the_same_every_time():
    report = check_wakeups("vsm", protocol="recheck_entry=no", sends="irq 1", cure=True)
    assert "recheck_entry=last" in report.cures["lost_running"]
    again = check_wakeups("vsm", protocol="recheck_entry=no", sends="irq 1", cure=True)
    assert report.as_dict() == again.as_dict()
    assert "a further send heals it" in str(report)
    assert report.status == 1


def test_a_timeline_shows_each_act_as_what_it_is(tmp_path, capsys):
    path = tmp_path / "found.json"
    words = ["check", "snp", "--protocol", "looker=0,recheck_sleep=no", "--sends", "irq 1"]
    assert main([*words, "--timeline", str(path), "--property", "lost_asleep"]) == 1
    assert "lost_asleep: broken (4 acts); a further send heals it" in capsys.readouterr().out
    events = json.loads(path.read_text())["traceEvents"]
    slices = [(e["name"], e["ts"]) for e in events if e["ph"] == "X"]
    assert [name for name, _ in slices] == ["post irq 1", "look", "kick irq 1", "halt"]
    assert [float(at) for _, at in slices] == [0, 1, 2, 3]


def test_a_protocol_alone_asks_for_sends(capsys):
    assert main(["check", "vsm", "--protocol", "scope=vcpu"]) == 2
    assert "expected --sends beside it" in capsys.readouterr().err


def test_a_bounded_search_says_what_it_covered():
    report = check_wakeups("vsm", 3, sends="irq 1, irq 2", max_states=100)
    assert report.status == 2
    assert "not all: the bound came first" in str(report)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recheck_entry=maybe", "recheck_entry='maybe', expected one of last, early, no"),
        ("colour=red", "expected FIELD=VALUE"),
        ("consume=after,consume=never", "expected consume once"),
        ("looker=16", "looker=16, expected host or a plane in 0..15"),
        ("kwm", "protocol='kwm', expected one of correct"),
    ],
)
def test_a_protocol_that_is_none(text, message):
    with pytest.raises(ValueError, match=message):
        as_protocol(text)


@pytest.mark.parametrize("text", ["irq", "smi 1", "irq 1 loudly", "irq x", "irq 7"])
def test_sends_that_are_none(text):
    with pytest.raises(ValueError, match="sends="):
        check_wakeups("vsm", sends=text)


def test_progress_and_ctrl_c():
    """The first call of progress stands for Ctrl-C: what was found until then comes back."""
    told = []

    def stop(part, states):
        told.append((part, states))
        signal.raise_signal(signal.SIGINT)

    asked = {"sends": "irq 1, irq 2, irq 0", "events": (*KICK_EVENTS, "mask", "unmask")}
    report = check_wakeups("vsm", 3, **asked, max_states=1_000_000, progress=stop)
    assert told == [(report.states / 1_000_000, report.states)]
    assert report.partial
    assert not report.exhausted
    assert "not all: Ctrl-C came first" in str(report)
    assert report.as_dict()["partial"]
