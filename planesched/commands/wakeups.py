"""What ``planesched check --sends`` takes and does (docs/how-to/wakeups.md)."""

import argparse
from typing import Any

from ..checking.kick import KICK_EVENTS, KICK_PROPERTIES, check_wakeups
from ..checking.start import start_state
from ..errors import Mistake
from ..policy import Policy
from ..protocols import protocols
from ..report.progress import progress
from ..report.wakeups import write_wakeups
from .found import print_found
from .options import typed_as
from .out import write_report

__all__ = ["add_wakeups", "run_wakeups"]


def add_wakeups(parser: argparse.ArgumentParser) -> None:
    """Take the words of a search for lost wake-ups."""
    group = parser.add_argument_group("posting, kick and look as separate acts")
    group.add_argument(
        "--sends", metavar="LIST",
        help='what senders send, one each, as "irq 1, nmi 0"; searches for wake-ups lost between '
        f"the acts: {', '.join(KICK_PROPERTIES)}",
    )  # fmt: skip
    group.add_argument(
        "--protocol", metavar="NAME|FIELD=VALUE,...",
        help=f"how they kick and how the vCPU looks: {', '.join(protocols())}, with changes after "
        "a colon; or changes of the correct one alone",
    )  # fmt: skip
    group.add_argument(
        "--senders", choices=("repeat", "once"), default="repeat",
        help="whether each sends again and again (default) or once",
    )  # fmt: skip
    group.add_argument(
        "--timeline", metavar="FILE",
        help="write the interleavings that were found, for ui.perfetto.dev (.json, .json.gz, "
        ".pftrace)",
    )  # fmt: skip


def run_wakeups(args: argparse.Namespace, policy: Policy, events: str | None) -> int:
    """Search, and print the report."""
    if args.sends is None:
        raise Mistake("--protocol", args.protocol, '--sends beside it, as "irq 1"')
    typed_names = {"sends": "--sends", "protocol": "--protocol", "events": "--events"}
    with typed_as(properties="--property", **typed_names), progress("searching") as tick:
        told: dict[str, Any] = {}
        if tick is not None:
            told["progress"] = lambda part, states: tick(
                f"{states:,} states, {part:.0%} of the bound"
            )
        report = check_wakeups(
            policy,
            args.planes,
            protocol=args.protocol or "correct",
            sends=args.sends,
            senders=args.senders,
            events=KICK_EVENTS if events is None else events,
            properties=args.properties,
            max_states=args.max_states,
            cure=args.cure,
            start=None if args.start is None else start_state(args.start, policy, args.planes),
            **told,
        )
    print_found(args, report, args.policy)
    if args.timeline:
        write_wakeups(args.timeline, report)
    write_report(args, report)
    if args.save and report.broken:
        report.save(args.save)
    return report.status
