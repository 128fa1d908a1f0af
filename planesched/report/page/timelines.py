"""Timelines of policies under each other: what each vCPU did, and where it first did otherwise.

A log is read by `report.timeline`, as for ui.perfetto.dev; here it becomes lanes. So that a page
stays small, only the first vCPUs are taken, and of them the first so many slices; that is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...figures.result import Result
from ...text import counted, format_ns, listed
from ..timeline import marks
from ..tracks import Mark
from ..waits import round_time
from .charts import figure, legend
from .frame import Panel
from .markup import Html, el, join

__all__ = ["SLICES", "VCPUS", "timeline_panel"]

VCPUS = 4
"""Lanes are of so many vCPUs, the first that do anything."""

SLICES = 40_000
"""So many slices are taken in all: some 600 kB."""

_SHOWN = 28
"""At first a lane shows about so many slices."""

_LANE, _BAR = 42, 16


@dataclass
class _Lane:
    """What a vCPU did under a policy: slices as (begin, length, state, cause), and instants."""

    place: int
    vcpu: int
    slices: list[tuple[int, int, int, int]] = field(default_factory=list)
    instants: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)

    def packed(self) -> dict[str, Any]:
        """Return it as the script reads it: lengths, states and causes, one after the other."""
        begin = self.slices[0][0] if self.slices else 0
        flat = [
            number for _, length, state, cause in self.slices for number in (length, state, cause)
        ]
        return {
            "policy": self.place, "vcpu": self.vcpu, "begin": begin, "slices": flat,
            "instants": self.instants, "apart": self.apart,
        }  # fmt: skip


@dataclass
class _States:
    """The states and causes that lanes name by number."""

    names: list[str]
    kinds: list[str]
    causes: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def cause(self, mark: Mark) -> int:
        told = dict(mark.args)
        was, now = int(told.get("from", -1)), int(told["plane"])
        words = [f"from plane {was}"] if "from" in told else []
        words += [f"{name} {told[name]}" for name in ("reason", "event") if name in told]
        text = f"{mark.name}: plane {now}" if not mark.name.startswith("plane") else mark.name
        return self.causes.setdefault((listed([text, *words]), was, now), len(self.causes))

    def state(self, mark: Mark, levels: Mapping[int, str]) -> int:
        name = {"switch": "switching", "exit": "switching"}.get(mark.name, mark.name)
        if mark.name.startswith("plane "):
            name = levels.get(int(mark.name.removeprefix("plane ")), mark.name)
        return self.names.index(name)


def timeline_panel(
    results: Sequence[Result], logs: Mapping[str, NDArray[np.void]], end_ns: int
) -> tuple[Panel, dict[str, Any]] | None:
    """Return the panel of timelines and what the script needs; None where nothing was logged.

    Parameters
    ----------
    results : sequence of Result
    logs : mapping of str to ndarray of dtype OUTCOME
        By label: outcomes in order of time.
    end_ns : int
        Until when all of them were logged.
    """
    shown = [result for result in results if result.label in logs]
    vcpus = sorted({int(v) for log in logs.values() for v in np.unique(log["vcpu"])})[:VCPUS]
    if not shown or not vcpus:
        return None
    start_ns = min(result.start_ns for result in shown)
    kept = {}
    for result in shown:
        log = logs[result.label]
        log = log[np.isin(log["vcpu"], vcpus)]
        most = SLICES // len(shown)
        if len(log) > most:
            end_ns = min(end_ns, int(log["time_ns"][most]))
        kept[result.label] = log
    states = _states(shown)
    lanes = [
        lane
        for place, result in enumerate(shown)
        for lane in _lanes(place, result, kept[result.label], vcpus, states, (start_ns, end_ns))
    ]
    first = {lane.vcpu: lane for lane in lanes if lane.place == 0}
    for lane in lanes:
        lane.apart = [] if lane.place == 0 else _apart(first[lane.vcpu].slices, lane.slices)
    window = _window(lanes, start_ns, end_ns)
    labels = [result.label for result in shown]
    body = [legend(list(zip(states.kinds, states.names, strict=True)))]
    body += [
        el("figure", el("figcaption", el("strong", f"vCPU {vcpu}")),
           _drawn([lane for lane in lanes if lane.vcpu == vcpu], labels, states, window))
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
        "states": states.names,
        "kinds": states.kinds,
        "causes": [list(cause) for cause in states.causes],
        "lanes": [lane.packed() for lane in lanes],
        "sizes": [_LANE, _BAR],
    }
    return Panel("timelines", "Timelines", hint, join(body)), data


def _states(results: Sequence[Result]) -> _States:
    levels = sorted({level for result in results for level in result.levels})
    rest = {
        f"plane {plane}"
        for result in results
        for plane in range(result.planes)
        if plane not in result.levels.values()
    }
    planes = [*levels, *sorted(rest)]
    others = ["switching", "userspace", "blocked"]
    kinds = [f"p{number % 8}" for number in range(len(planes))]
    return _States([*planes, *others], [*kinds, *others])


def _lanes(
    place: int,
    result: Result,
    log: NDArray[np.void],
    vcpus: Sequence[int],
    states: _States,
    bounds: tuple[int, int],
) -> list[_Lane]:
    start_ns, end_ns = bounds
    found = {vcpu: _Lane(place, vcpu) for vcpu in vcpus}
    levels = {plane: level for level, plane in result.levels.items()}
    log = log[log["time_ns"] <= end_ns]
    for vcpu, begin, length, mark in marks(log, start_ns, end_ns):
        if length is None:
            found[vcpu].instants.append((begin, states.cause(mark)))
        else:
            state = states.state(mark, levels)
            found[vcpu].slices.append((begin, length, state, states.cause(mark)))
    return list(found.values())


def _apart(
    one: Sequence[tuple[int, int, int, int]], other: Sequence[tuple[int, int, int, int]]
) -> list[tuple[int, int]]:
    """Return from when to when two lanes are in different states."""
    out: list[tuple[int, int]] = []
    bounds = sorted({begin for begin, *_ in (*one, *other)})
    ends = [begin + length for begin, length, *_ in (*one[-1:], *other[-1:])]
    mine, theirs = _states_at(one, bounds), _states_at(other, bounds)
    for (begin, end), a, b in zip(pairwise([*bounds, *ends[:1]]), mine, theirs, strict=True):
        if a == b or None in (a, b) or end == begin:
            continue
        if out and out[-1][1] == begin:
            begin = out.pop()[0]
        out.append((begin, end))
    return out


def _states_at(
    slices: Sequence[tuple[int, int, int, int]], times: Sequence[int]
) -> list[int | None]:
    """Return the state at each time, which come in order."""
    out: list[int | None] = []
    at = -1
    for time_ns in times:
        while at + 1 < len(slices) and slices[at + 1][0] <= time_ns:
            at += 1
        out.append(slices[at][2] if at >= 0 else None)
    return out


def _window(lanes: Sequence[_Lane], start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return what is shown at first: where a policy first does otherwise, or the begin."""
    parted = min((lane.apart[0][0] for lane in lanes if lane.apart), default=start_ns)
    wide = end_ns - start_ns
    for lane in lanes:
        after = [begin for begin, length, *_ in lane.slices if begin > parted and length]
        if len(after) > _SHOWN:
            wide = min(wide, after[_SHOWN] - parted)
    begin = max(start_ns, parted - wide // 8)
    return begin, min(end_ns, begin + wide + wide // 8)


# ---- The picture for who has no script; page.js draws the same again, as far in as one likes ----


def _drawn(
    lanes: Sequence[_Lane], labels: Sequence[str], states: _States, window: tuple[int, int]
) -> Html:
    begin, end = window
    wide = (end - begin) or 1
    vcpu = lanes[0].vcpu
    parts = []
    for row, lane in enumerate(lanes):
        top = row * _LANE
        parts.append(el("text", labels[lane.place], class_="label", x="0", y=top + 12))
        for at, length, state, _ in lane.slices:
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


def _said(lane: _Lane, states: _States, window: tuple[int, int]) -> str:
    within = [each for each in lane.slices if window[0] <= each[0] < window[1]]
    parted = f", first apart at {format_ns(lane.apart[0][0])}" if lane.apart else ""
    return f"{counted(len(within), 'slice')}{parted}"


def _percent(part: float) -> str:
    return f"{100 * part:.3f}%"
