"""``planesched live``: planes on this host's KVM."""

import argparse
import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..figures.written import ENDINGS
from ..files import check_target
from ..live import measure, probe, verify
from ..live import run as run_live
from ..live.host import hurry, urgent
from ..presets import presets
from ..report.progress import progress
from ..workload import Costs
from .options import add_costs, add_planes, called, count, duration, integer, typed_costs
from .out import (
    LOG_ROOM,
    add_printed,
    add_report,
    add_timeline,
    check_drawings,
    check_out,
    print_answer,
    write_report,
    write_timelines,
)

DESCRIPTION = """\
Run planes on this host's KVM, one KVM vCPU for each, scheduled from userspace: see what the host
is, hold the core against it, measure what planes cost there, and run a scenario's guests in real
time. Needs Linux on x86-64 and a /dev/kvm that may be opened."""
EXAMPLE = "planesched live measure --out costs.toml"

_OUT = (".toml", ".csv", ".json", ".parquet", ".arrow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parts = parser.add_subparsers(metavar="PART", required=True, title="parts", dest="part")
    what = "say what this host is and what it can do"
    add_printed(parts.add_parser("probe", help=what, description=what))
    what = (
        "hold the core against planes that run: the plane that runs, the vectors taken, IRR, ISR, "
        "TPR and PPR after each of many random acts; the exit status is 0 if all is equal, else 1"
    )
    verified = parts.add_parser("verify", help="hold the core against it", description=what)
    verified.add_argument(
        "--policy", action="append", default=[], metavar="POLICY", dest="policies",
        help="a preset or a TOML file; repeatable (default: every preset)",
    )  # fmt: skip
    verified.add_argument(
        "--scheduled", metavar="POLICY",
        help="schedule the machine by this policy instead, to see whether a difference is found",
    )  # fmt: skip
    add_planes(verified, 3)
    verified.add_argument(
        "--acts", type=count, default=10_000, metavar="N", help="for each policy (default 10000)"
    )
    verified.add_argument("--seed", type=integer, default=1, metavar="N", help="of the acts")
    verified.add_argument(
        "--save", metavar="FILE.toml", help="write the first difference as a case, for conform"
    )
    add_printed(verified)
    what = "measure exits, switches, injections and wake-ups"
    measured = parts.add_parser("measure", help=what, description=what)
    measured.add_argument(
        "--out", metavar="FILE",
        help="write a cost set, which every --cost takes (.toml), or the table "
        "(.csv, .json, .parquet, .arrow)",
    )  # fmt: skip
    measured.add_argument(
        "--samples", type=count, default=2000, metavar="N",
        help="of each thing that is fast; a tenth of that of the others (default 2000)",
    )  # fmt: skip
    measured.add_argument("--core", type=integer, metavar="N", help="where the planes run")
    add_printed(measured)
    what = "run a scenario's guests in real time, beside the simulation of the same"
    ran = parts.add_parser("run", help=what, description=what)
    add = ran.add_argument
    add("scenario", metavar="SCENARIO", help="a .toml file, or a name (see planesched scenarios)")
    add("--policy", metavar="POLICY", help="a preset or a TOML file (default: the file's first)")
    add("--duration", type=duration, metavar="TIME", help="how long, instead of the file's")
    add("--warmup", type=duration, metavar="TIME", help="before counting begins")
    add("--seed", type=integer, metavar="N", help="of all random numbers")
    add("--vcpus", type=count, metavar="N", help="how many vCPUs")
    add_costs(ran)
    add("--out", metavar="FILE", help=f"write the answer: {', '.join(ENDINGS)}")
    add_timeline(ran)
    add_report(ran)
    add_printed(ran)


def run(args: argparse.Namespace) -> int:
    """Do one part."""
    return _PARTS[args.part](args)


def _probe(args: argparse.Namespace) -> int:
    host = probe()
    print_answer(args, host)
    return 2 if host.lacks else 0


def _measure(args: argparse.Namespace) -> int:
    check_out(args.out, _OUT)
    with called("--samples" if args.core is None else "--core"), _ticking("measuring") as told:
        found = measure(args.samples, core=args.core, **told)
    with _soon(partial=found.partial):
        print_answer(args, found)
        if args.out is not None:
            found.write(args.out)
    return 130 if found.partial else 0


def _verify(args: argparse.Namespace) -> int:
    if args.save is not None:
        check_target(args.save)
    for name in args.policies or list(presets()):
        with called("--policy"), _ticking(f"verifying {name}") as told:
            found = verify(
                name, args.planes, args.acts, args.seed, scheduled=args.scheduled, **told
            )
        with _soon(partial=found.partial):
            print_answer(args, found)
        if found.difference is not None and args.save is not None:
            found.save(args.save)
        if found.status or found.partial:
            return 130 if found.partial else found.status
    return 0


def _run(args: argparse.Namespace) -> int:
    check_out(args.out, ENDINGS)
    check_drawings(None, args.timeline, args.report)
    log = LOG_ROOM if args.timeline or args.report else 0
    costs = typed_costs(args.costs, Costs()) if args.costs else None
    with _ticking("running") as told:
        ran = run_live(
            args.scenario, args.policy, duration=args.duration, warmup=args.warmup,
            vcpus=args.vcpus, seed=args.seed, costs=costs, log=log, **told,
        )  # fmt: skip
    with _soon(partial=ran.partial):
        if args.out is not None:
            ran.write(args.out)
        print_answer(args, ran)
    if ran.live.log is not None:
        live, room = ran.live, LOG_ROOM // ran.live.vcpus
        end_ns = live.start_ns + live.elapsed_ns
        written = {ran.live.label: ran.live.log}
        write_timelines(args, written, live.start_ns, end_ns, room=room)
        if args.report is not None:
            from ..report.page.runs import whole_until

            end_ns = whole_until(written[live.label], room, end_ns)
            title = f"{args.scenario} on this host"
            write_report(args, ran, title, logs=written, end_ns=end_ns)
    return 130 if ran.partial else 0


@contextmanager
def _soon(*, partial: bool) -> Iterator[None]:
    """Where Ctrl-C ended it, who pressed that waits: have what is left to do go before others."""
    if not partial:
        yield
        return
    atexit.register(hurry, [os.getpid()])
    with urgent(real_time=True):
        yield


@contextmanager
def _ticking(what: str) -> Iterator[dict[str, Any]]:
    with progress(what) as tick:
        told = {}
        if tick is not None:
            told["progress"] = lambda part, done: tick(f"{100 * part:.0f} %, {done:,} done", part)
        yield told


_PARTS = {"probe": _probe, "verify": _verify, "measure": _measure, "run": _run}
