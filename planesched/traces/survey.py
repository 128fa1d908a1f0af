"""What is in a trace: its vectors, vCPUs, halts and switches, and a plane map to start from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Records
from .evidence import Evidence, evidence
from .planemap import VECTOR_NAMES
from .reader import Reader
from .record import NO_VCPU, Kind

__all__ = ["Survey", "Vector", "likely", "survey"]

_COUNTED = (Kind.ARRIVAL, Kind.POSTED, Kind.INJECT, Kind.EOI)
_SWITCHES = range(Kind.CALL, len(Kind))

# What Linux guests use a vector for: arch/x86/include/asm/irq_vectors.h.
_SYSTEM = {
    0x20: "cleanup of a moved interrupt",
    0x80: "system call by int",
    0xEC: "local timer",
    0xED: "Hyper-V synthetic timer (stimer0)",
    0xEE: "Hyper-V re-enlightenment",
    0xF0: "posted interrupt, nested",
    0xF1: "posted interrupt, wake-up",
    0xF2: "posted interrupt",
    0xF3: "hypervisor callback (Hyper-V VMBus, Xen, KVM page faults)",
    0xF4: "deferred error",
    0xF6: "irq_work",
    0xF7: "platform IPI",
    0xF8: "reboot",
    0xF9: "threshold",
    0xFA: "thermal",
    0xFB: "call function, single CPU (IPI)",
    0xFC: "call function (IPI)",
    0xFD: "reschedule (IPI)",
    0xFE: "APIC error",
    0xFF: "spurious",
}
_FIRST_SYSTEM = 0xEB


def likely(vector: int) -> str:
    """Return what a Linux guest probably uses a vector for."""
    if vector in _SYSTEM:
        return _SYSTEM[vector]
    if vector < 0x20:
        return "firmware, before the guest OS (PIC)"
    if 0x30 <= vector < 0x40:
        return f"device, or ISA IRQ {vector - 0x30}" + (" (timer)" if vector == 0x30 else "")
    return "device" if vector < _FIRST_SYSTEM else "system"


@dataclass(frozen=True)
class Vector:
    """One vector of a trace.

    Attributes
    ----------
    vector : int
    likely : str
        What a Linux guest probably uses it for.
    accepted, posted, injected, ended : int
        How often an APIC took it, the hardware's did, it was injected, and ended by an EOI.
    vcpus : tuple of int
        The vCPUs that it was for.
    """

    vector: int
    likely: str
    accepted: int
    posted: int
    injected: int
    ended: int
    vcpus: tuple[int, ...]

    @property
    def is_device(self) -> bool:
        """A device's, as far as the number tells."""
        return 0x20 < self.vector < _FIRST_SYSTEM and self.vector not in _SYSTEM


@dataclass(frozen=True)
class Survey:
    """What is in a trace, and what it can tell.

    Attributes
    ----------
    producer : str
    kernel : tuple of str
        What the lines show of the kernel's age.
    span_ns : int
        From the first event to the last.
    events : dict of str to int
        Lines by event name.
    lost, bad : int
        Events lost by the producer; malformed lines.
    vcpus : int
        The highest vCPU seen, plus 1.
    halts, wakeups : int
        Exits because of HLT; times that a thread was woken.
    switches : dict of str to int
        What is recorded of switches between planes, by kind.
    vectors : tuple of Vector
        By number.
    evidence : Evidence
    """

    producer: str
    kernel: tuple[str, ...]
    span_ns: int
    events: dict[str, int]
    lost: int
    bad: int
    vcpus: int
    halts: int
    wakeups: int
    switches: dict[str, int]
    vectors: tuple[Vector, ...]
    evidence: Evidence

    def rate_hz(self, count: int) -> float:
        """Return how often a second something happened; nan in a trace without a span."""
        return count * 1e9 / self.span_ns if self.span_ns else float("nan")

    @property
    def rules(self) -> tuple[str, ...]:
        """A plane map to start from: devices on level 1, all else with the guest OS.

        Without devices it is the most frequent vector that is on level 1.
        """
        devices = [vector.vector for vector in self.vectors if vector.is_device]
        if devices:
            return tuple(f"{text}=level1" for text in _ranges(devices))
        most = max(self.vectors, key=lambda vector: vector.accepted + vector.injected, default=None)
        if most is None:
            return ()
        names = {number: name for name, number in VECTOR_NAMES.items()}
        return (f"{names.get(most.vector, hex(most.vector))}=level1",)

    def table(self) -> dict[str, list[Any]]:
        """Return one row a vector, as columns; of several vCPUs their numbers, with spaces."""
        names = ("vector", "likely", "accepted", "posted", "injected", "ended")
        counts = [each.accepted + each.posted or each.injected for each in self.vectors]
        return {
            **{name: [getattr(each, name) for each in self.vectors] for name in names},
            "rate_hz": [self.rate_hz(count) for count in counts],
            "vcpus": [" ".join(map(str, each.vcpus)) for each in self.vectors],
        }

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        told = self.evidence
        return {
            **vars(self),
            "kernel": list(self.kernel),
            "vectors": [{**vars(each), "vcpus": list(each.vcpus)} for each in self.vectors],
            "evidence": {"refusal": told.refusal and list(told.refusal), "notes": list(told.notes)},
            "rules": list(self.rules),
        }


def survey(reader: Reader | Records) -> Survey:
    """Read a trace to its end and return what is in it.

    Parameters
    ----------
    reader : Reader or Records
        A trace that has not been read yet.

    Raises
    ------
    InputError
        If a line is malformed.
    """
    counts = np.zeros((len(Kind), 256), np.int64)
    seen: set[tuple[int, int]] = set()
    for chunk in reader:
        some = chunk[np.isin(chunk["kind"], _COUNTED) & (chunk["vector"] >= 0)]
        np.add.at(counts, (some["kind"], some["vector"]), 1)
        placed = some[some["vcpu"] != NO_VCPU]
        pairs = np.unique(placed["vector"].astype(np.int64) << 32 | placed["vcpu"])
        seen.update((pair >> 32, pair & 0xFFFFFFFF) for pair in pairs.tolist())
    # An EOI alone is one of before the beginning.
    there = np.flatnonzero(counts[list(_COUNTED)].sum(0))
    vectors = tuple(
        Vector(
            number,
            likely(number),
            accepted=int(counts[Kind.ARRIVAL, number]),
            posted=int(counts[Kind.POSTED, number]),
            injected=int(counts[Kind.INJECT, number]),
            ended=int(counts[Kind.EOI, number]),
            vcpus=tuple(sorted(vcpu for vector, vcpu in seen if vector == number)),
        )
        for number in there.tolist()
    )
    kinds = reader.kinds
    injected = not kinds[Kind.ARRIVAL] and not kinds[Kind.POSTED] and reader.vm is not None
    return Survey(
        producer=reader.producer,
        kernel=tuple(getattr(reader, "kernel", ())),
        span_ns=reader.last_ns - reader.first_ns,
        events=reader.counts,
        lost=reader.lost,
        bad=reader.bad,
        vcpus=reader.n_vcpus,
        halts=int(kinds[Kind.HALT]),
        wakeups=int(kinds[Kind.WAKEUP]),
        switches={Kind(kind).name.lower(): int(kinds[kind]) for kind in _SWITCHES if kinds[kind]},
        vectors=vectors,
        evidence=evidence(reader, "injected" if injected else "accepted", vm=reader.vm is not None),
    )


def _ranges(numbers: Iterable[int]) -> list[str]:
    """Write sorted numbers as ranges: ``0x26-0x27``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [hex(a) if a == b else f"{hex(a)}-{hex(b)}" for a, b in runs]
