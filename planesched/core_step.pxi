# One step of one vCPU: what is checked before, and what is noted behind it.

# By the very objects that a caller's code holds: those are found by where they are in memory, and
# other strings of the same characters by their hash, other numbers by what `plane_id` takes.
cdef dict EVENT_NUMBERS = {intern(event.name.lower()): int(event) for event in Event}
cdef tuple PLANE_NUMBERS = tuple(range(PS_MAX_PLANES))  # of small numbers there is one each
cdef void *EVENT_NAMES[PS_N_EVENTS]
cdef void *PLANES[PS_MAX_PLANES]


cdef int keep_addresses() except -1:
    cdef unsigned i
    for name, number in EVENT_NUMBERS.items():
        EVENT_NAMES[<unsigned>number] = <void *>name
    for i in range(PS_MAX_PLANES):
        PLANES[i] = <void *>PLANE_NUMBERS[i]
    return 0


keep_addresses()


cdef inline unsigned number_of(object event) except? 255:
    """Give the number of an event that is named, or numbered already."""
    cdef unsigned number
    for number in range(PS_N_EVENTS):
        if EVENT_NAMES[number] == <void *>event:
            return number
    found = EVENT_NUMBERS.get(event) if type(event) is str else None
    return event_number(event) if found is None else found


cdef Outcome step_numbered(VCPU vcpu, unsigned number, object plane):
    """Let one event happen that is known by its number: what `VCPU.irq` and the others do."""
    # `vcpu.vm` each time: a variable for it would be an object more to count references of.
    cdef unsigned target = 0
    if vcpu.vm.busy:
        raise_busy(vcpu.vm)
    if vcpu.vm.apics is not NULL:
        return step_with_vector(vcpu, Event(number).name.lower(), plane, None)
    if ps_takes_plane(&vcpu.vm.c_policy, number):
        target = target_of(vcpu.vm.planes, number, plane)
    elif plane is not None:
        raise Mistake("plane", plane, f"None: {Event(number).name.lower()} takes no plane here")
    check_state(vcpu)
    cdef Outcome outcome = Outcome.__new__(Outcome)
    outcome.c = vcpu.vm.step_vcpu(vcpu.index, number, target)
    if outcome.c.fault == PS_NO_ANSWER:
        vcpu.vm.picker.raise_wrong()
    return outcome


cdef inline int check_state(VCPU vcpu) except -1:
    """Raise Mistake where the state was written by hand and is not one of a vCPU."""
    if not figures.ps_state_fits(&vcpu.vm.states[vcpu.index], vcpu.vm.planes):
        raise Mistake("state", vcpu.state, f"one of a vCPU with {vcpu.vm.planes} planes")
    return 0


cdef int check_idle(VM vm) except -1:
    if vm.busy:
        raise_busy(vm)
    return 0


cdef int raise_busy(VM vm) except -1:
    raise RuntimeError(f"{vm!r} is being run already, by another thread")


cdef inline unsigned target_of(unsigned planes, unsigned event, object plane) except? 255:
    """Give the plane that an event names, as a number."""
    cdef unsigned number
    for number in range(planes):
        if PLANES[number] == <void *>plane:
            return number
    return other_target(planes, event, plane)


cdef unsigned other_target(unsigned planes, unsigned event, object plane) except? 255:
    if plane is None:
        name = Event(event).name.lower()
        raise Mistake("plane", None, f"a plane in 0..{planes - 1}: {name} needs one")
    return plane_id("plane", plane, planes)


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


cdef inline void note_times(VM vm, uint64_t vcpu, uint16_t irq, ps_outcome out) noexcept nogil:
    """Note when a plane was entered, and when what is pending now and was not was posted."""
    if out.was != out.now or vm.states[vcpu].irq & ~irq:
        note_now(vm, vcpu, irq, out)


cdef void note_now(VM vm, uint64_t vcpu, uint16_t irq, ps_outcome out) noexcept nogil:
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
