"""Drives a search: threads, progress, and an end that comes early."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from .search import Search

__all__ = ["Run", "Watched", "drive"]

WATCH_S = 0.1

Watched = Callable[[float, int], object] | None
"""What is told how far a search is: the part of its bound that is used, 0..1, and its states."""


@dataclass(frozen=True)
class Run:
    """How a search ended."""

    interrupted: bool
    swept: bool
    elapsed_s: float


def drive(
    search: Search,
    most: int,
    threads: int,
    progress: Watched = None,
    *,
    early: bool = False,
) -> Run:
    """Run a search to its end, or until Ctrl-C.

    The search runs in threads of its own, so that this one is free for signals: after Ctrl-C the
    round that is under way (some tens of milliseconds) is finished, and what was found counts.
    With `early` the search ends as soon as everything that is wanted is broken.
    """
    began = time.perf_counter()

    def tell() -> None:
        if progress is not None:
            states = search.look()
            progress(min(1.0, states / most), states)

    done: SimpleQueue[None] = SimpleQueue()
    crew = _start(search, most, threads, early, done)
    busy = len(crew)
    interrupted = False
    try:
        # Not Thread.join: after a signal it takes a thread for ended that goes on.
        while busy:
            try:
                done.get(timeout=WATCH_S)
                busy -= 1
            except Empty:
                if search.mistaken:
                    search.stop()
                tell()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        search.stop()
        for thread in crew:
            thread.join()
    search.raise_mistake()
    if search.failed:
        raise MemoryError(f"no memory for more than {search.states} states")
    tell()
    return Run(interrupted, search.swept, time.perf_counter() - began)


def _start(
    search: Search, most: int, threads: int, early: bool, done: "SimpleQueue[None]"
) -> list[threading.Thread]:
    """Start the threads of a search; they wait for each other, so none begins before all are."""
    ready = threading.Event()

    def serve() -> None:
        ready.wait()
        search.join()
        done.put(None)

    crew: list[threading.Thread] = []
    try:
        for _ in range(threads):
            thread = threading.Thread(target=serve)
            thread.start()
            crew.append(thread)
    except BaseException:
        search.stop()
        raise
    finally:
        search.crew(len(crew), most, early)
        ready.set()
    return crew
