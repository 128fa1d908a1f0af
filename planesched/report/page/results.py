"""The panels of results: the answer, how policies score, field by field, and what that rests on.

Every figure comes from `planesched.figures`, in its words; here it is only put in its place.
"""

from collections.abc import Sequence
from typing import Any

from ...figures.budget import role
from ...figures.cite import cited, verdicts
from ...figures.likeness import likeness
from ...figures.notes import notes, starved, warnings
from ...figures.rests import rests_on, trace_text
from ...figures.result import Result
from ...figures.results import Results
from ...figures.scores import Score, scores
from ...figures.steps import step_rows
from .charts import SERIES
from .frame import Panel
from .markup import Html, el, join, table
from .times import prices, readings, switches_panel, time_panel, waits_panels

__all__ = ["answer_of", "beside", "foot_of", "result_panels"]

_MOST = 8
"""Up to so many policies, each may be made the baseline: differences are of every pair."""


def answer_of(results: Results, command: str, sentence: str | None = None) -> Html:
    """Return what stands above all: warnings, the verdict, and the block to cite."""
    warned = [f"{each.label}: {note}" for each in results for note in warnings(each)]
    warned += ["partial: stopped before its end"] if results.partial else []
    told = [sentence] if sentence else verdicts(results)
    read = trace_text(results[0])
    alike = likeness(results)
    said = [
        el("ul", (el("li", each) for each in warned), class_="warnings") if warned else None,
        *(el("p", text, class_="verdict") for text in told),
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
    panels += [time_panel(results), *waits_panels(results), switches_panel(results)]
    data = {
        "labels": results.labels,
        "baselines": baselines,
        "time": [prices(result) for result in results],
        "nines": readings(results),
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
        found = scores(turned)
        rounds.append([one._replace(cells=tuple(one.cells[at] for at in back)) for one in found])
    apart = [[[cell.apart for cell in one.cells] for one in found] for found in rounds]
    return rounds, apart


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
    caption = caption if len(results) > 1 else f"Figures of {results[0].label}"
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
                [f"{role(where)}, {result.label}", str(plane),
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
