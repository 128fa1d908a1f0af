"""What stands in a scenario file; what is wrong in one is named with its line."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from ..checks import plane_count, plane_id, seed_number, vcpu_count, whole
from ..errors import InputError, Mistake, Words, unknown
from ..files import Toml
from ..irqchip import as_controller
from ..policy import Policy, job_route
from ..policytext import as_policies
from ..text import with_unit
from ..traces import Target
from ..workload import Calls, Costs, Ipis, Recorded, Workload
from ..workload.costs import read_costs
from ..workload.distributions import spread
from ..workload.sources import SOURCES
from ..workload.workload import plane_of
from .values import length_ns, plane_map, time_ns, vcpu_set

__all__ = ["read_scenario"]

_TOP = (
    *("title", "origin", "planes", "vcpus", "policies", "duration", "jobs", "warmup", "seed"),
    *("slice", "controller"),
)
_TABLES = ("costs", "workload", "source", "grid")
_WORK = ("busy", "route", "forward", "main")
_RECORDED = ("kind", "trace", "map", "service", "name")
_MAY_LACK = ("vcpus", "to", "vector")
_RATES = ("rate", "off_rate")
_TIMES = ("period", "phase", "on", "off", "times")


def read_scenario(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a scenario file holds: title, origin, policies, and arguments of `simulate`."""
    return _Reader(Toml(path, arrays=("source", "case", "scenario"))).scenario()


class _Reader:
    """Takes a scenario's tables apart."""

    def __init__(self, file: Toml) -> None:
        self.file = file
        self.table = file.table

    def scenario(self) -> dict[str, Any]:
        top = self.table
        self.file.check_kind("scenario")
        self.file.known(top, (*_TOP, *_TABLES))
        for key in ("title", "policies"):
            if key not in top:
                raise self.file.error(f"no {key!r}", f"a line {key} = ...")
        if "duration" not in top and "jobs" not in top:
            raise self.file.error("neither 'duration' nor 'jobs'", 'duration = "10 s"')
        planes = self.file.read(plane_count, top.get("planes", 2), key="planes")
        arguments: dict[str, Any] = {"planes": planes, "vcpus": 1}
        readers: dict[str, Callable[[Any], int]] = {
            "duration": length_ns, "warmup": time_ns, "vcpus": vcpu_count,
            "jobs": lambda value: whole("jobs", value, 1), "seed": seed_number,
            "slice": length_ns,
        }  # fmt: skip
        for key, read in readers.items():
            if key in top:
                name = "slice_ns" if key == "slice" else key
                arguments[name] = self.file.read(read, top[key], key=key)
        if "controller" in top:
            controller = self.file.read(as_controller, top["controller"], key="controller")
            arguments["controller"] = controller
        arguments["workload"] = self.workload()
        arguments["costs"] = self.costs()
        policies = self.policies(planes)
        for name, policy in policies.items():
            self.fits(name, policy, arguments)
        title, origin = (str(top.get(key, "")) for key in ("title", "origin"))
        return {
            "title": title, "origin": origin.strip(), "policies": policies, "arguments": arguments,
            "grid": self.grid(),
        }  # fmt: skip

    def grid(self) -> dict[str, list[Any]]:
        """Return the settings of a sweep; what they are called and may be is `sweep`'s to say."""
        table = self.file.subtable("grid")
        for key, values in table.items():
            if not isinstance(values, list) or not values:
                raise self.file.error(f"{key} = {values!r}", "a list of values", key, "grid")
        return table

    def policies(self, planes: int) -> dict[str, Policy]:
        given, folder = self.table["policies"], Path(self.file.path).parent
        found: dict[str, Policy] = self.file.read(
            as_policies, given, planes, folder, key="policies"
        )
        return found

    def workload(self) -> Workload:
        table = dict(self.file.subtable("workload"))
        self.file.known(table, _WORK, "workload")
        listed = self.file.subtables("source")
        sources = [self.source(index, item) for index, item in enumerate(listed)]
        if "forward" in table:
            forward = table["forward"]
            table["forward"] = self.file.read(time_ns, forward, key="forward", table="workload")
        try:
            return Workload(sources, **table)
        except Mistake as mistake:
            raise self.in_workload(mistake) from None

    def in_workload(self, mistake: Mistake) -> InputError:
        """Give a workload's mistake its line: in one of the sources, or in [workload]."""
        source = re.fullmatch(r"sources\[(\d+)\]\.(\w+)", mistake.name)
        if source is None:
            return self.file.placed(mistake, _head(mistake.name), "workload")
        mistake = mistake.named(source[2])
        return self.file.placed(mistake, source[2], "source", int(source[1]))

    def source(self, index: int, table: dict[str, Any]) -> Any:
        kind = table.get("kind")
        if kind == "recorded":
            return self.recorded(index, table)
        if not isinstance(kind, str) or kind not in SOURCES:
            mistake = unknown("kind", kind, [*SOURCES, "recorded"])
            raise self.file.placed(mistake, "kind", "source", index)
        made = SOURCES[kind]
        self.file.known(table, ("kind", *(item.name for item in fields(made))), "source", index)
        given = {key: value for key, value in table.items() if key != "kind"}
        for key in given:
            given[key] = self.setting(index, made, key, given[key])
        for item in fields(made):
            needed = item.default is MISSING or (
                item.default is None and item.name not in _MAY_LACK
            )
            if needed and item.name not in given:
                self.lacks(index, kind, item.name)
        try:
            return made(**given)
        except Mistake as mistake:
            raise self.file.placed(mistake, _head(mistake.name), "source", index) from None

    def setting(self, index: int, made: Any, key: str, value: Any) -> Any:
        """Return the value of a source's key: what a file may write otherwise than Python."""

        def read() -> Any:
            if key in ("service", "jitter"):
                return spread(value, key, typed=True)
            if key == "vcpus" or (key == "to" and made is not Calls):
                return vcpu_set(value)
            if key in _RATES or key in _TIMES:
                for one in value if isinstance(value, list) else [value]:
                    with_unit(one, key, rate=key in _RATES)
            return value

        return self.file.read(read, key=key, table="source", index=index)

    def lacks(self, index: int, kind: str, key: str) -> None:
        also = ', as "20 us" or 0' if key == "service" else ""
        raise self.file.error(
            f"a {kind} without {key!r}", f"that key too{also}", table="source", index=index
        )

    def recorded(self, index: int, table: dict[str, Any]) -> Recorded:
        self.file.known(table, _RECORDED, "source", index)
        for key in ("trace", "map"):
            if key not in table:
                self.lacks(index, "recorded", key)
        place: Any = {"table": "source", "index": index}
        trace = self.file.read(self.beside, table["trace"], key="trace", **place)
        rules = self.file.read(plane_map, table["map"], key="map", **place)
        service, name = table.get("service"), table.get("name", "")
        if service is None and len(rules.targets) > 1:
            self.lacks(index, "recorded", "service")
        for one in service.values() if isinstance(service, Mapping) else [service]:
            self.file.read(with_unit, one, key="service", **place)
        made = self.file.read(Recorded, trace, rules, service, key="service", **place)
        named: Recorded = self.file.read(lambda: replace(made, name=name), key="name", **place)
        return named

    def beside(self, name: Any) -> Path:
        """Return a file that is named as seen from this one's folder."""
        path = Path(self.file.path).parent / str(name)
        if not path.is_file():
            raise Mistake("", name, f"a recorded trace: there is no such file in {path.parent}")
        return path

    def costs(self) -> Costs:
        return read_costs(self.file)

    def fits(self, name: str, policy: Policy, arguments: dict[str, Any]) -> None:
        """Check what of the workload depends on the policy, or on how many vCPUs there are."""
        planes, vcpus, work = (arguments[key] for key in ("planes", "vcpus", "workload"))

        def plane(target: Target) -> None:
            try:
                plane_of(target, policy, planes, work.main)
            except Mistake as mistake:
                expected = f"{mistake.expected}, with {name}"
                raise Mistake("", Words(str(mistake.found)), expected) from None

        def below(key: str, ids: Any) -> None:
            if ids and max(ids) >= vcpus:
                raise Mistake(key, Words(f"vCPU {max(ids)}"), f"one in 0..{vcpus - 1}")

        def check(read: Callable[..., Any], *given: Any, key: str) -> None:
            self.file.read(read, *given, key=key, table="workload")

        if work.route is not None:
            check(job_route, work.route, policy, key="route")
        if work.main is not None:
            check(plane_id, "main", work.main, planes, key="main")
        for target in work.busy:
            check(plane, target, key="busy")
        for index, source in enumerate(work.sources):
            place: Any = {"table": "source", "index": index}
            if isinstance(source, Recorded):
                levels = source.plane_map.planes
                self.file.read(
                    lambda f=levels: f(policy, planes, main=work.main), key="map", **place
                )
                continue
            self.file.read(plane, source.plane, key="plane", **place)
            self.file.read(below, "vcpus", source.vcpus, key="vcpus", **place)
            if isinstance(source, Calls) and source.to is not None:
                self.file.read(plane, source.to, key="to", **place)
            if isinstance(source, Calls) and source.to is None and policy.hands_over:
                raise self.file.error(f"calls without 'to' under {name}", "that key too", **place)
            if isinstance(source, Ipis):
                self.file.read(below, "to", source.to, key="to", **place)


def _head(name: str) -> str:
    """Return the key that what is wrong with stands under: ``service`` of ``service.gamma``."""
    return re.split(r"[.\[]", name, maxsplit=1)[0]
