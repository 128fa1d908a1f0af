"""What the values in a scenario file mean: lengths, plane maps, sets of vCPUs."""

import re
from typing import Any

from ..errors import Mistake
from ..text import duration_ns, with_unit
from ..traces import PlaneMap

__all__ = ["length_ns", "plane_map", "time_ns", "vcpu_set"]


def time_ns(value: Any) -> int:
    """Return a time as a file has it: with its unit."""
    return duration_ns(with_unit(value))


def length_ns(value: Any) -> int:
    """Return a time above 0."""
    length = time_ns(value)
    if not length:
        raise Mistake("", value, "a time above 0")
    return length


def plane_map(rules: Any) -> PlaneMap:
    """Return the map of a list of rules."""
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise Mistake("", rules, 'a list of rules, as ["timer=level1"]')
    try:
        return PlaneMap.parse(rules)
    except Mistake as mistake:
        raise mistake.named("map") from None


_MOST_VCPUS = 1 << 20
"""No set names more: what is written in a few letters must not fill the memory."""


def vcpu_set(value: Any) -> list[int]:
    """Return vCPUs: a list of numbers, or "0-3,6"."""
    if isinstance(value, list):
        return value
    out: list[int] = []
    for part in str(value).split(","):
        ends = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
        if not ends or not isinstance(value, str):
            raise Mistake("", value, 'a set of vCPUs, as "0-3,6"')
        low, high = int(ends[1]), int(ends[2] or ends[1])
        if high < low:
            raise Mistake("", value, "the lower end of a range first")
        if high - low + len(out) >= _MOST_VCPUS:
            raise Mistake("", value, f"at most {_MOST_VCPUS} vCPUs")
        out.extend(range(low, high + 1))
    return out
