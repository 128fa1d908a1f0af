"""One step at a time: from Python, and ps_step alone from C."""

import ctypes

import pytest
from mixes import closed_loop, repeated

from planesched import VM, capi

N = 100_000
LOOKUP = [f"core/{name}.c" for name in ("lookup", "automaton", "step_with", "ledger")]


@pytest.fixture(params=["unpredictable", "predictable"])
def events(request):
    return closed_loop("vsm", 4, 1, N) if request.param == "unpredictable" else repeated(N)


@pytest.mark.parametrize(
    "how", ["inlined", "called", "policy known to the compiler", "by an algorithm"]
)
def test_step_from_c(benchmark, per, compile_peer, fixed_policy, events, how):
    fixed = ["-DFIXED", fixed_policy("vsm", 4)]
    flags = {"inlined": [], "called": ["-DCALLED"], "policy known to the compiler": fixed}
    flags["by an algorithm"] = ["-DBY"]
    step_loop = compile_peer("step_loop", *flags[how]).step_loop
    step_loop.restype = ctypes.c_uint64
    words = capi.policy_words("vsm", planes=4)
    expected = VM("vsm", planes=4, vcpus=1).run(events).switches

    def run():
        vm = VM("vsm", planes=4, vcpus=1)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (words, vm.state, events)]
        return step_loop(*addresses, ctypes.c_uint64(len(events)))

    switches = benchmark.pedantic(run, rounds=9)
    per(N)
    assert switches == expected


def test_step_looked_up(benchmark, per, compile_peer, events):
    """The same from the C library's table of answers, which the first round fills."""
    peer = compile_peer("lookup_loop", sources=LOOKUP)
    peer.lookup_loop.restype = ctypes.c_uint64
    peer.ps_lookup_create.restype = ctypes.c_void_p
    words = capi.policy_words("vsm", planes=4)
    policy = ctypes.c_void_p(words.ctypes.data)
    lookup = ctypes.c_void_p(peer.ps_lookup_create(policy, 4, ctypes.c_uint64(16 << 20)))
    plain = VM("vsm", planes=4, vcpus=1)
    expected = plain.run(events).switches

    def run():
        vm = VM("vsm", planes=4, vcpus=1)
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (vm.state, events)]
        return peer.lookup_loop(lookup, *addresses, ctypes.c_uint64(len(events))), vm.state[0]

    switches, state = benchmark.pedantic(run, rounds=9, warmup_rounds=1)
    peer.ps_lookup_destroy(lookup)
    per(N)
    assert switches == expected
    assert state == plain.state[0]


@pytest.mark.parametrize("event", ["irq", "return"])
def test_step_from_python(benchmark, per, event):
    vcpu = VM("vsm", planes=4, vcpus=1).vcpus[0]
    args = ("irq", 1) if event == "irq" else ("return",)
    vcpu.step("irq", 1)

    def run():
        step = vcpu.step
        for _ in range(10_000):
            step(*args)

    benchmark.pedantic(run, rounds=15)
    per(10_000)
    assert vcpu.current == (1 if event == "irq" else 0)
