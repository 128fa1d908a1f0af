"""``planesched demo``: the design question of the KVM planes thread, on a real trace."""

import argparse

from ..figures.budget import percent
from ..figures.cite import CITED, cited
from ..figures.result import Result
from ..figures.results import Results
from ..policy import Policy
from ..text import fill, format_ns
from ..traces import PlaneMap
from .out import (
    PAGE_ROOM,
    add_cite,
    add_printed,
    add_report,
    asked_width,
    check_drawings,
    print_answer,
    say,
)
from .replay import replay_trace

DESCRIPTION = """\
A VM has three planes, as with VTL0, VTL1 and VTL2: the guest OS runs, and an interrupt comes for
the plane in the middle. Enter that plane directly, or the highest one first, or look at plane 0
only, or leave it to userspace? J. Roedel asked so for KVM planes in June 2026. This replays a
recorded trace under all four and says what it shows."""
EXAMPLE = "planesched demo"
TITLE = "Enter the plane in the middle directly, through the highest, or through userspace?"

PLANES = 3
MIDDLE, HIGHEST = "level1", "level2"
# The disk's two queues stand for devices of the middle plane, calls from the other vCPU for work of
# the highest; the rest is the guest OS's own. The trace cannot tell how long a plane that was not
# there would have worked, so that is assumed: a few exits' time where one takes 20 to 100 us
# (data/README.md).
RULES = (f"0x26-0x27={MIDDLE}", f"call_function_single={HIGHEST}")
SERVICE_NS = 200_000


def policies() -> dict[str, Policy]:
    """Return the four answers by name.

    Relay and userspace are the direct answer with one field changed each, so that what differs is
    the price of that alone. (A marker that is the highest plane changes nothing by itself.)
    """
    direct = Policy.preset("vsm", PLANES).replace(marker=PLANES - 1)
    return {
        "direct": direct,
        "relay": direct.replace(preempt="relay"),
        "plane-0-first": Policy.preset("kvm_planes", PLANES),
        "userspace": direct.replace(scheduler="user"),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_printed(parser)
    add_cite(parser)
    add_report(parser)


def run(args: argparse.Namespace) -> int:
    """Replay the trace under the four policies; print the block to cite, then what it rests on."""
    check_drawings(None, report=args.report)
    results = answers(0 if args.report is None else PAGE_ROOM)
    direct, relay, first, user = results
    sentence = " ".join(sentences(direct, relay, first, user))
    if args.format != "text":
        print_answer(args, results)
    else:
        told = ["\n".join(fill(text, CITED, hang=2)) for text in _assumed(direct)]
        rest = results.text(asked_width(args))
        more = [] if args.cite else ["", *told, "", rest]
        print(cited(results, EXAMPLE, sentence), *more, sep="\n")
    if args.report is not None:
        from ..report.page import write_page

        write_page(
            args.report, results, EXAMPLE, title=TITLE, sentence=sentence, told=_assumed(direct)
        )
        say(args, f"report: {args.report}")
    return 0


def answers(log: int = 0) -> Results:
    """Replay the trace under the four policies."""
    plane_map = PlaneMap.parse(RULES)
    return replay_trace(
        ":demo",
        policies(),
        plane_map=plane_map,
        planes=PLANES,
        service=SERVICE_NS,
        log=log,
        states=log > 0,
    )


def sentences(direct: Result, relay: Result, first: Result, user: Result) -> tuple[str, str, str]:
    """Say what the figures show; they are all that is said."""
    more = relay.stats.switches / direct.stats.switches - 1
    base = first.levels["level0"]
    each_us = format_ns(1_000 * user.stats.exits)
    return (
        f"Relaying takes {relay.stats.switches:,} switches where direct entry takes "
        f"{direct.stats.switches:,} ({percent(more, 0, '+')}).",
        f"Plane 0 first leaves {int(first.jobs.queued[base])} of the guest OS's "
        f"{int(first.jobs.arrived[base])} jobs undone (direct: {_undone(direct)}): the plane in "
        "the middle halts when it is done (assumed), and the vCPU sleeps with it. Interrupts for "
        f"that plane wait up to {_wait(first)} (direct: {_wait(direct)}).",
        f"Userspace takes {user.stats.exits:,} exits: every microsecond of an exit adds {each_us} "
        f"to these {format_ns(user.elapsed_ns)}.",
    )


def _assumed(result: Result) -> tuple[str, str, str]:
    """Say what stands for what."""
    middle, highest = (int(result.jobs.arrived[result.levels[name]]) for name in (MIDDLE, HIGHEST))
    return (
        "direct = vsm with a marker that changes nothing, relay = the same with preempt=relay, "
        "plane-0-first = kvm_planes, userspace = direct with scheduler=user",
        f"{middle} disk interrupts are for the middle plane, {highest} function calls for the "
        f"highest, {format_ns(SERVICE_NS)} of work each (assumed); the rest is the guest OS's",
        "recorded on an emulated host: counts and order are real, absolute times are inflated",
    )


def _wait(result: Result) -> str:
    """Return the longest response of the middle plane."""
    return format_ns(result.response[MIDDLE].max_ns)


def _undone(result: Result) -> int:
    return int(result.jobs.queued[result.levels["level0"]])
