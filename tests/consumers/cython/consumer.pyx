"""Schedules two planes of one vCPU through another package's inline functions."""

from libc.string cimport memset

from planesched.csched cimport (
    PS_EVENT_IRQ,
    PS_EVENT_RETURN,
    PS_HIGHEST_FIRST,
    PS_RET_NEXT_ONLINE,
    ps_outcome,
    ps_policy,
    ps_policy_default,
    ps_policy_prepare,
    ps_state,
    ps_step,
)


def script():
    """Give the current plane after an interrupt for plane 1, and after its return."""
    cdef ps_policy policy = ps_policy_default()
    cdef ps_state vcpu
    cdef ps_outcome entered, returned
    policy.direction = PS_HIGHEST_FIRST
    policy.ret = PS_RET_NEXT_ONLINE
    if ps_policy_prepare(&policy) != 0:
        raise ValueError("policy")
    memset(&vcpu, 0, sizeof(vcpu))
    vcpu.online = 3
    vcpu.runnable = 1
    with nogil:
        entered = ps_step(&policy, &vcpu, PS_EVENT_IRQ, 1)
        returned = ps_step(&policy, &vcpu, PS_EVENT_RETURN, 0)
    return entered.now, returned.now
