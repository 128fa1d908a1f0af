"""What interrupt controllers cost an event: ps_chip_step against ps_step, both from C."""

import ctypes

import pytest
from mixes import closed_loop

from planesched import VM, capi, check

N = 100_000


@pytest.mark.parametrize("how", ["without", "auto-EOI", "with each EOI"])
def test_step_with_controllers(benchmark, per, compile_peer, how):
    events = closed_loop("vsm", 4, 1, N)
    words = capi.policy_words("vsm", planes=4)
    flags = {"with each EOI": ["-DEOI"]}.get(how, [])
    name = "step_loop" if how == "without" else "chip_loop"
    loop = getattr(compile_peer(name, *flags), name)
    loop.restype = ctypes.c_uint64
    stats = VM("vsm", planes=4, vcpus=1).run(events)
    taken = ctypes.c_uint64()

    def run():
        vm, taken.value = VM("vsm", planes=4, vcpus=1), 0
        arrays = [ctypes.c_void_p(array.ctypes.data) for array in (words, vm.state, events)]
        more = [] if how == "without" else [ctypes.byref(taken)]
        return loop(*arrays, ctypes.c_uint64(len(events)), *more)

    switches = benchmark.pedantic(run, rounds=15)
    per(N)
    assert switches == stats.switches
    if how != "without":
        assert taken.value == int(stats.injected.sum())


@pytest.mark.parametrize("vectors", [None, "0x31,0x51"])
def test_search_with_vectors(benchmark, per, vectors):
    """Transitions of a search: two planes, two vectors each, and TPR; or three planes without."""
    asked = {"events": "hostile", "properties": "priority", "threads": 1, "vectors": vectors}
    planes = 3 if vectors is None else 2

    def run():
        return check("vsm", planes, tpr=vectors is not None, **asked)

    report = benchmark.pedantic(run, rounds=5)
    per(report.coverage.transitions)
    assert report.coverage.exhausted
