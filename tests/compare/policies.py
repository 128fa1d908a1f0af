"""Which policies the two models are compared on, and from which states."""

import random
from collections.abc import Iterator
from typing import Any

from planesched import events, reference
from planesched.algorithm import NAMED
from planesched.events import MASKS, Reason
from planesched.policy import (
    ENUMS,
    Call,
    CallSelf,
    Force,
    ForceSelf,
    Policy,
    Rank,
    Scheduler,
    Trigger,
    Vina,
    field_names,
)
from planesched.presets import presets

N_PLANES = 2


def changes(planes: int) -> Iterator[tuple[str, Any]]:
    """Give every value of every field of a policy, one field at a time."""
    for name in field_names():
        if name in ENUMS:
            values: list[Any] = list(ENUMS[name])
        elif name in ("marker", "boot"):
            values = [*range(planes), None][: planes + (name == "marker")]
        elif name == "algorithm":
            values = list(NAMED)
        elif name == "accelerated":
            values = [frozenset({reason}) for reason in Reason if reason]
        else:
            values = [False, True]
        for value in values:
            yield name, value


def in_userspace(preset: str, planes: int) -> list[Policy]:
    """Give a preset as userspace schedules it, and every policy one field away from it, once."""
    policy = Policy.preset(preset, planes).replace(scheduler="user")
    found = {policy: None}
    for name, value in changes(planes):
        try:
            changed = policy.replace(**{name: value})
            changed.check_planes(planes)
        except ValueError:  # the value needs a marker, or the marker is needed
            continue
        if changed.scheduler == Scheduler.user:
            found[changed] = None
    return list(found)


def neighbours(preset: str) -> tuple[Policy, ...]:
    """Give a preset of 2 planes, and every valid policy that is one field away from it."""
    policy = Policy.preset(preset, N_PLANES)
    found: dict[Policy, None] = {policy: None}
    for name, value in changes(N_PLANES):
        try:
            found[policy.replace(**{name: value})] = None
        except ValueError:  # the value needs a marker, or the marker is needed
            continue
    return tuple(found)


def looked_at(policy: Policy) -> Policy:
    """Give `policy` with the fields that have no meaning under the others at their defaults."""
    idle: dict[str, Any] = {}
    if policy.trigger == Trigger.level:
        idle["rearm"] = True
    if policy.call == Call.next:
        idle["refuse_pending"] = False
        idle["call_self"] = CallSelf.fault
    if policy.force == Force.none:
        idle["force_self"] = ForceSelf.fault
    if policy.scheduler == Scheduler.kernel:
        idle["accelerated"] = ()
    return policy.replace(**idle)


def compared() -> dict[str, list[Policy]]:
    """Give the policies whose every state is compared, each once, by the preset it is near to."""
    seen: set[Policy] = set()
    found: dict[str, list[Policy]] = {}
    for preset in presets():
        near = dict.fromkeys(looked_at(policy) for policy in neighbours(preset))
        found[preset] = [policy for policy in near if policy not in seen]
        seen.update(near)
    return found


def seeds(policy: Policy) -> list[reference.Values]:
    """Give the boot state; where userspace schedules, with `req_exit` as userspace may set it.

    Between 2 planes a decision looks at one bit of it, that of the plane that does not run
    (3.4.7, 3.5): none and both cover it. The presets are compared with all four.
    """
    boot = reference.boot_state(policy, N_PLANES)
    if policy.scheduler == Scheduler.kernel:
        return [boot]
    at = MASKS.index("req_exit")
    asked = range(4) if is_preset(policy) else (0b00, 0b11)
    return [(*boot[:at], mask, *boot[at + 1 :]) for mask in asked]


def followed(policy: Policy) -> tuple[int, int, int]:
    """Give the planes whose `locked`, those whose `vina` and those whose `unstarted` is followed.

    A bit that is not followed stays clear in every state that is compared. The rules look at
    `locked` with ``rank = locked`` only, and not at the boot plane's or the marker's (3.1); at
    `vina` unless it is off, and of a plane that outranks another only (3.6). One bit that they
    do look at is left to the presets themselves and to the random test, for it makes the product
    three times as large: with ``rank = locked``, the `vina` of the boot plane. For the same
    reason the `unstarted` of plane 1 is followed, and of both planes in the presets.
    """
    planes = range(N_PLANES)
    lock = vina = 0
    if policy.rank == Rank.locked:
        lock = sum(1 << p for p in planes if p not in (policy.boot, policy.marker))
    if policy.vina != Vina.off:
        last = policy.order(planes)[-1]
        vina = sum(1 << p for p in planes if p != last)
        if policy.rank == Rank.locked:
            vina = 0b11 if is_preset(policy) else 0b11 & ~(1 << policy.boot)
    return lock, vina, 0b11 if is_preset(policy) else 0b10


def is_preset(policy: Policy) -> bool:
    return any(policy == Policy.preset(preset, N_PLANES) for preset in presets())


def any_policy(draw: random.Random, planes: int) -> Policy:
    """Draw a valid policy, every field at random."""
    while True:
        fields: dict[str, Any] = {name: draw.choice(list(enum)) for name, enum in ENUMS.items()}
        fields["marker"] = draw.choice([None, *range(planes)])
        fields["boot"] = draw.randrange(planes)
        for name in ("rearm", "refuse_pending", "vina_auto_reset"):
            fields[name] = draw.random() < 0.5
        reasons = [reason for reason in Reason if reason]
        fields["accelerated"] = draw.sample(reasons, draw.choice([0, 1, 3, 6, 11]))
        if fields["scheduler"] == Scheduler.kernel:
            fields["algorithm"] = draw.choice(NAMED)
        try:
            return Policy(**fields)
        except ValueError:
            continue


def takes_plane(policy: Policy, event: int) -> bool:
    return events.takes_plane(event, call_takes_plane=policy.hands_over)
