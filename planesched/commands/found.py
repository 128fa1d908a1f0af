"""How what a search found is printed."""

import argparse
from collections.abc import Sequence
from typing import Any

from ..checking.cite import cited, digest
from .out import asked_width, print_columns, print_json, same_input, typed

__all__ = ["print_found"]


def print_found(args: argparse.Namespace, found: Any, labels: Sequence[str] = ()) -> None:
    """Print it as ``--format`` says; `labels` are what its policies are called."""
    rests_on = {"digest": digest(found)}
    same_input(args, rests_on)
    if args.format == "json":
        print_json(args, found.as_dict() | rests_on)
    elif not print_columns(args, found.table()):
        print(cited(found, typed(args), labels) if args.cite else found.shown(asked_width(args)))
