"""Which single field of a policy cures what is broken, and whose doing it is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..algorithm import NAMED
from ..policy import ENUMS, Policy
from .alphabet import Item
from .alphabets import GUEST_OS

__all__ = ["behaved", "single_fields"]

_FLAGS = ("rearm", "refuse_pending", "vina_auto_reset")


def single_fields(policy: Policy, planes: int) -> Iterator[tuple[str, Policy]]:
    """Yield every valid policy that differs in one field: ``("rearm=true", Policy)``.

    The boot plane and the accelerated reasons are left out: they say where a system begins and
    what it makes fast, and not how it decides.
    """
    values: dict[str, list[Any]] = {name: list(enum) for name, enum in ENUMS.items()}
    values["marker"] = [None, *range(planes)]
    values |= {name: [False, True] for name in _FLAGS}
    values["algorithm"] = [NAMED[0]]
    for name, choices in values.items():
        for value in choices:
            if value == getattr(policy, name):
                continue
            try:
                changed = policy.replace(**{name: value})
                changed.check_planes(planes)
            except (TypeError, ValueError):
                continue
            yield f"{name}={_word(value)}", changed


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return str(value.name if hasattr(value, "name") else value)


def behaved(items: Sequence[Item]) -> tuple[Item, ...]:
    """Return an alphabet without what only a guest that breaks its own rules does.

    Well-behaved guests halt, call and return with their interrupts on and unmasked, and halt only
    in the guest OS's plane; those above it return. What the user has said who does it stays.
    """
    kept = []
    for item in items:
        if item.name in ("halt", "call", "return"):
            item = replace(item, name=f"safe_{item.name}")
        if item.name == "safe_halt" and item.by is None:
            item = replace(item, by=GUEST_OS)
        kept.append(item)
    return tuple(dict.fromkeys(kept))
