# Layouts for those who cimport: a VM owns its policy and the states of its vCPUs. Public are
# Outcome.c, UserScheduler.c, VM.c_policy, VM.states, VM.n_vcpus, VM.planes, VM.step_vcpu, VCPU.vm,
# VCPU.index and the functions below (docs/how-to/embed.md).

from libc.stdint cimport int64_t, uint16_t, uint64_t

from planesched.csched cimport (
    PS_ABI_VERSION,
    ps_algorithm,
    ps_apic,
    ps_chip_policy,
    ps_outcome,
    ps_policy,
    ps_state,
    ps_userspace,
    ps_wrong_answer,
)


cdef class Outcome:
    cdef ps_outcome c


# The algorithm of a policy for one driver, whose `c` it asks; lives as long as that.
cdef class Picker:
    cdef ps_algorithm c
    cdef ps_wrong_answer wrong
    cdef object algorithm, template, error
    cdef int take(self, algorithm) except -1
    cdef int ask(self, void *own, const ps_state *state, tuple question) except? -1
    # Raise what it raised, or what was wrong with its answer.
    cdef int raise_wrong(self) except -1


# A userspace scheduler that somebody else wrote, in the form in which the C drivers ask it.
cdef class UserScheduler:
    cdef ps_userspace c  # what a driver asks; lives as long as this object
    cdef object _function, _user, _error
    cdef readonly str kind
    # Raise what a Python callable raised, or that it or a C function gave no plane.
    cdef int raise_stop(self) except -1


cdef class VM:
    cdef ps_policy c_policy
    cdef ps_state *states
    cdef int64_t *clocks
    cdef void *automaton  # a struct ps_automaton, whose header is not installed; or NULL
    cdef bint looking_up_is_slow
    cdef readonly unsigned planes
    cdef uint64_t n_vcpus
    cdef int64_t clock_ns
    cdef object _policy, _state, _clock, _last_run
    cdef bint busy
    cdef ps_chip_policy c_chip
    cdef ps_apic *apics  # `planes` of them for each vCPU; NULL without controllers
    cdef int64_t *posted
    cdef object _controller, _apics, _posted
    cdef Picker picker
    cdef ps_algorithm algorithm  # with the memories of all vCPUs, one behind another
    cdef object _memory
    cdef ps_outcome step_vcpu(self, uint64_t vcpu, unsigned event, unsigned plane) noexcept nogil
    cdef ps_outcome step_chip(
        self, uint64_t vcpu, unsigned event, unsigned plane, unsigned arg
    ) noexcept nogil


cdef class VCPU:
    cdef VM vm
    cdef readonly uint64_t index


cdef int fill_policy(ps_policy *out, object policy) except -1
cdef int fill_fields(ps_policy *out, object policy) except -1
cdef Picker fill_algorithm(ps_policy *out, object policy)
cdef int fill_chip_policy(ps_chip_policy *out, object controller) except -1
cdef object chip_of(const ps_chip_policy *policy, const ps_apic *apic, unsigned plane)
# A struct ps_kick_system and a struct ps_kicked, whose header is not installed.
cdef int fill_kick(void *system, policy, unsigned planes, protocol, sends, bint repeat) except -1
cdef tuple layer_masks(const void *kicked)
cdef object state_record(const ps_state *s)


# The PS_ABI_VERSION that this package was compiled with.
cdef int abi_version() noexcept nogil


cdef inline int import_planesched() except -1:
    """Refuse to work with another ABI than this code was compiled for: call it on import."""
    if abi_version() != PS_ABI_VERSION:
        import planesched
        raise ImportError(
            f"compiled for PS_ABI_VERSION {PS_ABI_VERSION}, but planesched "
            f"{planesched.__version__} in {planesched.__path__[0]} has {abi_version()}: "
            "compile it again with these headers"
        )
    return 0
