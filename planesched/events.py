"""Names and numbers that every part shares: events, reasons, faults, flags.

The numbers are those of the rules (docs/reference/rules.md, section 4); reasons 1 to 3 are the
entry reasons of the Hyper-V TLFS (HV_VP_VTL_CONTROL.EntryReason). Longer than 300 lines because
each enum is documented here with an example.
"""

from enum import IntEnum, IntFlag

from .errors import Mistake, TypeMistake, unknown

__all__ = [
    "MASKS",
    "MAX_PLANES",
    "NO_PLANE",
    "Arrivals",
    "ChipEvent",
    "Draw",
    "Event",
    "Fault",
    "Flags",
    "JobKind",
    "JobMistake",
    "Notes",
    "Pending",
    "Reason",
    "chip_event_number",
    "event_number",
    "set_names",
    "takes_plane",
]

MAX_PLANES = 16
"""The limit of KVM (``KVM_MAX_PLANES``) and of the Hyper-V TLFS."""

NO_PLANE = 255
"""What a record holds where its event takes no plane."""


class Event(IntEnum):
    """Everything that can happen to a vCPU.

    Examples
    --------
    >>> from planesched import VM
    >>> VM("vsm").vcpus[0].step(Event.IRQ, 1).now
    1
    """

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
    INIT = 23


class ChipEvent(IntEnum):
    """What happens to a plane's interrupt controller alone (rules, section 8).

    ``TPR`` comes with its value, a line and a message with their vector: ``EMPTY`` empties the
    message's slot, ``EOM`` ends it. ``APIC_ON`` and ``APIC_OFF`` are the
    software enable of the spurious vector register.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", controller="lapic").vcpus[0]
    >>> vcpu.irq(1, 0x31).vector, vcpu.eoi(1).ended
    (49, 49)
    """

    EOI = 32
    TPR = 33
    IRET = 34
    LINE_UP = 35
    LINE_DOWN = 36
    APIC_ON = 37
    APIC_OFF = 38
    EMPTY = 39
    EOM = 40


class Notes(IntFlag):
    """What one step did to a controller.

    ``DROPPED``: the vector posted is lost. ``REPOSTED``: a line that is up, or a
    message that waited, posted its vector. ``QUEUED``: a message waits for its slot.
    ``MORE``: the plane could take another at once, at a ``resched``. ``VINA_DROPPED`` and
    ``VINA_PENDING``: the VINA vector was dropped, or was pending already.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", controller="lapic").vcpus[0]
    >>> vcpu.step("apic_off", 1).notes, vcpu.irq(1, 0x31).notes
    (<Notes: 0>, <Notes.DROPPED: 1>)
    """

    DROPPED = 1
    REPOSTED = 2
    MORE = 4
    VINA_DROPPED = 8
    VINA_PENDING = 16
    QUEUED = 32


class Reason(IntEnum):
    """Why a plane was entered, or why the vCPU left for userspace.

    Examples
    --------
    >>> from planesched import VM
    >>> VM("vsm_relay", planes=3).vcpus[0].irq(1).reason
    <Reason.RELAY: 10>
    """

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
    """Why an event was refused. A fault is a modelled result, not an error of the caller.

    Examples
    --------
    >>> from planesched import VM
    >>> VM("vsm").vcpus[0].step("return").fault  # nothing is below plane 0
    <Fault.UD: 1>
    """

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
    """What one step did, and (``BLOCKED``, ``USER``) the state that it left.

    Examples
    --------
    >>> from planesched import VM
    >>> Flags.INJECTED in VM("vsm").vcpus[0].irq(1).flags
    True
    """

    SWITCHED = 1
    INJECTED = 2
    NMI = 4
    VINA = 8
    BLOCKED = 16
    USER = 32
    COALESCED = 64
    BOUNCED = 128


def set_names(kind: type[Flags] | type[Notes], value: int) -> list[str]:
    """Return the names of the flags that are set in a value, as the command writes them."""
    return [str(flag.name).lower() for flag in kind if flag & value]


class Pending(IntEnum):
    """What can be pending on a plane; figures count each apart."""

    IRQ = 0
    NMI = 1
    TRAP = 2


class JobKind(IntEnum):
    """What a queued piece of work is (rules, section 7)."""

    INTERRUPT = 0
    CALL = 1
    FORWARD = 2
    TASK = 3
    TOLD = 4


class JobMistake(IntEnum):
    """What is wrong with a job that is fed; FINE: nothing."""

    FINE = 0
    BAD_VCPU = 1
    BAD_TIME = 2
    BAD_ORDER = 3
    BAD_SERVICE = 4
    BAD_PLANE = 5
    BAD_KIND = 6
    BAD_VECTOR = 7


class Arrivals(IntEnum):
    """How the jobs of a source arrive."""

    POISSON = 0
    PERIODIC = 1
    ONOFF = 2
    TIMES = 3
    CALLS = 4
    IPIS = 5


class Draw(IntEnum):
    """How a time is drawn."""

    CONSTANT = 0
    UNIFORM = 1
    EXPONENTIAL = 2
    LOGNORMAL = 3
    GAMMA = 4
    EMPIRICAL = 5


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
    "unstarted",
)
"""The masks of one vCPU's state, in the order in which they are stored."""

_WITHOUT_PLANE = {Event.RESCHED, Event.HALT, Event.RETURN}
_NUMBERS = {event.name.lower(): int(event) for event in Event}
_WITH_CHIPS = _NUMBERS | {event.name.lower(): int(event) for event in ChipEvent}


def takes_plane(event: int, *, call_takes_plane: bool) -> bool:
    """Tell whether `event` names a plane; ``call`` does where the policy hands over."""
    return call_takes_plane if event == Event.CALL else Event(event) not in _WITHOUT_PLANE


def event_number(event: str | int) -> int:
    """Return the number of an event that is named or numbered.

    Raises
    ------
    Mistake
        If there is no such event; a TypeError too if `event` is neither a name nor a number.
    """
    if isinstance(event, str):
        if event in _NUMBERS:
            return _NUMBERS[event]
        raise unknown("event", event, _NUMBERS)
    if isinstance(event, bool) or not hasattr(event, "__index__"):
        raise TypeMistake("event", event, f"a name or a number in 0..{max(Event):d}")
    if not 0 <= int(event) <= max(Event):
        raise Mistake("event", int(event), f"a name or a number in 0..{max(Event):d}")
    return int(event)


def chip_event_number(event: str | int) -> int:
    """Return the number of an event of a vCPU whose planes have controllers.

    Raises
    ------
    Mistake
        As `event_number`.
    """
    if isinstance(event, str):
        if event in _WITH_CHIPS:
            return _WITH_CHIPS[event]
        raise unknown("event", event, _WITH_CHIPS)
    if isinstance(event, bool) or not hasattr(event, "__index__"):
        raise TypeMistake("event", event, "a name or a number")
    if int(event) not in _WITH_CHIPS.values():
        raise Mistake("event", int(event), "the number of an Event or a ChipEvent")
    return int(event)
