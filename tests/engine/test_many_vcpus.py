"""Many vCPUs for a short time: batches are of vCPUs, and engines are used again."""

import pickle
from functools import partial

import numpy as np
import pytest

from planesched import Costs, Engine, Workload, compare, simulate
from planesched.layouts import JOB
from planesched.policytext import as_policy
from planesched.simulation.engine import Guests, Sums
from planesched.simulation.group import Cell
from planesched.workload import Exponential, Ipis, Poisson
from planesched.workload.numbered import Resolved

WORK = Workload([Poisson(p, Exponential("10 us"), rate="20 kHz", name=f"s{p}") for p in (0, 2)])
RUN = partial(simulate, "vsm", 3, workload=WORK, duration="300 us", warmup="20 us", seed=4)
MANY = 32 * 256


@pytest.fixture(scope="module")
def whole():
    return RUN(vcpus=MANY, threads=1)


def test_a_batch_is_what_its_vcpus_do_apart(whole):
    assert len(whole.batches) == 32
    for batch in (0, 5, 31):
        alone = RUN(vcpus=range(batch, MANY, 32), threads=1)
        names = ("rows", "planes", "switches")
        for name in names:
            its = getattr(alone.batches, name).sum(axis=0)
            assert np.array_equal(getattr(whole.batches, name)[batch], its)
        mine, theirs = whole.batches.aligned(alone.batches)
        assert np.array_equal(mine.sojourn[batch], theirs.sojourn.sum(axis=0))


def test_figures_are_those_of_batches_in_time(whole):
    """Fewer vCPUs have batches in time; those of both parts are other ones, and all else is not."""
    parts = [RUN(vcpus=part, threads=1) for part in (range(MANY // 2), range(MANY // 2, MANY))]
    merged = parts[0].merge(parts[1])
    assert merged.stats == whole.stats
    assert merged.jobs == whole.jobs
    assert merged.rows.tobytes() == whole.rows.tobytes()
    assert merged.time_ns.tobytes() == whole.time_ns.tobytes()
    for kind in ("latency", "response", "sojourn"):
        assert np.array_equal(merged.histograms[kind], whole.histograms[kind])
    assert merged.batches != whole.batches
    for metric in ("sojourn_mean", "switches_hz", "utilisation"):
        one, other = (result.interval(metric) for result in (merged, whole))
        assert one.value == other.value
        assert other.low < other.value < other.high


def test_parts_and_threads_make_no_difference():
    whole = RUN(vcpus=2 * MANY, threads=2)
    parts = [RUN(vcpus=part, threads=1) for part in (range(MANY), range(MANY, 2 * MANY))]
    assert pickle.dumps(parts[0].merge(parts[1])) == pickle.dumps(whole)


@pytest.mark.parametrize(
    "given",
    [
        {"vcpus": MANY - 1},
        {"duration": "200 ms", "vcpus": MANY},
        {"jobs": 1, "vcpus": MANY},
        {"workload": Workload([*WORK.sources, Ipis(1, "1 us", after="s0", chance=0.0)])},
        {"workload": Workload([Poisson(0, "1 us", rate="9 kHz", vcpus=range(0, MANY, 2))])},
    ],
)
def test_others_have_batches_in_time(given):
    """Fewer vCPUs, longer runs, those whose end is not known, and vCPUs that are not alike."""
    from planesched.simulation.stopping import Plan

    said = {"workload": WORK, "duration": "300 us", "jobs": None, "vcpus": MANY} | given
    resolved = Resolved(said["workload"], as_policy("vsm", 3), 3, Costs.of(None), 1)
    ids = np.arange(said["vcpus"], dtype=np.uint32)
    plan = Plan(resolved, ids, said["duration"], said["jobs"], 0, None)
    assert not plan.by_vcpus
    assert [each.tolist() for each in plan.parts(ids)] == [ids.tolist()]
    assert Plan(resolved, np.arange(9 * MANY, dtype=np.uint32), 1000, None, 0, None).by_vcpus == (
        "workload" not in given
    )


def test_policies_take_turns_by_batches_of_vcpus():
    def stop(part, events):
        if part > 0.5:
            raise KeyboardInterrupt

    found = compare(
        ["vsm", "vsm:ret=resume"], 3, MANY, WORK, costs="1 us", duration="100 us", seed=3,
        threads=1, progress=stop,
    )  # fmt: skip
    assert found.partial
    one, other = found
    assert one.elapsed_ns == other.elapsed_ns == 100_000
    assert 0 <= one.vcpus - other.vcpus <= 4 * 256
    for result in found:
        assert result.vcpus == len(result.batches) * 256
        assert result.batches.rows[..., 0].sum(axis=0).tolist() == result.rows["arrived"].tolist()
    assert found.difference("switches").high < 0


def test_who_stops_at_once_knows_figures_of_the_vcpus_that_began():
    def stop(part, events):
        raise KeyboardInterrupt

    found = RUN(vcpus=MANY, threads=1, progress=stop)
    assert found.partial
    assert found.vcpus == 256
    found = found.interval("sojourn_mean", "s2")
    assert 0 < found.value < found.high == np.inf


@pytest.mark.parametrize(("batch", "ends"), [(3, 1), (None, 0)])
def test_a_batch_of_vcpus_ends_where_it_is_stopped(batch, ends):
    resolved = Resolved(WORK, as_policy("vsm", 3), 3, Costs.of(None), 1)
    ids, nothing = np.arange(9, dtype=np.uint32), np.zeros(0, JOB)
    cell = Cell(resolved, ids, 0, nothing, batch=batch)
    looks = iter([False, False, False, True])
    assert not cell.run([10**9], lambda: next(looks), keep=False)
    assert [len(each) for each in cell.read().batches.values()] == [ends]
    assert cell.now_ns > 0


ENGINES = {
    "plain": {},
    "costly": {"costs": {"any": Exponential("2 us")}},
    "vectors": {"controller": "lapic"},
    "slices": {"slice_ns": 3000},
    "turns": {"policy": "kvm_planes:algorithm=round_robin,rank=siblings"},
}


def made(ids, policy="vsm", **given):
    policy = as_policy(policy, 3)
    resolved = Resolved(WORK, policy, 3, Costs.of(given.pop("costs", None)), 7)
    own = resolved.engine() | given
    guests = Guests(**resolved.guests(ids))
    return Engine(policy, 3, len(ids), guests=guests, **own)


def all_of(engine):
    found = [array.tobytes() for array in engine.read()]
    return [*found, engine.time_ns().tobytes(), engine.state.tobytes(), engine.livelocks()]


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_begins_again_as_a_new_one(name):
    first, ids = np.arange(5, dtype=np.uint32), np.arange(100, 107, dtype=np.uint32)
    used, fresh = made(first, **ENGINES[name]), made(ids, **ENGINES[name])
    used.advance(1_234_567)
    used.restart()
    used.advance(2_000_000)
    for _ in range(2):
        used.renew(ids)
        assert (used.now_ns, used.vcpus) == (0, 7)
        assert all_of(used) == all_of(fresh)
        for to_ns in (400_000, 900_001):
            used.advance(to_ns)
            if fresh.now_ns < to_ns:
                fresh.advance(to_ns)
        assert all_of(used) == all_of(fresh)
        if used.controller is not None:
            assert used.vectors().tobytes() == fresh.vectors().tobytes()
        fresh = made(ids, **ENGINES[name])


def test_engines_without_guests_of_all_vcpus_begin_once():
    with pytest.raises(ValueError, match="no guests of its own"):
        Engine("vsm").renew(np.arange(1, dtype=np.uint32))
    work = Workload([Poisson(0, "1 us", rate="9 kHz", vcpus=[0])])
    resolved = Resolved(work, as_policy("vsm", 2), 2, Costs.of(None), 7)
    ids = np.arange(2, dtype=np.uint32)
    engine = Engine("vsm", 2, 2, guests=Guests(**resolved.guests(ids)), **resolved.engine())
    with pytest.raises(ValueError, match="sources of some vCPUs only"):
        engine.renew(ids)
    assert engine.vcpus == 2


@pytest.mark.parametrize("name", ["look", "keep", "pair", "span", "batches", "last_batches"])
def test_sums_that_were_not_initialised_say_so(name):
    with pytest.raises(TypeError, match="not initialised"):
        getattr(Sums.__new__(Sums), name)()
