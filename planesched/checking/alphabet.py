"""What may happen in a search: names of events, and the acts that they stand for.

Longer than 300 lines because what an item means stands once, from its name to its rows in C.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..checks import several
from ..errors import Mistake, TypeMistake, Words, unknown
from ..events import ChipEvent, Event, takes_plane
from ..layouts import ACT
from ..policy import Call, Direction, Idle, Policy, Rank
from ..text import listed
from .alphabets import ALPHABETS, DEFAULT, GUEST_OS
from .search import (
    ANSWER,
    DONE,
    INSIDE,
    IPI,
    IPI_WAIT,
    MORE,
    OPEN,
    RUNS,
    SELF,
    TLB_FLUSH,
    TLB_LOCK,
    TLB_UNLOCK,
    USER,
)

if TYPE_CHECKING:
    from .vectors import Chips

__all__ = ["KINDS", "Item", "acts_of", "assumed", "guest_os", "parse_events"]

KINDS = {
    **{int(event): event.name.lower() for event in (*Event, *ChipEvent)},
    ANSWER: "answer",
    IPI: "ipi",
    IPI_WAIT: "ipi_wait",
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
    "safe_call": (Event.CALL, RUNS | OPEN | INSIDE),
    "return": (Event.RETURN, RUNS | INSIDE),
    "safe_return": (Event.RETURN, RUNS | OPEN | INSIDE),
    "enter": (Event.ENTER, USER | INSIDE),
    "answer": (ANSWER, USER | INSIDE),
    "ipi": (IPI, _BY_SELF),
    "ipi_wait": (IPI_WAIT, _BY_SELF),
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
            *(each for each in ChipEvent if each.name not in ("LINE_UP", "LINE_DOWN")),
        )
    },
    "line_up": (ChipEvent.LINE_UP, 0),
    "line_down": (ChipEvent.LINE_DOWN, 0),
}
"""Kind and manner of what guests and userspace do; all other events come from outside."""

_SEVERAL = "names of events, or of an alphabet"
_NAMES: dict[str, tuple[int, int]] = {
    **{event.name.lower(): (event, 0) for event in Event},
    **_HOW,
    "arrival": (Event.IRQ, 0),
}
_OF_CHIPS = frozenset(map(int, ChipEvent))
_NAME_VECTORS = ("irq", "arrival", "line_up", "line_down", "empty", "eom")


@dataclass(frozen=True)
class Item:
    """One event of an alphabet.

    Attributes
    ----------
    name : str
        What happens.
    plane : int or None
        The one plane that it names; None: any; `GUEST_OS`: the guest OS's.
    by : int or None
        The one plane that does it; None: any. `GUEST_OS` stands for the guest OS's plane, and for
        the marker beside it where the policy's idle has a halted plane let others run; it does so
        only while no plane below it has an event that could be delivered.
    against : int or None
        Of a TLB lock: the one lower plane that it holds off.
    vector : int or None
        The one vector that it names, where planes have controllers; None: any.
    """

    name: str
    plane: int | None = None
    by: int | None = None
    against: int | None = None
    vector: int | None = None

    def __str__(self) -> str:
        plane = "os" if self.plane == GUEST_OS else self.plane
        words = [self.name, *(str(n) for n in (plane, self.against) if n is not None)]
        words += [f"{self.vector:#x}"] if self.vector is not None else []
        doer = {None: "", GUEST_OS: "os:"}.get(self.by, f"{self.by}:")
        return doer + " ".join(words)


def parse_events(events: str | Iterable[str], default: str = DEFAULT) -> tuple[Item, ...]:
    """Read an alphabet.

    Parameters
    ----------
    events : str or iterable of str
        Names, or one str with commas between them. A name may be an alphabet's, an event's, or an
        event with the one plane that it names (``"irq 1"``) or that does it (``"halt 0"``; with a
        plane that is called, ``"0:call 2"``). ``"nmi"`` alone is the alphabet, beside others the
        event. ``+name`` adds to, ``-name`` takes from what was
        named before, which is the default alphabet where the first has a sign.
    default : str
        The alphabet that signs change.

    Raises
    ------
    Mistake
        If a name is unknown, or nothing is left.
    """
    words = events.split(",") if isinstance(events, str) else several("events", events, _SEVERAL)
    for word in words:
        if not isinstance(word, str):
            raise TypeMistake("events", word, _SEVERAL)
    words = [word.strip() for word in words if word.strip()]
    chosen: list[Item] = []
    if words and words[0][0] in "+-":
        chosen = _items(default)
    for word in words:
        items = _items(word.lstrip("+-").strip(), alone=len(words) == 1 and word[0] not in "+-")
        if word[0] == "-":
            names = {item.name for item in items if item == Item(item.name)}
            chosen = [item for item in chosen if item.name not in names and item not in items]
        else:
            chosen += [item for item in items if item not in chosen]
    if not chosen:
        raise Mistake("events", events, "one event or more")
    return tuple(chosen)


def assumed(items: Iterable[Item], assume: str | Iterable[str]) -> tuple[Item, ...]:
    """Return an alphabet in which some events are done by one plane alone.

    Parameters
    ----------
    items : iterable of Item
        The alphabet.
    assume : str or iterable of str
        ``"only=0:halt"``: of the planes only 0 halts, in whichever manner. One str may hold
        several with commas between them.

    Raises
    ------
    Mistake
        If one is not of that form, or nothing in the alphabet is meant.
    """
    found = tuple(items)
    words = assume.split(",") if isinstance(assume, str) else list(assume)
    for word in filter(None, (word.strip() for word in words)):
        key, _, what = word.partition("=")
        doer, _, name = what.partition(":")
        meant = {"halt": ("halt", "safe_halt")}.get(name.strip(), (name.strip(),))
        if key != "only" or not (doer.isdecimal() or doer == "os"):
            raise Mistake("assume", word, "only=PLANE:EVENT, as only=0:halt")
        if not any(item.name in meant for item in found):
            raise Mistake("assume", word, f"an event of the alphabet, {listed(found)}")
        by = GUEST_OS if doer == "os" else int(doer)
        found = tuple(replace(i, by=by) if i.name in meant else i for i in found)
    return tuple(dict.fromkeys(found))


def _items(word: str, *, alone: bool = True) -> list[Item]:
    """Read a name; where an alphabet and an event share one, the alphabet stands alone."""
    if word in ALPHABETS and (alone or word not in _NAMES):
        return [_item(name) for name in ALPHABETS[word].events]
    return [_item(word)]


def _item(word: str) -> Item:
    doer, colon, rest = word.rpartition(":")
    name, *numbers = rest.split() or [""]
    vector = None
    if name in _NAME_VECTORS and len(numbers) == 2:
        vector = _vector(word, numbers.pop())
    bad = name not in _NAMES or len(numbers) > 1 + name.startswith("tlb")
    if bad or not all(map(_is_plane, numbers)) or (colon and not _is_plane(doer)):
        also = "one with a plane after it or 'PLANE:' before it"
        raise unknown("events", word, [*ALPHABETS, *_NAMES, also])
    plane, against = [*map(_plane, numbers), None, None][:2]
    by = _plane(doer) if colon else None
    return _named(Item(name, plane, by, against, vector))


def _vector(word: str, text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise Mistake("events", word, "a plane and a vector, as 'irq 1 0x31'") from None


def _is_plane(text: str) -> bool:
    return text == "os" or text.isdecimal()


def _plane(text: str) -> int:
    return GUEST_OS if text == "os" else int(text)


def _named(item: Item) -> Item:
    """Take a plane after what a guest does, and which names none, for the one that does it."""
    kind, how = _NAMES[item.name]
    by_guest = how & INSIDE and kind not in (Event.CALL, Event.ENTER, ANSWER)
    if item.name in _NAME_VECTORS:
        return item
    if item.plane is None or item.by is not None or not by_guest:
        return item
    return Item(item.name, None, item.plane, item.against)


def guest_os(policy: Policy, planes: int) -> list[int]:
    """Return the planes that well-behaved guests idle in: the guest OS's (rules, 7: level 0).

    The marker is among them where its halt is what lets others run or blocks the vCPU for all.
    """
    if policy.hands_over:
        lowest = planes - 1
    else:
        lowest = 0 if policy.direction == Direction.highest_first else planes - 1
        if lowest == policy.marker and planes > 1:
            lowest = 1 if lowest == 0 else lowest - 1
    idles = policy.idle != Idle.keep and policy.marker is not None
    return sorted({lowest, *([policy.marker] if idles and policy.marker is not None else [])})


def acts_of(
    items: Sequence[Item],
    policies: Sequence[Policy],
    planes: int,
    vcpus: int,
    chips: "Chips | None" = None,
) -> tuple[NDArray[np.void], bool, bool]:
    """Return the acts that an alphabet stands for; whether TLB locks, and answers, are among them.

    Raises
    ------
    Mistake
        If an item names a plane that there is not, or needs a second vCPU or a controller.
    """
    hands_over = any(policy.hands_over for policy in policies)
    rows: list[tuple[int, ...]] = []
    for item in items:
        kind, _ = _NAMES[item.name]
        if kind == Event.LOCK and all(policy.rank != Rank.locked for policy in policies):
            continue
        if item.name.startswith(("ipi", "tlb")) and vcpus == 1:
            raise Mistake("events", item.name, "vcpus=2 or more")
        doers = _doers(item, policies, planes)
        for plane in _named_planes(item, policies, planes):
            named = replace(item, plane=plane)
            if chips is not None and (kind == Event.IRQ or kind in _OF_CHIPS):
                rows += _vector_rows(named, doers, planes, chips)
            elif item.vector is not None or kind in _OF_CHIPS:
                raise Mistake("events", str(item), "vectors: without, planes have no controllers")
            else:
                rows += _rows(named, doers, planes, vcpus, hands_over)
    if not rows:
        expected = "one that can happen under this policy"
        raise Mistake("events", Words(listed(items)), expected)
    if chips is not None:
        rows.append((int(Event.RESCHED), 0, 0, 0, INSIDE | MORE, 0))  # what a note "more" asks for
    unique = dict.fromkeys(rows)
    kinds = {row[0] for row in unique}
    locks = not kinds.isdisjoint((TLB_LOCK, TLB_UNLOCK, TLB_FLUSH))
    return np.array([*unique], dtype=ACT), locks, IPI_WAIT in kinds


def _doers(item: Item, policies: Sequence[Policy], planes: int) -> list[int]:
    """Return who does it, as C has it: 0 for any plane, else 1 + the plane."""
    if item.by is None:
        return [0]
    if item.by == GUEST_OS:
        return sorted({1 + plane for policy in policies for plane in guest_os(policy, planes)})
    for plane in (item.by, item.against or 0):
        if plane >= planes:
            raise Mistake("events", str(item), f"a plane below planes={planes}")
    return [1 + item.by]


def _named_planes(item: Item, policies: Sequence[Policy], planes: int) -> Sequence[int | None]:
    """Return the planes that an item names: of an arrival, where the world has it arrive."""
    if item.plane == GUEST_OS:
        return sorted({guest_os(policy, planes)[-1] for policy in policies})
    routed = [policy.marker for policy in policies if policy.call == Call.descend]
    if item.name == "arrival" and item.plane is None and routed:
        return sorted({plane for plane in routed if plane is not None})
    return [item.plane]


def _rows(
    item: Item, doers: Sequence[int], planes: int, vcpus: int, hands_over: bool
) -> list[tuple[int, ...]]:
    kind, how = _NAMES[item.name]
    how |= DONE if item.by == GUEST_OS else 0
    if item.plane is not None and item.plane >= planes:
        raise Mistake("events", str(item), f"a plane below planes={planes}")
    names = kind < len(Event) and takes_plane(kind, call_takes_plane=hands_over)
    if kind in (TLB_LOCK, TLB_UNLOCK):
        named = [_lock_target(item)]
    elif names and not how & SELF:
        named = [*range(planes)] if item.plane is None else [item.plane]
    elif item.plane is not None:
        raise Mistake("events", str(item), f"no plane: {item.name} does not name one here")
    else:
        named = [0]
    rows: list[tuple[int, ...]] = []
    for vcpu in range(vcpus):
        others = [other for other in range(vcpus) if other != vcpu]
        targets = others if kind in (IPI, IPI_WAIT) else [0]
        rows += [
            (int(kind), vcpu, plane, target, how, by)
            for plane in named
            for target in targets
            for by in doers
        ]
    return rows


def _vector_rows(
    item: Item, doers: Sequence[int], planes: int, chips: "Chips"
) -> list[tuple[int, ...]]:
    """Return the acts of an item that a controller takes, one for each vector or value."""
    kind, how = _NAMES[item.name]
    if item.plane is not None and item.plane >= planes:
        raise Mistake("events", str(item), f"a plane below planes={planes}")
    return [
        (int(kind), 0, plane, arg, how, who or by)
        for plane, arg, who in chips.named(item)
        for by in doers
        if not who or by in (0, who)
    ]


def _lock_target(item: Item) -> int:
    """Return 1 + the plane that a lock is against, as C has it; 0: all below."""
    return 0 if item.against is None else 1 + item.against
