"""The SimPy process does with jobs what the timed engine does with them."""

import numpy as np
import pytest
import simpy
from engine_by_hand import make_jobs

from planesched import Engine, presets
from planesched.contrib.simpy import PlanedCPU

UPWARDS = ["openhcl", "vsm", "vsm_locked", "vsm_relay", "whp"]
REFUSED = sorted(set(presets()) - set(UPWARDS))


def some_jobs(seed, n=300):
    """Jobs as (time, plane, service) that keep three planes busy for two thirds of the time."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(10**7, size=n, replace=False))
    services = rng.integers(1, 45_000, size=n)
    columns = (times, rng.integers(3, size=n), services)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", UPWARDS)
def test_the_same_jobs_take_as_long_as_in_the_engine(name, seed):
    env = simpy.Environment()
    cpu = PlanedCPU(env, name, planes=3)
    sojourns = {plane: [] for plane in range(3)}

    def job(time, plane, service):
        yield env.timeout(time)
        yield cpu.interrupt(plane, service)
        sojourns[plane].append(env.now - time)

    work = some_jobs(seed)
    for one in work:
        env.process(job(*one))
    env.run(until=10**8)

    engine = Engine(name, 3)
    engine.feed(make_jobs(*work))
    engine.advance(10**8)
    jobs = engine.jobs()
    for plane, took in sojourns.items():
        found = [
            jobs.sojourn[plane].min_ns,
            jobs.sojourn[plane].max_ns,
            jobs.sojourn[plane].mean_ns,
        ]
        assert len(took) == jobs.finished[plane]
        assert found == [min(took), max(took), sum(took) / len(took)] if took else not found[0]
        assert took
    assert cpu.vcpu.state.tobytes() == engine.state.tobytes()
    assert engine.stats().switches > 100


def test_a_plane_that_is_held_waits():
    env = simpy.Environment()
    cpu = PlanedCPU(env, "vsm", planes=2)
    done = []

    def device():
        cpu.step("hold", 1)
        finished = cpu.interrupt(1, 10)
        yield env.timeout(50)
        assert not finished.triggered
        cpu.step("release", 1)
        yield finished
        done.append(env.now)

    env.process(device())
    env.run()
    assert done == [60]


@pytest.mark.parametrize("name", REFUSED)
def test_a_policy_that_it_does_not_run_is_named(name):
    with pytest.raises(ValueError, match=r"policy.(call|scheduler|empty)='.*', expected '"):
        PlanedCPU(simpy.Environment(), name, planes=3)


def test_a_service_that_is_no_time():
    with pytest.raises(ValueError, match="service=-1, expected a time"):
        PlanedCPU(simpy.Environment(), "vsm").interrupt(0, -1)
