"""``planesched trace``: what is in a recorded trace, and what it lacks."""

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

from ..errors import InputError
from ..figures.cite import CITED, block
from ..figures.scores import rate
from ..figures.written import written_by
from ..replaying.source import digest_of
from ..text import counted, fill, fitted, format_ns
from ..traces import read
from ..traces.kvm_events import USED
from ..traces.survey import Survey, Vector, survey
from .out import (
    add_cite,
    add_printed,
    asked_width,
    print_columns,
    print_json,
    same_input,
    typed,
)
from .replay import threads

DESCRIPTION = """\
Say what is in a trace that replay would read: its vectors with their counts, rates and what a Linux
guest probably uses them for, vCPUs, span, halts, recorded switches, what it lacks, and a plane map
to start from. docs/how-to/capture.md says how to record one."""
EXAMPLE = "planesched trace :demo"
_HEADER = ("vector", "accepted", "injected", "per s", "vCPUs", "probably")
_MOST = 6
SCHEMA = "planesched.trace/1"
"""Changes when what ``--json`` prints changes its form."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = parser.add_argument
    add("trace", metavar="TRACE", help="a file, - for standard input, or :demo (the demo's trace)")
    add("--skip-bad", action="store_true", help="count malformed lines and go on")
    add(
        "--vm", type=threads, metavar="PID",
        help="of several VMs the one with this process, or with these threads: 6101,6102",
    )  # fmt: skip
    add_cite(parser)
    add_printed(parser)


def run(args: argparse.Namespace) -> int:
    """Print what is in a trace."""
    with _opened(args.trace) as path, read(path, skip_bad=args.skip_bad, vm=args.vm) as reader:
        found = survey(reader)
    which = {"digest": digest_of(args.trace).get("digest")}
    same_input(args, which)
    if args.format == "json":
        print_json(args, {"schema": SCHEMA, "path": args.trace, **which, **found.as_dict()})
    elif not print_columns(args, found.table()):
        text = _cited(args, found) if args.cite else report(args.trace, found, asked_width(args))
        print(text)
    if found.evidence.refusal is not None:
        raise InputError(args.trace, 0, *found.evidence.refusal)
    return 0


@contextmanager
def _opened(trace: str) -> Iterator[str]:
    """Give the path of a trace, which ``:demo`` names too."""
    if trace != ":demo":
        yield trace
        return
    with as_file(files("planesched") / "data" / "demo.txt.xz") as path:
        yield str(path)


def report(trace: str, found: Survey, columns: int | None) -> str:
    """Give what the command prints."""
    paragraphs = [_heading(trace, found), _events(found), _lacking(found)]
    if found.switches:
        named = ", ".join(f"{count} {name}" for name, count in found.switches.items())
        paragraphs.append(f"recorded switches: {named}")
    paragraphs += [f"note: {note}" for note in found.evidence.notes]
    parts = ["\n".join("\n".join(fill(text, columns, hang=2)) for text in paragraphs if text)]
    if found.vectors:
        parts.append(fitted(_HEADER, [_row(each, found) for each in found.vectors], columns))
    if found.rules:
        rules = " ".join(f"--map {rule}" for rule in found.rules)
        parts.append(
            "a map to start from (level0 is the guest OS's plane, level1 the next above it):\n"
            f"  planesched replay {shlex.quote(trace)} {rules} --policy vsm"
        )
    return "\n\n".join(parts)


def _cited(args: argparse.Namespace, found: Survey) -> str:
    """Return the block for a mail: what is in the trace, its most frequent vectors, which it is."""
    named = sorted(found.vectors, key=_frequency, reverse=True)
    rows = [_without_vcpus(_row(each, found)) for each in named[:_MOST]]
    rest = len(named) - len(rows)
    notes = list(found.kernel)
    notes += [f"{counted(rest, 'further vector')} not shown"] if rest else []
    notes += [f"note: {note}" for note in found.evidence.notes]
    which = digest_of(args.trace)
    digest = f" sha256 {which['digest']}" if "digest" in which else ""
    accepted = sum(each.accepted + each.posted for each in named)
    injected = sum(each.injected for each in named)
    said = (
        f"{args.trace}: {format_ns(found.span_ns)} of {counted(found.vcpus, 'vCPU')}, "
        f"{counted(accepted, 'interrupt')} accepted and {injected} injected, "
        f"{counted(found.halts, 'halt')}, {counted(found.wakeups, 'wake-up')}; {found.producer}, "
        f"{counted(sum(found.events.values()), 'event')}"
    )
    if found.lost:
        notes.insert(0, f"WARNING: {counted(found.lost, 'event')} lost by the producer")
    foot = [*notes, f"planesched {written_by()['version']}", f"{which['path']}{digest}"]
    shown = fitted(_without_vcpus(_HEADER), rows, CITED) if rows else "no interrupts"
    return block([f"{said}."], shown, [*foot, typed(args)])


def _without_vcpus(row: tuple[str, ...]) -> tuple[str, ...]:
    return (*row[:4], row[5])


def _frequency(vector: Vector) -> int:
    return vector.accepted + vector.posted or vector.injected


def _heading(trace: str, found: Survey) -> str:
    parts = [
        f"{trace}: {found.producer}, {format_ns(found.span_ns)}, {counted(found.vcpus, 'vCPU')}, "
        f"{counted(sum(found.events.values()), 'event')}, {counted(found.halts, 'halt')}, "
        f"{counted(found.wakeups, 'wake-up')}"
    ]
    if found.kernel:
        parts.append(", ".join(found.kernel))
    if found.lost:
        parts.append(f"{counted(found.lost, 'event')} lost by the producer")
    if found.bad:
        parts.append(f"{counted(found.bad, 'malformed line')} skipped")
    return "; ".join(parts)


def _events(found: Survey) -> str:
    counts = sorted(found.events.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count}" for name, count in counts[:12])
    rest = f" and {len(counts) - 12} more kinds" if len(counts) > 12 else ""
    return f"events: {shown}{rest}" if counts else ""


def _lacking(found: Survey) -> str:
    # One of APICv's and the PV EOI exist on some hosts only.
    optional = {"kvm_apicv_accept_irq", "kvm_pv_eoi"}
    missing = sorted({name.decode() for name in USED} - set(found.events) - optional)
    return f"not in the trace: {', '.join(missing)}" if missing else ""


def _row(vector: Vector, found: Survey) -> tuple[str, ...]:
    return (
        f"0x{vector.vector:02x}",
        str(vector.accepted + vector.posted),
        str(vector.injected),
        rate(found.rate_hz(_frequency(vector))),
        _listed(vector.vcpus),
        vector.likely,
    )


def _listed(vcpus: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, vcpus[:8]))
    return f"{shown} ... ({len(vcpus)})" if len(vcpus) > 8 else shown
