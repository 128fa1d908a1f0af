"""From the bodies of events to records: what each says, and which thread runs which vCPU."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from . import kvm_events
from .record import MAX_VCPUS, NO_VCPU, RECORD, Kind

__all__ = ["BadBody", "Decoder", "text_of"]

Handler = Callable[[bytes, int, int, bytes], None]


class BadBody(Exception):
    """What is wrong with a body: found and expected, or nothing where it has no known form."""


class Decoder:
    """The records of the events that were read, and what is known of threads and vCPUs.

    Attributes
    ----------
    handlers : dict of bytes to callable
        By event name; called with the line, where the body starts, the time and the thread.
    rows : list of tuple
        Records that were not taken yet.
    evidence : dict of str to None
        What the lines show of the kernel's age.
    n_vcpus : int
        The highest vCPU seen, plus 1.
    reinjected : int
        Injections that repeat one that was cut short.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.evidence: dict[str, None] = {}
        self.n_vcpus = self.reinjected = 0
        # By thread, as it stands in the line: a look-up is cheaper than making a number.
        self._vcpu: dict[bytes, int] = {}
        self._vcpu_text: dict[bytes, bytes] = {}
        self._thread: dict[int, bytes] = {}
        self._apic: dict[bytes, int] = {}
        # Threads whose next entry is told, because the vCPU halted or was woken.
        self._waiting: set[bytes] = set()
        self._in_service: set[tuple[bytes, int]] = set()
        self.handlers: dict[bytes, Handler] = {
            b"kvm_entry": self._entry,
            b"kvm_exit": self._exit,
            b"kvm_apic_accept_irq": self._accept,
            b"kvm_apicv_accept_irq": self._posted,
            b"kvm_inj_virq": self._inject,
            b"kvm_eoi": self._eoi,
            b"kvm_pv_eoi": self._pv_eoi,
            b"kvm_vcpu_wakeup": self._wakeup,
        }

    def take(self) -> NDArray[np.void]:
        """Give the records and forget them."""
        chunk = np.array(self.rows, dtype=RECORD)
        self.rows.clear()
        return chunk

    def _emit(
        self, kind: Kind, now: int, thread: bytes, vcpu: int, vector: int = -1, arg: int = 0
    ) -> None:
        self.rows.append((now, arg, int(thread), vcpu, vector, kind, 0))

    def _entry(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.ENTRY(line, at)
        if found is None:
            raise BadBody
        self._runs(found[1], now, thread)

    def _exit(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.EXIT(line, at)
        if found is None:
            raise BadBody
        text, reason = found.groups()
        if reason in kvm_events.HLT:
            self._learn(thread, text)
            self._waiting.add(thread)
            self._exit_age(line)
            self._emit(Kind.HALT, now, thread, self._vcpu.get(thread, NO_VCPU))
        elif text is not None or thread in self._vcpu:
            self._runs(text, now, thread)

    def _exit_age(self, line: bytes) -> None:
        if b" info1 " in line:
            self.evidence["kvm_exit with info1: >= 5.10"] = None
        elif b"EXIT_HLT" in line:
            self.evidence["kvm_exit decoded by trace-cmd: any kernel"] = None

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
            found = f"vCPU {vcpu} run by thread {text_of(thread)} and by {text_of(owner)}"
            raise BadBody(found, "one VM in a trace")
        self._vcpu[thread] = vcpu
        self._vcpu_text[thread] = text

    def _check_vcpu(self, vcpu: int) -> int:
        if vcpu >= MAX_VCPUS:
            raise BadBody(f"vCPU {vcpu}", f"a vCPU below {MAX_VCPUS}")
        self.n_vcpus = max(self.n_vcpus, vcpu + 1)
        return vcpu

    def _accept(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        self._arrival(line, at, now, thread, Kind.ARRIVAL)

    def _posted(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        self._arrival(line, at, now, thread, Kind.POSTED)

    def _arrival(self, line: bytes, at: int, now: int, thread: bytes, kind: Kind) -> None:
        found = kvm_events.ACCEPT(line, at)
        if found is None:
            raise BadBody
        vector = _vector(found[2])
        kind = kind if found[3] in kvm_events.VECTOR_MODES else Kind.KICK
        self._emit(kind, now, thread, self._apic_vcpu(found[1]), vector)

    def _apic_vcpu(self, text: bytes) -> int:
        vcpu = self._apic.get(text)
        if vcpu is None:
            vcpu = self._apic[text] = self._check_vcpu(int(text, 16))
        return vcpu

    def _inject(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.INJECT(line, at)
        if found is None:
            raise BadBody
        decimal, hexadecimal, again = found.groups()
        vector = int(hexadecimal, 16) if hexadecimal else _vector(decimal)
        if decimal:
            # These kernels do not mark a re-injection: it is one that no EOI went before.
            again = (thread, vector) in self._in_service
            self._in_service.add((thread, vector))
            self.evidence["kvm_inj_virq in decimal: <= 5.19"] = None
        else:
            self.evidence["kvm_inj_virq in hexadecimal: >= 6.0"] = None
        self.reinjected += bool(again)
        kind = Kind.REINJECT if again else Kind.INJECT
        self._emit(kind, now, thread, self._vcpu.get(thread, NO_VCPU), vector)

    def _eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.EOI(line, at)
        if found is None:
            raise BadBody
        vector = -1 if found[2] == b"-1" else _vector(found[2])
        self._in_service.discard((thread, vector))
        # The field that is called apicid holds the vCPU's id here.
        self._emit(Kind.EOI, now, thread, self._apic_vcpu(found[1]), vector)

    def _pv_eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        # Only checked: the kernel prints kvm_eoi for the same EOI.
        if kvm_events.EOI(line, at) is None:
            raise BadBody

    def _wakeup(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.WAKEUP(line, at)
        if found is None:
            raise BadBody
        self._waiting.add(thread)
        vcpu = self._vcpu.get(thread, NO_VCPU)
        self._emit(Kind.WAKEUP, now, thread, vcpu, arg=int(found[1]))


def _vector(text: bytes) -> int:
    vector = int(text)
    if vector > 255:
        raise BadBody
    return vector


def text_of(data: bytes) -> str:
    """Give bytes of a trace as text that can be printed."""
    return data.decode("ascii", "backslashreplace")
