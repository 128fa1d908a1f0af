"""Lines of ``perf script`` and of perf-prof, which print ``kvm:`` before the event's name.

``perf script -F`` leaves columns out and adds others. What is needed is told apart by its look:
the thread is the last number before the time or the event, the CPU stands in brackets, the time has
a point and a colon. A time without a thread, or a thread without a time, is no event.
"""

import re

from .format import EVENT, STAMP, Family, digits
from .tracefs import FLAGS

__all__ = ["PERF_FAMILIES", "PERF_PROF"]

# The number of a period (-F +period) may stand before the event.
_EVENT = rb" +(?:\d{1,20} +)?" + EVENT
_CPU = rb"\[\d+\] +"
# The process and the thread; perf pads the thread to the right.
_TID = rb"(?:\d{1,10}/ *)?(\d{1,10})"
# One blank: what more there are belong to the comm, so that they are walked once.
_COMM = rb"\S[^\0]*?\s"

# A comm is padded to 16 letters, which is tried first and saves a walk over them.
_SCRIPT = re.compile(
    rb"(?:[^\0]{16} +|\s*\S[^\0]*?\s)(?:\d+/)?(\d{1,10}) +\[\d+\] +(?:"
    + FLAGS
    + rb" +)?"
    + STAMP
    + rb" +"
    + EVENT
).match
# A comm is not needed; what is before the thread may be the CPU.
_COLUMNS = re.compile(
    rb"\s*(?:"
    + _COMM
    + rb")?"
    + _TID
    + rb" +(?:"
    + _CPU
    + rb")?(?:"
    + FLAGS
    + rb" +)?"
    + STAMP
    + _EVENT
).match
# The thread stands before the comm; a comm that ends in a number would be taken for a thread.
_TID_FIRST = re.compile(
    rb"\s*(?:" + _CPU + rb")?" + _TID + rb"\s+[^\d\s][^\0]*?(?:" + _CPU + rb")?" + STAMP + _EVENT
).match
# The time stands first: looked ahead for the thread, so that the groups keep their order.
_TIME_FIRST = re.compile(
    rb"\s*(?=\S+ +(?:"
    + _COMM
    + rb")?"
    + _TID
    + rb" +(?:"
    + _CPU
    + rb")?(?:\d+ +)?kvm:)"
    + STAMP
    + rb" [^\0]*? "
    + EVENT.replace(rb"(?:kvm:)?", rb"kvm:")
).match
_PROF = re.compile(
    rb"\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\S[^\0]*?\s(\d{1,10}) +"
    + FLAGS
    + rb" +\[\d+\] +"
    + STAMP
    + rb" +"
    + EVENT
).match


def _script(line: bytes, match: "re.Match[bytes]") -> str | None:
    return digits("perf script", match, "--ns")


def _columns(line: bytes, match: "re.Match[bytes]") -> str | None:
    # Without its columns a line of any text may look like this one: perf prints the group.
    before, _, _ = line.partition(b" kvm:")
    if before == line or _ambiguous(before):
        return None
    return digits("perf script -F", match, "--ns")


_FIRST_NUMBER = re.compile(
    rb"\s*(?:\[\d+\] +)?(?:\d+/ *)?\d{1,10}\s+[^\d\s\[.][^\0]*?\s\d{1,10} +"
).match


def _ambiguous(before: bytes) -> bool:
    """Tell whether both a number before the comm and one after it may be the thread."""
    return _FIRST_NUMBER(before) is not None


PERF_FAMILIES = (
    Family(_SCRIPT, _script),
    Family(_COLUMNS, _columns),
    Family(_TID_FIRST, _columns),
    Family(_TIME_FIRST, _columns),
)
PERF_PROF = Family(_PROF, lambda line, match: "perf-prof")
