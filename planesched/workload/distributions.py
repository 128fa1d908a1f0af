"""How times are distributed: service times, jitter, costs of switches."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..text import duration_ns

__all__ = [
    "SPREADS",
    "Constant",
    "Empirical",
    "Exponential",
    "Gamma",
    "LogNormal",
    "Spread",
    "Uniform",
    "spread",
]

Fields = tuple[int, float, float, int, NDArray[np.int64] | None]


class Spread(ABC):
    """A distribution of times. Draws are rounded to the nearest nanosecond, at least 0."""

    @property
    @abstractmethod
    def mean_ns(self) -> float:
        """The mean."""

    @abstractmethod
    def fields(self) -> Fields:
        """Give it as ``struct ps_spread`` holds it (csrc/engine/sources.h)."""


def _time(self: Any, name: str) -> int:
    """Read a field of a frozen dataclass as a time, and keep it as nanoseconds."""
    try:
        value = duration_ns(getattr(self, name))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}={getattr(self, name)!r}: {error}") from None
    object.__setattr__(self, name, value)
    return value


def _number(self: Any, name: str) -> float:
    value = getattr(self, name)
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r} is not a number")
    if not 0 < value < math.inf:
        raise ValueError(f"{name}={value!r} is not a finite number above 0")
    return float(value)


@dataclass(frozen=True)
class Constant(Spread):
    """Always the same time.

    Parameters
    ----------
    time : str or int
        With its unit, or in ns.
    """

    time: str | int

    def __post_init__(self) -> None:
        _time(self, "time")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.time)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 0, 0.0, 0.0, int(self.time), None


@dataclass(frozen=True)
class Uniform(Spread):
    """Between two times, each as likely."""

    low: str | int
    high: str | int

    def __post_init__(self) -> None:
        if _time(self, "low") > _time(self, "high"):
            raise ValueError(f"low={self.low} ns is above high={self.high} ns")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return (int(self.low) + int(self.high)) / 2

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 1, float(self.low), float(self.high), 0, None


@dataclass(frozen=True)
class Exponential(Spread):
    """Exponential, of a given mean."""

    mean: str | int

    def __post_init__(self) -> None:
        _time(self, "mean")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.mean)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 2, float(self.mean), 0.0, 0, None


@dataclass(frozen=True)
class LogNormal(Spread):
    """Lognormal: half of the draws are below the median, two thirds within a factor exp(sigma)."""

    median: str | int
    sigma: float

    def __post_init__(self) -> None:
        if not _time(self, "median"):
            raise ValueError("median=0 is not a time above 0")
        _number(self, "sigma")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return int(self.median) * math.exp(self.sigma**2 / 2)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 3, math.log(int(self.median)), float(self.sigma), 0, None


@dataclass(frozen=True)
class Gamma(Spread):
    """Gamma, of a given mean and shape; its coefficient of variation is 1 / sqrt(shape)."""

    mean: str | int
    shape: float

    def __post_init__(self) -> None:
        _time(self, "mean")
        _number(self, "shape")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.mean)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 4, float(self.shape), int(self.mean) / self.shape, 0, None


@dataclass(frozen=True, eq=False)
class Empirical(Spread):
    """One of the given times, each as likely.

    Parameters
    ----------
    values : array_like of int
        In ns, shape (n,), n at least 1, none negative; copied.
    """

    values: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", times_array("values", self.values))
        if not len(self.values):
            raise ValueError("values is empty")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.values.mean())

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return 5, 0.0, 0.0, 0, self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values.tobytes())


def times_array(name: str, values: Any) -> NDArray[np.int64]:
    """Copy times in ns, or strings with units, into an array that nobody changes."""
    if isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        values = [duration_ns(value) for value in values]
    given = np.asarray(values)
    if given.ndim != 1:
        raise ValueError(f"{name} has {given.ndim} dimensions, expected 1")
    if len(given) and given.dtype.kind not in "iu":
        raise TypeError(f"{name} is of dtype {given.dtype}, expected whole nanoseconds")
    array = given.astype(np.int64)
    if len(array) and array.min() < 0:
        raise ValueError(f"{name}[{array.argmin()}]={array.min()} ns is negative")
    array.flags.writeable = False
    return array


SPREADS: Mapping[str, type[Spread]] = {
    "constant": Constant,
    "uniform": Uniform,
    "exponential": Exponential,
    "lognormal": LogNormal,
    "gamma": Gamma,
    "empirical": Empirical,
}
"""The distributions by their names in scenario files."""


def spread(value: "Spread | str | int") -> Spread:
    """Take a distribution, or a time that is always the same."""
    return value if isinstance(value, Spread) else Constant(value)
