# A userspace scheduler that somebody else wrote, in the form in which the C drivers ask it.

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t

from planesched.csched cimport ps_policy, ps_state

cdef extern from "planesched/scheduler.h" nogil:
    enum:
        PS_SCHEDULER_WAIT
        PS_SCHEDULER_STOP
        PS_REQUEST_DEFAULT

    ctypedef int (*ps_scheduler_fn)(
        void *user, const ps_state *state, int64_t now_ns, uint32_t vcpu, uint32_t reason,
        int32_t *req_exit
    ) noexcept

    struct ps_userspace:
        ps_scheduler_fn fn
        void *user

    int ps_userspace_ask(
        const ps_userspace *scheduler, const ps_policy *policy, const ps_state *s, int64_t now_ns,
        uint32_t vcpu, uint32_t reason, uint16_t *requests
    ) noexcept


cdef class UserScheduler:
    cdef ps_userspace c  # what a driver asks; lives as long as this object
    cdef object _function, _user, _error
    cdef readonly str kind
    # Raise what a Python callable raised, or that it or a C function gave no plane.
    cdef int raise_stop(self) except -1
