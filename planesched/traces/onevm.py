"""One VM of a trace that holds several: by the process or the threads that print a line."""

import re
from collections.abc import Callable, Collection

from .switches import SWITCHES

__all__ = ["only_of"]

Handler = Callable[[bytes, int, int, bytes], None]

# The process stands before the thread (perf script -F pid,tid) or behind it (tracefs with the
# option record-tgid).
_PROCESS = re.compile(
    rb"\s(\d{1,10})/ *%d\s|-%d +\( *(\d{1,10})\)".replace(b"%d", rb"\d{1,10}")
).search
_ANY = frozenset({b"kvm_apic_accept_irq", b"kvm_apicv_accept_irq"})


def only_of(vm: Collection[int], handlers: dict[bytes, Handler]) -> dict[bytes, Handler]:
    """Give handlers that look at the lines of one VM only.

    Parameters
    ----------
    vm : collection of int
        Its process, or its threads.
    handlers : dict
        What to do with a line, by the event's name. Accepted interrupts are left out: the line does
        not say for which VM it is.
    """
    # Whether a thread is of the VM, by thread: the process is looked for once.
    known: dict[bytes, bool] = {}

    def is_of(line: bytes, at: int, thread: bytes) -> bool:
        if int(thread) in vm:
            return True
        found = _PROCESS(line, 0, at)
        return found is not None and int(found[1] or found[2]) in vm

    def of_thread(handler: Handler) -> Handler:
        def handle(line: bytes, at: int, now: int, thread: bytes) -> None:
            mine = known.get(thread)
            if mine is None:
                mine = known[thread] = is_of(line, at, thread)
            if mine:
                handler(line, at, now, thread)

        return handle

    def nothing(line: bytes, at: int, now: int, thread: bytes) -> None:
        return None

    # The pair of the OpenHCL kernel is printed by the VM itself, so that there is only one.
    return {
        name: nothing
        if name in _ANY
        else (handler if name.startswith(b"mshv") and name in SWITCHES else of_thread(handler))
        for name, handler in handlers.items()
    }
