"""``planesched check``: which properties hold in every state that can be reached."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..checking import (
    ALPHABETS,
    DEFAULT,
    MAX_STATES,
    PROPERTIES,
    Report,
    Trace,
    check,
    matrix,
)
from ..checking.cite import digest
from ..checking.start import start_state
from ..errors import Mistake, Words
from ..policytext import as_policies, with_settings
from ..presets import presets
from ..report.progress import progress
from ..text import counted
from .found import print_found
from .options import add_planes, called, count, typed_as
from .out import (
    add_cite,
    add_printed,
    add_report,
    check_drawings,
    print_json,
    write_report,
)
from .wakeups import add_wakeups, run_wakeups

DESCRIPTION = f"""\
Search every state that vCPUs under a policy can reach, and say of each property whether it holds,
or show a shortest way to where it does not. Properties: {", ".join(PROPERTIES)}. The exit status is
0 if all hold, 1 if one is broken, 2 if the search could not tell."""
EXAMPLE = "planesched check vsm --planes 3 --property priority"


_ALPHABETS = ALPHABETS.values()
_TYPED = {
    "events": "--events", "properties": "--property", "assume": "--assume",
    "vectors": "--vectors", "tpr": "--tpr", "controller": "--controller", "vcpus": "--vcpus",
    "max_states": "--max-states",
}  # fmt: skip


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
        "--all", action="store_true",
        help="one way for each distinct last step and plane, beside the shortest",
    )  # fmt: skip
    parser.add_argument(
        "--cure",
        action="store_true",
        help="look which single field's change heals each broken property",
    )
    parser.add_argument(
        "--save", metavar="FILE.toml", help="write what is broken as cases, for conform"
    )
    parser.add_argument(
        "--explain", action="store_true",
        help="say of each step of each counterexample why it did what it did, rule by rule",
    )  # fmt: skip
    add_search(parser)
    add_report(parser)
    add_wakeups(parser)


def add_search(parser: argparse.ArgumentParser, default: str = DEFAULT) -> None:
    """Take what `check` and `diff` have in common."""
    add_planes(parser)
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", dest="settings",
        help="change a field of the policy; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--events", default=default, metavar="LIST",
        help="what may happen, with commas between; +NAME and -NAME change the default, "
        f"{default}. Alphabets: " + "; ".join(f"{a.name}: {a.question}" for a in _ALPHABETS),
    )  # fmt: skip
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="only=PLANE:EVENT",
        help="an event that one plane alone does, as only=0:halt; repeatable",
    )
    parser.add_argument(
        "--vectors", metavar="LIST",
        help="give each plane an interrupt controller, and these vectors, as 0x31,0x51; 1:0x31 "
        "is one of plane 1 alone",
    )  # fmt: skip
    parser.add_argument("--tpr", action="store_true", help="with vectors: guests set TPR")
    parser.add_argument(
        "--controller", metavar="SETUP", action="append",
        help="how the controllers are set up, as lapic:mask_by=tpr; of diff, each by its own",
    )  # fmt: skip
    add_start(parser)
    parser.add_argument(
        "--max-states", type=count, default=MAX_STATES, metavar="N",
        help=f"store no more states than about this (default {MAX_STATES})",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=count, metavar="N", help="threads (default: as many as CPUs)"
    )
    add_cite(parser)
    add_printed(parser)


def add_start(parser: argparse.ArgumentParser) -> None:
    """Take ``--from STATE``."""
    parser.add_argument(
        "--from", metavar="STATE", dest="start",
        help='where to begin instead of boot: as "current=1 irq=1 edge=1", or a case file or saved '
        "counterexample, FILE.toml:ID, with @STEP or @end for the state after so many steps",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Search, and print the report or the table."""
    check_drawings(None, report=args.report)
    if not args.policy and not args.matrix:
        raise Mistake(
            "POLICY", Words("none"), "a preset or a TOML file, or --matrix for all presets"
        )
    if len(args.policy) > 1 and not args.matrix:
        several = Words(" and ".join(args.policy))
        raise Mistake("POLICY", several, "one, or --matrix for a table of them")
    _check_kind(args)
    for option in ("save", "explain"):
        if getattr(args, option) and args.matrix:
            raise Mistake(f"--{option}", Words("with --matrix"), "one policy")
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
        "assume": args.assume,
        "every": args.all,
        "cure": args.cure,
        "vectors": args.vectors,
        "tpr": args.tpr,
        "controller": _one_controller(args.controller),
    }
    if args.start is not None:
        if args.matrix:
            raise Mistake("--from", Words("with --matrix"), "one policy")
        [policy] = policies.values()
        options["from_states"] = start_state(args.start, policy, args.planes).reshape(1)
    if args.matrix:
        with watching() as told:
            table = matrix(policies, args.planes, args.vcpus, **options, **told)
        print_found(args, table)
        write_report(args, table)
        return table.status
    [policy] = policies.values()
    if args.sends is not None or args.protocol is not None:
        return run_wakeups(args, policy, None if args.events is DEFAULT else args.events)
    with watching() as told:
        report = check(policy, args.planes, args.vcpus, **options, **told)
    traces = {name: each.trace for name, each in report.verdicts.items() if args.explain}
    print_search(args, report, traces, list(policies))
    write_report(args, report, next(iter(policies)))
    if args.save:
        _save(report, args.save)
    return report.status


def _check_kind(args: argparse.Namespace) -> None:
    """Raise Mistake for an option that the search that is asked for would not look at."""
    if args.sends is None and args.protocol is None:
        for option, usual in (("senders", "repeat"), ("timeline", None)):
            if getattr(args, option) != usual:
                raise Mistake(f"--{option}", getattr(args, option), '--sends beside it: "irq 1"')
        return
    for option in ("matrix", "explain", "vectors", "controller", "tpr", "all", "assume"):
        if getattr(args, option):
            both = Words("with --sends or --protocol")
            raise Mistake(f"--{option}", both, "a search of planes")
    if args.vcpus != 1:
        raise Mistake("--vcpus", args.vcpus, "1 with --sends: vCPUs share nothing but senders")


def print_search(
    args: argparse.Namespace, report: Any, traces: Mapping[str, Trace | None],
    labels: Sequence[str], last: int = 0,
) -> None:  # fmt: skip
    """Print a report, and of these traces why each step, or the last ones, did what it did."""
    from ..explaining.walks import explained

    whys = {
        name: list(explained(trace, labels))[-last:]
        for name, trace in traces.items()
        if trace is not None
    }
    if args.format == "json":
        document = report.as_dict() | {"digest": digest(report)}
        if whys:
            document["explained"] = {
                name: [
                    {**_place(number, step.vcpu, labels, last), "explanation": why.as_dict()}
                    for number, step, why in found
                ]
                for name, found in whys.items()
            }
        print_json(args, document)
        return
    if args.format != "text" or args.cite:
        print_found(args, report, () if last else labels)
        return
    print_found(args, report)
    for name, found in whys.items():
        for number, step, why in found:
            place = _place(number, step.vcpu, labels, last)
            on = f" under {place['policy']}" if last else f" on vCPU {step.vcpu}"
            on = on if last or len(step.states) > 1 else ""
            print(f"\n{name}, step {place['step']}{on}:\n\n{why}")


def _place(number: int, vcpu: int, labels: Sequence[str], last: int) -> dict[str, Any]:
    """Say which step it is; of two policies, both of which do each step, under which."""
    if last:
        return {"step": (number + 1) // last, "policy": labels[vcpu]}
    return {"step": number, "vcpu": vcpu}


def _one_controller(given: list[str] | None) -> str | None:
    if given is not None and len(given) > 1:
        raise Mistake("--controller", Words(" and ".join(given)), "one")
    return None if given is None else given[0]


@contextmanager
def watching() -> Iterator[dict[str, Any]]:
    """Show on a terminal how far a search is; gives what `check` takes for it."""
    with typed_as(**_TYPED), progress("searching") as tick:
        if tick is None:
            yield {}
            return

        began_s = time.monotonic()
        before = 0

        def told(part: float, states: int) -> None:
            nonlocal before
            rate = states / max(time.monotonic() - began_s, 1e-9)
            more = "" if states > before else ", on delivery and progress"
            before = states
            tick(f"{states:,} states, {rate:,.0f} states/s, {part:.0%} of the bound{more}")

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
