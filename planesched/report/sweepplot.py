"""A sweep as curves: the guest OS's share and how long each source waits, over one setting."""

from typing import TYPE_CHECKING, Any

from ..figures.budget import percent
from ..figures.written import written_by
from ..simulation.curves import GUEST, Curves, crossings, curves, findings, lost
from .plots import COLOURS, DASHES, FAINT, INK, grid, new_figure
from .waits import round_time

if TYPE_CHECKING:
    from ..simulation.swept import Sweep

__all__ = ["sweep_plot"]

_MOST = 4
"""Findings that stand above the curves."""
_MARKS = ("o", "s", "^", "D", "v", "P", "X")


def sweep_plot(swept: "Sweep", title: str = "") -> Any:
    """Draw a sweep.

    The x axis is the setting of numbers with the most values, the lines are the others; a panel
    shows the guest OS's share of vCPU time, and one for each source its p99 response. Where a line
    has lost 1 % and 5 % of the guest OS's time to the first, and where lines cross, is marked.

    Parameters
    ----------
    swept : Sweep
    title : str
        What stands above, before what was found.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    Mistake
        If matplotlib is missing, or no setting is a number with two values or more.
    """
    found = curves(swept)
    figure = new_figure(len(found.facets), 3.2)
    told = findings(found)
    more = [f"and {len(told) - _MOST} findings more, in the text"] if len(told) > _MOST + 1 else []
    told = told[:_MOST] if more else told
    said = "\n".join([*([title] if title else []), *told, *more])
    figure.set_figheight(figure.get_figheight() + 0.17 * max(0, len(told) - 1))
    figure.suptitle(said, x=0.01, ha="left", fontsize=9, wrap=True)
    axes = grid(figure, len(found.facets), len(found.facets))
    for ax, facet in zip(axes, found.facets, strict=True):
        _panel(ax, facet, found)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4, frameon=False, fontsize=8,
                  handlelength=3.5)  # fmt: skip
    figure.text(0.99, 0.005, _rests_on(swept), ha="right", fontsize=6, color=INK)
    return figure


def _panel(ax: Any, facet: str, found: Curves) -> None:
    share = facet == GUEST
    ax.set_title("guest OS, % of vCPU time" if share else facet, fontsize=9, color=INK)
    for number, line in enumerate(found.lines):
        points = found.facets[facet].get(line, [])
        dead = [x for x, _ in points if (facet, line, x) in found.starved]
        points = [(x, float("nan") if x in dead else y) for x, y in points]
        for x in dead:  # what the few that got through waited is no figure
            place = ax.get_xaxis_transform()
            style = {"fontsize": 7, "color": "#b00020", "ha": "right", "va": "top"}
            ax.text(x, 0.97, f"{line}: starved", rotation=90, transform=place, **style)
        xs, ys = [x for x, _ in points], [y * 100 if share else y for _, y in points]
        look = {"color": COLOURS[number % len(COLOURS)], "marker": _MARKS[number % len(_MARKS)]}
        ax.plot(xs, ys, linestyle=DASHES[number // len(COLOURS) % 4], ms=3.5, label=line, **look)
    xs = sorted({x for points in found.facets[facet].values() for x, _ in points})
    if xs[0] > 0 and xs[-1] / xs[0] > 20:
        ax.set_xscale("log")
    every = -(-len(xs) // 6)
    times = found.x.endswith("_ns")
    shown = xs[::-1][::every][::-1]
    ax.set_xticks(shown, [round_time(round(x)) if times else f"{x:g}" for x in shown])
    ax.minorticks_off()
    ax.set_xlabel(found.x.removesuffix("_ns").replace("_", " "), fontsize=8, color=INK)
    if not share:
        _times(ax, [y for line in ax.get_lines() for y in line.get_ydata() if y == y])
    marks = lost(found) if share else []
    several = len({line for line, _, _ in marks}) > 1
    for line, part, x in marks:
        colour = COLOURS[found.lines.index(line) % len(COLOURS)] if several else INK
        ax.axvline(x, color=colour, linewidth=0.8, linestyle=":")
        if several:  # by colour: their words would lie on each other, and stand above all
            continue
        words = f"-{percent(part, 0)} at {round_time(round(x)) if times else f'{x:.3g}'}"
        place = ax.get_xaxis_transform()
        ax.text(x, 0.03, words, rotation=90, fontsize=7, ha="right", va="bottom", transform=place)
    for where, _, x in crossings(found):
        if where == facet:
            ax.axvline(x, color=INK, linewidth=0.8, linestyle="--")
    ax.grid(color=FAINT, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)


def _times(ax: Any, values: list[float]) -> None:
    above = [value for value in values if value > 0]
    if above and min(values) > 0 and max(above) / min(above) > 10:
        ax.set_yscale("log")
        steps = (1, 2, 5) if max(above) / min(above) < 200 else (1,)
        ax.set_yticks([step * 10**n for n in range(10) for step in steps])
        ax.set_ylim(min(above) / 1.3, max(above) * 1.3)
        ax.minorticks_off()
    bottom, top = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticks() if max(0, bottom) <= tick <= top]
    ax.set_yticks(ticks, [round_time(round(tick)) if tick else "0" for tick in ticks])


def _rests_on(swept: "Sweep") -> str:
    given = [f"{name} {value}" for name, value in swept.given.items() if value != ""]
    return ", ".join([*given, f"planesched {written_by()['version']}"])
