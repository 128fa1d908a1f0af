"""What differs between systems: the fields of a policy, their values, and the presets.

`Policy` says how the planes of a vCPU are scheduled. It holds values only; which plane runs is
decided by the core's one step function (and, slowly, by `planesched.reference`). Longer than 300
lines because every field stands here with its values, its meaning and its standard.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any, Self

from .algorithm import NAMED, Algorithm, as_algorithm
from .checks import one_of, plane_count, plane_id
from .errors import Mistake, TypeMistake, Words, unknown
from .events import MAX_PLANES, NO_PLANE, Reason

__all__ = [
    "MAX_PLANES",
    "Call",
    "CallSelf",
    "Direction",
    "Empty",
    "Force",
    "ForceSelf",
    "Gate",
    "HaltScope",
    "Idle",
    "Nmi",
    "Policy",
    "Preempt",
    "Rank",
    "Return",
    "Scheduler",
    "Trigger",
    "Unhalt",
    "Vina",
    "Wake",
    "check_userspace",
    "job_route",
]

Direction = IntEnum("Direction", "lowest_first highest_first", start=0)
Rank = IntEnum("Rank", "fixed locked siblings", start=0)
Preempt = IntEnum("Preempt", "target nearest relay marker none", start=0)
Gate = IntEnum("Gate", "priority open", start=0)
Trigger = IntEnum("Trigger", "level edge", start=0)
Call = IntEnum("Call", "next handover descend", start=0)
CallSelf = IntEnum("CallSelf", "fault yield", start=0)
Return = IntEnum("Return", "resume next_online marker", start=0)
Idle = IntEnum("Idle", "keep fall_through leave", start=0)
Empty = IntEnum("Empty", "idle marker user", start=0)
Wake = IntEnum("Wake", "preemptors own", start=0)
Unhalt = IntEnum("Unhalt", "injectable deliverable any", start=0)
HaltScope = IntEnum("HaltScope", "plane vcpu", start=0)
Nmi = IntEnum("Nmi", "preempts waits", start=0)
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
    "call_self": CallSelf,
    "ret": Return,
    "idle": Idle,
    "empty": Empty,
    "wake": Wake,
    "unhalt": Unhalt,
    "halt_scope": HaltScope,
    "nmi": Nmi,
    "force": Force,
    "force_self": ForceSelf,
    "vina": Vina,
    "scheduler": Scheduler,
}
"""The enum of each field that has named values, first value first."""

_ROUTES = ("own", "marker")
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
    """How the planes of a vCPU are scheduled (docs/reference/rules.md, section 2).

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
    call_self : {"fault", "yield"}
        Hand-over: a plane that calls itself faults, or gives the vCPU up.
    ret : {"resume", "next_online", "marker"}
        Where a return goes.
    idle : {"keep", "fall_through", "leave"}
        What a halted plane does to the others.
    empty : {"idle", "marker", "user"}
        What happens when nothing can run.
    wake : {"preemptors", "own"}
        Own: while blocked on a runnable plane, other planes' events do not end the block.
    unhalt : {"injectable", "deliverable", "any"}
        Which interrupt ends a halt: one that could be injected, one that the priority mask lets
        through, any.
    halt_scope : {"plane", "vcpu"}
        Vcpu: one halted flag for the vCPU, so every switch ends every halt.
    nmi : {"preempts", "waits"}
        Waits: an NMI forces no entry and refuses no call; it is taken when its plane runs.
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
    algorithm : {"rank", "round_robin"}, Algorithm, or what that takes
        Which of the planes that could run does, in the kernel (section 3.7): the first by rank; by
        turns; or one of one's own. With ``scheduler="user"`` it is userspace that picks.

    Raises
    ------
    Mistake
        A ValueError, if a value is none of the above, or a field needs a marker and there is none;
        a TypeError too, if it is of the wrong type.

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
    call_self: str | CallSelf = CallSelf.fault
    ret: str | Return = Return.resume
    idle: str | Idle = Idle.keep
    empty: str | Empty = Empty.idle
    wake: str | Wake = Wake.preemptors
    unhalt: str | Unhalt = Unhalt.injectable
    halt_scope: str | HaltScope = HaltScope.plane
    nmi: str | Nmi = Nmi.preempts
    force: str | Force = Force.none
    force_self: str | ForceSelf = ForceSelf.fault
    vina: str | Vina = Vina.off
    vina_auto_reset: bool = False
    scheduler: str | Scheduler = Scheduler.kernel
    accelerated: Iterable[str | Reason] = field(default=frozenset())
    boot: int = 0
    algorithm: Any = NAMED[0]

    def __init_subclass__(cls) -> None:
        # Those of Policy's own too: the core has the rules, and would not call them.
        for name, value in vars(cls).items():
            if not name.startswith("_") and callable(value):
                known = name in (*field_names(), "userspace")
                raise Mistake(
                    f"{cls.__name__}.{name}", Words("a method"), "none of that name: nobody would "
                    f"call it; {name if known else 'algorithm'}= takes a function",
                )  # fmt: skip

    def __post_init__(self) -> None:
        for name, enum in ENUMS.items():
            object.__setattr__(self, name, _member(name, getattr(self, name), enum))
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeMistake(name, getattr(self, name), "true or false")
        if self.marker is not None:
            object.__setattr__(self, "marker", plane_id("marker", self.marker))
        object.__setattr__(self, "boot", plane_id("boot", self.boot))
        object.__setattr__(self, "accelerated", _reasons(self.accelerated))
        for name, values in _NEED_MARKER.items():
            value = getattr(self, name)
            if self.marker is None and value in values:
                raise Mistake(name, value.name, "a marker with it, but marker=None")
        object.__setattr__(self, "algorithm", as_algorithm(self.algorithm))
        if self.has_algorithm and self.scheduler == Scheduler.user:
            expected = "rank, with scheduler=user: there userspace picks, see userspace="
            raise Mistake("algorithm", self.algorithm, expected)

    def replace(self, **changes: Any) -> Self:
        """Give a copy with some fields changed, validated anew."""
        for name in changes:
            if name not in self.__dataclass_fields__:
                raise unknown("field", name, field_names())
        return replace(self, **changes)

    def __repr__(self) -> str:
        usual = Policy().as_dict().items()
        told = [f"{k}={v!r}" for k, v in self.as_dict().items() if (k, v) not in usual]
        return f"Policy({', '.join(told)})"

    def _repr_html_(self) -> str:
        from .markup import html_table

        usual = Policy().as_dict()
        rows = [
            (name, _shown(value), "" if value == usual[name] else "*")
            for name, value in self.as_dict().items()
        ]
        return html_table(("field", "value", "not the first value"), rows, left=True)

    def as_dict(self) -> dict[str, Any]:
        """Give the fields as plain values (names, numbers, a sorted list), as TOML holds them."""
        out: dict[str, Any] = {}
        for name in field_names():
            value = getattr(self, name)
            if name == "accelerated":
                value = [reason.name.lower() for reason in sorted(value)]
            named = isinstance(value, IntEnum | Algorithm)
            out[name] = value.name if named else value
        return out

    def check_planes(self, planes: int) -> None:
        """Raise Mistake unless the marker and boot planes are below `planes`."""
        for name in ("marker", "boot"):
            value = getattr(self, name)
            if value is not None and value >= planes:
                raise Mistake(name, value, f"a plane below planes={planes}")

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
    def has_algorithm(self) -> bool:
        """Whether another algorithm than `rank` picks."""
        return bool(self.algorithm != NAMED[0])

    @property
    def exits(self) -> bool:
        """Whether a vCPU ever leaves for userspace, which then picks."""
        return self.scheduler == Scheduler.user or self.empty == Empty.user

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
    """Give the names of a policy's fields, in order; the last, `algorithm`, has C beside them."""
    return tuple(item.name for item in fields(Policy))


def hold_fields(table: Iterable[tuple[str, str, int]]) -> None:
    """Raise ImportError unless Policy has the fields, values and standards of a C policy.

    Parameters
    ----------
    table : iterable of (name, names of its values, number of its standard)
        What C has, but for the algorithm.
    """
    standard, rows = Policy(), list(table)
    names = [name for name in field_names() if name != "algorithm"]
    for name in names:
        if name not in [row[0] for row in rows]:
            raise ImportError(f"Policy.{name} is no field of struct ps_policy (policy.h)")
    for place, (name, values, number) in enumerate(rows):
        if place >= len(names) or names[place] != name:
            raise ImportError(f"ps_policy.{name} is not field {place} of Policy (policy.py)")
        value = getattr(standard, name)
        enum = ENUMS.get(name)
        found = " ".join(enum.__members__) if enum else "false true"
        if (enum or isinstance(value, bool)) and found != values.strip():
            raise ImportError(f"{name} has the values {values} in policy.h, {found} in policy.py")
        mine = NO_PLANE if value is None else value
        if name == "accelerated":
            mine = sum(1 << reason for reason in value)
        if mine != number:
            raise ImportError(f"{name} is {number} by default in policy.h, {value} in policy.py")


def check_userspace(userspace: object, policies: Iterable[Policy]) -> None:
    """Raise Mistake for a userspace scheduler that would never be asked."""
    if userspace is not None and not any(policy.exits for policy in policies):
        expected = "None: no vCPU leaves for userspace unless scheduler=user or empty=user"
        raise Mistake("userspace", userspace, expected)


def job_route(route: str, policy: Policy) -> int:
    """Return the number of a route: 0 a job goes to its plane, 1 to the marker first."""
    one_of("route", route, _ROUTES)
    if route == "marker" and (policy.marker is None or not policy.hands_over):
        call = policy.as_dict()["call"]
        raise Mistake(
            "route", route, "own, or a policy with a marker that calls planes by name, "
            f"but marker={policy.marker}, call={call!r}",
        )  # fmt: skip
    return _ROUTES.index(route)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _member(name: str, value: Any, enum: type[IntEnum]) -> IntEnum:
    if isinstance(value, enum):
        return value
    return enum[one_of(name, value, enum.__members__)]


def _reasons(values: Iterable[str | Reason]) -> frozenset[Reason]:
    names = [reason.name.lower() for reason in Reason if reason]
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeMistake("accelerated", values, f"a list of {', '.join(names)}")
    out = set()
    for value in values:
        name = value.name.lower() if isinstance(value, Reason) else value
        out.add(Reason[one_of("accelerated", name, names).upper()])
    return frozenset(out)
