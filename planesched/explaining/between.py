"""The steps that lead from one state of a vCPU to another, by what a run logged between."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..errors import Mistake, Words
from ..events import NO_PLANE, Event
from ..policy import Policy

__all__ = ["Step", "steps_between"]

_MOST_UNSEEN = 4
"""So many interrupts that changed nothing are looked for at one time."""


@dataclass(frozen=True)
class Step:
    """A step, from a state."""

    before: reference.Values
    event: int
    plane: int
    logged: bool


def steps_between(
    policy: Policy, planes: int, before: Any, after: Any, records: NDArray[np.void],
    waits: int | None,
) -> list[Step]:  # fmt: skip
    """Return the steps that lead from one state to the other, by what was logged.

    Parameters
    ----------
    waits : int or None
        The plane whose interrupt came; the last step is its. Otherwise the last that was logged.

    Raises
    ------
    Mistake
        If no steps are found.
    """
    start, goal = reference.values_of(before), reference.values_of(after)
    unlogged = [(Event.IRQ, plane) for plane in range(planes)]
    unlogged.append((Event.RESCHED, reference.NOBODY))
    queue: deque[tuple[reference.Values, int, tuple[Step, ...]]] = deque([(start, 0, ())])
    while queue:
        values, done, steps = queue.popleft()
        if done == len(records) and values == goal:
            chosen = _up_to(steps, waits)
            if chosen:
                return chosen
        if done < len(records):
            event, plane = int(records[done]["kind"]), _plane(records[done])
            at = values
            if event == Event.ENTER and values[-1] & reference.USER:
                at = reference.prepare(policy, values, plane)
            state, outcome = reference.step(policy, at, event, plane)
            if _agrees(outcome, records[done]):
                queue.appendleft((state, done + 1, (*steps, Step(at, event, plane, True))))
        if len(steps) - done < _MOST_UNSEEN:
            for event, plane in unlogged:
                state, _ = reference.step(policy, values, event, plane)
                queue.append((state, done, (*steps, Step(values, event, plane, False))))
    raise Mistake("--explain-at", Words("too many things at one time"), "another moment")


def _up_to(steps: tuple[Step, ...], waits: int | None) -> list[Step]:
    """Return the steps up to the one that is meant, if it is there."""
    ends = [
        number
        for number, step in enumerate(steps, 1)
        if (step.logged if waits is None else (step.event, step.plane) == (Event.IRQ, waits))
    ]
    return list(steps[: ends[-1 if waits is None else 0]]) if ends else []


def _plane(record: Any) -> int:
    return reference.NOBODY if record["plane"] == NO_PLANE else int(record["plane"])


def _agrees(outcome: reference.Outcome, record: Any) -> bool:
    names = ("was", "now", "reason", "fault", "flags")
    return all(int(getattr(outcome, name)) == int(record[name]) for name in names)
