# Userspace schedulers from elsewhere: a Python callable, or a C function in any wrapping.
#
# The C drivers ask a struct ps_userspace (scheduler.h): a C function and what belongs to it. Here
# all that people have at hand becomes one.

cdef str SCHEDULER_FN = (
    "int (void *user, const struct ps_state *, int64_t now_ns, uint32_t vcpu, uint32_t reason, "
    "int32_t *req_exit)"
)


cdef class UserScheduler:
    """Answers exits to userspace: says which plane a vCPU enters next (rules, 3.5).

    Parameters
    ----------
    function : callable, C function or None
        None: the default userspace scheduler. A Python callable ``f(state, now_ns, vcpu, reason)``
        gets a copy of the state (dtype STATE), a time in ns, the vCPU's number and the Reason of
        the exit. It returns a plane; or ``(plane, req_exit)`` with the planes, as a mask, of whose
        events it wants to be told (else: those that outrank the plane); or None to stay in
        userspace until the vCPU's next event.

        A C function is a ``ps_scheduler_fn`` of scheduler.h. It comes as a
        ``scipy.LowLevelCallable``, a numba ``cfunc``, a function pointer of ctypes or cffi, or a
        capsule out of an ``__pyx_capi__``. It is called without the GIL.
    user : int or ndarray, optional
        For a C function: the address that it gets first, or the array whose data it gets.

    Attributes
    ----------
    kind : str
        What `function` was found to be.

    Raises
    ------
    TypeError
        If `function` is none of these, or a C function of another signature.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm:scheduler=user", planes=3).vcpus[0]
    >>> vcpu.irq(2).reason.name, vcpu.user
    ('INTERRUPT', True)
    >>> UserScheduler(lambda state, now_ns, vcpu, reason: 2).answer(vcpu).now
    2
    """

    def __init__(self, function=None, user=None):
        self.kind = "default" if function is None else kind_of(function)
        self._function = function
        self._user = user
        if self.kind in ("default", "python"):
            if user is not None:
                raise TypeMistake("user", user, f"None: function is {function!r}, not in C")
            if self.kind == "python":
                self.c.fn = ask_scheduler
                self.c.user = <void *>self
            return
        address = function_address(self.kind, function, SCHEDULER_FN)
        self.c.fn = <ps_scheduler_fn><size_t>address
        self.c.user = <void *><size_t>address_of("user", user, function)

    def answer(self, VCPU vcpu not None, reason=Reason.NONE, now_ns=0):
        """Answer an exit of one vCPU.

        Parameters
        ----------
        vcpu : VCPU
            It is in userspace.
        reason : Reason
            Of the exit, as its outcome said.
        now_ns : int
            The time, which the core does not know.

        Returns
        -------
        Outcome or None
            Of the ``enter``; None where the vCPU stays in userspace.

        Raises
        ------
        ValueError
            If the vCPU is not in userspace, or the scheduler answered with no plane.
        Exception
            What a Python callable raised.
        """
        cdef ps_state *s = &vcpu.vm.states[vcpu.index]
        cdef int64_t time_ns = now_ns
        cdef uint32_t number = <uint32_t>vcpu.index
        cdef uint32_t why = <uint32_t>int(Reason(reason))
        cdef uint16_t requests = 0
        cdef int plane
        if s.status != PS_STATUS_USER:
            raise Mistake("vcpu", vcpu, "one in userspace")
        with nogil:
            plane = ps_userspace_ask(
                &self.c, &vcpu.vm.c_policy, s, time_ns, number, why, &requests
            )
        if plane == PS_SCHEDULER_WAIT:
            return None
        if plane >= <int>vcpu.vm.planes:
            plane_id("scheduler's plane", plane, vcpu.vm.planes)
        if plane < 0:
            self.raise_stop()
        s.req_exit = requests
        cdef Outcome outcome = Outcome.__new__(Outcome)
        outcome.c = vcpu.vm.step_vcpu(vcpu.index, PS_EVENT_ENTER, <unsigned>plane)
        return outcome

    cdef int raise_stop(self) except -1:
        error, self._error = self._error, None
        if error is not None:
            raise error
        expected = f"a plane in 0..{PS_MAX_PLANES - 1}, with it a mask of planes"
        raise Mistake("scheduler's answer", Words("no plane"), expected)

    def __reduce__(self):
        if self.kind in ("default", "python"):
            return UserScheduler, (self._function,)
        raise TypeError(f"a UserScheduler that is a C function ({self.kind}) cannot be pickled")

    def __repr__(self):
        return f"<UserScheduler: {self.kind} {self._function!r}>"


cdef int ask_scheduler(
    void *user, const ps_state *state, int64_t now_ns, uint32_t vcpu, uint32_t reason,
    int32_t *req_exit
) noexcept with gil:
    cdef UserScheduler scheduler = <UserScheduler>user
    try:
        record = np.empty((), dtype=STATE)
        memcpy(<void *><size_t>record.ctypes.data, state, sizeof(ps_state))
        answer = scheduler._function(record[()], now_ns, vcpu, Reason(reason))
        if answer is None:
            return PS_SCHEDULER_WAIT
        if isinstance(answer, tuple):
            if len(answer) != 2:
                expected = "a plane, (plane, req_exit) or None"
                raise TypeMistake("scheduler's answer", answer, expected)
            answer, requests = answer
            req_exit[0] = whole("scheduler's req_exit", requests, 0, (1 << PS_MAX_PLANES) - 1)
        return plane_id("scheduler's plane", answer)
    except BaseException as error:
        scheduler._error = error
        return PS_SCHEDULER_STOP


def as_user_scheduler(function):
    """Give a UserScheduler for one, or for what one is made of."""
    return function if isinstance(function, UserScheduler) else UserScheduler(function)
