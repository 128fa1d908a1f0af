# A vCPU of a VM, with a method for each event of the rules.

cdef class VCPU:
    """A light view of one vCPU of a VM.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", planes=3).vcpus[0]
    >>> vcpu.irq(2).now, vcpu.step("return").now, vcpu.current
    (2, 1, 1)
    """

    # Not __init__: without a VM every method would read where there is nothing.
    def __cinit__(self, VM vm not None, index):
        cdef int64_t n = <int64_t>vm.n_vcpus
        index = whole("vcpu", index)
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

    def step(self, event, plane=None, arg=None):
        """Let one event happen.

        Parameters
        ----------
        event : str or int
            By name or number.
        plane : int, optional
            The plane that the event names; some take none.
        arg : int, optional
            The vector of an irq or a line, or the value of TPR, where there are controllers.

        Returns
        -------
        Outcome
            A guest's mistake is a fault in it, not an exception.

        Raises
        ------
        Mistake
            A ValueError, if there is no such event, a plane is missing or superfluous, or the VM
            has no such plane, or the state was written by hand and is not one of a vCPU; a
            TypeError too if the event is neither a name nor a number, or the plane no whole number.
        RuntimeError
            If another thread is running the VM.
        """
        if self.vm.apics is not NULL or arg is not None:
            return step_with_vector(self, event, plane, arg)
        return step_numbered(self, number_of(event), plane)

    def default_pick(self):
        """Give the plane that the default userspace scheduler would enter; None to wait."""
        check_state(self)
        cdef unsigned plane = ps_default_pick(&self.vm.c_policy, &self.vm.states[self.index])
        return None if plane == PS_NO_PLANE else plane

    def answer(self, plane=None):
        """Answer an exit as the default userspace scheduler does (rules, 3.5).

        Parameters
        ----------
        plane : int, optional
            Enter this plane instead of its pick, asking to be told of what it would ask for then.

        Returns
        -------
        Outcome or None
            Of the ``enter``; None where there is no plane to enter, and userspace waits.
        """
        cdef ps_state *s = &self.vm.states[self.index]
        cdef unsigned target
        if plane is None:
            plane = self.default_pick()
            if plane is None:
                return None
        target = target_of(self.vm.planes, PS_EVENT_ENTER, plane)
        check_idle(self.vm)
        check_state(self)
        s.req_exit = ps_requests(&self.vm.c_policy, s, target)
        return self.step(PS_EVENT_ENTER, target)

    def resched(self):
        """Look again at which plane runs."""
        return step_numbered(self, PS_EVENT_RESCHED, None)

    def irq(self, plane, vector=None):
        """Deliver an interrupt to a plane; with its vector where there are controllers."""
        if vector is None:
            return step_numbered(self, PS_EVENT_IRQ, plane)
        return self.step("irq", plane, vector)

    def eoi(self, plane):
        """A plane ends the highest vector that it has in service."""
        return self.step("eoi", plane)

    def tpr(self, plane, value):
        """A plane writes its task priority."""
        return self.step("tpr", plane, value)

    def iret(self, plane):
        """A plane's NMI handler returns."""
        return self.step("iret", plane)

    def line(self, plane, vector, up):
        """A level-triggered line goes up or down."""
        return self.step("line_up" if up else "line_down", plane, vector)

    def chip(self, plane):
        """Return what the controller of a plane holds.

        Raises
        ------
        ValueError
            If the VM has no controllers, or no such plane.
        """
        return read_chip(self, plane)

    def nmi(self, plane):
        """Deliver an NMI to a plane."""
        return step_numbered(self, PS_EVENT_NMI, plane)

    def intercept(self, plane):
        """Queue an intercept to a plane."""
        return step_numbered(self, PS_EVENT_INTERCEPT, plane)

    def mask(self, plane):
        """Hold back a plane's interrupt by priority (TPR/CR8, PPR, GIC priority mask)."""
        return step_numbered(self, PS_EVENT_MASK, plane)

    def unmask(self, plane):
        """No longer hold back a plane's interrupt by priority."""
        return step_numbered(self, PS_EVENT_UNMASK, plane)

    def cli(self, plane):
        """Disable a plane's interrupts."""
        return step_numbered(self, PS_EVENT_CLI, plane)

    def sti(self, plane):
        """Enable a plane's interrupts."""
        return step_numbered(self, PS_EVENT_STI, plane)

    def halt(self):
        """The current plane executes HLT or WFI."""
        return step_numbered(self, PS_EVENT_HALT, None)

    def call(self, plane=None):
        """The current plane asks for a switch; names the plane where the policy hands over."""
        return step_numbered(self, PS_EVENT_CALL, plane)

    def return_(self):
        """The current plane returns."""
        return step_numbered(self, PS_EVENT_RETURN, None)

    def start(self, plane):
        """Make a plane runnable and not halted."""
        return step_numbered(self, PS_EVENT_START, plane)

    def stop(self, plane):
        """Make a plane not runnable."""
        return step_numbered(self, PS_EVENT_STOP, plane)

    def enable(self, plane):
        """Bring a plane into existence on this vCPU."""
        return step_numbered(self, PS_EVENT_ENABLE, plane)

    def init(self, plane):
        """Let a plane wait for its start, without what it had pending (INIT, wait-for-SIPI)."""
        return step_numbered(self, PS_EVENT_INIT, plane)

    def disable(self, plane):
        """Take a plane off this vCPU, with everything that it had pending."""
        return step_numbered(self, PS_EVENT_DISABLE, plane)

    def lock(self, plane):
        """Lock a plane in: from now its privilege counts (``rank="locked"``)."""
        return step_numbered(self, PS_EVENT_LOCK, plane)

    def force(self, plane):
        """The host forces a plane in."""
        return step_numbered(self, PS_EVENT_FORCE, plane)

    def hold(self, plane):
        """Userspace holds a plane back."""
        return step_numbered(self, PS_EVENT_HOLD, plane)

    def release(self, plane):
        """Userspace no longer holds a plane back."""
        return step_numbered(self, PS_EVENT_RELEASE, plane)

    def enter(self, plane):
        """Userspace picks a plane and enters the vCPU."""
        return step_numbered(self, PS_EVENT_ENTER, plane)

    def vina_on(self, plane):
        """A plane wants to be told of interrupts for less privileged planes."""
        return step_numbered(self, PS_EVENT_VINA_ON, plane)

    def vina_off(self, plane):
        """A plane no longer wants to be told."""
        return step_numbered(self, PS_EVENT_VINA_OFF, plane)

    def vina_clear(self, plane):
        """A plane clears the assertion of its notification."""
        return step_numbered(self, PS_EVENT_VINA_CLEAR, plane)

    def __reduce__(self):
        return VCPU, (self.vm, self.index)

    def __repr__(self):
        from .markup import vcpu_text

        return f"<vCPU {self.index}: {vcpu_text(self.state)}>"

    def _repr_html_(self):
        from .markup import state_table

        return state_table(self.state, self.vm.planes)
