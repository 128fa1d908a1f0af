"""Lines of the kernel's own ``trace`` and ``trace_pipe`` files in tracefs.

``comm-pid [cpu] flags seconds.fraction: event: body``. The flags are one column of 4 letters
before Linux 5.17, 5 since, up to 7 with PREEMPT_LAZY or -rt; the option irq-info takes it away.
"""

import re

from .. import decoder
from ..decoder import Found
from .format import Family

__all__ = ["FLAGS", "TASK", "TRACEFS", "flags_of"]

TASK = rb"(?:[^\0]{16}|[^\0]*?)-(\d{1,10}) +(?:\([ \d-]{1,12}\) +)?"
FLAGS = rb"[.a-zA-Z#\d]{4,8}"

_FLAGS = re.compile(rb"\] +(" + FLAGS + rb") +\d+\.\d+: ").search


def flags_of(line: bytes) -> bytes:
    """Give the column of flags of a line, empty if there is none."""
    found = _FLAGS(line)
    return found[1] if found else b""


def _producer(line: bytes, found: Found) -> str | None:
    # trace-cmd pads the event's name with blanks; the kernel prints one.
    return None if line[found.end : found.end + 1] == b" " else "tracefs"


TRACEFS = Family(decoder.TRACEFS, _producer)
