"""Reading the histograms of planesched/histogram.h: 64 buckets an octave, exact below 64."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, TypeMistake, unknown
from ..text import counted, format_ns
from .equal import Alike
from .interval import Interval, mean_interval, ratio_interval

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "p99_99": 0.9999}
"""The quantiles that tables show, by name."""

__all__ = [
    "QUANTILES",
    "Distribution",
    "bucket_floor",
    "bucket_of",
    "by_plane",
    "histogram_quantile",
]

_SUB_BITS = 6


def bucket_of(value: int) -> int:
    """Give the histogram bucket of a time in ns (planesched/histogram.h)."""
    shift = max(value.bit_length() - 1 - _SUB_BITS, 0)
    return (shift << _SUB_BITS) + (value >> shift)


def bucket_floor(bucket: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Give the least value, in ns, of histogram buckets (planesched/histogram.h)."""
    bucket = np.asarray(bucket, dtype=np.uint64)
    octave = bucket >> np.uint64(_SUB_BITS)
    shift = octave - (octave > 0)
    floor: NDArray[np.uint64] = (bucket - (shift << np.uint64(_SUB_BITS))) << shift
    return floor


def by_plane(
    histograms: NDArray[np.uint64], row_planes: Sequence[int], planes: int
) -> NDArray[np.uint64]:
    """Give one histogram a plane: the sum over the rows whose jobs that plane serves.

    Parameters
    ----------
    histograms : ndarray of uint64, shape (rows, buckets)
        One a row.
    row_planes : sequence of int
        The plane of each row.
    planes : int
        How many planes there are.

    Returns
    -------
    ndarray of uint64, shape (planes, buckets)
    """
    out = np.zeros((planes, histograms.shape[1]), dtype=np.uint64)
    for histogram, plane in zip(histograms, row_planes, strict=True):
        out[plane] += histogram
    return out


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
    Mistake
        If `quantile` is not in 0..1.
    """
    if not isinstance(quantile, int | float | np.number):
        raise TypeMistake("quantile", quantile, "one in 0..1")
    if not 0 <= quantile <= 1:
        raise Mistake("quantile", quantile, "one in 0..1")
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


@dataclass(frozen=True, eq=False)
class Parts(Alike):
    """The same by batches: counts, sums, and histograms from the bucket `first` on."""

    counts: NDArray[np.float64]
    sums: NDArray[np.float64]
    histograms: NDArray[np.uint64]
    first: int

    def quantiles(self, quantile: float) -> NDArray[np.float64]:
        """Return a quantile in each batch; NaN where there is none."""
        totals = np.cumsum(self.histograms, axis=1)
        ranks = np.maximum(quantile * totals[:, -1:].astype(float), 0.5)
        buckets = self.first + (totals < ranks).sum(axis=1)
        floors = bucket_floor(buckets).astype(float)
        ceilings = bucket_floor(buckets + 1).astype(float)
        middles = floors + (ceilings - floors - 1) / 2
        return np.where(totals[:, -1] > 0, middles, np.nan)

    def means(self) -> NDArray[np.float64]:
        """Return the mean in each batch; NaN where there is none."""
        out: NDArray[np.float64] = np.full(len(self.sums), np.nan)
        return np.divide(self.sums, self.counts, out=out, where=self.counts > 0)


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Alike):
    """Times of one plane or source: to the injection, to the first instruction, or to the end.

    Attributes
    ----------
    count, sum_ns : int
        How many, and all together.
    low, high : int
        The extremes, in ns, where there are any.
    buckets : ndarray of uint64, shape (buckets,)
        How many there are in each bucket.
    parts : tuple of ndarray, optional
        Counts, sums and quantiles by batch: what `interval` is made of.

    Examples
    --------
    >>> from planesched import Workload, simulate
    >>> from planesched.workload import Periodic
    >>> timer = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    >>> found = simulate("vsm", 2, 1, timer, duration="1 s", costs="any=3us").response["timer"]
    >>> found
    <Distribution of 1001 times: mean 3.00 us, p50 3.00 us, p99 3.00 us, max 3.00 us>
    >>> found.count, found.mean_ns, found.quantile_ns(0.99), found.interval().half
    (1001, 3000.0, 3000.0, 0.0)
    """

    count: int
    sum_ns: int
    low: int
    high: int
    buckets: NDArray[np.uint64]
    parts: "Parts | None" = None

    def __repr__(self) -> str:
        if not self.count:
            return "<Distribution of no times>"
        of = {"mean": self.mean_ns, "p50": self.quantile_ns(0.5), "p99": self.quantile_ns(0.99)}
        of["max"] = self.high
        shown = ", ".join(f"{name} {format_ns(value)}" for name, value in of.items())
        return f"<Distribution of {counted(self.count, 'time')}: {shown}>"

    @property
    def mean_ns(self) -> float:
        """The mean; NaN where nothing was counted."""
        return self.sum_ns / self.count if self.count else float("nan")

    @property
    def min_ns(self) -> int | None:
        """The least; None where nothing was counted."""
        return self.low if self.count else None

    @property
    def max_ns(self) -> int | None:
        """The greatest; None where nothing was counted."""
        return self.high if self.count else None

    def quantile_ns(self, quantile: float) -> float | None:
        """Give a quantile as `histogram_quantile` does."""
        return histogram_quantile(self.buckets, quantile, self.min_ns, self.max_ns)

    def interval(self, figure: str = "mean", confidence: float = 0.95) -> Interval:
        """Return a figure with its confidence interval, by batch means.

        Parameters
        ----------
        figure : str
            ``"mean"``, or one of `QUANTILES`: ``"p99"``.
        confidence : float
            In 0..1.

        Raises
        ------
        Mistake
            If there is no such figure.
        """
        if figure != "mean" and figure not in QUANTILES:
            raise unknown("figure", figure, ("mean", *QUANTILES))
        if self.parts is None:
            value = self.mean_ns if figure == "mean" else self.quantile_ns(QUANTILES[figure])
            return mean_interval(np.array([math.nan if value is None else value]), confidence)
        if figure == "mean":
            return ratio_interval(self.parts.counts, self.parts.sums, confidence)
        value = self.quantile_ns(QUANTILES[figure])
        return mean_interval(self.parts.quantiles(QUANTILES[figure]), confidence, value)

    def as_dict(self) -> dict[str, Any]:
        """Give count, mean, min, p50, p99, p99_9 and max, as JSON holds them."""
        quantiles = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}
        return {
            "count": self.count,
            "mean": self.mean_ns if self.count else None,
            "min": self.min_ns,
            **{name: self.quantile_ns(q) for name, q in quantiles.items()},
            "max": self.max_ns,
        }
