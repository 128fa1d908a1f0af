"""The panels of a sweep: each figure over the setting, line by line, with where lines part."""

from contextlib import suppress

from ...errors import Mistake
from ...figures.budget import percent
from ...simulation.curves import GUEST, Curves, crossings, curves, lost, starving
from ...simulation.swept import Sweep
from ...text import format_ns
from ..waits import round_time
from .charts import SERIES, Axis, Line, Tick, legend, lines
from .frame import Panel
from .markup import Html, el, join, table
from .results import beside

__all__ = ["sweep_page_parts"]

_WIDE = 20
"""An axis whose ends are so many times apart is logarithmic."""

_LABELS = 6


def sweep_page_parts(swept: Sweep, command: str) -> tuple[Html, list[Panel]]:
    """Return the answer and the panels of a sweep."""
    said, dead = swept.findings(), ["partial: stopped before its end"] if swept.partial else []
    panels = []
    with suppress(Mistake):  # no setting is a number, so there are no curves
        found = curves(swept)
        panels = _curves(found)
        starve = starving(found)
        dead, said = dead + starve, said[len(starve) :]
    parts: list[Html] = []
    if dead:
        parts.append(el("ul", (el("li", text) for text in dead), class_="warnings"))
    first, *rest = said or [f"{swept.ran + swept.skipped} points."]
    parts += [el("p", first, class_="verdict"), el("ul", (el("li", text) for text in rest))]
    panels.append(_points(swept))
    rests = [f"{name} {value}" for name, value in swept.given.items() if value != ""]
    body = el("ul", (el("li", text) for text in rests))
    panels.append(Panel("rests", "What it rests on", "", body))
    return beside(join(parts), swept.cited(command)), panels


def _curves(found: Curves) -> list[Panel]:
    charts = [_chart(number, facet, found) for number, facet in enumerate(found.facets)]
    labels = [(f"s{number % SERIES}", line) for number, line in enumerate(found.lines)]
    setting = _setting(found)
    hint = (
        f"Over {setting}. Dotted: where a line has lost that part of the guest OS's time to "
        f"{found.lines[0]}, or crosses it."
    )
    columns = [(facet, line) for facet in found.facets for line in found.lines]
    known = [dict(found.facets[facet].get(line, [])) for facet, line in columns]
    rows = [
        [_value(found, x)]
        + [
            "starved" if (*column, x) in found.starved else _shown(column[0], ys.get(x))
            for column, ys in zip(columns, known, strict=True)
        ]
        for x in sorted({x for ys in known for x in ys})
    ]
    heads = [setting, *(f"{facet}, {line}" for facet, line in columns)]
    numbers = el("details", el("summary", "In numbers"), table("Each point", heads, rows))
    body = join([legend(labels), el("div", charts, class_="charts"), numbers])
    return [Panel("curves", "Curves", hint, body)]


def _chart(number: int, facet: str, found: Curves) -> Html:
    by_line = found.facets[facet]
    share = facet == GUEST
    drawn = [
        Line(by_line[line], place, line, marked=True,
             tips=[_tip(found, facet, line, x, y) for x, y in by_line[line]])
        for place, line in enumerate(found.lines)
        if line in by_line
    ]  # fmt: skip
    marks = [
        (x, f"-{percent(part, 0)} at {_value(found, x)}") for _, part, x in lost(found) if share
    ]
    marks += [(x, f"crosses at {_value(found, x)}") for f, _, x in crossings(found) if f == facet]
    said = "; ".join(
        f"{line.label}: {_shown(facet, line.points[0][1])} to {_shown(facet, line.points[-1][1])}"
        for line in drawn
    )
    title = f"{facet}, % of vCPU time" if share else facet
    told = f"{title} over {_setting(found)}. {said}"
    ys = [y for line in drawn for _, y in line.points]
    chart = lines(f"curve-{number}", told, drawn, _across(found, by_line), _up(share, ys), marks)
    dead = sorted({line for at, line, _ in found.starved if at == facet})
    note = el("p", f"{', '.join(dead)}: starved at some points", class_="dead") if dead else None
    return el("figure", el("figcaption", el("strong", title), note), chart)


def _tip(found: Curves, facet: str, line: str, x: float, y: float) -> str:
    dead = ", starved" if (facet, line, x) in found.starved else ""
    return f"{line} at {_value(found, x)}: {_shown(facet, y)}{dead}"


def _across(found: Curves, by_line: dict[str, list[tuple[float, float]]]) -> Axis:
    xs = sorted({x for points in by_line.values() for x, _ in points})
    every = -(-len(xs) // _LABELS)
    ticks = [(x, _tick(found, x)) for x in xs[::-1][::every][::-1]]
    if xs[0] > 0 and xs[-1] / xs[0] > _WIDE:
        return Axis.log(xs[0], xs[-1], ticks, _setting(found))
    return Axis.linear(xs[0], xs[-1], ticks, _setting(found))


def _up(share: bool, ys: list[float]) -> Axis:
    low, high = min(ys), max(ys)
    if low > 0 and high / low > _WIDE and not share:
        ticks = [(step * 10.0**n, "") for n in range(12) for step in (1, 2, 5)]
        return Axis.log(low / 1.2, high * 1.2, _named(ticks, low / 1.2, high * 1.2, share), "")
    room = (high - low) * 0.08 or abs(high) * 0.08 or 1.0
    bottom, top = max(low - room, 0.0), high + room
    return Axis.linear(bottom, top, _named(_even(bottom, top), bottom, top, share), "")


def _even(low: float, high: float) -> list[Tick]:
    """Return some round values between two others."""
    least = (high - low) / 5
    ten = 1.0
    while ten > least:
        ten /= 10
    while ten * 10 <= least:
        ten *= 10
    step = next(each * ten for each in (1, 2, 5, 10) if each * ten >= least)
    first = int(low / step)
    return [(step * n, "") for n in range(first, int(high / step) + 1)]


def _named(ticks: list[Tick], low: float, high: float, share: bool) -> list[Tick]:
    return [
        (value, f"{100 * value:.4g} %" if share else round_time(value) if value else "0")
        for value, _ in ticks
        if low <= value <= high
    ]


def _shown(facet: str, y: float | None) -> str:
    if y is None:
        return "-"
    return percent(y) if facet == GUEST else format_ns(y)


def _setting(found: Curves) -> str:
    return found.x.removesuffix("_ns").removesuffix("_hz").replace("_", " ")


def _value(found: Curves, x: float) -> str:
    return format_ns(round(x)) if found.x.endswith("_ns") else f"{x:.3g}"


def _tick(found: Curves, x: float) -> str:
    return round_time(round(x)) if found.x.endswith("_ns") else f"{x:g}"


def _points(swept: Sweep) -> Panel:
    """Return a line for each point and policy, and one for each of its sources."""
    shown = [*swept.settings, "policy", "kind", "name", "switches_hz", "exits_hz", "running_share",
             "response_p50_ns", "response_p99_ns", "queued"]  # fmt: skip
    columns = [name for name in dict.fromkeys(shown) if name in swept.columns]
    rows = [
        [_cell(name, row[name]) for name in columns]
        for row in swept.rows()
        if row["kind"] != "plane" or row["level"] == "level0"
    ]
    heads = [name.removesuffix("_ns").replace("_", " ") for name in columns]
    found = el("details", el("summary", f"{len(rows)} rows"), table("All points", heads, rows))
    return Panel("points", "Points", "", found)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("_ns") and isinstance(value, int | float):
        return format_ns(value)
    if name.endswith("_share") and isinstance(value, float):
        return percent(value)
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
