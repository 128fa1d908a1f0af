"""``planesched check``: which properties hold in every state that can be reached."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..checking import DEFAULT, GROUPS, MAX_STATES, PROPERTIES, Progress, Report, check, matrix
from ..errors import Mistake, Words
from ..policytext import as_policies, with_settings
from ..presets import presets
from ..report.progress import progress
from ..text import counted
from .options import add_json, add_planes, called, count

DESCRIPTION = f"""\
Search every state that vCPUs under a policy can reach, and say of each property whether it holds,
or show a shortest way to where it does not. Properties: {", ".join(PROPERTIES)}. The exit status is
0 if all hold, 1 if one is broken, 2 if the search could not tell."""
EXAMPLE = "planesched check vsm --planes 3 --property priority"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "policy", nargs="*", metavar="POLICY", help="a preset or a TOML file (see policies)"
    )
    parser.add_argument(
        "--matrix", action="store_true",
        help="a table of the policies (all presets, if none is named) by the properties",
    )  # fmt: skip
    parser.add_argument(
        "--property", action="append", metavar="NAME", dest="properties",
        help="look at this property; repeatable (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--vcpus", type=count, default=1, metavar="N", help="vCPUs searched together (default 1)"
    )
    parser.add_argument(
        "--save", metavar="FILE.toml", help="write what is broken as cases, for conform"
    )
    add_search(parser)


def add_search(parser: argparse.ArgumentParser) -> None:
    """Take what `check` and `diff` have in common."""
    add_planes(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings",
        help="change a field of the policy; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--events", default=DEFAULT, metavar="LIST",
        help="what may happen, with commas between; groups: "
        f"{', '.join(GROUPS)}; +NAME and -NAME change the default, which is {','.join(DEFAULT)}",
    )  # fmt: skip
    parser.add_argument(
        "--max-states", type=count, default=MAX_STATES, metavar="N",
        help=f"store no more states than about this (default {MAX_STATES})",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=count, metavar="N", help="threads (default: as many as CPUs)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Search, and print the report or the table."""
    if not args.policy and not args.matrix:
        raise Mistake(
            "POLICY", Words("none"), "a preset or a TOML file, or --matrix for all presets"
        )
    if len(args.policy) > 1 and not args.matrix:
        several = Words(" and ".join(args.policy))
        raise Mistake("POLICY", several, "one, or --matrix for a table of them")
    if args.save and args.matrix:
        raise ValueError("--save goes with one policy, not with --matrix")
    with called("POLICY"):
        found = as_policies(args.policy or list(presets()), args.planes)
    policies = {
        name: with_settings(policy, args.settings, args.planes) for name, policy in found.items()
    }
    options = {
        "events": args.events,
        "properties": args.properties,
        "max_states": args.max_states,
        "threads": args.threads,
    }
    if args.matrix:
        with watching() as told:
            table = matrix(policies, args.planes, args.vcpus, **options, **told)
        print(json.dumps(table.as_dict(), indent=2) if args.json else table.text)
        return table.status
    [policy] = policies.values()
    with watching() as told:
        report = check(policy, args.planes, args.vcpus, **options, **told)
    print(json.dumps(report.as_dict(), indent=2) if args.json else report.text)
    if args.save:
        _save(report, args.save)
    return report.status


@contextmanager
def watching() -> Iterator[dict[str, Any]]:
    """Show on a terminal how far a search is; gives what `check` takes for it."""
    with progress("searching") as tick:
        if tick is None:
            yield {}
            return

        def told(now: Progress) -> None:
            phase = "" if now.phase == "search" else f", {now.phase}"
            tick(
                f"{now.states:,} states, {now.states_hz:,.0f} states/s, depth {now.depth}, "
                f"table {now.load:.0%} full{phase}"
            )

        yield {"progress": told}


def _save(report: Report, path: str) -> None:
    from ..conformance import dump

    cases = [
        case
        for name, verdict in report.verdicts.items()
        if verdict.trace
        for case in verdict.trace.cases(name, f"{name}: {verdict.short}")
    ]
    if cases:
        dump(cases, path)
    n = len(cases)
    what = f"{counted(n, 'case')} in {path}" if n else "nothing is broken: no file written"
    print(what, file=sys.stderr)
