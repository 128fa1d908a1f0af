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


def test_search_with_vectors(benchmark, per):
    """Transitions of a search: two planes with three vectors each, and TPR."""

    def run():
        vectors = "0x31,0x41,0x51"
        asked = {"events": "hostile", "properties": "priority", "threads": 1}
        return check("vsm", 2, vectors=vectors, tpr=True, **asked)

    report = benchmark.pedantic(run, rounds=3)
    per(report.coverage.transitions)
    assert report.coverage.exhausted
