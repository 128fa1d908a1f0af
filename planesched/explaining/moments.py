"""Explain a moment of a run: the run is done again until then, and its steps there are found.

An engine says what its vCPUs are before and after a time, and which changes it logged between. The
steps between are those that lead from one to the other by these changes; an interrupt that changed
nothing that a log holds is looked for. What is explained is checked against what the run did.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..checks import planes_of
from ..errors import Mistake, Words
from ..events import MASKS, NO_PLANE, Event
from ..layouts import OUTCOME
from ..policy import Policy
from ..simulation.engine import Engine
from ..text import PIPE_WIDTH, duration_ns, fill, format_ns
from .asking import explain
from .explanation import Explanation

__all__ = ["Again", "Moment", "Wanted", "moment", "wanted"]

Again = Callable[[], Iterator[tuple[Engine, int]]]
"""Begins a run anew: gives its engine, and a time before which it may be advanced; then again."""

_WANTED = re.compile(r"\s*(?:vcpu(\d+):)?\s*(first-wait\s*>)?(.*)")
_EXPECTED = (
    'a time with its unit, "vcpu3:" before it or not, or "first-wait>1ms": the first interrupt '
    "that waits longer"
)
_ROOM = 1 << 16
_MOST_UNSEEN = 4
"""So many interrupts that changed nothing are looked for at one time."""


@dataclass(frozen=True)
class Wanted:
    """Which moment is meant.

    Attributes
    ----------
    vcpu : int or None
        Of which vCPU; None: the first, or any.
    time_ns : int
        The last change at or before this time; of `wait`, how long an interrupt waits.
    wait : bool
        Whether the first interrupt is meant that waits longer.
    """

    vcpu: int | None
    time_ns: int
    wait: bool


@dataclass(frozen=True)
class Moment:
    """A step of a run.

    Attributes
    ----------
    time_ns : int
        When.
    vcpu : int
        Of which vCPU.
    why : str
        Why it is this one.
    explanation : Explanation
        What it did.
    """

    time_ns: int
    vcpu: int
    why: str
    explanation: Explanation

    def __str__(self) -> str:
        at = f"{format_ns(self.time_ns)} ({self.time_ns} ns)"
        head = fill(f"At {at} on vCPU {self.vcpu}, {self.why}:", PIPE_WIDTH)
        return "\n".join(head) + f"\n\n{self.explanation}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as JSON holds them."""
        return {**vars(self), "explanation": self.explanation.as_dict()}


def wanted(text: str) -> Wanted:
    """Read which moment is meant: ``"12.5 ms"``, ``"vcpu3:12.5 ms"``, ``"first-wait>1ms"``.

    Raises
    ------
    Mistake
        If it is none.
    """
    found = _WANTED.fullmatch(text)
    assert found is not None, "it takes any text"
    vcpu, wait, time = found.groups()
    try:
        time_ns = duration_ns(time)
    except Mistake:
        raise Mistake("", text, _EXPECTED) from None
    return Wanted(None if vcpu is None else int(vcpu), time_ns, wait is not None)


def moment(
    again: Again, asked: Wanted, policy: Policy, planes: int, label: str,
    span_ns: tuple[int, int], ids: Sequence[int] | None = None,
) -> Moment | None:  # fmt: skip
    """Return what happened at a moment of a run, explained; None where no interrupt waits so long.

    Parameters
    ----------
    again : callable
        Begins the run anew.
    asked : Wanted
        Which moment.
    policy, planes : Policy, int
        The run's.
    label : str
        What it is called.
    span_ns : tuple of int
        When counting began in the run, and when it ended.
    ids : sequence of int, optional
        The numbers of the engine's vCPUs, where they are not 0, 1, ...

    Raises
    ------
    Mistake
        If there is no such vCPU, the time is outside of the run, or there is no change by then.
    """
    start_ns, end_ns = span_ns
    row = None if asked.vcpu is None else _row(asked.vcpu, ids)
    if asked.wait:
        found = _first_wait(again, asked.time_ns, row, end_ns)
        if found is None:
            return None
        time_ns, row = found.since_ns, found.row
        why = f"the first interrupt to wait more than {format_ns(asked.time_ns)}: it is for plane "
        why += f"{found.plane}, and waits {found.waits(end_ns)}"
        before, after, records, waits = found.before, found.after, found.records, found.plane
    else:
        row, waits = row or 0, None
        if not start_ns <= asked.time_ns <= end_ns:
            expected = f"a time in {format_ns(start_ns)} to {format_ns(end_ns)}, the run's"
            raise Mistake("--explain-at", Words(format_ns(asked.time_ns)), expected)
        last_ns = _last_change(again, asked.time_ns, row)
        if last_ns is None:
            expected = f"a time at or after the first change of vCPU {asked.vcpu or 0}"
            raise Mistake("--explain-at", Words(format_ns(asked.time_ns)), expected)
        time_ns, why = last_ns, f"the last change at or before {format_ns(asked.time_ns)}"
        before, after, records = _around(again, time_ns, row)
    step = _steps(policy, planes, before, after, records, waits)[-1]
    explained = explain(
        policy, reference.record_of(step.before), step.event,
        None if step.plane == reference.NOBODY else step.plane, planes=planes, label=label,
    )  # fmt: skip
    return Moment(time_ns, row if ids is None else int(ids[row]), why, explained)


def _row(vcpu: int, ids: Sequence[int] | None) -> int:
    if ids is None:
        return vcpu
    if vcpu not in ids:
        raise Mistake("--explain-at", Words(f"vcpu{vcpu}"), "a vCPU of the run")
    return list(ids).index(vcpu)


# ---- Changes ----


def _last_change(again: Again, until_ns: int, row: int) -> int | None:
    """Return when a vCPU last changed what it does, at or before a time."""
    log = np.zeros(_ROOM, OUTCOME)
    found: int | None = None
    for engine, fed_ns in again():
        end_ns, stride_ns = min(fed_ns - 1, until_ns), 1 << 62
        while engine.now_ns < end_ns:
            snapshot = engine.copy()
            engine.log_to(log)
            engine.advance(min(end_ns, engine.now_ns + stride_ns))
            if engine.logged == len(log):  # Some may be missing: once more, and not so far.
                stride_ns = max(1, (engine.now_ns - snapshot.now_ns) // 2)
                engine.restore(snapshot)
                continue
            times = log["time_ns"][: engine.logged][log["vcpu"][: engine.logged] == row]
            found = int(times.max()) if len(times) else found
        if fed_ns > until_ns:
            break
    return found


def _around(again: Again, time_ns: int, row: int) -> tuple[Any, Any, NDArray[np.void]]:
    """Return a vCPU's state before and after a time, and what was logged of it there."""
    for engine, fed_ns in again():
        if fed_ns <= time_ns:
            continue
        engine.advance(time_ns - 1)
        before, log = engine.state[row].copy(), np.zeros(_ROOM, OUTCOME)
        engine.log_to(log)
        engine.advance(time_ns)
        records = log[: engine.logged]
        return before, engine.state[row].copy(), records[records["vcpu"] == row]
    raise AssertionError("the run came there before")


# ---- Waiting ----


@dataclass
class _Wait:
    """An interrupt that is pending."""

    since_ns: int
    row: int
    plane: int
    before: Any
    after: Any
    records: NDArray[np.void]
    until_ns: int | None = None

    def waits(self, end_ns: int) -> str:
        """Say how long."""
        if self.until_ns is None:
            return f"to the end, {format_ns(end_ns - self.since_ns)}"
        return format_ns(self.until_ns - self.since_ns)


class _Waits:
    """Looks for the first interrupt that is pending for longer than a time, change by change."""

    def __init__(self, limit_ns: int, row: int | None) -> None:
        self.limit_ns, self.row = limit_ns, row
        self.pending: dict[tuple[int, int], _Wait] = {}
        self.order: deque[_Wait] = deque()
        self.found: _Wait | None = None

    def look(
        self, now_ns: int, before: NDArray[np.void], after: NDArray[np.void],
        records: NDArray[np.void],
    ) -> bool:  # fmt: skip
        """Look at what a time changed; return whether the first is found, and is over."""
        for at in np.flatnonzero(before["irq"] != after["irq"]).tolist():
            if self.row is None or at == self.row:
                mine = records[records["vcpu"] == at]
                for plane in planes_of(before["irq"][at] ^ after["irq"][at]):
                    self._changed(now_ns, at, plane, before[at], after[at], mine)
        self.judge(now_ns)
        return self.found is not None and self.found.until_ns is not None

    def _changed(
        self, now_ns: int, at: int, plane: int, before: Any, after: Any, mine: Any
    ) -> None:
        wait = self.pending.pop((at, plane), None)
        if wait is not None:
            wait.until_ns = now_ns
        elif after["irq"] >> plane & 1:
            wait = _Wait(now_ns, at, plane, before.copy(), after.copy(), mine.copy())
            self.pending[at, plane] = wait
            self.order.append(wait)

    def judge(self, now_ns: int) -> None:
        """See whether the one that has been pending longest, or was, is what is looked for."""
        while self.found is None and self.order:
            wait = self.order[0]
            until_ns = now_ns if wait.until_ns is None else wait.until_ns
            if until_ns - wait.since_ns > self.limit_ns:
                self.found = wait
            elif wait.until_ns is None:
                return
            self.order.popleft()


def _first_wait(again: Again, limit_ns: int, row: int | None, end_ns: int) -> _Wait | None:
    """Return the first interrupt that is pending for longer than a time."""
    waits, log = _Waits(limit_ns, row), np.zeros(_ROOM, OUTCOME)
    for engine, fed_ns in again():
        engine.log_to(log)
        before = engine.state
        while True:
            now_ns = engine.next_event_ns
            if now_ns is None or now_ns >= min(fed_ns, end_ns + 1):
                break
            if engine.logged > _ROOM // 2:
                engine.log_to(log)
            logged = engine.logged
            engine.advance(now_ns)
            after = engine.state
            if waits.look(now_ns, before, after, log[logged : engine.logged]):
                return waits.found
            before = after
        if fed_ns > end_ns:
            break
    waits.judge(end_ns)
    return waits.found


# ---- Steps ----


@dataclass(frozen=True)
class _Step:
    """A step, from a state."""

    before: reference.Values
    event: int
    plane: int
    logged: bool


def _steps(
    policy: Policy, planes: int, before: Any, after: Any, records: NDArray[np.void],
    waits: int | None,
) -> list[_Step]:  # fmt: skip
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
    start, goal = _values(before), _values(after)
    unlogged = [(Event.IRQ, plane) for plane in range(planes)]
    unlogged.append((Event.RESCHED, reference.NOBODY))
    queue: deque[tuple[reference.Values, int, tuple[_Step, ...]]] = deque([(start, 0, ())])
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
                queue.appendleft((state, done + 1, (*steps, _Step(at, event, plane, True))))
        if len(steps) - done < _MOST_UNSEEN:
            for event, plane in unlogged:
                state, _ = reference.step(policy, values, event, plane)
                queue.append((state, done, (*steps, _Step(values, event, plane, False))))
    raise Mistake("--explain-at", Words("too many things at one time"), "another moment")


def _up_to(steps: tuple[_Step, ...], waits: int | None) -> list[_Step]:
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


def _values(record: Any) -> reference.Values:
    return tuple(int(record[name]) for name in (*MASKS, "current", "status"))
