# The C core as Cython sees it: declarations of the header functions, nothing else.

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t

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
        PS_EVENT_RESCHED
        PS_EVENT_IRQ
        PS_EVENT_NMI
        PS_EVENT_INTERCEPT
        PS_EVENT_MASK
        PS_EVENT_UNMASK
        PS_EVENT_CLI
        PS_EVENT_STI
        PS_EVENT_HALT
        PS_EVENT_CALL
        PS_EVENT_RETURN
        PS_EVENT_START
        PS_EVENT_STOP
        PS_EVENT_ENABLE
        PS_EVENT_DISABLE
        PS_EVENT_LOCK
        PS_EVENT_FORCE
        PS_EVENT_HOLD
        PS_EVENT_RELEASE
        PS_EVENT_ENTER
        PS_EVENT_VINA_ON
        PS_EVENT_VINA_OFF
        PS_EVENT_VINA_CLEAR
        PS_EVENT_INIT

    struct ps_policy:  # all its fields: ps_policy_get, ps_policy_set
        uint8_t boot

    struct ps_state:
        uint16_t online, runnable, halted, irq, masked, noint, nmi, trap
        uint16_t held, edge, locked, vina, vina_asserted, req_exit, unstarted
        int8_t current
        uint8_t status

    struct ps_outcome:
        int8_t was, now
        uint8_t reason, fault, flags, vector, ended, notes

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

    enum:
        PS_NO_ANSWER

    ctypedef int (*ps_algorithm_fn)(
        void *memory, const ps_policy *policy, const ps_state *state, uint32_t base, uint32_t pre,
        uint32_t event
    ) noexcept

    struct ps_wrong_answer:
        ps_state state
        uint32_t base, pre, event
        int32_t answer
        int given

    struct ps_algorithm:
        ps_algorithm_fn pick
        void *memory
        size_t size
        int pure
        ps_wrong_answer *wrong

    int ps_pick_rank(
        void *memory, const ps_policy *policy, const ps_state *state, uint32_t base, uint32_t pre,
        uint32_t event
    ) noexcept
    int ps_pick_round_robin(
        void *memory, const ps_policy *policy, const ps_state *state, uint32_t base, uint32_t pre,
        uint32_t event
    ) noexcept
    void *ps_memory_of(const ps_algorithm *algorithm, size_t vcpu) noexcept
    ps_outcome ps_step_by(
        const ps_policy *policy, const ps_algorithm *algorithm, ps_state *s, unsigned event,
        unsigned plane
    ) noexcept

cdef extern from "planesched/irqchip.h" nogil:
    enum:
        PS_CHIP_EOI
        PS_CHIP_N_EVENTS
        PS_N_VECTORS
        PS_N_SLOTS
        PS_APIC_OFF
        PS_APIC_NMI
        PS_APIC_NMI_KEPT

    struct ps_chip_policy:
        uint8_t mask_by, nmi_blocked, has_messages, rescan, disabled
        uint8_t vina_vector[16]
        uint16_t auto_eoi[16][16]
        uint8_t messages[16][8]

    struct ps_apic:
        uint16_t irr[16]
        uint16_t lines[16]
        uint8_t tpr, flags, slots, queued

    ps_chip_policy ps_chip_policy_default() noexcept
    int ps_chip_policy_valid(const ps_chip_policy *chip) noexcept
    unsigned ps_vectors_have(const uint16_t *words, unsigned vector) noexcept
    unsigned ps_apic_serves(const ps_apic *apic, unsigned vector) noexcept
    unsigned ps_apic_ppr(const ps_apic *apic) noexcept
    int ps_chip_agrees(
        const ps_chip_policy *chip, const ps_state *s, const ps_apic *apics, unsigned n_planes
    ) noexcept
    ps_outcome ps_chip_step_by(
        const ps_policy *policy, const ps_algorithm *algorithm, const ps_chip_policy *chip,
        ps_state *s, ps_apic *apics, unsigned event, unsigned plane, unsigned arg
    ) noexcept
    ps_outcome ps_chip_step(
        const ps_policy *policy, const ps_chip_policy *chip, ps_state *s, ps_apic *apics,
        unsigned event, unsigned plane, unsigned arg
    ) noexcept

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
