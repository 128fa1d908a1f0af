"""The search in C against a plain breadth-first search over the slow model."""

import numpy as np
import pytest
from slow_search import SlowSearch

from planesched import Policy, conformance, presets
from planesched.checking import ALPHABETS, PROPERTIES, check
from planesched.events import MASKS

DELIVERIES = ("irq", "nmi", "intercept", "halt", "call", "return", "enter")
BEHAVED, HOSTILE, STARTUP = (ALPHABETS[n].events for n in ("behaved", "hostile", "startup"))
HOST = ("irq", "halt", "call", "return", "force", "hold", "release", "start", "stop", "answer")


def values(state: np.void) -> tuple[int, ...]:
    return tuple(int(state[name]) for name in (*MASKS, "current", "status"))


def compare(policy: Policy, planes: int, events: tuple[str, ...], threads: int, tmp_path) -> None:
    slow = SlowSearch(policy, planes, events).run()
    report = check(policy, planes, events=events, threads=threads, properties=PROPERTIES)
    coverage = report.coverage
    assert coverage.exhausted
    assert (coverage.states, coverage.transitions) == (slow.states, slow.transitions)
    assert coverage.depth == slow.depth
    broken = {name for name, verdict in report.verdicts.items() if not verdict.holds}
    assert broken == set(slow.broken)
    assert set(report.verdicts) == set(PROPERTIES) - {"eoi_owed"}  # no vectors
    for name in broken:
        verdict = report.verdicts[name]
        trace = verdict.trace
        last = values(trace.steps[-1].states[0])
        if name == "progress":
            begin = values(trace.steps[trace.loop - 1].states[0] if trace.loop else trace.start[0])
            assert begin == last
            assert begin in slow.endless
        else:
            assert len(trace) == slow.broken[name], name
        if name in ("delivery", "unaided"):
            within, stuck = (
                (slow.undelivered, slow.stuck)
                if name == "delivery"
                else (slow.unaided, slow.stuck_unaided)
            )
            assert last in within
            assert (verdict.kind == "deadlock") == (last in stuck)
        replay(trace, name, tmp_path / f"{name}.toml")


def replay(trace, name: str, path) -> None:
    trace.save(path, name)
    for model in ("core", "reference"):
        report = conformance.conform([path], model)
        assert report.n_steps == len(trace)
        assert report.differences == (), str(report)


# With three planes the slow model takes seconds for each.
PLANES = [2, pytest.param(3, marks=pytest.mark.exhaustive)]


@pytest.mark.parametrize("planes", PLANES)
@pytest.mark.parametrize("preset", presets())
def test_every_preset(preset, planes, tmp_path):
    compare(Policy.preset(preset, planes), planes, HOSTILE, 2, tmp_path)


@pytest.mark.parametrize(
    "events",
    [BEHAVED, DELIVERIES, HOST, STARTUP],
    ids=["behaved", "deliveries", "host", "startup"],
)
@pytest.mark.parametrize("preset", presets())
def test_other_events(preset, events, tmp_path):
    compare(Policy.preset(preset, 2), 2, events, 1, tmp_path)


CHANGES = [
    ("kvm_vsm", {"rearm": False}),
    ("kvm_planes", {"wake": "own"}),
    ("kvm_planes", {"idle": "fall_through"}),
    ("vsm", {"empty": "user"}),
    ("vsm_relay", {"idle": "fall_through"}),
    ("tdx", {"scheduler": "user"}),
    ("vsm", {"scheduler": "user", "accelerated": ["call", "return"]}),
]


@pytest.mark.parametrize("planes", PLANES)
@pytest.mark.parametrize(("preset", "fields"), CHANGES)
def test_changed_fields(preset, fields, planes, tmp_path):
    compare(Policy.preset(preset, planes).replace(**fields), planes, HOSTILE, 2, tmp_path)
