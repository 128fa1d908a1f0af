"""One VM of a trace that holds several: by the process or the threads that print a line."""

import re
from collections.abc import Collection

__all__ = ["is_of"]

# The process stands before the thread (perf script -F pid,tid) or behind it (tracefs with the
# option record-tgid).
_PROCESS = re.compile(
    rb"\s(\d{1,10})/ *%d\s|-%d +\( *(\d{1,10})\)".replace(b"%d", rb"\d{1,10}")
).search


def is_of(vm: Collection[int], thread: int, before: bytes) -> bool:
    """Tell whether a line is of a VM.

    Parameters
    ----------
    vm : collection of int
        Its process, or its threads.
    thread : int
        The thread that printed the line.
    before : bytes
        What stands before the body.
    """
    if thread in vm:
        return True
    found = _PROCESS(before)
    return found is not None and int(found[1] or found[2]) in vm
