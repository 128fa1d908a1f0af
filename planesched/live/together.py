"""Engines in real time, and where those of several vCPUs come together when they are to stop."""

import contextlib
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..simulation.engine import Engine
from ..simulation.group import Cell
from .host import hurry

if TYPE_CHECKING:
    from .machine import LiveVcpu

__all__ = ["LiveCell", "Meeting"]

LOOK_NS = 5_000_000
"""Between two looks for Ctrl-C."""
_MOST_WAITED_S = 1.0
_MOST_BEHIND_NS = 50_000_000
"""Whose vCPU is further behind, as the host ran others, does not come to the meeting."""


class Meeting:
    """When all vCPUs stop: at one time of the guests, so that figures of all are of the same.

    And when they begin.
    """

    def __init__(self, vcpus: int) -> None:
        self.cells: list[LiveCell] = []
        self._start = threading.Barrier(vcpus)
        self._at_ns: int | None = None
        self._lock = threading.Lock()

    @property
    def at_ns(self) -> int | None:
        """The time, where there is one."""
        return self._at_ns

    def begin(self) -> None:
        """Wait until all are about to run: what one sends another comes at the same time there."""
        with contextlib.suppress(threading.BrokenBarrierError):  # one of them failed before
            self._start.wait(_MOST_WAITED_S)

    def call(self) -> int:
        """Say when it is: behind what is being run at this moment."""
        with self._lock:
            if self._at_ns is None:
                # Who pressed Ctrl-C waits: none of them is to wait for others of the host.
                hurry([os.getpid(), *(cell.thread for cell in self.cells if cell.thread)])
                self._at_ns = max(cell.reached_ns for cell in self.cells) + LOOK_NS
            return self._at_ns


class _Engine(Engine):
    """An engine whose time is the real one: its planes run on a machine."""

    vcpu: "LiveVcpu"
    begin: Callable[[], None]

    def advance(self, until_ns: int, stop: Callable[[], bool] | None = None) -> bool:
        """Go on in real time; what guests do takes as long as it takes."""
        if self.now_ns == 0:
            self.begin()
        while self.now_ns < until_ns:
            if stop is not None and stop():
                return False
            self.vcpu.advance(self, min(until_ns, self.now_ns + LOOK_NS))
        return True


class LiveCell(Cell):
    """One vCPU on a machine.

    `vcpu` and `meeting` are to be set before it runs.
    """

    vcpu: "LiveVcpu"
    meeting: Meeting
    engine: Engine | None = None
    thread = 0

    @property
    def reached_ns(self) -> int:
        """How far it came."""
        return 0 if self.engine is None else self.engine.now_ns

    def make_engine(self, *given: Any, **named: Any) -> Engine:
        """Return an engine for the vCPU on the machine."""
        engine = _Engine(*given, **named)
        engine.vcpu = self.vcpu
        engine.begin = self.meeting.begin
        self.engine = engine
        return engine

    def run(self, ends: list[int], stop: Callable[[], bool], **how: Any) -> bool:
        """Go on as any cell does; told to stop, go on to where all others do."""
        self.thread = threading.get_native_id()
        return super().run(ends, lambda: stop() and self._is_there(), **how)

    def _is_there(self) -> bool:
        behind_ns = self.meeting.call() - self.reached_ns
        return self.engine is None or not 0 < behind_ns <= _MOST_BEHIND_NS

    def _stride_end(self, now_ns: int, end_ns: int) -> int:
        """Say how far to go until the next look."""
        at_ns = self.meeting.at_ns
        to_ns = min(end_ns, now_ns + LOOK_NS)
        return to_ns if at_ns is None or at_ns <= now_ns else min(to_ns, at_ns)
