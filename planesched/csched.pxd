# The C core as Cython sees it: declarations of the header functions, nothing else.

from libc.stdint cimport int8_t, uint8_t, uint16_t

cdef extern from "planesched/step.h" nogil:
    enum:
        PS_ABI_VERSION
        PS_MAX_PLANES
        PS_NO_PLANE
        PS_N_POLICY_FIELDS
        PS_N_EVENTS
        PS_N_REASONS
        PS_STATUS_USER
        PS_STATUS_BLOCKED
        PS_EVENT_ENTER

    struct ps_policy:  # all its fields: ps_policy_get, ps_policy_set
        uint8_t boot

    struct ps_state:
        uint16_t online, runnable, halted, irq, masked, noint, nmi, trap
        uint16_t held, edge, locked, vina, vina_asserted, req_exit, unstarted
        int8_t current
        uint8_t status

    struct ps_outcome:
        int8_t was, now
        uint8_t reason, fault, flags

    ps_policy ps_policy_default() noexcept
    const char *ps_policy_field_name(unsigned field) noexcept
    const char *ps_policy_value_names(unsigned field) noexcept
    unsigned ps_policy_get(const ps_policy *policy, unsigned field) noexcept
    int ps_policy_set(ps_policy *policy, unsigned field, unsigned value) noexcept
    int ps_policy_prepare(ps_policy *policy) noexcept
    int ps_worth_logging(ps_outcome out, unsigned before, unsigned after) noexcept
    uint16_t ps_demoted(const ps_policy *policy, uint16_t locked) noexcept
    uint16_t ps_above(const ps_policy *policy, uint16_t locked, unsigned plane) noexcept
    uint16_t ps_below(const ps_policy *policy, uint16_t locked, unsigned plane) noexcept
    unsigned ps_first(const ps_policy *policy, uint16_t locked, uint16_t planes) noexcept
    unsigned ps_last(const ps_policy *policy, uint16_t locked, uint16_t planes) noexcept
    unsigned ps_takes_plane(const ps_policy *policy, unsigned event) noexcept
    ps_state ps_boot(const ps_policy *policy, uint16_t online) noexcept
    uint16_t ps_requests(const ps_policy *policy, const ps_state *s, unsigned plane) noexcept
    unsigned ps_default_pick(const ps_policy *policy, const ps_state *s) noexcept
    ps_outcome ps_step(
        const ps_policy *policy, ps_state *s, unsigned event, unsigned plane
    ) noexcept
