"""Timelines of policies under each other: what each vCPU did, and where it first did otherwise.

A log is read by `report.timeline`, as for ui.perfetto.dev; here it becomes lanes. So that a page
stays small, only the first vCPUs are taken, and of them the first so many slices; that is said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...figures.result import Result
from ...text import counted, format_ns, listed
from ..waits import round_time
from .charts import figure, legend
from .frame import Panel
from .lanes import Lane, States, lanes_of, parted, states_of, window_of
from .markup import Html, el, join
from .whys import Whys

__all__ = ["SLICES", "VCPUS", "timeline_panel"]

VCPUS = 4
"""Lanes are of so many vCPUs, the first that do anything."""

SLICES = 40_000
"""So many slices are taken in all: some 600 kB."""

_LANE, _BAR = 42, 16


def timeline_panel(
    results: Sequence[Result],
    logs: Mapping[str, NDArray[np.void]],
    end_ns: int,
    states: Mapping[str, NDArray[np.void]] | None = None,
) -> tuple[list[Panel], dict[str, Any]] | None:
    """Return the panel of timelines and what the script needs; None where nothing was logged.

    Parameters
    ----------
    results : sequence of Result
    logs : mapping of str to ndarray of dtype OUTCOME
        By label: outcomes in order of time.
    end_ns : int
        Until when all of them were logged.
    states : mapping of str to ndarray of dtype STATE, optional
        By label the state before each outcome, for explanations.
    """
    shown = [result for result in results if result.label in logs]
    vcpus = sorted({int(v) for log in logs.values() for v in np.unique(log["vcpu"])})[:VCPUS]
    if not shown or not vcpus:
        return None
    start_ns = min(result.start_ns for result in shown)
    kept, known, end_ns = _bounded(shown, logs, states or {}, vcpus, end_ns)
    whys = Whys(shown, kept, known)
    named = states_of(shown)
    lanes = [
        lane
        for place, result in enumerate(shown)
        for lane in lanes_of(
            place, result, kept[result.label], vcpus, named, whys, (start_ns, end_ns)
        )
    ]
    first = {lane.vcpu: lane for lane in lanes if lane.place == 0}
    for lane in lanes:
        lane.apart = [] if lane.place == 0 else parted(first[lane.vcpu].slices, lane.slices)
    window = window_of(lanes, start_ns, end_ns)
    labels = [result.label for result in shown]
    body = [legend(list(zip(named.kinds, named.names, strict=True)))]
    body += [
        el("figure", el("figcaption", el("strong", f"vCPU {vcpu}")),
           _drawn([lane for lane in lanes if lane.vcpu == vcpu], labels, named, window))
        for vcpu in vcpus
    ]  # fmt: skip
    wide = [result for result in shown if result.vcpus > len(vcpus)]
    some = f" Of {counted(wide[0].vcpus, 'vCPU')} only {listed(vcpus)}." if wide else ""
    whole = max(result.start_ns + result.elapsed_ns for result in shown)
    cut = f" Only up to {format_ns(end_ns)} of {format_ns(whole)}." if end_ns < whole else ""
    apart = (
        f" The red line below a lane: what runs there is not what runs under {labels[0]}."
        if len(shown) > 1
        else ""
    )
    hint = f"What each vCPU did when, from {format_ns(window[0])} on.{apart}{cut}{some}"
    data = {
        "start": start_ns,
        "end": end_ns,
        "window": window,
        "labels": labels,
        "states": named.names,
        "kinds": named.kinds,
        "causes": [list(cause) for cause in named.causes],
        "lanes": [lane.packed() for lane in lanes],
        "sizes": [_LANE, _BAR],
    }
    reasons = whys.panel()
    panels = [Panel("timelines", "Timelines", hint, join(body)), *([reasons] if reasons else [])]
    return panels, data


def _bounded(
    results: Sequence[Result],
    logs: Mapping[str, NDArray[np.void]],
    states: Mapping[str, NDArray[np.void]],
    vcpus: Sequence[int],
    end_ns: int,
) -> tuple[dict[str, NDArray[np.void]], dict[str, NDArray[np.void]], int]:
    """Return what a page has room for of some vCPUs, and until when that is."""
    mine = {result.label: np.isin(logs[result.label]["vcpu"], vcpus) for result in results}
    kept = {label: logs[label][here] for label, here in mine.items()}
    most = SLICES // len(results)
    full = [int(log["time_ns"][most]) for log in kept.values() if len(log) > most]
    end_ns = min([end_ns, *full])
    early = {label: log["time_ns"] <= end_ns for label, log in kept.items()}
    known = {label: states[label][mine[label]][early[label]] for label in kept if label in states}
    return {label: log[early[label]] for label, log in kept.items()}, known, end_ns


# ---- The picture for who has no script; page.js draws the same again, as far in as one likes ----


def _drawn(
    lanes: Sequence[Lane], labels: Sequence[str], states: States, window: tuple[int, int]
) -> Html:
    begin, end = window
    wide = (end - begin) or 1
    vcpu = lanes[0].vcpu
    parts = []
    for row, lane in enumerate(lanes):
        top = row * _LANE
        parts.append(el("text", labels[lane.place], class_="label", x="0", y=top + 12))
        for at, length, state, *_ in lane.slices:
            left, right = max(at, begin), min(at + length, end)
            if left >= right:
                continue
            place = {"x": _percent((left - begin) / wide), "width": _percent((right - left) / wide)}
            parts.append(el("rect", class_=states.kinds[state], y=top + 17, height=_BAR, **place))
        for at, until in lane.apart:
            left, right = max(at, begin), min(until, end)
            if left < right:
                place = {
                    "x": _percent((left - begin) / wide), "width": _percent((right - left) / wide)
                }  # fmt: skip
                parts.append(el("rect", class_="apart", y=top + 17 + _BAR + 1, height=3, **place))
    told = f"Timelines of vCPU {vcpu} from {format_ns(begin)} to {format_ns(end)}: " + "; ".join(
        f"{labels[lane.place]}: {_said(lane, states, window)}" for lane in lanes
    )
    height = len(lanes) * _LANE + 18
    foot = height - 4
    for at in _ticks(begin, end):
        x = _percent((at - begin) / wide)
        parts.append(el("line", class_="grid", x1=x, x2=x, y1="0", y2=foot - 12))
        parts.append(
            el("text", round_time(at), class_="tick mid" if at > begin else "tick", x=x, y=foot)
        )
    return figure(
        f"timeline-{vcpu}", told, parts, class_="wide timeline", width="100%", height=height,
        data_vcpu=vcpu,
    )  # fmt: skip


def _ticks(begin: int, end: int) -> list[int]:
    """Return some round times."""
    least = max((end - begin) / 5, 1)
    ten = 10 ** int(np.floor(np.log10(least)))
    step = next(each * ten for each in (1, 2, 5, 10) if each * ten >= least)
    return list(range(-(-begin // step) * step, end + 1, step))


def _said(lane: Lane, states: States, window: tuple[int, int]) -> str:
    within = [each for each in lane.slices if window[0] <= each[0] < window[1]]
    parted = f", first apart at {format_ns(lane.apart[0][0])}" if lane.apart else ""
    return f"{counted(len(within), 'slice')}{parted}"


def _percent(part: float) -> str:
    return f"{100 * part:.3f}%"
