"""Reading the text of a trace into records: recognise the producer, check, count, and stream."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from . import bodies
from .family import Family, Match
from .opening import MAX_LINE, line_blocks
from .perf import PERF_PROF, PERF_SCRIPT
from .record import MAX_VCPUS, NO_VCPU, RECORD, Kind
from .tracecmd import TRACECMD
from .tracefs import TRACEFS, flags_of

__all__ = ["Reader", "read"]

_FAMILIES = (PERF_PROF, TRACEFS, TRACECMD, PERF_SCRIPT)
_MAX_NS = 2**63 - 1
_RECORDS = 1 << 16
_LOST = re.compile(rb"\s*CPU:? ?\d+ \[(?:LOST )?(?:(\d{1,18}) )?EVENTS(?: DROPPED)?\]\s*$").match
# Headers, empty buffers, call chains of perf script -g and of the stack tracer, plain functions.
_OTHER = re.compile(
    rb"\s*$|#|cpus=\d+\s*$|version = \d+\s*$|CPU \d+ is empty\s*$|\t| => |.*: <stack trace>"
    rb"|[^\0]*\d\.\d+: +[\w.]+ +<-[\w.]+\s*$"
).match

_Handler = Callable[[bytes, int, int, bytes], None]


class _Bad(Exception):
    """What is wrong with a line: (found, expected); empty strings stand for the usual text."""


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
    TraceError
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
        The highest vCPU seen, plus 1. The APIC id is taken for the vCPU's index.
    first_ns, last_ns : int
        Time of the first and of the last event on the trace's own clock.
    """

    def __init__(self, path: str | os.PathLike[str], *, skip_bad: bool = False) -> None:
        self.path = os.fspath(path)
        self.skip_bad = skip_bad
        self.bad = self.lost = self.reinjected = self.n_vcpus = 0
        self.bad_lines: list[str] = []
        self.producer = ""
        self.first_ns = self.last_ns = 0
        self._previous = -1
        self._counts: defaultdict[bytes, int] = defaultdict(int)
        self._evidence: dict[str, None] = {}
        self._line = 0
        self._match: Match | None = None
        self._rows: list[tuple[int, int, int, int, int, int, int]] = []
        self._vcpu: dict[bytes, int] = {}
        self._vcpu_text: dict[bytes, bytes] = {}
        self._thread: dict[int, bytes] = {}
        self._apic: dict[bytes, int] = {}
        self._waiting: set[bytes] = set()
        self._in_service: set[tuple[bytes, int]] = set()
        self._handlers: dict[bytes, _Handler] = {
            b"kvm_entry": self._entry,
            b"kvm_exit": self._exit,
            b"kvm_apic_accept_irq": self._accept,
            b"kvm_apicv_accept_irq": self._posted,
            b"kvm_inj_virq": self._inject,
            b"kvm_eoi": self._eoi,
            b"kvm_pv_eoi": self._pv_eoi,
            b"kvm_vcpu_wakeup": self._wakeup,
        }
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
        return {_text(name): count for name, count in sorted(self._counts.items())}

    @property
    def skipped(self) -> dict[str, int]:
        """Lines by event name, of events without use."""
        known = {_text(name) for name in self._handlers}
        return {name: count for name, count in self.counts.items() if name not in known}

    @property
    def kernel(self) -> tuple[str, ...]:
        """What the lines show of the kernel's age, for example ``"irq in decimal: <= 5.19"``."""
        return tuple(sorted(self._evidence))

    def _read(self) -> Iterator[NDArray[np.void]]:
        lines = self._first
        self._first = []
        while lines:
            self._parse(lines)
            self._line += len(lines)
            if len(self._rows) >= _RECORDS:
                yield self._take()
            lines = next(self._source, [])
        if self._match is None:
            expected = "events of tracefs, trace-cmd report or perf script"
            raise TraceError(self.path, self._line, "the end without an event", expected)
        if self._rows:
            yield self._take()

    def _take(self) -> NDArray[np.void]:
        chunk = np.array(self._rows, dtype=RECORD)
        self._rows.clear()
        return chunk

    def _parse(self, lines: list[bytes]) -> None:
        # The hot loop: one match for what stands before the event's body, and a second one only
        # for the events that are used.
        match = self._match or self._recognise(lines)
        handlers, counts = self._handlers, self._counts
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
            if not previous <= now <= _MAX_NS:
                self._wrong_time(number, now, previous)
                continue
            if previous < 0:
                self.first_ns = now
            self._previous = self.last_ns = previous = now
            handler = handlers.get(event)
            if handler is not None:
                try:
                    handler(line, found.end(), now, thread)
                except _Bad as bad:
                    if not self._raw(bad, number, line, found):
                        continue
            counts[event] += 1

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
            self._evidence[f"{flags} flags a line: {age}"] = None
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
        if now > _MAX_NS:
            self._report(number, f"time {_seconds(now)} s", "a time below 2^63 ns")
        else:
            found = f"time {_seconds(now)} s after {_seconds(previous)} s"
            self._report(number, found, "times that do not go back")

    def _raw(self, bad: _Bad, number: int, line: bytes, found: "re.Match[bytes]") -> bool:
        """Try what a user-space decoder printed raw; report and give False if that fails too."""
        event, body = found[4], line[found.end() :]
        text = bodies.kernel_text(event, body) if bodies.RAW in body else None
        if text is not None:
            try:
                self._handlers[event](text, 0, self.last_ns, found[1])
                return True
            except _Bad as again:
                bad = again
        what, expected = bad.args or ("", "")
        what = what or f"{_text(event)}: {_quote(body.strip())}"
        self._report(number, what, expected or bodies.EXPECTED[event])
        return False

    def _report(self, number: int, found: str, expected: str) -> None:
        error = TraceError(self.path, number, found, expected)
        if not self.skip_bad:
            raise error
        self.bad += 1
        if len(self.bad_lines) < 8:
            self.bad_lines.append(str(error))

    def _emit(
        self, kind: Kind, now: int, thread: bytes, vcpu: int, vector: int = -1, arg: int = 0
    ) -> None:
        self._rows.append((now, arg, int(thread), vcpu, vector, kind, 0))

    def _entry(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = bodies.ENTRY(line, at)
        if found is None:
            raise _Bad
        self._runs(found[1], now, thread)

    def _exit(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = bodies.EXIT(line, at)
        if found is None:
            raise _Bad
        text, reason = found.groups()
        if reason in bodies.HLT:
            self._learn(thread, text)
            self._waiting.add(thread)
            self._exit_age(line)
            self._emit(Kind.HALT, now, thread, self._vcpu.get(thread, NO_VCPU))
        elif text is not None or thread in self._vcpu:
            self._runs(text, now, thread)

    def _exit_age(self, line: bytes) -> None:
        if b" info1 " in line:
            self._evidence["kvm_exit with info1: >= 5.10"] = None
        elif b"EXIT_HLT" in line:
            self._evidence["kvm_exit decoded by trace-cmd: any kernel"] = None

    def _runs(self, text: bytes | None, now: int, thread: bytes) -> None:
        # Nearly every entry and exit ends here: the thread runs the vCPU that it ran before.
        if text is not None and self._vcpu_text.get(thread) != text:
            self._learn(thread, text)
        elif thread not in self._waiting:
            return
        self._waiting.discard(thread)
        self._emit(Kind.RUN, now, thread, self._vcpu[thread])

    def _learn(self, thread: bytes, text: bytes | None) -> None:
        if text is None or self._vcpu_text.get(thread) == text:
            return
        vcpu = self._check_vcpu(int(text))
        owner = self._thread.setdefault(vcpu, thread)
        if owner != thread:
            found = f"vCPU {vcpu} run by thread {_text(thread)} and by {_text(owner)}"
            raise _Bad(found, "one VM in a trace")
        self._vcpu[thread] = vcpu
        self._vcpu_text[thread] = text

    def _check_vcpu(self, vcpu: int) -> int:
        if vcpu >= MAX_VCPUS:
            raise _Bad(f"vCPU {vcpu}", f"a vCPU below {MAX_VCPUS}")
        self.n_vcpus = max(self.n_vcpus, vcpu + 1)
        return vcpu

    def _accept(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        self._arrival(line, at, now, thread, Kind.ARRIVAL)

    def _posted(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        self._arrival(line, at, now, thread, Kind.POSTED)

    def _arrival(self, line: bytes, at: int, now: int, thread: bytes, kind: Kind) -> None:
        found = bodies.ACCEPT(line, at)
        if found is None:
            raise _Bad
        vector = _vector(found[2])
        kind = kind if found[3] in bodies.VECTOR_MODES else Kind.KICK
        self._emit(kind, now, thread, self._apic_vcpu(found[1]), vector)

    def _apic_vcpu(self, text: bytes) -> int:
        vcpu = self._apic.get(text)
        if vcpu is None:
            vcpu = self._apic[text] = self._check_vcpu(int(text, 16))
        return vcpu

    def _inject(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = bodies.INJECT(line, at)
        if found is None:
            raise _Bad
        decimal, hexadecimal, again = found.groups()
        vector = int(hexadecimal, 16) if hexadecimal else _vector(decimal)
        if decimal:
            # These kernels do not mark a re-injection: it is one that no EOI went before.
            again = (thread, vector) in self._in_service
            self._in_service.add((thread, vector))
            self._evidence["kvm_inj_virq in decimal: <= 5.19"] = None
        else:
            self._evidence["kvm_inj_virq in hexadecimal: >= 6.0"] = None
        self.reinjected += bool(again)
        kind = Kind.REINJECT if again else Kind.INJECT
        self._emit(kind, now, thread, self._vcpu.get(thread, NO_VCPU), vector)

    def _eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = bodies.EOI(line, at)
        if found is None:
            raise _Bad
        vector = -1 if found[2] == b"-1" else _vector(found[2])
        self._in_service.discard((thread, vector))
        # The field that is called apicid holds the vCPU's id here.
        self._emit(Kind.EOI, now, thread, self._apic_vcpu(found[1]), vector)

    def _pv_eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        # Only checked: the kernel prints kvm_eoi for the same EOI.
        if bodies.EOI(line, at) is None:
            raise _Bad

    def _wakeup(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = bodies.WAKEUP(line, at)
        if found is None:
            raise _Bad
        self._waiting.add(thread)
        vcpu = self._vcpu.get(thread, NO_VCPU)
        self._emit(Kind.WAKEUP, now, thread, vcpu, arg=int(found[1]))


def _nothing(line: bytes) -> None:
    return None


def _vector(text: bytes) -> int:
    vector = int(text)
    if vector > 255:
        raise _Bad
    return vector


def _text(data: bytes) -> str:
    return data.decode("ascii", "backslashreplace")


def _quote(data: bytes) -> str:
    return repr(_text(data[:100])) + (" ..." if len(data) > 100 else "")


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"


