"""What a trace can tell: whether a replay of it is an answer, and what to know about that answer.

Looked at when all was read and before anything is shown. What makes a result meaningless is
refused; what only narrows it is a note.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .foreign import X86, architecture, host
from .record import Kind

__all__ = ["Arrivals", "Evidence", "evidence"]

Arrivals = Literal["accepted", "injected"]
"""What stands for the arrival of an interrupt: ``kvm_apic_accept_irq`` or ``kvm_inj_virq``."""

LIMIT = 0.05
"""More than this share of one kind of event malformed: what is left says nothing."""

RECORD_THESE = (
    "kvm_apic_accept_irq, kvm_apicv_accept_irq, kvm_inj_virq, kvm_entry, kvm_exit, kvm_eoi and "
    "kvm_vcpu_wakeup"
)
_OF_A_VM = (
    "one of its process, which lines show with the option record-tgid (tracefs) or perf script "
    "-F +pid, or of its vCPUs' threads"
)
_NO_APICV = "record with enable_apicv=0 (kvm_intel) or avic=0 (kvm_amd) to see all"


class Read(Protocol):
    """What is asked of a trace that was read."""

    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def malformed(self) -> Mapping[str, int]: ...
    @property
    def kinds(self) -> NDArray[np.int64]: ...
    @property
    def hardware(self) -> bool: ...
    @property
    def cut(self) -> bool: ...
    @property
    def first_ns(self) -> int: ...
    @property
    def last_ns(self) -> int: ...


@dataclass(frozen=True)
class Evidence:
    """What a trace shows and what it lacks.

    Attributes
    ----------
    refusal : tuple of two str, or None
        Why a replay of it would be no answer: what was found, and what is expected.
    notes : tuple of str
        What to know about the answer.
    """

    refusal: tuple[str, str] | None
    notes: tuple[str, ...]


def evidence(trace: Read, arrivals: Arrivals = "accepted", *, vm: bool = False) -> Evidence:
    """Return what a trace, read to its end, can tell.

    Parameters
    ----------
    trace : Reader or Records
        Where all was read.
    arrivals : {"accepted", "injected"}
        What stands for the arrival of an interrupt.
    vm : bool
        One VM was taken of several.
    """
    if vm and trace.counts and not trace.kinds.sum() and not trace.malformed:
        found = f"{_events(sum(trace.counts.values()))}, none of that VM"
        return Evidence((found, _OF_A_VM), ())
    return Evidence(_refusal(trace), tuple(_notes(trace, arrivals, vm)))


def _refusal(trace: Read) -> tuple[str, str] | None:
    kinds, counts = trace.kinds, trace.counts
    if broken := _broken(trace):
        return broken
    arrived = int(kinds[Kind.ARRIVAL] + kinds[Kind.POSTED])
    if not arrived and (name := architecture(counts)) is not None:
        return host(name), X86
    if not kinds.sum() and not trace.malformed:
        return f"{_events(sum(counts.values()))}, none of which a replay uses", X86
    if sum(counts.values()) > 1 and trace.first_ns == trace.last_ns:
        return (
            f"{_events(sum(counts.values()))} with one time stamp (trace-cmd prints the clock "
            "uptime so)",
            "times that go on: record with trace_clock local or mono",
        )
    return None


def _broken(trace: Read) -> tuple[str, str] | None:
    for name, bad in trace.malformed.items():
        whole = bad + trace.counts.get(name, 0)
        if bad > LIMIT * whole:
            share = f"all {bad}" if bad == whole else f"{bad} of {whole} ({bad / whole:.0%})"
            return (
                f"{share} {name} lines malformed, so that what is left says nothing",
                f"at most {LIMIT:.0%} of a kind malformed",
            )
    return None


def _notes(trace: Read, arrivals: Arrivals, vm: bool) -> list[str]:
    kinds, counts = trace.kinds, trace.counts
    notes = [_arriving(kinds, arrivals), _working(kinds)]
    if vm:
        notes.append(
            "one VM of the trace: its entries, exits, injections, EOIs and wake-ups; "
            "kvm_apic_accept_irq does not say for which VM it is, so injections are the arrivals"
        )
    elif arrivals == "injected":
        notes.append(
            "injections (kvm_inj_virq) stand for the arrivals: how long an interrupt waited before "
            "is not in the latencies, and what the hardware delivers is missing"
        )
    if trace.hardware:
        notes.append(
            "APICv or AVIC is on: IPIs and assigned devices' interrupts that the hardware delivers "
            f"are not in the trace; {_NO_APICV}"
        )
    for name, bad in trace.malformed.items():
        notes.append(f"{bad} of {bad + counts.get(name, 0)} {name} malformed and left out")
    if trace.cut:
        notes.append("the last line is cut and left out")
    return [note for note in notes if note]


def _arriving(kinds: NDArray[np.int64], arrivals: Arrivals) -> str:
    """Say why no interrupt arrives, if so."""
    injected = int(kinds[Kind.INJECT])
    if arrivals == "injected":
        if injected:
            return ""
        return f"no kvm_inj_virq in the trace, so no interrupt arrives: record {RECORD_THESE}"
    if kinds[Kind.ARRIVAL] or kinds[Kind.POSTED]:
        return ""
    instead = (
        f"; or take the {injected} injections for arrivals: --arrivals injected" if injected else ""
    )
    return (
        "no kvm_apic_accept_irq (nor kvm_apicv_accept_irq) in the trace, so no interrupt arrives: "
        f"record {RECORD_THESE}{instead}"
    )


def _working(kinds: NDArray[np.int64]) -> str:
    """Say what is not known of when a vCPU works."""
    halts, wakeups = int(kinds[Kind.HALT]), int(kinds[Kind.WAKEUP])
    if not kinds[Kind.RUN] and not halts:
        return (
            "no kvm_entry and kvm_exit in the trace: when a vCPU works is not known, so that busy "
            "time is 0 and nothing waits"
        )
    if not halts and wakeups:
        return (
            "halts are known by wake-ups alone: no exit has the reason hlt (an SEV-ES or TDX "
            "guest's do not show it, nor does a trace without kvm_exit)"
        )
    if not halts:
        return (
            "no halt is in the trace (an exit with reason hlt, or kvm_vcpu_wakeup): each vCPU "
            "counts as busy from its first entry to the end"
        )
    return ""


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"
