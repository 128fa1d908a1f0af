"""The search for lost wake-ups: 3 planes with repeating senders in full, and a bounded one."""

import statistics
import time

import pytest

from planesched.checking.kick import check_wakeups

# With halt, call, return, cli and sti of the plane that runs.
IN_FULL = {
    "vsm": (1_422_088, 5_708_440),
    "snp": (1_500_151, 6_026_605),
    "tdx": (988_008, 3_971_904),
}


def look(benchmark, policy, sends, max_states=10_000_000):
    took = []

    def search():
        began = time.process_time()
        report = check_wakeups(policy, 3, sends=sends, max_states=max_states)
        took.append(time.process_time() - began)
        return report

    report = benchmark.pedantic(search, rounds=3)
    rate = report.transitions / statistics.median(took) / 1e6
    benchmark.extra_info["M transitions/s of the processor's time"] = round(rate, 1)
    assert not report.broken
    return report


@pytest.mark.parametrize("policy", IN_FULL)
def test_in_full(benchmark, policy):
    report = look(benchmark, policy, "irq 0, irq 1, irq 2")
    assert report.exhausted
    assert (report.states, report.transitions) == IN_FULL[policy]


def test_bounded(benchmark):
    report = look(benchmark, "vsm", "irq 0, irq 1, irq 2, nmi 0")
    assert not report.exhausted
    assert "10,000,026 states" in str(report)
    assert "not known" in str(report)
