"""Jobs from C against jobs from objects: the same of records in any order that may come."""

import numpy as np
import pytest
from slow_jobs import NO_VCPU, SlowJobs

from planesched import traces
from planesched.layouts import JOB
from planesched.traces import Kind, PlaneMap
from planesched.traces.decoder import sort_jobs

SEED = 20261130
KINDS = [Kind.ARRIVAL, Kind.POSTED, Kind.KICK, Kind.INJECT, Kind.REINJECT, Kind.EOI, Kind.HALT]
KINDS += [Kind.WAKEUP, Kind.RUN, Kind.CALL]
WEIGHTS = np.array([6, 1, 1, 4, 1, 1, 4, 4, 4, 1])
MAP = PlaneMap.parse(["40=level1", "vcpu1:41=level2"])


def some_records(random, n):
    rows = np.zeros(n, traces.RECORD)
    rows["time_ns"] = np.cumsum(random.choice([0, 0, 1, 7, 100], n))
    rows["kind"] = random.choice(KINDS, n, p=WEIGHTS / WEIGHTS.sum())
    rows["vcpu"] = random.choice([0, 1, 5, NO_VCPU], n, p=[0.4, 0.3, 0.2, 0.1])
    rows["thread"] = random.integers(130, 136, n)
    rows["vector"] = random.choice([0, 39, 40, 41, 42, 255], n)
    rows["arg"] = np.where(rows["kind"] == Kind.WAKEUP, random.choice([0, 5, 500], n), 0)
    return rows


@pytest.mark.parametrize("look_ahead", [1, 5, 40, 1 << 20])
@pytest.mark.parametrize("injected", [False, True])
def test_the_same_jobs(look_ahead, injected):
    random = np.random.default_rng(SEED)
    cuts = 0
    for _ in range(40):
        rows = some_records(random, 300)
        rows["time_ns"] -= rows["time_ns"][0]
        ends = np.unique(random.integers(1, 300, random.integers(0, 6)))
        chunks = np.split(rows, ends)
        slow = SlowJobs(chunks, MAP, [0, 20, 30], look_ahead, injected)
        expected = [(chunk.tolist(), until) for chunk, until in slow]
        fast = traces.jobs(
            traces.Records(chunks),
            MAP,
            service={"level1": 20, "level2": 30},
            look_ahead=look_ahead,
            arrivals="injected" if injected else "accepted",
        )
        assert [(chunk.tolist(), until) for chunk, until in fast] == expected
        told = slow.arrivals, slow.wakes, slow.cuts, slow.busy_ns
        assert (fast.arrivals, fast.wakes, fast.cuts, fast.busy_ns) == told
        assert fast.seen() == {vcpu.id: vcpu.seen for vcpu in slow.vcpus.values()}
        cuts += slow.cuts
    assert (cuts > 0) == (look_ahead < 1000)


@pytest.mark.parametrize("most", [1, 3, 1000])
def test_the_same_order(most):
    random = np.random.default_rng(SEED)
    jobs = np.zeros(500, JOB)
    jobs["time_ns"] = np.sort(random.integers(0, 1000 // most, 500))
    for name in "vcpu", "plane", "source", "service_ns":
        jobs[name] = random.integers(0, 4, 500)
    order = np.lexsort((jobs["source"], jobs["plane"], jobs["vcpu"], jobs["time_ns"]))
    assert sort_jobs(jobs.copy()).tolist() == jobs[order].tolist()
    with pytest.raises(TypeError, match="expected a writable, contiguous array of JOB"):
        sort_jobs(jobs[::2])


def test_long_waits_and_services_are_no_overflow():
    kinds = [Kind.RUN, Kind.ARRIVAL, Kind.WAKEUP, Kind.RUN, Kind.HALT]
    last = 2**63 - 1
    rows = np.array(
        [(time, 2**62 if kind == Kind.WAKEUP else 0, 7, 0, 40, kind, 0)
         for time, kind in zip([0, 1, 2, 3, last], kinds, strict=True)],
        traces.RECORD,
    )  # fmt: skip
    stream = traces.jobs(traces.Records(rows), PlaneMap(), service={"level0": last})
    (*_, last_chunk) = stream
    assert last_chunk[1] == 2**63
    assert stream.busy_ns == last - 2
    # Five vCPUs that are busy for all of the time: more than 64 bits hold.
    many = np.zeros(10, traces.RECORD)
    many["vcpu"] = np.tile(range(5), 2)
    many["kind"], many["vector"] = Kind.RUN, -1
    many["time_ns"][5:] = last
    stream = traces.jobs(traces.Records(many), PlaneMap())
    assert sum(int(chunk["service_ns"].astype(object).sum()) for chunk, _ in stream) == 5 * last
    assert stream.busy_ns == 5 * last
    with pytest.raises(ValueError, match=r"service.level0=.*below 2\^63"):
        traces.jobs(traces.Records(rows), PlaneMap(), service={"level0": last + 1})
    lone = rows[:3].copy()
    lone["kind"], lone["vcpu"], lone["thread"] = Kind.WAKEUP, 2**32 - 1, (7, 0, -1)
    with pytest.raises(ValueError, match=r"records\[2\]\.thread=-1, expected a thread, where"):
        list(traces.jobs(traces.Records(lone), PlaneMap()))
    rows["arg"][2] = -1
    with pytest.raises(ValueError, match=r"records\[2\]\.arg=-1, expected a wait of 0 ns"):
        list(traces.jobs(traces.Records(rows), PlaneMap()))
