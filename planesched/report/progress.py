"""How far a long job has come: on a terminal only, so that a pipe and a log stay quiet."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
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
    error is no terminal. The package rich (extra ``progress``) draws it, if installed.

    Parameters
    ----------
    what : str
        What is being done, in a few words.
    """
    if not sys.stderr.isatty():
        yield None
        return
    rich = _rich()
    with _plain(what) if rich is None else _drawn(what, rich) as tick:
        yield tick


def _rich() -> ModuleType | None:
    try:
        return import_module("rich.progress")
    except ImportError:
        return None


@contextmanager
def _drawn(what: str, rich: ModuleType) -> Iterator[Tick]:
    with rich.Progress(console=rich.Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def tick(text: str, part: float | None = None) -> None:
            total = None if part is None else 1.0
            bar.update(task, description=f"{what}: {text}", completed=part, total=total)

        yield tick


@contextmanager
def _plain(what: str) -> Iterator[Tick]:
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
