"""Lines of ``perf script`` and of perf-prof, which print ``kvm:`` before the event's name.

``perf script -F`` leaves columns out and adds others. What is needed is told apart by its look:
the thread is the last number before the time or the event, the CPU stands in brackets, the time has
a point and a colon. A time without a thread, or a thread without a time, is no event.
"""

import re

from .. import decoder
from ..decoder import Found
from .format import Family, digits

__all__ = ["PERF_FAMILIES", "PERF_PROF"]


def _script(line: bytes, found: Found) -> str | None:
    return digits("perf script", found, "--ns")


def _columns(line: bytes, found: Found) -> str | None:
    # Without its columns a line of any text may look like this one: perf prints the group.
    before, _, _ = line.partition(b" kvm:")
    if before == line or _ambiguous(before):
        return None
    return digits("perf script -F", found, "--ns")


_FIRST_NUMBER = re.compile(
    rb"\s*(?:\[\d+\] +)?(?:\d+/ *)?\d{1,10}\s+[^\d\s\[.][^\0]*?\s\d{1,10} +"
).match


def _ambiguous(before: bytes) -> bool:
    """Tell whether both a number before the comm and one after it may be the thread."""
    return _FIRST_NUMBER(before) is not None


PERF_FAMILIES = (
    Family(decoder.PERF_SCRIPT, _script),
    Family(decoder.PERF_COLUMNS, _columns),
    Family(decoder.PERF_TID_FIRST, _columns),
    Family(decoder.PERF_TIME_FIRST, _columns),
)
PERF_PROF = Family(decoder.PERF_PROF, lambda line, found: "perf-prof")
