"""``planesched diff``: the shortest way to where two policies do different things."""

import argparse

from ..checking import diff
from ..checking.start import start_state
from ..errors import Mistake, Words
from ..policytext import as_policy, with_settings
from .check import add_search, print_search, watching
from .options import called
from .out import add_report, check_drawings, write_report

DESCRIPTION = """\
Find the shortest event sequence after which two policies do different things, and how many states
differ: what would change for guests. Without a second policy, it is the first as --set changes it.
The exit status is 0 if they never differ, 1 if they do, 2 if the search could not tell."""
EXAMPLE = "planesched diff vsm --set preempt=nearest --planes 3"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("first", metavar="POLICY", help="a preset or a TOML file (see policies)")
    parser.add_argument("second", metavar="POLICY", nargs="?", help="another; --set is for it")
    parser.add_argument(
        "--explain", action="store_true",
        help="say of the step in which they differ why each did what it did, rule by rule",
    )  # fmt: skip
    add_search(parser, "hostile")
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Search, and print where the policies differ."""
    check_drawings(None, report=args.report)
    controllers = args.controller or []
    if len(controllers) > 2:
        raise Mistake("--controller", Words(" and ".join(controllers)), "one, or two")
    if args.second is None and not args.settings and len(set(controllers)) < 2:
        raise Mistake("POLICY", args.first, "a second one, or --set with what is to differ")
    with called("POLICY"):
        first = as_policy(args.first, args.planes)
        second = as_policy(args.second or args.first, args.planes)
    with called("--set"):
        second = with_settings(second, args.settings, args.planes)
    start = None
    if args.start is not None:
        start = start_state(args.start, first, args.planes).reshape(1)
    with watching() as told:
        report = diff(
            first,
            second,
            args.planes,
            events=args.events,
            max_states=args.max_states,
            threads=args.threads,
            assume=args.assume,
            from_states=start,
            labels=_labels(args),
            vectors=args.vectors,
            tpr=args.tpr,
            controller=controllers[0] if len(controllers) == 1 else controllers or None,
            **told,
        )
    traces = {"where they differ": report.trace} if args.explain else {}
    print_search(args, report, traces, report.labels, last=2)
    write_report(args, report)
    return report.status


def _labels(args: argparse.Namespace) -> tuple[str, str]:
    """Call each policy what was typed for it."""
    changed = ",".join(args.settings)
    second = args.second or args.first
    labels = args.first, f"{second}:{changed}" if changed else second
    if labels[0] == labels[1] and args.controller:
        return args.controller[0], args.controller[-1]
    return labels
