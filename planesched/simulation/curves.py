"""What a sweep shows: figures over a setting of numbers, line by line, and where they part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..errors import Mistake, Words
from ..figures.budget import percent
from ..figures.notes import starves
from ..figures.scores import rate
from ..text import fitted, format_ns

if TYPE_CHECKING:
    from .swept import Sweep

__all__ = [
    "GUEST", "Curves", "called", "crossings", "curves", "findings", "lost", "named", "said",
    "starving",
]  # fmt: skip

GUEST = "guest OS"
"""The facet of the guest OS's share of vCPU time."""

_LOST = (0.01, 0.05)
_MOST = 6
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Curves:
    """A sweep as curves.

    Attributes
    ----------
    x : str
        The column that is the x axis: the setting of numbers with the most values.
    lines : tuple of str
        What the other settings are, line by line; the first is what others are compared with.
    facets : dict of str to dict of str to list of tuple
        By what is shown (`GUEST`, then response p99 of each source in ns) and line: x and y.
    starved : frozenset of tuple
        Facet, line and x of each point of a source that starves: its quantiles say nothing.
    bases : dict of str to str
        What a line is compared with: the first policy's with all else alike; the first line unless
        given. A line that is its own is compared with none.
    """

    x: str
    lines: tuple[str, ...]
    facets: dict[str, dict[str, Points]]
    starved: frozenset[tuple[str, str, float]] = frozenset()
    bases: Mapping[str, str] = field(default_factory=dict)

    def pairs(self) -> list[tuple[str, str]]:
        """Return the lines that are compared, each with what it is compared with."""
        bases = [(line, self.bases.get(line, self.lines[0])) for line in self.lines]
        return [(line, base) for line, base in bases if line != base]

    def text(self, columns: int | None = None) -> str:
        """Return a small table: some values of x, with the guest OS's share and a p99 by line.

        One that is wider than `columns` goes on below.
        """
        shown = [
            facet for facet in dict.fromkeys((GUEST, [*self.facets][-1])) if facet in self.facets
        ]
        pairs = [(facet, line) for facet in shown for line in self.lines]
        points = [dict(self.facets[facet].get(line, [])) for facet, line in pairs]
        xs = sorted({x for known in points for x in known})
        rows = []
        for x in xs[:: -(-len(xs) // _MOST)]:
            cells = [
                "starved" if (*pair, x) in self.starved else _cell(pair[0], known.get(x))
                for pair, known in zip(pairs, points, strict=True)
            ]
            rows.append([said(self.x, x), *cells])
        heads = [[*facet.split(", "), *line.split(" ")] for facet, line in pairs]
        return fitted([named(self.x), *heads], rows, columns)


def _cell(facet: str, y: float | None) -> str:
    if y is None:
        return "-"
    return percent(y, 1) if facet == GUEST else format_ns(y)


def curves(swept: "Sweep") -> Curves:
    """Return the curves of a sweep.

    Raises
    ------
    Mistake
        If no setting is a number with two values or more.
    """
    rows = swept.rows()
    values = {name: {row[name] for row in rows} for name in swept.settings}
    numeric = {
        name: len(found)
        for name, found in values.items()
        if len(found) > 1 and all(type(value) in (int, float) for value in found)
    }
    if not numeric:
        expected = "a setting of numbers with two values or more, as costs.exit=1us,10us"
        raise Mistake("grid", Words(", ".join(swept.settings) or "nothing"), expected)
    x = max(numeric, key=lambda name: (numeric[name], name.endswith("_ns")))
    others = [name for name in swept.settings if name != x and len(values[name]) > 1]
    told = "policy_given" in swept.settings  # a policy of the grid is its own label
    several = len({row["policy"] for row in rows}) > 1 and not told
    facets: dict[str, dict[str, Points]] = {}
    lines: dict[str, None] = {}
    dead = set()
    rest_of = [name for name in others if not name.startswith("policy_")]
    kinds: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for row in rows:
        facet, y = _shown(row)
        values_of = [_named_value(name, row[name]) for name in others]
        line = ", ".join([*([row["policy"]] if several else []), *values_of]) or row["policy"]
        rest = tuple(row[name] for name in rest_of)
        kinds.setdefault(line, (called(row, swept.settings), rest))
        if row["kind"] == "source" and starves(row["arrived"], row["finished"], row["queued"]):
            dead.add((facet, line, float(row[x])))
        if y is None:
            continue
        lines.setdefault(line)
        facets.setdefault(facet, {}).setdefault(line, []).append((float(row[x]), float(y)))
    for by_line in facets.values():
        for points in by_line.values():
            points.sort()
    if not any(y for points in facets.get(GUEST, {}).values() for _, y in points):
        facets.pop(GUEST, None)  # a guest OS without work has no share to lose
    return Curves(x, tuple(lines), facets, frozenset(dead), _bases(kinds))


def called(row: Mapping[str, Any], settings: tuple[str, ...]) -> str:
    """Return what a row's policy is called: what the grid says of it, or else its own label."""
    given = [str(row["policy_given"])] if "policy_given" in settings else []
    fields = [name for name in settings if name.startswith("policy_") and name != "policy_given"]
    changed = [f"{name.removeprefix('policy_')}={row[name]}" for name in fields]
    return ", ".join([*given, *changed]) or str(row["policy"])


def _bases(kinds: Mapping[str, tuple[str, tuple[Any, ...]]]) -> dict[str, str]:
    """Return what each line is compared with, given the policy and the other settings of each."""
    first = next(iter(kinds.values()), ("", ()))[0]
    if all(policy == first for policy, _ in kinds.values()):
        return {}
    of_first = {rest: line for line, (policy, rest) in kinds.items() if policy == first}
    return {line: of_first[rest] for line, (_, rest) in kinds.items() if rest in of_first}


def _named_value(name: str, value: Any) -> str:
    if name == "policy_given":
        return str(value)
    number = type(value) in (int, float) and name.endswith(("_ns", "_hz"))
    return f"{named(name)} {said(name, value) if number else value}"


def _shown(row: Mapping[str, Any]) -> tuple[str, Any]:
    if row["kind"] == "plane" and row["level"] == "level0":
        return GUEST, row["running_share"]
    if row["kind"] == "source":
        return f"p99 response, {row['name']}", row["response_p99_ns"]
    return "", None


def starving(found: Curves) -> list[str]:
    """Say which sources starve, under which line and where."""
    at: dict[tuple[str, str], list[str]] = {}
    for facet, line, x in sorted(found.starved):
        at.setdefault((facet.partition(", ")[2], line), []).append(said(found.x, x))
    what = named(found.x)
    return [
        f"{of} starves under {line} at {what} {', '.join(xs)}." for (of, line), xs in at.items()
    ]


def findings(found: Curves) -> list[str]:
    """Say what starves, where lines lose the guest OS's time to the first, and where they cross."""
    out = starving(found)
    for line, first in found.pairs():
        parts = [
            f"{percent(part, 0)} from {said(found.x, x)}"
            for name, part, x in lost(found)
            if name == line
        ]
        if parts:
            out.append(
                f"Of the guest OS's time, {line} costs {' and '.join(parts)} of {named(found.x)} "
                f"on, beside {first}."
            )
        elif cost := _cost(found, line, first):
            out.append(f"{line} costs {cost} of the guest OS's time, beside {first}.")
    out += [
        f"{facet}: {line} crosses {dict(found.pairs())[line]} at {said(found.x, x)}."
        for facet, line, x in crossings(found)
    ]
    return out


def _cost(found: Curves, line: str, first: str) -> str:
    """Say what part of the guest OS's time a line costs that loses it nowhere between points.

    Nothing where the guest OS has no work.
    """
    shares = found.facets.get(GUEST, {})
    pairs = zip(shares.get(first, []), shares.get(line, []), strict=False)
    parts = [1 - mine / base for (_, base), (_, mine) in pairs if base]
    if not parts:
        return ""
    if max(parts) < min(_LOST):
        return f"less than {percent(min(_LOST), 0)}"
    least, most = (percent(part, 0) for part in (min(parts), max(parts)))
    return least if least == most else f"{least} to {most}"


def crossings(found: Curves) -> list[tuple[str, str, float]]:
    """Return where a line crosses the first: facet, line and x."""
    out = []
    for facet, by_line in found.facets.items():
        for line, first in found.pairs():
            base = by_line.get(first, [])
            apart = [
                (x, y - b) for (x, b), (_, y) in zip(base, by_line.get(line, []), strict=False)
            ]
            for one, other in pairwise(apart):
                if one[1] * other[1] < 0:
                    out.append((facet, line, _between(one, other)))
    return out


def lost(found: Curves) -> list[tuple[str, float, float]]:
    """Return where a line has lost each part of the guest OS's time: line, part and x."""
    shares = found.facets.get(GUEST, {})
    out = []
    for line, first in found.pairs():
        base, mine = shares.get(first, []), shares.get(line, [])
        for part in _LOST:
            pairs = zip(base, mine, strict=False)
            at = _where([(x, y - (1 - part) * b) for (x, b), (_, y) in pairs])
            if at is not None:
                out.append((line, part, at))
    return out


def _where(apart: Sequence[tuple[float, float]]) -> float | None:
    """Return the first x, between two points by a straight line, where what is above 0 is not."""
    for one, other in pairwise(apart):
        if one[1] >= 0 > other[1]:
            return _between(one, other)
    return None


def _between(one: tuple[float, float], other: tuple[float, float]) -> float:
    (x, y), (to_x, to_y) = one, other
    return x + (to_x - x) * y / (y - to_y)


def said(column: str, value: float) -> str:
    """Write a value of a setting with its unit."""
    if column.endswith("_ns"):
        return format_ns(round(value))
    return f"{rate(value)}/s" if column.endswith("_hz") else rate(value)


def named(column: str) -> str:
    """Return what the column of a setting is, in words: ``exit cost``."""
    plain = column.removesuffix("_ns").removesuffix("_hz").removesuffix("_given")
    return plain.removeprefix("policy_").replace("_", " ")
