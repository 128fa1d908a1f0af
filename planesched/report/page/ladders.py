"""Counterexamples as ladders: down the page the steps, across it the planes of each vCPU.

The thick line is what runs; it is a dashed box where the vCPU is blocked, and has the colour of
userspace where it is there. A ring is an interrupt that is pending, a cross a fault.
"""

from typing import Any

from ...checking.counterexample import Trace, TraceStep, state_text
from ...checks import planes_of
from ...irqchip import said_chips
from .charts import figure
from .markup import Html, el

__all__ = ["ladder"]

_ROW, _PLANE, _GAP, _TOP = 30, 40, 36, 54
_LETTER = 6.6
_KINDS = {1: "userspace", 2: "blocked"}


def ladder(name: str, told: str, trace: Trace, groups: tuple[str, ...] = ()) -> Html:
    """Return a trace as a picture.

    Parameters
    ----------
    name : str
        Its id.
    told : str
        What it shows, in words.
    trace : Trace
    groups : tuple of str
        What stands above each vCPU's planes, where there is more than one.
    """
    return _Ladder(trace, groups).drawn(name, told)


class _Ladder:
    """Where everything stands."""

    def __init__(self, trace: Trace, groups: tuple[str, ...]) -> None:
        self.trace = trace
        n_vcpus = len(trace.start)
        self.groups = groups or tuple(
            f"vCPU {vcpu}" if n_vcpus > 1 else "" for vcpu in range(n_vcpus)
        )
        self.events = [f"{step.do} {step.who}".rstrip() for step in trace.steps]
        longest = max(map(len, self.events), default=0)
        self.left = 34 + _LETTER * max(longest, 5) + _GAP
        self.wide = _PLANE * trace.planes + _GAP
        self.right = self.left + self.wide * n_vcpus
        self.last = _TOP + _ROW * (len(trace.steps) + 1)
        self.parts: list[Html] = []

    def x(self, vcpu: int, plane: int) -> float:
        return float(self.left + vcpu * self.wide + _PLANE * plane)

    def y(self, row: int) -> float:
        return float(_TOP + _ROW * row)

    def text(self, x: float, y: float, text: str, kind: str | None = None) -> None:
        self.parts.append(el("text", text, class_=kind, x=x, y=y))

    def drawn(self, name: str, told: str) -> Html:
        self._heads()
        states = self.trace.start
        notes = [state_text(self.trace.start[0]) if len(self.groups) == 1 else ""]
        self._runs(0, states)
        for number, step in enumerate(self.trace.steps, 1):
            self._step(number, step, states)
            states = step.states
            self._runs(number, states)
            after = state_text(states[step.vcpu])
            held = said_chips(step.chips[step.vcpu]) if step.chips else ""
            notes.append("; ".join(text for text in (step.did.strip("-"), after, held) if text))
        for row, note in enumerate(notes):
            self.text(self.right, self.y(row) + 4, note, "tick")
        if self.trace.loop is not None:
            self._loop(self.trace.loop)
        width = int(self.right + _LETTER * max(map(len, notes)) + 12)
        height = self.last + (8 if self.trace.loop is None else 22)
        return figure(
            name, told, self.parts, class_="ladder", width=width, height=height,
            viewBox=f"0 0 {width} {height}",
        )  # fmt: skip

    def _heads(self) -> None:
        for vcpu, group in enumerate(self.groups):
            self.text(self.x(vcpu, 0) - 14, 14, group, "label")
            for plane in range(self.trace.planes):
                x = self.x(vcpu, plane)
                self.text(x, 34, str(plane), "mid")
                self.parts.append(
                    el("line", class_="grid", x1=x, x2=x, y1=float(_TOP - 6), y2=float(self.last))
                )
        self.text(self.left - 8 - _GAP / 2, 34, "plane", "tick end")
        self.text(0, self.y(0) + 4, "start", "tick")
        self.text(self.right, 34, "what it did; state after", "tick")

    def _runs(self, row: int, states: Any) -> None:
        """Draw what runs from this step to the next, and what is pending then."""
        for vcpu, state in enumerate(states):
            x, top = self.x(vcpu, int(state["current"])), self.y(row)
            kind = _KINDS.get(int(state["status"]) & 3, f"p{int(state['current']) % 8}")
            self.parts.append(
                el("rect", class_=f"rung {kind}", x=x - 5, y=top, width="10", height=_ROW)
            )
            for plane in planes_of(state["irq"]):
                self.parts.append(
                    el("circle", class_="ring", cx=self.x(vcpu, plane) + 11, cy=top + _ROW / 2, r=4)
                )

    def _step(self, number: int, step: TraceStep, before: Any) -> None:
        y = self.y(number)
        self.text(0, y + 4, f"{number}", "tick")
        self.text(34, y + 4, self.events[number - 1])
        was, now = int(before[step.vcpu]["current"]), int(step.states[step.vcpu]["current"])
        at, to = self.x(step.vcpu, was), self.x(step.vcpu, now)
        mine = self.x(step.vcpu, 0) - _GAP / 2
        self.parts.append(el("line", class_="mark", x1=self.left - _GAP, x2=mine, y1=y, y2=y))
        if step.outcome.fault:
            cross = f"M{at - 6:g},{y - 6:g}l12,12m0,-12l-12,12"
            self.parts.append(el("path", class_="cross", d=cross))
        elif was != now:
            way = 1 if to > at else -1
            head = f"M{at:g},{y:g}H{to - 8 * way:g}m0,-4l{7 * way},4l{-7 * way},4"
            self.parts.append(el("path", class_="arrow", d=head))

    def _loop(self, first: int) -> None:
        """Draw a bracket beside the steps that come again for ever."""
        top, foot = self.y(first + 1) - _ROW / 2, self.y(len(self.trace)) + _ROW / 2
        x = 28.0
        bracket = f"M{x:g},{top:g}h-6v{foot - top:g}h6"
        self.parts.append(el("path", class_="cross", d=bracket))
        n = len(self.trace) - first
        said = "this step comes again" if n == 1 else f"these {n} steps come again"
        self.text(34, self.last + 16, f"{said} for ever", "dead")
