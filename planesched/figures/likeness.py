"""Like for like: the fields in which policies differ, and the steps between them."""

from typing import TYPE_CHECKING, Any

from ..algorithm import Algorithm
from ..policy import Policy

if TYPE_CHECKING:
    from .results import Results

__all__ = ["changes", "likeness", "steps", "unlike"]


def unlike(one: Policy, other: Policy) -> dict[str, tuple[Any, Any]]:
    """Return the fields in which two policies differ, each with both values."""
    mine, theirs = (  # two algorithms may have one name
        policy.as_dict() | {"algorithm": policy.algorithm} for policy in (one, other)
    )
    return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def changes(one: Policy, other: Policy) -> str:
    """Return what has to be typed to change one policy into the other: ``ret=resume``."""
    found = unlike(one, other)
    return ", ".join(f"{name}={_word(theirs)}" for name, (_, theirs) in found.items())


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
        label = f"{label}{',' if '=' in label else ':'}{name}={_word(left.pop(name))}"
        out[label] = now
    return out


def likeness(results: "Results") -> list[str]:
    """Return, for each policy but the first, how it differs from the first."""
    first = results[0]
    out = []
    for result in results[1:]:
        changed = unlike(first.policy, result.policy)
        named = ", ".join(
            f"{name} {_word(mine)} -> {_word(theirs)}" for name, (mine, theirs) in changed.items()
        )
        if not changed:
            out.append(f"{result.label} is the same policy as {first.label}")
        elif len(changed) == 1:
            out.append(f"{result.label} differs from {first.label} in {named} alone")
        else:
            out.append(
                f"not like for like: {result.label} differs from {first.label} in "
                f"{len(changed)} fields: {named}"
            )
    return out


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Algorithm):
        return value.name
    return "+".join(value) or "none" if isinstance(value, list | tuple) else str(value).lower()
