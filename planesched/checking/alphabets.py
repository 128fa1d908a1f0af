"""Named alphabets: what may happen, for the questions that people have."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ACTS", "ALPHABETS", "DEFAULT", "GUEST_OS", "Alphabet"]

GUEST_OS = -1
"""Stands for the guest OS's plane: ``os:halt`` is a halt that it alone does, ``hold os`` holds it.

An ``arrival`` is an irq for any plane; where the marker is the one that calls down (tdx, cca), it
comes to the marker, which alone knows where it goes (rules, 7: ``route = marker``)."""

DEFAULT = "behaved"
"""The alphabet of a search that names none."""


@dataclass(frozen=True)
class Alphabet:
    """Events under a name, and the question that they answer."""

    name: str
    events: tuple[str, ...]
    question: str


_ALL = (
    Alphabet(
        "behaved",
        (
            *(
                "arrival",
                "os:safe_halt",
                "safe_call",
                "safe_return",
                "cli",
                "sti",
                "mask",
                "unmask",
            ),
            *("lock", "answer"),
        ),
        "guests that keep their own rules: only the guest OS idles, and nobody idles, calls or "
        "returns with interrupts shut off or masked",
    ),
    Alphabet(
        "hostile",
        ("irq", "safe_halt", "call", "return", "cli", "sti", "mask", "unmask", "lock", "answer"),
        "any plane may halt whenever its interrupts are on",
    ),
    Alphabet(
        "masks",
        ("arrival", "call", "return", "mask", "unmask", "answer"),
        "is an interrupt that the priority mask held back taken in the end?",
    ),
    Alphabet(
        "idle",
        ("arrival", "os:halt", "call", "return", "cli", "sti", "answer"),
        "does whatever should end a halt end it, interrupts on or off?",
    ),
    Alphabet(
        "calls",
        ("arrival", "call", "return", "cli", "sti", "answer"),
        "do calls and returns get through while interrupts are pending?",
    ),
    Alphabet(
        "host",
        ("arrival", "call", "return", "force", "hold os", "release os", "answer"),
        "what do the host's own acts do: force any plane, hold and release the guest OS's?",
    ),
    Alphabet(
        "nmi",
        ("arrival", "nmi", "call", "return", "cli", "sti", "answer"),
        "is every NMI taken, and by whom?",
    ),
    Alphabet(
        "startup",
        ("arrival", "nmi", "init", "start", "call", "return", "answer"),
        "INIT, start, and what comes while a plane waits for its start",
    ),
    Alphabet(
        "deliveries",
        ("irq", "nmi", "intercept", "call", "return", "answer"),
        "does all that can be delivered reach its plane in time?",
    ),
    Alphabet(
        "guest",
        ("halt", "call", "return", "cli", "sti", "mask", "unmask"),
        "all that guests do, in any plane",
    ),
)

ALPHABETS: Mapping[str, Alphabet] = MappingProxyType({each.name: each for each in _ALL})
"""The alphabets by name."""

ACTS = {
    "arrival": "an irq for any plane; where the marker is the one that calls down (tdx, cca), for "
    "the marker, which alone knows where it goes",
    "os": "os:safe_halt is a safe_halt that the guest OS's plane alone does, hold os holds it",
    "safe_halt": "halt, but only with interrupts on and unmasked, as Linux's safe_halt() idles",
    "safe_call": "call, but only with interrupts on and unmasked",
    "safe_return": "return, but only with interrupts on and unmasked",
    "answer": "in userspace: the default userspace scheduler enters its pick (3.5)",
    "ipi": "the current plane sends an irq to the same plane of another vCPU",
    "ipi_wait": "as ipi, and the plane waits until the interrupt is injected there",
    "tlb_lock": "the current plane holds off TLB flushes of the planes below on the other vCPUs",
    "tlb_unlock": "the current plane lets its TLB locks go, as its return does",
    "tlb_flush": "the current plane flushes; it does nothing while a lock is held against it",
}
"""What a search has beside the events of the rules, each in a sentence."""
