"""From the text of a trace to records, and from these to jobs; C does it (csrc/traces).

What C does not decide alone is left to the reader: lines that are no events, malformed ones.
"""

from collections import namedtuple

import numpy as np

from libc.stdint cimport int64_t, uint32_t, uint64_t

from planesched._clayouts cimport hold_layouts, ps_number, ps_trace_layouts, ps_trace_numbers
from planesched.traces cimport _cdecoder as c

from ..errors import Mistake, TypeMistake, Words
from ..layouts import JOB, hold_numbers
from .record import RECORD, Kind

__all__ = ["Decoder", "Found", "JobMaker", "match", "sort_jobs"]

END, FULL = c.PS_STOPPED_END, c.PS_STOPPED_FULL
LINE, TIME = c.PS_STOPPED_LINE, c.PS_STOPPED_TIME
BODY, WHOSE = c.PS_STOPPED_BODY, c.PS_STOPPED_WHOSE
FINE, FORM = c.PS_BODY_FINE, c.PS_BODY_FORM
VCPU, TWO_VMS = c.PS_BODY_VCPU, c.PS_BODY_TWO_VMS
PERF_PROF, TRACEFS, TRACE_CMD = c.PS_FORMAT_PERF_PROF, c.PS_FORMAT_TRACEFS, c.PS_FORMAT_TRACE_CMD
PERF_SCRIPT, PERF_COLUMNS = c.PS_FORMAT_PERF_SCRIPT, c.PS_FORMAT_PERF_COLUMNS
PERF_TID_FIRST, PERF_TIME_FIRST = c.PS_FORMAT_PERF_TID_FIRST, c.PS_FORMAT_PERF_TIME_FIRST
N_FORMATS = c.PS_N_FORMATS
MAX_LINE = c.PS_TRACE_MAX_LINE
_RECORDS = 1 << 16
_SHOWN = (
    (c.PS_SHOWN_DECIMAL, "kvm_inj_virq in decimal: <= 5.19"),
    (c.PS_SHOWN_HEXADECIMAL, "kvm_inj_virq in hexadecimal: >= 6.0"),
    (c.PS_SHOWN_INFO1, "kvm_exit with info1: >= 5.10"),
    (c.PS_SHOWN_PLUGIN, "kvm_exit decoded by trace-cmd: any kernel"),
)


cdef int hold_kinds() except -1:
    """Raise ImportError unless the kinds of records have the numbers of C."""
    cdef const ps_number *number = ps_trace_numbers
    numbers = []
    while number.of is not NULL:
        name = number.name.decode() if number.name is not NULL else None
        numbers.append((number.of.decode(), name, number.value))
        number += 1
    hold_numbers(numbers, {"Kind": Kind})
    return 0


hold_layouts(ps_trace_layouts)
hold_kinds()


Found = namedtuple("Found", "thread seconds fraction event end")


cdef object found_in(const c.ps_trace_found *found, const char *line):
    return Found(
        found.thread,
        found.seconds[:found.seconds_end - found.seconds],
        found.fraction[:found.digits],
        found.event[:found.event_end - found.event],
        found.body - line,
    )


def match(int number, bytes line not None):
    """Return what a line, without its end, has before its body, or None if it has no event.

    Parameters
    ----------
    number : int
        The format: one of this module's, below `N_FORMATS`.
    line : bytes
    """
    cdef c.ps_trace_found found
    cdef const char *text = line
    check_format(number)
    if not c.ps_trace_match(<c.ps_trace_format>number, text, text + len(line), &found):
        return None
    return found_in(&found, text)


cdef int check_format(int number) except -1:
    if not 0 <= number < c.PS_N_FORMATS:
        raise Mistake("format", number, f"0 to {c.PS_N_FORMATS - 1}")
    return 0


cdef class Decoder:
    """The records of the blocks that were read, and what is known of threads and vCPUs.

    Parameters
    ----------
    one_vm : bool
        Only lines of some threads are read; at the first line of each, `advance` asks whose it is.
    """

    cdef c.ps_trace trace
    cdef bytes block
    cdef object records
    cdef dict others

    def __cinit__(self, one_vm=False):
        if c.ps_trace_open(&self.trace):
            raise MemoryError
        self.trace.one_vm = bool(one_vm)
        self.records = np.zeros(_RECORDS, RECORD)
        cdef uint64_t address = self.records.ctypes.data
        self.trace.records = <c.ps_trace_record *>address
        self.trace.room = _RECORDS
        self.others = {}
        self.block = b""

    def __dealloc__(self):
        c.ps_trace_close(&self.trace)

    @property
    def format(self):
        """The format that lines are read in; -1 while it is not known, and no line has an event."""
        return self.trace.format

    @format.setter
    def format(self, int number):
        check_format(number)
        self.trace.format = number

    def feed(self, bytes block not None):
        """Take the next block, of whole lines; the one before was read to its end."""
        self.block = block
        self.trace.at = <const char *>block
        self.trace.end = self.trace.at + len(block)
        self.trace.line = self.trace.line_end = self.trace.at

    def advance(self):
        """Read on in the block; return why it stopped: `END`, `FULL`, `LINE`, `TIME` and so on."""
        cdef c.ps_trace_stop stop
        while True:
            with nogil:
                stop = c.ps_trace_read(&self.trace)
            if stop == c.PS_STOPPED_THREADS:
                if c.ps_trace_grow(&self.trace):
                    raise MemoryError
            elif stop == c.PS_STOPPED_NAMES:
                self.take_names()
            else:
                return stop

    cdef int take_names(self) except -1:
        """Move the names of other events from C's table, whose room is limited."""
        cdef const c.ps_trace_name *name = self.trace.names
        cdef uint32_t i
        for i in range(c.PS_TRACE_NAMES):
            if name[i].length:
                text = name[i].text[:name[i].length]
                self.others[text] = self.others.get(text, 0) + name[i].count
        c.ps_trace_forget_names(&self.trace)
        return 0

    def take(self):
        """Return the records so far and forget them: an array of `RECORD`."""
        chunk = self.records[:self.trace.n_records].copy()
        self.trace.n_records = 0
        return chunk

    @property
    def counts(self):
        """Lines by the name of their event."""
        self.take_names()
        cdef int event
        counts = dict(self.others)
        for event in range(c.PS_TRACE_N_EVENTS):
            if self.trace.counts[event]:
                name = <bytes>c.ps_trace_event_name(<c.ps_trace_event>event)
                counts[name] = self.trace.counts[event]
        return counts

    # ---- The line that it stopped at ----

    @property
    def line(self):
        """The line, without its end."""
        return self.trace.line[:self.trace.line_end - self.trace.line]

    @property
    def number(self):
        """Lines so far, that one included."""
        return self.trace.number

    @property
    def found(self):
        """What it has before its body; not to be asked for at a `LINE`."""
        return found_in(&self.trace.found, self.trace.line)

    @property
    def before_ns(self):
        """Time of the event before it; -1 if it is the first."""
        return self.trace.before

    @property
    def fault(self):
        """What is wrong with its body: `FORM`, `VCPU`, `TWO_VMS`; the vCPU; whose that is."""
        return self.trace.fault, self.trace.fault_vcpu, self.trace.fault_owner

    def again(self, bytes body not None):
        """Read its body once more, from another text; return whether that is well."""
        cdef const char *text = body
        return c.ps_trace_again(&self.trace, text, text + len(body)) == c.PS_BODY_FINE

    def count(self):
        """Count it."""
        c.ps_trace_count(&self.trace)

    def settle(self, of_vm):
        """Say whether its thread is of the VM that is read."""
        c.ps_trace_settle(&self.trace, bool(of_vm))

    # ---- All lines so far ----

    @property
    def first_ns(self):
        """Time of the first event."""
        return self.trace.first_ns

    @property
    def last_ns(self):
        """Time of the last event; 0 before the first."""
        return max(self.trace.previous, 0)

    @property
    def n_records(self):
        """Records that were not taken yet."""
        return self.trace.n_records

    @property
    def n_vcpus(self):
        """The highest vCPU seen, plus 1."""
        return self.trace.n_vcpus

    @property
    def reinjected(self):
        """Injections that repeat one that was cut short."""
        return self.trace.reinjected

    @property
    def hardware(self):
        """An exit was seen that exists only where the hardware delivers interrupts."""
        return bool(self.trace.hardware)

    @property
    def shown(self):
        """What the lines show of the kernel's age."""
        return [text for bit, text in _SHOWN if self.trace.shown & bit]


include "jobmaker.pxi"
