"""Where a guest's work comes from: interrupts, calls, and interrupts that vCPUs send each other.

Longer than 300 lines because every kind of source is a documented class of the same shape.
"""

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ..checks import one_of, plane_id, several, whole
from ..errors import Mistake, TypeMistake, Words
from ..events import MAX_PLANES, Arrivals, Draw
from ..irqchip import FIRST_VECTOR
from ..text import duration_ns, rate_hz
from ..traces import PlaneMap, Target
from .distributions import Fields, Spread, Uniform, spread, times_array

__all__ = [
    "SOURCES",
    "Calls",
    "Ipis",
    "OnOff",
    "Periodic",
    "Poisson",
    "Recorded",
    "Source",
    "Times",
    "plane_target",
]

_SERVICE = 'how long a job takes, as "20 us"; 0 if none takes any time'


def plane_target(name: str, plane: "int | str | Target") -> Target:
    """Take a plane: its number, ``"plane1"``, or its level, ``"level1"`` (rules, 7)."""
    if isinstance(plane, Target):
        return plane
    if isinstance(plane, str):
        found = re.fullmatch(r"(level|plane) ?(0|[1-9]\d?)", plane, re.ASCII)
        if not found or int(found[2]) >= MAX_PLANES:
            last = MAX_PLANES - 1
            raise Mistake(
                name, plane, f"one of level0..level{last}, plane0..plane{last}, 0..{last}"
            )
        return Target("level" if found[1] == "level" else "plane", int(found[2]))
    return Target("plane", plane_id(name, plane))


@dataclass(frozen=True)
class Source(ABC):
    """What all sources share.

    Attributes
    ----------
    plane : int or str
        Where its jobs are served: a plane's number, or its level as ``"level1"``.
    service : Spread, str or int
        How long a job takes; a time with its unit is always the same. It must be said, be it 0.
    vcpus : iterable of int, optional
        The vCPUs that have this source; all by default. Each has its own, with its own stream.
    name : str
        What its figures are called; by default its kind and number.
    vector : int, optional
        The interrupt vector that it raises, 16..255, where planes have controllers; 0x30 plus the
        number of its plane by default.
    """

    plane: Any
    service: Any = None
    vcpus: Iterable[int] | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)
    vector: int | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plane", plane_target("plane", self.plane))
        if self.service is None:
            raise Mistake("service", None, _SERVICE)
        object.__setattr__(self, "service", spread(self.service, "service"))
        if self.vcpus is not None:
            object.__setattr__(self, "vcpus", _vcpus("vcpus", self.vcpus))
        _named(self)
        if self.vector is not None:
            whole("vector", self.vector, FIRST_VECTOR, 255)
            if isinstance(self, Calls):
                raise Mistake("vector", self.vector, "none: a call is no interrupt")
        self._check()

    @abstractmethod
    def _check(self) -> None:
        """Read the fields of one kind of source."""

    @property
    def rate_hz(self) -> float:
        """Jobs a second of each of its vCPUs, on average; 0 where that is not known."""
        return 0.0

    @property
    def peak_hz(self) -> float:
        """Jobs a second where they are most, likewise."""
        return self.rate_hz

    @abstractmethod
    def fields(self) -> dict[str, Any]:
        """Give what is its own of ``struct ps_source`` (planesched/workload.h)."""

    def scaled(self, factor: float) -> Self:
        """Give the same source with `factor` times as many jobs a second."""
        what = self.name or type(self).__name__
        raise Mistake("scale", Words(what), "a source that has a rate")


def _named(self: Any) -> None:
    if not isinstance(self.name, str):
        raise TypeMistake("name", self.name, "a str")


def _vcpus(name: str, values: Iterable[int]) -> tuple[int, ...]:
    given = enumerate(several(name, values, "a list of vCPUs"))
    return tuple(sorted({whole(f"{name}[{i}]", vcpu, 0) for i, vcpu in given}))


def _read(self: Any, name: str, read: Any) -> Any:
    value = read(getattr(self, name), name)
    object.__setattr__(self, name, value)
    return value


def _rate(self: Any, name: str) -> float:
    rate = float(_read(self, name, rate_hz))
    if not 0 < rate <= 1e9:
        raise Mistake(name, rate, "above 0 and at most 1e9 a second")
    return rate


def _gap(mean_ns: float, other_ns: float = 0.0) -> Fields:
    return Draw.EXPONENTIAL, mean_ns, other_ns, 0, None


_NOW: Fields = (Draw.CONSTANT, 0.0, 0.0, 0, None)


@dataclass(frozen=True)
class Poisson(Source):
    """Interrupts at random, independent of each other.

    Parameters
    ----------
    rate : str or float
        How many a second, for example ``"5 kHz"``.
    """

    rate: Any = field(default=None, kw_only=True)

    def _check(self) -> None:
        _rate(self, "rate")

    @property
    def rate_hz(self) -> float:
        """Jobs a second."""
        return float(self.rate)

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        return {"arrivals": Arrivals.POISSON, "gap": _gap(1e9 / self.rate)}

    def scaled(self, factor: float) -> Self:
        """Give the same with another rate."""
        return replace(self, rate=self.rate * factor)


@dataclass(frozen=True)
class Periodic(Source):
    """A tick: at `phase`, `phase` + `period` and so on, each later by a draw from `jitter`.

    Parameters
    ----------
    period, phase : str or int
        Times; the first tick comes at `phase`.
    jitter : Spread, str or int
        A distribution, or a time: then each delay up to that is as likely. A tick that comes
        behind the next one comes with it.
    """

    period: Any = field(default=None, kw_only=True)
    phase: Any = field(default=0, kw_only=True)
    jitter: Any = field(default=0, kw_only=True)

    def _check(self) -> None:
        if not _read(self, "period", duration_ns):
            raise Mistake("period", 0, "a time above 0")
        _read(self, "phase", duration_ns)
        if not isinstance(self.jitter, Spread):
            object.__setattr__(self, "jitter", Uniform(0, _read(self, "jitter", duration_ns)))

    @property
    def rate_hz(self) -> float:
        """Jobs a second."""
        return 1e9 / float(self.period)

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        gap = self.jitter.fields() if self.jitter != Uniform(0, 0) else _NOW
        return {
            "arrivals": Arrivals.PERIODIC,
            "gap": gap,
            "period_ns": self.period,
            "phase_ns": self.phase,
        }

    def scaled(self, factor: float) -> Self:
        """Give the same with another period."""
        return replace(self, period=max(1, round(self.period / factor)))


@dataclass(frozen=True)
class OnOff(Source):
    """Bursts: Poisson at one rate for a while, then at another or not at all (two-state MMPP).

    Parameters
    ----------
    rate : str or float
        How many a second while it is on.
    on, off : str or int
        How long it is on and off, on average; both are exponential.
    off_rate : str or float
        How many a second while it is off.
    """

    rate: Any = field(default=None, kw_only=True)
    on: Any = field(default=None, kw_only=True)
    off: Any = field(default=None, kw_only=True)
    off_rate: Any = field(default=0, kw_only=True)

    def _check(self) -> None:
        _rate(self, "rate")
        _read(self, "off_rate", rate_hz)
        for name in ("on", "off"):
            if not _read(self, name, duration_ns):
                raise Mistake(name, 0, "a time above 0")

    @property
    def rate_hz(self) -> float:
        """Jobs a second, on average."""
        return float((self.rate * self.on + self.off_rate * self.off) / (self.on + self.off))

    @property
    def peak_hz(self) -> float:
        """Jobs a second in the busier spells."""
        return max(float(self.rate), float(self.off_rate))

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        off_gap = 1e9 / self.off_rate if self.off_rate else 0.0
        return {
            "arrivals": Arrivals.ONOFF,
            "gap": _gap(1e9 / self.rate, off_gap),
            "spell_ns": (float(self.on), float(self.off)),
        }

    def scaled(self, factor: float) -> Self:
        """Give the same with other rates."""
        return replace(self, rate=self.rate * factor, off_rate=self.off_rate * factor)


@dataclass(frozen=True, eq=False)
class Times(Source):
    """Interrupts at given times, the same on each of its vCPUs.

    Parameters
    ----------
    times : array_like of int
        In ns, shape (n,), sorted; copied.
    """

    times: Any = field(default=None, kw_only=True)

    def _check(self) -> None:
        times = times_array("times", self.times)
        if np.any(np.diff(times) < 0):
            at = int(np.argmax(np.diff(times) < 0)) + 1
            raise Mistake(
                f"times[{at}]", int(times[at]), f"{times[at - 1]} or more: they are sorted"
            )
        object.__setattr__(self, "times", times)

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        return {"arrivals": Arrivals.TIMES, "gap": (Draw.EMPIRICAL, 0.0, 0.0, 0, self.times)}

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Times)
            and np.array_equal(self.times, other.times)
            and (self.plane, self.service, self.vcpus, self.name)
            == (other.plane, other.service, other.vcpus, other.name)
        )

    def __hash__(self) -> int:
        return hash((self.plane, self.times.tobytes()))


@dataclass(frozen=True)
class Calls(Source):
    """Secure calls: while `plane` runs, it calls at random.

    The call is the policy's `call`; where that is accepted, a job of `service` goes to the front of
    the callee's queue, and the caller waits for its end.

    Parameters
    ----------
    rate : str or float
        How many a second of the caller's running time.
    to : int or str
        The plane that is called, where the policy hands over; else it is the next above.
    """

    rate: Any = field(default=None, kw_only=True)
    to: Any = field(default=None, kw_only=True)

    def _check(self) -> None:
        _rate(self, "rate")
        if self.to is not None:
            object.__setattr__(self, "to", plane_target("to", self.to))

    @property
    def peak_hz(self) -> float:
        """Calls a second of running time."""
        return float(self.rate)

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        return {"arrivals": Arrivals.CALLS, "gap": _gap(1e9 / self.rate)}

    def scaled(self, factor: float) -> Self:
        """Give the same with another rate."""
        return replace(self, rate=self.rate * factor)


@dataclass(frozen=True)
class Ipis(Source):
    """Interrupts between vCPUs: the end of a job may send a job to another vCPU.

    Parameters
    ----------
    after : str
        The name of the source whose jobs send.
    chance : float
        The probability that one does, 0..1.
    to : iterable of int, optional
        The vCPUs of which one is chosen, each as likely; all others by default.
    """

    after: str = field(default="", kw_only=True)
    chance: float = field(default=1.0, kw_only=True)
    to: Iterable[int] | None = field(default=None, kw_only=True)

    def _check(self) -> None:
        if not isinstance(self.chance, int | float) or not 0 <= self.chance <= 1:
            raise Mistake("chance", self.chance, "a probability, 0..1")
        if self.to is not None:
            object.__setattr__(self, "to", _vcpus("to", self.to))
            if not self.to:
                raise Mistake("to", Words("none"), "one vCPU or more")

    def fields(self) -> dict[str, Any]:
        """Give it as C holds it."""
        return {"arrivals": Arrivals.IPIS, "gap": _NOW, "chance": float(self.chance)}


@dataclass(frozen=True)
class Recorded:
    """Interrupts of a recorded trace, with the busy periods of the guest OS (`planesched.traces`).

    Parameters
    ----------
    trace : str or path-like
        The text of ``kvm:`` events.
    plane_map : PlaneMap, str or iterable of str
        Which plane each vector is for.
    service : str, int or mapping of str to those
        How long an interrupt takes its plane, of every plane but the guest OS's, or by target:
        ``{"level1": "5 us"}``. What those of the guest OS take is part of its busy periods; where
        the map has other planes, it must be said, be it 0.
    name : str
        What it is called.

    Raises
    ------
    Mistake
        If a service time is none, or is for a plane that the map does not name, or a rule of the
        map is wrong.
    """

    trace: Any
    plane_map: Any
    service: Any = None
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.plane_map, PlaneMap):
            object.__setattr__(self, "plane_map", PlaneMap.parse(self.plane_map))
        object.__setattr__(self, "trace", os.fspath(self.trace))
        _named(self)
        _read(self, "service", self._service)

    def _service(self, given: Any, name: str) -> int | Mapping[str, int]:
        named = [str(target) for target in self.plane_map.targets]
        if given is None:
            if len(named) > 1:
                raise Mistake(name, None, _SERVICE)
            return 0
        if not isinstance(given, Mapping):
            return duration_ns(given, name)
        for target in given:
            one_of(name, target, named)
        return {target: duration_ns(value, f"{name}.{target}") for target, value in given.items()}


SOURCES: dict[str, type[Source]] = {
    "poisson": Poisson,
    "periodic": Periodic,
    "onoff": OnOff,
    "times": Times,
    "calls": Calls,
    "ipis": Ipis,
}
"""The kinds of sources by their names in scenario files."""
