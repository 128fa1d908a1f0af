"""How times are distributed: service times, jitter, costs of switches."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from ..errors import Mistake, TypeMistake, Words, unknown
from ..events import Draw
from ..text import duration_ns, format_ns, with_unit

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

    def __str__(self) -> str:
        return f"{type(self).__name__.lower()} of mean {format_ns(self.mean_ns)}"

    @abstractmethod
    def fields(self) -> Fields:
        """Give it as ``struct ps_spread`` holds it (planesched/workload.h)."""


def plain(value: Spread) -> Any:
    """Return a distribution as `spread` takes it: ns, or ``{"gamma": {"mean": ...}}``."""
    if isinstance(value, Constant):
        return int(value.time)
    [kind] = [name for name, made in SPREADS.items() if made is type(value)]
    made: Any = value
    settings = {item.name: getattr(made, item.name) for item in fields(made)}
    if "values" in settings:
        return {kind: settings["values"].tolist()}
    return {kind: settings}


def _time(self: Any, name: str) -> int:
    """Read a field of a frozen dataclass as a time, and keep it as nanoseconds."""
    value = duration_ns(getattr(self, name), name)
    object.__setattr__(self, name, value)
    return value


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

    def __str__(self) -> str:
        return format_ns(self.mean_ns)

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.time)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return Draw.CONSTANT, 0.0, 0.0, int(self.time), None


@dataclass(frozen=True)
class Uniform(Spread):
    """Between two times, each as likely."""

    low: str | int
    high: str | int

    def __post_init__(self) -> None:
        if _time(self, "low") > _time(self, "high"):
            raise Mistake("low", self.low, f"no more ns than high={self.high}")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return (int(self.low) + int(self.high)) / 2

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return Draw.UNIFORM, float(self.low), float(self.high), 0, None


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
        return Draw.EXPONENTIAL, float(self.mean), 0.0, 0, None


@dataclass(frozen=True)
class LogNormal(Spread):
    """Lognormal: half of the draws are below the median, two thirds within a factor exp(sigma)."""

    median: str | int
    sigma: float

    def __post_init__(self) -> None:
        if not _time(self, "median"):
            raise Mistake("median", 0, "a time above 0")
        number("sigma", self.sigma)
        try:
            finite = math.isfinite(self.mean_ns)
        except OverflowError:
            finite = False
        if not finite:
            raise Mistake("sigma", self.sigma, "one whose mean is a number: below 36")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return int(self.median) * math.exp(self.sigma**2 / 2)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return Draw.LOGNORMAL, math.log(int(self.median)), float(self.sigma), 0, None


@dataclass(frozen=True)
class Gamma(Spread):
    """Gamma, of a given mean and shape; its coefficient of variation is 1 / sqrt(shape)."""

    mean: str | int
    shape: float

    def __post_init__(self) -> None:
        _time(self, "mean")
        number("shape", self.shape)

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.mean)

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return Draw.GAMMA, float(self.shape), int(self.mean) / self.shape, 0, None


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
            raise Mistake("values", Words("none"), "one time or more")

    @property
    def mean_ns(self) -> float:
        """The mean."""
        return float(self.values.mean())

    def fields(self) -> Fields:
        """Give it as C holds it."""
        return Draw.EMPIRICAL, 0.0, 0.0, 0, self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Empirical) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(self.values.tobytes())


def times_array(name: str, values: Any) -> NDArray[np.int64]:
    """Copy times in ns, or strings with units, into an array that nobody changes."""
    if isinstance(values, list | tuple) and any(isinstance(value, str) for value in values):
        values = [duration_ns(value, f"{name}[{i}]") for i, value in enumerate(values)]
    given = np.asarray(values)
    if given.ndim != 1:
        raise Mistake(name, Words(f"{given.ndim} dimensions"), "one")
    if len(given) and given.dtype.kind not in "iu":
        raise TypeMistake(name, Words(f"an array of dtype {given.dtype}"), "whole nanoseconds")
    array = given.astype(np.int64)
    if len(array) and array.min() < 0:
        raise Mistake(f"{name}[{array.argmin()}]", int(array.min()), "a time, 0 or more")
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


# Their fields that are times; a file says these with units.
_TIMES = ("time", "low", "high", "mean", "median", "values")


def spread(
    value: "Spread | str | int | Mapping[str, Any]", name: str = "", *, typed: bool = False
) -> Spread:
    """Return a distribution.

    Parameters
    ----------
    value : Spread, str, int or mapping
        A distribution; a time that is always the same; or a distribution as files have it:
        ``{"exponential": "20 us"}``, ``{"gamma": {"mean": "20 us", "shape": 2}}``.
    name : str
        What the caller calls it, for a mistake in it.
    typed : bool
        Refuse bare numbers where times belong: a file's have units.

    Raises
    ------
    Mistake
        If it is none.
    """
    if isinstance(value, Spread):
        return value
    if not isinstance(value, Mapping):
        return Constant(duration_ns(with_unit(value, name) if typed else value, name))
    if len(value) != 1:
        raise Mistake(name, value, f"a time, or one of {', '.join(SPREADS)}")
    [(kind, given)] = value.items()
    if kind not in SPREADS:
        raise unknown(name, kind, SPREADS)
    made: Any = SPREADS[kind]
    names = [item.name for item in fields(made)]
    if kind == "empirical" or not isinstance(given, list | tuple | Mapping):
        given = [given]
    if len(given) != len(names) or (isinstance(given, Mapping) and set(given) != set(names)):
        shown = given[0] if isinstance(given, list) and len(given) == 1 else given
        raise Mistake(f"{name}.{kind}" if name else kind, shown, f"its {' and '.join(names)}")
    settings = dict(given) if isinstance(given, Mapping) else dict(zip(names, given, strict=True))
    try:
        if typed:
            _check_units(settings)
        out: Spread = made(**settings)
    except Mistake as mistake:
        raise mistake.within(f"{name}.{kind}" if name else kind) from None
    return out


def _check_units(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name in _TIMES:
            for one in value if isinstance(value, list) else [value]:
                with_unit(one, name)
