"""What differs between systems: the fields of a policy, their values, and the presets.

`Policy` says how the planes of a vCPU are scheduled. It holds values only; which plane runs is
decided by the core's one step function (and, slowly, by `planesched.reference`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any, Self

from .events import MAX_PLANES, Reason

__all__ = [
    "MAX_PLANES",
    "Call",
    "Direction",
    "Empty",
    "Force",
    "ForceSelf",
    "Gate",
    "Idle",
    "Policy",
    "Preempt",
    "Rank",
    "Return",
    "Scheduler",
    "Trigger",
    "Vina",
    "Wake",
]

Direction = IntEnum("Direction", "lowest_first highest_first", start=0)
Rank = IntEnum("Rank", "fixed locked siblings", start=0)
Preempt = IntEnum("Preempt", "target nearest relay marker none", start=0)
Gate = IntEnum("Gate", "priority open", start=0)
Trigger = IntEnum("Trigger", "level edge", start=0)
Call = IntEnum("Call", "next handover descend", start=0)
Return = IntEnum("Return", "resume next_online marker", start=0)
Idle = IntEnum("Idle", "keep fall_through leave", start=0)
Empty = IntEnum("Empty", "idle marker user", start=0)
Wake = IntEnum("Wake", "preemptors own", start=0)
Force = IntEnum("Force", "none marker any", start=0)
ForceSelf = IntEnum("ForceSelf", "fault ignore", start=0)
Vina = IntEnum("Vina", "off edge level", start=0)
Scheduler = IntEnum("Scheduler", "kernel user", start=0)

ENUMS: Mapping[str, type[IntEnum]] = {
    "direction": Direction,
    "rank": Rank,
    "preempt": Preempt,
    "gate": Gate,
    "trigger": Trigger,
    "call": Call,
    "ret": Return,
    "idle": Idle,
    "empty": Empty,
    "wake": Wake,
    "force": Force,
    "force_self": ForceSelf,
    "vina": Vina,
    "scheduler": Scheduler,
}
"""The enum of each field that has named values, first value first."""

_FLAGS = ("rearm", "refuse_pending", "vina_auto_reset")
_NEED_MARKER = {
    "preempt": (Preempt.relay, Preempt.marker),
    "rank": (Rank.siblings,),
    "ret": (Return.marker,),
    "idle": (Idle.leave,),
    "call": (Call.descend,),
    "force": (Force.marker,),
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How the planes of a vCPU are scheduled (docs/rules.md, section 2).

    Fields with named values take the name or the enum member. A field that has no meaning under
    the others is not looked at.

    Parameters
    ----------
    direction : {"lowest_first", "highest_first"}
        Which end of the plane numbers is the most privileged.
    marker : int or None
        The plane, 0..15, that outranks every other.
    rank : {"fixed", "locked", "siblings"}
        Whether privilege follows `direction`, only counts once locked in, or is the marker's.
    preempt : {"target", "nearest", "relay", "marker", "none"}
        Which plane an event brings in.
    gate : {"priority", "open"}
        Whether the priority mask (TPR/CR8, PPR) holds back a forced entry.
    trigger : {"level", "edge"}
        Whether a pending interrupt may force an entry at every look or once a posting.
    rearm : bool
        Edge only: a plane left with its interrupt still pending is armed again.
    call : {"next", "handover", "descend"}
        What a guest's switch request does.
    refuse_pending : bool
        Refuse a hand-over while the caller has a deliverable event.
    ret : {"resume", "next_online", "marker"}
        Where a return goes.
    idle : {"keep", "fall_through", "leave"}
        What a halted plane does to the others.
    empty : {"idle", "marker", "user"}
        What happens when nothing can run.
    wake : {"preemptors", "own"}
        Own: while blocked on a runnable plane, other planes' events are not looked at.
    force : {"none", "marker", "any"}
        Which plane the host may force in.
    force_self : {"fault", "ignore"}
        Forcing the plane that already runs.
    vina : {"off", "edge", "level"}
        Notification of interrupts for less privileged planes.
    vina_auto_reset : bool
        Entering a plane clears its assertion.
    scheduler : {"kernel", "user"}
        User: the kernel reports, userspace picks.
    accelerated : iterable of str or Reason
        User only: switches for these reasons the kernel makes itself.
    boot : int
        The plane, 0..15, that runs first.

    Raises
    ------
    ValueError
        If a value is none of the above, or a field needs a marker and there is none.
    TypeError
        If a value is of the wrong type.

    Examples
    --------
    >>> Policy.preset("vsm", planes=3).replace(ret="resume").ret
    <Return.resume: 0>
    """

    direction: str | Direction = Direction.lowest_first
    marker: int | None = None
    rank: str | Rank = Rank.fixed
    preempt: str | Preempt = Preempt.target
    gate: str | Gate = Gate.priority
    trigger: str | Trigger = Trigger.level
    rearm: bool = True
    call: str | Call = Call.next
    refuse_pending: bool = False
    ret: str | Return = Return.resume
    idle: str | Idle = Idle.keep
    empty: str | Empty = Empty.idle
    wake: str | Wake = Wake.preemptors
    force: str | Force = Force.none
    force_self: str | ForceSelf = ForceSelf.fault
    vina: str | Vina = Vina.off
    vina_auto_reset: bool = False
    scheduler: str | Scheduler = Scheduler.kernel
    accelerated: Iterable[str | Reason] = field(default=frozenset())
    boot: int = 0

    def __post_init__(self) -> None:
        for name, enum in ENUMS.items():
            object.__setattr__(self, name, _member(name, getattr(self, name), enum))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={getattr(self, name)!r} is not a bool")
        if self.marker is not None:
            object.__setattr__(self, "marker", plane_id("marker", self.marker))
        object.__setattr__(self, "boot", plane_id("boot", self.boot))
        object.__setattr__(self, "accelerated", _reasons(self.accelerated))
        for name, values in _NEED_MARKER.items():
            value = getattr(self, name)
            if self.marker is None and value in values:
                raise ValueError(f"{name}={value.name!r} needs a marker, but marker=None")

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some fields changed, validated anew."""
        unknown = [name for name in changes if name not in self.__dataclass_fields__]
        if unknown:
            raise TypeError(f"{unknown[0]!r} is no field of a policy: {', '.join(field_names())}")
        return replace(self, **changes)

    def __repr__(self) -> str:
        usual = Policy().as_dict().items()
        told = [f"{k}={v!r}" for k, v in self.as_dict().items() if (k, v) not in usual]
        return f"Policy({', '.join(told)})"

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as plain values (names, numbers, a sorted list), as TOML holds them."""
        out: dict[str, Any] = {}
        for name in field_names():
            value = getattr(self, name)
            if name == "accelerated":
                value = [reason.name.lower() for reason in sorted(value)]
            out[name] = value.name if isinstance(value, IntEnum) else value
        return out

    def check_planes(self, planes: int) -> None:
        """Raise ValueError unless the marker and boot planes are below `planes`."""
        for name in ("marker", "boot"):
            value = getattr(self, name)
            if value is not None and value >= planes:
                raise ValueError(f"{name}={value} is not below planes={planes}")

    def order(self, planes: Iterable[int], locked: Iterable[int] = ()) -> tuple[int, ...]:
        """Give `planes` from the most to the least privileged (rules, 3.1).

        Parameters
        ----------
        planes : iterable of int
            Plane ids, 0..15.
        locked : iterable of int
            The planes that are locked in; looked at with ``rank="locked"`` only.
        """
        kept = {self.boot, *locked}
        sign = 1 if self.direction == Direction.lowest_first else -1

        def key(plane: int) -> tuple[bool, bool, int]:
            demoted = self.rank == Rank.locked and plane not in kept
            return plane != self.marker, demoted, sign * plane

        return tuple(sorted(planes, key=key))

    @property
    def hands_over(self) -> bool:
        """Whether a guest's call names the plane that it goes to."""
        return self.call != Call.next

    @classmethod
    def preset(cls, name: str, planes: int = 2) -> Self:
        """Make the policy of a known system (see `planesched.presets`).

        Parameters
        ----------
        name : str
            One of the names in `planesched.presets`.
        planes : int
            How many planes the VM has, 1..16; some presets mark the highest one.

        Raises
        ------
        ValueError
            If there is no such preset, or `planes` is out of range.
        """
        from .presets import preset_fields

        planes = plane_count(planes)
        policy = cls(**preset_fields(name, planes))
        policy.check_planes(planes)
        return policy


def field_names() -> tuple[str, ...]:
    """Give the names of a policy's fields, in order."""
    return tuple(item.name for item in fields(Policy))


def plane_count(planes: int) -> int:
    """Check a number of planes, 1..16."""
    if isinstance(planes, bool) or not hasattr(planes, "__index__"):
        raise TypeError(f"planes={planes!r} is not a whole number")
    planes = int(planes)
    if planes > MAX_PLANES:
        raise ValueError(f"planes={planes} exceeds MAX_PLANES={MAX_PLANES}")
    if planes < 1:
        raise ValueError(f"planes={planes} is below 1")
    return planes


def plane_id(name: str, plane: int) -> int:
    """Check a plane id, 0..15, that the caller calls `name`."""
    if isinstance(plane, bool) or not hasattr(plane, "__index__"):
        raise TypeError(f"{name}={plane!r} is not a plane id (a whole number)")
    if not 0 <= int(plane) < MAX_PLANES:
        raise ValueError(f"{name}={plane} is not a plane id in 0..{MAX_PLANES - 1}")
    return int(plane)


def _member(name: str, value: Any, enum: type[IntEnum]) -> IntEnum:
    if not isinstance(value, str | enum):
        raise TypeError(f"{name}={value!r} is neither a str nor a {enum.__name__}")
    if isinstance(value, str) and value not in enum.__members__:
        raise ValueError(f"{name}={value!r} is none of {', '.join(enum.__members__)}")
    return enum[value] if isinstance(value, str) else value


def _reasons(values: Iterable[str | Reason]) -> frozenset[Reason]:
    if isinstance(values, str):
        raise TypeError(f"accelerated={values!r} is one str; give a list of reason names")
    names = [reason.name.lower() for reason in Reason if reason]
    out = set()
    for value in values:
        name = value.name.lower() if isinstance(value, Reason) else value
        if name not in names:
            raise ValueError(f"accelerated holds {value!r}, which is none of {', '.join(names)}")
        out.add(Reason[name.upper()])
    return frozenset(out)
