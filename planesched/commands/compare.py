"""``planesched compare``: a scenario under several policies, on the same arrivals."""

import argparse
import shlex
from typing import Any

from ..errors import InputError, Mistake, Words
from ..figures.baseline import changed_text, load_answer
from ..figures.results import Results
from ..figures.written import ENDINGS
from ..text import width
from .out import (
    add_cite,
    add_plot,
    add_printed,
    add_report,
    add_steps,
    check_drawings,
    check_out,
    print_answer,
    stepped,
    write_out,
    write_plot,
)
from .running import add_running, arguments, policies, report_run, ticking, varied

DESCRIPTION = """\
Simulate the guests of a scenario file under several policies, on the same arrivals and service
times, and print how they differ from the first: the differences with 95 % confidence intervals."""
EXAMPLE = (
    "planesched compare design-question --policy vsm --policy vsm_relay --duration 2s "
    "--plot both.svg"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_running(parser, again=True)
    parser.add_argument(
        "--policy", action="append", default=[], metavar="POLICY", dest="policies",
        help="a preset or a TOML file; repeatable (default: all of the file's)",
    )  # fmt: skip
    parser.add_argument(
        "--in-userspace", action="store_true", help="also with each policy run by userspace"
    )
    parser.add_argument(
        "--ab", metavar="FIELD=VALUE,VALUE",
        help="one policy with one field at each of these: preempt=target,relay",
    )  # fmt: skip
    parser.add_argument(
        "--again", metavar="FILE.json", help="run what printed this answer (--json) again"
    )
    parser.add_argument(
        "--baseline", metavar="FILE.json",
        help="show what has changed since this answer, below the table",
    )  # fmt: skip
    add_steps(parser)
    add_printed(parser)
    add_cite(parser)
    parser.add_argument("--out", metavar="FILE", help=f"write the answer: {', '.join(ENDINGS)}")
    add_plot(parser)
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Compare, and print the table or the JSON."""
    from ..simulation.compare import compare

    check_out(args.out, ENDINGS)
    check_drawings(args.plot, report=args.report)
    baseline = None if args.baseline is None else load_answer(args.baseline)
    then = None if args.again is None else load_answer(args.again)
    if then is not None:
        args = _again(args, then)
    elif args.scenario is None:
        raise Mistake("SCENARIO", Words("none"), "a .toml file, a name, or --again FILE.json")
    scenario, options = arguments(args)
    chosen = policies(scenario, args.policies)
    if args.ab is not None:
        chosen = varied(chosen, args.ab)
    with ticking("comparing") as told:
        found = compare(chosen, in_userspace=args.in_userspace, **options, **told)
    found = stepped(args, found, lambda between: compare(between, **options))
    write_out(args, found)
    if then is not None:
        _unchanged(args.again, found, then)
    print_answer(args, found)
    if baseline is not None and args.format == "text" and not args.cite:
        print("", changed_text(found, baseline, None if args.wide else width()), sep="\n")
    write_plot(args, found, scenario.title)
    report_run(args, found, scenario.title, options)
    return 130 if found.partial else 0


# What says how an answer is shown: that is this call's, and not that of then.
_SHOWN = ("format", "cite", "wide", "out", "plot", "report", "baseline", "again", "threads")


def _again(args: argparse.Namespace, then: dict[str, Any]) -> argparse.Namespace:
    """Return the arguments of then, but for how the answer is shown."""
    words = shlex.split(str(then.get("command", "")))
    if words[:2] != ["planesched", "compare"]:
        found = f"the command {then.get('command')!r}"
        raise InputError(args.again, 0, found, "an answer of planesched compare")
    parser = argparse.ArgumentParser(prog="planesched compare")
    add_arguments(parser)
    made = parser.parse_args(words[2:])
    for name in _SHOWN:
        setattr(made, name, getattr(args, name))
    made.command = then["command"]
    return made


def _unchanged(path: str, found: Results, then: dict[str, Any]) -> None:
    """Raise unless the scenario is what it was."""
    now, was = (given.get("digest") for given in (found[0].given, then["given"]))
    if now != was:
        expected = f"{was}: the scenario is not what it was (--baseline compares all the same)"
        raise InputError(path, 0, f"a workload with the digest {now}", expected)
