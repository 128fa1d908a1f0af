"""Where the time went, how long interrupts waited, and who was entered from where."""

from collections.abc import Sequence
from typing import Any

from ...figures.budget import budget, per_second, percent
from ...figures.distribution import QUANTILES
from ...figures.result import Result
from ...figures.results import Results
from ...figures.scores import rate
from ...text import format_ns
from ..waits import Curve, curves_of, percents, time_scale
from .charts import SERIES, Axis, Bar, Line, bars, legend, lines
from .frame import Panel
from .markup import Html, el, join, table

__all__ = ["prices", "readings", "switches_panel", "time_panel", "waits_panels"]

_POINTS = 121
_LEVELS = 8


# ---- Where the time went ----


def _parts(result: Result) -> list[tuple[str, str, float]]:
    """Return the parts of all vCPU time: class, name and share, level0 first."""
    shares = budget(result)
    named = sorted(
        (level, plane) for level, plane in result.levels.items() if plane < result.planes
    )
    if not named:
        named = [(f"plane {plane}", plane) for plane in range(result.planes)]
    found = [
        (f"p{number % _LEVELS}", name, shares.pop(f"plane {plane}"))
        for number, (name, plane) in enumerate(named)
    ]
    other = sum(share for name, share in shares.items() if name.startswith("plane "))
    found += [("p7", "other planes", other)] if other else []
    return found + [(name, name, shares[name]) for name in ("switching", "userspace", "blocked")]


def time_panel(results: Results) -> Panel:
    """Return bars of where the time went, and what it takes to price switches again."""
    given = [Bar(result.label, _parts(result)) for result in results]
    kinds = dict.fromkeys((kind, name) for bar in given for kind, name, _ in bar.parts)
    told = "Shares of vCPU time by policy: " + "; ".join(
        f"{bar.label}: " + ", ".join(f"{name} {percent(share)}" for _, name, share in bar.parts)
        for bar in given
    )
    names = list(dict.fromkeys(name for bar in given for _, name, _ in bar.parts))
    rows = []
    for result, bar in zip(results, given, strict=True):
        found = {name: share for _, name, share in bar.parts}
        idle = per_second(result, int(result.stats.idle_entries.sum()))
        rates = [per_second(result, result.stats.switches), per_second(result, result.stats.exits)]
        rows.append([bar.label, *(percent(found.get(name, 0.0)) for name in names),
                     *map(rate, [*rates, idle])])  # fmt: skip
    header = ["policy", *names, "switches/s", "exits/s", "idle entries/s"]
    costs = results[0].given.get("costs") or "none"
    price = el(
        "p",
        "First order: the same switches and exits, each dearer by so much than in this run "
        f"(costs: {costs}). What that takes is taken from blocked time, and where there is none "
        "left from the guest OS; nothing arrives, waits or coalesces otherwise. To know, run it "
        "again with --cost.",
        class_="hint",
    )
    body = [
        legend(list(kinds)),
        bars("time-bars", told, given),
        el("div", price, id="prices", hidden=True),
        el("details", el("summary", "In numbers"),
           table("Shares of vCPU time, and how often a second of one vCPU", header, rows)),
    ]  # fmt: skip
    hint = "Shares of all vCPUs' time; they add up to 100 %."
    return Panel("time", "Where the time went", hint, join(body))


def prices(result: Result) -> dict[str, Any]:
    """Return what a page needs to price switches and exits again: shares, and rates a second."""
    return {
        "parts": [share for _, _, share in _parts(result)],
        "switches": per_second(result, result.stats.switches),
        "exits": per_second(result, result.stats.exits),
    }


# ---- Response and latency ----


def waits_panels(results: Results) -> list[Panel]:
    """Return response by percentile, and latency where it is another; none without interrupts."""
    costly = any(each.given.get("costs") for each in results)
    charts = _charts(results, "response")
    if not charts:
        return []
    labels = [(f"s{place % SERIES}", label) for place, label in enumerate(results.labels)]
    body = [
        legend(labels) if len(results) > 1 else None,
        el("div", charts, class_="charts"),
        _quantiles(results, "response"),
    ]
    if costly:
        body.append(
            el("details", el("summary", "Latency: from arrival to injection, without the switch"),
               el("div", _charts(results, "latency"), class_="charts"),
               _quantiles(results, "latency"))
        )  # fmt: skip
    more = "" if costly else " Nothing costs anything here, so response is latency."
    hint = (
        "From an interrupt's arrival to the first instruction of the plane that takes it. To the "
        f"right, each further nine takes the same room.{more}"
    )
    return [Panel("waits", "Response by percentile", hint, join(body))]


def _charts(results: Results, what: str) -> list[Html]:
    found = curves_of(dict(zip(results.labels, results, strict=True)), what)
    drawn = {name: [_line(curve, results) for curve in curves] for name, curves in found.items()}
    every = [line for named in drawn.values() for line in named]
    if not every:
        return []
    most = max(line.points[-1][0] for line in every)
    scale = time_scale([y for line in every for _, y in line.points])
    x = Axis.log(1, most * 1.15, percents(most), f"of interrupts waited no longer ({what})")
    y = (
        Axis.with_zero(scale.linear, scale.high, scale.ticks, what)
        if scale.linear
        else Axis.log(scale.low, scale.high, scale.ticks, what)
    )
    out = []
    for number, (name, named) in enumerate(drawn.items()):
        told = f"{what.capitalize()} of {name} by percentile. " + "; ".join(
            f"{curve.policy}: {_said(curve)}" for curve in found[name]
        )
        dead = [curve.policy for curve in found[name] if curve.dead]
        chart = lines(f"{what}-{number}", told, named, x, y, span=most * 1.15)
        caption = [
            el("strong", name),
            el("p", f"{', '.join(dead)}: starved", class_="dead") if dead else None,
            *(el("p", f"{', '.join(alike)}: the same", class_="hint") for alike in _alike(named)),
        ]
        out.append(el("figure", el("figcaption", caption), chart))
    return out


def _alike(drawn: Sequence[Line]) -> list[list[str]]:
    """Return who has the same line, of which one is seen."""
    found: dict[Any, list[str]] = {}
    for line in drawn:
        found.setdefault(tuple(line.points), []).append(line.label)
    return [labels for labels in found.values() if len(labels) > 1]


def _said(curve: Curve) -> str:
    p50, p99, most = (format_ns(curve.quantile_ns(q)) for q in (0.5, 0.99, 1.0))
    return f"p50 {p50}, p99 {p99}, max {most}{', starved' if curve.dead else ''}"


def _line(curve: Curve, results: Results) -> Line:
    """Return a curve as a line, wider than those that come on top, so that equal ones show."""
    number = results.labels.index(curve.policy)
    x, y = curve.points(_POINTS)
    points = [(px, py) for px, py in zip(x, y, strict=True) if py is not None]
    left = min(len(results) - number, 5)
    return Line(points, number, curve.policy, 0.6 + 1.4 * left, curve.dead)


def _quantiles(results: Results, what: str) -> Html:
    found = curves_of(dict(zip(results.labels, results, strict=True)), what)
    rows = [
        [f"{name}, {curve.policy}", f"{curve.injected:,}{' (starved)' if curve.dead else ''}",
         *(format_ns(curve.quantile_ns(q)) for q in (*QUANTILES.values(), 1.0))]
        for name, curves in found.items()
        for curve in curves
    ]  # fmt: skip
    header = ["of, policy", "injected", *(name.replace("_", ".") for name in QUANTILES), "max"]
    numbers = table(f"{what.capitalize()} by percentile", header, rows)
    return el("details", el("summary", f"{what.capitalize()} in numbers"), numbers)


def readings(results: Results) -> dict[str, Any]:
    """Return, for each chart, what is read off where the pointer is: percentiles and times."""
    out = {}
    for what in ("response", "latency"):
        found = curves_of(dict(zip(results.labels, results, strict=True)), what)
        for number, curves in enumerate(found.values()):
            out[f"{what}-{number}"] = [
                [curve.policy, curve.injected,
                 [None if y is None else format_ns(y) for y in curve.points(_POINTS)[1]]]
                for curve in curves
            ]  # fmt: skip
    return out


# ---- Who was entered from where ----


def switches_panel(results: Results) -> Panel:
    """Return a matrix for each policy, of which the script makes filters of the timelines."""
    most = max(int(result.stats.entries.max()) for result in results) or 1
    found = [_matrix(place, result, most) for place, result in enumerate(results)]
    hint = (
        "How often each plane was entered, by the plane that was left. On the diagonal: a plane "
        "gave the vCPU up and got it back (a bounce)."
    )
    return Panel("switches", "Switches", hint, el("div", found, class_="charts"))


def _matrix(place: int, result: Result, most: int) -> Html:
    stats = result.stats
    heads = [el("th", f"to {result.called(plane)}", scope="col") for plane in range(result.planes)]
    rows = []
    for was in range(result.planes):
        cells = []
        for now in range(result.planes):
            count = int(stats.entries[was, now])
            heat = 0 if not count else 1 + int(8 * count / most)
            cells.append(
                el(
                    "td",
                    f"{count:,}" if count else "-",
                    class_=f"h{heat}",
                    data_switch=f"{was} {now}",
                )
            )
        rows.append(el("tr", el("th", f"from {result.called(was)}", scope="row"), cells))
    more = f", {stats.bounces:,} bounces" if stats.bounces else ""
    caption = el("caption", el("strong", result.label), f": {stats.switches:,} switches{more}")
    head = el("thead", el("tr", el("td"), heads))
    inner = el("table", caption, head, el("tbody", rows), class_="matrix", data_policy=place)
    named = f"Switches of {result.label}"
    found = el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=named)
    return el("div", found)
