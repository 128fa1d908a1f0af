"""Reading the histograms of csrc/histogram.h: 64 buckets an octave, exact below 64."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["LATENCY_ERROR", "bucket_floor", "histogram_quantile"]

_SUB_BITS = 6

LATENCY_ERROR = 1 / 128
"""A quantile read from a histogram is off by at most this part of itself."""


def bucket_floor(bucket: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Give the least value, in ns, of histogram buckets (csrc/histogram.h)."""
    bucket = np.asarray(bucket, dtype=np.uint64)
    octave = bucket >> np.uint64(_SUB_BITS)
    shift = octave - (octave > 0)
    floor: NDArray[np.uint64] = (bucket - (shift << np.uint64(_SUB_BITS))) << shift
    return floor


def histogram_quantile(counts: NDArray[np.uint64], quantile: float, low: int, high: int) -> float:
    """Give a quantile of a histogram of times, between its exact extremes `low` and `high`."""
    cumulated = np.cumsum(counts)
    rank = quantile * int(cumulated[-1])
    if quantile == 0:
        return float(low)
    if quantile == 1:
        return float(high)
    bucket = int(np.searchsorted(cumulated, rank))
    floor = int(bucket_floor(bucket))
    shift = max(0, (bucket >> _SUB_BITS) - 1)
    middle = floor + (2**shift - 1) / 2
    return float(min(max(middle, low), high))
