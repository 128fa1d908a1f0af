"""A workload: sources together, and what the planes do besides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from ..policy import Policy, plane_id
from ..text import duration_ns
from ..traces import Target
from .sources import Ipis, Recorded, Source, plane_target

__all__ = ["Workload", "plane_of"]


@dataclass(frozen=True)
class Workload:
    """What the guests of each vCPU do. Two add up: ``disk + network``.

    Parameters
    ----------
    sources : iterable of Source or Recorded
        Where work comes from; several may be for one plane.
    busy : iterable of int or str
        Planes that compute whenever they run and have no job: numbers, or levels as ``"level0"``.
    route : {"own", "marker"}, optional
        Whether an interrupt goes to its plane, or first to the marker, which forwards it; by
        default to the marker where only that may call (``call="descend"``: tdx and cca).
    forward : str or int
        How long the marker works to forward an interrupt.
    main : int, optional
        The guest OS's plane where the policy hands over; the highest-numbered by default.

    Raises
    ------
    ValueError
        If two sources have one name, an `Ipis` follows a source that is none, or a plane, route or
        time is none.
    """

    sources: Iterable[Source | Recorded] = ()
    busy: Iterable[int | str | Target] = ()
    route: str | None = None
    forward: str | int = 0
    main: int | None = None

    def __post_init__(self) -> None:
        sources = [_named(source, number) for number, source in enumerate(self.sources)]
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources: {name!r} is the name of {names.count(name)} of them")
        for source in sources:
            if isinstance(source, Ipis) and source.after not in names:
                raise ValueError(
                    f"sources: {source.name} is after={source.after!r}, none of {', '.join(names)}"
                )
        object.__setattr__(self, "sources", tuple(sources))
        if isinstance(self.busy, str):
            raise TypeError(f"busy={self.busy!r} is not a list of planes")
        busy = tuple(plane_target("busy", plane) for plane in self.busy)
        object.__setattr__(self, "busy", tuple(dict.fromkeys(busy)))
        if self.route not in (None, "own", "marker"):
            raise ValueError(f"route={self.route!r} is none of own, marker")
        try:
            object.__setattr__(self, "forward", duration_ns(self.forward))
        except (TypeError, ValueError) as error:
            raise type(error)(f"forward={self.forward!r}: {error}") from None
        if self.main is not None:
            plane_id("main", self.main)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some fields changed, validated anew."""
        return replace(self, **changes)

    def scaled(self, factor: float) -> Self:
        """Give the same workload with `factor` times as many interrupts and calls a second."""
        if not factor > 0:
            raise ValueError(f"factor={factor} is not above 0")
        scaled = [
            source if isinstance(source, Ipis | Recorded) else source.scaled(factor)
            for source in self.sources
        ]
        return replace(self, sources=scaled)

    def source(self, name: str) -> Source | Recorded:
        """Give the source of a name.

        Raises
        ------
        ValueError
            If there is none.
        """
        for source in self.sources:
            if source.name == name:
                return source
        known = ", ".join(source.name for source in self.sources)
        raise ValueError(f"{name!r} is no source of the workload: {known}")

    def __add__(self, other: "Workload") -> "Workload":
        if not isinstance(other, Workload):
            return NotImplemented
        fields: dict[str, Any] = {}
        for name, absent in (("route", None), ("forward", 0), ("main", None)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if absent not in (mine, theirs) and mine != theirs:
                raise ValueError(f"{name} is {mine!r} in one workload and {theirs!r} in the other")
            fields[name] = theirs if mine == absent else mine
        return Workload((*self.sources, *other.sources), (*self.busy, *other.busy), **fields)


def _named(source: Source | Recorded, number: int) -> Source | Recorded:
    if not isinstance(source, Source | Recorded):
        raise TypeError(f"sources[{number}]={source!r} is no source")
    kind = type(source).__name__.lower()
    return source if source.name else replace(source, name=f"{kind}{number}")


def plane_of(target: Target, policy: Policy, planes: int, main: int | None) -> int:
    """Give the plane that a target is under a policy (rules, 7)."""
    from ..traces.planemap import PlaneMap, Rule

    named = PlaneMap((Rule(0, 0, target),)) if target != Target("level", 0) else PlaneMap()
    return int(named.planes(policy, planes, main=main)[-1])
