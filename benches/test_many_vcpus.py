"""Many vCPUs beside one: the model of test_simulation.py, on one core.

Rates are those of one vCPU's in the same round; every answer is held against the closed form.
"""

import statistics
import time

import numpy as np
import pytest
from test_simulation import CLASSES, LOAD, MEAN_NS, check, run, workload

from planesched import Costs, Policy
from planesched.simulation import group, rounds
from planesched.simulation.engine import Engine, Guests
from planesched.workload.numbered import Resolved

EVENT_NS = MEAN_NS / LOAD / 2  # of one vCPU: an arrival or the end of a job
VISIT = 200


class Visited:
    """An engine whose vCPUs are visited for some events each."""

    def __init__(self, vcpus):
        policy = Policy(direction="highest_first", call="next", ret="resume")
        resolved = Resolved(workload(), policy, CLASSES, Costs.of(None), 1)
        guests = Guests(**resolved.guests(np.arange(vcpus, dtype=np.uint32)))
        self.engine = Engine(policy, CLASSES, vcpus, guests=guests, **resolved.engine())
        self.engine.advance(int(VISIT * EVENT_NS))
        self.engine.restart()
        self.events = 0

    def visit(self, events):
        """Return events a second of processor time."""
        before = self.events
        began = time.process_time()
        self.engine.advance(self.engine.now_ns + int(events * EVENT_NS))
        took = time.process_time() - began
        rows = self.engine.read(sums=True)[2]
        self.events = int(rows["arrived"].sum() + rows["finished"].sum())
        return (self.events - before) / took

    def sojourns(self):
        """Return mean sojourn times, the most urgent class first."""
        rows = self.engine.read(sums=True)[2][CLASSES - 1 :: -1]
        return rows["sojourn_ns"]["lo"] / rows["finished"]


def note(benchmark, ratios, many, events):
    benchmark.extra_info["of the rate with one vCPU"] = round(statistics.median(ratios), 3)
    benchmark.extra_info["M events/s of processor time, best"] = round(max(many) / 1e6, 1)
    benchmark.extra_info["events"] = events


@pytest.mark.parametrize("vcpus", [64, 10_000, 1_000_000])
def test_engine(benchmark, vcpus):
    """The engine alone, 200 events of each vCPU a visit."""
    one, many = Visited(1), Visited(vcpus)
    visits = max(1, 2_000_000 // (vcpus * VISIT))
    ratios, rates = [], []

    def work():
        alone = one.visit(min(visits * vcpus * VISIT, 4_000_000))
        rates.append(1 / statistics.mean(1 / many.visit(VISIT) for _ in range(visits)))
        ratios.append(rates[-1] / alone)

    benchmark.pedantic(work, rounds=15 if vcpus < 1_000_000 else 4)
    check(many.sojourns(), rel=0.02)
    note(benchmark, ratios, rates, many.events)


# Events of each vCPU: in all, so that what begins and ends a vCPU weighs the more the fewer.
@pytest.mark.parametrize(
    ("vcpus", "events"),
    [(64, 6_400), (64, 32_000), (10_000, 200), (10_000, 1_000), (100_000, 200), (1_000_000, 200)],
)
def test_simulate(benchmark, vcpus, events):
    ratios, rates = [], []

    def rate(vcpus, events):
        began = time.process_time()
        # Guests begin with empty queues: figures are of the time after the first events.
        warmup = events // 4
        result = run(vcpus, int((events - warmup) * EVENT_NS), 1, warmup=int(warmup * EVENT_NS))
        return vcpus * events / (time.process_time() - began), result

    def work():
        alone, _ = rate(1, min(vcpus * events, 20_000_000))
        found, result = rate(vcpus, events)
        rates.append(found)
        ratios.append(found / alone)
        return result

    result = benchmark.pedantic(work, rounds=7 if vcpus < 1_000_000 else 1)
    check([result.interval("sojourn_mean", p).value for p in (2, 1, 0)], rel=0.05)
    note(benchmark, ratios, rates, result.events)


def test_reading_figures(benchmark, monkeypatch):
    """What part of 100,000 vCPUs' time, 208 events each, is reading and merging their figures."""
    spent = [0.0]

    def timed(owner, name):
        method = getattr(owner, name)

        def measured(*given, **named):
            began = time.process_time()
            try:
                return method(*given, **named)
            finally:
                spent[0] += time.process_time() - began

        monkeypatch.setattr(owner, name, measured)

    for owner, name in (
        (group.Cell, "_look"),
        (group.Cell, "_read_rest"),
        (rounds.Rounds, "_finish"),
        (rounds.Rounds, "_assemble"),
    ):
        timed(owner, name)
    parts = []

    def work():
        spent[0], began = 0.0, time.process_time()
        result = run(100_000, int(208 * EVENT_NS), 1)
        parts.append(spent[0] / (time.process_time() - began))
        return result

    result = benchmark.pedantic(work, rounds=7)
    assert result.events == pytest.approx(208 * 100_000, rel=0.02)
    benchmark.extra_info["part of the time"] = round(statistics.median(parts), 3)
