# A VM: the states of its vCPUs, and what is theirs alone.

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
    policy : Policy, str or path-like
        How planes are scheduled; as `policytext.as_policy` takes it: ``"vsm:ret=resume"``.
    planes : int
        How many planes each vCPU has, 1..16.
    vcpus : int
        How many vCPUs, 1 to 2**32 - 1.
    online : iterable of int, optional
        The planes that exist at boot; all by default. Holds the policy's boot plane.
    controller : Controller or str, optional
        ``"lapic"``, or how it is set up: each plane has an interrupt controller, and interrupts
        have vectors. By default a plane knows only that it has an interrupt.

    Raises
    ------
    ValueError
        If a number is out of range or the policy names a plane that the VM does not have.
    TypeError
        If an argument is of the wrong type.

    Examples
    --------
    >>> vm = VM("vsm", planes=3)
    >>> vm.vcpus[0].step("irq", 1).now
    1
    """

    def __init__(self, policy="vsm", planes=2, vcpus=1, online=None, controller=None):
        if self.states is not NULL:  # views of its vCPUs would point to where nothing is any more
            raise TypeError("a VM is initialised once")
        planes = plane_count(planes)
        policy = as_policy(policy, planes)
        vcpus = vcpu_count(vcpus)
        self.planes = planes
        self._policy = policy
        self.picker = fill_algorithm(&self.c_policy, policy)
        self.algorithm = self.picker.c
        self._memory = copies(self.picker, vcpus)
        if self._memory is not None:
            self.algorithm.memory = <void *><size_t>self._memory.ctypes.data
        cdef ps_state boot = ps_boot(
            &self.c_policy, <uint16_t>online_mask(online, planes, policy.boot)
        )
        self.n_vcpus = vcpus
        self._state = _aligned_zeros(vcpus, STATE)
        self._clock = _aligned_zeros(vcpus * figures.PS_CLOCK_SLOTS(planes), np.dtype(np.int64))
        self._clock[:] = figures.PS_UNKNOWN_NS
        self.states = <ps_state *><size_t>self._state.ctypes.data
        self.clocks = <int64_t *><size_t>self._clock.ctypes.data
        self.clock_ns = figures.PS_UNKNOWN_NS
        self._last_run = None
        self.automaton = NULL
        self.looking_up_is_slow = False
        self.states[0] = boot
        self._state[:] = self._state[0]
        self._controller = as_controller(controller)
        self.apics = NULL
        self.posted = NULL
        if self._controller is not None:
            fill_chips(self)

    def __dealloc__(self):
        loop.ps_automaton_destroy(<loop.ps_automaton *>self.automaton)

    @property
    def policy(self):
        """The policy that the VM was made with."""
        return self._policy

    @property
    def controller(self):
        """How the interrupt controllers are set up; None where there are none."""
        return self._controller

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
        head = HEAD if self._policy.has_algorithm and self.algorithm.pick is ask_python else 0
        memory = None
        if self._memory is not None:
            memory = self._memory.reshape(self.n_vcpus, -1)[:, head:].copy()
        chips = ()
        if self._controller is not None:
            chips = (self._controller, self._apics.copy(), self._posted.copy())
        return _rebuild, (self.planes, int(self.n_vcpus), self._policy, *fields, memory, *chips)

    def __copy__(self):
        rebuild, args = self.__reduce__()
        return rebuild(*args)

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __repr__(self):
        return f"<VM of {counted(self.n_vcpus, 'vCPU')} with {self.planes} planes>"

    def _repr_html_(self):
        from .markup import states_table

        return states_table(self.vcpus)

    cdef ps_outcome step_vcpu(self, uint64_t vcpu, unsigned event, unsigned plane) noexcept nogil:
        """Step one vCPU at the VM's present time; the arguments are in range."""
        cdef ps_state *s = &self.states[vcpu]
        cdef uint16_t irq = s.irq
        cdef ps_outcome out
        if self.apics is not NULL:
            return self.step_chip(vcpu, event, plane, 0)
        if self.algorithm.pick is NULL:
            out = ps_step(&self.c_policy, s, event, plane)
        else:
            out = step_by(self, vcpu, event, plane)
        note_times(self, vcpu, irq, out)
        return out

    cdef ps_outcome step_chip(
        self, uint64_t vcpu, unsigned event, unsigned plane, unsigned arg
    ) noexcept nogil:
        """Step one vCPU whose planes have controllers; `arg` is a vector or the value of TPR."""
        cdef ps_state *s = &self.states[vcpu]
        cdef uint16_t irq = s.irq
        cdef ps_apic *apics = &self.apics[vcpu * self.planes]
        cdef ps_outcome out
        if self.algorithm.pick is NULL:
            out = ps_chip_step(&self.c_policy, &self.c_chip, s, apics, event, plane, arg)
        else:
            out = step_chip_by(self, vcpu, event, plane, arg)
            if out.fault == PS_NO_ANSWER:
                return out
        note_times(self, vcpu, irq, out)
        loop.ps_chip_note_posted(
            &self.c_chip, self.posted + vcpu * self.planes * PS_N_VECTORS, out, event, plane, arg,
            self.clock_ns,
        )
        return out

    def run(self, events, log=None, progress=None):
        """Run timed events through the vCPUs and count what happens.

        Parameters
        ----------
        events : ndarray, shape (n,), dtype EVENT
            In order of time, not before the last event of an earlier run. Where there are
            controllers, ``arg`` is the vector of an irq or a line, or the value of TPR, and
            ``kind`` may be a `ChipEvent`. They are read as they lie: nobody, `progress` neither,
            may change them, or a state, before the run is over.
        log : ndarray, shape (m,), dtype OUTCOME, optional
            Filled with the outcomes that entered a plane, exited, blocked, woke, faulted or
            notified (VINA), in order: from one to the next of a vCPU it does one thing;
            `Stats.logged` says how many there were, also of those beyond m.
        progress : callable, optional
            Called some times a second, and at the end, with the part that is done, 0..1, and the
            events so far.

        Returns
        -------
        Stats
            The figures of this run: from the last event of the run before (or this run's
            first) to this run's last. After Ctrl-C those of the events until then, of which
            `Stats.events` says how many, marked ``partial``.

        Raises
        ------
        ValueError
            If a time goes back, a vCPU or plane is out of range or a kind unknown; it says in
            which record, and nothing has changed. Likewise if a state that was written by hand
            is not one that a vCPU can have.
        TypeError
            If an array is of another dtype, or `log` cannot be written.
        RuntimeError
            If another thread is running this VM.
        """
        with cython.critical_section(self):
            check_idle(self)
            self.busy = True
        try:
            return run_events(self, events, log, progress)
        finally:
            self.busy = False


def _rebuild(planes, vcpus, policy, state, clock, clock_ns, memory=None, controller=None, *chips):
    cdef VM vm = VM(policy, planes, vcpus, controller=controller)
    vm._state[:] = state
    vm._clock[:] = clock
    vm.clock_ns = clock_ns
    if memory is not None:
        vm._memory.reshape(vcpus, -1)[:, -memory.shape[1]:] = memory
    if chips:
        vm._apics[:], vm._posted[:] = chips
    return vm


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

    def __repr__(self):
        shown = [repr(vcpu) for vcpu in self[:8]]
        more = len(self) - len(shown)
        return f"[{', '.join(shown)}{f', and {more} more' if more else ''}]"
