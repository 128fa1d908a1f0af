"""The engine against the slow model: every figure of random guests under random policies.

Longer than 300 lines by a few, for both sides' figures and the drawing of cases are laid out here.
"""

from collections import Counter
from operator import attrgetter

import numpy as np
import pytest
from engine_cases import (
    TOLD,
    engine_figures,
    random_case,
    slow_figures,
    stuck_at,
    told_case,
)
from slow_engine import Guests, SlowVcpu, simulate

from planesched.events import Event, Reason
from planesched.layouts import JOB, STATE
from planesched.reference import NOBODY
from planesched.simulation.engine import Engine


def run_engine(case, end):
    """Feed the engine in two parts, and let it come to `end` in two."""
    initial = np.zeros((), STATE)
    for name, value in zip(STATE.names, case.guests["initial"], strict=False):
        initial[name] = value
    guests = {**case.guests, "initial": initial}
    arrivals = sorted(guests.pop("arrivals"), key=attrgetter("time", "plane", "source"))
    told = [it for it in arrivals if it.event is not None]
    arrivals = [it for it in arrivals if it.event is None]
    rows = [(it.time, it.service, it.vcpu, it.source, it.plane, 0) for it in arrivals]
    jobs = np.array(rows, JOB)
    engine = Engine(
        case.policy, planes=case.planes, vcpus=case.vcpus, forward_ns=case.forward, **guests
    )
    early = jobs["time_ns"] <= end // 2
    for it in told:
        engine.at(it.time, it.vcpu, it.event, it.plane if it.plane != NOBODY else None)
    engine.feed(jobs[early])
    engine.advance(end // 2)
    engine.feed(jobs[~early])
    engine.advance(end)
    return engine


def differences(case):
    """Give what the two say differently; where one instant never ends, of the time before it."""
    end = case.end
    runs = [SlowVcpu(case.policy, case.planes, Guests(**case.guests), v) for v in range(case.vcpus)]
    stuck = [at for run in runs if (at := stuck_at(run, end)) is not None]
    if stuck:
        found = [at for _, _, at, _ in run_engine(case, end).livelocks()]
        if not set(stuck) <= set(found):
            return {"livelock": (stuck, found)}
        if not min(stuck):
            return {}
        end = min(stuck) - 1
        runs = simulate(case.policy, case.planes, end, vcpus=case.vcpus, **case.guests)
    engine = run_engine(case, end)
    mine, theirs = slow_figures(runs, case.planes), engine_figures(engine, case.planes)
    out = {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}
    circles = {vcpu for vcpu, *_ in engine.livelocks()}
    for vcpu, run in enumerate(runs):
        # What the engine calls a livelock may cost time: round and round, and nobody works.
        if not (run.most_fruitless >= 32 if vcpu in circles else run.most_fruitless < 500):
            out["livelock"] = (run.most_fruitless, engine.livelocks())
    return out


@pytest.mark.parametrize("seed", range(300))
def test_every_figure_is_equal(seed):
    assert differences(random_case(seed)) == {}


@pytest.mark.parametrize("seed", range(300))
def test_algorithms_slices_and_what_it_is_told(seed):
    assert differences(told_case(seed)) == {}


def test_these_cases_have_some_of_everything():
    """Slices end, what was told happens, and algorithms switch where rank would not."""
    seen, turns = Counter(), 0
    for seed in range(60):
        case = told_case(seed)
        for vcpu in range(case.vcpus):
            run = SlowVcpu(case.policy, case.planes, Guests(**case.guests), vcpu)
            stuck_at(run, case.end)
            seen.update(event for _, _, event, _, _ in run.timeline)
            turns += sum(out.reason == Reason.RESCHED for _, _, _, _, out in run.timeline)
    assert not [event.name for event in TOLD if not seen[event]]
    assert seen[Event.RESCHED] > 1000
    assert turns > 30
