"""The panels of results: the answer, how policies score, where time went, and how long all waited.

Every figure comes from `planesched.figures`, in its words; here it is only put in its place.
"""

from collections.abc import Sequence
from typing import Any

from ...figures.budget import budget, per_second
from ...figures.cite import cited, verdict
from ...figures.distribution import QUANTILES
from ...figures.likeness import likeness
from ...figures.notes import notes, starved, warnings
from ...figures.rests import rests_on, trace_text
from ...figures.result import Result
from ...figures.results import Results
from ...figures.scores import Score, percent, rate, score, scores
from ...figures.steps import step_rows
from ...text import format_ns
from ..waits import Curve, curves_of, percents, time_scale
from .charts import SERIES, Axis, Bar, Line, bars, legend, lines
from .frame import Panel
from .markup import Html, el, join, table

__all__ = ["answer_of", "beside", "foot_of", "result_panels"]

_MOST = 8
"""Up to so many policies, each may be made the baseline: differences are of every pair."""

_POINTS = 121
_LEVELS = 8


def answer_of(results: Results, command: str, sentence: str | None = None) -> Html:
    """Return what stands above all: warnings, the verdict, and the block to cite."""
    warned = [f"{each.label}: {note}" for each in results for note in warnings(each)]
    read = trace_text(results[0])
    alike = likeness(results)
    said = [
        el("ul", (el("li", each) for each in warned), class_="warnings") if warned else None,
        el("p", sentence or verdict(results), class_="verdict"),
        el("ul", (el("li", each) for each in alike), class_="likeness") if alike else None,
        el("p", read, class_="hint") if read else None,
    ]
    block = cited(results, command, sentence)
    return beside(join(said), block)


def beside(said: Html, block: str) -> Html:
    """Return an answer with the block to cite beside it, or below where there is no room."""
    pre = el("pre", block, id="cite", tabindex="0", aria_labelledby="cite-heading")
    quoted = el("div", el("h2", "To cite", id="cite-heading"), pre)
    return el("div", el("div", said), quoted, class_="answer")


def result_panels(results: Results) -> tuple[list[Panel], dict[str, Any]]:
    """Return the panels of results, and what the script needs of them."""
    rounds, baselines = _rounds(results)
    panels = [_scoreboard(results, rounds[0])]
    if results.between:
        panels.append(_fields(results))
    panels += [_time(results), *_waits(results), _switches(results)]
    data = {
        "labels": results.labels,
        "baselines": baselines,
        "time": [_prices(result) for result in results],
        "nines": _readings(results),
    }
    return panels, data


def foot_of(results: Results, more: Sequence[str] = ()) -> Panel:
    """Return what the figures rest on, and what is to be known of them."""
    told = [
        f"{each.label}: {note}"
        for each in results
        for note in notes(each)
        if note not in warnings(each)
    ]
    items = [*more, *rests_on(list(results)), *told]
    if results.partial:
        items.insert(0, "partial: stopped before its end")
    return Panel("rests", "What it rests on", "", el("ul", (el("li", each) for each in items)))


# ---- Scores ----


def _rounds(results: Results) -> tuple[list[list[Score]], list[Any]]:
    """Return the scores with each policy as the one that others are compared with, in its place."""
    count = len(results) if len(results) <= _MOST else 1
    rounds = []
    for base in range(count):
        order = [base, *(place for place in range(len(results)) if place != base)]
        turned = Results([results[place] for place in order])
        back = [order.index(place) for place in range(len(results))]
        found = [*_heads(turned), *scores(turned)]
        rounds.append([one._replace(cells=tuple(one.cells[at] for at in back)) for one in found])
    apart = [[[cell.apart for cell in one.cells] for one in found] for found in rounds]
    return rounds, apart


def _heads(results: Results) -> list[Score]:
    share = score(results, "vCPU time", "guest OS, of vCPU time", "utilisation", "level0", percent)
    return [share] if "level0" in results[0].levels else []


def _scoreboard(results: Results, found: Sequence[Score]) -> Panel:
    heads = [
        el("th", el("span", label, class_=f"swatch s{place % SERIES}"), scope="col",
           data_column=place)
        for place, label in enumerate(results.labels)
    ]  # fmt: skip
    groups: dict[str, list[Html]] = {}
    for number, one in enumerate(found):
        cells = [
            el(
                "td",
                el("span", cell.value, class_="value"),
                el("span", cell.apart.strip("[]"), class_="apart") if one.group != "jobs" else None,
                class_="dead" if cell.dead else None,
            )
            for cell in one.cells
        ]
        row = el("tr", el("th", one.title, scope="row"), cells, data_row=number)
        groups.setdefault(one.group, []).append(row)
    span = len(results) + 1
    bodies = [
        el("tbody", el("tr", el("th", group, scope="rowgroup", colspan=span)), rows)
        for group, rows in groups.items()
    ]
    stuck = [
        el("td", _stuck(each) or "no", class_="dead" if _stuck(each) else None) for each in results
    ]
    row = el("tr", el("th", "starved or livelocked", scope="row"), stuck)
    bodies.insert(0, el("tbody", row))
    caption = "Figures of each policy, and beside each by how much it differs from the first"
    head = el("thead", el("tr", el("th", "figure", scope="col"), heads))
    known = any("+-" in cell.apart for one in found for cell in one.cells)
    kind = "intervals" if known else None
    inner = el("table", el("caption", caption), head, bodies, id="scores", class_=kind)
    body = el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)
    hint = (
        "The same arrivals for all policies. Beside a figure: the difference from the baseline, +- "
        "half of its 95 % confidence interval where there is one."
    )
    jobs = el("details", el("summary", "What became of all jobs"), _jobs(results))
    return Panel("scoreboard", "Scoreboard", hint if len(results) > 1 else "", join([body, jobs]))


def _stuck(result: Result) -> str:
    """Say which planes starve, and whether there are livelocks, in few words."""
    dead = [plane for plane in range(result.planes) if starved(result, plane)]
    words = [f"{result.called(plane)} starved" for plane in dead]
    words += ["livelock"] if result.livelocks else []
    return ", ".join(words)


def _jobs(results: Results) -> Html:
    rows = []
    for result in results:
        for where in results.sources:
            plane = result.plane_of(where)
            counts = result.rows[result.rows_of(where)]
            dead = starved(result, plane)
            rows.append(
                [f"{where}, {result.label}", str(plane),
                 *(f"{int(counts[name].sum()):,}" for name in ("arrived", "injected", "finished")),
                 f"{int(counts['queued'].sum()):,}", "starved" if dead else "no"]
            )  # fmt: skip
    header = ["of, policy", "plane", "arrived", "injected", "finished", "left undone", "starved"]
    return table("Jobs of each source, or level, under each policy", header, rows)


def _fields(results: Results) -> Panel:
    parts = []
    for label in results.between:
        header, rows = step_rows(results, label)
        parts.append(table(f"From {results[0].label} to {label}", header, rows))
    hint = (
        "Where policies differ in several fields: one is changed at a time, each row on the last."
    )
    return Panel("fields", "Field by field", hint, join(parts))


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


def _time(results: Results) -> Panel:
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


def _prices(result: Result) -> dict[str, Any]:
    """Return what a page needs to price switches and exits again: shares, and rates a second."""
    return {
        "parts": [share for _, _, share in _parts(result)],
        "switches": per_second(result, result.stats.switches),
        "exits": per_second(result, result.stats.exits),
    }


# ---- Response and latency ----


def _waits(results: Results) -> list[Panel]:
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


def _readings(results: Results) -> dict[str, Any]:
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


def _switches(results: Results) -> Panel:
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
