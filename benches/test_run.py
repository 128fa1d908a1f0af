"""`VM.run` with all figures on, beside a plain Python model."""

import ctypes

import pytest
from mixes import closed_loop
from peers.dict_model import Vcpu

from planesched import VM, Event
from planesched.core import run_events

SIZES = {1: 100_000, 1_000: 1_000_000, 1_000_000: 8_000_000}


@pytest.fixture(scope="module")
def mixes():
    """Hold each mix of events once it was made."""
    made = {}

    def mix(policy, planes, vcpus, n):
        key = policy, planes, vcpus
        if key not in made:
            made.clear()
            made[key] = closed_loop(policy, planes, vcpus, n)
        return made[key]

    return mix


@pytest.mark.parametrize("vcpus", SIZES)
@pytest.mark.parametrize("policy", ["vsm", "kvm_vsm"])
def test_run(benchmark, per, mixes, policy, vcpus):
    events = mixes(policy, 4, vcpus, SIZES[vcpus])

    def fresh():
        return (VM(policy, planes=4, vcpus=vcpus), events), {}

    stats = benchmark.pedantic(lambda vm, events: vm.run(events), setup=fresh, rounds=7)
    per(len(events))
    assert stats.events == len(events)
    assert not stats.balance().any()
    benchmark.extra_info["switches an event"] = round(stats.switches / len(events), 2)


@pytest.mark.parametrize("lookups", [True, False], ids=["looked-up", "plain"])
@pytest.mark.parametrize("planes", [4, 16])
def test_lookups(benchmark, per, mixes, planes, lookups):
    """Looking transitions up against asking step, where states are few and where they are many."""
    events = mixes("vsm", planes, 1_000, 1_000_000)

    def fresh():
        return (VM("vsm", planes=planes, vcpus=1_000), events), {"lookups": lookups}

    stats = benchmark.pedantic(run_events, setup=fresh, rounds=7)
    per(len(events))
    assert not stats.balance().any()


def test_policy_fixed_at_compile_time(benchmark, per, mixes, compile_peer, fixed_policy):
    """Step and its figures in C, with every field of the policy known to the compiler."""
    events = mixes("vsm", 4, 1_000, 1_000_000)
    loop = compile_peer("fixed_policy", fixed_policy("vsm", 4)).fixed_loop
    loop.restype = ctypes.c_uint64

    def fresh():
        state = VM("vsm", planes=4, vcpus=1_000).state
        arrays = [array.ctypes.data_as(ctypes.c_void_p) for array in (state, events)]
        return (*arrays, ctypes.c_uint64(len(events)), 1_000, 4), {}

    switches = benchmark.pedantic(loop, setup=fresh, rounds=7)
    per(len(events))
    assert switches == VM("vsm", planes=4, vcpus=1_000).run(events).switches


def test_dict_model(benchmark, per, mixes):
    events = mixes("vsm", 4, 1, 100_000)
    calls = {
        Event.IRQ: Vcpu.irq,
        Event.HALT: lambda vcpu, plane: vcpu.halt(),
        Event.CALL: Vcpu.call,
        Event.RETURN: lambda vcpu, plane: vcpu.return_(),
    }
    steps = [
        (calls[Event(kind)], plane)
        for kind, plane in zip(events["kind"].tolist(), events["plane"].tolist(), strict=True)
    ]

    def run():
        vcpu = Vcpu(4)
        for call, plane in steps:
            call(vcpu, plane)
        return vcpu

    vcpu = benchmark.pedantic(run, rounds=5)
    per(len(events))
    stats = VM("vsm", planes=4, vcpus=1).run(events)
    assert vcpu.switches == stats.switches
    assert vcpu.injected == stats.injected.sum()
