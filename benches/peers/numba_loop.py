"""The model of plain.c as a numba loop; numpy's PCG64, which numba takes as it is."""

import numba
import numpy as np

CLASSES = 3


@numba.njit(cache=False)
def _run(events, load, rng):
    """Simulate so many events; give the mean sojourn of each class, the most urgent first."""
    mean, room = 10_000.0, 1 << 16
    gap = mean * CLASSES / load
    arrivals = np.zeros((CLASSES, room), dtype=np.int64)
    lefts = np.zeros((CLASSES, room), dtype=np.int64)
    started = np.zeros((CLASSES, room), dtype=np.bool_)
    head, tail = np.zeros(CLASSES, np.int64), np.zeros(CLASSES, np.int64)
    histograms = np.zeros((2, CLASSES, 64 * 64), dtype=np.int64)
    total, count = np.zeros(CLASSES), np.zeros(CLASSES)
    following = np.zeros(CLASSES, np.int64)
    for i in range(CLASSES):
        following[i] = np.int64(rng.exponential(gap) + 0.5)
    now, current = 0, CLASSES
    for _ in range(events):
        first = 0
        for i in range(1, CLASSES):
            if following[i] < following[first]:
                first = i
        at = head[current] % room if current < CLASSES else 0
        if current < CLASSES and now + lefts[current, at] <= following[first]:
            now += lefts[current, at]
            took = now - arrivals[current, at]
            histograms[1, current, _bucket(took)] += 1
            total[current] += took
            count[current] += 1
            head[current] += 1
            while current < CLASSES and head[current] == tail[current]:
                current += 1
        else:
            if current < CLASSES:
                lefts[current, at] -= following[first] - now
            now = following[first]
            slot = tail[first] % room
            tail[first] += 1
            arrivals[first, slot] = now
            lefts[first, slot] = np.int64(rng.exponential(mean) + 0.5)
            started[first, slot] = False
            following[first] += np.int64(rng.exponential(gap) + 0.5)
            current = min(current, first)
        if current < CLASSES:
            at = head[current] % room
            if not started[current, at]:
                histograms[0, current, _bucket(now - arrivals[current, at])] += 1
                started[current, at] = True
    return total / count


@numba.njit(inline="always")
def _bucket(value):
    shift = 0
    while value >> shift >= 128:
        shift += 1
    return (shift << 6) + (value >> shift)


def run(events, load, seed):
    """Simulate with a generator of numpy's."""
    return _run(events, load, np.random.default_rng(seed))
