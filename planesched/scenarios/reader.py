"""What stands in a scenario file; what is wrong in one is named with its line."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from ..checks import job_route, vcpu_count
from ..errors import TraceError
from ..files import read_toml
from ..policy import Policy, plane_count
from ..text import duration_ns
from ..workload import Calls, Costs, Ipis, Recorded, Workload, cost_sets
from ..workload.sources import SOURCES
from ..workload.workload import plane_of
from .values import (
    between,
    costing,
    known_policies,
    length_ns,
    plane_map,
    seed,
    spread_of,
    vcpu_set,
    whole,
)

__all__ = ["read_scenario"]

_TOP = ("title", "origin", "planes", "vcpus", "policies", "duration", "jobs", "warmup", "seed")
_TABLES = ("costs", "workload", "source")
_WORK = ("busy", "route", "forward", "main")
_RECORDED = ("kind", "trace", "map", "service", "name")
_MAY_LACK = ("vcpus", "to")
# How what is wrong is worded, and what was expected then.
_WORDINGS = (
    (", expected ", ""),
    (" is none of ", "one of "),
    (" is not in ", "a value in "),
    (" is not above ", "a value above "),
    (" is not ", ""),
    (" does not exist: ", "one that does: "),
    (" is no field of a policy: ", "one of "),
    (" needs ", ""),
)


def read_scenario(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a scenario file: title, origin, policies, and the arguments of `planesched.simulate`."""
    table, text = read_toml(path)
    return _Reader(os.fspath(path), table, text).scenario()


class _Reader:
    """Takes a scenario's tables apart, and knows the line of each key."""

    def __init__(self, path: str, table: dict[str, Any], text: str) -> None:
        self.path = path
        self.table = table
        self.text = text

    def scenario(self) -> dict[str, Any]:
        top = self.table
        self.known("", 0, top, (*_TOP, *_TABLES))
        for key in ("title", "policies"):
            if key not in top:
                raise TraceError(self.path, 0, f"no {key!r}", f"a line {key} = ...")
        if "duration" not in top and "jobs" not in top:
            raise TraceError(self.path, 0, "neither 'duration' nor 'jobs'", 'duration = "10 s"')
        planes = self.value("", 0, "planes", plane_count, top.get("planes", 2))
        arguments: dict[str, Any] = {"planes": planes, "vcpus": 1}
        readers = {
            "duration": length_ns, "warmup": duration_ns, "vcpus": vcpu_count, "jobs": whole,
            "seed": seed,
        }  # fmt: skip
        for key, read in readers.items():
            if key in top:
                arguments[key] = self.value("", 0, key, read, top[key])
        arguments["workload"] = self.workload()
        arguments["costs"] = self.costs()
        folder = Path(self.path).parent
        policies = self.value("", 0, "policies", known_policies, top["policies"], planes, folder)
        for name, policy in policies.items():
            self.fits(name, policy, arguments)
        title, origin = (str(top.get(key, "")) for key in ("title", "origin"))
        return {
            "title": title, "origin": origin.strip(), "policies": policies, "arguments": arguments,
        }  # fmt: skip

    def workload(self) -> Workload:
        table = self.subtable("workload")
        self.known("workload", 0, table, _WORK)
        listed = self.table.get("source", [])
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise TraceError(self.path, self.line("source", 0, ""), "source", "tables [[source]]")
        sources = [self.source(index, item) for index, item in enumerate(listed)]
        for key in table:
            # One key at a time, so that what is wrong has a line.
            self.value("workload", 0, key, lambda key: Workload(**{key: table[key]}), key)
        for index in range(len(sources)):
            # Which one does not go with those before it?
            if not isinstance(sources[index], Ipis):
                self.value("source", index, "name", Workload, [
                    source for source in sources[: index + 1] if not isinstance(source, Ipis)
                ])  # fmt: skip
        for index, source in enumerate(sources):
            if isinstance(source, Ipis):
                others = [other for other in sources if not isinstance(other, Ipis)]
                self.value("source", index, "after", Workload, [*others, source])
        work: Workload = self.value("source", 0, "", lambda: Workload(sources, **table))
        return work

    def source(self, index: int, table: dict[str, Any]) -> Any:
        kind = table.get("kind")
        if kind == "recorded":
            return self.recorded(index, table)
        if kind not in SOURCES:
            line = self.line("source", index, "kind")
            known = ", ".join([*SOURCES, "recorded"])
            raise TraceError(self.path, line, f"kind={kind!r}", f"one of {known}")
        made = SOURCES[kind]
        self.known("source", index, table, ("kind", *(item.name for item in fields(made))))
        given = {key: value for key, value in table.items() if key != "kind"}
        readers: dict[str, Any] = {
            "service": spread_of, "jitter": spread_of, "vcpus": vcpu_set, "to": vcpu_set,
        }  # fmt: skip
        for key, read in readers.items():
            if key in given and not (key == "to" and made is Calls):
                given[key] = self.value("source", index, key, read, given[key])
        for item in fields(made):
            needed = item.default is MISSING or (
                item.default is None and item.name not in _MAY_LACK
            )
            if needed and item.name not in given:
                line = self.line("source", index, "")
                raise TraceError(self.path, line, f"a {kind} without {item.name!r}", "that key too")
        try:
            return made(**given)
        except (TypeError, ValueError) as error:
            key = next((key for key in given if str(error).startswith(key)), "")
            raise self.wrong("source", index, key, error) from None

    def recorded(self, index: int, table: dict[str, Any]) -> Recorded:
        self.known("source", index, table, _RECORDED)
        for key in ("trace", "map"):
            if key not in table:
                line = self.line("source", index, "")
                raise TraceError(self.path, line, f"a recorded without {key!r}", "that key too")
        trace = self.value("source", index, "trace", self.beside, table["trace"])
        rules = self.value("source", index, "map", plane_map, table["map"])
        service, name = table.get("service", 0), table.get("name", "")
        made = self.value("source", index, "service", Recorded, trace, rules, service)
        named: Recorded = self.value("source", index, "name", lambda: replace(made, name=name))
        return named

    def beside(self, name: Any) -> Path:
        """Give a file that is named as seen from this one's folder."""
        path = Path(self.path).parent / str(name)
        if not path.is_file():
            raise ValueError(f"{name!r} is no file in {path.parent}, expected a recorded trace")
        return path

    def costs(self) -> Costs:
        table = dict(self.subtable("costs"))
        by_planes = table.pop("between", {})
        base = table.pop("set", None)
        if base is not None and base not in cost_sets():
            line = self.line("costs", 0, "set")
            raise TraceError(self.path, line, f"set={base!r}", f"one of {', '.join(cost_sets())}")
        costs = Costs.of(base)
        for key, value in table.items():
            costs = self.value("costs", 0, key, costing, costs, key, value)
        for key, value in by_planes.items():
            costs = self.value("costs.between", 0, key, between, costs, key, value)
        return costs

    def fits(self, name: str, policy: Policy, arguments: dict[str, Any]) -> None:
        """Check what of the workload depends on the policy, or on how many vCPUs there are."""
        planes, vcpus, work = (arguments[key] for key in ("planes", "vcpus", "workload"))

        def plane(target: Any) -> None:
            try:
                plane_of(target, policy, planes, work.main)
            except ValueError as error:
                raise ValueError(f"{error}, with {name}") from None

        def below(key: str, ids: Any) -> None:
            if ids and max(ids) >= vcpus:
                raise ValueError(f"{key}: vCPU {max(ids)} is not in 0..{vcpus - 1}")

        if work.route is not None:
            self.value("workload", 0, "route", job_route, work.route, policy)
        if work.main is not None and work.main >= planes:
            error = ValueError(f"main={work.main} is not in 0..{planes - 1}")
            raise self.wrong("workload", 0, "main", error)
        for target in work.busy:
            self.value("workload", 0, "busy", plane, target)
        for index, source in enumerate(work.sources):
            if isinstance(source, Recorded):
                levels = source.plane_map.planes
                self.value(
                    "source", index, "map", lambda f=levels: f(policy, planes, main=work.main)
                )
                continue
            self.value("source", index, "plane", plane, source.plane)
            self.value("source", index, "vcpus", below, "vcpus", source.vcpus)
            if isinstance(source, Calls) and source.to is not None:
                self.value("source", index, "to", plane, source.to)
            if isinstance(source, Calls) and source.to is None and policy.hands_over:
                line = self.line("source", index, "")
                raise TraceError(
                    self.path, line, f"calls without 'to' under {name}", "that key too"
                )
            if isinstance(source, Ipis):
                self.value("source", index, "to", below, "to", source.to)

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
        except (TypeError, ValueError) as error:
            raise self.wrong(name, index, key, error) from None

    def wrong(self, name: str, index: int, key: str, error: Exception) -> TraceError:
        """Say what is wrong with the value of a key, and what was expected."""
        line = self.line(name, index, key)
        if isinstance(error, TraceError):
            return TraceError(self.path, line, error.found, error.expected)
        found, expected = str(error), "another value"
        for wording, kind in _WORDINGS:
            if wording in found:
                found, _, expected = found.partition(wording)
                # Of "rate='1 kHx': '1 kHx'" the end will do.
                found, expected = found.rpartition(": ")[2], kind + expected
                break
        named = found if found.startswith((f"{key}=", f"{key}[")) or not key else f"{key}: {found}"
        return TraceError(self.path, line, named, expected)

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
