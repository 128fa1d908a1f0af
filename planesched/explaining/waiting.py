"""The first interrupt of a run that waits longer than a time."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import planes_of
from ..layouts import OUTCOME
from ..simulation.engine import Engine
from ..text import format_ns

__all__ = ["ROOM", "Again", "Wait", "first_wait"]

Again = Callable[[], Iterator[tuple[Engine, int]]]
"""Begins a run anew: gives its engine, and a time before which it may be advanced; then again."""

ROOM = 1 << 16
"""How many outcomes a log has room for, which is begun anew where it is full."""


@dataclass
class Wait:
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
        self.pending: dict[tuple[int, int], Wait] = {}
        self.order: deque[Wait] = deque()
        self.found: Wait | None = None

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
            wait = Wait(now_ns, at, plane, before.copy(), after.copy(), mine.copy())
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


def first_wait(again: Again, limit_ns: int, row: int | None, end_ns: int) -> Wait | None:
    """Return the first interrupt that is pending for longer than a time."""
    waits, log = _Waits(limit_ns, row), np.zeros(ROOM, OUTCOME)
    for engine, fed_ns in again():
        engine.log_to(log)
        before = engine.state
        while True:
            now_ns = engine.next_event_ns
            if now_ns is None or now_ns >= min(fed_ns, end_ns + 1):
                break
            if engine.logged > ROOM // 2:
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
