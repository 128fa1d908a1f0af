"""How long interrupts waited, as curves by percentile: what plots and pages draw alike."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..figures.notes import starved
from ..figures.planes import Stats
from ..figures.result import Result, Timed
from ..text import format_ns

__all__ = ["Curve", "Scale", "curves_of", "percents", "round_time", "time_scale"]

_POINTS = 241
_NOUGHTS = re.compile(r"\.0+\b")


class Curve(NamedTuple):
    """What one plane or source waited under one policy: response; of Stats, latency."""

    policy: str
    injected: int
    quantile_ns: Callable[[float], float | None]
    dead: bool = False
    """Whether its plane is starved, so that what was injected says little."""

    def points(self, count: int = _POINTS) -> tuple[list[float], list[float | None]]:
        """Return x, which is 1 / (1 - q), and times, up to the greatest: that of one in all."""
        x = np.geomspace(1, max(self.injected, 2), count)
        quantiles = [*(1 - 1 / x[:-1]).tolist(), 1.0]
        return x.tolist(), [self.quantile_ns(quantile) for quantile in quantiles]


def curves_of(
    results: Mapping[str, Result | Stats], what: str = "response"
) -> dict[str, list[Curve]]:
    """Return curves by source, level or plane; those of which nothing was injected are left out."""
    found: dict[str, list[Curve]] = {}
    for label, result in results.items():
        for name, curve in _curves(label, result, what):
            found.setdefault(name, []).extend([curve] if curve.injected else [])
    return {name: curves for name, curves in found.items() if curves}


def _curves(label: str, result: Result | Stats, what: str) -> Iterator[tuple[str, Curve]]:
    """Return a result's curves: by source and plane, by level, or by plane."""
    if isinstance(result, Stats):
        for plane, found in enumerate(result.latency):
            yield f"plane {plane}", Curve(label, found.count, found.quantile_ns)
        return
    timed = Timed(result, what)
    levels = {plane: level for level, plane in result.levels.items()}
    rows = list(range(len(result.names)))
    if not result.sources:  # level by level
        rows.sort(key=lambda row: levels.get(result.row_planes[row], "plane"))
    for row in rows:
        name = result.names[row]
        plane = result.row_planes[row]
        shown = levels.get(plane, name) if not result.sources else name
        found = timed[name if name in result.sources else plane]
        if name not in result.sources and result.sources:
            # What was fed or recorded for the plane, and not its sources' again.
            count = int(result.rows["injected"][row])
            if not count:
                continue
        yield shown, Curve(label, found.count, found.quantile_ns, starved(result, plane))


def percents(most: float) -> list[tuple[float, str]]:
    """Return what stands on an axis of 1 / (1 - q) up to `most`: 50 %, then the nines."""
    nines = [10**n for n in range(1, 20) if 10**n <= most]
    # The labels grow with each nine: no more of them than stand beside each other.
    nines = nines[:: -1 if len(nines) < 4 else -2][::-1]
    return [(x, f"{100 - 100 / x:.15g}%") for x in (2, *nines)]


class Scale(NamedTuple):
    """An axis of times by decades: logarithmic, or linear up to `linear` where there is a 0."""

    linear: float
    low: float
    high: float
    ticks: list[tuple[float, str]]


def time_scale(values: Sequence[float]) -> Scale:
    """Return the axis that holds some times, with 0 a decade below the least that is not."""
    above = [value for value in values if value > 0] or [1.0]
    low, high = (int(np.floor(np.log10(value))) for value in (min(above), max(above)))
    steps = (1,) if high > low else (1, 2, 5)
    ticks = [step * 10**n for n in range(low, high + 2) for step in steps]
    least, most = 10**low, max(above) * 1.5
    if min(values) > 0:
        bounds = 0.0, float(least), most
    else:
        bounds = float(least), -least / 20, most
        ticks = [0, *ticks]
    shown = [tick for tick in ticks if bounds[1] <= tick <= most]
    return Scale(*bounds, [(tick, round_time(tick) if tick else "0") for tick in shown])


def round_time(time_ns: float) -> str:
    """Write a round time without its noughts: ``20 us``."""
    return _NOUGHTS.sub("", format_ns(time_ns))
