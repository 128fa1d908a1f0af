"""How far a long job has come: on a terminal only, so that a pipe and a log stay quiet."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Tick", "progress"]

_EVERY_S = 0.1


class Tick(Protocol):
    """Takes how far it is, in words, and which part of the whole that is, if that is known."""

    def __call__(self, text: str, part: float | None = None) -> None:
        """Show it."""


@contextmanager
def progress(what: str) -> Iterator[Tick | None]:
    """Show a job's progress on standard error while it runs, and nothing once it is over.

    Gives a function to call as often as one likes, with how far the job is; None where standard
    error is no terminal.

    Parameters
    ----------
    what : str
        What is being done, in a few words.
    """
    if not sys.stderr.isatty():
        yield None
        return
    began_s = time.monotonic()
    shown_s = 0.0

    def tick(text: str, part: float | None = None) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s < _EVERY_S:
            return
        shown_s = now_s
        left = f", {(now_s - began_s) * (1 / part - 1):.0f} s left" if part else ""
        sys.stderr.write(f"\r\x1b[K{what}: {text}{left}")
        sys.stderr.flush()

    try:
        yield tick
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
