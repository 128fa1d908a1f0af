"""Confidence intervals of batch means, by Student's t."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake

__all__ = ["Interval", "mean_interval", "ratio_interval", "student"]


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval.

    Of what cannot be negative it is that of the logarithm (the delta method), so its ends are not
    negative either; of a difference it is symmetric.

    Examples
    --------
    >>> Interval(2.0, 1.5, 2.5).half
    0.5
    """

    value: float
    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of its width."""
        return (self.high - self.low) / 2


def _above_zero(value: float, half: float) -> Interval:
    """Return an interval that is symmetric in the logarithm: its ends have the value's sign."""
    if value <= 0 or not math.isfinite(half):
        return Interval(value, value, value if half == 0 else math.inf)
    # Beyond e^700 there is no float; so wide an interval says that nothing is known.
    factor = math.exp(min(half / value, 700.0))
    return Interval(value, value / factor, value * factor)


def ratio_interval(
    counts: NDArray[np.float64], sums: NDArray[np.float64], confidence: float
) -> Interval:
    """Give sum by count over all batches, with its interval (the ratio estimator)."""
    total = counts.sum()
    if not total:
        return Interval(math.nan, math.nan, math.nan)
    value, n = float(sums.sum() / total), len(counts)
    if n < 2:
        return Interval(value, 0.0, math.inf)
    residuals = sums - value * counts
    error = math.sqrt(float((residuals**2).sum()) / (n * (n - 1))) / float(total / n)
    half = student(confidence, n - 1) * error
    return _above_zero(value, half)


def mean_interval(
    values: NDArray[np.float64],
    confidence: float,
    value: float | None = None,
    *,
    signed: bool = False,
) -> Interval:
    """Return the mean of the batches that are a number, or `value`, with its interval."""
    values = values[~np.isnan(values)]
    n = len(values)
    if not n:
        return Interval(math.nan, math.nan, math.nan)
    middle = float(values.mean()) if value is None else value
    if n < 2:
        return Interval(middle, -math.inf if signed else 0.0, math.inf)
    half = student(confidence, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(middle, middle - half, middle + half) if signed else _above_zero(middle, half)


def student(confidence: float, freedom: int) -> float:
    """Give the two-sided quantile of Student's t distribution, to 1e-3 from 3 degrees of freedom.

    Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5); exact for 1 and 2 degrees.
    """
    if not 0 < confidence < 1:
        raise Mistake("confidence", confidence, "one between 0 and 1")
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
