"""Timelines of logged outcomes, as ui.perfetto.dev and chrome://tracing open them.

What a log says is found here; tracks.py writes it.
"""

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, TypeMistake, Words
from ..events import Event, Fault, Flags, Reason, takes_plane
from ..layouts import OUTCOME
from .tracks import Args, Mark, check_timeline, tracks

__all__ = ["marks", "write_timeline"]

_ROWS = 1 << 12
_COLUMNS = [name for name in OUTCOME.names or () if name != "record"]


class _Spell(NamedTuple):
    """What a vCPU does since `begin_ns`: first `took` for `took_ns`, if that is given."""

    begin_ns: int
    took_ns: int
    took: Mark | None
    mark: Mark
    entered: bool


def write_timeline(
    path: str | os.PathLike[str],
    logs: Mapping[str, NDArray[np.void]],
    *,
    start_ns: int = 0,
    end_ns: int | None = None,
) -> None:
    """Write what every vCPU did when: a track each, under the policy's name.

    Slices are ``plane N``, ``userspace`` and ``blocked``; where switches take time, ``switch`` and
    ``exit`` come before. The first slice after an entry says its ``reason`` and the plane that was
    left (``from``). Instants are exits, bounces, VINA notifications and faults. Slices of a vCPU
    follow each other without gaps, so their lengths add up to the times in `Stats`; a vCPU that has
    no entry in the log has no track.

    Parameters
    ----------
    path : str or path-like
        Ends with ``.json``, ``.json.gz`` or ``.pftrace``; written whole or not at all.
    logs : mapping of str to ndarray of dtype OUTCOME
        For each policy the outcomes that were logged, in order of time: ``log[:stats.logged]`` of
        `VM.run`, `Result.log`.
    start_ns : int
        When logging began.
    end_ns : int, optional
        When it ended. None where a log had not room for all: each track ends with its last entry.

    Raises
    ------
    Mistake
        If the name ends otherwise, a package is missing, or a log is not in order of time or
        not between `start_ns` and `end_ns`.
    TypeError
        If a log is no ndarray of dtype OUTCOME.
    OSError
        If the file cannot be written.
    """
    check_timeline(path)
    for label, log in logs.items():
        _check(label, log, start_ns, end_ns)
    with tracks(path) as writer:
        for number, (label, log) in enumerate(logs.items(), 1):
            writer.group(number, label, np.unique(log["vcpu"]).tolist())
            for mark in marks(log, start_ns, end_ns):
                writer.write(*mark)


def _check(label: str, log: NDArray[np.void], start_ns: int, end_ns: int | None) -> None:
    if not isinstance(log, np.ndarray) or log.dtype != OUTCOME or log.ndim != 1:
        raise TypeMistake(f"logs[{label!r}]", log, "an ndarray of dtype OUTCOME, one dimension")
    times = log["time_ns"]
    bounds = np.concatenate(([start_ns], times, times[-1:] if end_ns is None else [end_ns]))
    back = np.flatnonzero(np.diff(bounds) < 0)
    if len(back):
        at = int(back[0])
        raise Mistake(
            f"logs[{label!r}][{min(at, len(log))}]",
            Words(f"the time goes from {bounds[at]} ns back to {bounds[at + 1]} ns"),
            f"what was logged from start_ns={start_ns} to end_ns={end_ns}, in order",
        )


# ---- What a log says ----


def marks(
    log: NDArray[np.void], start_ns: int, end_ns: int | None
) -> Iterator[tuple[int, int, int | None, Mark]]:
    """Give (vCPU, time, length, mark) of every slice and instant, a vCPU's slices in order."""
    spells: dict[int, _Spell] = {}
    last_ns: dict[int, int] = {}
    for at_ns, vcpu, kind, plane, was, now, reason, fault, flags, status, took_ns in _rows(log):
        spell = spells.get(vcpu)
        if spell is None:
            spell = spells[vcpu] = _Spell(start_ns, 0, None, _does(status, was), False)
        last_ns[vcpu] = at_ns
        after = bool(flags & Flags.USER) | 2 * bool(flags & Flags.BLOCKED)
        exits = bool(flags & Flags.USER and reason)
        if was != now or status != after or took_ns:
            yield from _slices(vcpu, spell, at_ns)
            cause = _cause(kind, plane, was, now, reason)
            does = _does(after, now)
            entered = was != now
            if took_ns:
                took = Mark("switch" if entered else "exit", does.args + cause)
                spells[vcpu] = _Spell(at_ns, took_ns, took, does, entered)
            else:
                spells[vcpu] = _Spell(at_ns, 0, None, Mark(does.name, does.args + cause), entered)
        if fault or exits or flags & (Flags.VINA | Flags.BOUNCED):
            for mark in _instants(kind, plane, now, reason, fault, flags, exits):
                yield vcpu, at_ns, None, mark
    for vcpu, spell in spells.items():
        yield from _slices(vcpu, spell, last_ns[vcpu] if end_ns is None else end_ns)


def _rows(log: NDArray[np.void]) -> Iterator[tuple[int, ...]]:
    """Give the entries as plain numbers, without making all of them at once."""
    for first in range(0, len(log), _ROWS):
        chunk = log[first : first + _ROWS]
        yield from zip(*(chunk[name].tolist() for name in _COLUMNS), strict=True)


def _slices(vcpu: int, spell: _Spell, end_ns: int) -> Iterator[tuple[int, int, int, Mark]]:
    """Give the slices of a spell. One that took no time is shown only where a plane was entered."""
    ready_ns = min(spell.begin_ns + spell.took_ns, end_ns)
    if spell.took is not None:
        yield vcpu, spell.begin_ns, ready_ns - spell.begin_ns, spell.took
    if end_ns > ready_ns or (spell.entered and spell.took is None):
        yield vcpu, ready_ns, end_ns - ready_ns, spell.mark


@lru_cache
def _does(status: int, plane: int) -> Mark:
    return Mark((f"plane {plane}", "userspace", "blocked")[status], (("plane", plane),))


@lru_cache
def _cause(kind: int, plane: int, was: int, now: int, reason: int) -> Args:
    """Say why a spell began."""
    entry: Args = (("from", was),) if was != now else ()
    why: Args = (("reason", Reason(reason).name.lower()),) if reason else ()
    return (*entry, *why, ("event", _event(kind, plane)))


@lru_cache
def _instants(
    kind: int, plane: int, now: int, reason: int, fault: int, flags: int, exits: bool
) -> tuple[Mark, ...]:
    args: Args = (("plane", now), ("event", _event(kind, plane)))
    why = (("reason", Reason(reason).name.lower()), *args)
    marks = (
        (fault, Mark(f"fault {Fault(fault).name.lower()}", args)),
        (exits, Mark("exit", why)),
        (flags & Flags.BOUNCED, Mark("bounce", why)),
        (flags & Flags.VINA, Mark("VINA", args)),
    )
    return tuple(mark for happened, mark in marks if happened)


def _event(kind: int, plane: int) -> str:
    name = Event(kind).name.lower()
    return f"{name} {plane}" if takes_plane(kind, call_takes_plane=False) else name
