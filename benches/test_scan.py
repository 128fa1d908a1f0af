"""The scan, beside a plain read of its arrays and the kernel's walk over sixteen vCPU structs."""

import ctypes
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from planesched import VM, Policy, pick_many

DENSITIES = {"empty": 0.0, "sparse": 1 / 16, "dense": 1 / 2}
DIRECTIONS = ("lowest_first", "highest_first")


def masks_of(density, n, seed=7):
    bits = np.random.default_rng(seed).random((n, 16)) < DENSITIES[density]
    return (bits << np.arange(16)).sum(axis=1).astype(np.uint16)


def expected(masks, direction):
    bits = masks[:, None] >> np.arange(16) & 1
    if direction == "highest_first":
        found = 15 - bits[:, ::-1].argmax(axis=1)
    else:
        found = bits.argmax(axis=1)
    return np.where(bits.any(axis=1), found, -1)


@pytest.mark.parametrize("where", ["second-level cache", "memory"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("density", DENSITIES)
def test_pick_many(benchmark, per, density, direction, where):
    n = 200_000 if where != "memory" else 1 << 24
    masks = np.resize(masks_of(density, 200_000), n)
    out = np.empty(n, dtype=np.int8)
    policy = Policy(direction=direction)
    benchmark.pedantic(pick_many, (masks, policy, None, out), rounds=9, iterations=3)
    per(n, "pick")
    assert (out[:1000] == expected(masks[:1000], direction)).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_each_path(benchmark, compile_peer, direction):
    """Called from C, in turns, by each of the instruction sets that this processor has."""
    peer = compile_peer("scan_path", sources=["core/scan.c"])
    n, times = 200_000, 20
    masks, out = masks_of("dense", n), np.empty(n, dtype=np.int8)
    given = [ctypes.c_void_p(array.ctypes.data) for array in (masks, out)]
    paths = ["portable", "AVX2", "AVX-512"][: peer.widest() + 1]
    took = {path: [] for path in paths}

    def each():
        for number, path in enumerate(paths):
            out.fill(99)
            began = time.perf_counter()
            for _ in range(times):
                peer.scan(number, int(direction == "lowest_first"), *given, ctypes.c_uint64(n))
            took[path].append(time.perf_counter() - began)
            assert (out[:1000] == expected(masks[:1000], direction)).all()

    benchmark.pedantic(each, rounds=15)
    for path, seconds in took.items():
        per_pick = statistics.median(seconds) / times / n * 1e9
        benchmark.extra_info[f"ns per pick, {path}"] = round(per_pick, 3)


POLICIES = {
    "plain": Policy(direction="lowest_first"),
    "marker": Policy(direction="highest_first", marker=3),
}


@pytest.fixture(scope="module")
def beyond():
    """Masks that exceed the caches, a gibibyte, with room for their answers: half as much."""
    masks = np.resize(masks_of("dense", 1 << 16), 1 << 29)
    return masks, np.full(masks.shape, 99, dtype=np.int8)


def check_repeated(masks, out, policy):
    """Those that repeat are judged by the first of them, and that by the order of the planes."""
    once = slice(1 << 16)
    first = np.full(masks[once].shape, -1)
    for plane in reversed(policy.order(range(16))):
        first[masks[once] >> plane & 1 == 1] = plane
    assert (out.reshape(-1, 1 << 16) == first.astype(np.int8)).all()


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_beside_a_plain_read(beside, per, compile_peer, beyond, policy):
    """One thread reads masks and answers; the other way round, pick_many writes the answers."""
    masks, out = beyond
    peer = compile_peer("plain_read", "-march=native", "-mprefer-vector-width=512")
    peer.plain_read.restype = ctypes.c_uint64
    found = set()

    def read():
        for array in (masks, out):
            words = ctypes.c_uint64(array.nbytes // 8)
            found.add((array is out, peer.plain_read(ctypes.c_void_p(array.ctypes.data), words)))

    pick_many(masks, policy, out=out)
    work = partial(pick_many, masks, policy, out=out)
    beside(read, work, "times the bandwidth of a plain read")
    per(masks.size, "pick")
    check_repeated(masks, out, policy)
    xor = np.bitwise_xor.reduce
    assert found == {(a is out, int(xor(a.view(np.uint64)))) for a in (masks, out)}


@pytest.mark.parametrize("where", ["third-level cache", "memory"])
def test_two_threads(benchmark, beside, per, compile_peer, two_cores, beyond, where):
    """Two halves at once, after all of it by one thread; and what a plain read gains so."""
    n, times = (1 << 22, 50) if where != "memory" else (1 << 29, 1)
    masks, out = beyond[0][:n], beyond[1][:n]
    policy = POLICIES["plain"]
    parts = {1: [slice(n)], 2: [slice(n // 2), slice(n // 2, n)]}

    def pick(part):
        for _ in range(times):
            pick_many(masks[part], policy, out=out[part])

    plain_read = compile_peer("plain_read", "-march=native").plain_read

    def read(part):
        for array in (masks[part], out[part]):
            words = ctypes.c_uint64(array.nbytes // 8)
            for _ in range(times):
                plain_read(ctypes.c_void_p(array.ctypes.data), words)

    with ThreadPoolExecutor(2) as pool:

        def seconds(work, k):
            began = time.perf_counter()
            list(pool.map(work, parts[k]))
            return time.perf_counter() - began

        beside(partial(seconds, pick, 1), partial(seconds, pick, 2), "times one thread")
        gains = [seconds(read, 1) / seconds(read, 2) for _ in range(9)]
    benchmark.extra_info["times one thread, a plain read"] = round(statistics.median(gains), 2)
    per(n * times, "pick")
    check_repeated(masks, out, policy)


def test_masks_of_a_vm(beside, per):
    """A field of 32-byte states, beside a copy of it."""
    vm = VM("vsm", planes=16, vcpus=1_000_000)
    vm.state["runnable"] = np.resize(masks_of("dense", 1 << 16), 1_000_000)
    masks = vm.state["runnable"]
    copy, out = np.empty(masks.shape, dtype=np.uint16), np.empty(masks.shape, dtype=np.int8)
    policy = Policy(direction="highest_first")
    work = partial(pick_many, masks, policy, out=out)
    beside(partial(np.copyto, copy, masks), work, "times the speed of a copy")
    per(masks.size, "pick")
    assert (out == expected(copy, "highest_first")).all()


@pytest.mark.parametrize("temperature", ["warm", "cold"])
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("density", DENSITIES)
def test_kernel_walk(benchmark, per, compile_peer, density, direction, temperature):
    """Warm: one vCPU again and again; cold: 50,000 of them, 800 MB, in random order."""
    peer = compile_peer("kernel_walk")
    peer.walk_create.restype = ctypes.c_void_p
    n = 16 if temperature == "warm" else 50_000
    masks = masks_of(density, n)
    order = np.random.default_rng(3).permutation(n).astype(np.uint32)
    out = np.empty(n, dtype=np.int8)
    walk = ctypes.c_void_p(peer.walk_create(masks.ctypes.data_as(ctypes.c_void_p), n))
    highest = int(direction == "highest_first")
    arguments = (
        walk,
        order.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_uint64(n),
        highest,
        out.ctypes.data_as(ctypes.c_void_p),
    )
    benchmark.pedantic(peer.walk_pick, arguments, rounds=9, iterations=100 if n == 16 else 1)
    per(n, "pick")
    peer.walk_destroy(walk, n)
    assert (out == expected(masks, direction)).all()
