"""The core as C functions with plain integers, for numba, SciPy, cffi, ctypes.

Their addresses are in ``__pyx_capi__``, which ``numba.extending.get_cython_function_address`` and
``scipy.LowLevelCallable.from_cython`` read; capi.pxd lists them. What they work on has an address:
that of `policy_words`, and that of an element of an array of dtype STATE.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t
from libc.string cimport memcpy

from planesched.core cimport Outcome, fill_policy
from planesched.csched cimport (
    PS_MAX_PLANES,
    PS_N_EVENTS,
    PS_NO_PLANE,
    PS_STATUS_BLOCKED,
    PS_STATUS_USER,
    ps_boot,
    ps_default_pick,
    ps_first,
    ps_outcome,
    ps_policy,
    ps_requests,
    ps_state,
    ps_step,
    ps_takes_plane,
)

from .checks import plane_count
from .errors import Mistake
from .policytext import as_policy

__all__ = ["policy_words", "unpack"]


def policy_words(policy, planes=2):
    """Give a policy as the core reads it.

    Parameters
    ----------
    policy : Policy or str
        A str names a preset.
    planes : int
        How many planes the vCPUs have, 1..16.

    Returns
    -------
    ndarray of uint16, shape (sizeof(struct ps_policy) / 2,)
        Its ``ctypes.data`` is the address that the C functions take; keep it alive meanwhile.

    Raises
    ------
    ValueError
        If there is no such preset, or the policy names a plane that is not below `planes`.
    TypeError
        If `policy` is of another type.
    """
    cdef ps_policy c_policy
    fill_policy(&c_policy, as_policy(policy, plane_count(planes)))
    words = np.zeros(sizeof(ps_policy) // 2, dtype=np.uint16)
    memcpy(<void *><size_t>words.ctypes.data, &c_policy, sizeof(ps_policy))
    words.flags.writeable = False
    return words


def unpack(packed):
    """Give the outcome that ``ps_api_step`` packed into an integer.

    Raises
    ------
    ValueError
        If it is -1: an argument of ``ps_api_step`` was out of range.
    """
    cdef int64_t bits = packed
    if bits < 0:
        raise Mistake("packed", packed, "an outcome: event, plane or state was out of range")
    cdef Outcome outcome = Outcome.__new__(Outcome)
    outcome.c.was = bits & 0xff
    outcome.c.now = bits >> 8 & 0xff
    outcome.c.reason = bits >> 16 & 0xff
    outcome.c.fault = bits >> 24 & 0xff
    outcome.c.flags = bits >> 32 & 0xff
    return outcome


cdef bint is_plane(int plane) noexcept nogil:
    return 0 <= plane < PS_MAX_PLANES


cdef bint is_event(int event) noexcept nogil:
    return 0 <= event < PS_N_EVENTS


cdef bint is_mask(int planes) noexcept nogil:
    return 0 <= planes < 1 << PS_MAX_PLANES


cdef bint is_state(const ps_state *s) noexcept nogil:
    return is_plane(s.current) and s.status < (PS_STATUS_USER | PS_STATUS_BLOCKED)


cdef int as_int(unsigned plane) noexcept nogil:
    return -1 if plane == PS_NO_PLANE else <int>plane


cdef int64_t ps_api_step(size_t policy, size_t state, int event, int plane) noexcept nogil:
    cdef ps_state *s = <ps_state *>state
    cdef ps_outcome out
    if not (is_event(event) and is_plane(plane) and is_state(s)):
        return -1
    out = ps_step(<const ps_policy *>policy, s, event, plane)
    return (
        out.was | out.now << 8 | out.reason << 16 | <int64_t>out.fault << 24
        | <int64_t>out.flags << 32
    )


cdef int ps_api_takes_plane(size_t policy, int event) noexcept nogil:
    return <int>ps_takes_plane(<const ps_policy *>policy, event) if is_event(event) else -1


cdef int ps_api_first(size_t policy, int locked, int planes) noexcept nogil:
    if not (is_mask(locked) and is_mask(planes) and planes):
        return -1
    return <int>ps_first(<const ps_policy *>policy, <uint16_t>locked, <uint16_t>planes)


cdef int ps_api_default_pick(size_t policy, size_t state) noexcept nogil:
    cdef const ps_state *s = <const ps_state *>state
    return as_int(ps_default_pick(<const ps_policy *>policy, s)) if is_state(s) else -1


cdef int ps_api_requests(size_t policy, size_t state, int plane) noexcept nogil:
    if not is_plane(plane):
        return -1
    return ps_requests(<const ps_policy *>policy, <const ps_state *>state, plane)


cdef int ps_api_boot(size_t policy, size_t state, int online) noexcept nogil:
    cdef const ps_policy *p = <const ps_policy *>policy
    if not (is_mask(online) and online >> p.boot & 1):
        return -1
    (<ps_state *>state)[0] = ps_boot(p, <uint16_t>online)
    return 0


cdef int ps_api_scheduler(
    void *user, const ps_state *state, int64_t now_ns, uint32_t vcpu, uint32_t reason,
    int32_t *req_exit
) noexcept nogil:
    return as_int(ps_default_pick(<const ps_policy *>user, state))
