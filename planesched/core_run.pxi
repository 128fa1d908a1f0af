# The hot loop of `VM.run`: validate with the GIL, run without it, report with it again.

# So many events are run between two looks for signals: some tens of milliseconds.
cdef uint64_t BLOCK = 1 << 21
# And so many where an algorithm picks, which may be slow.
cdef uint64_t PICKED_BLOCK = 1 << 14
# And so many between two looks at whether looking transitions up pays.
cdef uint64_t TRIAL = 1 << 16
# How much memory a VM spends on transitions that were worked out once, in bytes: about what the
# caches hold, for beyond them asking step is faster than looking up.
cdef uint64_t TABLE = 8 << 20


def run_events(VM vm not None, events, log=None, progress=None, bint lookups=True):
    """Do what `VM.run` says; without `lookups`, ask step for every event (for comparison)."""
    events = record_array("events", events, EVENT)
    cdef loop.ps_run it
    it.policy = &vm.c_policy
    it.algorithm = NULL if vm.algorithm.pick is NULL else &vm.algorithm
    it.states = vm.states
    it.n_vcpus = vm.n_vcpus
    it.records = <const figures.ps_event_record *><size_t>events.ctypes.data
    it.n = len(events)
    it.done = it.n_log = it.logged = 0
    it.log = NULL
    if log is not None:
        it.n_log = len(log_array(log))
        it.log = <figures.ps_outcome_record *><size_t>log.ctypes.data
    cdef bint with_chips = vm.apics is not NULL
    cdef loop.ps_chips chips = chips_of(vm)
    cdef uint32_t kinds = check_chip_run(vm, &it, &chips) if with_chips else check_run(vm, &it)

    totals = np.zeros((), dtype=FIGURES)
    latency = np.zeros((vm.planes, figures.PS_N_BUCKETS), dtype=np.uint64)
    it.ledger.figures = <figures.ps_figures *><size_t>totals.ctypes.data
    it.ledger.latency = <uint64_t *><size_t>latency.ctypes.data
    it.ledger.clocks = vm.clocks
    it.ledger.n_planes = vm.planes
    cdef int64_t end_ns, start_ns = vm.clock_ns
    if start_ns == figures.PS_UNKNOWN_NS:
        start_ns = it.records[0].time_ns if it.n else 0
    with nogil:
        figures.ps_figures_open(&it.ledger, vm.states, vm.n_vcpus, start_ns)
        if with_chips:
            loop.ps_chips_pending(
                &chips, vm.states, vm.n_vcpus, vm.planes, it.ledger.figures.pending_before
            )
    cdef bint stopped = False
    watch = Watch(progress, it.n)
    try:
        if with_chips:
            run_chips(vm, &it, &chips, start_ns, watch)
        elif lookups and lookups_pay(vm, &it, start_ns):
            it.automaton = table_for(vm, kinds)
            run_known(vm, &it, start_ns, watch)
        run_plain(vm, &it, start_ns, watch)
        watch.tell(it.done)
    except KeyboardInterrupt:
        stopped = True
    finally:
        end_ns = reached(&it, start_ns)
        if it.n:
            vm.clock_ns = end_ns
        with nogil:
            figures.ps_figures_close(&it.ledger, vm.states, vm.n_vcpus, end_ns)
            if with_chips:
                loop.ps_chips_pending(
                    &chips, vm.states, vm.n_vcpus, vm.planes, it.ledger.figures.pending
                )
        vm._last_run = Stats(
            totals, latency, elapsed_ns=int(end_ns - start_ns), vcpus=int(vm.n_vcpus),
            logged=int(it.logged), partial=bool(stopped),
        )
    return vm._last_run


cdef class Watch:
    """Between blocks: lets Ctrl-C work, and tells how far a run is, ten times a second at most."""

    cdef object progress
    cdef double told_s
    cdef uint64_t n

    def __cinit__(self, progress, n):
        if progress is not None and not callable(progress):
            raise TypeMistake("progress", progress, "a callable, or None")
        self.progress = progress
        self.told_s = perf_counter()
        self.n = n

    cdef int look(self, uint64_t done) except -1:
        PyErr_CheckSignals()
        if done < self.n and perf_counter() - self.told_s >= 0.1:
            self.told_s = perf_counter()
            self.tell(done)
        return 0

    cdef int tell(self, uint64_t done) except -1:
        if self.progress is not None:
            self.progress(<double>done / <double>self.n if self.n else 1.0, int(done))
        return 0


cdef uint32_t check_run(VM vm, const loop.ps_run *it) except? 0:
    """Raise Mistake where a state or record is not what it can be; nothing has changed.

    Returns the events that occur, as bits.
    """
    cdef const figures.ps_event_record *records = it.records
    cdef figures.ps_mistake mistake
    cdef uint32_t kinds
    cdef uint64_t bad
    with nogil:
        bad = figures.ps_states_check(vm.states, vm.n_vcpus, vm.planes)
    if bad < vm.n_vcpus:
        raise Mistake(f"state[{bad}]", vm._state[bad], f"one of a vCPU with {vm.planes} planes")
    with nogil:
        bad = figures.ps_events_check(
            records, it.n, it.policy, vm.planes, vm.n_vcpus, vm.clock_ns, &kinds, &mistake
        )
    if bad < it.n:
        raise_mistake(vm, records, bad, mistake)
    return kinds


cdef int raise_mistake(
    VM vm, const figures.ps_event_record *records, uint64_t bad, figures.ps_mistake mistake
) except -1:
    """Raise ValueError for a record."""
    place = f"events[{bad}]"
    if mistake == figures.PS_MISTAKE_TIME:
        before = records[bad - 1].time_ns if bad else max(0, vm.clock_ns)
        raise Mistake(f"{place}.time_ns", records[bad].time_ns, f"{before} or later")
    if mistake == figures.PS_MISTAKE_VCPU:
        raise Mistake(f"{place}.vcpu", records[bad].vcpu, f"one below vcpus={vm.n_vcpus}")
    if mistake == figures.PS_MISTAKE_ARG:
        raise Mistake(f"{place}.arg", records[bad].arg, f"one in 0..{PS_N_VECTORS - 1}")
    if mistake == figures.PS_MISTAKE_KIND and vm.apics is not NULL:
        raise Mistake(f"{place}.kind", records[bad].kind, "an Event but mask, or a ChipEvent")
    if mistake == figures.PS_MISTAKE_KIND:
        raise Mistake(f"{place}.kind", records[bad].kind, f"an event in 0..{PS_N_EVENTS - 1}")
    kind = records[bad].kind
    name = (ChipEvent(kind) if kind >= PS_CHIP_EOI else Event(kind)).name.lower()
    if mistake == figures.PS_MISTAKE_PLANE:
        expected = f"a plane below planes={vm.planes} for {name}"
    else:
        expected = f"0 or {NO_PLANE}: {name} takes no plane here"
    raise Mistake(f"{place}.plane", records[bad].plane, expected)


cdef int64_t reached(const loop.ps_run *it, int64_t start_ns) noexcept nogil:
    """Give the time up to which the records have been run."""
    return it.records[it.done - 1].time_ns if it.done else start_ns


cdef int run_plain(VM vm, loop.ps_run *it, int64_t start_ns, Watch watch) except -1:
    """Run what is left of the records, asking step each time."""
    cdef uint64_t end, block = BLOCK if it.algorithm is NULL else PICKED_BLOCK
    cdef int wrong
    if it.done == it.n:
        return 0
    with nogil:
        figures.ps_figures_begin_time(&it.ledger, it.states, it.n_vcpus, reached(it, start_ns))
    try:
        while it.done < it.n:
            end = min(it.done + block, it.n)
            with nogil:
                wrong = loop.ps_run_plain(it, end)
            if wrong:
                vm.picker.raise_wrong()
            watch.look(it.done)
    finally:
        with nogil:
            figures.ps_figures_end_time(&it.ledger, it.states, it.n_vcpus, reached(it, start_ns))
    return 0


cdef bint lookups_pay(VM vm, const loop.ps_run *it, int64_t start_ns) noexcept nogil:
    """Tell whether a table may be used: it takes a pass over all vCPUs, and 64-bit sums."""
    if vm.looking_up_is_slow or not vm.algorithm.pure or it.n == 0 or it.n < it.n_vcpus:
        return False
    return <uint64_t>(it.records[it.n - 1].time_ns - start_ns) < <uint64_t>-1 / it.n_vcpus


cdef loop.ps_automaton *table_for(VM vm, uint32_t kinds) except NULL:
    """Give a table that knows these events: the VM's own, or a new one in its place."""
    cdef loop.ps_automaton *known = <loop.ps_automaton *>vm.automaton
    if known is not NULL:
        if kinds & ~known.events == 0:
            return known
        kinds |= known.events
        forget(vm)
    vm.automaton = loop.ps_automaton_create(
        &vm.c_policy, &vm.algorithm, vm.planes, kinds, TABLE
    )
    if vm.automaton is NULL:
        raise MemoryError
    return <loop.ps_automaton *>vm.automaton


cdef void forget(VM vm) noexcept:
    loop.ps_automaton_destroy(<loop.ps_automaton *>vm.automaton)
    vm.automaton = NULL


cdef int run_known(VM vm, loop.ps_run *it, int64_t start_ns, Watch watch) except -1:
    """Run records by looking transitions up, until all are run or looking up does not pay."""
    cdef uint64_t end, filled, before
    cdef bint joined, pays
    with nogil:
        joined = pays = loop.ps_run_join(it, start_ns) == 0
    try:
        # A first short block shows whether the guests keep to few states.
        end = min(it.n, TRIAL >> 2)
        while pays and it.done < it.n:
            filled = it.automaton.n_filled
            before = it.done
            with nogil:
                pays = loop.ps_run_known(it, end) == 0
            filled = it.automaton.n_filled - filled
            pays = pays and filled * 8 <= it.done - before + TRIAL // 4
            end = min(it.n, end + TRIAL)
            watch.look(it.done)
    finally:
        if joined:
            with nogil:
                loop.ps_run_leave(it, reached(it, start_ns))
        if not pays:
            forget(vm)
            vm.looking_up_is_slow = True
    return 0
