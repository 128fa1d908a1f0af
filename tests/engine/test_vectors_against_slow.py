"""The engine with interrupt controllers against the slow model: the same figures, vector by vector.

Policies, states, arrivals and events are those of tests/engine_cases.py, with vectors.
"""

import random
from collections import Counter

import numpy as np
import pytest
from engine_cases import engine_figures, random_case, slow_figures, stuck_at, told_case
from slow_engine import Guests
from slow_vectors import SlowVectorVcpu

from planesched.events import MASKS, Event
from planesched.layouts import JOB, STATE
from planesched.reference import NOBODY
from planesched.simulation.engine import Engine
from planesched.traces import WAKE

# Of three classes, two of one; and VINA's own.
VECTORS = [0x31, 0x32, 0x51, 0x52, 0x91, 0xF3, WAKE]
CONTROLLERS = [
    *("lapic", "lapic", "lapic:mask_by=tpr", "lapic:auto_eoi=0x31+0x32+0x51+0x52"),
    "lapic:vina_vector=0x41,auto_eoi=0x41",
]


def with_vectors(case, seed):
    """The same with vectors for sources, a controller, and nothing that only controllers say."""
    rng = random.Random(seed)
    controller = rng.choice(CONTROLLERS)
    initial = list(case.guests["initial"])
    for mask in ("irq", "masked", "edge", *(["noint"] if "tpr" in controller else [])):
        initial[MASKS.index(mask)] = 0
    vectors = rng.sample(VECTORS, rng.randint(1, 4))
    arrivals = []
    for it in case.guests["arrivals"]:
        if it.event in (Event.MASK, Event.UNMASK):
            continue
        fields = vars(it) if it.event is not None else {**vars(it), "source": rng.choice(vectors)}
        arrivals.append(type(it)(**fields))
    guests = {**case.guests, "initial": tuple(initial), "arrivals": arrivals}
    return case._replace(guests=guests), controller


def run_slow(case, controller, end):
    guests = Guests(**case.guests)
    runs = [
        SlowVectorVcpu(case.policy, case.planes, guests, vcpu, controller=controller)
        for vcpu in range(case.vcpus)
    ]
    return runs, [at for run in runs if (at := stuck_at(run, end)) is not None]


def run_engine(case, controller, end):
    initial = np.zeros((), STATE)
    for name, value in zip(STATE.names, case.guests["initial"], strict=False):
        initial[name] = value
    guests = {**case.guests, "initial": initial}
    arrivals = sorted(guests.pop("arrivals"), key=lambda it: (it.time, it.plane, it.source))
    engine = Engine(
        case.policy, case.planes, case.vcpus, forward_ns=case.forward, controller=controller,
        **guests,
    )  # fmt: skip
    rows = [
        (it.time, it.service, it.vcpu, it.source, it.plane, 0)
        for it in arrivals
        if it.event is None
    ]
    for it in arrivals:
        if it.event is not None:
            engine.at(it.time, it.vcpu, it.event, it.plane if it.plane != NOBODY else None)
    jobs = np.array(rows, JOB)
    early = jobs["time_ns"] <= end // 2
    engine.feed(jobs[early])
    engine.advance(end // 2)
    engine.feed(jobs[~early])
    engine.advance(end)
    return engine


def by_vector(runs, planes):
    """What the slow model counted of vectors."""
    found = sum((run.vectors for run in runs), Counter())
    for run in runs:
        found.update((plane, v, "pending") for plane in range(planes) for v in run.irr(plane))
    return +found


def by_vector_of(engine):
    table = engine.vectors()
    names = ("posted", "coalesced", "dropped", "injected", "pending")
    return +Counter(
        {
            (plane, vector, name): int(table[plane, vector][name])
            for plane, vector in np.argwhere(table["posted"] > 0).tolist()
            for name in names
        }
    )


def expected(runs, planes):
    figures = slow_figures(runs, planes)
    figures["pending"] = [sum(len(run.irr(p)) for run in runs) for p in range(planes)]
    waiting = [job for run in runs for jobs in run.posted.values() for job in jobs]
    waiting += [job for run in runs for jobs in run.queues.values() for job in jobs]
    # What arrived in a transition that goes on is there.
    waiting += [each[3] for run in runs for each in run.waiting if each[3] is not None]
    queued = Counter((job.behind or job).plane for job in waiting if not job.notice)
    figures["queued"] = [queued[p] for p in range(planes)]
    return figures


def differences(case, controller):
    end = case.end
    runs, stuck = run_slow(case, controller, end)
    if stuck:
        found = [at for _, _, at, _ in run_engine(case, controller, end).livelocks()]
        if not set(stuck) <= set(found):
            return {"livelock": (stuck, found)}
        if not min(stuck):
            return {}
        end = min(stuck) - 1
        runs, _ = run_slow(case, controller, end)
    engine = run_engine(case, controller, end)
    mine, theirs = expected(runs, case.planes), engine_figures(engine, case.planes)
    out = {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}
    if by_vector(runs, case.planes) != by_vector_of(engine):
        out["vectors"] = (by_vector(runs, case.planes), by_vector_of(engine))
    return out


def check(make, seeds):
    wrong = {
        seed: found for seed in seeds if (found := differences(*with_vectors(make(seed), seed)))
    }
    assert wrong == {}


@pytest.mark.parametrize("make", [random_case, told_case])
def test_every_figure_is_equal(make):
    check(make, range(40))


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", [random_case, told_case])
def test_every_figure_is_equal_often(make):
    check(make, range(40, 200))


def test_these_cases_have_some_of_everything():
    counts = Counter()
    for seed in range(30):
        case, controller = with_vectors(told_case(seed), seed)
        runs, _ = run_slow(case, controller, case.end)
        for run in runs:
            for (_, _, what), count in run.vectors.items():
                counts[what] += count
            counts.update(str(event) for _, _, event, _, _ in run.timeline)
            counts["nested"] += sum(len(apic.isr) > 1 for apic in run.chip.apics)
    assert all(counts[what] > 1 for what in ("posted", "coalesced", "injected", "dropped"))
