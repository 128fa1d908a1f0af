"""Where the time of vCPUs went: shares that add up to one, and switches and exits a second."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .result import Result

__all__ = ["REST", "budget", "change", "per_second", "percent", "role", "running_share", "spent"]

REST = ("switching", "userspace", "blocked")
"""What a vCPU's time goes into where no plane runs."""


def budget(result: "Result") -> dict[str, float]:
    """Return the share of vCPU time of each plane, of switching, userspace and being blocked.

    They add up to 1. Switching is what switches and exits take; userspace is time that a vCPU
    waits there beyond that; blocked is time in which no plane could run, or a halted one was
    current.
    """
    stats = result.stats
    whole = int(result.time_ns.sum()) or 1
    shares = {f"plane {plane}": ns / whole for plane, ns in enumerate(stats.running_ns)}
    kinds = result.time_ns.sum(axis=0)
    names = dict(zip(REST, (3, 1, 2), strict=True))
    return shares | {name: int(kinds[kind]) / whole for name, kind in names.items()}


def percent(share: float, digits: int = 2, sign: str = "") -> str:
    """Write a share: ``12.34 %``; with a `sign` of "+" a change: ``+37 %``."""
    return f"{100 * share:{sign}.{digits}f} %"


def change(part: float) -> str:
    """Write by how much something changed: ``+37 %``, of less than one with a decimal."""
    return percent(part, 1 if 0 < abs(part) < 0.01 else 0, "+")


def role(level: str) -> str:
    """Return what a reader calls a level, or anything else that has a name."""
    return "guest OS" if level == "level0" else level


def running_share(result: "Result", plane: int | None = None) -> float:
    """Return what part of all vCPU time a plane runs, of 1; the guest OS's unless one is named."""
    number = result.levels.get("level0", 0) if plane is None else plane
    return int(result.stats.running_ns[number]) / (int(result.time_ns.sum()) or 1)


def spent(result: "Result") -> dict[str, float]:
    """Return the same shares by level, so that policies that number planes apart stand together.

    Planes without a level are ``plane 1`` where none has one, and together ``other planes``.
    """
    shares = budget(result)
    rest = {name: shares.pop(name) for name in REST}
    if not result.levels:
        return shares | rest
    named = {level: shares.pop(f"plane {n}", 0.0) for level, n in sorted(result.levels.items())}
    return named | ({"other planes": sum(shares.values())} if shares else {}) | rest


def per_second(result: "Result", count: int) -> float:
    """Return how often that is a second of one vCPU's time."""
    whole = int(result.time_ns.sum())
    return 1e9 * count / whole if whole else 0.0
