# One step of one vCPU: what is checked before, and what is noted behind it.

# By the very strings that a caller's code holds: those are found without comparing characters.
cdef dict EVENT_NUMBERS = {intern(event.name.lower()): int(event) for event in Event}


cdef Outcome step_numbered(VCPU vcpu, unsigned number, object plane):
    """Let one event happen that is known by its number: what `VCPU.irq` and the others do."""
    cdef VM vm = vcpu.vm
    cdef unsigned target = 0
    check_idle(vm)
    if vm.apics is not NULL:
        return step_with_vector(vcpu, Event(number).name.lower(), plane, None)
    if ps_takes_plane(&vm.c_policy, number):
        target = target_of(vm, number, plane)
    elif plane is not None:
        raise Mistake("plane", plane, f"None: {Event(number).name.lower()} takes no plane here")
    if figures.ps_states_check(&vm.states[vcpu.index], 1, vm.planes) == 0:
        raise Mistake("state", vcpu.state, f"one of a vCPU with {vm.planes} planes")
    cdef Outcome outcome = Outcome.__new__(Outcome)
    outcome.c = vm.step_vcpu(vcpu.index, number, target)
    if outcome.c.fault == PS_NO_ANSWER:
        vm.picker.raise_wrong()
    return outcome


cdef int check_idle(VM vm) except -1:
    if vm.busy:
        raise RuntimeError(f"{vm!r} is being run already, by another thread")
    return 0


cdef unsigned target_of(VM vm, unsigned event, object plane) except? 255:
    if plane is None:
        name = Event(event).name.lower()
        raise Mistake("plane", None, f"a plane in 0..{vm.planes - 1}: {name} needs one")
    if type(plane) is not int:
        plane = plane_id("plane", plane, vm.planes)
    cdef int overflow
    cdef int64_t target = PyLong_AsLongAndOverflow(plane, &overflow)
    if overflow or not 0 <= target < vm.planes:
        plane_id("plane", plane, vm.planes)
    return <unsigned>target


cdef ps_outcome step_by(
    VM vm, uint64_t vcpu, unsigned event, unsigned plane
) noexcept nogil:
    """Step one vCPU with the algorithm, which has a memory for each."""
    cdef ps_state before = vm.states[vcpu]
    cdef ps_algorithm algorithm = vm.algorithm
    cdef ps_outcome out
    algorithm.memory = ps_memory_of(&vm.algorithm, vcpu)
    out = loop.ps_step_with(&vm.c_policy, &algorithm, &vm.states[vcpu], event, plane)
    if out.fault == PS_NO_ANSWER:
        vm.states[vcpu] = before
    return out


cdef void note_times(VM vm, uint64_t vcpu, uint16_t irq, ps_outcome out) noexcept nogil:
    """Note when a plane was entered, and when what is pending now and was not was posted."""
    cdef ps_state *s = &vm.states[vcpu]
    cdef unsigned plane
    cdef int64_t *clock = vm.clocks + vcpu * figures.PS_CLOCK_SLOTS(vm.planes)
    if out.was != out.now:
        clock[figures.PS_CLOCK_ENTERED] = vm.clock_ns
    cdef uint16_t fresh = s.irq & ~irq
    while fresh:
        plane = ps_first(&vm.c_policy, s.locked, fresh)
        clock[figures.PS_CLOCK_POSTED + plane] = vm.clock_ns
        fresh &= <uint16_t>~(1 << plane)
