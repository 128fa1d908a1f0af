"""Scenario files: a workload, its machine and some policies in TOML."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from .errors import TraceError
from .files import read_toml
from .policy import Policy, plane_count
from .policyfile import parse_policy
from .presets import presets
from .traces import PlaneMap
from .units import duration_ns
from .workload import Costs, Recorded, Spread, Workload, cost_sets
from .workload.sources import SOURCES
from .workload.spreads import SPREADS

__all__ = ["Scenario", "costing", "load_scenario", "scenarios"]

_TOP = ("title", "origin", "planes", "vcpus", "policies", "duration", "jobs", "warmup", "seed")
_TABLES = ("costs", "workload", "source")
_WORK = ("busy", "route", "forward", "main")


@dataclass(frozen=True)
class Scenario:
    """What a scenario file holds.

    Attributes
    ----------
    name, title, origin : str
        `origin` says which real situation it is, with its source, and what in it is assumed.
    policies : dict of str to Policy
        By their names in the file; the first is what others are compared with.
    arguments : dict
        The other arguments of `planesched.simulate`.
    """

    name: str
    title: str
    origin: str
    policies: dict[str, Policy]
    arguments: dict[str, Any]


def scenarios() -> dict[str, Path]:
    """Give the scenario files of the package by their names."""
    folder = Path(__file__).parent / "data" / "scenarios"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file, or one of the package's by its name.

    Raises
    ------
    OSError
        If it cannot be read.
    TraceError
        If it is not TOML, or a key, unit or value is wrong: file, line, what stands there and what
        was expected.
    """
    name = os.fspath(path)
    known = scenarios()
    if not name.endswith(".toml") and os.sep not in name:
        if name not in known:
            raise ValueError(f"scenario {name!r} is no .toml file and none of {', '.join(known)}")
        path = known[name]
    table, text = read_toml(path)
    return _Reader(os.fspath(path), table, text).scenario()


class _Reader:
    """Takes a scenario's tables apart, and knows the line of each key."""

    def __init__(self, path: str, table: dict[str, Any], text: str) -> None:
        self.path = path
        self.table = table
        self.text = text

    def scenario(self) -> Scenario:
        top = self.table
        self.known("", 0, top, (*_TOP, *_TABLES))
        for key in ("title", "policies"):
            if key not in top:
                raise TraceError(self.path, 0, f"no {key!r}", f"a line {key} = ...")
        planes = self.value("", 0, "planes", plane_count, top.get("planes", 2))
        arguments: dict[str, Any] = {"planes": planes, "vcpus": top.get("vcpus", 1)}
        for key in ("duration", "warmup"):
            if key in top:
                arguments[key] = self.value("", 0, key, duration_ns, top[key])
        for key in ("vcpus", "jobs", "seed"):
            if key in top:
                arguments[key] = self.value("", 0, key, _whole, top[key])
        if "duration" not in top and "jobs" not in top:
            raise TraceError(self.path, 0, "neither 'duration' nor 'jobs'", 'duration = "10 s"')
        arguments["workload"] = self.workload()
        arguments["costs"] = self.costs()
        policies = self.value("", 0, "policies", _policies, top["policies"], planes)
        title, origin = (str(top.get(key, "")) for key in ("title", "origin"))
        return Scenario(Path(self.path).stem, title, origin.strip(), policies, arguments)

    def workload(self) -> Workload:
        table = self.subtable("workload")
        self.known("workload", 0, table, _WORK)
        listed = self.table.get("source", [])
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise TraceError(self.path, self.line("source", 0, ""), "source", "tables [[source]]")
        sources = [self.source(index, item) for index, item in enumerate(listed)]
        for key in table:
            # One key at a time, so that what is wrong has a line.
            self.value("workload", 0, key, _part, key, table[key])
        try:
            return Workload(sources, **table)
        except (TypeError, ValueError) as error:
            line = self.line("source", 0, "")
            raise TraceError(self.path, line, str(error), "sources that fit together") from None

    def source(self, index: int, table: dict[str, Any]) -> Any:
        kind = table.get("kind")
        if kind == "recorded":
            return self.recorded(index, table)
        if kind not in SOURCES:
            line = self.line("source", index, "kind")
            known = ", ".join([*SOURCES, "recorded"])
            raise TraceError(self.path, line, f"kind={kind!r}", f"one of {known}")
        made = SOURCES[kind]
        keys = [item.name for item in fields(made)]
        self.known("source", index, table, ("kind", *keys))
        given = {key: value for key, value in table.items() if key != "kind"}
        for key in ("service", "jitter"):
            if key in given:
                given[key] = self.value("source", index, key, _spread, given[key])
        if "vcpus" in given:
            given["vcpus"] = self.value("source", index, "vcpus", _set, given["vcpus"])
        missing = [
            item.name
            for item in fields(made)
            if item.name not in given
            and ((item.default is MISSING) or (item.default is None and item.name not in _MAY_LACK))
        ]
        if missing:
            line = self.line("source", index, "")
            raise TraceError(self.path, line, f"a {kind} without {missing[0]!r}", "that key too")
        try:
            return made(**given)
        except (TypeError, ValueError) as error:
            key = next((key for key in given if str(error).startswith(key)), "")
            line = self.line("source", index, key)
            raise TraceError(self.path, line, str(error), f"a {kind} source") from None

    def recorded(self, index: int, table: dict[str, Any]) -> Recorded:
        self.known("source", index, table, ("kind", "trace", "map", "service", "name"))
        for key in ("trace", "map"):
            if key not in table:
                line = self.line("source", index, "")
                raise TraceError(self.path, line, f"a recorded without {key!r}", "that key too")
        trace = self.value("source", index, "trace", self.beside, table["trace"])
        plane_map = self.value("source", index, "map", _map, table["map"])
        service, name = table.get("service", 0), table.get("name", "")
        made = self.value("source", index, "service", Recorded, trace, plane_map, service)
        return replace(made, name=str(name))

    def beside(self, name: Any) -> Path:
        """Give a file that is named as seen from this one's folder."""
        path = Path(self.path).parent / str(name)
        if not path.is_file():
            raise ValueError(f"{name!r} is no file in {path.parent}, expected a recorded trace")
        return path

    def costs(self) -> Costs:
        table = dict(self.subtable("costs"))
        between = table.pop("between", {})
        base = table.pop("set", None)
        if base is not None and base not in cost_sets():
            line = self.line("costs", 0, "set")
            raise TraceError(self.path, line, f"set={base!r}", f"one of {', '.join(cost_sets())}")
        costs = Costs.of(base)
        for key, value in table.items():
            costs = self.value("costs", 0, key, costing, costs, key, value)
        for key, value in between.items():
            pair = re.fullmatch(r"(\d{1,2})-(\d{1,2})", key, re.ASCII)
            if not pair:
                line = self.line("costs.between", 0, key)
                raise TraceError(self.path, line, repr(key), 'planes left and entered: "0-1"')
            planes = int(pair[1]), int(pair[2])
            costs = self.value("costs.between", 0, key, _between, costs, planes, value)
        return costs

    def subtable(self, name: str) -> dict[str, Any]:
        table = self.table.get(name, {})
        if not isinstance(table, dict):
            raise TraceError(self.path, self.line("", 0, name), f"{name}={table!r}", f"[{name}]")
        return table

    def known(self, name: str, index: int, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in table:
            if key not in keys:
                line = self.line(name, index, key) or self.line(key, 0, "")
                raise TraceError(self.path, line, f"the key {key!r}", f"one of {', '.join(keys)}")

    def value(self, name: str, index: int, key: str, read: Callable[..., Any], *given: Any) -> Any:
        """Read the value of a key; what is wrong with it gets its line."""
        try:
            return read(*given)
        except TraceError as error:
            raise TraceError(
                self.path, self.line(name, index, key), error.found, error.expected
            ) from None
        except (TypeError, ValueError) as error:
            found, _, expected = str(error).partition(", expected ")
            line = self.line(name, index, key)
            raise TraceError(
                self.path, line, f"{key}: {found}", expected or "another value"
            ) from None

    def line(self, table: str, index: int, key: str) -> int:
        """Give the line of a key in the `index`-th table of a name, or of that table's head."""
        inside, seen, head = table == "", -1, 0
        for number, text in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]\]?", text)
            if header:
                found = header[1].replace('"', "")
                seen += found == table
                inside = found == table and seen == index
                head = number if inside else head
            elif inside and key and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""", text):
                return number
        return head


_MAY_LACK = ("vcpus", "to")


def _map(rules: Any) -> PlaneMap:
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise ValueError(f'{rules!r} is no list of rules, expected as ["timer=level1"]')
    return PlaneMap.parse(rules)


def _part(key: str, value: Any) -> Workload:
    """Check one field of a workload by itself."""
    fields: dict[str, Any] = {key: value}
    return Workload(**fields)


def _between(costs: Costs, planes: tuple[int, int], value: Any) -> Costs:
    return Costs(costs.reasons, {**costs.between, planes: _spread(value)}, costs.exit)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _policies(names: Any, planes: int) -> dict[str, Policy]:
    if not isinstance(names, list) or not names:
        known = ", ".join(presets())
        raise ValueError(f"{names!r} is no list of policies, expected presets, of {known}")
    return {str(name): parse_policy(str(name), planes) for name in names}


def _spread(value: Any) -> Spread | str | int:
    """Read a time, or a table of one distribution: { exponential = "20 us" }."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else duration_ns(value)
    known = ", ".join(SPREADS)
    if len(value) != 1 or next(iter(value)) not in SPREADS:
        raise ValueError(f"{value!r} is no distribution, expected a time, or one of {known}")
    [(kind, given)] = value.items()
    made: Callable[..., Spread] = SPREADS[kind]
    if kind == "empirical" or not isinstance(given, list | dict):
        return made(given)
    return made(**given) if isinstance(given, dict) else made(*given)


def _set(value: Any) -> list[int]:
    """Read vCPUs: a list of numbers, or "0-3,6"."""
    if not isinstance(value, str):
        return list(value)
    out: list[int] = []
    for part in value.split(","):
        ends = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
        if not ends:
            raise ValueError(f'{value!r} is no set of vCPUs, expected as "0-3,6"')
        out.extend(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    return out


def costing(costs: Costs, key: str, value: Any) -> Costs:
    """Give costs with one changed: of a reason, ``"any"`` or ``"exit"``."""
    if key == "exit":
        return Costs(costs.reasons, costs.between, _spread(value))
    return Costs({**costs.reasons, key: _spread(value)}, costs.between, costs.exit)
