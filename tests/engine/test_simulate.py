"""simulate: conservation, the same bytes for any number of threads, merging, files."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from busy_guests import BUSY, COSTS, check_books

from planesched import Flags, Policy, Result, presets, simulate
from planesched.errors import Mistake
from planesched.figures.distribution import bucket_floor, bucket_of
from planesched.workload import (
    Calls,
    Ipis,
    Poisson,
    Times,
    Workload,
)


@pytest.mark.parametrize("in_userspace", [False, True])
@pytest.mark.parametrize("name", presets())
def test_nothing_is_lost_and_time_adds_up(name, in_userspace):
    result = simulate(
        name, 3, 4, BUSY, costs=COSTS, duration="200 ms", warmup="10 ms", seed=2,
        in_userspace=in_userspace,
    )  # fmt: skip
    check_books(result)
    assert result.rows["arrived"].sum() > 4_000
    batches = result.batches
    assert batches.rows[..., 0].sum(axis=0).tolist() == result.rows["arrived"].tolist()
    assert batches.switches[:, 0].sum() == result.stats.switches
    buckets = slice(batches.first, batches.first + batches.latency.shape[2])
    for kind in ("latency", "response", "sojourn"):
        whole, counted = result.histograms[kind], getattr(batches, kind).sum(axis=0)
        assert np.array_equal(counted, whole[:, buckets])
        assert counted.sum() == whole.sum()


def test_a_time_is_in_its_bucket():
    for value in [0, 1, 63, 64, 127, 128, 129, 130, 10**6, 2**40 + 1, 2**63 - 1]:
        assert bucket_floor(bucket_of(value)) <= value < bucket_floor(bucket_of(value) + 1)


@pytest.mark.parametrize("name", ["vsm", "vsm_relay", "kvm_planes", "snp"])
def test_calls_make_the_caller_wait(name):
    to = {} if name.startswith("vsm") else {"to": 0}
    caller = 0 if name.startswith("vsm") else 1
    workload = Workload(
        [Calls(caller, "10 us", rate="1 kHz", name="call", **to)], busy=[caller], main=1
    )
    result = simulate(name, 2, 1, workload, duration="20 s", seed=4)
    check_books(result)
    finished = int(result.rows["finished"][0])
    # Calls come at 1 kHz of running time, and each takes 10 us of other time: 1 / (1 ms + 10 us).
    assert finished == pytest.approx(20 / 1.01e-3, rel=0.03)
    assert result.interval("sojourn_mean", "call").value == 10_000
    assert result.stats.running_ns[1 - caller] == pytest.approx(finished * 10_000, abs=10_000)


def test_calls_of_a_hand_computed_timeline():
    # A job of 100 us at plane 0 arrives at 0; it calls at random; each call takes plane 1 7 us.
    workload = Workload([Times(0, "100 us", times=[0]), Calls(0, "7 us", rate="50 kHz", name="c")])
    result = simulate("vsm", 2, 1, workload, duration="10 ms", seed=1, costs={"any": "1 us"})
    calls = int(result.rows["finished"][1])
    assert calls > 0
    # Two switches a call, one there and one back.
    assert result.rows["sojourn_max_ns"][0] == 100_000 + calls * (7_000 + 2_000)
    assert result.rows["sojourn_min_ns"][1] == 8_000


def test_an_ipi_arrives_at_the_end_of_the_job_that_sends_it():
    workload = Workload(
        [
            Times(1, 100, times=[50, 1000], vcpus=[0], name="a"),
            Ipis(1, 30, after="a", to=[2], name="ipi"),
        ]
    )
    result = simulate("vsm", 2, 3, workload, duration=2000, log=64)
    check_books(result)
    assert result.rows["finished"].tolist()[:2] == [2, 2]
    written = result.log
    entered = written[(written["now"] == 1) & (written["flags"] & Flags.SWITCHED > 0)]
    assert entered[["time_ns", "vcpu"]].tolist() == [(50, 0), (150, 2), (1000, 0), (1100, 2)]


def test_at_equal_times_ends_come_before_arrivals_and_ipis_by_plane():
    # The job at vCPU 0 ends at 100 and interrupts vCPU 1, where plane 2's tick comes at 100 too:
    # both arrive at 100, plane 1 before plane 2, so that plane 2 preempts at once.
    workload = Workload(
        [
            Times(1, 100, times=[0], vcpus=[0], name="a"),
            Ipis(1, 30, after="a", to=[1], name="ipi"),
            Times(2, 10, times=[100], vcpus=[1], name="tick"),
        ]
    )
    log = simulate("vsm", 3, 2, workload, duration=1000, log=16).log
    mine = log[(log["vcpu"] == 1) & (log["time_ns"] == 100)]
    assert mine["now"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["vsm", "kvm_planes", "tdx"])
def test_threads_and_merging_do_not_change_a_byte(tmp_path, name):
    apart = BUSY.replace(sources=[BUSY.source(n) for n in ("device", "bursts", "tick")])
    options = {"costs": COSTS, "duration": "50 ms", "warmup": "5 ms", "seed": 6}
    one, two = (simulate(name, 3, 12, apart, threads=n, **options) for n in (1, 2))
    merged = simulate(name, 3, range(5), apart, **options).merge(
        simulate(name, 3, range(5, 12), apart, **options)
    )
    assert pickle.dumps(one) == pickle.dumps(two) == pickle.dumps(merged)
    for number, result in enumerate((one, two, merged)):
        result.save(tmp_path / f"{number}.npz")
    first, *others = ((tmp_path / f"{number}.npz").read_bytes() for number in range(3))
    assert others == [first, first]


def test_vcpus_that_talk_are_simulated_together_on_any_number_of_threads():
    results = [
        simulate("vsm", 3, 6, BUSY, duration="50 ms", seed=8, threads=threads) for threads in (1, 2)
    ]
    assert pickle.dumps(results[0]) == pickle.dumps(results[1])
    with pytest.raises(ValueError, match="not independent"):
        results[0].merge(results[1])


def test_other_seeds_merge_one_after_the_other():
    runs = [simulate("vsm", 3, 2, BUSY, duration="50 ms", seed=seed) for seed in (1, 2)]
    both = runs[0].merge(runs[1])
    assert len(both.batches) == 64
    assert both.rows["arrived"].tolist() == sum(run.rows["arrived"] for run in runs).tolist()


def test_a_result_survives_files_and_pickling(tmp_path):
    result = simulate("vsm", 3, 2, BUSY, duration="50 ms", seed=1)
    result.save(tmp_path / "a.npz")
    for copy in (Result.load(tmp_path / "a.npz"), pickle.loads(pickle.dumps(result))):
        assert copy.as_dict() == result.as_dict()
        assert copy.interval("latency_p99") == result.interval("latency_p99")
        assert str(copy) == str(result)
    (tmp_path / "b.npz").write_bytes(b"no result")
    with pytest.raises(ValueError, match="expected a result that this version wrote"):
        Result.load(tmp_path / "b.npz")


def test_a_saved_result_that_is_damaged_is_a_mistake(tmp_path):
    path = tmp_path / "a.npz"
    result = simulate("vsm", planes=2, workload=Workload(), duration="1 ms")
    result.save(path)
    whole = path.read_bytes()
    refused = 0
    chance = np.random.default_rng(5)
    for at in chance.integers(len(whole), size=100):
        damaged = bytearray(whole)
        damaged[at : at + 30] = chance.bytes(30)
        path.write_bytes(damaged if at % 3 else whole[:at])
        try:
            assert Result.load(path) == result  # no field that matters
        except Mistake:
            refused += 1
    assert refused > 80


def test_policies_see_the_same_arrivals():
    totals = {
        name: simulate(name, 3, 2, BUSY, costs=COSTS, duration="50 ms").rows["arrived"][:3].tolist()
        for name in ("vsm", "vsm_relay", "kvm_user")
    }
    # What arrives in the last switch is not counted before its end.
    counts = np.array(list(totals.values()))
    assert np.ptp(counts, axis=0).max() <= 2


def test_jobs_end_a_simulation():
    result = simulate("vsm", 2, 3, BUSY, jobs=20_000, seed=1)
    assert 20_000 <= result.rows["finished"].sum() <= 30_000
    with pytest.raises(ValueError, match="expected a source that has a rate"):
        simulate("vsm", 2, 1, Workload([Times(0, 1, times=[1])]), jobs=10)


def test_until_precision_stops_when_means_are_known():
    coarse = simulate("vsm", 2, 1, BUSY, duration="300 s", until_precision=0.2, seed=1)
    fine = simulate("vsm", 2, 1, BUSY, duration="300 s", until_precision=0.02, seed=1)
    assert coarse.elapsed_ns < fine.elapsed_ns < 300e9
    for plane in range(2):
        found = fine.interval("sojourn_mean", plane)
        assert found.half <= 0.02 * found.value


def test_memory_does_not_grow_with_what_is_simulated():
    code = (
        "import resource\n"
        "from planesched import Workload, simulate\n"
        "from planesched.workload import Exponential, Poisson\n"
        "work = Workload([Poisson(p, Exponential('20 us'), rate='10 kHz') for p in (0, 1)])\n"
        "for options in ({'duration': '1 s'}, {'duration': '50 s'}, {'jobs': 1_000_000}):\n"
        "    done = simulate('vsm', 2, 2, work, threads=1, **options).events\n"
        "    print(done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows = [[int(word) for word in line.split()] for line in done.stdout.splitlines()]
    short, long, counted = rows
    assert long[0] > 40 * short[0]
    assert counted[0] > 20 * short[0]
    # In KiB; the figures of batches are the same for all.
    assert max(long[1], counted[1]) - short[1] < 12 * 1024


def test_progress_reaches_the_end():
    told = []
    simulate("vsm", 2, 2, BUSY, duration="20 ms", progress=lambda *args: told.append(args))
    assert told[-1][0] == 1
    assert told == sorted(told)


def test_the_longest_time_without_running_is_that_of_a_timeline():
    # Plane 0's job comes at 10, while plane 1 works until 100; then plane 0 works 20.
    workload = Workload([Times(1, 100, times=[0]), Times(0, 20, times=[10])])
    result = simulate("vsm", 2, 1, workload, duration=1000)
    assert result.jobs.starved_ns.tolist() == [90, 0]
    assert result.rows["sojourn_max_ns"].tolist()[:2] == [100, 110]


@pytest.mark.parametrize("planes", [1, 3])
def test_an_idle_marker_does_not_call_itself(planes):
    """One plane alone, or the guest OS in the marker's plane: it halts."""
    work = Workload([Times(0, 10, times=[5, 50])], main=0)
    found = simulate("kvm_planes", planes, 1, work, duration=500)
    assert found.livelocks == []
    assert sum(found.stats.blocked_ns) == 480


def test_more_vcpus_than_memory_has_room_for_are_refused_at_once():
    workload = Workload([Times(0, 10, times=[5])])
    with pytest.raises(ValueError, match=r"vcpus=4294967295, expected at most [\d,]+: "):
        simulate("vsm", 2, 2**32 - 1, workload, duration=500)


def test_a_plane_that_never_runs_starves_to_the_end():
    # As in kvm_planes, where only plane 0 preempts (systems.md, 9.2.5, a).
    workload = Workload([Times(1, 10, times=[5]), Times(2, 10, times=[50])])
    result = simulate(Policy.preset("vsm", 3).replace(preempt="none"), 3, 1, workload, duration=500)
    assert result.rows["queued"].tolist()[:2] == [1, 1]
    assert result.jobs.starved_ns.tolist() == [0, 495, 450]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"duration": None}, "duration=None, expected a time, or jobs="),
        ({"duration": "0 s"}, "expected a time above 0"),
        ({"duration": "5 parsecs"}, "expected a time with its unit"),
        ({"jobs": 0}, "jobs=0"),
        ({"seed": -1}, "seed=-1"),
        ({"threads": 0}, "threads=0"),
        ({"until_precision": 2}, "until_precision=2"),
        ({"costs": {"coffee": "1 us"}}, "costs='coffee', expected one of"),
        ({"costs": "nothing"}, "costs='nothing', expected one of free"),
        ({"vcpus": [1, 1]}, "expected one number or more, each once"),
        (
            {"workload": Workload([Poisson("level2", 1, rate=1)])},
            "level2, expected a level that exists",
        ),
        (
            {"workload": Workload([Calls(0, 1, rate=1)]), "policy": "snp"},
            ".to=None, expected a plane",
        ),
    ],
)
def test_wrong_input_is_named(changes, message):
    given = {"policy": "vsm", "vcpus": 1, "workload": BUSY, "duration": "1 ms"} | changes
    with pytest.raises(ValueError, match=message):
        simulate(given.pop("policy"), 2, **given)
