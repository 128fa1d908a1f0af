# C types for the slow model, so that the exhaustive test ends: the source that is compiled is
# planesched/reference.py itself, with the members of its enums replaced by their numbers.

cimport cython


cdef unsigned int bit(int plane) noexcept


cdef class Numbers:
    cdef public int direction, rank, preempt, gate, trigger, rearm, call, refuse_pending
    cdef public int call_self, ret, idle, empty, wake, unhalt, halt_scope, nmi, force, force_self
    cdef public int vina, vina_auto_reset, scheduler, boot
    cdef public object marker, accelerated, algorithm


@cython.final
cdef class Rules:
    cdef public Numbers policy
    cdef public unsigned int marker, accelerated
    cdef public unsigned int online, runnable, halted, irq, masked, noint, nmi, trap
    cdef public unsigned int held, edge, locked, vina, vina_asserted, req_exit, unstarted
    cdef public int current, event, plane, was, reason, fault, flags
    cdef public bint takes_turns
    cdef public object own, listener
    cdef public bint user, blocked, was_blocked, gave_up, unseen

    cdef unsigned int demoted(self) noexcept
    cdef unsigned int before(self, int plane) noexcept
    cdef unsigned int outranking(self, int plane) noexcept
    cdef unsigned int below(self, int plane) noexcept
    cdef int first(self, unsigned int planes) noexcept
    cdef int last(self, unsigned int planes) noexcept
    cdef unsigned int urgent(self) noexcept
    cdef unsigned int deliverable(self) noexcept
    cdef unsigned int injectable(self) noexcept
    cdef unsigned int woken(self) noexcept
    cdef unsigned int dead(self) noexcept
    cdef unsigned int counting(self) noexcept
    cdef unsigned int preemptors(self, int view) noexcept
    cdef void dispatch(self, int cause) noexcept
    cdef unsigned int base(self) noexcept
    @cython.locals(concerns_what_is_taken=bint)
    cdef bint sleeps_on(self, unsigned int base) noexcept
    cdef int view(self, unsigned int base) noexcept
    cdef unsigned int entering(self, int view) noexcept
    cdef int picked(self, unsigned int planes) noexcept
    @cython.locals(pick=int)
    cdef int chosen(self, unsigned int base, unsigned int pre) noexcept
    @cython.locals(first=int, plane=int, ahead=int)
    cdef int round_robin(self, unsigned int planes) noexcept
    cdef int why_entered(self, int pick) noexcept
    @cython.locals(asks=bint)
    cdef void go(self, int pick, int reason) noexcept
    cdef bint accelerates(self, int reason) noexcept
    cdef void leave(self, int reason) noexcept
    cdef unsigned int asked_for(self, int plane) noexcept
    cdef bint requested(self, int running) noexcept
    @cython.locals(moved=bint)
    cdef void arrive(self, int plane, int reason, bint recheck) noexcept
    cdef unsigned int notifying(self, int plane, bint moved) noexcept
    cdef void inject(self, unsigned int me) noexcept
    cdef void step(self, int event, int plane=*) noexcept
    cdef void take(self) noexcept
    @cython.locals(named=bint)
    cdef int refusal(self) noexcept
    cdef int refuse(self, int fault, text) noexcept
    cdef int refusal_of_call(self) noexcept
    cdef int refusal_of_return(self) noexcept
    cdef bint leaves_on_halt(self) noexcept
    cdef int effect(self) noexcept
    cdef void deliver(self, unsigned int p) noexcept
    cdef int effect_of_halt(self) noexcept
    cdef int effect_of_call(self) noexcept
    cdef int effect_of_return(self) noexcept
    cdef void go_on(self, unsigned int p) noexcept
    cdef int effect_on(self, unsigned int p) noexcept
    cdef void init(self, unsigned int p) noexcept
    cdef void disable(self, unsigned int p) noexcept
