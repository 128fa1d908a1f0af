"""Names and record layouts that every part shares: events, reasons, faults, flags, dtypes.

The numbers are those of the rules (docs/rules.md, section 4); reasons 1 to 3 are the entry
reasons of the Hyper-V TLFS (HV_VP_VTL_CONTROL.EntryReason).
"""

from enum import IntEnum, IntFlag

import numpy as np

__all__ = [
    "EVENT",
    "JOB",
    "MASKS",
    "NO_PLANE",
    "OUTCOME",
    "STATE",
    "Event",
    "Fault",
    "Flags",
    "JobKind",
    "Reason",
    "event_number",
    "takes_plane",
]

NO_PLANE = 255
"""What a record holds where its event takes no plane."""


class Event(IntEnum):
    """Everything that can happen to a vCPU."""

    RESCHED = 0
    IRQ = 1
    NMI = 2
    INTERCEPT = 3
    MASK = 4
    UNMASK = 5
    CLI = 6
    STI = 7
    HALT = 8
    CALL = 9
    RETURN = 10
    START = 11
    STOP = 12
    ENABLE = 13
    DISABLE = 14
    LOCK = 15
    FORCE = 16
    HOLD = 17
    RELEASE = 18
    ENTER = 19
    VINA_ON = 20
    VINA_OFF = 21
    VINA_CLEAR = 22


class Reason(IntEnum):
    """Why a plane was entered, or why the vCPU left for userspace."""

    NONE = 0
    CALL = 1
    INTERRUPT = 2
    INTERCEPT = 3
    RETURN = 4
    HALT = 5
    STOP = 6
    START = 7
    FORCE = 8
    USER = 9
    RELAY = 10
    RESCHED = 11


class Fault(IntEnum):
    """Why an event was refused. A fault is a modelled result, not an error of the caller."""

    NONE = 0
    UD = 1
    INVAL = 2
    PERM = 3
    PENDING = 4
    OFFLINE = 5
    EXISTS = 6
    BUSY = 7
    USER = 8
    BLOCKED = 9


class Flags(IntFlag):
    """What one step did, and (``BLOCKED``, ``USER``) the state that it left."""

    SWITCHED = 1
    INJECTED = 2
    NMI = 4
    VINA = 8
    BLOCKED = 16
    USER = 32
    COALESCED = 64
    BOUNCED = 128


class JobKind(IntEnum):
    """What a queued piece of work is (rules, section 7)."""

    INTERRUPT = 0
    CALL = 1
    FORWARD = 2


MASKS = (
    "online",
    "runnable",
    "halted",
    "irq",
    "masked",
    "noint",
    "nmi",
    "trap",
    "held",
    "edge",
    "locked",
    "vina",
    "vina_asserted",
    "req_exit",
)
"""The masks of one vCPU's state, in the order in which they are stored."""

STATE = np.dtype(
    [(name, "<u2") for name in MASKS] + [("current", "i1"), ("status", "u1"), ("pad", "u1", (2,))]
)
"""One vCPU: 32 bytes. Bit p of a mask speaks of plane p."""

EVENT = np.dtype(
    [("time_ns", "<i8"), ("vcpu", "<u4"), ("kind", "u1"), ("plane", "u1"), ("arg", "<u2")]
)
"""One timed event: 16 bytes. ``plane`` is 0 or ``NO_PLANE`` where the event takes none."""

OUTCOME = np.dtype(
    [
        ("record", "<i8"),
        ("time_ns", "<i8"),
        ("vcpu", "<u4"),
        ("kind", "u1"),
        ("plane", "u1"),
        ("was", "i1"),
        ("now", "i1"),
        ("reason", "u1"),
        ("fault", "u1"),
        ("flags", "u1"),
        ("status", "u1"),
        ("took_ns", "<u4"),
    ]
)
"""One logged outcome: 32 bytes. ``record`` is the index of the event that had it.

``status`` is what the vCPU did before: 0 it ran plane ``was``, 1 it was in userspace, 2 it was
blocked; ``flags`` say what it does then. ``took_ns`` is what the switch or exit takes, where the
driver gives that time; at most 2**32 - 1 (4.29 s).
"""

JOB = np.dtype(
    [
        ("time_ns", "<i8"),
        ("service_ns", "<i8"),
        ("vcpu", "<u4"),
        ("source", "<u2"),
        ("plane", "u1"),
        ("kind", "u1"),
    ]
)
"""One piece of work that arrives for a plane: 24 bytes."""

_WITHOUT_PLANE = {Event.RESCHED, Event.HALT, Event.RETURN}
_NUMBERS = {event.name.lower(): int(event) for event in Event}


def takes_plane(event: int, *, call_takes_plane: bool) -> bool:
    """Tell whether `event` names a plane; ``call`` does where the policy hands over."""
    return call_takes_plane if event == Event.CALL else Event(event) not in _WITHOUT_PLANE


def event_number(event: str | int) -> int:
    """Give the number of an event that is named or numbered.

    Raises
    ------
    ValueError
        If there is no such event.
    TypeError
        If `event` is neither a name nor a number.
    """
    if isinstance(event, str):
        if event in _NUMBERS:
            return _NUMBERS[event]
        raise ValueError(f"event={event!r} is none of {', '.join(_NUMBERS)}")
    try:
        return int(Event(event))
    except ValueError:
        raise ValueError(f"event={event!r} is not in 0..{max(Event)}") from None
