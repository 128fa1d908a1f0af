# Layouts for those who cimport: a VM owns its policy and the states of its vCPUs.

from libc.stdint cimport int64_t, uint16_t, uint64_t

from planesched.csched cimport ps_outcome, ps_policy, ps_state


cdef class Outcome:
    cdef ps_outcome c


cdef class VM:
    cdef ps_policy c_policy
    cdef ps_state *states
    cdef int64_t *clocks
    cdef void *automaton  # a struct ps_automaton, whose header is not installed
    cdef readonly unsigned planes
    cdef uint64_t n_vcpus
    cdef int64_t clock_ns
    cdef object _policy, _state, _clock, _last_run
    cdef ps_outcome step_vcpu(self, uint64_t vcpu, unsigned event, unsigned plane) noexcept nogil


cdef class VCPU:
    cdef VM vm
    cdef readonly uint64_t index


cdef int fill_policy(ps_policy *out, object policy) except -1
