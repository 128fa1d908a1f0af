"""The properties that a search looks at, each in one sentence and one formula."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..checks import one_of, several
from ..errors import Mistake, TypeMistake, Words
from .search import (
    DELIVERY,
    FEASIBLE,
    FORCED,
    NOTHING_LOST,
    PRIORITY,
    PROGRESS,
    SETTLES,
    SPURIOUS,
    STARTED,
    WAKEUP,
    WORK_CONSERVING,
)

__all__ = ["EOI_OWED", "PROPERTIES", "UNAIDED", "Predicate", "Property", "choose"]

Predicate = Callable[[Any], Any]
"""Tells whether a state is good: given a record of dtype STATE, or an array of them, one a vCPU."""


@dataclass(frozen=True)
class Property:
    """What should hold, in one sentence and in one formula over the terms of the rules.

    One that is not `usual` is looked at where it is named: systems break it knowingly.
    """

    name: str
    number: int
    sentence: str
    formula: str
    usual: bool = True


UNAIDED = -1
"""Number of `unaided`: delivery once more, without the help of calls."""

EOI_OWED = -2
"""Number of `eoi_owed`: delivery, asked of what is in service."""

_ALL = (
    Property(
        "priority",
        PRIORITY,
        "No plane runs while a plane that outranks it is deliverable and not held.",
        "not user and not blocked => no p: online(p) and not held(p) and deliverable(p) and "
        "outranks(p, current)",
    ),
    Property(
        "wakeup",
        WAKEUP,
        "No vCPU is blocked while a plane that is runnable, or that outranks the blocked one, is "
        "not held and wakes.",
        "blocked => no p: online(p) and not held(p) and wakes(p) and "
        "(runnable(p) or outranks(p, current))",
    ),
    Property(
        "work_conserving",
        WORK_CONSERVING,
        "No vCPU is blocked while a runnable plane that was started and is not held is not halted.",
        "blocked => no p: online(p) and not held(p) and runnable(p) and not halted(p) and not "
        "unstarted(p)",
    ),
    Property(
        "delivery",
        DELIVERY,
        "Whatever has been delivered, some continuation by guests and userspace alone injects it.",
        "irq(p) and online(p) and not held(p) => some steps by guests and userspace, the last of "
        "which injects at p",
    ),
    Property(
        "progress",
        PROGRESS,
        "No cycle of switches, entries and bounces goes on in which no plane executes between "
        "them.",
        "no s0 -> s1 -> ... -> s0 by guest and userspace steps, each: bounced or "
        "((switched or enter) and (blocked or user))",
    ),
    Property(
        "nothing_lost",
        NOTHING_LOST,
        "A pending bit goes only by injection, by delivery of its intercept, by disable or init.",
        "irq(p) and not irq'(p) => injected at p or disable p or init p; nmi likewise; "
        "trap(p) and not trap'(p) => (now = p and not user') or disable p or init p",
    ),
    Property(
        "feasible",
        FEASIBLE,
        "No plane is switched to by the host's will alone that the policy's force does not allow.",
        "switched and (reason = force or (reason = user and not runnable(now))) => "
        "force = any or (force = marker and now = marker)",
    ),
    Property(
        "started",
        STARTED,
        "No plane executes that waits for its start.",
        "not user and not blocked => not unstarted(current)",
    ),
    Property(
        "forced",
        FORCED,
        "The host can force the marker in; and a force that is allowed takes the vCPU for its "
        "plane, or for one that outranks it.",
        "force marker => not perm; force p and no fault and not held(p) and not user' => "
        "current' = p or "
        "outranks(current', p)",
    ),
    Property(
        "unaided",
        UNAIDED,
        "As delivery, without the help of a plane below that happens to call: where a call enters "
        "the plane above.",
        "irq(p) and online(p) and not held(p) => some steps by guests and userspace, none of them "
        "a call, the last of which injects at p",
        usual=False,
    ),
    Property(
        "eoi_owed",
        EOI_OWED,
        "With vectors: no vector stays in service for ever where the guest ends each.",
        "isr(p, v) and online(p) and not held(p) => some steps by guests and userspace, the last "
        "of which is the eoi that ends v at p",
        usual=False,
    ),
    Property(
        "spurious",
        SPURIOUS,
        "No plane is entered for nothing: by an interrupt, a relay, a force or userspace, with "
        "nothing injected and no call that waited.",
        "switched by interrupt, relay, force or user, and not runnable(now) before => injected, "
        "nmi, vina or user'",
        usual=False,
    ),
    Property(
        "settles",
        SETTLES,
        "A vCPU in userspace comes out of it: the default userspace scheduler's answers lead to "
        "at most five exits while no time passes.",
        "user => after at most 5 answers: not user, or no plane to enter",
        usual=False,
    ),
)

PROPERTIES = {item.name: item for item in _ALL}
"""The properties by name, in the order in which they are reported."""


def _split(properties: Iterable[str | Predicate]) -> Iterable[str | Predicate]:
    # `PROPERTIES` itself is a mapping, of which the names are meant.
    given = list(properties) if isinstance(properties, Mapping) else properties
    for item in several("properties", given, "names of properties, or predicates"):
        yield from item.split(",") if isinstance(item, str) else [item]


def choose(
    properties: str | Iterable[str | Predicate] | None, *, vectors: bool = False
) -> tuple[tuple[Property, ...], dict[str, Predicate]]:
    """Give the named properties, and the user's own predicates by name.

    Raises
    ------
    Mistake
        If there is no such property, none that can be asked (`eoi_owed`, alone, without vectors is
        left out), or two predicates have one name; a TypeError too if something
        is neither a name nor callable.
    """
    if properties is None:
        return tuple(
            item for item in _ALL if item.usual or (vectors and item.number == EOI_OWED)
        ), {}
    if isinstance(properties, str):
        properties = [properties]
    chosen: dict[str, Property] = {}
    predicates: dict[str, Predicate] = {}
    for item in _split(properties):
        if isinstance(item, str):
            name = item.strip()
            chosen[name] = PROPERTIES[one_of("properties", name, PROPERTIES)]
        elif callable(item):
            name = getattr(item, "__name__", type(item).__name__)
            if name in predicates or name in PROPERTIES:
                raise Mistake("properties", name, "a name that no other has")
            predicates[name] = item
        else:
            raise TypeMistake("properties", item, "a name or a predicate")
    if not chosen and not predicates:
        raise Mistake("properties", Words("none"), f"one or more, of {', '.join(PROPERTIES)}")
    if not vectors and "eoi_owed" in chosen:
        del chosen["eoi_owed"]
        if not chosen:
            raise Mistake("properties", "eoi_owed", "vectors with it: it asks what is in service")
    return tuple(chosen.values()), predicates
