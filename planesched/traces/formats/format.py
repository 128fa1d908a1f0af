"""What the modules of the formats share: one pattern a format, and the lines around events."""

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["EVENT", "STAMP", "Family", "Match"]

Match = Callable[[bytes], "re.Match[bytes] | None"]

STAMP = rb"(\d{1,20})\.(\d{9}|\d{6}):"
"""Groups: seconds and fraction. Six or nine digits, never a float."""

# Spelled out: a class with \w in it is looked at letter by letter, this one in a table.
_NAME = rb"[0-9A-Za-z_.-]{1,64}"
EVENT = rb"(?:kvm:)?(" + _NAME + rb"(?=: )|" + _NAME + rb"(?::" + _NAME + rb")?): ?"
"""Group: the event's name, without the group ``kvm:`` that perf prints."""


@dataclass(frozen=True)
class Family:
    """One way in which lines are printed.

    Attributes
    ----------
    match : callable
        Matches a line from its start to the body of the event; the groups are thread, seconds,
        fraction, event.
    producer : callable
        Names the producer from the first event line and its match, or gives None when the line
        only looks like this family's.
    """

    match: Match
    producer: Callable[[bytes, "re.Match[bytes]"], str | None]


def digits(name: str, match: "re.Match[bytes]", long: str) -> str:
    """Give the producer's name, with the option `long` when it printed nanoseconds."""
    return f"{name} {long}" if len(match[3]) == 9 else name
