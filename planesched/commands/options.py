"""Options that several commands share, and how what is typed there is read."""

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from ..checks import number, plane_count
from ..errors import Mistake, brief
from ..text import duration_ns
from ..workload import Costs

__all__ = [
    "add_costs",
    "add_json",
    "add_planes",
    "called",
    "count",
    "duration",
    "factor",
    "integer",
    "pairs",
    "planes_number",
    "typed_as",
    "typed_costs",
]

T = TypeVar("T")


@contextmanager
def called(option: str) -> Iterator[None]:
    """Call what is wrong by the option that it was given for, not by the argument in Python."""
    try:
        yield
    except Mistake as mistake:
        _, dot, inner = mistake.name.partition(".")
        raise mistake.named(f"{option}: {inner}" if dot else option) from None


@contextmanager
def typed_as(**options: str) -> Iterator[None]:
    """Call what is wrong by the option that it was typed for: ``events="--events"``."""
    try:
        yield
    except Mistake as mistake:
        head, rest = re.match(r"(\w*)(.*)", mistake.name, re.DOTALL).groups()  # type: ignore[union-attr]
        if head not in options:
            raise
        raise mistake.named(f"{options[head]}{rest}") from None


def integer(text: str) -> int:
    """Read a whole number, for argparse."""
    if not text.isascii() or not text.removeprefix("-").isdecimal():
        raise argparse.ArgumentTypeError(f"{brief(text)}, expected a whole number")
    return int(text)


def count(text: str) -> int:
    """Read a whole number above 0, for argparse."""
    found = integer(text)
    if found < 1:
        raise argparse.ArgumentTypeError(f"{found}, expected 1 or more")
    return found


def duration(text: str) -> int:
    """Read a time with its unit in nanoseconds, for argparse."""
    try:
        return duration_ns(text)
    except Mistake as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None


def factor(text: str) -> float:
    """Read a number above 0, for argparse."""
    try:
        return number("", float(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{brief(text)}, expected a number above 0") from None


def planes_number(text: str) -> int:
    """Read a number of planes, for argparse."""
    try:
        return plane_count(integer(text))
    except Mistake as mistake:
        raise argparse.ArgumentTypeError(f"{text}, expected {mistake.expected}") from None


def add_planes(parser: argparse.ArgumentParser, default: int = 2) -> None:
    """Take ``--planes N``."""
    parser.add_argument(
        "--planes", type=planes_number, default=default, metavar="N",
        help=f"how many planes each vCPU has, 1..16 (default {default})",
    )  # fmt: skip


def add_costs(parser: argparse.ArgumentParser) -> None:
    """Take ``--cost``."""
    parser.add_argument(
        "--cost", action="append", default=[], metavar="COST", dest="costs",
        help="what switches and exits take: REASON=TIME, any=TIME, exit=TIME, 0-1=TIME (from plane "
        "0 to 1), a cost set's name (planesched explain kvm_exit says whose) or a TOML "
        "file of one; repeatable",
    )  # fmt: skip


def typed_costs(texts: list[str], costs: Costs) -> Costs:
    """Return costs as ``--cost`` changes them."""
    with called("--cost"):
        return costs.typed(",".join(texts)) if texts else costs


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def pairs(option: str, texts: list[str], read: Callable[[str], T]) -> dict[str, T]:
    """Read what was given for a repeatable option ``KEY=VALUE``.

    Raises
    ------
    Mistake
        If one is not of that form, a key comes twice, or `read` refuses a value.
    """
    out: dict[str, T] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise Mistake(option, text, "KEY=VALUE")
        if key in out:
            raise Mistake(option, text, f"{key} once: it was given before")
        try:
            out[key] = read(value)
        except Mistake as mistake:
            raise mistake.within(f"{option} {key}") from None
    return out
