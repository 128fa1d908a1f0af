"""How far a long job has come: on a terminal only, so that a pipe and a log stay quiet."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["Tick", "progress"]

Tick = Callable[[float], None]
"""Takes how much is done, 0 to 1."""

_EVERY_S = 0.1


@contextmanager
def progress(what: str) -> Iterator[Tick | None]:
    """Show a job's progress on standard error while it runs, and nothing once it is over.

    Gives a function to call with the part that is done, as often as one likes; None where
    standard error is no terminal. The package rich (extra ``progress``) draws it, if installed.

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
        import rich.console
        import rich.progress
    except ImportError:
        return None
    return rich


@contextmanager
def _drawn(what: str, rich: ModuleType) -> Iterator[Tick]:
    console = rich.console.Console(stderr=True)
    with rich.progress.Progress(console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _plain(what: str) -> Iterator[Tick]:
    shown_s = began_s = time.monotonic()

    def tick(done: float) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if now_s - shown_s < _EVERY_S:
            return
        shown_s = now_s
        left = f", {(now_s - began_s) * (1 / done - 1):.0f} s left" if done > 0 else ""
        sys.stderr.write(f"\r\x1b[K{what}: {done:.0%}{left}")
        sys.stderr.flush()

    try:
        yield tick
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
