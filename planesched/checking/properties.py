"""The properties that a search looks at, each in one sentence and one formula."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..checker import DELIVERY, PROGRESS

__all__ = ["PROPERTIES", "Predicate", "Property", "choose"]

Predicate = Callable[[Any], Any]
"""Tells whether a state is good: given a record of dtype STATE, or an array of them, one a vCPU."""


@dataclass(frozen=True)
class Property:
    """What should hold, in one sentence and in one formula over the terms of the rules."""

    name: str
    number: int
    sentence: str
    formula: str


_ALL = (
    Property(
        "priority",
        0,
        "No plane runs while a plane that outranks it is deliverable and not held.",
        "¬user ∧ ¬blocked ⟹ ∄p: online(p) ∧ ¬held(p) ∧ outranks(p, current) ∧ deliverable(p)",
    ),
    Property(
        "wakeup",
        1,
        "No vCPU is blocked while a plane that is runnable, or that outranks the blocked one, is "
        "not held and wakes.",
        "blocked ⟹ ∄p: online(p) ∧ ¬held(p) ∧ (runnable(p) ∨ outranks(p, current)) ∧ wakes(p)",
    ),
    Property(
        "work_conserving",
        2,
        "No vCPU is blocked while a runnable plane that is not held is not halted.",
        "blocked ⟹ ∄p: online(p) ∧ ¬held(p) ∧ runnable(p) ∧ ¬halted(p)",
    ),
    Property(
        "delivery",
        DELIVERY,
        "Whatever has been delivered, some continuation by guests and userspace alone injects it.",
        "irq(p) ∧ online(p) ∧ ¬held(p) ⟹ ∃ guest and userspace steps: the last injects at p",
    ),
    Property(
        "progress",
        PROGRESS,
        "No cycle of switches and bounces goes on in which no plane executes between them.",
        "∄ s₀ → s₁ → … → s₀ by guest and userspace steps, each: bounced ∨ "
        "(switched ∧ (blocked ∨ user))",
    ),
    Property(
        "nothing_lost",
        3,
        "A pending bit goes only by injection, by delivery of its intercept, or by disable.",
        "irq(p) ∧ ¬irq′(p) ⟹ injected at p ∨ disable p; nmi likewise; "
        "trap(p) ∧ ¬trap′(p) ⟹ (now = p ∧ ¬user′) ∨ disable p",
    ),
    Property(
        "feasible",
        4,
        "No plane is switched to by the host's will alone that the policy's force does not allow.",
        "switched ∧ (reason = force ∨ (reason = user ∧ ¬runnable(now))) ⟹ "
        "force = any ∨ (force = marker ∧ now = marker)",
    ),
)

PROPERTIES = {item.name: item for item in _ALL}
"""The properties by name, in the order in which they are reported."""


def choose(
    properties: str | Iterable[str | Predicate] | None,
) -> tuple[tuple[Property, ...], dict[str, Predicate]]:
    """Give the named properties, and the user's own predicates by name.

    Raises
    ------
    ValueError
        If there is no such property, or two predicates have one name.
    TypeError
        If something is neither a name nor callable.
    """
    if properties is None:
        return _ALL, {}
    if isinstance(properties, str):
        properties = properties.split(",")
    chosen: dict[str, Property] = {}
    predicates: dict[str, Predicate] = {}
    for item in properties:
        if isinstance(item, str):
            name = item.strip()
            if name not in PROPERTIES:
                raise ValueError(f"properties: {name!r} is none of {', '.join(PROPERTIES)}")
            chosen[name] = PROPERTIES[name]
        elif callable(item):
            name = getattr(item, "__name__", type(item).__name__)
            if name in predicates or name in PROPERTIES:
                raise ValueError(f"properties: a second one named {name!r}")
            predicates[name] = item
        else:
            raise TypeError(f"properties: {item!r} is neither a name nor a predicate")
    if not chosen and not predicates:
        raise ValueError("properties: none is named")
    return tuple(chosen.values()), predicates
