"""The hot loop of `VM.run`: validate with the GIL, run without it, report with it again.

Which plane runs is decided by ps_step alone; what it decided is looked up where that is faster.
Longer than 300 lines because the two loops, plain and looked up, are to be read side by side.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t, uint64_t

from planesched cimport _cautomaton as table
from planesched cimport _cfigures as figures
from planesched.core cimport VM
from planesched.csched cimport (
    PS_N_EVENTS,
    ps_outcome,
    ps_state,
    ps_step,
    ps_takes_plane,
    ps_worth_logging,
)

from .events import EVENT, NO_PLANE, OUTCOME, Event
from .stats import FIGURES, Stats

__all__ = ["run"]

# So many events are run between two looks for signals: some tens of milliseconds.
cdef uint64_t BLOCK = 1 << 21
# And so many between two looks at whether looking transitions up pays.
cdef uint64_t TRIAL = 1 << 16
# The state of the event this far ahead is fetched while the present one is worked on.
cdef uint64_t AHEAD = 12


def run(VM vm not None, events, log=None, bint lookups=True):
    """Do what `VM.run` says; without `lookups`, ask step for every event (for comparison)."""
    events = _records(events)
    cdef uint64_t n = len(events)
    cdef const figures.ps_event_record *records = (
        <const figures.ps_event_record *><size_t>events.ctypes.data
    )
    cdef uint64_t n_log = 0
    cdef figures.ps_outcome_record *out = NULL
    if log is not None:
        _check_log(log)
        n_log = len(log)
        out = <figures.ps_outcome_record *><size_t>log.ctypes.data
    check_run(vm, records, n)

    totals = np.zeros((), dtype=FIGURES)
    latency = np.zeros((vm.planes, figures.PS_N_BUCKETS), dtype=np.uint64)
    cdef figures.ps_ledger ledger
    ledger.figures = <figures.ps_figures *><size_t>totals.ctypes.data
    ledger.latency = <uint64_t *><size_t>latency.ctypes.data
    ledger.clocks = vm.clocks
    ledger.n_planes = vm.planes
    cdef int64_t end_ns, start_ns = vm.clock_ns
    if start_ns == figures.PS_UNKNOWN_NS:
        start_ns = records[0].time_ns if n else 0
    cdef Progress at
    at.n = n
    at.n_log = n_log
    at.done = at.logged = 0
    with nogil:
        figures.ps_figures_open(&ledger, vm.states, vm.n_vcpus, start_ns)
    try:
        if lookups and lookups_pay(vm, records, n, start_ns):
            run_known(vm, &ledger, records, out, &at, start_ns)
        run_plain(vm, &ledger, records, out, &at, start_ns)
    finally:
        end_ns = records[at.done - 1].time_ns if at.done else start_ns
        if n:
            vm.clock_ns = end_ns
        with nogil:
            figures.ps_figures_close(&ledger, vm.states, vm.n_vcpus, end_ns)
        vm._last_run = Stats(
            totals, latency, elapsed_ns=int(end_ns - start_ns), vcpus=int(vm.n_vcpus),
            logged=int(at.logged),
        )
    return vm._last_run


def _records(events):
    if not isinstance(events, np.ndarray) or events.dtype != EVENT:
        raise TypeError(f"events is {_describe(events)}, expected an ndarray of dtype EVENT")
    if events.ndim != 1:
        raise ValueError(f"events has {events.ndim} dimensions, expected 1")
    return np.require(events, requirements=["C", "A"])


def _check_log(log):
    if not isinstance(log, np.ndarray) or log.dtype != OUTCOME:
        raise TypeError(f"log is {_describe(log)}, expected an ndarray of dtype OUTCOME")
    if log.ndim != 1 or not (log.flags.c_contiguous and log.flags.aligned):
        raise ValueError("log is not a contiguous array of one dimension")
    if not log.flags.writeable:
        raise TypeError("log cannot be written")


def _describe(value):
    if isinstance(value, np.ndarray):
        return f"an ndarray of dtype {value.dtype}"
    return f"a {type(value).__name__}"


cdef int check_run(VM vm, const figures.ps_event_record *records, uint64_t n) except -1:
    """Raise ValueError where a state or record is not what it can be; nothing has changed."""
    cdef figures.ps_mistake mistake
    cdef uint64_t bad
    with nogil:
        bad = figures.ps_states_check(vm.states, vm.n_vcpus, vm.planes)
    if bad < vm.n_vcpus:
        raise ValueError(
            f"state[{bad}]={vm._state[bad]} is not that of a vCPU with {vm.planes} planes"
        )
    with nogil:
        bad = figures.ps_events_check(
            records, n, &vm.c_policy, vm.planes, vm.n_vcpus, vm.clock_ns, &mistake
        )
    if bad == n:
        return 0
    place = f"events[{bad}]"
    if mistake == figures.PS_MISTAKE_TIME:
        before = records[bad - 1].time_ns if bad else max(0, vm.clock_ns)
        raise ValueError(f"{place}: time_ns={records[bad].time_ns} is before {before}")
    if mistake == figures.PS_MISTAKE_VCPU:
        raise ValueError(f"{place}: vcpu={records[bad].vcpu} is not below vcpus={vm.n_vcpus}")
    if mistake == figures.PS_MISTAKE_KIND:
        raise ValueError(f"{place}: kind={records[bad].kind} is not in 0..{PS_N_EVENTS - 1}")
    name = Event(records[bad].kind).name.lower()
    if mistake == figures.PS_MISTAKE_PLANE:
        raise ValueError(
            f"{place}: plane={records[bad].plane} of {name} is not below planes={vm.planes}"
        )
    raise ValueError(
        f"{place}: plane={records[bad].plane}, but {name} takes none here (0 or {NO_PLANE})"
    )


cdef struct Progress:
    uint64_t n, done  # records there are, records run
    uint64_t n_log, logged  # log entries there is room for, entries that there were


cdef int run_plain(
    VM vm,
    const figures.ps_ledger *ledger,
    const figures.ps_event_record *records,
    figures.ps_outcome_record *log,
    Progress *at,
    int64_t start_ns,
) except -1:
    """Run what is left of the records, asking step each time."""
    cdef uint64_t end
    if at.done == at.n:
        return 0
    with nogil:
        figures.ps_figures_begin_time(ledger, vm.states, vm.n_vcpus, reached(records, at, start_ns))
    try:
        while at.done < at.n:
            end = min(at.done + BLOCK, at.n)
            with nogil:
                plain_block(vm, ledger, records, end, log, at)
            PyErr_CheckSignals()
    finally:
        with nogil:
            figures.ps_figures_end_time(
                ledger, vm.states, vm.n_vcpus, reached(records, at, start_ns)
            )
    return 0


cdef int64_t reached(
    const figures.ps_event_record *records, const Progress *at, int64_t start_ns
) noexcept nogil:
    """Give the time up to which the records have been run."""
    return records[at.done - 1].time_ns if at.done else start_ns


cdef void plain_block(
    VM vm,
    const figures.ps_ledger *ledger,
    const figures.ps_event_record *records,
    uint64_t end,
    figures.ps_outcome_record *log,
    Progress *at,
) noexcept nogil:
    cdef uint64_t i, ahead
    cdef unsigned event, plane
    cdef ps_state *s
    cdef int64_t *clock
    cdef figures.ps_before before
    cdef ps_outcome out
    for i in range(at.done, end):
        ahead = records[min(i + AHEAD, at.n - 1)].vcpu
        figures.ps_prefetch(&vm.states[ahead])
        figures.ps_prefetch_clock(ledger, ahead)
        event = records[i].kind
        plane = records[i].plane if ps_takes_plane(&vm.c_policy, event) else 0
        s = &vm.states[records[i].vcpu]
        clock = figures.ps_clock(ledger, records[i].vcpu)
        before = figures.ps_look(s)
        out = ps_step(&vm.c_policy, s, event, plane)
        figures.ps_count(
            ledger, &before, s, out, event, plane, <uint64_t>records[i].time_ns, clock
        )
        if log is not NULL and ps_worth_logging(out):
            write_log(log, at, i, &records[i], out)
    at.done = end


cdef inline table.ps_automaton *table_of(VM vm) noexcept nogil:
    return <table.ps_automaton *>vm.automaton


cdef bint lookups_pay(
    VM vm, const figures.ps_event_record *records, uint64_t n, int64_t start_ns
) noexcept nogil:
    """Tell whether the table may be used: it takes a pass over all vCPUs, and 64-bit sums."""
    if vm.automaton is NULL or n < vm.n_vcpus:
        return False
    return <uint64_t>(records[n - 1].time_ns - start_ns) < <uint64_t>-1 / vm.n_vcpus


cdef int run_known(
    VM vm,
    const figures.ps_ledger *ledger,
    const figures.ps_event_record *records,
    figures.ps_outcome_record *log,
    Progress *at,
    int64_t start_ns,
) except -1:
    """Run records by looking transitions up, until all are run or looking up does not pay."""
    cdef uint64_t end, filled, before
    cdef bint known, pays
    with nogil:
        known = pays = find_rows(vm, ledger, start_ns)
    try:
        # A first short block shows whether the guests keep to few states.
        end = min(at.n, TRIAL >> 2)
        while pays and at.done < at.n:
            filled = table_of(vm).n_filled
            before = at.done
            with nogil:
                pays = known_block(vm, ledger, records, end, log, at)
            filled = table_of(vm).n_filled - filled
            pays = pays and filled * 8 <= at.done - before + TRIAL // 4
            end = min(at.n, end + TRIAL)
            PyErr_CheckSignals()
    finally:
        if known:
            with nogil:
                leave_rows(vm, ledger, reached(records, at, start_ns))
                table.ps_automaton_fold(table_of(vm), ledger.figures)
        if not pays:
            table.ps_automaton_destroy(table_of(vm))
            vm.automaton = NULL
    return 0


cdef bint find_rows(VM vm, const figures.ps_ledger *ledger, int64_t start_ns) noexcept nogil:
    """Find every vCPU's row; False where there are more states than the table holds."""
    cdef uint64_t vcpu
    cdef uint32_t row
    for vcpu in range(vm.n_vcpus):
        row = table.ps_automaton_row(table_of(vm), &vm.states[vcpu])
        if row == table.PS_NO_STATE:
            return False
        figures.ps_clock(ledger, vcpu)[figures.PS_CLOCK_ROW] = row
    for vcpu in range(vm.n_vcpus):
        row = <uint32_t>figures.ps_clock(ledger, vcpu)[figures.PS_CLOCK_ROW]
        table.ps_automaton_join(table_of(vm), row, <uint64_t>start_ns)
    return True


cdef void leave_rows(VM vm, const figures.ps_ledger *ledger, int64_t end_ns) noexcept nogil:
    """Write the states back."""
    cdef uint64_t vcpu
    cdef uint32_t row
    for vcpu in range(vm.n_vcpus):
        row = <uint32_t>figures.ps_clock(ledger, vcpu)[figures.PS_CLOCK_ROW]
        table.ps_automaton_leave(table_of(vm), row, <uint64_t>end_ns)
        vm.states[vcpu] = table.ps_automaton_state(table_of(vm), row)[0]


cdef bint known_block(
    VM vm,
    const figures.ps_ledger *ledger,
    const figures.ps_event_record *records,
    uint64_t end,
    figures.ps_outcome_record *log,
    Progress *at,
) noexcept nogil:
    """Run records up to `end`; False where the table is full before that."""
    cdef uint64_t i, ahead
    cdef const table.ps_edge *edge
    for i in range(at.done, end):
        ahead = records[min(i + AHEAD, at.n - 1)].vcpu
        figures.ps_prefetch_clock(ledger, ahead)
        edge = table.ps_automaton_step(
            table_of(vm), ledger, records[i].kind, records[i].plane,
            <uint64_t>records[i].time_ns, figures.ps_clock(ledger, records[i].vcpu),
        )
        if edge is NULL:
            at.done = i
            return False
        if log is not NULL and edge.bits & table.PS_EDGE_LOGGED:
            write_log(
                log, at, i, &records[i], table_of(vm).outcomes[edge - table_of(vm).edges]
            )
    at.done = end
    return True


cdef void write_log(
    figures.ps_outcome_record *log, Progress *at, uint64_t i,
    const figures.ps_event_record *record, ps_outcome out
) noexcept nogil:
    cdef figures.ps_outcome_record *entry = &log[at.logged]
    at.logged += 1
    if at.logged > at.n_log:
        return
    entry.record = <int64_t>i
    entry.time_ns = record.time_ns
    entry.vcpu = record.vcpu
    entry.kind = record.kind
    entry.plane = record.plane
    entry.was = out.was
    entry.now = out.now
    entry.reason = out.reason
    entry.fault = out.fault
    entry.flags = out.flags
    for k in range(5):
        entry.pad[k] = 0
