"""``--explain-at``: why a run did what it did at a moment."""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Mistake, Words
from ..figures.result import Result
from ..figures.results import Results
from ..simulation.engine import Engine
from ..text import format_ns
from .options import called

if TYPE_CHECKING:  # slow to import, and few ask
    from ..explaining.moments import Moment, Wanted

__all__ = [
    "add_explain_at", "asked_moment", "in_json", "print_moments", "replayed_moments",
    "simulated_moment",
]  # fmt: skip

Moments = dict[str, "Moment | None"]
"""What was found, by the policy's label; None where no interrupt waits so long."""


def add_explain_at(parser: argparse.ArgumentParser) -> None:
    """Take ``--explain-at MOMENT``."""
    parser.add_argument(
        "--explain-at", metavar="MOMENT",
        help='why the last change at or before a time was what it was ("12.5 ms", or of one vCPU '
        '"vcpu3:12.5 ms"), or what made the first interrupt wait so long: "first-wait>1ms"',
    )  # fmt: skip


def asked_moment(args: argparse.Namespace) -> "Wanted | None":
    """Return what ``--explain-at`` asks for."""
    if args.explain_at is None:
        return None
    if args.format not in ("text", "json"):
        raise Mistake("--explain-at", Words(f"with --format {args.format}"), "text or json")
    from ..explaining.moments import wanted

    with called("--explain-at"):
        return wanted(args.explain_at)


def simulated_moment(
    asked: "Wanted | None", result: Result, options: dict[str, Any], **more: Any
) -> Moments:
    """Explain a moment of a simulation, which is begun anew, if one is asked for."""
    if asked is None:
        return {}
    from ..explaining.moments import moment
    from ..simulation.run import cells

    span_ns = result.start_ns, result.start_ns + result.elapsed_ns
    settings = options | more
    if asked.vcpu is not None and asked.vcpu not in result.vcpu_ids:
        raise Mistake("--explain-at", Words(f"vcpu{asked.vcpu}"), "a vCPU of the run")
    found: list[Moment] = []
    for number, cell in enumerate(cells(result.policy, **settings)):
        ids = cell.ids.tolist()
        if asked.vcpu is not None and asked.vcpu not in ids:
            continue

        def again(number: int = number) -> Iterator[tuple[Engine, int]]:
            yield cells(result.policy, **settings)[number].begin(), span_ns[1] + 1

        seen = moment(again, asked, result.policy, result.planes, result.label, span_ns, ids)
        found += [] if seen is None else [seen]
        if not asked.wait:
            break
    return {result.label: min(found, key=lambda each: each.time_ns, default=None)}


def replayed_moments(
    asked: "Wanted | None", results: Results, trace: str, options: dict[str, Any]
) -> Moments:
    """Explain a moment of a replay under each policy, if one is asked for."""
    found: Moments = {}
    if asked is None:
        return found
    from ..explaining.moments import moment
    from ..replaying.run import going

    for each in results:
        again = partial(going, trace, each.policy, **options)
        span_ns = 0, each.elapsed_ns
        found[each.label] = moment(again, asked, each.policy, each.planes, each.label, span_ns)
    return found


def in_json(found: Moments) -> dict[str, Any]:
    """Return what JSON says of the moments that were asked for, by label."""
    explained = {label: each and each.as_dict() for label, each in found.items()}
    return {"explained": explained} if found else {}


def print_moments(args: argparse.Namespace, asked: "Wanted | None", found: Moments) -> None:
    """Print what was found, by label, below an answer in text."""
    for label, each in found.items() if asked is not None and args.format == "text" else ():
        print()
        if each is not None:
            print(each if len(found) == 1 else f"{label}:\n{each}")
        elif asked is not None:
            print(f"{label}: no interrupt waits more than {format_ns(asked.time_ns)}")
