"""From the bodies of events to records: what each says, and which thread runs which vCPU."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from . import kvm_events, switches
from .foreign import X86, architecture_of_body, host
from .record import MAX_VCPUS, NO_VCPU, RECORD, Kind

__all__ = ["BadBody", "Decoder", "Unusable", "text_of"]

_REASONS = kvm_events.REASONS.get
Handler = Callable[[bytes, int, int, bytes], None]


class BadBody(Exception):
    """What is wrong with a body: found and expected, or nothing where it has no known form."""


class Unusable(BadBody):
    """What no skipping of lines mends: another architecture, two VMs."""


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
    hardware : bool
        An exit was seen that exists only where the hardware delivers interrupts (APICv, AVIC).
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.evidence: dict[str, None] = {}
        self.n_vcpus = self.reinjected = 0
        self.hardware = False
        # By thread, as it stands in the line: a look-up is cheaper than making a number.
        self._vcpu: dict[bytes, int] = {}
        self._vcpu_text: dict[bytes, bytes] = {}
        self._thread: dict[int, bytes] = {}
        self._apic: dict[bytes, int] = {}
        # The thread that a vCPU's id, as text, was seen with last.
        self._seen: dict[bytes, bytes] = {}
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
            **dict.fromkeys(kvm_events.OF_VCPU, self._of_vcpu),
            **switches.handlers(self),
        }

    def take(self) -> NDArray[np.void]:
        """Give the records and forget them."""
        chunk = np.array(self.rows, dtype=RECORD)
        self.rows.clear()
        return chunk

    def emit(
        self, kind: Kind, now: int, thread: bytes, vcpu: int, vector: int = -1, arg: int = 0
    ) -> None:
        """Add a record."""
        self.rows.append((now, arg, int(thread), vcpu, vector, kind, 0))

    def _entry(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.ENTRY(line, at)
        if found is None:
            raise _no_x86(line[at:])
        self._runs(found[1], now, thread)

    def _exit(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.EXIT(line, at)
        if found is None:
            raise _no_x86(line[at:])
        text, reason = found.groups()
        shows = _REASONS(reason)
        if shows is None:
            # Nearly every exit.
            if text is not None or thread in self._vcpu:
                self._runs(text, now, thread)
            return
        if shows == "apicv":
            self.hardware = True
        if shows == "halt" or (shows == "unknown" and kvm_events.UNNAMED_HALT in line):
            self._learn(thread, text)
            self._waiting.add(thread)
            self._exit_age(line)
            self.emit(Kind.HALT, now, thread, self._vcpu.get(thread, NO_VCPU))
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
        self.emit(Kind.RUN, now, thread, self._vcpu[thread])

    def _learn(self, thread: bytes, text: bytes | None) -> None:
        if text is None or self._vcpu_text.get(thread) == text:
            return
        vcpu = self.check_vcpu(int(text))
        self._own(vcpu, thread)
        self._vcpu[thread] = vcpu
        self._vcpu_text[thread] = text

    def _own(self, vcpu: int, thread: bytes) -> None:
        owner = self._thread.setdefault(vcpu, thread)
        if owner != thread:
            found = (
                f"vCPU {vcpu} run by thread {text_of(thread)} and by {text_of(owner)}: two VMs, of "
                "which --vm takes one"
            )
            raise Unusable(found, "one VM in a trace")

    def vcpu_of(self, text: bytes, thread: bytes, base: int = 10) -> int:
        """Take what a thread prints of its own vCPU; give that."""
        vcpu = self.check_vcpu(int(text, base))
        self._own(vcpu, thread)
        self._vcpu.setdefault(thread, vcpu)
        return vcpu

    def thread_vcpu(self, thread: bytes) -> int:
        """Give the vCPU that a thread runs, `NO_VCPU` if that was not seen yet."""
        return self._vcpu.get(thread, NO_VCPU)

    def _of_vcpu(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.OWN_VCPU(line, at)
        if found is not None and self._seen.get(found[1]) != thread:
            self.vcpu_of(found[1], thread)
            self._seen[found[1]] = thread

    def bad(self) -> BadBody:
        """Make the error of a body that has no known form."""
        return BadBody()

    def check_vcpu(self, vcpu: int) -> int:
        """Give `vcpu`, which is one vCPU more if it was not seen yet."""
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
        self.emit(kind, now, thread, self._apic_vcpu(found[1]), vector)

    def _apic_vcpu(self, text: bytes) -> int:
        vcpu = self._apic.get(text)
        if vcpu is None:
            vcpu = self._apic[text] = self.check_vcpu(int(text, 16))
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
        self.emit(kind, now, thread, self._vcpu.get(thread, NO_VCPU), vector)

    def _eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.EOI(line, at)
        if found is None:
            raise BadBody
        vector = -1 if found[2] == b"-1" else _vector(found[2])
        self._in_service.discard((thread, vector))
        # The field that is called apicid holds the vCPU's id here, and its own thread prints it.
        vcpu = self._apic_vcpu(found[1])
        if self._thread.get(vcpu) != thread:
            self.vcpu_of(found[1], thread, 16)
        self.emit(Kind.EOI, now, thread, vcpu, vector)

    def _pv_eoi(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        # Only checked: the kernel prints kvm_eoi for the same EOI.
        found = kvm_events.EOI(line, at)
        if found is None:
            raise BadBody
        if self._thread.get(self._apic_vcpu(found[1])) != thread:
            self.vcpu_of(found[1], thread, 16)

    def _wakeup(self, line: bytes, at: int, now: int, thread: bytes) -> None:
        found = kvm_events.WAKEUP(line, at)
        if found is None:
            raise BadBody
        self._waiting.add(thread)
        vcpu = self._vcpu.get(thread, NO_VCPU)
        self.emit(Kind.WAKEUP, now, thread, vcpu, arg=int(found[1]))


def _no_x86(body: bytes) -> BadBody:
    name = architecture_of_body(body)
    return BadBody() if name is None else Unusable(host(name), X86)


def _vector(text: bytes) -> int:
    vector = int(text)
    if vector > 255:
        raise BadBody
    return vector


def text_of(data: bytes) -> str:
    """Give bytes of a trace as text that can be printed."""
    return data.decode("ascii", "backslashreplace")
