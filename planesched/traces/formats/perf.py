"""Lines of ``perf script`` and of perf-prof, which print ``kvm:`` before the event's name."""

import re

from .format import EVENT, STAMP, Family, digits
from .tracefs import FLAGS

__all__ = ["PERF_PROF", "PERF_SCRIPT"]

_SCRIPT = re.compile(
    rb"\s*\S[^\0]*?\s(?:\d+/)?(\d{1,10}) +\[\d+\] +(?:" + FLAGS + rb" +)?" + STAMP + rb" +" + EVENT
).match
_PROF = re.compile(
    rb"\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\S[^\0]*?\s(\d{1,10}) +"
    + FLAGS
    + rb" +\[\d+\] +"
    + STAMP
    + rb" +"
    + EVENT
).match

PERF_SCRIPT = Family(_SCRIPT, lambda line, match: digits("perf script", match, "--ns"))
PERF_PROF = Family(_PROF, lambda line, match: "perf-prof")
