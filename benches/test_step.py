"""One step at a time: from Python, and ps_step alone from C."""

import ctypes

import numpy as np
import pytest
from mixes import closed_loop

from planesched import EVENT, VM, capi

N = 100_000


def repeated(n):
    """Make a sequence that a branch predictor learns: call, interrupt, return, return."""
    events = np.zeros(n, dtype=EVENT)
    events["kind"] = np.resize([9, 1, 10, 10], n)
    events["plane"] = np.resize([0, 2, 0, 0], n)
    return events


@pytest.mark.parametrize("policy", ["given", "known to the compiler"])
@pytest.mark.parametrize("mix", ["unpredictable", "predictable"])
def test_step_from_c(benchmark, per, compile_peer, fixed_policy, mix, policy):
    flags = ("-DFIXED", fixed_policy("vsm", 4)) if policy != "given" else ()
    step_loop = compile_peer("step_loop", *flags).step_loop
    step_loop.restype = ctypes.c_uint64
    words = capi.policy_words("vsm", planes=4)
    events = closed_loop("vsm", 4, 1, N) if mix == "unpredictable" else repeated(N)
    expected = VM(planes=4, vcpus=1, policy="vsm").run(events).switches

    def run():
        vm = VM(planes=4, vcpus=1, policy="vsm")
        addresses = [ctypes.c_void_p(array.ctypes.data) for array in (words, vm.state, events)]
        return step_loop(*addresses, ctypes.c_uint64(len(events)))

    switches = benchmark.pedantic(run, rounds=9)
    per(N)
    assert switches == expected


@pytest.mark.parametrize("event", ["irq", "return"])
def test_step_from_python(benchmark, per, event):
    vcpu = VM(planes=4, vcpus=1, policy="vsm").vcpus[0]
    args = ("irq", 1) if event == "irq" else ("return",)
    vcpu.step("irq", 1)

    def run():
        step = vcpu.step
        for _ in range(10_000):
            step(*args)

    benchmark.pedantic(run, rounds=15)
    per(10_000)
    assert vcpu.current == (1 if event == "irq" else 0)
