"""Reading the text of a trace into records: recognise the producer, check, count, and stream.

Longer than 300 lines because the loop over the lines stands with all that it refuses.
"""

import os
import re
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text import MAX_NS
from . import kvm_events, switches
from .decoder import BadBody, Decoder, Unusable, text_of
from .foreign import what_else
from .formats.format import Family, Match
from .formats.tracefs import flags_of
from .onevm import only_of
from .recognise import is_other, lost_events, recognise
from .record import Kind
from .text import MAX_LINE, Unended, line_blocks

__all__ = ["Reader", "read"]

_RECORDS = 1 << 16
_EXPECTED = kvm_events.EXPECTED | switches.EXPECTED
_USED = re.compile(rb"\b(" + rb"|".join(sorted(kvm_events.USED)) + rb"): ").search


def read(
    path: str | os.PathLike[str],
    *,
    skip_bad: bool = False,
    vm: int | Iterable[int] | None = None,
) -> "Reader":
    """Open the text of a trace of Linux ``kvm:`` events.

    tracefs, ``trace-cmd report``, ``perf script`` and perf-prof are recognised, and plain text,
    .gz, .bz2, .xz and .zst (the extra package zstandard before Python 3.14) by their first bytes.
    A trace.dat file is read through ``trace-cmd report``, a perf.data file through ``perf script``.

    Parameters
    ----------
    path : str or path-like
        The file, or ``"-"`` for standard input.
    skip_bad : bool
        Count and report malformed lines (`Reader.bad`, `Reader.bad_lines`), and go on.
    vm : int or iterable of int, optional
        Of several VMs only the one with this process; where the lines do not show processes, the
        one with these threads. Interrupts are then told by ``kvm_inj_virq`` alone, for
        ``kvm_apic_accept_irq`` does not say for which VM it is.

    Raises
    ------
    OSError
        If the file cannot be opened.
    InputError
        If it is no text, or corrupt from the start. Iterating raises it for a malformed line, for
        a file that is corrupt, cut short, or has no event, and, even where malformed lines are
        skipped, for two VMs in one trace and for another architecture's.
    """
    return Reader(path, skip_bad=skip_bad, vm=vm)


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
    malformed : dict of str to int
        Of these, by the name of the event, those of events that a replay uses.
    cut : bool
        The last line has no end and was left out.
    lost : int
        Events that the producer says it lost or overwrote.
    kinds : ndarray of int64, shape (len(Kind),)
        Records by their kind.
    hardware : bool
        The hardware delivers interrupts (APICv, AVIC), of which some are then not in the trace.
    reinjected : int
        Injections that repeat one that was cut short.
    producer : str
        For example ``"tracefs"`` or ``"trace-cmd report -t"``; empty before the first event.
    n_vcpus : int
        The highest vCPU seen, plus 1; the APIC id is taken for the vCPU's index.
    first_ns, last_ns : int
        Time of the first and of the last event on the trace's own clock.
    part : float
        Which part of the file was read, 0..1; 0 where that is not known.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        skip_bad: bool = False,
        vm: int | Iterable[int] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.skip_bad = skip_bad
        self.bad = self.lost = 0
        self.bad_lines: list[str] = []
        self.vm = None if vm is None else frozenset([vm] if isinstance(vm, int) else vm)
        self.malformed: dict[str, int] = {}
        self.cut = False
        self.kinds = np.zeros(len(Kind), np.int64)
        self.producer = ""
        self.first_ns = self.last_ns = 0
        self._previous = self._used = -1
        self._counts: defaultdict[bytes, int] = defaultdict(int)
        self._line = 0
        self._family: Family | None = None
        self._foreign: tuple[int, str, str] | None = None
        self._decoder = Decoder()
        self._handlers = self._decoder.handlers
        if self.vm is not None:
            self._handlers = only_of(self.vm, self._handlers)
        self.part = 0.0
        self._source = line_blocks(self.path, partial(setattr, self, "part"))
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
        known = {text_of(name) for name in kvm_events.USED}
        return {name: count for name, count in self.counts.items() if name not in known}

    @property
    def hardware(self) -> bool:
        """The hardware delivers interrupts."""
        names = any(name.startswith(b"kvm_avic_") for name in self._counts)
        return bool(self._decoder.hardware or names or self.kinds[Kind.POSTED])

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
                yield self._taken()
            lines = next(self._source, [])
        if self._family is None:
            expected = "events of tracefs, trace-cmd report or perf script"
            foreign = self._foreign or (self._line, "the end without an event", expected)
            raise InputError(self.path, *foreign)
        if self._decoder.rows:
            yield self._taken()

    def _taken(self) -> NDArray[np.void]:
        chunk = self._decoder.take()
        self.kinds += np.bincount(chunk["kind"], minlength=len(Kind))
        return chunk

    def _parse(self, lines: list[bytes]) -> None:
        # The hot loop: one match for what stands before the event's body, and a second one only
        # for the events that are used.
        match = self._family.match if self._family else self._recognise(lines)
        handlers, counts = self._handlers, self._counts
        previous, used, seconds, base = self._previous, self._used, b"", 0
        for number, line in enumerate(lines, self._line + 1):
            found = match(line)
            if found is None or len(line) > MAX_LINE:
                self._no_event(number, line, lines)
                continue
            thread, whole, fraction, event = found.groups()
            if whole != seconds:
                seconds, base = whole, int(whole) * 1_000_000_000
            now = base + (int(fraction) * 1000 if len(fraction) == 6 else int(fraction))
            if not previous <= now <= MAX_NS:
                # What a replay does not use may come from another file, with another clock.
                if now > MAX_NS or (event in handlers and now < used):
                    self._wrong_time(number, now, previous, event)
                    continue
                if event not in handlers:
                    counts[event] += 1
                    continue
                self.first_ns = min(self.first_ns, now)
            if previous < 0:
                self.first_ns = now
            previous = now
            handler = handlers.get(event)
            if handler is not None:
                used = now
                try:
                    handler(line, found.end(), now, thread)
                except BadBody as bad:
                    if not self._raw(bad, number, line, found, now, lines):
                        continue
            counts[event] += 1
        if previous >= 0:
            self._previous = self.last_ns = previous
        self._used = used

    def _recognise(self, lines: list[bytes]) -> Match:
        """Choose the family by what the lines look like; without an event match nothing."""
        found = recognise(lines)
        return _nothing if found is None else self._choose(*found)

    def _choose(self, family: Family, name: str, line: bytes) -> Match:
        self._family = family
        self.producer = name
        flags = len(flags_of(line))
        if name == "tracefs" and flags:
            age = "< 5.17" if flags == 4 else ">= 5.17"
            self._decoder.evidence[f"{flags} flags a line: {age}"] = None
        return family.match

    def _no_event(self, number: int, line: bytes, lines: list[bytes]) -> None:
        if len(line) > MAX_LINE:
            self._report(number, f"a line of over {MAX_LINE} bytes", "a line of a trace")
        elif (lost := lost_events(line)) is not None:
            self.lost += lost
        elif is_other(line, self._family):
            return
        elif isinstance(lines, Unended) and self._previous >= 0:
            self.cut = True
        elif self._family is None and (foreign := what_else(line)):
            # Its cause is told even where its lines are skipped as malformed.
            self._foreign = self._foreign or (number, *foreign)
            self._report(number, *foreign)
        else:
            expected = self.producer or "tracefs, trace-cmd report or perf script"
            used = _USED(line)
            self._report(number, _quote(line), f"a line of {expected}", used and used[1])

    def _wrong_time(self, number: int, now: int, previous: int, event: bytes) -> None:
        if now > MAX_NS:
            self._report(number, f"time {_seconds(now)} s", "a time below 2^63 ns", event)
        else:
            found = f"time {_seconds(now)} s after {_seconds(previous)} s"
            self._report(number, found, "times that do not go back", event)

    def _raw(
        self,
        bad: BadBody,
        number: int,
        line: bytes,
        found: "re.Match[bytes]",
        now: int,
        lines: list[bytes],
    ) -> bool:
        """Try what was printed as raw fields; report and give False if that fails too."""
        event, body = found[4], line[found.end() :]
        text = kvm_events.kernel_text(event, body)
        if text is not None:
            try:
                self._handlers[event](text, 0, now, found[1])
                return True
            except BadBody as again:
                bad = again
        what, expected = bad.args or ("", "")
        if isinstance(bad, Unusable):
            raise InputError(self.path, number, what, expected)
        if isinstance(lines, Unended) and self._previous >= 0:
            self.cut = True
            return False
        what = what or f"{text_of(event)}: {_quote(body.strip())}"
        self._report(number, what, expected or _EXPECTED[event], event)
        return False

    def _report(self, number: int, found: str, expected: str, event: bytes | None = None) -> None:
        error = InputError(self.path, number, found, expected)
        if not self.skip_bad:
            raise error
        self.bad += 1
        if event in kvm_events.USED:
            name = text_of(event)
            self.malformed[name] = self.malformed.get(name, 0) + 1
        if len(self.bad_lines) < 8:
            self.bad_lines.append(str(error))


def _nothing(line: bytes) -> None:
    return None


def _quote(data: bytes) -> str:
    return repr(text_of(data[:100])) + (" ..." if len(data) > 100 else "")


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
