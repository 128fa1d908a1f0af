"""``planesched compare``: a scenario under several policies, on the same arrivals."""

import argparse

from ..errors import Mistake, Words
from ..figures.written import ENDINGS
from .again import add_baseline, baseline_of, print_changes, run_again
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
        "--again", metavar="FILE.json",
        help="run what printed this answer (--json) again: compare, or any other command",
    )  # fmt: skip
    add_baseline(parser)
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
    baseline = baseline_of(args)
    if args.again is not None:
        return run_again(args)
    if args.scenario is None:
        raise Mistake("SCENARIO", Words("none"), "a .toml file, a name, or --again FILE.json")
    scenario, options = arguments(args)
    chosen = policies(scenario, args.policies)
    if args.ab is not None:
        chosen = varied(chosen, args.ab)
    with ticking("comparing") as told:
        found = compare(chosen, in_userspace=args.in_userspace, **options, **told)
    found = stepped(args, found, lambda between: compare(between, **options))
    write_out(args, found)
    print_answer(args, found)
    print_changes(args, baseline, found)
    write_plot(args, found, scenario.title)
    report_run(args, found, scenario.title, options)
    return 130 if found.partial else 0
