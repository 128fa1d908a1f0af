"""Figures for people: response by percentile, and who was entered from where.

They are matplotlib's (extra ``plot``), made without pyplot: nothing of it is changed or kept.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Mistake, TypeMistake, Words
from ..figures.budget import role
from ..figures.planes import Stats
from ..figures.result import Result
from ..figures.written import written_by
from ..files import check_target, replacing
from .figure import figure_class, matplotlib
from .waits import Curve, curves_of, percents, time_scale

__all__ = [
    "COLOURS",
    "DASHES",
    "FAINT",
    "INK",
    "check_plot",
    "grid",
    "latency_plot",
    "new_figure",
    "overview_plot",
    "save_plot",
    "switch_plot",
]

_ENDINGS = (".svg", ".png", ".pdf")
# Okabe and Ito's colours, which all people tell apart: https://jfly.uni-koeln.de/color/
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)))
"""Lines are of one width, for none is of more weight; where equal ones lie, all are seen."""
INK, FAINT = "#333333", "#dddddd"
_COLUMNS = 4
_WIDTH, _HEIGHT = 3.2, 2.7


def latency_plot(results: Any) -> Any:
    """Draw how long interrupts waited, by percentile, as HdrHistogram's plots do.

    A panel for each plane or source, a line for each policy. The x axis is 1 / (1 - q), so that
    each further nine takes the same room; a line ends at the greatest latency, where 1 - q is one
    interrupt's part. The y axis is logarithmic, with 0 at its foot where there is a latency of 0.

    Parameters
    ----------
    results : Stats, Result or Results; a sequence, or a mapping of labels to these
        What `VM.run`, `simulate`, `replay` and `compare` give. Panels are planes for Stats; for
        Result sources and planes, or levels where there is no source.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    Mistake
        If matplotlib is missing, or there is no result.
    TypeError
        If one of them is none of these.
    """
    named = _named(results)
    panels = curves_of(named)
    figure = new_figure(len(panels), _HEIGHT)
    _draw_latency(figure, panels, list(named))
    return figure


def switch_plot(results: Any) -> Any:
    """Draw how often each plane was entered from which: a heat map with counts for each policy.

    Bounces (a plane gave the vCPU up and got it back) are the diagonal. Takes, gives and raises
    what `latency_plot` does.
    """
    named = _named(results)
    figure = new_figure(len(named), _WIDTH)
    _draw_switches(figure, named, len(named))
    return figure


def overview_plot(results: Any, title: str = "") -> Any:
    """Draw `latency_plot`, and below it `switch_plot`; takes, gives and raises what these do.

    At its foot stands what it rests on: version, costs, seed and the digest of the input, where the
    results know them; above all `title`.
    """
    named = _named(results)
    panels = curves_of(named)
    columns = max(len(panels), len(named))
    figure = new_figure(columns, 0)
    heights = [_HEIGHT * _rows(len(panels)), _WIDTH * _rows(len(named))]
    figure.set_figheight(sum(heights))
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    _draw_latency(above, panels, list(named))
    _draw_switches(below, named, columns)
    if title:
        above.suptitle(f"{title}\n{above.get_suptitle()}", x=0.01, ha="left", fontsize=10)
    below.supxlabel(", ".join(_rests_on(named)), x=0.99, ha="right", fontsize=6, color=INK)
    return figure


def _rests_on(results: Mapping[str, Result | Stats]) -> list[str]:
    """Say what results rest on, as far as they know."""
    first = next(iter(results.values()))
    if not isinstance(first, Result):
        return []
    given = first.given
    trace = given.get("trace", {})
    out = [str(trace["path"])] if "path" in trace else [f"seed {first.seed}"]
    out.append(f"input {trace.get('digest') or given.get('digest')}")
    return [*out, f"costs {given.get('costs') or 'none'}", f"planesched {written_by()['version']}"]


def check_plot(path: str | os.PathLike[str]) -> None:
    """Raise if a figure cannot be saved there, before the work that it shows is done.

    Raises
    ------
    Mistake
        If the name ends with none of ``.svg``, ``.png``, ``.pdf``, or matplotlib is missing.
    OSError
        If it cannot be written.
    """
    if Path(path).suffix not in _ENDINGS:
        expected = f"a name that ends with {', '.join(_ENDINGS)}"
        raise Mistake("plot", Words(os.fspath(path)), expected)
    check_target(path)
    matplotlib()


def save_plot(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write a figure whole or not at all, always with the same bytes; raises as `check_plot`."""
    check_plot(path)
    kind = Path(path).suffix[1:]
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    # Text stays text in an SVG, for search and for the reader's own font.
    settings = {"svg.hashsalt": "planesched", "svg.fonttype": "none"}
    with matplotlib().rc_context(settings), replacing(path, "wb") as file:
        figure.savefig(file, format=kind, metadata=undated, dpi=150)


# ---- What is drawn ----


def _named(results: Any) -> dict[str, Result | Stats]:
    """Return results by the names of their policies."""
    if isinstance(results, Mapping):
        found = {str(label): result for label, result in results.items()}
    else:
        listed = list(results) if isinstance(results, Iterable) else [results]
        found = {result.label if isinstance(result, Result) else "": result for result in listed}
        if len(found) < len(listed):
            expected = "labels that differ, or a mapping of labels"
            raise Mistake("results", Words("two of one name"), expected)
    if not found:
        raise Mistake("results", Words("none"), "one or more")
    for result in found.values():
        if not isinstance(result, Result | Stats):
            raise TypeMistake("results", result, "a Stats, Result or Results")
    return found


def _stats(result: Result | Stats) -> Stats:
    return result.stats if isinstance(result, Result) else result


# ---- How it is drawn ----


def _rows(panels: int) -> int:
    return -(-max(panels, 1) // _COLUMNS)


def new_figure(panels: int, height: float) -> Any:
    """Return a figure with room for panels of so many inches."""
    size = (_WIDTH * max(2, min(panels, _COLUMNS)), height * _rows(panels) or 1)
    return figure_class()(figsize=size, layout="constrained")


def grid(figure: Any, panels: int, columns: int) -> list[Any]:
    """Return so many axes, in rows of `columns`, or of four."""
    columns = max(2, min(columns, _COLUMNS))
    axes: list[Any] = figure.subplots(_rows(panels), columns, squeeze=False).ravel().tolist()
    for unused in axes[max(panels, 1) :]:
        unused.remove()
    for ax in axes:
        ax.tick_params(labelsize=8, colors=INK)
    return axes[: max(panels, 1)]


def _draw_latency(
    figure: Any, panels: Mapping[str, Sequence[Curve]], policies: Sequence[str]
) -> None:
    figure.suptitle("Response, delivery to the first instruction", x=0.01, ha="left", fontsize=10)
    axes = grid(figure, len(panels), len(panels))
    if not panels:
        axes[0].text(
            0.5, 0.5, "no interrupt was injected", ha="center", transform=axes[0].transAxes
        )
        axes[0].set_axis_off()
        return
    lines: dict[str, Any] = {}
    for ax, (name, curves) in zip(axes, panels.items(), strict=True):
        ax.set_title(role(name), fontsize=9, color=INK)
        for curve in curves:
            if not curve.dead:
                lines[curve.policy] = _line(ax, curve, policies.index(curve.policy))
        dead = [f"{curve.policy or 'the plane'}: starved" for curve in curves if curve.dead]
        style = {"fontsize": 8, "color": "#b00020", "va": "top", "transform": ax.transAxes}
        ax.text(0.03, 0.97, "\n".join(dead), **style) if dead else None
        ax.grid(color=FAINT, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
    drawn = [line for ax in axes for line in ax.get_lines()]
    for ax in axes if drawn else []:
        _percent(ax, max(float(line.get_xdata()[-1]) for line in drawn))
        _times(ax, [float(y) for line in drawn for y in line.get_ydata()])
    if any(policies):
        shown = [policy for policy in policies if policy in lines]
        figure.legend(
            [lines[policy] for policy in shown], shown,
            loc="outside lower left", ncols=_COLUMNS, frameon=False, fontsize=8,
        )  # fmt: skip


def _line(ax: Any, curve: Curve, number: int) -> Any:
    """Draw a curve up to its greatest, which is that of one in `injected`."""
    x, y = curve.points()
    colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    [line] = ax.plot(x, y, color=colour, linewidth=1.8, linestyle=dashes, label=curve.policy)
    ax.plot(x[-1:], y[-1:], "o", color=colour, markersize=4)
    return line


def _percent(ax: Any, most: float) -> None:
    ticks = percents(most)
    ax.set_xscale("log")
    ax.set_xlim(1, most * 1.15)
    ax.set_xticks([x for x, _ in ticks], [text for _, text in ticks])
    ax.minorticks_off()
    ax.set_xlabel("of interrupts waited no longer", fontsize=8, color=INK)


def _times(ax: Any, values: Sequence[float]) -> None:
    scale = time_scale(values)
    if scale.linear:
        ax.set_yscale("symlog", linthresh=scale.linear)
    else:
        ax.set_yscale("log")
    ax.set_ylim(scale.low, scale.high)
    ax.set_yticks([tick for tick, _ in scale.ticks], [text for _, text in scale.ticks])
    ax.minorticks_off()


def _called(result: Result | Stats) -> list[str]:
    """Return what planes are called on an axis: with their level, where there is room for it."""
    numbers = [str(plane) for plane in range(_stats(result).planes)]
    if not isinstance(result, Result) or len(numbers) > 4:
        return numbers
    levels = {plane: role(level) for level, plane in result.levels.items()}
    return [f"{n}: {levels[plane]}" if plane in levels else n for plane, n in enumerate(numbers)]


def _draw_switches(figure: Any, results: Mapping[str, Any], columns: int) -> None:
    figure.suptitle("Switches, from plane to plane", x=0.01, ha="left", fontsize=10)
    most = max(int(_stats(result).entries.max()) for result in results.values())
    norm = matplotlib().colors.LogNorm(1, max(most, 2))
    axes = grid(figure, len(results), columns)
    for ax, (label, result) in zip(axes, results.items(), strict=True):
        stats = _stats(result)
        counts = np.ma.masked_equal(stats.entries, 0)
        image = ax.imshow(counts, cmap="Blues", norm=norm)
        bounces = f", {stats.bounces:,} bounces" if stats.bounces else ""
        heading = f"{stats.switches:,} switches{bounces}"
        ax.set_title(f"{label}\n{heading}" if label else heading, fontsize=9, color=INK)
        called = _called(result)
        ax.set_xticks(range(stats.planes), called)
        ax.set_yticks(range(stats.planes), called)
        ax.set_xlabel("to plane", fontsize=8, color=INK)
        ax.set_ylabel("from plane", fontsize=8, color=INK)
        ax.tick_params(length=0)
        ax.spines[:].set_color(FAINT)
        for (was, now), count in np.ndenumerate(stats.entries):
            if count:
                dark = image.norm(count) > 0.6
                style = {"fontsize": min(9, 40 / stats.planes), "color": "white" if dark else INK}
                ax.text(now, was, f"{count:,}", ha="center", va="center", **style)
