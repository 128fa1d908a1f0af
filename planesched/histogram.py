"""Reading the histograms of csrc/histogram.h: 64 buckets an octave, exact below 64."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["bucket_floor", "histogram_quantile"]

_SUB_BITS = 6


def bucket_floor(bucket: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Give the least value, in ns, of histogram buckets (csrc/histogram.h)."""
    bucket = np.asarray(bucket, dtype=np.uint64)
    octave = bucket >> np.uint64(_SUB_BITS)
    shift = octave - (octave > 0)
    floor: NDArray[np.uint64] = (bucket - (shift << np.uint64(_SUB_BITS))) << shift
    return floor


def histogram_quantile(
    counts: NDArray[np.uint64], quantile: float, low: int | None, high: int | None
) -> float | None:
    """Give a quantile of a histogram of times, off by at most 1/128 of itself.

    Parameters
    ----------
    counts : ndarray of uint64, shape (buckets,)
        How many there are in each bucket.
    quantile : float
        In 0..1.
    low, high : int or None
        The exact extremes, in ns; None where nothing was counted.

    Returns
    -------
    float or None
        Nanoseconds, between `low` and `high`; None where nothing was counted.

    Raises
    ------
    ValueError
        If `quantile` is not in 0..1.
    """
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile={quantile} is not in 0..1")
    if low is None or high is None:
        return None
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
