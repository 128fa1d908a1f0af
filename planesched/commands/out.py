"""Where results are written to: the kind of file is that of its name."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, Mistake, Words
from ..figures.results import Results
from ..figures.written import csv_text, markdown, written_by
from ..files import check_target, replacing
from ..text import width

__all__ = [
    "LOG_ROOM",
    "PAGE_ROOM",
    "add_cite",
    "add_plot",
    "add_printed",
    "add_report",
    "add_steps",
    "add_timeline",
    "asked_width",
    "check_drawings",
    "check_out",
    "document",
    "headed",
    "print_answer",
    "print_columns",
    "print_json",
    "same_input",
    "say",
    "stepped",
    "write_out",
    "write_plot",
    "write_report",
    "write_timelines",
]

LOG_ROOM = 1 << 20
"""How many outcomes of a policy go into a timeline: 32 MiB."""

PAGE_ROOM = 1 << 16
"""How many go into a page's: 2 MiB."""


def add_plot(parser: argparse.ArgumentParser) -> None:
    """Take ``--plot FILE``."""
    parser.add_argument(
        "--plot", metavar="FILE", help="draw latency and switches into a .svg, .png or .pdf"
    )


def add_timeline(parser: argparse.ArgumentParser) -> None:
    """Take ``--timeline FILE``."""
    parser.add_argument(
        "--timeline", metavar="FILE",
        help="what each vCPU did when, for ui.perfetto.dev: a .json, .json.gz or .pftrace",
    )  # fmt: skip


def add_report(parser: argparse.ArgumentParser) -> None:
    """Take ``--report FILE``."""
    parser.add_argument(
        "--report", metavar="FILE.html",
        help="write all of it as one page to look through and to send, which needs no network",
    )  # fmt: skip


def check_drawings(
    plot: str | None, timeline: str | None = None, report: str | None = None
) -> None:
    """Raise before any work is done if these cannot be written.

    Raises
    ------
    Mistake
        If a name has another ending, or a package is not installed.
    OSError
        If one cannot be written.
    """
    if plot is not None:
        from ..report.plots import check_plot

        check_plot(plot)
    if timeline is not None:
        from ..report.tracks import check_timeline

        check_timeline(timeline)
    if report is not None:
        from ..report.page import check_page

        check_page(report)


def write_plot(args: argparse.Namespace, results: Any, title: str = "") -> None:
    """Draw results, if ``--plot`` was given, and say where."""
    if args.plot is not None:
        from ..report.plots import overview_plot, save_plot

        save_plot(overview_plot(results, title), args.plot)
        say(args, f"plot: {args.plot}")


def write_report(args: argparse.Namespace, answer: Any, title: str = "", **given: Any) -> None:
    """Write an answer as a page, if ``--report`` was given, and say where."""
    if args.report is not None:
        from ..report.page import write_page

        write_page(args.report, answer, typed(args), title=title, **given)
        say(args, f"report: {args.report}")


def write_timelines(
    args: argparse.Namespace,
    logs: Mapping[str, NDArray[np.void]],
    start_ns: int,
    end_ns: int,
    *,
    room: int = LOG_ROOM,
) -> None:
    """Write logs, each of which had `room` at least, if ``--timeline`` was given; say where."""
    if args.timeline is not None:
        from ..report.timeline import write_timeline

        whole = all(len(log) < room for log in logs.values())
        write_timeline(args.timeline, logs, start_ns=start_ns, end_ns=end_ns if whole else None)
        only = "" if whole else f" (up to what was logged: there is room for {LOG_ROOM:,} changes)"
        say(args, f"timeline: {args.timeline}{only}")


def say(args: argparse.Namespace, text: str) -> None:
    """Say what was done beside what is printed: on standard output where that is text."""
    print(text, file=sys.stdout if args.format == "text" else sys.stderr)


def check_out(out: str | None, kinds: tuple[str, ...]) -> None:
    """Raise before any work is done if `out` cannot be written.

    Raises
    ------
    Mistake
        If its name has none of these endings.
    OSError
        If it cannot be written.
    ImportError
        If what writes it is not installed.
    """
    if out is None:
        return
    ending = Path(out).suffix
    if ending not in kinds:
        raise Mistake("--out", Words(out), f"a name that ends with {', '.join(kinds)}")
    check_target(out)
    if ending in (".parquet", ".arrow") and find_spec("pyarrow") is None:
        expected = "pyarrow: pip install 'planesched[arrow]'"
        raise Mistake("--out", Words(f"a {ending} file needs a package"), expected)


def write_out(args: argparse.Namespace, answer: Any) -> None:
    """Write an answer where ``--out`` says, or with .npz all of it."""
    out = args.out
    if out is None:
        return
    if out.endswith(".json"):
        with replacing(out) as file:
            file.write(json.dumps(document(args, answer), indent=2) + "\n")
    else:
        (answer.save if out.endswith(".npz") else answer.write)(out)


def add_printed(parser: argparse.ArgumentParser) -> None:
    """Take ``--format`` and ``--json``, and ``--wide``."""
    parser.add_argument(
        "--format", choices=("text", "md", "csv", "json"), default="text",
        help="what is printed (default text)",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_const", const="json", dest="format", help="as --format json"
    )
    parser.add_argument(
        "--wide", action="store_true", help="tables as wide as they are, not as the terminal is"
    )


def add_cite(parser: argparse.ArgumentParser) -> None:
    """Take ``--cite``, where the answers are results."""
    parser.add_argument(
        "--cite", action="store_true",
        help="print the block for a mail alone: 72 columns, and what makes it again",
    )  # fmt: skip


def add_steps(parser: argparse.ArgumentParser) -> None:
    """Take ``--no-steps``."""
    parser.add_argument(
        "--no-steps", action="store_true",
        help="where policies differ in more than one field, leave out what each does alone",
    )  # fmt: skip


def read_once(trace: str | None) -> bool:
    """Whether a trace is gone when it was read: standard input, or a pipe such as <(zcat ...)."""
    return trace == "-" or (trace is not None and Path(trace).is_fifo())


def stepped(args: argparse.Namespace, found: Results, run: Callable[..., Results]) -> Results:
    """Return results with the steps between policies, if they are whole; Ctrl-C leaves these out.

    Standard input and pipes are read once: a trace that came from there has no steps.
    """
    if args.no_steps or found.partial or read_once(getattr(args, "trace", None)):
        return found
    try:
        return found.stepped(run)
    except KeyboardInterrupt:
        return found


def typed(args: argparse.Namespace) -> str:
    """Return the command that makes an answer again: with --again, that of then."""
    return str(getattr(args, "command", None) or shlex.join(["planesched", *sys.argv[1:]]))


def document(args: argparse.Namespace, answer: Any) -> dict[str, Any]:
    """Return an answer as JSON holds it, with the command that makes it again."""
    return headed(args, {"schema": "planesched.result/1"} | answer.as_dict())


def headed(args: argparse.Namespace, found: dict[str, Any]) -> dict[str, Any]:
    """Return a document whose first keys say what it is, by which command and which version."""
    first = {"schema": found["schema"], "command": typed(args), **written_by()}
    return first | {name: value for name, value in found.items() if name not in first}


def print_json(args: argparse.Namespace, found: dict[str, Any]) -> None:
    """Print a document, with what made it at its head."""
    same_input(args, found)
    print(json.dumps(headed(args, found), indent=2))


def same_input(args: argparse.Namespace, found: Mapping[str, Any]) -> None:
    """Raise unless what is run again (compare --again) rests on what it did then.

    Raises
    ------
    InputError
        If a scenario, a trace or a file of a policy is another by now.
    """
    then = getattr(args, "then", None)
    if then is None:
        return
    now, was = _digest(found), _digest(then)
    if now != was:
        expected = f"{was}: it is not what it was (--baseline compares all the same)"
        raise InputError(args.kept, 0, f"an input with the digest {now}", expected)


def _digest(found: Mapping[str, Any]) -> Any:
    given = found.get("given", {})
    digest = given.get("trace", {}).get("digest") or given.get("digest") or given.get("workload")
    return digest or found.get("digest")


def asked_width(args: argparse.Namespace) -> int | None:
    """Return how wide tables may be: as the terminal, or with ``--wide`` as they are (None)."""
    return None if args.wide else width()


def print_columns(args: argparse.Namespace, columns: Mapping[str, Sequence[Any]]) -> bool:
    """Print a table as ``--format`` says, where that is one of data; tell whether it is."""
    if args.format == "csv":
        print(csv_text(columns), end="")
    elif args.format == "md":
        print(markdown(columns))
    return args.format in ("csv", "md")


def print_answer(args: argparse.Namespace, answer: Any, **more: Any) -> None:
    """Print an answer as ``--format`` says; JSON says by which command too, and what is more."""
    given = answer[0].given if isinstance(answer, Results) else getattr(answer, "given", None)
    same_input(args, {"given": given or {}})
    if args.format == "json":
        print(json.dumps(document(args, answer) | more, indent=2))
    elif args.format != "text":
        print_columns(args, answer.table())
    elif getattr(args, "cite", False):
        print(answer.cited(typed(args)))
    else:
        print(answer.text(None) if args.wide else answer)
