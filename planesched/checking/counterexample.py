"""Counterexamples: the steps that lead to what goes wrong, as a table and as a case file.

Longer than 300 lines because each way out of a step is told alike here: as a row, and as a case.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import planes_of
from ..core import Outcome
from ..events import MASKS, ChipEvent, Event, Flags, Notes, set_names, takes_plane
from ..irqchip import Chip, Controller, said_chips
from ..markup import preformatted
from ..policy import Policy
from ..text import fitted, width
from .alphabet import KINDS
from .search import ANSWER, IPI, IPI_WAIT, TLB_LOCK, Search

__all__ = ["Trace", "TraceStep", "make_trace", "said", "state_text", "table"]

_CHIP_EVENTS = frozenset(map(int, ChipEvent))
_WITH_ARG = (
    ChipEvent.TPR, ChipEvent.LINE_UP, ChipEvent.LINE_DOWN, ChipEvent.EMPTY, ChipEvent.EOM
)  # fmt: skip
_SHOWN = (
    "runnable",
    "halted",
    "unstarted",
    "irq",
    "masked",
    "noint",
    "nmi",
    "trap",
    "held",
    "edge",
)


@dataclass(frozen=True)
class TraceStep:
    """One step: what was done on which vCPU, what it did, and the states after it.

    Attributes
    ----------
    vcpu : int
        The vCPU that was stepped; in a `diff`, 0 is under the first policy and 1 the second.
    do : str
        The event, as case files and ``planesched step`` write it.
    who : str
        What else is to be known of it, such as who sent an interrupt.
    outcome : Outcome
        What `ps_step` gave; of a lock, one in which nothing happened.
    states : ndarray, shape (vcpus,), dtype STATE
        All vCPUs after the step.
    waits : tuple of int
        For each vCPU the planes that wait for a TLB lock, as a mask.
    chips : tuple of tuple of Chip
        For each vCPU what the controllers of its planes hold; empty without controllers.
    """

    vcpu: int
    do: str
    who: str
    outcome: Outcome
    states: NDArray[np.void]
    waits: tuple[int, ...]
    chips: tuple[tuple[Chip, ...], ...] = ()

    @property
    def did(self) -> str:
        """What it did, in a few words: its reason and flags, or the fault."""
        return _outcome(self.outcome)

    def said(self, vcpu: int) -> str:
        """Return what it did on this vCPU and how that stands then, in a cell."""
        chips = f" {said_chips(self.chips[vcpu])}" if self.chips else ""
        return f"{_outcome(self.outcome)} -> {said(self.states[vcpu])}{chips}"

    @property
    def is_event(self) -> bool:
        """Whether the step is an event of the rules, and no matter of locks."""
        return not self.do.startswith("tlb")


@dataclass(frozen=True)
class Trace:
    """A start state and the steps from there.

    Attributes
    ----------
    policies : tuple of Policy
        One; in a `diff`, one for each of the two vCPUs.
    start : ndarray, shape (vcpus,), dtype STATE
        The states before the first step.
    steps : tuple of TraceStep
        What happened.
    loop : int or None
        The step from which on everything repeats for ever, if it does.
    controllers : tuple of Controller
        How the planes' controllers are set up, one for each policy; empty without.
    """

    policies: tuple[Policy, ...]
    planes: int
    start: NDArray[np.void]
    steps: tuple[TraceStep, ...]
    loop: int | None = None
    controllers: tuple[Controller, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return preformatted(self.text)

    @property
    def text(self) -> str:
        """The steps as a table."""
        many = len(self.start) > 1
        head = ["step", *(["vCPU"] if many else []), "event", "runs", "what it did", "state after"]
        rows = [
            ["", *([""] if many else []), "", _runs(self.start[0]), "", state_text(self.start[0])]
        ]
        head += ["controllers"] if self.controllers else []
        rows[0] += [""] if self.controllers else []
        if many:
            rows = []
        for number, step in enumerate(self.steps, 1):
            state = step.states[step.vcpu]
            event = f"{step.do} {step.who}".rstrip()
            row = [str(number), *([str(step.vcpu)] if many else []), event, _runs(state)]
            if step.waits[step.vcpu]:
                row[-1] += ", waits"
            held = [said_chips(step.chips[step.vcpu])] if self.controllers else []
            rows.append([*row, _outcome(step.outcome), state_text(state), *held])
        lines = table([head, *rows])
        if max(map(len, lines)) > width() - 2:  # a report indents them
            lines = fitted(head, rows, width() - 2).splitlines()
        if self.loop is not None:
            lines.append(
                f"and so on from step {self.loop + 1}: no plane executes between the steps"
            )
        return "\n".join(lines)

    def cases(self, name: str, title: str = "", source: str = "planesched check") -> list[Any]:
        """Give the steps of each vCPU as a case (`planesched.conformance.Case`).

        Raises
        ------
        ValueError
            If the trace begins in userspace, which no case file can say.
        """
        from .. import conformance

        found = []
        for vcpu, start in enumerate(self.start):
            steps = [step for step in self.steps if step.vcpu == vcpu and step.is_event]
            if not steps:
                continue
            if start["status"] & 1:
                raise ValueError(f"vCPU {vcpu} begins in userspace: no case file can say that")
            policy = self.policies[vcpu % len(self.policies)]
            preset, changes = conformance.nearest(policy, self.planes)
            controller = self._controller_of(vcpu)
            given = ("irq", "masked") if controller is not None else ()
            found.append(
                conformance.Case(
                    id=name if len(self.start) == 1 else f"{name}-{vcpu}",
                    title=title,
                    preset=preset,
                    policy=changes,
                    planes=self.planes,
                    online=_planes(start["online"]),
                    current=int(start["current"]),
                    controller=controller,
                    masks={m: _planes(start[m]) for m in MASKS[1:] if m not in given},
                    steps=tuple(_expected(start, steps, conformance)),
                    source=source,
                )
            )
        return found

    def _controller_of(self, vcpu: int) -> str | dict[str, Any] | None:
        """Give the controllers of a vCPU as a case has them."""
        if not self.controllers:
            return None
        setup = self.controllers[vcpu % len(self.controllers)]
        named = {each.name: getattr(setup, each.name) for each in fields(setup)}
        changed = {
            each.name: named[each.name]
            for each in fields(setup)
            if named[each.name] != each.default
        }
        for name, value in changed.items():
            if isinstance(value, Mapping):
                raise ValueError(f"{name} is by plane: no case file can say that")
            changed[name] = value if isinstance(value, str | int) else sorted(value)
        return changed or "lapic"

    def save(self, path: str | os.PathLike[str], name: str, title: str = "") -> None:
        """Write the case file that ``planesched conform`` replays."""
        from .. import conformance

        conformance.dump(self.cases(name, title), path)


def make_trace(
    search: Search,
    policies: Sequence[Policy],
    planes: int,
    state: int,
    acts: Sequence[int] = (),
    loop: int | None = None,
) -> Trace:
    """Give the steps to a state, and beyond it those of `acts`; `loop` counts from there."""
    root, path = search.path(state)
    steps = []
    for row in search.replay(root, [*path, *acts]):
        vcpu, kind, plane, arg, outcome, states, waits, chips = row
        policy = policies[vcpu % len(policies)]
        do, who = KINDS[kind], ""
        if kind in (IPI, IPI_WAIT):
            do, who = f"irq {plane}", "(sent by that plane of another vCPU)"
            if kind == IPI_WAIT:
                who = "(sent by that plane of another vCPU, which waits for its answer)"
        elif kind in _CHIP_EVENTS:
            do = f"{do} {plane}" + (f" {arg:#x}" if kind in _WITH_ARG else "")
        elif kind >= TLB_LOCK:
            who = f"(plane {plane})"
        elif kind == ANSWER:
            who = f"(enter {plane})"
        elif takes_plane(Event(kind), call_takes_plane=policy.hands_over):
            do = f"{do} {plane}" + (f" {arg:#x}" if chips and kind == Event.IRQ else "")
        steps.append(TraceStep(vcpu, do, who, outcome, states, tuple(waits), chips))
    start = search.states_of(root)
    repeats = None if loop is None else len(path) + loop
    controllers = search.controllers[: len(policies)]
    return Trace(tuple(policies), planes, start, tuple(steps), repeats, controllers)


def _planes(mask: Any) -> list[int]:
    return planes_of(mask)


def _expected(start: Any, steps: Sequence[TraceStep], conformance: Any) -> list[Any]:
    """Say of every step what it did and which masks it changed, of the last one all masks."""
    rows, before = [], start
    for number, step in enumerate(steps, 1):
        out, after = step.outcome, step.states[step.vcpu]
        masks = MASKS if number == len(steps) else [m for m in MASKS if before[m] != after[m]]
        expect = {
            "run": int(out.now),
            "reason": out.reason.name.lower(),
            "fault": out.fault.name.lower() if out.fault else "",
            "blocked": bool(after["status"] & 2),
            "user": bool(after["status"] & 1),
            "flags": set_names(Flags, out.flags),
            "not_flags": set_names(Flags, ~out.flags),
            **{mask: _planes(after[mask]) for mask in masks},
        }
        if step.chips:
            expect |= _expected_of_chips(out, step.chips[step.vcpu])
        rows.append(conformance.Step(step.do, expect))
        before = after
    return rows


def _expected_of_chips(out: Outcome, chips: Sequence[Chip]) -> dict[str, Any]:
    rows = {name: [list(getattr(chip, name)) for chip in chips] for name in ("irr", "isr")}
    return {"vector": out.vector, "ended": out.ended, "notes": set_names(Notes, out.notes), **rows}


def said(state: Any) -> str:
    """Return which plane runs and what waits, in a cell."""
    return f"{_runs(state)} [{state_text(state)}]"


def _runs(state: Any) -> str:
    how = {0: "", 1: ", in userspace", 2: ", blocked"}[int(state["status"])]
    return f"{int(state['current'])}{how}"


def _outcome(out: Outcome) -> str:
    if out.fault:
        return f"refused: {out.fault.name.lower()}"
    words = [out.reason.name.lower()] if out.reason else []
    hidden = Flags.BLOCKED | Flags.USER
    words += set_names(Flags, out.flags & ~hidden)
    words += [f"{name} {v:#x}" for name, v in (("ended", out.ended), ("took", out.vector)) if v]
    words += set_names(Notes, out.notes)
    return " ".join(words) or "-"


def state_text(state: Any) -> str:
    """Return what waits and what is held, in a cell: ``runnable=0 irq=1``."""
    shown = [(mask, _planes(state[mask])) for mask in _SHOWN]
    return " ".join(f"{mask}={','.join(map(str, planes))}" for mask, planes in shown if planes)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out rows of cells in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    cells = (zip(row, widths, strict=True) for row in rows)
    return ["  ".join(cell.ljust(width) for cell, width in row).rstrip() for row in cells]
