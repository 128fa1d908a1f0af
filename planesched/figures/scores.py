"""Policies side by side: a figure of each, and by how much it differs from the first's."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..text import format_ns
from .budget import REST, per_second, percent, role, spent
from .interval import Interval
from .notes import starved

if TYPE_CHECKING:
    from .result import Result
    from .results import Results

__all__ = ["Cell", "Score", "injected_of", "rate", "score", "scores"]


class Cell(NamedTuple):
    """A policy's figure, the difference from the first's, and whether the plane is starved."""

    value: str
    apart: str = ""
    dead: bool = False


class Score(NamedTuple):
    """A figure of every policy; `group` is what it is a figure of, for tables that have parts."""

    group: str
    title: str
    cells: tuple[Cell, ...]


def scores(results: "Results") -> list[Score]:
    """Return how the policies compare with the first: rates, response, sojourn, what was left."""
    found = [
        score(results, "rates", "switches/s a vCPU", "switches_hz", None, rate),
        score(results, "rates", "exits/s a vCPU", "exits_hz", None, rate),
        _idle(results),
        *_spent(results),
    ]
    # Where nothing costs, latency is response.
    costly = any(each.given.get("costs") for each in results)
    for metric, title in (
        ("response_mean", "response mean"),
        ("response_p99", "response p99"),
        *([("latency_p99", "latency p99")] if costly else []),
        ("sojourn_mean", "sojourn mean"),
        ("sojourn_p99", "sojourn p99"),
    ):
        group = title.partition(" ")[0]
        rows = [
            score(results, group, f"{title}, {role(where)}", metric, where, format_ns)
            for where in results.sources
        ]
        found += [row for row in rows if any(cell.value != "-" for cell in row.cells)]
    for where in results.sources:
        left = [int(each.rows[each.rows_of(where)]["queued"].sum()) for each in results]
        if any(left):
            found.append(_plain(f"jobs left, {role(where)}", [str(count) for count in left]))
    for where in results.sources:
        if any(int(each.rows[each.rows_of(where)]["injected"].sum()) for each in results):
            taken = [injected_of(each, where) for each in results]
            found.append(_plain(f"injected of arrived, {role(where)}", taken))
    return found


def _idle(results: "Results") -> Score:
    """Return entries for nothing a second; batches do not count them, so no interval is known."""
    found = [per_second(each, int(each.stats.idle_entries.sum())) for each in results]
    cells = [Cell(rate(found[0]))]
    for each in found[1:]:
        apart = Interval(each - found[0], -math.inf, math.inf)
        cells.append(Cell(rate(each), _apart(apart, rate)))
    return Score("rates", "idle entries/s a vCPU", tuple(cells))


def _spent(results: "Results") -> list[Score]:
    """Return where the time of vCPUs went: shares that add up to 100 %, with their differences."""
    shares = [spent(each) for each in results]
    out = []
    for name in shares[0]:
        cells = [Cell(percent(shares[0].get(name, 0.0)))]
        for result, share in zip(results[1:], shares[1:], strict=True):
            metric, where = (name, None) if name in REST else ("utilisation", name)
            known = where is None or where in result.levels
            apart = results.difference(metric, where, label=result.label) if known else None
            differs = "" if apart is None else _apart(apart, _points)
            cells.append(Cell(percent(share.get(name, 0.0)), differs))
        out.append(Score("vCPU time", f"{role(name)}, of vCPU time", tuple(cells)))
    return [*out, Score("vCPU time", "sum, of vCPU time", tuple(Cell("100 %") for _ in shares))]


def score(
    results: "Results",
    group: str,
    title: str,
    metric: str,
    where: str | None,
    write: Callable[[float], str],
) -> Score:
    """Return a metric of `Result.interval` of each policy, beside that of the first.

    Of a starved plane there is no figure, and none that another could be compared with.
    """
    cells = []
    for place, result in enumerate(results):
        value = _value(result, metric, where)
        if where is not None and starved(result, result.plane_of(where)):
            cells.append(Cell(_starved(result, where), dead=True))
        elif math.isnan(value):
            cells.append(Cell("-"))
        elif not place or (where is not None and starved(results[0], results[0].plane_of(where))):
            cells.append(Cell(write(value)))
        else:
            apart = results.difference(metric, where, label=result.label)
            cells.append(Cell(write(value), _apart(apart, write)))
    return Score(group, title, tuple(cells))


def _plain(title: str, values: list[str]) -> Score:
    return Score("jobs", title, tuple(Cell(value) for value in values))


def _value(result: "Result", metric: str, where: str | None) -> float:
    """Return a figure; of rates that of the whole time, as everywhere else."""
    if metric.endswith("_hz"):
        count = result.stats.switches if metric.startswith("switches") else result.stats.exits
        return per_second(result, count)
    return result.interval(metric, where).value


def injected_of(result: "Result", where: int | str) -> str:
    """Say how many interrupts were injected of those that arrived; none of them was made up."""
    rows = result.rows[result.rows_of(where)]
    woken = 0 if where in result.sources else int(result.jobs.woken[result.plane_of(where)])
    return f"{int(rows['injected'].sum())} of {int(rows['arrived'].sum()) - woken}"


def _starved(result: "Result", where: str) -> str:
    rows = result.rows[result.rows_of(where)]
    came = int(rows["arrived"].sum() + rows["queued_before"].sum())
    return f"starved: {result.sojourn[where].count} of {came}"


def _apart(apart: Interval, write: Callable[[float], str]) -> str:
    if math.isnan(apart.value):
        return ""
    if apart.value == 0 and (apart.half == 0 or math.isinf(apart.half)):
        return "[same]"
    sign = "-" if apart.value < 0 else "+"
    half = "" if math.isinf(apart.half) or apart.half == 0 else f" +- {write(apart.half)}"
    return f"[{sign}{write(abs(apart.value))}{half}]"


def _points(apart: float) -> str:
    """Write by how much shares differ, so that what is not the same does not look so."""
    return percent(apart, 2 if abs(apart) >= 1e-4 or not apart else 4)


def rate(rate_hz: float) -> str:
    """Write a rate a second, without its unit: ``1,234``."""
    return f"{rate_hz:,.0f}" if rate_hz >= 100 else f"{rate_hz:.3g}"
