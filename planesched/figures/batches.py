"""Batch means: figures of equal stretches of time, and the confidence intervals they give."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .distribution import bucket_floor
from .equal import Alike

__all__ = ["Batches", "Interval", "student"]

ROW_COUNTS = ("arrived", "finished", "injected", "latency_ns", "response_ns", "sojourn_ns")
_TIMED = ("latency", "response", "sojourn")


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


@dataclass(eq=False)
class Batches(Alike):
    """Figures of equal stretches of time, one after the other.

    Attributes
    ----------
    rows : ndarray of uint64, shape (batches, rows, 6)
        Jobs arrived and finished, interrupts injected, sums of latency, response and sojourn.
    planes : ndarray of int64, shape (batches, planes, 4)
        Time running, in userspace, blocked, in transitions.
    switches : ndarray of int64, shape (batches, 2)
        Switches, and exits to userspace.
    latency, response, sojourn : ndarray of uint64, shape (batches, rows, buckets)
        Histograms; buckets from `first` on.
    first : int
        The bucket that their first one is.
    """

    rows: NDArray[np.uint64]
    planes: NDArray[np.int64]
    switches: NDArray[np.int64]
    latency: NDArray[np.uint64]
    response: NDArray[np.uint64]
    sojourn: NDArray[np.uint64]
    first: int = 0

    @classmethod
    def of(cls, arrays: Iterable[NDArray[Any]], first: int = 0) -> Self:
        """Make batches of arrays in the order of `arrays`."""
        rows, planes, switches, *timed = arrays
        return cls(rows, planes, switches, timed[0], timed[1], timed[2], first)

    def __len__(self) -> int:
        return len(self.rows)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays by name."""
        names = ("rows", "planes", "switches", *_TIMED)
        return {name: getattr(self, name) for name in names}

    def trimmed(self) -> Self:
        """Give the same without the buckets at both ends that are empty everywhere."""
        used = np.flatnonzero(sum(getattr(self, name).any(axis=(0, 1)) for name in _TIMED))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        if (low, high) == (0, self.latency.shape[2]):
            return self
        cut = {name: getattr(self, name)[..., low:high].copy() for name in _TIMED}
        rest = (self.rows, self.planes, self.switches)
        return type(self)(*rest, **cut, first=self.first + low)

    def widened(self, first: int, count: int) -> Self:
        """Give the same with buckets `first` to `first + count - 1`."""
        shift = self.first - first
        if not shift and self.latency.shape[2] == count:
            return self
        cut = {}
        for name in _TIMED:
            old = getattr(self, name)
            new = np.zeros((*old.shape[:2], count), dtype=np.uint64)
            new[..., shift : shift + old.shape[2]] = old
            cut[name] = new
        return type(self)(self.rows, self.planes, self.switches, **cut, first=first)

    def aligned(self, other: Self) -> tuple[Self, Self]:
        """Give both over the same buckets."""
        first = min(self.first, other.first)
        last = max(batch.first + batch.latency.shape[2] for batch in (self, other))
        return self.widened(first, last - first), other.widened(first, last - first)

    def beside(self, other: Self) -> Self:
        """Give the sum: other vCPUs in the same stretches of time."""
        return self._by(np.add, other)

    def since(self, other: Self) -> Self:
        """Give what was counted after `other`, an earlier reading of the same."""
        return self._by(np.subtract, other)

    def after(self, other: Self) -> Self:
        """Give both, one after the other: further stretches of time."""
        return self._by(lambda mine, theirs: np.concatenate((mine, theirs)), other)

    def _by(self, join: Callable[..., NDArray[Any]], other: Self) -> Self:
        """Join each array with the other's, over the same buckets."""
        mine, theirs = self.aligned(other)
        pairs = zip(mine.arrays().values(), theirs.arrays().values(), strict=True)
        return self.of((join(a, b) for a, b in pairs), mine.first)

    def means(self, what: str, rows: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Give count and sum of what is timed in each batch, over some rows."""
        counted = ROW_COUNTS.index("finished" if what == "sojourn" else "injected")
        counts = self.rows[:, rows, counted]
        sums = self.rows[:, rows, ROW_COUNTS.index(f"{what}_ns")]
        return counts.sum(axis=1).astype(float), sums.sum(axis=1).astype(float)

    def quantiles(self, what: str, rows: list[int], quantile: float) -> NDArray[np.float64]:
        """Give a quantile of what is timed in each batch; NaN where there is none."""
        counts = getattr(self, what)[:, rows].sum(axis=1)
        totals = np.cumsum(counts, axis=1)
        ranks = np.maximum(quantile * totals[:, -1:].astype(float), 0.5)
        buckets = self.first + (totals < ranks).sum(axis=1)
        floors = bucket_floor(buckets).astype(float)
        ceilings = bucket_floor(buckets + 1).astype(float)
        middles = floors + (ceilings - floors - 1) / 2
        return np.where(totals[:, -1] > 0, middles, np.nan)


def ratio_interval(
    counts: NDArray[np.float64], sums: NDArray[np.float64], confidence: float
) -> Interval:
    """Give sum by count over all batches, with its interval (the ratio estimator)."""
    total = counts.sum()
    if not total:
        return Interval(math.nan, math.nan, math.nan)
    value, n = float(sums.sum() / total), len(counts)
    if n < 2:
        return Interval(value, -math.inf, math.inf)
    residuals = sums - value * counts
    error = math.sqrt(float((residuals**2).sum()) / (n * (n - 1))) / float(total / n)
    half = student(confidence, n - 1) * error
    return Interval(value, value - half, value + half)


def mean_interval(
    values: NDArray[np.float64], confidence: float, value: float | None = None
) -> Interval:
    """Give the mean of the batches that are a number, or `value`, with its interval."""
    values = values[~np.isnan(values)]
    n = len(values)
    if not n:
        return Interval(math.nan, math.nan, math.nan)
    middle = float(values.mean()) if value is None else value
    if n < 2:
        return Interval(middle, -math.inf, math.inf)
    half = student(confidence, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(middle, middle - half, middle + half)


def student(confidence: float, freedom: int) -> float:
    """Give the two-sided quantile of Student's t distribution, to 1e-3 from 3 degrees of freedom.

    Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5); exact for 1 and 2 degrees.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} is not between 0 and 1")
    if freedom == 1:
        return math.tan(math.pi * confidence / 2)
    if freedom == 2:
        return confidence * math.sqrt(2 / (1 - confidence**2))
    from statistics import NormalDist

    x = NormalDist().inv_cdf((1 + confidence) / 2)
    g1 = (x**3 + x) / 4
    g2 = (5 * x**5 + 16 * x**3 + 3 * x) / 96
    g3 = (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384
    g4 = (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160
    return x + g1 / freedom + g2 / freedom**2 + g3 / freedom**3 + g4 / freedom**4
