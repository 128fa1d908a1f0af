"""A workload: sources together, and what the planes do besides."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Self

from ..checks import number, one_of, plane_id, several
from ..errors import Mistake, TypeMistake, unknown
from ..policy import Policy
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

    Examples
    --------
    >>> from planesched.workload import Periodic, Poisson
    >>> disk = Workload([Poisson("level0", "10 us", rate="2 kHz", name="disk")], busy=["level0"])
    >>> timer = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    >>> [source.name for source in (disk + timer).sources]
    ['disk', 'timer']
    """

    sources: Iterable[Source | Recorded] = ()
    busy: Iterable[int | str | Target] = ()
    route: str | None = None
    forward: str | int = 0
    main: int | None = None

    def __post_init__(self) -> None:
        given = several("sources", self.sources, "a list of sources")
        sources = [_named(source, index) for index, source in enumerate(given)]
        names = [source.name for source in sources]
        for place, source in enumerate(sources):
            if source.name in names[:place]:
                raise Mistake(f"sources[{place}].name", source.name, "a name that no other has")
            if isinstance(source, Ipis):
                one_of(f"sources[{place}].after", source.after, names)
        object.__setattr__(self, "sources", tuple(sources))
        planes = several("busy", self.busy, "a list of planes")
        busy = tuple(plane_target("busy", plane) for plane in planes)
        object.__setattr__(self, "busy", tuple(dict.fromkeys(busy)))
        if self.route is not None:
            one_of("route", self.route, ("own", "marker"))
        object.__setattr__(self, "forward", duration_ns(self.forward, "forward"))
        if self.main is not None:
            plane_id("main", self.main)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some fields changed, validated anew."""
        return replace(self, **changes)

    def scaled(self, factor: float) -> Self:
        """Give the same workload with `factor` times as many interrupts and calls a second."""
        number("scale", factor)
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
        raise unknown("source", name, [source.name for source in self.sources])

    def __add__(self, other: "Workload") -> "Workload":
        if not isinstance(other, Workload):
            return NotImplemented
        fields: dict[str, Any] = {}
        for name, absent in (("route", None), ("forward", 0), ("main", None)):
            mine, theirs = getattr(self, name), getattr(other, name)
            if absent not in (mine, theirs) and mine != theirs:
                raise Mistake(name, theirs, f"{mine!r}, as the other workload says")
            fields[name] = theirs if mine == absent else mine
        return Workload((*self.sources, *other.sources), (*self.busy, *other.busy), **fields)


def _named(source: Source | Recorded, number: int) -> Source | Recorded:
    if not isinstance(source, Source | Recorded):
        raise TypeMistake(f"sources[{number}]", source, "a source")
    kind = type(source).__name__.lower()
    return source if source.name else replace(source, name=f"{kind}{number}")


def plane_of(target: Target, policy: Policy, planes: int, main: int | None) -> int:
    """Give the plane that a target is under a policy (rules, 7)."""
    from ..traces.planemap import PlaneMap, Rule

    named = PlaneMap((Rule(0, 0, target),)) if target != Target("level", 0) else PlaneMap()
    return int(named.planes(policy, planes, main=main)[-1])
