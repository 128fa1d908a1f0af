"""What an algorithm of one's own costs an event: steps that ask it beside the same steps without.

It decides here as the rule of ranks does, so that both do the same. By turns, because a shared
machine's speed drifts between rounds, and in processor time.
"""

import ctypes
import statistics
import time

import pytest
from mixes import closed_loop, repeated

from planesched import VM, Algorithm, Policy, capi
from planesched.core import run_events

N = 100_000


@pytest.fixture(scope="module", params=["unpredictable", "predictable"])
def events(request):
    return closed_loop("vsm", 4, 1, N) if request.param == "unpredictable" else repeated(N)


@pytest.fixture(scope="module")
def peers(compile_peer):
    """The loop over steps in C, without an algorithm and with one, `own`."""
    plain, asking = compile_peer("step_loop"), compile_peer("step_loop", "-DBY")
    plain.step_loop.restype = asking.step_loop.restype = ctypes.c_uint64
    asking.own.restype = ctypes.c_int
    asking.own.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_uint32] * 3
    return plain, asking


def note_cost(benchmark, plain, asking, rounds=61):
    """Note what `asking` takes more than `plain`; both make something to be timed, and give it."""
    took = []

    def timed(make):
        run = make()
        began = time.thread_time_ns()
        switches = run()
        return (time.thread_time_ns() - began) / N, switches

    def both():
        (without, expected), (with_it, found) = timed(plain), timed(asking)
        assert found == expected
        took.append((without, with_it))

    benchmark.pedantic(both, rounds=rounds, warmup_rounds=1)
    without, with_it = zip(*took, strict=True)
    notes = benchmark.extra_info
    notes["ns more an event"] = round(statistics.median(b - a for a, b in took), 2)
    notes["by the least of each"] = round(min(with_it) - min(without), 2)
    notes["ns an event without"] = round(min(without), 2)


def test_step_by_from_c(benchmark, peers, events):
    words = capi.policy_words("vsm", planes=4)

    def loop(peer):
        state = VM("vsm", planes=4, vcpus=1).state

        def run():
            addresses = [ctypes.c_void_p(array.ctypes.data) for array in (words, state, events)]
            return peer.step_loop(*addresses, ctypes.c_uint64(N))

        return run

    plain, asking = peers
    note_cost(benchmark, lambda: loop(plain), lambda: loop(asking))


@pytest.mark.parametrize("algorithm", ["C function", "round_robin"])
def test_run(benchmark, peers, events, algorithm):
    own = Algorithm(peers[1].own) if algorithm == "C function" else algorithm
    policy = Policy.preset("vsm", 4)

    def run(policy):
        vm = VM(policy, planes=4, vcpus=1)
        return lambda: run_events(vm, events, lookups=False).switches

    asking = policy.replace(algorithm=own)
    note_cost(benchmark, lambda: run(policy), lambda: run(asking))
