"""Reading the text of a trace into records: recognise the producer, check, count, and stream.

Longer than 300 lines because the loop over the lines stands with all that it refuses.
"""

import os
import re
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..text import MAX_NS
from . import decoder, kvm_events, switches
from .decoder import Decoder
from .foreign import X86, architecture_of_body, host, what_else
from .formats.format import Family
from .formats.tracefs import flags_of
from .onevm import is_of
from .recognise import is_other, lost_events, recognise
from .record import MAX_VCPUS, Kind
from .text import MAX_LINE, Unended, line_blocks

__all__ = ["Reader", "read"]

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
        self._family: Family | None = None
        self._flags = ""
        self._foreign: tuple[int, str, str] | None = None
        self._decoder = Decoder(one_vm=self.vm is not None)
        self.part = 0.0
        self._source = line_blocks(self.path, partial(setattr, self, "part"))
        self._first = next(self._source, b"")
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
        return {text_of(name): count for name, count in sorted(self._decoder.counts.items())}

    @property
    def skipped(self) -> dict[str, int]:
        """Lines by event name, of events without use."""
        known = {text_of(name) for name in kvm_events.USED}
        return {name: count for name, count in self.counts.items() if name not in known}

    @property
    def hardware(self) -> bool:
        """The hardware delivers interrupts."""
        if self._decoder.hardware or self.kinds[Kind.POSTED]:
            return True
        return any(name.startswith("kvm_avic_") for name in self.counts)

    @property
    def first_ns(self) -> int:
        """Time of the first event."""
        return self._decoder.first_ns

    @property
    def last_ns(self) -> int:
        """Time of the last event."""
        return self._decoder.last_ns

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
        flags = [self._flags] if self._flags else []
        return tuple(sorted([*self._decoder.shown, *flags]))

    def _read(self) -> Generator[NDArray[np.void], None, None]:
        block = self._first
        self._first = b""
        while block:
            if self._family is None:
                self._recognise(block)
            self._decoder.feed(bytes(block))
            while (stop := self._decoder.advance()) != decoder.END:
                if stop == decoder.FULL:
                    yield self._taken()
                else:
                    self._odd(stop, isinstance(block, Unended))
            block = next(self._source, b"")
        if self._family is None:
            expected = "events of tracefs, trace-cmd report or perf script"
            end = (self._decoder.number, "the end without an event", expected)
            raise InputError(self.path, *(self._foreign or end))
        if self._decoder.n_records:
            yield self._taken()

    def _taken(self) -> NDArray[np.void]:
        chunk = self._decoder.take()
        self.kinds += np.bincount(chunk["kind"], minlength=len(Kind))
        return chunk

    def _recognise(self, block: bytes) -> None:
        """Choose the family by what the lines look like."""
        found = recognise(block.removesuffix(b"\n").split(b"\n"))
        if found is None:
            return
        self._family, self.producer, line = found
        self._decoder.format = self._family.format
        flags = len(flags_of(line))
        if self.producer == "tracefs" and flags:
            age = "< 5.17" if flags == 4 else ">= 5.17"
            self._flags = f"{flags} flags a line: {age}"

    def _odd(self, stop: int, unended: bool) -> None:
        """Decide about a line that C leaves to Python."""
        line, number = self._decoder.line, self._decoder.number
        # Only where there was an event before it is a last line without an end one that was cut.
        cut = unended and self._decoder.before_ns >= 0
        if stop == decoder.LINE:
            self._no_event(number, line, cut)
        elif stop == decoder.TIME:
            self._wrong_time(number)
        elif stop == decoder.BODY:
            self._bad_body(number, line, cut)
        else:
            assert stop == decoder.WHOSE
            assert self.vm is not None
            found = self._decoder.found
            self._decoder.settle(is_of(self.vm, found.thread, line[: found.end]))

    def _no_event(self, number: int, line: bytes, cut: bool) -> None:
        if len(line) > MAX_LINE:
            self._report(number, f"a line of over {MAX_LINE} bytes", "a line of a trace")
        elif (lost := lost_events(line)) is not None:
            self.lost += lost
        elif is_other(line, self._family):
            return
        elif cut:
            self.cut = True
        elif self._family is None and (foreign := what_else(line)):
            # Its cause is told even where its lines are skipped as malformed.
            self._foreign = self._foreign or (number, *foreign)
            self._report(number, *foreign)
        else:
            expected = self.producer or "tracefs, trace-cmd report or perf script"
            used = _USED(line)
            self._report(number, _quote(line), f"a line of {expected}", used and used[1])

    def _wrong_time(self, number: int) -> None:
        _, seconds, fraction, event, _ = self._decoder.found
        now = int(seconds) * 10**9 + int(fraction.ljust(9, b"0"))
        if now > MAX_NS:
            self._report(number, f"time {_seconds(now)} s", "a time below 2^63 ns", event)
        else:
            found = f"time {_seconds(now)} s after {_seconds(self._decoder.before_ns)} s"
            self._report(number, found, "times that do not go back", event)

    def _bad_body(self, number: int, line: bytes, cut: bool) -> None:
        """Try what was printed as raw fields; report the line if that fails too."""
        event, at = self._decoder.found[3:]
        body = line[at:]
        text = kvm_events.kernel_text(event, body)
        if text is not None and self._decoder.again(text):
            self._decoder.count()
            return
        fault, vcpu, owner = self._decoder.fault
        if fault == decoder.TWO_VMS:
            thread = self._decoder.found.thread
            found = f"vCPU {vcpu} run by thread {thread} and by {owner}: two VMs, of "
            raise InputError(self.path, number, f"{found}which --vm takes one", "one VM in a trace")
        if fault == decoder.FORM and event in (b"kvm_entry", b"kvm_exit"):
            name = architecture_of_body(text or body)
            if name is not None:
                raise InputError(self.path, number, host(name), X86)
        if cut:
            self.cut = True
        elif fault == decoder.VCPU:
            self._report(number, f"vCPU {vcpu}", f"a vCPU below {MAX_VCPUS}", event)
        else:
            found = f"{text_of(event)}: {_quote(body.strip())}"
            self._report(number, found, _EXPECTED[event], event)

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


def text_of(data: bytes) -> str:
    """Give bytes of a trace as text that can be printed."""
    return data.decode("ascii", "backslashreplace")


def _quote(data: bytes) -> str:
    return repr(text_of(data[:100])) + (" ..." if len(data) > 100 else "")


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"
