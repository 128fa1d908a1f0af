"""Runs groups of vCPUs in parallel, round by round, until done or interrupted; merges results."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np

from ..figures.batches import Batches
from ..figures.result import Result
from ..layouts import TIMED
from ..workload.numbered import Resolved
from .group import Cell, Reading
from .stopping import BATCHES, Plan

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Rounds", "ctrl_c_sets"]


class Rounds:
    """Brings all cells from round to round.

    Parameters
    ----------
    name : str
        What the result is called.
    resolved : Resolved
    cells : list of Cell
    workers : int
        How many threads.
    plan : Plan
    progress : callable or None
        As `planesched.simulate` takes it.
    stop : threading.Event, optional
        Set by who wants an end; shared where several runs take turns.
    """

    def __init__(
        self,
        name: str,
        resolved: Resolved,
        cells: list[Cell],
        workers: int,
        plan: Plan,
        progress: Callable[[float, int], object] | None,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = name
        self.resolved = resolved
        self.cells = cells
        self.workers = min(workers, len(cells))
        self.plan = plan
        self.progress = progress
        self._stop = threading.Event() if stop is None else stop
        self._done = 0
        self._more = True
        self._over: Reading | None = None
        self._left: set[Cell] = set()

    def result(self) -> Result:
        """Simulate to the end, or to Ctrl-C, and merge what there is then."""
        with ctrl_c_sets(self._stop):
            try:
                while self.step() and not self._stop.is_set():
                    pass
            except KeyboardInterrupt:
                self._stop.set()
            return self.merged()

    def merged(self) -> Result:
        """Return what was simulated so far.

        Raises
        ------
        KeyboardInterrupt
            If that is nothing.
        """
        found = self._assemble()
        found.partial = self._stop.is_set() and self._more
        return found

    def step(self) -> bool:
        """Simulate one round; return whether there is more to do."""
        self._more = self._more and self._one_round()
        return self._more

    def _one_round(self) -> bool:
        ends = self.plan.boundaries(self._done)
        if not ends:
            return False
        if self.plan.by_vcpus:
            return self._some_vcpus(ends)
        self._round(self.cells, ends)
        if self._stop.is_set():
            return self._over is None or len(self._left) > 0
        self._done += len(ends)
        if self.plan.last(ends[-1]):
            return False
        if self._done == 2 * BATCHES:
            # Batches that grow with what is simulated: their number, and memory, stay bounded.
            for cell in self.cells:
                cell.pair()
            self._done //= 2
            self.plan.each_ns *= 2
        return not self._enough()

    def _some_vcpus(self, ends: list[int]) -> bool:
        """Bring the next batches to the end, each some vCPUs; return whether there are more."""
        batches = range(self._done, self._done + self.plan.at_once)
        self._round([cell for cell in self.cells if cell.batch in batches], ends)
        if not self._left:
            self._done = batches.stop
        return self._done < BATCHES

    def _round(self, cells: list[Cell], ends: list[int]) -> None:
        last, stop = self.plan.last(ends[-1]), self._stop.is_set
        self._left = set(cells)
        if self.workers == 1:
            for cell in cells:
                self._finish(cell, cell.run(ends, stop, keep=not last, told=self._tell), last=last)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(self.workers) as pool:
            futures = {pool.submit(cell.run, ends, stop, keep=not last): cell for cell in cells}
            try:
                self._wait(futures, last=last)
            except BaseException:
                self._stop.set()
                raise
            finally:
                for future in futures:
                    future.cancel()

    def _wait(self, futures: "dict[Future[bool], Cell]", *, last: bool) -> None:
        from concurrent.futures import FIRST_COMPLETED, wait

        left = set(futures)
        while left and not self._stop.is_set():
            # With a timeout, or progress would not be told, nor Ctrl-C be seen on every system.
            over, left = wait(left, timeout=0.05, return_when=FIRST_COMPLETED)
            for future in over:
                self._finish(futures[future], future.result(), last=last)
            self._tell()

    def _finish(self, cell: Cell, came: bool, *, last: bool) -> None:
        """Take the figures of a cell that is at the end, so that it need not keep them."""
        if came:
            self._left.discard(cell)
        if came and last:
            self._over = _added(self._over, cell.read(last=True))
            cell.forget()

    def _tell(self) -> None:
        if self.progress is None:
            return
        reached = sum(max(cell.now_ns - self.plan.start_ns, 0) for cell in self.cells)
        part = reached / (self.plan.expected_ns * len(self.cells))
        self.progress(min(part, 1.0), sum(cell.events for cell in self.cells))

    def _enough(self) -> bool:
        """Whether what was simulated will do."""
        jobs, precision = self.plan.jobs, self.plan.precision
        if jobs is not None and sum(cell.finished for cell in self.cells) >= jobs:
            return True
        return precision is not None and self._done >= BATCHES and self._precise(precision)

    def _precise(self, precision: float) -> bool:
        result, found = self._assemble(), False
        for plane in range(result.planes):
            for metric in ("latency_mean", "sojourn_mean"):
                interval = result.interval(metric, plane)
                if not interval.value > 0:
                    continue
                found = True
                if not interval.half <= precision * interval.value:
                    return False
        return found

    def _assemble(self) -> Result:
        """Put together the cells that are at the end, or else those that got furthest."""
        read = self._over
        if read is None:
            furthest_ns = max(cell.now_ns for cell in self.cells)
            if furthest_ns <= self.plan.start_ns:
                raise KeyboardInterrupt
            cells = [cell for cell in self.cells if cell.now_ns == furthest_ns]
            for cell in cells:
                read = _added(read, cell.read())
        assert read is not None
        batches = Batches.one_after_another([read.batches[batch] for batch in sorted(read.batches)])
        order = self.resolved.order
        ids, times = np.concatenate(read.ids), np.concatenate(read.time_ns)
        by_id = np.argsort(ids, kind="stable")
        return Result(
            self.name, self.resolved.policy, self.resolved.planes, self.resolved.seed,
            self.plan.start_ns, read.now_ns - self.plan.start_ns, self.resolved.names,
            tuple(read.row_planes[row] for row in order), ids[by_id], read.figures.copy(),
            read.totals.copy(), read.rows[order],
            {what: getattr(read, what)[order] for what in TIMED}, times[by_id],
            batches.trimmed(), sorted(read.livelocks),
            levels=self.resolved.levels, given=self.resolved.given, vectors=read.vectors,
            vector_times=read.vector_times,
        )  # fmt: skip


def _added(sum_: Reading | None, read: Reading) -> Reading:
    """Return the figures of both, in arrays of their own."""
    if sum_ is None:
        return read.own()
    sum_.take_in(read)
    return sum_


@contextmanager
def ctrl_c_sets(stop: threading.Event) -> Iterator[None]:
    """Have Ctrl-C set `stop` meanwhile, so that it never comes between two figures.

    A second one raises. Nothing changes where another handler than Python's own is in place, and
    elsewhere than in the main thread.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if not main or before is not signal.default_int_handler:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
