# Functions for those who have an address and no compiler of ours: every argument is an integer or a
# void pointer. An address is that of capi.policy_words(), or of an element of an array of STATE.
# They check what they are given and answer -1 where it cannot be.

from libc.stdint cimport int32_t, int64_t, uint32_t

from planesched.csched cimport ps_state

# was | now << 8 | reason << 16 | fault << 24 | flags << 32.
cdef int64_t ps_api_step(size_t policy, size_t state, int event, int plane) noexcept nogil
# 1 or 0: whether an event names a plane.
cdef int ps_api_takes_plane(size_t policy, int event) noexcept nogil
# The plane of a mask that comes first by rank.
cdef int ps_api_first(size_t policy, int locked, int planes) noexcept nogil
# What the default userspace scheduler would enter, and the req_exit that it would ask for.
cdef int ps_api_default_pick(size_t policy, size_t state) noexcept nogil
cdef int ps_api_requests(size_t policy, size_t state, int plane) noexcept nogil
# Writes the state in which a vCPU with these planes begins; 0.
cdef int ps_api_boot(size_t policy, size_t state, int online) noexcept nogil
# The default userspace scheduler as a ps_scheduler_fn (scheduler.h); `user` is the policy.
cdef int ps_api_scheduler(
    void *user, const ps_state *state, int64_t now_ns, uint32_t vcpu, uint32_t reason,
    int32_t *req_exit
) noexcept nogil
