"""`VM.run` tells how far it is, and Ctrl-C ends it with what was counted until then."""

import signal
import time
from itertools import count

import numpy as np
import pytest

from planesched import EVENT, VM, Event, Policy

N = 2_500_000


def arrivals(n):
    events = np.zeros(n, EVENT)
    events["time_ns"] = np.arange(n)
    events["kind"] = np.resize([Event.IRQ, Event.RETURN], n)
    events["plane"] = np.resize([1, 0], n)
    events["arg"] = np.resize([0x31, 0], n)
    return events


@pytest.fixture
def stopped():
    """Give a function that runs events, with Ctrl-C once the compiled loop is under way."""

    def run(vm, events):
        return vm.run(events)

    def stop(number, frame):
        if frame.f_code is run.__code__:  # no Python code runs but what called the loop
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    def run_stopped(vm, events):
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        return run(vm, events)

    before = signal.signal(signal.SIGALRM, stop)
    yield run_stopped
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("controller", [None, "lapic"])
def test_ctrl_c_gives_what_was_run(controller, stopped):
    events = arrivals(N)
    vm = VM("vsm", planes=2, controller=controller)
    stats = stopped(vm, events)
    assert stats.partial
    assert 0 < stats.events < N
    assert vm.last_run is stats
    # It goes on from there, and both together are what one run would have been.
    rest = vm.run(events[stats.events :])
    whole = VM("vsm", planes=2, controller=controller).run(events)
    both = stats.merge(rest)
    assert (rest.partial, whole.partial, both.partial) == (False, False, True)
    assert both.switches == whole.switches
    assert both.injected.tolist() == whole.injected.tolist()


def test_progress_rises_to_one():
    told = []
    calls = count()

    def slow_pick(state, base, pre, event):
        if next(calls) % 100 == 0:
            time.sleep(0.001)
        return 0

    slow = Policy.preset("vsm", 2).replace(algorithm=slow_pick)
    events = arrivals(20_000)
    events["kind"] = Event.RESCHED
    events["plane"] = 0
    VM(slow, planes=2).run(events, progress=lambda *how: told.append(how))
    assert len(told) > 1
    assert told == sorted(set(told))
    assert all(part == done / len(events) for part, done in told)
    assert told[-1] == (1.0, len(events))


def test_progress_ends_at_one():
    told = []
    VM("vsm", planes=2).run(arrivals(1000), progress=lambda *how: told.append(how))
    assert told == [(1.0, 1000)]
    VM("vsm", planes=2).run(arrivals(0), progress=lambda *how: told.append(how))
    assert told[1:] == [(1.0, 0)]


def test_what_progress_raises_passes():
    def progress(part, done):
        raise RuntimeError(f"no more at {done}")

    vm = VM("vsm", planes=2)
    with pytest.raises(RuntimeError, match="no more at 1000"):
        vm.run(arrivals(1000), progress=progress)
    assert vm.last_run.events == 1000


def test_progress_is_called():
    with pytest.raises(TypeError, match="progress=7, expected a callable, or None"):
        VM("vsm", planes=2).run(arrivals(1), progress=7)
