"""``planesched live``: planes on this host's KVM."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..live import measure, probe
from ..report.progress import progress
from .options import called, count, integer
from .out import add_printed, check_out, print_answer

DESCRIPTION = """\
Run planes on this host's KVM, one KVM vCPU for each, scheduled from userspace: see what the host
is, and measure what planes cost on it. Needs Linux on x86-64 and a /dev/kvm that may be opened."""
EXAMPLE = "planesched live measure --out costs.toml"

_OUT = (".toml", ".csv", ".json", ".parquet", ".arrow")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parts = parser.add_subparsers(metavar="PART", required=True, title="parts", dest="part")
    what = "say what this host is and what it can do"
    add_printed(parts.add_parser("probe", help=what, description=what))
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
    print_answer(args, found)
    if args.out is not None:
        found.write(args.out)
    return 130 if found.partial else 0


@contextmanager
def _ticking(what: str) -> Iterator[dict[str, Any]]:
    with progress(what) as tick:
        told = {}
        if tick is not None:
            told["progress"] = lambda part, done: tick(f"{100 * part:.0f} %, {done:,} done", part)
        yield told


_PARTS = {"probe": _probe, "measure": _measure}
