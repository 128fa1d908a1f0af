# Interrupt controllers of a VM: what is set up when it is made, a step with a vector, what one
# holds, and the loop of `VM.run` with them.

cdef set WITH_ARG = {
    Event.IRQ, ChipEvent.TPR, ChipEvent.LINE_UP, ChipEvent.LINE_DOWN, ChipEvent.EMPTY,
    ChipEvent.EOM,
}


cdef int fill_chip_policy(ps_chip_policy *out, object controller) except -1:
    """Write a Controller as C holds it."""
    out[0] = ps_chip_policy_default()
    out.mask_by = MASK_BY.index(controller.mask_by)
    out.nmi_blocked = NMI_BLOCKED.index(controller.nmi_blocked)
    out.rescan = RESCANS.index(controller.rescan)
    out.disabled = DISABLED.index(controller.disabled)
    for plane in range(PS_MAX_PLANES):
        out.vina_vector[plane] = controller.vina_vector_of(plane)
        for vector in controller.auto_eoi_of(plane):
            out.auto_eoi[plane][vector >> 4] |= <uint16_t>(1 << (vector & 15))
        for slot, vector in enumerate(sorted(controller.messages_of(plane))):
            out.messages[plane][slot] = vector
            out.has_messages = 1
    if not ps_chip_policy_valid(out):
        raise Mistake("controller", controller, "one that the core takes")
    return 0


cdef int fill_chips(VM vm) except -1:
    """Make the controllers of a VM, as after reset."""
    fill_chip_policy(&vm.c_chip, vm._controller)
    vm._apics = _aligned_zeros(vm.n_vcpus * vm.planes, APIC)
    vm._posted = np.full(
        vm.n_vcpus * vm.planes * PS_N_VECTORS, figures.PS_UNKNOWN_NS, np.int64
    )
    vm.apics = <ps_apic *><size_t>vm._apics.ctypes.data
    vm.posted = <int64_t *><size_t>vm._posted.ctypes.data
    return 0


cdef Outcome step_with_vector(VCPU vcpu, object event, object plane, object arg):
    """Do what `VCPU.step` says, where the VM has controllers."""
    cdef VM vm = vcpu.vm
    cdef unsigned number, target = 0, value = 0
    check_idle(vm)
    if vm.apics is NULL:
        raise Mistake("arg", arg, "None: the VM has no controllers")
    number = chip_event_number(event)
    if number == PS_EVENT_MASK or number == PS_EVENT_UNMASK:
        raise Mistake("event", event, "tpr: the mask is the controller's own")
    if number >= PS_CHIP_EOI or ps_takes_plane(&vm.c_policy, number):
        target = target_of(vm.planes, PS_EVENT_IRQ, plane)
    elif plane is not None:
        raise Mistake("plane", plane, f"None: {event} takes no plane here")
    if number in WITH_ARG:
        name = "value" if number == ChipEvent.TPR else "vector"
        value = whole(name, arg, 0, PS_N_VECTORS - 1)
    elif arg is not None:
        raise Mistake("arg", arg, f"None: {event} takes no vector")
    check_chips_of(vcpu)
    cdef Outcome outcome = Outcome.__new__(Outcome)
    outcome.c = vm.step_chip(vcpu.index, number, target, value)
    if outcome.c.fault == PS_NO_ANSWER:
        vm.picker.raise_wrong()
    return outcome


cdef ps_outcome step_chip_by(
    VM vm, uint64_t vcpu, unsigned event, unsigned plane, unsigned arg
) noexcept nogil:
    """Step one vCPU with controllers by the algorithm; a wrong answer changes nothing."""
    cdef ps_apic *apics = &vm.apics[vcpu * vm.planes]
    cdef ps_apic kept[16]
    cdef ps_state before = vm.states[vcpu]
    cdef ps_algorithm algorithm = vm.algorithm
    cdef ps_outcome out
    algorithm.memory = ps_memory_of(&vm.algorithm, vcpu)
    memcpy(kept, apics, vm.planes * sizeof(ps_apic))
    out = ps_chip_step_by(
        &vm.c_policy, &algorithm, &vm.c_chip, &vm.states[vcpu], apics, event, plane, arg
    )
    if out.fault == PS_NO_ANSWER:
        vm.states[vcpu] = before
        memcpy(apics, kept, vm.planes * sizeof(ps_apic))
    return out


cdef int check_chips_of(VCPU vcpu) except -1:
    """Raise ValueError where the state was written by hand and is not what the controllers give."""
    cdef VM vm = vcpu.vm
    check_state(vcpu)
    if not ps_chip_agrees(
        &vm.c_chip, &vm.states[vcpu.index], &vm.apics[vcpu.index * vm.planes], vm.planes
    ):
        raise Mistake("state", vcpu.state, "irq, masked and noint as the controllers give them")
    return 0


cdef object read_chip(VCPU vcpu, object plane):
    cdef VM vm = vcpu.vm
    if vm.apics is NULL:
        raise Mistake("controller", None, "one: the VM has none")
    cdef unsigned target = target_of(vm.planes, PS_EVENT_IRQ, plane)
    return chip_of(&vm.c_chip, &vm.apics[vcpu.index * vm.planes + target], target)


cdef object chip_of(const ps_chip_policy *policy, const ps_apic *apic, unsigned plane):
    """Say what a controller holds."""
    return Chip(
        irr=tuple([v for v in range(PS_N_VECTORS) if ps_vectors_have(apic.irr, v)]),
        isr=tuple([v for v in range(PS_N_VECTORS) if ps_apic_serves(apic, v)]),
        tpr=apic.tpr,
        ppr=ps_apic_ppr(apic),
        lines=tuple([v for v in range(PS_N_VECTORS) if ps_vectors_have(apic.lines, v)]),
        enabled=not apic.flags & PS_APIC_OFF,
        nmi=bool(apic.flags & PS_APIC_NMI),
        nmi_kept=bool(apic.flags & PS_APIC_NMI_KEPT),
        slots=slots_of(policy, plane, apic.slots),
        queued=slots_of(policy, plane, apic.queued),
    )


cdef tuple slots_of(const ps_chip_policy *policy, unsigned plane, unsigned bits):
    return tuple([policy.messages[plane][i] for i in range(PS_N_SLOTS) if bits >> i & 1])


cdef loop.ps_chips chips_of(VM vm) noexcept nogil:
    cdef loop.ps_chips chips
    chips.policy = &vm.c_chip
    chips.apics = vm.apics
    chips.posted = vm.posted
    return chips


cdef uint32_t check_chip_run(
    VM vm, const loop.ps_run *it, const loop.ps_chips *chips
) except? 0:
    """Raise ValueError as `check_run`, where there are controllers; no lookups, hence no kinds."""
    cdef figures.ps_mistake mistake = figures.PS_MISTAKE_TIME
    cdef uint64_t bad
    with nogil:
        bad = min(
            figures.ps_states_check(vm.states, vm.n_vcpus, vm.planes),
            loop.ps_chips_check(chips, vm.states, vm.n_vcpus, vm.planes),
        )
    if bad < vm.n_vcpus:
        expected = f"one of a vCPU with {vm.planes} planes and these controllers"
        raise Mistake(f"state[{bad}]", vm._state[bad], expected)
    with nogil:
        bad = loop.ps_chip_events_check(
            it.records, it.n, it.policy, vm.planes, vm.n_vcpus, vm.clock_ns, &mistake
        )
    if bad < it.n:
        raise_mistake(vm, it.records, bad, mistake)
    return 1


cdef int run_chips(
    VM vm, loop.ps_run *it, const loop.ps_chips *chips, int64_t start_ns, Watch watch
) except -1:
    """Run the records, and let Ctrl-C work."""
    cdef uint64_t end, block = BLOCK if it.algorithm is NULL else PICKED_BLOCK
    cdef int wrong
    with nogil:
        figures.ps_figures_begin_time(&it.ledger, it.states, it.n_vcpus, reached(it, start_ns))
    try:
        while it.done < it.n:
            end = min(it.done + block, it.n)
            with nogil:
                wrong = loop.ps_run_chips(it, chips, end)
            if wrong:
                vm.picker.raise_wrong()
            watch.look(it.done)
    finally:
        with nogil:
            figures.ps_figures_end_time(&it.ledger, it.states, it.n_vcpus, reached(it, start_ns))
    return 0
