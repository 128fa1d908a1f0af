"""The commands ``planesched check`` and ``planesched diff``, ready to be hung into a parser."""

import argparse
import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..policy import Policy, field_names
from ..presets import presets
from . import MAX_STATES, Progress, check, diff, matrix
from .alphabet import DEFAULT, GROUPS
from .properties import PROPERTIES

__all__ = [
    "add_check_arguments",
    "add_diff_arguments",
    "read_policy",
    "run_check",
    "run_diff",
    "set_fields",
]

_KEYS = ("preset", "planes", "vcpus", "policy", "events", "properties")
_NUMBERS = ("marker", "boot")
_FLAGS = ("rearm", "refuse_pending", "vina_auto_reset")


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``planesched check`` takes."""
    parser.add_argument("policy", nargs="*", metavar="PRESET|FILE.toml", help="what to check")
    parser.add_argument("--matrix", action="store_true", help="all of them, or all presets")
    parser.add_argument(
        "--property",
        action="append",
        metavar="NAME",
        help=f"one of {', '.join(PROPERTIES)}; may be repeated; all by default",
    )
    parser.add_argument("--vcpus", type=int, help="vCPUs that are searched together (1)")
    parser.add_argument("--save", metavar="FILE.toml", help="write counterexamples as scenarios")
    _add_common(parser)


def add_diff_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``planesched diff`` takes."""
    parser.add_argument("first", metavar="POLICY", help="a preset or FILE.toml")
    parser.add_argument(
        "second", metavar="POLICY", nargs="?", help="another; the first with --set, if left out"
    )
    _add_common(parser)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--planes", type=int, help="planes of each vCPU (2)")
    parser.add_argument(
        "--events",
        metavar="LIST",
        help=f"what may happen, with commas; groups: {', '.join(GROUPS)}; +name and -name change "
        f"the default ({','.join(DEFAULT)})",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change a policy field"
    )
    parser.add_argument("--max-states", type=int, default=MAX_STATES, help="(%(default)s)")
    parser.add_argument("--threads", type=int, help="as many as there are CPUs, by default")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_check(args: argparse.Namespace) -> int:
    """Run ``planesched check``; give the exit status: 0 holds, 1 broken, 2 could not tell."""
    names = args.policy or (list(presets()) if args.matrix else [])
    if not names:
        raise ValueError("name a preset or a FILE.toml to check, or --matrix for all presets")
    if len(names) > 1 and not args.matrix:
        raise ValueError(f"{len(names)} policies: check one, or add --matrix for a table")
    if args.matrix and args.save:
        raise ValueError("--save goes with one policy, not with --matrix")
    files = {name: _read_file(name) for name in names}
    common = _options(args, files[names[0]])
    planes = common.pop("planes")
    common["vcpus"] = args.vcpus or files[names[0]].get("vcpus", 1)
    common["properties"] = args.property or files[names[0]].get("properties")
    policies = {name: _policy(name, files[name], planes, args.set) for name in names}
    if args.matrix:
        table = matrix(policies, planes, **common)
        print(json.dumps(table.as_dict(), indent=2) if args.json else table.text)
        return table.status
    report = check(policies[names[0]], planes, **common)
    print(json.dumps(report.as_dict(), indent=2) if args.json else report.text)
    if args.save:
        _save(report, args.save)
    return report.status


def run_diff(args: argparse.Namespace) -> int:
    """Run ``planesched diff``; give the exit status: 0 the same, 1 different, 2 not told."""
    if args.second is None and not args.set:
        raise ValueError("name a second policy, or the field that differs with --set field=value")
    second = args.second or args.first
    files = {name: _read_file(name) for name in (args.first, second)}
    common = _options(args, files[args.first])
    planes = common.pop("planes")
    first = _policy(args.first, files[args.first], planes, [])
    report = diff(first, _policy(second, files[second], planes, args.set), planes, **common)
    print(json.dumps(report.as_dict(), indent=2) if args.json else report.text)
    return report.status


def read_policy(name: str, planes: int) -> Policy:
    """Give the policy of a preset, or of a TOML file with ``preset`` and a table ``policy``.

    Raises
    ------
    ValueError
        If there is no such preset, or the file holds something else.
    OSError
        If the file cannot be read.
    """
    return _policy(name, _read_file(name), planes, [])


def set_fields(policy: Policy, changes: list[str]) -> Policy:
    """Change fields that are written ``field=value``, as on the command line.

    Raises
    ------
    ValueError
        If a field or value is unknown.
    """
    values = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or name not in field_names():
            raise ValueError(f"--set {change}: expected FIELD=VALUE, of {', '.join(field_names())}")
        values[name] = _value(name, text)
    return policy.replace(**values)


def _value(name: str, text: str) -> Any:
    if name in _FLAGS:
        if text not in ("true", "false"):
            raise ValueError(f"--set {name}={text}: expected true or false")
        return text == "true"
    if name in _NUMBERS:
        if name == "marker" and text == "none":
            return None
        if not text.isdecimal():
            raise ValueError(f"--set {name}={text}: expected a plane")
        return int(text)
    if name == "accelerated":
        return [word for word in text.split(",") if word]
    return text


def _read_file(name: str) -> Mapping[str, Any]:
    """Read a policy file; what is no file is a preset."""
    if not name.endswith(".toml"):
        return {"preset": name}
    try:
        table = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: not TOML: {error}") from None
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"{name}: {key}={table[key]!r}: expected one of {', '.join(_KEYS)}")
    for key, kind in (("preset", str), ("policy", dict), ("planes", int), ("vcpus", int)):
        if key in table and not isinstance(table[key], kind):
            raise ValueError(f"{name}: {key}={table[key]!r}: expected {kind.__name__}")
    return table


def _policy(name: str, table: Mapping[str, Any], planes: int, changes: list[str]) -> Policy:
    try:
        base = Policy.preset(table["preset"], planes) if "preset" in table else Policy()
        policy = base.replace(**table.get("policy", {}))
    except (TypeError, ValueError) as error:
        if not name.endswith(".toml"):
            raise
        raise ValueError(f"{name}: policy: {error}") from None
    return set_fields(policy, changes)


def _options(args: argparse.Namespace, table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "planes": args.planes or table.get("planes", 2),
        "events": args.events or table.get("events", DEFAULT),
        "max_states": args.max_states,
        "threads": args.threads,
        "progress": _watcher() if sys.stderr.isatty() else None,
    }


def _watcher() -> Callable[[Progress], object]:
    """Show how far the search is, on a terminal, once it takes more than a moment."""

    def show(now: Progress) -> None:
        if now.elapsed_s > 1:
            line = (
                f"{now.phase}: {now.states:,} states, {now.states_hz:,.0f}/s, depth {now.depth}, "
                f"table {now.load:.0%} full"
            )
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    return show


def _save(report: Any, path: str) -> None:
    from .. import conformance

    scenarios = [
        scenario
        for name, verdict in report.verdicts.items()
        if verdict.trace is not None and len(verdict.trace)
        for scenario in verdict.trace.scenarios(name, f"{name}: {verdict.short}")
    ]
    if scenarios:
        conformance.dump(scenarios, path)
    print(f"{len(scenarios)} counterexamples written to {path}", file=sys.stderr)
