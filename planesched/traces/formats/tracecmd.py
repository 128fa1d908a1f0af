"""Lines of ``trace-cmd report``.

As the kernel's, but the event's name is padded, and ``-t`` prints nanoseconds, ``-l`` a short comm
with the CPU glued to the flags, ``--ts-diff`` the time since the line before.
"""

import re

from .format import EVENT, STAMP, Family, digits
from .tracefs import FLAGS, TASK

__all__ = ["TRACECMD", "padded"]

_CPU = rb"(?:\[\d+\] +(?:" + FLAGS + rb" +)?|\d{1,5}" + FLAGS + rb" +)"
_DIFF = rb" +(?:\(\+\d+\) +)?"

_MATCH = re.compile(TASK + _CPU + STAMP + _DIFF + EVENT).match
_LATENCY = re.compile(TASK + rb"\d{1,5}" + FLAGS + rb" +\d+\.\d+:").match
# The first line has no difference, only the room for one.
_TSDIFF = re.compile(rb".*?\d\.\d+:(?:  | \(\+\d+\))").match


def _producer(line: bytes, match: "re.Match[bytes]") -> str | None:
    name = digits("trace-cmd report", match, "-t")
    if _LATENCY(line):
        name += " -l"
    if _TSDIFF(line):
        name += " --ts-diff"
    return name


def padded(line: bytes, match: "re.Match[bytes]") -> bool:
    """Tell whether blanks follow the event's name, as trace-cmd prints and the kernel does not."""
    return line[match.end() : match.end() + 1] == b" "


TRACECMD = Family(_MATCH, _producer)
