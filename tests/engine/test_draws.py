"""What sources draw, against numpy: the same streams, the same distributions, bit by bit."""

import numpy as np
import pytest

from planesched import Engine, Policy
from planesched.simulation.engine import Guests
from planesched.workload import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    LogNormal,
    OnOff,
    Periodic,
    Poisson,
    Times,
    Uniform,
    Workload,
)
from planesched.workload.costs import Costs
from planesched.workload.numbered import Resolved

SEEDS = [0, 1, 2**32, 2**64 + 3, 2**500 + 7]


def numpy_stream(seed, vcpu, number):
    sequence = np.random.SeedSequence(seed, spawn_key=(vcpu, number))
    return np.random.Generator(np.random.SFC64(sequence))


def seen(workload, seed, vcpus=(0,), count=50):
    """Give (arrival, end of service) of the first jobs of the last vCPU, which must not overlap."""
    policy = Policy.preset("vsm")
    resolved = Resolved(workload, policy, 2, Costs(), seed)
    ids = np.array(vcpus, np.uint32)
    engine = Engine(policy, 2, 1, guests=Guests(**resolved.guests(ids[-1:])))
    out = []
    while len(out) < 2 * count and engine.next_event_ns is not None:
        out.append(engine.next_event_ns)
        engine.advance(out[-1])
    return np.array(out[::2]), np.array(out[1::2])


def rounded(values):
    return np.floor(np.asarray(values) + 0.5).astype(np.int64)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("vcpu", [0, 1, 70_000])
def test_poisson_and_exponential_are_numpys(seed, vcpu):
    source = Poisson(1, Exponential("1 ms"), rate=0.01)
    arrivals, ends = seen(Workload([source]), seed, (vcpu,))
    stream = numpy_stream(seed, vcpu, 0)
    gaps, services = [], []
    for _ in range(len(arrivals)):
        gaps.append(rounded(stream.standard_exponential() * 1e11))
        services.append(rounded(stream.standard_exponential() * 1e6))
    assert arrivals.tolist() == np.cumsum(gaps).tolist()
    assert (ends - arrivals).tolist() == [int(service) for service in services]


def test_exponentials_are_numpys_in_every_layer_and_beyond():
    """One draw in a hundred needs more than one word, one in some thousands lies in the tail."""
    source = Poisson(1, Exponential("1 ms"), rate=0.01)
    arrivals, ends = seen(Workload([source]), 5, count=20_000)
    draws = numpy_stream(5, 0, 0).standard_exponential(2 * len(arrivals))
    assert draws.max() > 9  # the tail begins at 7.7
    assert np.array_equal(np.diff(arrivals), rounded(draws[2::2] * 1e11))
    assert np.array_equal(ends - arrivals, rounded(draws[1::2] * 1e6))


@pytest.mark.parametrize(
    ("spread", "draw"),
    [
        (Constant("3 us"), lambda s: 3000),
        (Uniform("1 us", "3 us"), lambda s: 1000 + 2000 * s.random()),
        (LogNormal("2 us", 0.5), lambda s: np.exp(np.log(2000) + 0.5 * s.standard_normal())),
        (Gamma("2 ms", 0.7), lambda s: 2e6 / 0.7 * s.standard_gamma(0.7)),
        (Gamma("2 us", 3.0), lambda s: 2000 / 3 * s.standard_gamma(3.0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_service_times_are_numpys(spread, draw):
    arrivals, ends = seen(Workload([Poisson(1, spread, rate="1 Hz")]), seed=11)
    stream = numpy_stream(11, 0, 0)
    for arrival, end in zip(arrivals, ends, strict=True):
        stream.standard_exponential()
        assert end - arrival == rounded(draw(stream)), (arrival, end)


def test_empirical_draws_each_value_as_often():
    source = Periodic(1, Empirical(["1 us", "2 us", "4 us"]), period="1 ms")
    arrivals, ends = seen(Workload([source]), seed=1, count=3000)
    values, counts = np.unique(ends - arrivals, return_counts=True)
    assert values.tolist() == [1000, 2000, 4000]
    assert abs(counts - 1000).max() < 4 * np.sqrt(3000 * 2 / 9)


def test_a_tick_keeps_its_phase_and_period():
    arrivals, _ = seen(Workload([Periodic(1, "1 us", period="1 ms", phase="250 us")]), seed=5)
    assert arrivals.tolist() == [250_000 + k * 1_000_000 for k in range(50)]


def test_jitter_delays_each_tick_by_itself():
    source = Periodic(1, 1, period="1 ms", jitter="100 us")
    arrivals, _ = seen(Workload([source]), seed=5)
    late = arrivals - np.arange(50) * 1_000_000
    assert late.min() >= 0
    assert late.max() <= 100_000
    assert len(set(late.tolist())) == 50


def test_given_times_come_as_given():
    times = [5, 100, 250, 1000]
    arrivals, ends = seen(Workload([Times(1, 10, times=times)]), seed=5)
    assert arrivals.tolist() == times
    assert (ends - arrivals).tolist() == [10] * 4


def test_bursts_have_their_mean_rate_and_more_than_poisson_variance():
    source = OnOff(1, 0, rate="100 kHz", on="1 ms", off="3 ms")
    assert source.rate_hz == 25_000
    policy = Policy.preset("vsm")
    counts = []
    for vcpu in range(300):
        resolved = Resolved(Workload([source]), policy, 2, Costs(), 3)
        engine = Engine(policy, 2, guests=Guests(**resolved.guests(np.array([vcpu], np.uint32))))
        engine.advance(20_000_000)
        counts.append(int(engine.jobs().arrived[1]))
    error = np.std(counts, ddof=1) / np.sqrt(len(counts))
    assert abs(np.mean(counts) - 500) <= 3 * error
    # Var N(t) of an interrupted Poisson process, t much longer than its spells: see Fischer and
    # Meier-Hellstern, "The MMPP cookbook" (1993), 2.2: index of dispersion 1 + 2 rate sigma2 ...
    mean_rate, cycle = 25e-6, (1 / 1e6, 1 / 3e6)
    limit = 1 + 2 * cycle[0] * 1e-4**2 * cycle[1] / (sum(cycle) ** 3) / mean_rate
    assert 0.6 * limit < np.var(counts) / np.mean(counts) < 1.4 * limit


def test_streams_do_not_depend_on_each_other():
    alone, _ = seen(Workload([Poisson(1, 1, rate="1 Hz")]), seed=9)
    beside = Workload(
        [Poisson(1, 1, rate="1 Hz"), Poisson(0, Exponential("1 us"), rate="1 Hz", vcpus=[5])]
    )
    found, _ = seen(beside, seed=9)
    assert found.tolist() == alone.tolist()
