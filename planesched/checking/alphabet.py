"""What may happen in a search: names of events, and the acts that they stand for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, Words, unknown
from ..events import Event, takes_plane
from ..layouts import ACT
from ..policy import Policy, Rank
from ..text import listed
from .search import (
    ANSWER,
    INSIDE,
    IPI,
    OPEN,
    RUNS,
    SELF,
    TLB_FLUSH,
    TLB_LOCK,
    TLB_UNLOCK,
    USER,
)

__all__ = ["DEFAULT", "GROUPS", "KINDS", "acts_of", "parse_events"]

DEFAULT = (
    "irq",
    "safe_halt",
    "call",
    "return",
    "cli",
    "sti",
    "mask",
    "unmask",
    "lock",
    "answer",
)
"""The alphabet of a search that names none: interrupts, the current plane, userspace.

Planes are locked in only where the policy looks at it (``rank = locked``).
"""

GROUPS = {
    "default": DEFAULT,
    "deliveries": ("irq", "nmi", "intercept"),
    "guest": ("halt", "call", "return", "cli", "sti", "mask", "unmask"),
    "host": ("force", "hold", "release", "start", "stop", "enter"),
}
"""Names that stand for several events."""

KINDS = {
    **{int(event): event.name.lower() for event in Event},
    ANSWER: "answer",
    IPI: "ipi",
    TLB_LOCK: "tlb_lock",
    TLB_UNLOCK: "tlb_unlock",
    TLB_FLUSH: "tlb_flush",
}
"""The name of each kind of act."""

_BY_SELF = RUNS | SELF | INSIDE
_HOW = {
    "halt": (Event.HALT, RUNS | INSIDE),
    "safe_halt": (Event.HALT, RUNS | OPEN | INSIDE),
    "call": (Event.CALL, RUNS | INSIDE),
    "return": (Event.RETURN, RUNS | INSIDE),
    "enter": (Event.ENTER, USER | INSIDE),
    "answer": (ANSWER, USER | INSIDE),
    "ipi": (IPI, _BY_SELF),
    "tlb_lock": (TLB_LOCK, _BY_SELF),
    "tlb_unlock": (TLB_UNLOCK, _BY_SELF),
    "tlb_flush": (TLB_FLUSH, _BY_SELF),
    **{
        event.name.lower(): (event, _BY_SELF)
        for event in (
            Event.MASK,
            Event.UNMASK,
            Event.CLI,
            Event.STI,
            Event.VINA_ON,
            Event.VINA_OFF,
            Event.VINA_CLEAR,
        )
    },
}
"""Kind and manner of what guests and userspace do; all other events come from outside."""

_NAMES = {**{event.name.lower(): (event, 0) for event in Event}, **_HOW}


@dataclass(frozen=True)
class Item:
    """One event of an alphabet: its name, and the one plane that it may name (None: any)."""

    name: str
    plane: int | None = None

    def __str__(self) -> str:
        return self.name if self.plane is None else f"{self.name} {self.plane}"


def parse_events(events: str | Iterable[str]) -> tuple[Item, ...]:
    """Read an alphabet.

    Parameters
    ----------
    events : str or iterable of str
        Names, or one str with commas between them. A name may be an event's, a group's, or an
        event with the one plane that it names (``"irq 1"``). ``+name`` adds to, ``-name`` takes
        from what was named before, which is the default alphabet where the first has a sign.

    Raises
    ------
    Mistake
        If a name is unknown, or nothing is left.
    """
    words = events.split(",") if isinstance(events, str) else list(events)
    words = [word.strip() for word in words if word.strip()]
    chosen: list[Item] = []
    if words and words[0][0] in "+-":
        chosen = [Item(name) for name in DEFAULT]
    for word in words:
        items = _items(word.lstrip("+-"))
        if word[0] == "-":
            names = {item.name for item in items if item.plane is None}
            chosen = [item for item in chosen if item.name not in names and item not in items]
        else:
            chosen += [item for item in items if item not in chosen]
    if not chosen:
        raise Mistake("events", events, "one event or more")
    return tuple(chosen)


def _items(word: str) -> list[Item]:
    if word in GROUPS:
        return [Item(name) for name in GROUPS[word]]
    name, _, plane = word.partition(" ")
    if name not in _NAMES or (plane and not plane.isdecimal()):
        raise unknown("events", word, [*GROUPS, *_NAMES, "one with a plane after it"])
    return [Item(name, int(plane) if plane else None)]


def acts_of(
    items: Sequence[Item], policies: Sequence[Policy], planes: int, vcpus: int
) -> tuple[NDArray[np.void], bool]:
    """Give the acts that an alphabet stands for, and whether TLB locks are among them.

    Raises
    ------
    Mistake
        If an item names a plane that there is not, or needs a second vCPU.
    """
    hands_over = any(policy.hands_over for policy in policies)
    rows = []
    for item in items:
        kind, how = _NAMES[item.name]
        if kind == Event.LOCK and all(policy.rank != Rank.locked for policy in policies):
            continue
        if item.name.startswith(("ipi", "tlb")) and vcpus == 1:
            raise Mistake("events", item.name, "vcpus=2 or more with it")
        if item.plane is not None and item.plane >= planes:
            raise Mistake("events", str(item), f"a plane below planes={planes}")
        names = kind < len(Event) and takes_plane(kind, call_takes_plane=hands_over)
        if names and not how & SELF:
            named = range(planes) if item.plane is None else [item.plane]
        elif item.plane is not None:
            raise Mistake("events", str(item), f"no plane: {item.name} does not name one here")
        else:
            named = [0]
        for vcpu in range(vcpus):
            targets = [other for other in range(vcpus) if other != vcpu] if kind == IPI else [0]
            rows += [(kind, vcpu, plane, target, how) for plane in named for target in targets]
    if not rows:
        expected = "one that can happen under this policy"
        raise Mistake("events", Words(listed(items)), expected)
    return np.array(rows, dtype=ACT), any(row[0] >= TLB_LOCK for row in rows)
