"""A userspace scheduler of the user's own, under replayed jobs and in a simulation."""

import ctypes

import numpy as np
import pytest
from user_signatures import C_TYPE

from planesched import JOB, Engine, Policy, Reason, UserScheduler, Workload, simulate
from planesched.workload import Constant, Poisson

POLICY = Policy.preset("vsm", planes=3).replace(scheduler="user")


def jobs_of(*rows):
    jobs = np.zeros(len(rows), dtype=JOB)
    for job, (time_ns, plane, service_ns) in zip(jobs, rows, strict=True):
        job["time_ns"], job["plane"], job["service_ns"] = time_ns, plane, service_ns
    return jobs


def highest_deliverable(state, now_ns, vcpu, reason):
    """What the default does for `vsm`: the highest plane that runs or has an interrupt."""
    wanted = int(state["runnable"]) | int(state["irq"]) & ~int(state["masked"])
    return wanted.bit_length() - 1


def figures(engine):
    return engine.stats().as_dict(), engine.jobs().as_dict(), engine.state.tobytes()


def test_a_callable_that_does_what_the_default_does_gives_the_same():
    jobs = jobs_of((10, 1, 100), (50, 2, 30), (60, 0, 5), (300, 1, 20))
    engines = [Engine(POLICY, 3, userspace=own) for own in (None, highest_deliverable)]
    for engine in engines:
        engine.feed(jobs)
        engine.advance(1000)
    assert figures(engines[0]) == figures(engines[1])
    assert engines[0].stats().exits > 0


@pytest.mark.parametrize("exit_ns", [0, 7])
def test_it_is_told_when_who_and_why(exit_ns):
    told = []

    def note(state, now_ns, vcpu, reason):
        told.append((now_ns, vcpu, reason, int(state["current"])))
        return highest_deliverable(state, now_ns, vcpu, reason)

    engine = Engine(POLICY, 3, vcpus=2, costs={"exit": exit_ns}, userspace=note)
    jobs = jobs_of((10, 2, 100))
    jobs["vcpu"] = 1
    engine.feed(jobs)
    engine.advance(1000)
    # The exit takes its time, then userspace is asked; plane 2 works for 100 ns and returns, which
    # `ret = next_online` makes to plane 1, and that to plane 0: an exit each.
    assert told == [
        (10 + exit_ns, 1, Reason.INTERRUPT, 0),
        (110 + 2 * exit_ns, 1, Reason.RETURN, 2),
        (110 + 3 * exit_ns, 1, Reason.RETURN, 1),
    ]


def test_one_that_waits_leaves_the_vcpu_in_userspace():
    engine = Engine(POLICY, 3, userspace=lambda state, now_ns, vcpu, reason: None)
    engine.feed(jobs_of((10, 1, 100)))
    engine.advance(1000)
    assert engine.stats().userspace_ns == (990, 0, 0)
    assert engine.stats().injected.tolist() == [0, 0, 0]


def test_what_it_raises_is_raised():
    def fail(state, now_ns, vcpu, reason):
        raise KeyError("mine")

    engine = Engine(POLICY, 3, userspace=fail)
    engine.feed(jobs_of((10, 1, 100)))
    with pytest.raises(KeyError, match="mine"):
        engine.advance(1000)


@pytest.mark.parametrize("plane", [3, 15])
def test_a_plane_that_there_is_not(plane):
    engine = Engine(POLICY, 3, userspace=lambda *_: plane)
    engine.feed(jobs_of((10, 1, 100)))
    with pytest.raises(ValueError, match="scheduler's answer: no plane"):
        engine.advance(1000)


def test_simulate_takes_a_c_function():
    asked = []

    @C_TYPE
    def first_higher(user, state, now_ns, vcpu, reason, req_exit):
        asked.append(vcpu)
        words = ctypes.cast(state, ctypes.POINTER(ctypes.c_uint16))
        return (words[1] | words[3] & ~words[4]).bit_length() - 1

    work = Workload([Poisson("level1", Constant("20 us"), rate="1 kHz")])
    run = {"planes": 3, "vcpus": [4, 9], "workload": work, "duration": "20 ms", "seed": 3}
    own = simulate(POLICY, **run, userspace=UserScheduler(first_higher), threads=1)
    default = simulate(POLICY, **run, threads=1)
    assert own.stats.as_dict() == default.stats.as_dict()
    assert set(asked) == {4, 9}
