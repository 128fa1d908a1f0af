"""Simulations against queueing theory: M/G/1 with preemptive-resume priorities.

With classes 1, 2, ... from the most urgent, loads rho and S(k) = rho_1 + ... + rho_k, the mean
sojourn of class k is (L. Kleinrock, Queueing Systems II, 3.4; H. Takagi, Queueing Analysis 1):

    E[B_k] / (1 - S(k-1)) + sum_{i<=k} lambda_i E[B_i^2] / (2 (1 - S(k-1)) (1 - S(k)))
"""

import math

import numpy as np
import pytest

from planesched import Policy
from planesched.simulation.run import simulate
from planesched.workload import Constant, Exponential, Gamma, LogNormal, Poisson, Workload

# They judge figures, and a debug build computes the same: what it is to check of these services
# and of the engine, it does in the shorter runs of test_engine_against_slow and its neighbours.
pytestmark = pytest.mark.python

MEAN_NS = 10_000


def second_moment(spread):
    mean = spread.mean_ns
    match spread:
        case Constant():
            return mean**2
        case Exponential():
            return 2 * mean**2
        case Gamma():
            return mean**2 * (1 + 1 / spread.shape)
        case LogNormal():
            return mean**2 * math.exp(spread.sigma**2)
    raise AssertionError(spread)


def lognormal(mean_ns, sigma):
    return LogNormal(round(mean_ns / math.exp(sigma**2 / 2)), sigma)


SERVICES = {
    "M/M/1": Exponential,
    "M/D/1": Constant,
    "M/Gamma/1": lambda mean: Gamma(mean, 0.5),
    "M/LogNormal/1": lambda mean: lognormal(mean, 1.0),
}


def model(planes, load, service, direction, marker):
    """A policy, a workload, and per plane (rate per ns, mean, second moment), most urgent first."""
    draft = Policy(direction=direction, marker=marker)
    order = draft.order(range(planes))
    policy = draft.replace(boot=order[-1], call="next", ret="resume")
    sources, classes = [], []
    for rank, plane in enumerate(order):
        spread = SERVICES[service](MEAN_NS * (1 + rank))
        rate_hz = load / planes / spread.mean_ns * 1e9
        sources.append(Poisson(plane, spread, rate=rate_hz, name=f"class {rank}"))
        classes.append((plane, rate_hz / 1e9, spread.mean_ns, second_moment(spread)))
    return policy, Workload(sources), classes


def sojourns(classes):
    before, backlog = 0.0, 0.0
    for plane, rate, mean, second in classes:
        through = before + rate * mean
        backlog += rate * second / 2
        yield plane, mean / (1 - before) + backlog / ((1 - before) * (1 - through))
        before = through


CASES = [
    (planes, load, service, direction, marker)
    for planes, markers in ((3, (None, 1)), (5, (None, 0, 4)))
    for direction in ("lowest_first", "highest_first")
    for marker in markers
    for service, load in zip(SERVICES, (0.3, 0.7, 0.95, 0.8), strict=True)
] + [(3, 0.95, "M/M/1", "highest_first", None), (5, 0.95, "M/D/1", "lowest_first", 2)]


@pytest.mark.parametrize(("planes", "load", "service", "direction", "marker"), CASES)
def test_mean_sojourn_is_that_of_preemptive_resume(planes, load, service, direction, marker):
    policy, workload, classes = model(planes, load, service, direction, marker)
    # One long queue each: at a load of 0.95 the queue forgets in some 400 services.
    result = simulate(
        policy, planes, 4, workload, duration="6 s", warmup="200 ms", seed=7, threads=1
    )
    for plane, expected_ns in sojourns(classes):
        found = result.interval("sojourn_mean", plane, confidence=0.6827)
        assert abs(found.value - expected_ns) <= 3 * found.half, (plane, found, expected_ns)
        assert found.half < 0.15 * expected_ns


@pytest.mark.parametrize("direction", ["lowest_first", "highest_first"])
@pytest.mark.parametrize("load", [0.3, 0.7, 0.95])
def test_preemptions_come_as_often_as_arrivals_see_lower_planes_work(direction, load):
    # Arrivals at random see time averages: plane j works for a part rho_j of the time. The lowest
    # plane is also where an idle vCPU is blocked, so it is left out.
    policy, workload, classes = model(4, load, "M/M/1", direction, None)
    runs = [
        simulate(policy, 4, [vcpu], workload, duration="1 s", warmup="50 ms", seed=3, threads=1)
        for vcpu in range(24)
    ]
    entries = np.array([run.stats.entries for run in runs], dtype=float)
    for high in range(3):
        for low in range(high + 1, 3):
            left, entered = classes[low][0], classes[high][0]
            counts = entries[:, left, entered]
            expected = classes[high][1] * 1e9 * load / 4
            error = counts.std(ddof=1) / math.sqrt(len(counts))
            assert abs(counts.mean() - expected) <= 3 * error, (left, entered)


def test_a_server_is_busy_for_the_load():
    policy, workload, _ = model(3, 0.7, "M/Gamma/1", "highest_first", None)
    result = simulate(policy, 3, 4, workload, duration="5 s", warmup="100 ms", seed=5)
    found = result.interval("utilisation", confidence=0.6827)
    assert abs(found.value - 0.7) <= 3 * found.half
