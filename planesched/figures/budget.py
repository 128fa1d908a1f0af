"""Where the time of vCPUs went: shares that add up to one, and switches and exits a second."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .result import Result

__all__ = ["budget", "per_second"]


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
    names = {"switching": 3, "userspace": 1, "blocked": 2}
    return shares | {name: int(kinds[kind]) / whole for name, kind in names.items()}


def per_second(result: "Result", count: int) -> float:
    """Return how often that is a second of one vCPU's time."""
    whole = int(result.time_ns.sum())
    return 1e9 * count / whole if whole else 0.0
