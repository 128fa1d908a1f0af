"""Like for like: what each field does alone, on the way from one policy to another."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ..text import fill, fitted, format_ns
from .budget import per_second, percent, running_share
from .likeness import changes
from .notes import starved

if TYPE_CHECKING:
    from .result import Result
    from .results import Results

__all__ = ["foremost", "step_rows", "steps_said", "steps_text"]

_MANY = 4
"""Of more fields a sentence leaves out those that change nothing; the table has them."""
_SAME = ("+0.0 %", "-0.0 %", "+0/s")


def foremost(results: "Sequence[Result]") -> str | None:
    """Return the source, or level, of which a sentence tells: level1's, or the highest's."""
    first = results[0]
    names = first.sources or tuple(sorted(first.levels))
    level1 = first.levels.get("level1")
    for name in names:
        plane = first.plane_of(name)
        if plane == level1 and (first.response[name].count or starved(first, plane)):
            return name
    # Of calls nothing is injected, and so there is no response to tell of.
    names = tuple(n for n in names if any(each.response[n].count for each in results)) or names
    height = {plane: int(level.removeprefix("level")) for level, plane in first.levels.items()}
    return max(names, key=lambda name: (height.get(first.plane_of(name), -1), name), default=None)


def _way(results: "Results", label: str) -> "list[tuple[str, Result, Result]]":
    """Return the steps to a policy: what changes, and the results before and after."""
    on_the_way = [results[0], *results.between[label], results[label]]
    return [(changes(one.policy, other.policy), one, other) for one, other in pairwise(on_the_way)]


def _more(one: "Result", other: "Result") -> str:
    before, after = (per_second(each, each.stats.switches) for each in (one, other))
    return percent(after / before - 1, 1, "+") if before else f"{after:+,.0f}/s"


def steps_said(results: "Results", label: str) -> str:
    """Say what each field alone does to the switches, where more than one differs."""
    if label not in results.between:
        return ""
    steps = [(change, _more(one, other)) for change, one, other in _way(results, label)]
    told = [step for step in steps if step[1] not in _SAME] if len(steps) > _MANY else steps
    parts = [" ".join(step) for step in told]
    if len(told) < len(steps):
        parts.append("the others nothing" if told else "nothing")
    return f" (field by field: {', '.join(parts)})"


def steps_text(results: "Results", columns: int | None) -> str:
    """Return a table for each policy that differs in more than one field: a row a field."""
    return "\n\n".join(_table(results, label, columns) for label in results.between)


def _table(results: "Results", label: str, columns: int | None) -> str:
    title = (
        f"steps from {results[0].label} to {label}, one field at a time; changes are from the row "
        "above:"
    )
    return "\n".join([*fill(title, columns, hang=2), fitted(*step_rows(results, label), columns)])


def step_rows(results: "Results", label: str) -> tuple[list[str], list[Sequence[str]]]:
    """Return the header and the rows of the way to a policy: a row a field."""
    name = foremost(list(results))
    header = ["field", "switches/s", "exits/s", "guest OS", *([f"p99 {name}"] if name else [])]
    rows = [_row("", results[0].label, None, results[0], name)]
    rows += [_row(change, change, one, other, name) for change, one, other in _way(results, label)]
    return header, rows


def _row(
    change: str, title: str, one: "Result | None", other: "Result", name: str | None
) -> Sequence[str]:
    more = "" if one is None else f" {_more(one, other)}"
    cells = [title, f"{per_second(other, other.stats.switches):,.0f}{more}"]
    cells.append(f"{per_second(other, other.stats.exits):,.0f}")
    cells.append(percent(running_share(other), 1))
    if name is not None:
        dead = starved(other, other.plane_of(name))
        cells.append("starved" if dead else format_ns(other.response[name].quantile_ns(0.99)))
    return cells
