"""The scan, beside the kernel's walk over sixteen vCPU structs."""

import ctypes

import numpy as np
import pytest

from planesched import Policy, pick_many

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
