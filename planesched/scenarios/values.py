"""What the values in a scenario file mean: distributions, sets of vCPUs, costs, policies."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..policy import Policy
from ..policytext import parse_policy
from ..presets import presets
from ..text import duration_ns
from ..traces import PlaneMap
from ..workload import Costs, Spread
from ..workload.distributions import SPREADS
from ..workload.numbered import seed_words

__all__ = [
    "between",
    "costing",
    "known_policies",
    "length_ns",
    "plane_map",
    "seed",
    "spread_of",
    "vcpu_set",
    "whole",
]


def whole(value: Any) -> int:
    """Take a whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{value!r} is not a whole number above 0")
    return value


def seed(value: Any) -> int:
    """Take a seed."""
    seed_words(value)
    return int(value)


def length_ns(value: Any) -> int:
    """Read a time above 0."""
    time_ns = duration_ns(value)
    if not time_ns:
        raise ValueError(f"{value!r} is not a time above 0")
    return time_ns


def plane_map(rules: Any) -> PlaneMap:
    """Read the rules of a plane map."""
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise ValueError(f'{rules!r} is no list of rules, expected as ["timer=level1"]')
    return PlaneMap.parse(rules)


def known_policies(names: Any, planes: int, folder: Path) -> dict[str, Policy]:
    """Read policies: presets, or files as seen from `folder`, either with fields changed."""
    if not isinstance(names, list) or not names:
        known = ", ".join(presets())
        raise ValueError(f"{names!r} is no list of policies, expected presets, of {known}")
    out: dict[str, Policy] = {}
    for name in map(str, names):
        if name in out:
            raise ValueError(f"{name!r} twice, expected each once")
        file = ".toml" in name or "/" in name
        out[name] = parse_policy(str(folder / name) if file else name, planes)
    return out


def spread_of(value: Any) -> Spread | str | int:
    """Read a time, or a table of one distribution: { exponential = "20 us" }."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else duration_ns(value)
    known = ", ".join(SPREADS)
    if len(value) != 1 or next(iter(value)) not in SPREADS:
        raise ValueError(f"{value!r} is no distribution, expected a time, or one of {known}")
    [(kind, given)] = value.items()
    made: Any = SPREADS[kind]
    names = [item.name for item in fields(made)]
    if kind == "empirical" or not isinstance(given, list | dict):
        given = [given]
    if len(given) != len(names) or (isinstance(given, dict) and set(given) != set(names)):
        raise ValueError(f"{kind} = {given!r}, expected its {' and '.join(names)}")
    spread: Spread = made(**given) if isinstance(given, dict) else made(*given)
    return spread


def vcpu_set(value: Any) -> list[int]:
    """Read vCPUs: a list of numbers, or "0-3,6"."""
    if isinstance(value, list):
        return value
    out: list[int] = []
    for part in str(value).split(","):
        ends = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
        if not ends or not isinstance(value, str):
            raise ValueError(f'{value!r} is no set of vCPUs, expected as "0-3,6"')
        out.extend(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    return out


def costing(costs: Costs, key: str, value: Any) -> Costs:
    """Give costs with one changed: of a reason, ``"any"`` or ``"exit"``."""
    if key == "exit":
        return Costs(costs.reasons, costs.between, spread_of(value))
    return Costs({**costs.reasons, key: spread_of(value)}, costs.between, costs.exit)


def between(costs: Costs, key: str, value: Any) -> Costs:
    """Give costs with that of the planes ``"LEFT-ENTERED"`` changed."""
    pair = re.fullmatch(r"(\d{1,2})-(\d{1,2})", key, re.ASCII)
    if not pair:
        raise ValueError(f'{key!r}, expected planes left and entered: "0-1"')
    planes = int(pair[1]), int(pair[2])
    return Costs(costs.reasons, {**costs.between, planes: spread_of(value)}, costs.exit)
