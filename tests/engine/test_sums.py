"""What adds up is the same whether each vCPU is looked at, as a whole reading does, or not."""

from dataclasses import replace

import numpy as np
import pytest
from engine_by_hand import make_jobs

from planesched import Costs, Engine, Policy, Workload
from planesched.figures.batches import ROW_COUNTS, Batches
from planesched.figures.planes import exits, switches
from planesched.simulation.engine import Guests, Sums
from planesched.workload import Exponential, Ipis, Periodic, Poisson
from planesched.workload.numbered import Resolved

# How things stand, which `sums` leaves out.
PRESENT = {"pending", "age_ns", "queued", "oldest_ns", "starved_ns"}
TURNS = Policy(
    rank="siblings", marker=0, preempt="marker", call="handover", boot=0, algorithm="round_robin"
)
VSM = Policy.preset("vsm", planes=3)
POISSON = [Poisson(plane, Exponential("3 us"), rate="60 kHz", name=f"s{plane}") for plane in (0, 2)]


def make(sources=POISSON, costs=None, policy=VSM):
    resolved = Resolved(Workload(sources), policy, 3, Costs.of(costs), 7)
    guests = Guests(**resolved.guests(np.arange(6, dtype=np.uint32)))
    return Engine(policy, 3, 5, guests=guests, **resolved.engine())


ENGINES = {
    "plain": make,
    "costly": lambda: make(costs={"any": "20 us"}),
    # Its algorithm has memory, so no vCPU's state is looked up.
    "turns": lambda: make(policy=TURNS),
    "ipis": lambda: make([*POISSON, Ipis(1, "1 us", after="s0", chance=0.5)], {"any": "20 us"}),
}


def assert_sums_are_right(engine, into):
    whole = engine.read()
    sums = engine.read(into, sums=True)
    for one, other in zip(whole[:3], sums[:3], strict=True):
        for name in one.dtype.names:
            assert name in PRESENT or one[name].tobytes() == other[name].tobytes(), name
    for one, other in zip(whole[3:], sums[3:], strict=True):
        assert one.tobytes() == other.tobytes()
    return sums


@pytest.mark.parametrize("name", ENGINES)
def test_sums_are_those_of_a_whole_reading(name):
    engine = ENGINES[name]()
    into = assert_sums_are_right(engine, None)
    for step in range(1, 6):
        engine.advance(step * 333_333)
        into = assert_sums_are_right(engine, into)
        if step == 2:
            engine.feed(make_jobs(*((700_000 + 9_000 * i, i % 2, 5_000) for i in range(80))))
        if step == 3:
            engine.restart()  # the arrays hold more than there is now
            if name != "ipis":
                engine.grow(6)
            into = assert_sums_are_right(engine, into)
    assert into[2]["arrived"].sum() > 100


def whole_sums(engine, order):
    """Read as `Sums` keeps it, by numpy and the names of the fields."""
    figures, _, rows, *timed = engine.read()
    counts = [rows[name] if rows.dtype[name] == "u8" else rows[name]["lo"] for name in ROW_COUNTS]
    times = figures["time_ns"]["lo"][:, : engine.planes].T.astype(np.int64)
    changes = np.array([switches(figures), exits(figures)], np.int64)
    return [np.stack(counts, axis=-1)[order], times, changes, *(each[order] for each in timed)]


@pytest.mark.parametrize("name", ENGINES)
def test_batches_are_differences_of_what_adds_up(name):
    engine, order = ENGINES[name](), [3, 0, 2, 1, 4]
    engine.advance(100_000)
    engine.restart()
    sums = Sums(engine, order)
    sums.keep()
    ends = [whole_sums(engine, order)]
    for step in range(1, 71):
        # Longer and longer, so that histograms widen; what is only looked at is no end.
        engine.advance(100_000 + 2_000 * step * step)
        if step % 10 == 0:
            sums.look()
            assert sums.finished == engine.read()[2]["finished"].sum() > 0
            continue
        sums.keep()
        ends.append(whole_sums(engine, order))
    for _ in range(2):
        assert len(sums) == len(ends)
        found, first = sums.batches()
        for mine, theirs in zip(found[:3], zip(*ends, strict=True), strict=False):
            assert mine.tobytes() == np.diff(np.stack(theirs), axis=0).tobytes()
        for mine, theirs in zip(found[3:], list(zip(*ends, strict=True))[3:], strict=True):
            whole = np.diff(np.stack(theirs), axis=0)
            end = first + mine.shape[2]
            assert not whole[..., :first].any()
            assert not whole[..., end:].any()
            assert mine.tobytes() == whole[..., first:end].tobytes()
        sums.pair()
        ends = [ends[0], *ends[2::2]]
    again, first = sums.batches()
    last, same = sums.last_batches()
    assert (first, [each.tobytes() for each in again]) == (same, [each.tobytes() for each in last])
    assert len(sums) == 0


def test_nothing_kept_has_buckets_where_times_lie_beyond_those_of_the_beginning():
    """Stopped before the first batch ends: no batch, and quantiles of none."""
    work = [Periodic(1, "50 us", period="1 ms", name="timer")]
    engine = make(work, {"exit": "20 us"}, replace(VSM, scheduler="user"))
    sums = Sums(engine, range(4))
    sums.keep()
    engine.advance(10_000_000)
    sums.look()
    least_ns = engine.read()[2]["latency_min_ns"][0]
    assert least_ns >= 20_000
    arrays, first = sums.batches()
    batches = Batches.of(arrays, first).trimmed()
    assert len(batches) == 0
    for what in ("latency", "response", "sojourn"):
        assert batches.parts(what, [0]).quantiles(0.99).shape == (0,)
