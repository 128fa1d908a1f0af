"""The state search: one thread, two, beside Spin, and one of more than 100 M transitions."""

import pytest
from peers import spin_model

from planesched import Policy, check

PLANES, EVENTS = 4, "hostile,+nmi,+intercept,-answer"
STATES, TRANSITIONS, DEPTH = 1_810_368, 31_455_144, 22
SAFETY = "priority,wakeup,work_conserving,nothing_lost,feasible"


def search(threads, properties=SAFETY):
    return check("vsm", PLANES, events=EVENTS, properties=properties, threads=threads)


def look(benchmark, threads, properties):
    report = benchmark.pedantic(search, (threads, properties), rounds=3)
    coverage = report.coverage
    assert coverage.exhausted
    assert (coverage.states, coverage.transitions) == (STATES, TRANSITIONS)
    assert coverage.depth == DEPTH
    assert coverage.nbytes / coverage.states <= 64
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["M transitions/s"] = round(TRANSITIONS / seconds / 1e6, 1)
    benchmark.extra_info["bytes a state"] = round(coverage.nbytes / coverage.states, 1)
    return report


def test_one_thread(benchmark):
    assert look(benchmark, 1, SAFETY).verdicts["priority"].holds


def test_two_threads(benchmark, beside, two_cores):
    report, alone_s = beside(lambda: search(1), lambda: search(2), "times one thread", rounds=7)
    assert (report.coverage.states, report.coverage.transitions) == (STATES, TRANSITIONS)
    benchmark.extra_info["M transitions/s of one"] = round(TRANSITIONS / alone_s / 1e6, 1)
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["M transitions/s"] = round(TRANSITIONS / seconds / 1e6, 1)


def test_with_delivery_and_progress(benchmark):
    report = look(benchmark, 1, None)
    assert report.verdicts["delivery"].kind == "deadlock"


@pytest.mark.parametrize("flags", spin_model.FLAGS)
def test_spin(benchmark, tmp_path, flags):
    pan = spin_model.build(tmp_path, Policy.preset("vsm", PLANES), PLANES, EVENTS, flags)
    states = benchmark.pedantic(lambda: spin_model.search(pan), rounds=1)
    assert abs(states - STATES) <= 2  # Spin also counts where the process begins
    seconds = benchmark.stats.stats.median
    benchmark.extra_info["M transitions/s"] = round(TRANSITIONS / seconds / 1e6, 1)


def test_more_than_100_million_transitions(benchmark, two_cores):
    report = benchmark.pedantic(
        lambda: check(
            "vsm", 4, events="hostile,+nmi,+intercept,+hold,+release", properties=SAFETY,
            max_states=12_000_000,
        ),
        rounds=1,
    )  # fmt: skip
    coverage = report.coverage
    assert coverage.transitions >= 100_000_000
    assert coverage.nbytes < 64 * 1.01 * 12_000_000
    assert not coverage.exhausted
    assert report.verdicts["priority"].holds is None
    benchmark.extra_info["covered"] = str(coverage)  # without the search for whose doing it is
