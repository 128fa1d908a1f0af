"""Reading the text of a trace into records: recognise the producer, check, count, and stream."""

import os
import re
from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text import MAX_NS
from . import kvm_events
from .decoder import BadBody, Decoder, text_of
from .formats.format import Family, Match
from .formats.perf import PERF_PROF, PERF_SCRIPT
from .formats.tracecmd import TRACECMD
from .formats.tracefs import TRACEFS, flags_of
from .text import MAX_LINE, line_blocks

__all__ = ["Reader", "read"]

_FAMILIES = (PERF_PROF, TRACEFS, TRACECMD, PERF_SCRIPT)
_RECORDS = 1 << 16
_LOST = re.compile(rb"\s*CPU:? ?\d+ \[(?:LOST )?(?:(\d{1,18}) )?EVENTS(?: DROPPED)?\]\s*$").match
# Headers, empty buffers, call chains of perf script -g and of the stack tracer, plain functions.
_OTHER = re.compile(
    rb"\s*$|#|cpus=\d+\s*$|version = \d+\s*$|CPU \d+ is empty\s*$|\t| => |.*: <stack trace>"
    rb"|[^\0]*\d\.\d+: +[\w.]+ +<-[\w.]+\s*$"
).match


def read(path: str | os.PathLike[str], *, skip_bad: bool = False) -> "Reader":
    """Open the text of a trace of Linux ``kvm:`` events.

    tracefs, ``trace-cmd report``, ``perf script`` and perf-prof are recognised, and plain text,
    .gz, .xz and .zst (the extra package zstandard before Python 3.14) by their first bytes.

    Parameters
    ----------
    path : str or path-like
        The file, or ``"-"`` for standard input.
    skip_bad : bool
        Count and report malformed lines (`Reader.bad`, `Reader.bad_lines`), and go on.

    Raises
    ------
    OSError
        If the file cannot be opened.
    InputError
        If it is a binary trace, or corrupt from the start. Iterating raises it for a malformed
        line, and for a file that is corrupt, cut short, or has no event.
    """
    return Reader(path, skip_bad=skip_bad)


class Reader:
    """The records of a trace, read once, a chunk at a time; memory is bounded.

    Iterating gives arrays of `RECORD`, sorted by time. The attributes speak of what was read so
    far.

    Attributes
    ----------
    counts : dict of str to int
        Lines by event name (without ``kvm:``), whether they are used or not.
    skipped : dict of str to int
        Of these, the ones of events that a replay has no use for.
    bad : int
        Malformed lines that `skip_bad` skipped; `bad_lines` holds the first ones as text.
    lost : int
        Events that the producer says it lost.
    reinjected : int
        Injections that repeat one that was cut short.
    producer : str
        For example ``"tracefs"`` or ``"trace-cmd report -t"``; empty before the first event.
    n_vcpus : int
        The highest vCPU seen, plus 1; the APIC id is taken for the vCPU's index.
    first_ns, last_ns : int
        Time of the first and of the last event on the trace's own clock.
    """

    def __init__(self, path: str | os.PathLike[str], *, skip_bad: bool = False) -> None:
        self.path = os.fspath(path)
        self.skip_bad = skip_bad
        self.bad = self.lost = 0
        self.bad_lines: list[str] = []
        self.producer = ""
        self.first_ns = self.last_ns = 0
        self._previous = -1
        self._counts: defaultdict[bytes, int] = defaultdict(int)
        self._line = 0
        self._match: Match | None = None
        self._decoder = Decoder()
        self._source = line_blocks(self.path)
        self._first: list[bytes] = next(self._source, [])
        self._chunks = self._read()

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        return self._chunks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; iterating then gives nothing more."""
        self._chunks.close()
        self._source.close()

    @property
    def counts(self) -> dict[str, int]:
        """Lines by event name."""
        return {text_of(name): count for name, count in sorted(self._counts.items())}

    @property
    def skipped(self) -> dict[str, int]:
        """Lines by event name, of events without use."""
        known = {text_of(name) for name in self._decoder.handlers}
        return {name: count for name, count in self.counts.items() if name not in known}

    @property
    def n_vcpus(self) -> int:
        """The highest vCPU seen, plus 1."""
        return self._decoder.n_vcpus

    @property
    def reinjected(self) -> int:
        """Injections that repeat one that was cut short."""
        return self._decoder.reinjected

    @property
    def kernel(self) -> tuple[str, ...]:
        """What the lines show of the kernel's age, for example ``"irq in decimal: <= 5.19"``."""
        return tuple(sorted(self._decoder.evidence))

    def _read(self) -> Generator[NDArray[np.void], None, None]:
        lines = self._first
        self._first = []
        while lines:
            self._parse(lines)
            self._line += len(lines)
            if len(self._decoder.rows) >= _RECORDS:
                yield self._decoder.take()
            lines = next(self._source, [])
        if self._match is None:
            expected = "events of tracefs, trace-cmd report or perf script"
            raise InputError(self.path, self._line, "the end without an event", expected)
        if self._decoder.rows:
            yield self._decoder.take()

    def _parse(self, lines: list[bytes]) -> None:
        # The hot loop: one match for what stands before the event's body, and a second one only
        # for the events that are used.
        match = self._match or self._recognise(lines)
        handlers, counts = self._decoder.handlers, self._counts
        previous, seconds, base = self._previous, b"", 0
        for number, line in enumerate(lines, self._line + 1):
            found = match(line)
            if found is None or len(line) > MAX_LINE:
                self._no_event(number, line)
                continue
            thread, whole, fraction, event = found.groups()
            if whole != seconds:
                seconds, base = whole, int(whole) * 1_000_000_000
            now = base + (int(fraction) * 1000 if len(fraction) == 6 else int(fraction))
            if not previous <= now <= MAX_NS:
                self._wrong_time(number, now, previous)
                continue
            if previous < 0:
                self.first_ns = now
            previous = now
            handler = handlers.get(event)
            if handler is not None:
                try:
                    handler(line, found.end(), now, thread)
                except BadBody as bad:
                    if not self._raw(bad, number, line, found, now):
                        continue
            counts[event] += 1
        if previous >= 0:
            self._previous = self.last_ns = previous

    def _recognise(self, lines: list[bytes]) -> Match:
        """Choose the family by the first line that is an event in one; else match nothing."""
        for line in lines:
            if len(line) <= MAX_LINE and b": " in line:
                for family in _FAMILIES:
                    found = family.match(line)
                    if found and (name := family.producer(line, found)):
                        return self._choose(family, name, line)
        return _nothing

    def _choose(self, family: Family, name: str, line: bytes) -> Match:
        self._match = family.match
        self.producer = name
        flags = len(flags_of(line))
        if name == "tracefs" and flags:
            age = "< 5.17" if flags == 4 else ">= 5.17"
            self._decoder.evidence[f"{flags} flags a line: {age}"] = None
        return family.match

    def _no_event(self, number: int, line: bytes) -> None:
        if len(line) > MAX_LINE:
            self._report(number, f"a line of over {MAX_LINE} bytes", "a line of a trace")
        elif lost := _LOST(line):
            self.lost += int(lost[1] or 1)
        elif not _OTHER(line):
            expected = self.producer or "tracefs, trace-cmd report or perf script"
            self._report(number, _quote(line), f"a line of {expected}")

    def _wrong_time(self, number: int, now: int, previous: int) -> None:
        if now > MAX_NS:
            self._report(number, f"time {_seconds(now)} s", "a time below 2^63 ns")
        else:
            found = f"time {_seconds(now)} s after {_seconds(previous)} s"
            self._report(number, found, "times that do not go back")

    def _raw(
        self, bad: BadBody, number: int, line: bytes, found: "re.Match[bytes]", now: int
    ) -> bool:
        """Try what a user-space decoder printed raw; report and give False if that fails too."""
        event, body = found[4], line[found.end() :]
        text = kvm_events.kernel_text(event, body) if kvm_events.RAW in body else None
        if text is not None:
            try:
                self._decoder.handlers[event](text, 0, now, found[1])
                return True
            except BadBody as again:
                bad = again
        what, expected = bad.args or ("", "")
        what = what or f"{text_of(event)}: {_quote(body.strip())}"
        self._report(number, what, expected or kvm_events.EXPECTED[event])
        return False

    def _report(self, number: int, found: str, expected: str) -> None:
        error = InputError(self.path, number, found, expected)
        if not self.skip_bad:
            raise error
        self.bad += 1
        if len(self.bad_lines) < 8:
            self.bad_lines.append(str(error))


def _nothing(line: bytes) -> None:
    return None


def _quote(data: bytes) -> str:
    return repr(text_of(data[:100])) + (" ..." if len(data) > 100 else "")


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
