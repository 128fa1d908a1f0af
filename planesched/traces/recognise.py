"""Which format a trace has, and which of its lines are no events: headers, losses, chains."""

import re
from collections.abc import Iterable

from .formats.format import Family
from .formats.perf import PERF_FAMILIES, PERF_PROF
from .formats.tracecmd import TRACECMD, padded
from .formats.tracefs import TRACEFS
from .text import MAX_LINE

__all__ = ["is_other", "lost_events", "recognise"]

_FAMILIES = (PERF_PROF, TRACEFS, TRACECMD, *PERF_FAMILIES)

# Of a file among several, and of an instance, trace-cmd prints the name before the line.
_NAMED = rb"\s*(?:\S[^\0]{0,255}?: +)?"
_LOST = re.compile(
    _NAMED + rb"CPU:? ?\d+ \[(?:LOST )?(?:(\d{1,18}) )?EVENTS(?: DROPPED)?\]\s*$"
    rb"|.*\bPERF_RECORD_LOST(?:_SAMPLES)? +lost +(\d{1,18})\s*$"
    rb"|\s*#\s*entries-in-buffer/entries-written: *(\d{1,18})/(\d{1,18})\b"
).match
# Headers, empty buffers, call chains of perf script -g and of the stack tracer, plain functions,
# records of perf that are no samples.
_OTHER = re.compile(
    rb"\s*$|\s*#|" + _NAMED + rb"(?:cpus=\d+|version = \d+|CPU \d+ is empty)\s*$"
    rb"|\t| => |\s+[0-9a-f]{8,16} [^\0]*\([^()]*\)\s*$|.*: <stack trace>|.*<user stack trace>"
    rb"|[^\0]*\d\.\d+: +[\w.]+ +<-[\w.]+\s*$|[^\0]*\bPERF_RECORD_[A-Z_]+\b"
).match


def lost_events(line: bytes) -> int | None:
    """Tell how many events a line says were lost or overwritten; None if it is no such line."""
    found = _LOST(line)
    if found is None:
        return None
    if found[4] is not None:
        return max(0, int(found[4]) - int(found[3]))
    return int(found[1] or found[2] or 1)


def is_other(line: bytes, family: Family | None) -> bool:
    """Tell whether a line is no event of a trace, and belongs there nevertheless."""
    # perf-prof prints its own tables between the events.
    return bool(_OTHER(line)) or (family is PERF_PROF and b" kvm:" not in line)


def recognise(lines: Iterable[bytes]) -> tuple[Family, str, bytes] | None:
    """Choose the family by the first line that is an event in one; give its producer and the line.

    tracefs and trace-cmd print a line alike whose event's name is long: then a line whose name
    trace-cmd padded, or the line of its header, decides.
    """
    chosen: tuple[Family, str, bytes] | None = None
    for number, line in enumerate(lines):
        if len(line) > MAX_LINE:
            continue
        if chosen is None:
            chosen = _family(line)
            if chosen is None and _CPUS(line):
                return _of_tracecmd(lines)
        elif number > _SURE:
            break
        if chosen is not None and chosen[0] is not TRACEFS:
            return chosen
        # Two blanks behind a colon are rare in the kernel's own lines.
        maybe = chosen is not None and b":  " in line
        if maybe and (found := TRACECMD.match(line)) and padded(line, found):
            return TRACECMD, TRACECMD.producer(line, found) or "", line
    return chosen


_SURE = 4096
_CPUS = re.compile(_NAMED + rb"cpus=\d+\s*$").match


def _of_tracecmd(lines: Iterable[bytes]) -> tuple[Family, str, bytes] | None:
    for line in lines:
        if len(line) <= MAX_LINE and (found := TRACECMD.match(line)):
            return TRACECMD, TRACECMD.producer(line, found) or "", line
    return None


def _family(line: bytes) -> tuple[Family, str, bytes] | None:
    if b": " not in line:
        return None
    for family in _FAMILIES:
        found = family.match(line)
        if found and (name := family.producer(line, found)):
            return family, name, line
    return None
