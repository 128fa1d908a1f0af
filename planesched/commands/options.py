"""Options that several commands share, and how what is typed there is read."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from ..policy import plane_count
from ..text import duration_ns

__all__ = ["add_json", "add_planes", "count", "duration", "integer", "pairs", "planes_number"]

T = TypeVar("T")


def integer(text: str) -> int:
    """Read a whole number, for argparse."""
    if not text.isascii() or not text.removeprefix("-").isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def count(text: str) -> int:
    """Read a whole number above 0, for argparse."""
    number = integer(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def duration(text: str) -> int:
    """Read a time with its unit in nanoseconds, for argparse."""
    try:
        return duration_ns(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def planes_number(text: str) -> int:
    """Read a number of planes, for argparse."""
    try:
        return plane_count(integer(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_planes(parser: argparse.ArgumentParser, default: int = 2) -> None:
    """Take ``--planes N``."""
    parser.add_argument(
        "--planes", type=planes_number, default=default, metavar="N",
        help=f"how many planes each vCPU has, 1..16 (default {default})",
    )  # fmt: skip


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def pairs(option: str, texts: list[str], read: Callable[[str], T]) -> dict[str, T]:
    """Read what was given for a repeatable option ``KEY=VALUE``.

    Raises
    ------
    ValueError
        If one is not of that form, a key comes twice, or `read` refuses a value.
    """
    out: dict[str, T] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise ValueError(f"{option} {text!r}: expected KEY=VALUE")
        if key in out:
            raise ValueError(f"{option} {text!r}: {key} was given before")
        try:
            out[key] = read(value)
        except ValueError as error:
            raise ValueError(f"{option} {text!r}: {error}") from None
    return out
