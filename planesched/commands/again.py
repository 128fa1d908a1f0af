"""Answers that were kept as JSON: run again, by the command in them, or compared with."""

import argparse
import shlex
from importlib import import_module
from typing import Any

from ..errors import InputError
from ..figures.baseline import changed_text, load_answer, load_document
from ..figures.results import Results
from .out import asked_width

__all__ = ["add_baseline", "baseline_of", "print_changes", "run_again"]

# What says how an answer is shown, and what else is written: that is this call's, and not that of
# then, whose files stay as they are.
_SHOWN = (
    "format", "json", "cite", "wide", "out", "plot", "report", "baseline", "threads", "save",
    "timeline", "c_table",
)  # fmt: skip


def add_baseline(parser: argparse.ArgumentParser) -> None:
    """Take ``--baseline FILE.json``."""
    parser.add_argument(
        "--baseline", metavar="FILE.json",
        help="show what has changed since this answer (--json), below the table",
    )  # fmt: skip


def baseline_of(args: argparse.Namespace) -> dict[str, Any] | None:
    """Read the answer that is compared with, before any work is done."""
    return None if args.baseline is None else load_answer(args.baseline)


def print_changes(args: argparse.Namespace, then: dict[str, Any] | None, now: Results) -> None:
    """Print what has changed since an answer, where answers are text."""
    if then is not None and args.format == "text" and not args.cite:
        print("", changed_text(now, then, asked_width(args)), sep="\n")


def run_again(args: argparse.Namespace) -> int:
    """Run what printed a JSON again, whatever command that was; show it as this call asks.

    Raises
    ------
    InputError
        If no command of planesched printed it, or its input is not what it was.
    """
    from ..cli import COMMANDS

    then = load_document(args.again)
    words = shlex.split(str(then.get("command", "")))
    if len(words) < 3 or words[0] != "planesched":
        found = f"the command {then.get('command')!r}"
        raise InputError(args.again, 0, found, "an answer that a command of planesched printed")
    if words[1] not in COMMANDS:
        expected = f"a command of this planesched: {', '.join(COMMANDS)}"
        raise InputError(args.again, 0, f"the command {words[1]}", expected)
    module = import_module(f"..{words[1]}", __name__)
    parser = argparse.ArgumentParser(prog=f"planesched {words[1]}")
    module.add_arguments(parser)
    made = parser.parse_args(words[2:])
    for name in _SHOWN:
        if name in made:
            setattr(
                made, name, args.format == "json" if name == "json" else getattr(args, name, None)
            )
    made.command, made.then, made.kept = then["command"], then, args.again
    status: int = module.run(made)
    return status
