"""How posted events are kicked and looked at: the protocol between senders and a vCPU's thread.

In the rules an event is delivered, seen and dispatched in one act. A real system sets a bit, kicks,
and looks, as separate acts; these fields say how. docs/reference/kick.md has the rules of the acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Self

from .errors import Mistake, unknown
from .events import MAX_PLANES

__all__ = ["PROTOCOL_FIELDS", "Protocol", "ProtocolField", "protocol_numbers", "send_numbers"]


@dataclass(frozen=True)
class ProtocolField:
    """One field: its values, the correct one first, what they mean and where they were seen."""

    name: str
    values: tuple[str, ...]
    harmless: frozenset[str]
    meaning: str
    source: str


def _field(name: str, values: str, meaning: str, source: str, harmless: str = "") -> ProtocolField:
    return ProtocolField(name, tuple(values.split()), frozenset(harmless.split()), meaning, source)


_ALL = (
    _field(
        "looker", "host",
        "who looks: the vCPU's thread; or a plane, by its number, which emulates the interrupt "
        "controllers of the planes that it outranks (harmless)",
        "a plane: COCONUT-SVSM, OpenHCL",
    ),
    _field(
        "order", "post_first kick_first test_first",
        "of a send's acts; test_first: whether a kick is due is tested before the posting, as "
        "without a store-load barrier, and acted on after it",
        "kick_first: openvmm PR 3945; test_first: cloud-hypervisor PR 897",
    ),
    _field(
        "when", "every first other resting",
        "which posting kicks: every one; not one whose bit was set already; not one for the plane "
        "that runs; only where the thread rests in the guest or asleep",
        "first: openvmm's APIC and message queues; other: KVM planes RFC, running_plane != p; "
        "resting: KVM c112b5f50232",
        "first",
    ),
    _field(
        "book", "target current none",
        "whose flag a kick raises: its plane's; that of the plane that runs; nobody's, only the "
        "signal is given",
        "current: openvmm PR 3746, mirrored; none: openvmm PR 3829",
    ),
    _field(
        "scope", "plane vcpu shared",
        "a flag per plane, and a look covers the planes whose flag is up; one flag, and a look "
        "covers all planes; one flag, and the look that finds it covers the first plane by rank",
        "vcpu: KVM's vcpu->requests; shared: openvmm PR 3829",
        "vcpu",
    ),
    _field(
        "suppress", "off latch current",
        "whether a kick is dropped from the last kick until its flag is used up; current: the look "
        "opens the latch of the plane that runs, not of those that it looked at",
        "latch: PIR.ON, #HV's NoFurtherSignal, openvmm's vtl2_wake.swap; current: openvmm PR 3746",
        "latch",
    ),
    _field(
        "consume", "before after never",
        "flags are used up before the posted events are taken; after; not at all",
        "after: COCONUT-SVSM PR 393",
    ),
    _field(
        "signal", "both exit wake none",
        "a kick takes a running guest out and wakes a sleeper; only the one; only the other; "
        "neither",
        "exit: openvmm PRs 3511, 4133",
    ),
    _field(
        "recheck_entry", "last early no",
        "flags are tested in one act with the entry; in an act before it; not at all",
        "no: openvmm PRs 4033, 3917, 3392",
    ),
    _field(
        "recheck_sleep", "last early no",
        "the same before sleep",
        "early: COCONUT-SVSM f9b1121a, bd193cfb",
    ),
    _field(
        "restore", "kept lost",
        "save and restore keep flags and latches, or clear them; posted bits are always kept",
        "lost: openvmm PR 3819",
    ),
    _field(
        "poll", "off asleep rest",
        "host only: now and then a sleeper, or any vCPU at rest, is made to look at everything",
        "openvmm PR 4133, and its 50 ms timer of VTL2",
        "asleep rest",
    ),
)  # fmt: skip

PROTOCOL_FIELDS: Mapping[str, ProtocolField] = MappingProxyType({f.name: f for f in _ALL})
"""The fields by name, in their order."""


@dataclass(frozen=True)
class Protocol:
    """Fields of a protocol; each has its correct value unless it is given.

    Parameters
    ----------
    looker : "host" or int
        The vCPU's thread, or the plane that looks on behalf of those below it.
    order, when, book, scope, suppress, consume, signal, recheck_entry, recheck_sleep, restore, poll
        One of the values of `PROTOCOL_FIELDS`.

    Raises
    ------
    Mistake
        If a value is none of its field's.

    Examples
    --------
    >>> Protocol(when="first", recheck_entry="no").changed()
    {'when': 'first', 'recheck_entry': 'no'}
    """

    looker: str | int = "host"
    order: str = "post_first"
    when: str = "every"
    book: str = "target"
    scope: str = "plane"
    suppress: str = "off"
    consume: str = "before"
    signal: str = "both"
    recheck_entry: str = "last"
    recheck_sleep: str = "last"
    restore: str = "kept"
    poll: str = "off"

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check(field.name, getattr(self, field.name))

    @staticmethod
    def _check(name: str, value: Any) -> None:
        known = PROTOCOL_FIELDS[name].values
        if value in known:
            return
        if name == "looker":
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_PLANES:
                return
            raise Mistake("looker", value, f"host or a plane in 0..{MAX_PLANES - 1}")
        raise unknown(name, value, known)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the protocol that ``field=value,...`` says.

        Raises
        ------
        Mistake
            If a field is not known, comes twice, or has none of its values.
        """
        said: dict[str, Any] = {}
        for part in filter(None, (word.strip() for word in text.split(","))):
            name, equals, value = (word.strip() for word in part.partition("="))
            if not equals or name not in PROTOCOL_FIELDS:
                known = ", ".join(PROTOCOL_FIELDS)
                raise Mistake("protocol", part, f"FIELD=VALUE, a field of {known}")
            if name in said:
                raise Mistake("protocol", part, f"{name} once")
            said[name] = int(value) if name == "looker" and value.isdecimal() else value
        return cls(**said)

    def changed(self) -> dict[str, str | int]:
        """Return the fields that are not at their first value."""
        at = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: v for name, v in at.items() if v != PROTOCOL_FIELDS[name].values[0]}

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.changed().items()) or "correct"


def protocol_numbers(protocol: Protocol) -> tuple[int, ...]:
    """Return the fields as C holds them, in their order."""
    looker = 255 if protocol.looker == "host" else int(protocol.looker)
    fields = list(PROTOCOL_FIELDS.values())[1:]
    return looker, *(field.values.index(getattr(protocol, field.name)) for field in fields)


def send_numbers(kind: str, plane: int, *, kicked: bool, posted: bool) -> tuple[int, int, int, int]:
    """Return a sender's send as C holds it."""
    return int(kind == "nmi"), plane, int(kicked), int(posted)
