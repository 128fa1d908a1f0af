"""Guests that have some of everything, and what has to add up in a simulation of any."""

from planesched.workload import (
    Costs,
    Exponential,
    Gamma,
    Ipis,
    LogNormal,
    OnOff,
    Periodic,
    Poisson,
    Uniform,
    Workload,
)

BUSY = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="5 kHz", name="device"),
        OnOff("level0", Gamma("5 us", 2), rate="20 kHz", on="1 ms", off="3 ms", name="bursts"),
        Periodic("level0", "3 us", period="1 ms", jitter="50 us", name="tick"),
        Ipis("level0", Uniform("1 us", "4 us"), after="device", chance=0.3, name="ipi"),
    ],
    busy=["level0"],
)
COSTS = Costs({"any": "1 us", "call": Exponential("2 us")}, {(0, 1): "3 us"}, LogNormal("4 us", 1))


def wide(words):
    value = int(words["hi"]) << 64 | int(words["lo"])
    return value - (1 << 128) if value >> 127 else value


def check_books(result):
    assert (result.time_ns.sum(axis=1) == result.elapsed_ns).all()
    rows, totals = result.rows, result.totals
    assert (rows["queued_before"] + rows["arrived"] == rows["finished"] + rows["queued"]).all()
    for kind in range(3):
        assert not result.stats.balance(kind).any()
    # Little's law: the number of jobs integrated over time is the time that they spent.
    spent = sum(wide(words) for words in totals["sojourn_ns"]) + wide(totals["age_ns"])
    assert wide(totals["load_ns"]) == spent - wide(totals["age_before_ns"])
    by_kind = result.figures["time_ns"]
    for kind in range(4):
        assert sum(wide(words) for words in by_kind[kind]) == result.time_ns[:, kind].sum()
    assert (
        result.histograms["latency"].sum()
        == rows["injected"].sum()
        == result.figures["taken"][0].sum()
    )
    assert result.histograms["sojourn"].sum() == rows["finished"].sum()
