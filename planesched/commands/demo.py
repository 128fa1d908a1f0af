"""``planesched demo``: the design question of the KVM planes thread, on a real trace."""

import argparse

from ..policy import Policy
from ..replaying.run import ReplayResult
from ..text import fill, format_ns, width
from ..traces import PlaneMap
from ..workload import Costs
from .replay import replay_trace, report

DESCRIPTION = """\
A VM has three planes, as with VTL0, VTL1 and VTL2: the guest OS runs, and an interrupt comes for
the plane in the middle. Enter that plane directly, or the highest one first, or look at plane 0
only, or leave it to userspace? J. Roedel asked so for KVM planes in June 2026. This replays a
recorded trace under all four and says what it shows."""
EXAMPLE = "planesched demo"

PLANES = 3
MIDDLE, HIGHEST = "level1", "level2"
# The disk's two queues stand for devices of the middle plane, calls from the other vCPU for work of
# the highest; the rest is the guest OS's own. The trace cannot tell how long a plane that was not
# there would have worked, so that is assumed: a few exits' time where one takes 20 to 100 us
# (data/README.md).
RULES = (f"0x26-0x27={MIDDLE}", f"call_function_single={HIGHEST}")
SERVICE_NS = 200_000


def policies() -> dict[str, Policy]:
    """Give the four answers by name.

    Userspace is the direct answer with nothing changed but who decides, so that what differs
    between the two rows is the price of that alone.
    """
    direct = Policy.preset("vsm", PLANES)
    return {
        "direct": direct,
        "relay": Policy.preset("vsm_relay", PLANES),
        "plane-0-first": Policy.preset("kvm_planes", PLANES),
        "userspace": direct.replace(scheduler="user"),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""


def run(args: argparse.Namespace) -> int:
    """Replay the trace under the four policies; print the table and what it shows."""
    results = answers()
    shown = ("\n".join(fill(text, width(), hang=2)) for text in sentences(*results))
    print(report(":demo", results, Costs(), *_assumed(results[0])), "", *shown, sep="\n")
    return 0


def answers() -> list[ReplayResult]:
    """Replay the trace under the four policies."""
    plane_map = PlaneMap.parse(RULES)
    return replay_trace(":demo", policies(), plane_map=plane_map, planes=PLANES, service=SERVICE_NS)


def sentences(
    direct: ReplayResult, relay: ReplayResult, first: ReplayResult, user: ReplayResult
) -> tuple[str, str, str]:
    """Say what the figures show; they are all that is said."""
    more = relay.stats.switches / direct.stats.switches - 1
    higher = sum(int(direct.jobs.arrived[direct.planes[level]]) for level in (MIDDLE, HIGHEST))
    middle, base = first.planes[MIDDLE], first.planes["level0"]
    on_middle = format_ns(first.stats.blocked_ns[middle])
    of_all = format_ns(int(first.time_ns.sum()))
    each_us = format_ns(1_000 * user.stats.exits)
    return (
        f"Relaying: {relay.stats.switches} switches for {higher} interrupts to higher planes, "
        f"where direct entry takes {direct.stats.switches} ({more:+.0%}); those for the middle "
        f"plane wait up to {_wait(relay)} (direct: {_wait(direct)}).",
        f"Plane 0 first: interrupts for the middle plane wait up to {_wait(first)} (direct: "
        f"{_wait(direct)}), the vCPUs are blocked on a halted plane {middle} for {on_middle} of "
        f"{of_all}, and {int(first.jobs.queued[base])} of the guest OS's "
        f"{int(first.jobs.arrived[base])} jobs are left undone (direct: {_undone(direct)}).",
        f"Userspace: {user.stats.switches} switches (direct: {direct.stats.switches}) with "
        f"{user.stats.exits} exits; every microsecond that an exit takes adds {each_us} to these "
        f"{format_ns(user.elapsed_ns)}.",
    )


def _assumed(result: ReplayResult) -> tuple[str, str, str]:
    """Say what stands for what."""
    middle, highest = (int(result.jobs.arrived[result.planes[name]]) for name in (MIDDLE, HIGHEST))
    return (
        "direct = vsm, relay = vsm_relay, plane-0-first = kvm_planes, "
        "userspace = vsm with scheduler=user",
        f"{middle} disk interrupts are for the middle plane, {highest} function calls for the "
        f"highest, {format_ns(SERVICE_NS)} of work each (assumed); the rest is the guest OS's",
        "recorded on an emulated host: counts and order are real, absolute times are inflated",
    )


def _wait(result: ReplayResult) -> str:
    """Give the longest latency of the middle plane."""
    return format_ns(result.stats.latency_max_ns(result.planes[MIDDLE]))


def _undone(result: ReplayResult) -> int:
    return int(result.jobs.queued[result.planes["level0"]])
