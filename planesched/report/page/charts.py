"""Figures of a page, as SVG: lines over an axis, and bars that add up to all the time.

A line chart is as large as it is on a telephone and is put beside others where there is room, so
that its words are never scaled far. Bars have widths in percent of whatever room there is.
"""

import math
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from .markup import Html, el, join, number

__all__ = ["SERIES", "Axis", "Bar", "Line", "bars", "figure", "legend", "lines"]

SERIES = 7
"""How many colours page.css has for policies; then they come again, dashed."""

_WIDTH, _HEIGHT = 360, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 14, 10, 40

Tick = tuple[float, str]


class Axis(NamedTuple):
    """An axis: where a value stands from 0 to 1, what is written beside it, and its name."""

    place: Callable[[float], float]
    ticks: Sequence[Tick]
    name: str

    @classmethod
    def linear(cls, low: float, high: float, ticks: Sequence[Tick], name: str) -> "Axis":
        """Return one that is even."""
        return cls(lambda value: (value - low) / ((high - low) or 1), ticks, name)

    @classmethod
    def log(cls, low: float, high: float, ticks: Sequence[Tick], name: str) -> "Axis":
        """Return one that is logarithmic."""
        span = math.log(high / low) or 1
        return cls(lambda value: math.log(max(value, low) / low) / span, ticks, name)

    @classmethod
    def with_zero(cls, linear: float, high: float, ticks: Sequence[Tick], name: str) -> "Axis":
        """Return one that is logarithmic from `linear` up, with 0 a decade below it."""
        span = 1 + math.log10(high / linear)

        def place(value: float) -> float:
            up = value / linear if value < linear else 1 + math.log10(value / linear)
            return (up + 0.05) / (span + 0.05)

        return cls(place, ticks, name)


class Line(NamedTuple):
    """A line: its points, its number among the lines (and so its colour), and what it tells."""

    points: Sequence[tuple[float, float]]
    number: int
    label: str
    width: float = 2.0
    dashed: bool = False
    marked: bool = False
    tips: Sequence[str] = ()
    """Where each point is marked, what it is."""


def lines(
    name: str,
    told: str,
    given: Sequence[Line],
    x: Axis,
    y: Axis,
    marks: Sequence[Tick] = (),
    span: float | None = None,
) -> Html:
    """Return a chart of lines; `name` is its id, `told` says in words what it shows."""

    def at(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * x.place(value)

    def up(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * y.place(value)

    foot, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value, text in y.ticks:
        parts.append(el("line", class_="grid", x1=_LEFT, x2=right, y1=up(value), y2=up(value)))
        parts.append(el("text", text, class_="tick end", x=_LEFT - 6, y=up(value) + 4))
    for value, text in x.ticks:
        parts.append(el("line", class_="grid", x1=at(value), x2=at(value), y1=_TOP, y2=foot))
        kind = "tick end" if at(value) > right - 4 else "tick mid"
        parts.append(
            el(
                "text",
                text,
                class_=kind,
                x=at(value) + (_RIGHT - 2 if kind == "tick end" else 0),
                y=foot + 15,
            )
        )
    parts.append(el("line", class_="axis", x1=_LEFT, x2=right, y1=foot, y2=foot))
    parts.append(el("text", x.name, class_="name mid", x=(_LEFT + right) / 2, y=_HEIGHT - 6))
    for value, text in marks:
        parts.append(el("line", class_="mark", x1=at(value), x2=at(value), y1=_TOP, y2=foot))
        turned = f"rotate(-90 {number(at(value) - 4)} {number(foot - 6)})"
        where = {"x": at(value) - 4, "y": foot - 6.0, "transform": turned}
        parts.append(el("text", text, class_="tick", **where))
    for line in given:
        places = [(at(px), up(py)) for px, py in line.points]
        kind = f"line s{line.number % SERIES}"
        dashed = " dashed" if line.dashed or line.number >= SERIES else ""
        parts.append(
            el("polyline", class_=kind + dashed, points=_points(places), stroke_width=line.width)
        )
        ends = places if line.marked else places[-1:]
        radius = 3.0 if line.marked else line.width / 2 + 1.5
        for (px, py), tip in zip_longest(ends, line.tips):
            inside = [el("title", tip)] if tip else []
            dot = {"class": f"dot s{line.number % SERIES}", "cx": px, "cy": py, "r": radius}
            parts.append(el("circle", *inside, **dot))
    size = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT}", "data_plot": f"{_LEFT} {right} {_TOP} {foot}"}
    return figure(name, told, parts, data_span=span, **size)


def _points(places: Sequence[tuple[float, float]]) -> str:
    """Return the points of a line, without those that lie on a level between two others."""
    out: list[tuple[str, str]] = []
    for x, y in places:
        point = (f"{x:.1f}", f"{y:.1f}")
        if len(out) > 1 and out[-1][1] == out[-2][1] == point[1]:
            out[-1] = point
        elif not out or out[-1] != point:
            out.append(point)
    return " ".join(",".join(point) for point in out)


def figure(name: str, told: str, parts: Sequence[Html], **given: object) -> Html:
    """Return an SVG that says what it is to who cannot see it."""
    title = el("title", told, id=f"{name}-title")
    known = {"id": name, "role": "img", "aria_labelledby": f"{name}-title"} | given
    return el("svg", title, join(parts), xmlns="http://www.w3.org/2000/svg", **known)


def legend(labels: Sequence[tuple[str, str]]) -> Html:
    """Return what each colour stands for: its class and its name."""
    items = (
        el(
            "li",
            el("svg", el("rect", class_=kind, width="100%", height="100%"), aria_hidden="true"),
            text,
        )
        for kind, text in labels
    )
    return el("ul", items, class_="legend")


class Bar(NamedTuple):
    """A bar: its label, and for each part the class of its colour, its name and its share."""

    label: str
    parts: Sequence[tuple[str, str, float]]


_ROW, _BAR = 46, 22


def bars(name: str, told: str, given: Sequence[Bar]) -> Html:
    """Return bars below each other, each as wide as there is room, in parts that add up to it."""
    out = []
    for row, bar in enumerate(given):
        top = row * _ROW
        out.append(el("text", bar.label, class_="label", x="0", y=top + 14))
        begin = 0.0
        for kind, part, share in bar.parts:
            place = {"x": _percent(begin), "y": top + 20, "width": _percent(share), "height": _BAR}
            tip = el("title", f"{bar.label}: {part} {100 * share:.2f} %")
            out.append(el("rect", tip, class_=kind, data_part=part, **place))
            # A telephone has room for the wide ones only.
            words = f"inside mid on-{kind}" + (" narrow" if share < 0.12 else "")
            text = f"{100 * share:.1f} %" if share >= 0.04 else ""
            out.append(el("text", text, class_=words, x=_percent(begin + share / 2), y=top + 35))
            begin += share
    return figure(name, told, out, class_="wide", height=len(given) * _ROW, width="100%")


def _percent(share: float) -> str:
    return f"{100 * share:.3f}%"
