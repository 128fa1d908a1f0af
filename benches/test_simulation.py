"""Simulation beside the same model in other systems: M/M/1, three classes, load 0.7.

An event is an arrival or the end of a job; histograms of latency and sojourn are kept by all. Every
answer is held against the closed form.
"""

import shutil
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from planesched import Policy, Workload, simulate
from planesched.workload import Exponential, Poisson

PEERS = Path(__file__).parent / "peers"
LOAD, MEAN_NS, CLASSES = 0.7, 10_000, 3
# E[T_k] = MEAN (1 / (1 - S(k-1)) + S(k) / ((1 - S(k-1)) (1 - S(k)))), most urgent first.
SHARES = [LOAD / CLASSES * k for k in range(CLASSES + 1)]
EXPECTED = [
    MEAN_NS * (1 / (1 - low) + high / ((1 - low) * (1 - high))) for low, high in pairwise(SHARES)
]


def check(found, rel):
    assert found == pytest.approx(EXPECTED, rel=rel)


def workload():
    rate_hz = LOAD / CLASSES / MEAN_NS * 1e9
    return Workload([Poisson(p, Exponential(MEAN_NS), rate=rate_hz) for p in range(CLASSES)])


def run(vcpus, duration, threads, **more):
    policy = Policy(direction="highest_first", call="next", ret="resume")
    given = {"duration": duration, "threads": threads, "seed": 1}
    return simulate(policy, CLASSES, vcpus, workload(), **given, **more)


def events_a_second(benchmark, events, cpu_s=None):
    """Note the rate; by processor time too, which other work on the machine disturbs less."""
    benchmark.extra_info["events"] = events
    benchmark.extra_info["M events/s"] = round(events / benchmark.stats.stats.median / 1e6, 3)
    if cpu_s is not None:
        benchmark.extra_info["M events/s of processor time"] = round(events / cpu_s / 1e6, 3)


def cpu_time(work, rounds=5):
    """Give what `work` returned last, and the least processor time that it took."""
    took = []
    for _ in range(rounds):
        began = time.process_time()
        result = work()
        took.append(time.process_time() - began)
    return result, min(took)


@pytest.mark.parametrize("direction", ["highest_first", "lowest_first"])
def test_planesched(benchmark, direction):
    boot = 0 if direction == "highest_first" else CLASSES - 1
    policy = Policy(direction=direction, call="next", ret="resume", boot=boot)

    def work():
        return simulate(policy, CLASSES, 1, workload(), duration="300 s", threads=1, seed=1)

    result = benchmark.pedantic(work, rounds=5)
    found = [result.interval("sojourn_mean", plane).value for plane in range(CLASSES)]
    check(found[::-1] if boot == 0 else found, rel=0.02)
    events_a_second(benchmark, result.events, cpu_time(work)[1])


def test_two_threads(benchmark, beside, two_cores):
    """64 vCPUs."""
    one, two = (partial(run, 64, "5 s", threads) for threads in (1, 2))
    result, _ = beside(one, two, "times one thread", rounds=7)
    check([result.interval("sojourn_mean", p).value for p in (2, 1, 0)], rel=0.02)
    events_a_second(benchmark, result.events)


def test_with_controllers(benchmark, beside):
    """16 vCPUs, each class of jobs with a vector of its own plane."""
    without, vectors = (partial(run, 16, "2 s", 1, controller=c) for c in (None, "lapic"))
    result, _ = beside(without, vectors, "of the rate without controllers", rounds=5)
    check([result.interval("sojourn_mean", p).value for p in (2, 1, 0)], rel=0.05)
    events_a_second(benchmark, result.events)


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("no C compiler")
    out = tmp_path_factory.mktemp("plain") / "plain"
    subprocess.run([compiler, "-O3", "-o", out, PEERS / "plain.c", "-lm"], check=True)
    return out


def test_plain_c(benchmark, plain):
    events = 42_000_000
    done = benchmark.pedantic(
        lambda: subprocess.run([plain, str(events), str(LOAD)], capture_output=True, check=True),
        rounds=5,
    )
    check([float(word) for word in done.stdout.split()[2:]], rel=0.02)
    runs = [subprocess.run([plain, str(events), str(LOAD)], capture_output=True) for _ in range(5)]
    events_a_second(benchmark, events, min(float(run.stdout.split()[0]) for run in runs))


def test_numba(benchmark):
    sys.path.insert(0, str(PEERS))
    from numba_loop import run as loop

    loop(1000, LOAD, 1)  # compile
    events = 42_000_000
    check(benchmark.pedantic(loop, (events, LOAD, 2), rounds=3), rel=0.02)
    events_a_second(benchmark, events)


@pytest.mark.parametrize("way", ["natural", "tuned"])
def test_simpy(benchmark, way):
    sys.path.insert(0, str(PEERS))
    import simpy_models

    jobs = 100_000
    found = benchmark.pedantic(getattr(simpy_models, way), (jobs, LOAD, 3), rounds=1)
    check(found, rel=0.1)
    events_a_second(benchmark, 2 * jobs)


# It has wheels for some machines only. It is imported before numba has compiled anything, or it
# does not find its own types.
if find_spec("cimba"):
    import cimba  # noqa: F401

    @pytest.mark.parametrize("way", ["natural", "tuned"])
    def test_cimba(benchmark, way):
        sys.path.insert(0, str(PEERS))
        import cimba_models

        model, jobs = getattr(cimba_models, way), 2_000_000
        model(1000, LOAD, 4)  # compile
        check(benchmark.pedantic(model, (jobs, LOAD, 4), rounds=3), rel=0.02)
        events_a_second(benchmark, 2 * jobs, cpu_time(lambda: model(jobs, LOAD, 4), rounds=3)[1])


def test_a_million_vcpus_fit_in_a_gibibyte(benchmark):
    code = (
        "import re, sys; sys.path.insert(0, sys.argv[1]); import test_simulation as t;"
        # Not ru_maxrss: it begins with what the process was before it became this one.
        "from pathlib import Path; status = Path('/proc/self/status');"
        "kib = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1]); before = kib();"
        "r = t.run(1_000_000, '200 us', 1); assert r.vcpus == 1_000_000 and r.events > 2_000_000;"
        "print(before, kib())"
    )
    done = benchmark.pedantic(
        lambda: subprocess.run(
            [sys.executable, "-c", code, str(PEERS.parent)], capture_output=True, check=True
        ),
        rounds=1,
    )
    before, after = map(int, done.stdout.split())
    benchmark.extra_info["MiB beside the interpreter and its modules"] = (after - before) // 1024
    assert after < 1024 * 1024
