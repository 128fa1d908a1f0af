"""Like for like: the fields in which policies differ, and the steps between them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..algorithm import Algorithm
from ..policy import Policy

if TYPE_CHECKING:
    from .results import Results

__all__ = ["apart", "changes", "likeness", "steps", "unlike", "word"]


def unlike(one: Policy, other: Policy) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two policies differ, each with both values."""
    mine, theirs = (  # two algorithms may have one name
        policy.as_dict() | {"algorithm": policy.algorithm} for policy in (one, other)
    )
    return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def changes(one: Policy, other: Policy) -> str:
    """Return what has to be typed to change one policy into the other: ``ret=resume``."""
    found = unlike(one, other)
    return ", ".join(f"{name}={word(theirs)}" for name, (_, theirs) in found.items())


def steps(label: str, one: Policy, other: Policy) -> dict[str, Policy]:
    """Return the policies on the way from one to another, a field changed at each, by label.

    Neither end is among them; there is none where only one field differs. A field that is only
    valid with another (``preempt="relay"`` needs a marker) comes after that one.
    """
    left = {name: theirs for name, (_, theirs) in unlike(one, other).items()}
    out: dict[str, Policy] = {}
    now = one
    while len(left) > 1:
        for name, value in left.items():
            try:
                changed = now.replace(**{name: value})
            except ValueError:
                continue
            break
        else:
            return out  # no order of single changes is valid
        now = changed
        label = f"{label}{',' if '=' in label else ':'}{name}={word(left.pop(name))}"
        out[label] = now
    return out


def likeness(results: "Results") -> list[str]:
    """Return, for each policy but the first, how it differs from the first."""
    return apart({result.label: result.policy for result in results})


def apart(policies: Mapping[str, Policy]) -> list[str]:
    """Return the same of policies by label."""
    (first, base), *others = policies.items()
    out = []
    for label, policy in others:
        changed = unlike(base, policy)
        named = ", ".join(
            f"{name} {word(mine)} -> {word(theirs)}" for name, (mine, theirs) in changed.items()
        )
        if not changed:
            out.append(f"{label} is the same policy as {first}")
        elif len(changed) == 1:
            out.append(f"{label} differs from {first} in {named} alone")
        else:
            out.append(
                f"not like for like: {label} differs from {first} in {len(changed)} fields: {named}"
            )
    return out


def word(value: Any) -> str:
    """Return a field's value as it is typed."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Algorithm):
        return value.name
    return "+".join(value) or "none" if isinstance(value, list | tuple) else str(value).lower()
