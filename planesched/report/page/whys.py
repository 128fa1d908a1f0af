"""Why: each decision that a timeline shows, explained once, however often it was taken.

A step is a function of policy, state and event. Those of a run are few, so a page has room for the
explanation of each, or of the most frequent, and a slice of a lane names the one that it began by.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import Mistake
from ...events import MASKS, Event, takes_plane
from ...explaining import Explanation, explain
from ...explaining.words import parts
from ...figures.result import Result
from ...layouts import STATE
from ...text import counted, format_ns
from .frame import Panel
from .markup import Html, el, join, table

__all__ = ["Whys", "explanation"]

_MOST = 120
"""So many explanations are 1 MB at most."""


class _Asked(NamedTuple):
    """A decision: under which policy, in which state, at which event."""

    label: str
    state: bytes
    event: int
    plane: int


class Whys:
    """Numbers the decisions of some logs, the most frequent first, and explains them.

    Parameters
    ----------
    results : sequence of Result
    logs, states : mapping of str to ndarray
        By label the outcomes, and the state before each where it is known.
    """

    def __init__(
        self,
        results: Sequence[Result],
        logs: Mapping[str, NDArray[np.void]],
        states: Mapping[str, NDArray[np.void]],
    ) -> None:
        self._counts: dict[_Asked, int] = {}
        self._first: dict[_Asked, tuple[int, int]] = {}
        self._at: dict[tuple[str, int, int], _Asked] = {}
        for result in results:
            if result.label in states:
                self._count(result.label, logs[result.label], states[result.label])
        self._results = {result.label: result for result in results}
        often = sorted(self._counts, key=lambda asked: -self._counts[asked])
        self._numbers = {asked: number for number, asked in enumerate(often[:_MOST])}
        self.left_out = max(0, len(often) - _MOST)

    def _count(self, label: str, log: NDArray[np.void], states: NDArray[np.void]) -> None:
        rows = zip(log.tolist(), states, strict=True)
        names = list(log.dtype.names or ())
        at, of, kind, named = (names.index(n) for n in ("time_ns", "vcpu", "kind", "plane"))
        for row, state in rows:
            if not state["online"]:
                continue
            asked = _Asked(label, state.tobytes(), row[kind], row[named])
            self._counts[asked] = self._counts.get(asked, 0) + 1
            self._first.setdefault(asked, (row[of], row[at]))
            self._at[label, row[of], row[at]] = asked

    def number(self, label: str, vcpu: int, time_ns: int) -> int | None:
        """Return the explanation of what a vCPU did last at a time, if the page has one."""
        asked = self._at.get((label, vcpu, time_ns))
        return None if asked is None else self._numbers.get(asked)

    def panel(self) -> Panel | None:
        """Return the explanations, by policy; None where no state is known."""
        by_label: dict[str, list[Html]] = {}
        for asked, number in self._numbers.items():
            found = self._explained(asked)
            if found is None:
                continue
            vcpu, time_ns = self._first[asked]
            times = counted(self._counts[asked], "time")
            note = f"{times}, first on vCPU {vcpu} at {format_ns(time_ns)}"
            by_label.setdefault(asked.label, []).append(explanation(found, f"why-{number}", note))
        if not by_label:
            return None
        more = f" {self.left_out} rarer ones are left out." if self.left_out else ""
        hint = (
            "Every decision that the timelines show, from the state in which it was taken: by "
            f"which rule, who was kept out by which, what one field changed alone would do.{more}"
        )
        groups = [
            el("details", el("summary", f"{label}: {counted(len(items), 'decision')}"), items)
            for label, items in by_label.items()
        ]
        return Panel("why", "Why", hint, join(groups))

    def _explained(self, asked: _Asked) -> Explanation | None:
        result = self._results[asked.label]
        policy = result.policy
        named = takes_plane(Event(asked.event), call_takes_plane=policy.hands_over)
        state = np.frombuffer(asked.state, STATE)[0]
        plane = asked.plane if named else None
        try:
            return explain(
                policy, state, asked.event, plane, planes=result.planes, label=asked.label
            )
        except Mistake:  # an algorithm in C says nothing
            return None


def explanation(found: Explanation, name: str, note: str = "") -> Html:
    """Return an explanation that opens: `name` is its id, `note` stands beside the answer."""
    headline, course, planes, changes = parts(found)
    inside = [
        el("p", note, class_="hint") if note else None,
        el("ol", (el("li", text) for text in course)),
        _bits(found),
        table("Plane by plane, by rank", ["plane", "is", "what became of it"], planes)
        if planes
        else None,
        table("One field changed alone, from this state", ["field", "what happens"], changes),
    ]
    return el("details", el("summary", headline), inside, id=name, class_="why")


def _bits(found: Explanation) -> Html:
    """Return the state as planes by bits, before and after; masks that are empty are left out."""
    both = list(zip(MASKS, found.before, found.after, strict=False))
    shown = [(name, was, now) for name, was, now in both if was | now]
    order = [*found.order, *(p for p in range(found.planes) if p not in found.order)]
    rows = []
    for plane in order:
        bits = [(was >> plane & 1, now >> plane & 1) for _, was, now in shown]
        runs = " (ran)" * (plane == found.before[-2]) + " (runs)" * (plane == found.after[-2])
        rows.append([f"{plane}{runs}", *("01"[a] if a == b else f"{a} -> {b}" for a, b in bits)])
    return table("The state, before -> after", ["plane", *(name for name, *_ in shown)], rows)
