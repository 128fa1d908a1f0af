"""Drives a search: threads, progress, and an end that comes early."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue

from ..checker import EXPAND, INSERT, LIGHT, N_LOCAL, SWEEP, Search

__all__ = ["Progress", "Run", "drive", "thread_count"]

WATCH_S = 0.1
FEW = 8
"""Rounds of fewer pieces are not worth waking another thread."""


@dataclass(frozen=True)
class Progress:
    """How far a search is; ``load`` is how full its table is, 0 to 1."""

    states: int
    transitions: int
    depth: int
    load: float
    elapsed_s: float
    phase: str

    @property
    def states_hz(self) -> float:
        """States found per second."""
        return self.states / self.elapsed_s if self.elapsed_s else 0.0


@dataclass(frozen=True)
class Run:
    """How a search ended."""

    interrupted: bool
    swept: bool
    elapsed_s: float


def thread_count(threads: int | None) -> int:
    """Check a number of threads; None is as many as the process may use.

    Raises
    ------
    ValueError
        If it is below 1.
    """
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if threads < 1:
        raise ValueError(f"threads={threads} is below 1")
    return threads


class Crew:
    """Threads that work on the phases of one search, beside the one that has them work."""

    def __init__(self, search: Search, threads: int) -> None:
        self._search = search
        self._orders: SimpleQueue[int | None] = SimpleQueue()
        self._done: SimpleQueue[int] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve) for _ in range(threads - 1)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        while (phase := self._orders.get()) is not None:
            self._search.work(phase)
            self._done.put(phase)

    def work(self, phase: int, items: int) -> None:
        """Do one phase; alone, where it has few items."""
        helpers = self._threads if items >= FEW else []
        self._search.begin()
        for _ in helpers:
            self._orders.put(phase)
        self._search.work(phase)
        for _ in helpers:
            self._done.get()

    def dismiss(self) -> None:
        """Have every thread end."""
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()


class Exploration:
    """One search, from its roots to its last pass, in a thread of its own."""

    def __init__(self, search: Search, wanted: int, most: int, threads: int, early: bool) -> None:
        self.search, self.wanted, self.most, self.threads = search, wanted, most, threads
        self.early = early and not wanted >> N_LOCAL
        self.began = time.perf_counter()
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.swept = False
        self.latest = self._look("search")

    def _look(self, phase: str) -> Progress:
        search = self.search
        elapsed_s = time.perf_counter() - self.began
        return Progress(
            search.states, search.transitions, search.depth, search.load, elapsed_s, phase
        )

    def run(self) -> None:
        """Search, then make the passes; an error is kept for the caller's thread."""
        crew = Crew(self.search, self.threads)
        try:
            self._explore(crew)
            if self.wanted >> N_LOCAL:
                self._sweep(crew)
        except BaseException as error:
            self.error = error
        finally:
            crew.dismiss()
            self.ended.set()

    def _explore(self, crew: Crew) -> None:
        asked = [number for number in range(N_LOCAL) if self.wanted >> number & 1]
        while not self.stopping.is_set():
            pieces = self.search.plan(self.most)
            if not pieces:
                return
            crew.work(EXPAND, pieces)
            crew.work(INSERT, pieces)
            self.search.settle()
            self.latest = self._look("search")
            if self.early and all(self.search.found(number) for number in asked):
                return  # each of them is broken: there is nothing left to learn

    def _sweep(self, crew: Crew) -> None:
        phase = LIGHT
        while not self.stopping.is_set():
            crew.work(phase, FEW)
            if not self.search.changes:
                self.swept = not self.stopping.is_set()
                return
            phase = SWEEP
            self.latest = self._look("delivery and progress")


def drive(
    search: Search,
    wanted: int,
    most: int,
    threads: int,
    progress: Callable[[Progress], object] | None = None,
    *,
    early: bool = False,
) -> Run:
    """Run a search to its end, or until Ctrl-C.

    The search runs in threads of its own, so that this one is free for signals: after Ctrl-C the
    round that is under way (some tens of milliseconds) is finished, and what was found counts.
    With `early` the search ends as soon as everything that is wanted is broken.
    """
    exploration = Exploration(search, wanted, most, threads, early)
    thread = threading.Thread(target=exploration.run)
    thread.start()
    interrupted = False
    try:
        # Not Thread.join: after a signal it takes a thread for ended that goes on.
        while not exploration.ended.wait(WATCH_S):
            if progress is not None:
                progress(exploration.latest)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        exploration.stopping.set()
        search.stop()
        exploration.ended.wait()
        thread.join()
    if progress is not None:
        progress(exploration.latest)
    if exploration.error is not None:
        raise exploration.error
    elapsed_s = time.perf_counter() - exploration.began
    return Run(interrupted, exploration.swept, elapsed_s)
