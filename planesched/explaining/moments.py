"""Explain a moment of a run: the run is done again until then, and its steps there are found.

An engine says what its vCPUs are before and after a time, and which changes it logged between. The
steps between are those that lead from one to the other by these changes; an interrupt that changed
nothing that a log holds is looked for. What is explained is checked against what the run did.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..errors import Mistake, Words
from ..layouts import OUTCOME
from ..policy import Policy
from ..text import PIPE_WIDTH, duration_ns, fill, format_ns
from .asking import explain
from .between import steps_between
from .explanation import Explanation
from .waiting import ROOM, Again, first_wait

__all__ = ["Again", "Moment", "Wanted", "moment", "wanted"]

_WANTED = re.compile(r"\s*(?:vcpu(\d+):)?\s*(first-wait\s*>)?(.*)")
_EXPECTED = (
    'a time with its unit, "vcpu3:" before it or not, or "first-wait>1ms": the first interrupt '
    "that waits longer"
)


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
        found = first_wait(again, asked.time_ns, row, end_ns)
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
    step = steps_between(policy, planes, before, after, records, waits)[-1]
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
    log = np.zeros(ROOM, OUTCOME)
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
        before, log = engine.state[row].copy(), np.zeros(ROOM, OUTCOME)
        engine.log_to(log)
        engine.advance(time_ns)
        records = log[: engine.logged]
        return before, engine.state[row].copy(), records[records["vcpu"] == row]
    raise AssertionError("the run came there before")
