"""Lines of ``trace-cmd report``.

As the kernel's, but the event's name is padded, and ``-t`` prints nanoseconds, ``-l`` a short comm
with the CPU glued to the flags, ``--ts-diff`` the time since the line before.
"""

import re

from .. import decoder
from ..decoder import Found
from .format import Family, digits
from .tracefs import FLAGS, TASK

__all__ = ["TRACECMD", "padded"]

_LATENCY = re.compile(TASK + rb"\d{1,5}" + FLAGS + rb" +\d+\.\d+:").match
# The first line has no difference, only the room for one.
_TSDIFF = re.compile(rb".*?\d\.\d+:(?:  | \(\+\d+\))").match


def _producer(line: bytes, found: Found) -> str | None:
    name = digits("trace-cmd report", found, "-t")
    if _LATENCY(line):
        name += " -l"
    if _TSDIFF(line):
        name += " --ts-diff"
    return name


def padded(line: bytes, found: Found) -> bool:
    """Tell whether blanks follow the event's name, as trace-cmd prints and the kernel does not."""
    return line[found.end : found.end + 1] == b" "


TRACECMD = Family(decoder.TRACE_CMD, _producer)
