"""The fast core: VMs that own their vCPUs' states, the hot loop, and the scan.

Every function here validates with the GIL, works without it, and reports with it again. Which
plane runs is decided by ps_step alone.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from planesched cimport _cautomaton as table
from planesched cimport _cfigures as figures
from planesched.csched cimport (
    PS_EVENT_ENTER,
    PS_MAX_PLANES,
    PS_N_EVENTS,
    PS_NO_PLANE,
    PS_STATUS_BLOCKED,
    PS_STATUS_USER,
    ps_boot,
    ps_default_pick,
    ps_first,
    ps_outcome,
    ps_policy,
    ps_policy_default,
    ps_policy_prepare,
    ps_requests,
    ps_state,
    ps_step,
    ps_takes_plane,
    ps_worth_logging,
)

from .events import EVENT, MASKS, NO_PLANE, OUTCOME, STATE, Event, Fault, Flags, Reason
from .policy import ENUMS, Policy, plane_count
from .stats import FIGURES, Stats

__all__ = ["VCPU", "VM", "Outcome", "pick_many"]

# So many events are run between two looks for signals: some tens of milliseconds.
cdef uint64_t BLOCK = 1 << 21
# The state of the event this far ahead is fetched while the present one is worked on.
cdef uint64_t AHEAD = 12
# How much memory a VM spends on transitions that were worked out once, in bytes.
cdef uint64_t TABLE = 64 << 20

cdef dict EVENT_NUMBERS = {event.name.lower(): int(event) for event in Event}


cdef class Outcome:
    """What one step did: plane before, plane now, reason, fault, flags.

    Attributes
    ----------
    was, now : int
        The current plane before and after.
    reason : Reason
        Why a plane was entered, or why the vCPU left for userspace.
    fault : Fault
        Why the event was refused; ``Fault.NONE`` where it was not.
    flags : Flags
        What happened, and the state that was left.
    """

    def __init__(self, int was, int now, int reason=0, int fault=0, int flags=0):
        self.c.was = <int8_t>was
        self.c.now = <int8_t>now
        self.c.reason = <uint8_t>int(Reason(reason))
        self.c.fault = <uint8_t>int(Fault(fault))
        self.c.flags = <uint8_t>int(Flags(flags))

    @property
    def was(self):
        return self.c.was

    @property
    def now(self):
        return self.c.now

    @property
    def reason(self):
        return Reason(self.c.reason)

    @property
    def fault(self):
        return Fault(self.c.fault)

    @property
    def flags(self):
        return Flags(self.c.flags)

    def __iter__(self):
        return iter((self.was, self.now, self.reason, self.fault, self.flags))

    def __eq__(self, other):
        try:
            return tuple(self) == tuple(other)
        except TypeError:
            return NotImplemented

    def __hash__(self):
        return hash(tuple(self))

    def __reduce__(self):
        return Outcome, (self.c.was, self.c.now, self.c.reason, self.c.fault, self.c.flags)

    def __repr__(self):
        return (
            f"Outcome(was={self.was}, now={self.now}, reason={self.reason.name.lower()}, "
            f"fault={self.fault.name.lower()}, flags={flag_names(self.flags)})"
        )


def flag_names(flags):
    """Give the names of some flags, ``switched|injected``, or ``none``."""
    return "|".join(flag.name.lower() for flag in Flags if flag & flags) or "none"


cdef int fill_policy(ps_policy *out, object policy) except -1:
    """Translate a Policy; its fields were validated when it was made."""
    out[0] = ps_policy_default()
    out.direction = policy.direction
    out.marker = NO_PLANE if policy.marker is None else policy.marker
    out.rank = policy.rank
    out.preempt = policy.preempt
    out.gate = policy.gate
    out.trigger = policy.trigger
    out.rearm = policy.rearm
    out.call = policy.call
    out.refuse_pending = policy.refuse_pending
    out.ret = policy.ret
    out.idle = policy.idle
    out.empty = policy.empty
    out.wake = policy.wake
    out.force = policy.force
    out.force_self = policy.force_self
    out.vina = policy.vina
    out.vina_auto_reset = policy.vina_auto_reset
    out.scheduler = policy.scheduler
    out.boot = policy.boot
    out.accelerated = 0
    for reason in policy.accelerated:
        out.accelerated |= <uint16_t>(1 << <int>reason)
    if ps_policy_prepare(out):
        raise ValueError(f"policy={policy!r} is not valid")
    return 0


def _as_policy(policy, planes):
    if isinstance(policy, str):
        return Policy.preset(policy, planes=planes)
    if not isinstance(policy, Policy):
        raise TypeError(f"policy={policy!r} is neither a Policy nor the name of a preset")
    policy.check_planes(planes)
    return policy


def _online_mask(online, planes, boot):
    if online is None:
        return (1 << planes) - 1
    mask = 0
    for plane in online:
        if not 0 <= plane < planes:
            raise ValueError(f"online holds {plane}, which is not a plane in 0..{planes - 1}")
        mask |= 1 << plane
    if not mask >> boot & 1:
        raise ValueError(f"online={sorted(online)} does not hold the boot plane {boot}")
    return mask


def _aligned_zeros(n, dtype):
    """Give `n` zeroed records on a cache line, as a view, so that numpy cannot move them."""
    size = n * dtype.itemsize
    memory = np.zeros(size + 64, dtype=np.uint8)
    shift = -memory.ctypes.data % 64
    return memory[shift : shift + size].view(dtype)


cdef class VM:
    """A virtual machine: some vCPUs that have the same planes and policy.

    Parameters
    ----------
    planes : int
        How many planes each vCPU has, 1..16.
    vcpus : int
        How many vCPUs, 1 to 2**32 - 1.
    policy : Policy or str
        How planes are scheduled; a str names a preset.
    online : iterable of int, optional
        The planes that exist at boot; all by default. Holds the policy's boot plane.

    Raises
    ------
    ValueError
        If a number is out of range or the policy names a plane that the VM does not have.
    TypeError
        If an argument is of the wrong type.

    Examples
    --------
    >>> vm = VM(planes=3, vcpus=1, policy="vsm")
    >>> vm.vcpus[0].step("irq", 1).now
    1
    """

    def __init__(self, planes=2, vcpus=1, policy="vsm", online=None):
        planes = plane_count(planes)
        policy = _as_policy(policy, planes)
        if isinstance(vcpus, bool) or not hasattr(vcpus, "__index__"):
            raise TypeError(f"vcpus={vcpus!r} is not a whole number")
        if not 1 <= vcpus < 1 << 32:
            raise ValueError(f"vcpus={vcpus} is not in 1..{(1 << 32) - 1}")
        self.planes = planes
        self._policy = policy
        fill_policy(&self.c_policy, policy)
        cdef ps_state boot = ps_boot(
            &self.c_policy, <uint16_t>_online_mask(online, planes, policy.boot)
        )
        self.n_vcpus = vcpus
        self._state = _aligned_zeros(vcpus, STATE)
        self._clock = _aligned_zeros(vcpus * figures.PS_CLOCK_SLOTS(planes), np.dtype(np.int64))
        self._clock[:] = figures.PS_UNKNOWN_NS
        self.states = <ps_state *><size_t>self._state.ctypes.data
        self.clocks = <int64_t *><size_t>self._clock.ctypes.data
        self.clock_ns = figures.PS_UNKNOWN_NS
        self._last_run = None
        self.automaton = table.ps_automaton_create(&self.c_policy, planes, TABLE)
        if self.automaton is NULL:
            raise MemoryError
        self.states[0] = boot
        self._state[:] = self._state[0]

    def __dealloc__(self):
        table.ps_automaton_destroy(table_of(self))

    @property
    def policy(self):
        """The policy that the VM was made with."""
        return self._policy

    @property
    def state(self):
        """The states of all vCPUs: a writable structured array, shape (vcpus,), dtype STATE.

        It is the memory that the core works on, so a snapshot is ``vm.state.copy()`` and
        restoring one is ``vm.state[:] = snapshot``.
        """
        return self._state

    @state.setter
    def state(self, value):
        self._state[:] = np.asarray(value, dtype=STATE)

    @property
    def vcpus(self):
        """The vCPUs as a sequence of light views."""
        return VCPUs(self)

    @property
    def now_ns(self):
        """The time of the last event that was run, in nanoseconds; None before any."""
        return None if self.clock_ns == figures.PS_UNKNOWN_NS else self.clock_ns

    @property
    def last_run(self):
        """The figures of the last `run`, also of one that was interrupted; None before any."""
        return self._last_run

    def __reduce__(self):
        fields = (self._state.copy(), self._clock.copy(), self.clock_ns)
        return _rebuild, (self.planes, int(self.n_vcpus), self._policy, *fields)

    def __copy__(self):
        rebuild, args = self.__reduce__()
        return rebuild(*args)

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __repr__(self):
        return f"<VM of {self.n_vcpus} vCPUs with {self.planes} planes>"

    cdef ps_outcome step_vcpu(self, uint64_t vcpu, unsigned event, unsigned plane) noexcept nogil:
        """Step one vCPU at the VM's present time; the arguments are in range."""
        cdef ps_state *s = &self.states[vcpu]
        cdef uint16_t irq = s.irq
        cdef ps_outcome out = ps_step(&self.c_policy, s, event, plane)
        cdef int64_t *clock = self.clocks + vcpu * figures.PS_CLOCK_SLOTS(self.planes)
        if out.was != out.now:
            clock[figures.PS_CLOCK_ENTERED] = self.clock_ns
        cdef uint16_t fresh = s.irq & ~irq
        while fresh:
            plane = ps_first(&self.c_policy, s.locked, fresh)
            clock[figures.PS_CLOCK_POSTED + plane] = self.clock_ns
            fresh &= <uint16_t>~(1 << plane)
        return out

    def run(self, events, log=None):
        """Run timed events through the vCPUs and count what happens.

        Parameters
        ----------
        events : ndarray, shape (n,), dtype EVENT
            In order of time, not before the last event of an earlier run.
        log : ndarray, shape (m,), dtype OUTCOME, optional
            Filled with the outcomes that switched, faulted or notified (VINA), in order;
            `Stats.logged` says how many there were, also of those beyond m.

        Returns
        -------
        Stats
            The figures of this run: from the last event of the run before (or this run's
            first) to this run's last.

        Raises
        ------
        ValueError
            If a time goes back, a vCPU or plane is out of range or a kind unknown; it says in
            which record, and nothing has changed. Likewise if a state that was written by hand
            is not one that a vCPU can have.
        TypeError
            If an array is of another dtype, or `log` cannot be written.
        KeyboardInterrupt
            On Ctrl-C: the events before that point are run, `last_run` holds their figures.
        """
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
        check_run(self, records, n)

        totals = np.zeros((), dtype=FIGURES)
        latency = np.zeros((self.planes, figures.PS_N_BUCKETS), dtype=np.uint64)
        cdef figures.ps_ledger ledger
        ledger.figures = <figures.ps_figures *><size_t>totals.ctypes.data
        ledger.latency = <uint64_t *><size_t>latency.ctypes.data
        ledger.clocks = self.clocks
        ledger.n_planes = self.planes
        cdef int64_t end_ns, start_ns = self.clock_ns
        if start_ns == figures.PS_UNKNOWN_NS:
            start_ns = records[0].time_ns if n else 0
        cdef Progress at
        at.n = n
        at.n_log = n_log
        at.done = at.logged = 0
        with nogil:
            figures.ps_figures_open(&ledger, self.states, self.n_vcpus, start_ns)
        try:
            if lookups_pay(self, records, n, start_ns):
                run_known(self, &ledger, records, out, &at, start_ns)
            run_plain(self, &ledger, records, out, &at, start_ns)
        finally:
            end_ns = records[at.done - 1].time_ns if at.done else start_ns
            if n:
                self.clock_ns = end_ns
            with nogil:
                figures.ps_figures_close(&ledger, self.states, self.n_vcpus, end_ns)
            self._last_run = Stats(
                totals, latency, elapsed_ns=int(end_ns - start_ns), vcpus=int(self.n_vcpus),
                logged=int(at.logged),
            )
        return self._last_run

def _rebuild(planes, vcpus, policy, state, clock, clock_ns):
    cdef VM vm = VM(planes, vcpus, policy)
    vm._state[:] = state
    vm._clock[:] = clock
    vm.clock_ns = clock_ns
    return vm


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
        end = min(at.n, <uint64_t>1 << 14)
        while pays and at.done < at.n:
            filled = table_of(vm).n_filled
            before = at.done
            with nogil:
                pays = known_block(vm, ledger, records, end, log, at)
            pays = pays and (table_of(vm).n_filled - filled) * 4 <= at.done - before + 4096
            end = min(at.n, end + BLOCK)
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


class VCPUs:
    """The vCPUs of a VM, by index: a sequence that makes its views when asked."""

    def __init__(self, vm):
        self._vm = vm

    def __len__(self):
        return (<VM>self._vm).n_vcpus

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return VCPU(self._vm, index)

    def __iter__(self):
        return (VCPU(self._vm, index) for index in range(len(self)))


cdef class VCPU:
    """A light view of one vCPU of a VM."""

    def __init__(self, VM vm not None, index):
        cdef int64_t n = <int64_t>vm.n_vcpus
        if not -n <= index < n:
            raise IndexError(f"vcpu={index} is not in 0..{n - 1}")
        self.vm = vm
        self.index = index + n if index < 0 else index

    @property
    def current(self):
        """The plane that runs, or that ran last where the vCPU is blocked or in userspace."""
        return self.vm.states[self.index].current

    @property
    def blocked(self):
        """Whether the current plane is halted, or nothing can run."""
        return bool(self.vm.states[self.index].status & PS_STATUS_BLOCKED)

    @property
    def user(self):
        """Whether the vCPU is in userspace."""
        return bool(self.vm.states[self.index].status & PS_STATUS_USER)

    @property
    def state(self):
        """The 32 bytes: a writable record of dtype STATE that shares the VM's memory."""
        return self.vm._state[self.index : self.index + 1].reshape(())

    @state.setter
    def state(self, value):
        self.vm._state[self.index] = value

    def step(self, event, plane=None):
        """Let one event happen.

        Parameters
        ----------
        event : str or int
            By name or number.
        plane : int, optional
            The plane that the event names; some take none.

        Returns
        -------
        Outcome
            A guest's mistake is a fault in it, not an exception.

        Raises
        ------
        ValueError
            If there is no such event, a plane is missing or superfluous, or the VM has no such
            plane, or the state was written by hand and is not one of a vCPU.
        """
        cdef unsigned number, target = 0
        cdef VM vm = self.vm
        if type(event) is str:
            found = EVENT_NUMBERS.get(event)
            if found is None:
                raise ValueError(f"event={event!r} is none of {', '.join(EVENT_NUMBERS)}")
            number = found
        else:
            number = int(Event(event))
        if ps_takes_plane(&vm.c_policy, number):
            target = target_of(vm, number, plane)
        elif plane is not None:
            raise ValueError(f"plane={plane!r}, but {Event(number).name.lower()} takes none here")
        if figures.ps_states_check(&vm.states[self.index], 1, vm.planes) == 0:
            raise ValueError(f"state={self.state} is not that of a vCPU with {vm.planes} planes")
        cdef Outcome outcome = Outcome.__new__(Outcome)
        outcome.c = vm.step_vcpu(self.index, number, target)
        return outcome

    def default_pick(self):
        """Give the plane that the default userspace scheduler would enter; None to wait."""
        cdef unsigned plane = ps_default_pick(&self.vm.c_policy, &self.vm.states[self.index])
        return None if plane == PS_NO_PLANE else plane

    def answer(self):
        """Answer an exit as the default userspace scheduler does (rules, 3.5).

        Returns
        -------
        Outcome or None
            Of the ``enter``; None where there is no plane to enter, and userspace waits.
        """
        cdef ps_state *s = &self.vm.states[self.index]
        plane = self.default_pick()
        if plane is None:
            return None
        s.req_exit = ps_requests(&self.vm.c_policy, s, plane)
        return self.step(PS_EVENT_ENTER, plane)

    def resched(self):
        """Look again at which plane runs."""
        return self.step("resched")

    def irq(self, plane):
        """Deliver an interrupt to a plane."""
        return self.step("irq", plane)

    def nmi(self, plane):
        """Deliver an NMI to a plane."""
        return self.step("nmi", plane)

    def intercept(self, plane):
        """Queue an intercept to a plane."""
        return self.step("intercept", plane)

    def mask(self, plane):
        """Hold back a plane's interrupt by priority (TPR/CR8, PPR, GIC priority mask)."""
        return self.step("mask", plane)

    def unmask(self, plane):
        """No longer hold back a plane's interrupt by priority."""
        return self.step("unmask", plane)

    def cli(self, plane):
        """Disable a plane's interrupts."""
        return self.step("cli", plane)

    def sti(self, plane):
        """Enable a plane's interrupts."""
        return self.step("sti", plane)

    def halt(self):
        """The current plane executes HLT or WFI."""
        return self.step("halt")

    def call(self, plane=None):
        """The current plane asks for a switch; names the plane where the policy hands over."""
        return self.step("call", plane)

    def return_(self):
        """The current plane returns."""
        return self.step("return")

    def start(self, plane):
        """Make a plane runnable and not halted."""
        return self.step("start", plane)

    def stop(self, plane):
        """Make a plane not runnable."""
        return self.step("stop", plane)

    def enable(self, plane):
        """Bring a plane into existence on this vCPU."""
        return self.step("enable", plane)

    def disable(self, plane):
        """Take a plane off this vCPU, with everything that it had pending."""
        return self.step("disable", plane)

    def lock(self, plane):
        """Lock a plane in: from now its privilege counts (``rank="locked"``)."""
        return self.step("lock", plane)

    def force(self, plane):
        """The host forces a plane in."""
        return self.step("force", plane)

    def hold(self, plane):
        """Userspace holds a plane back."""
        return self.step("hold", plane)

    def release(self, plane):
        """Userspace no longer holds a plane back."""
        return self.step("release", plane)

    def enter(self, plane):
        """Userspace picks a plane and enters the vCPU."""
        return self.step("enter", plane)

    def vina_on(self, plane):
        """A plane wants to be told of interrupts for less privileged planes."""
        return self.step("vina_on", plane)

    def vina_off(self, plane):
        """A plane no longer wants to be told."""
        return self.step("vina_off", plane)

    def vina_clear(self, plane):
        """A plane clears the assertion of its notification."""
        return self.step("vina_clear", plane)

    def __repr__(self):
        s = self.state
        how = "in userspace at" if self.user else "blocked on" if self.blocked else "running"
        parts = [f"{how} plane {self.current}"]
        shown = {name: _planes_of(int(s[name])) for name in MASKS}
        waiting = [p for p in shown["runnable"] if p != self.current]
        for name, planes in {"suspended": waiting, **shown}.items():
            if planes and name not in ("runnable", "online"):
                parts.append(f"{name}: {','.join(map(str, planes))}")
        return f"<vCPU {self.index}: {'; '.join(parts)}>"


cdef unsigned target_of(VM vm, unsigned event, object plane) except? 255:
    if plane is None:
        raise ValueError(f"plane is missing: {Event(event).name.lower()} needs one")
    cdef int64_t target = plane
    if not 0 <= target < vm.planes:
        raise ValueError(f"plane={plane} is not in 0..{vm.planes - 1}")
    return <unsigned>target


def _planes_of(mask):
    return [plane for plane in range(PS_MAX_PLANES) if mask >> plane & 1]


def pick_many(candidates, policy, locked=None, out=None):
    """Pick the first plane of each packed mask by a policy's rank (rules, 3.1).

    Parameters
    ----------
    candidates : array_like of uint16, any shape
        Bit p of each word: plane p may be picked.
    policy : Policy
        Its direction, marker and rank count. (A preset's marker depends on the number of
        planes, so a name alone does not do.)
    locked : array_like of uint16, optional
        The planes that are locked in, broadcast against `candidates`; none by default. Looked
        at with ``rank="locked"`` only.
    out : ndarray of int8, optional
        Where the result goes; the shape of `candidates`, C-contiguous.

    Returns
    -------
    ndarray of int8, shape of `candidates`
        The plane picked; -1 where a mask is empty.

    Raises
    ------
    TypeError
        If `candidates`, `locked` or `out` is of another dtype, or `policy` is no Policy.
    ValueError
        If shapes do not fit.
    """
    cdef ps_policy c_policy
    if not isinstance(policy, Policy):
        raise TypeError(f"policy={policy!r} is not a Policy")
    fill_policy(&c_policy, policy)
    masks = _words("candidates", candidates)
    shape = np.shape(candidates)
    if out is None:
        out = np.empty(shape, dtype=np.int8)
    elif not isinstance(out, np.ndarray) or out.dtype != np.int8 or not out.flags.c_contiguous:
        raise TypeError(f"out is {_describe(out)}, expected a C-contiguous ndarray of int8")
    elif out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")
    cdef uint64_t n = masks.size
    cdef const uint16_t[::1] words = masks.reshape(-1)
    cdef int8_t[::1] planes = out.reshape(-1)
    cdef const uint16_t[::1] locks = words
    cdef bint looked = policy.rank.name == "locked" and locked is not None
    if looked:
        locks = np.ascontiguousarray(np.broadcast_to(_words("locked", locked), shape)).reshape(-1)
    with nogil:
        if n:
            figures.ps_scan(&c_policy, &words[0], &locks[0] if looked else NULL, n, &planes[0])
    return out


def _words(name, values):
    array = np.asarray(values)
    if array.dtype != np.uint16 and not (array.size and isinstance(values, int)):
        raise TypeError(f"{name} is of dtype {array.dtype}, expected uint16")
    return np.ascontiguousarray(array, dtype=np.uint16)
