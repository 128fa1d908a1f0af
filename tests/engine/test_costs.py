"""What switches cost, by reason, by planes, at random, with exits: exact, or by their mean."""

import numpy as np
import pytest

from planesched import simulate
from planesched.workload import (
    Calls,
    Constant,
    Costs,
    Empirical,
    Exponential,
    Gamma,
    LogNormal,
    Times,
    Uniform,
    Workload,
    cost_sets,
)

JOBS = 2000
# A job of 100 ns every 10 us, for plane 1; in between the vCPU goes back to plane 0.
TICKS = Workload([Times(1, 100, times=np.arange(1, JOBS + 1) * 10_000)])


def run(costs, **options):
    result = simulate("vsm", 2, 1, TICKS, costs=costs, duration="30 ms", seed=2, **options)
    assert result.rows["finished"][0] == JOBS
    return result


def test_response_is_to_the_first_instruction_with_the_switch_and_exit_that_it_takes():
    work = Workload([Times(1, 100, times=[1_000])])
    costs = {"any": "1.5 us", "exit": "5 us"}
    kernel, user = (
        simulate("vsm", 2, 1, work, duration="1 ms", costs=costs, in_userspace=userspace)
        for userspace in (False, True)
    )
    found = [
        [timed[1].max_ns for timed in (result.latency, result.response, result.sojourn)]
        for result in (kernel, user)
    ]
    assert found == [[0, 1500, 1600], [5000, 6500, 6600]]
    free = simulate("vsm", 2, 1, work, duration="1 ms")
    assert free.response[1].quantile_ns(0.5) == free.latency[1].quantile_ns(0.5) == 0


def test_planes_go_before_reasons_and_reasons_before_any():
    costs = Costs({"any": "1 us", "return": "700 ns"}, {(0, 1): "3 us", (3, 4): "9 us"})
    result = run(costs)
    assert result.stats.transition_ns == (700 * JOBS, 3000 * JOBS)
    assert result.rows["sojourn_min_ns"][0] == result.rows["sojourn_max_ns"][0] == 3100
    assert run({"any": 50, "call": "1 s"}).stats.transition_ns == (50 * JOBS, 50 * JOBS)


def test_an_exit_costs_besides_the_entry():
    result = run({"exit": "3 us", "user": "10 ns", "interrupt": "1 s"}, in_userspace=True)
    assert result.stats.exits == 2 * JOBS
    assert sum(result.stats.transition_ns) == 2 * 3010 * JOBS
    assert result.rows["sojourn_max_ns"][0] == 3110


@pytest.mark.parametrize(
    "spread",
    [
        Exponential("1 us"),
        Gamma("500 ns", 2),
        Uniform("100 ns", "900 ns"),
        LogNormal("300 ns", 0.5),
        Empirical([10, 2000]),
    ],
    ids=lambda spread: type(spread).__name__,
)
def test_costs_at_random_have_their_mean(spread):
    result = run({"interrupt": spread})
    left, entered = result.stats.transition_ns
    assert left == 0
    assert result.rows["sojourn_max_ns"][0] > 100 + spread.mean_ns
    # The coefficient of variation is at most 1: four standard errors.
    assert entered / JOBS == pytest.approx(spread.mean_ns, rel=4 / JOBS**0.5)


def test_work_is_routed_by_the_marker_where_only_it_may_call():
    # tdx, a job at 100 for L2 plane 1: L1 works 10 to forward it, then calls, 5; the L2 works 30
    # from 115 on, and its halt leaves to L1, 7. L1's own job at 300 takes 5.
    workload = Workload(
        [Times("plane1", 30, times=[100]), Times("plane0", 5, times=[300])], forward=10
    )
    result = simulate("tdx", 3, 1, workload, costs={"call": 5, "halt": 7}, duration=1000, log=8)
    switched = result.log[result.log["was"] != result.log["now"]]
    assert switched[["time_ns", "was", "now"]].tolist() == [(110, 0, 1), (145, 1, 0)]
    assert result.jobs.forwarded.tolist() == [0, 1, 0]
    assert result.rows["sojourn_max_ns"][:2].tolist() == [45, 5]
    assert result.time_ns.tolist() == [[10 + 30 + 5, 0, 1000 - 57, 12]]
    own = simulate("tdx", 3, 1, workload.replace(route="own"), duration=1000)
    assert own.jobs.forwarded.sum() == 0


@pytest.mark.parametrize(("main", "ran"), [(None, (10, 0, 990)), (1, (10, 990, 0))])
def test_the_main_plane_is_the_one_that_an_idle_marker_calls(main, ran):
    workload = Workload([Times(0, 10, times=[0])], busy=["level0"], main=main)
    assert simulate("kvm_planes", 3, 1, workload, duration=1000).stats.running_ns == ran


def test_calls_name_their_callee():
    call = Calls("level0", 20, rate="10 MHz", to="plane0", name="call")
    workload = Workload([call], busy=["level0"])
    # Of cca's planes only P0 may call (descend): what another tries is refused.
    refused = simulate("cca", 3, 1, workload, duration="1 ms", seed=3)
    assert refused.rows["finished"].sum() == 0
    found = simulate("kvm_planes", 3, 1, workload, duration="1 ms", seed=3)
    calls = int(found.rows["finished"][0])
    assert calls > 1000
    assert found.stats.running_ns[0] == pytest.approx(20 * calls, abs=20)


def test_cost_sets_are_what_their_sources_say():
    sets = cost_sets()
    assert list(sets) == ["free", "snp_vmpl", "vtl_userspace", "kvm_exit"]
    # 33,000 cycles at 3 GHz; 2,528 cycles at 3 GHz; one minute by 300,000 switches.
    assert sets["snp_vmpl"].costs.reasons["any"] == Constant(33_000 // 3)
    assert sets["kvm_exit"].costs.exit == Constant(round(2528 / 3))
    assert sets["vtl_userspace"].costs.exit == Constant(60 * 10**9 // 300_000)
    for name in sets:
        assert Costs.of(name) == sets[name].costs
    assert "the clock is our assumption" in sets["snp_vmpl"].note
    assert "the clock is our assumption" in sets["kvm_exit"].note
    assert "order of magnitude" in sets["vtl_userspace"].note
