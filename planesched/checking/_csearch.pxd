# The checker's C code of csrc/, for planesched.checker only.

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from planesched.csched cimport (
    ps_algorithm, ps_apic, ps_chip_policy, ps_outcome, ps_policy, ps_state,
)

cdef extern from "checker/chips.h" nogil:
    enum:
        PS_CHIP_NAMED
        PS_CHIP_TPRS

    struct ps_chip_set:
        ps_chip_policy policies[2]
        uint8_t vectors[16][4]
        uint8_t tprs[16][5]
        int has_lines, owed
        uint8_t n_vectors[16]
        uint8_t shifts[16]
        int has_slots
        unsigned most_vectors, bits

    int ps_chip_set_layout(ps_chip_set *chips, unsigned n_planes) noexcept
    void ps_chips_read(
        const ps_chip_set *chips, unsigned n_planes, unsigned side, uint64_t word, ps_apic *apics
    ) noexcept

cdef extern from "checker/search.h" nogil:
    enum:
        PS_WORLD_VCPUS
        PS_SHARDS
        PS_MAX_ACTS
        PS_NO_ID
        PS_PRIORITY
        PS_WAKEUP
        PS_WORK_CONSERVING
        PS_NOTHING_LOST
        PS_FEASIBLE
        PS_STARTED
        PS_FORCED
        PS_SPURIOUS
        PS_SETTLES
        PS_SAME_CHOICE
        PS_N_LOCAL
        PS_DELIVERY
        PS_PROGRESS
        PS_ACT_ANSWER
        PS_ACT_IPI
        PS_ACT_IPI_WAIT
        PS_ACT_LOCK
        PS_ACT_UNLOCK
        PS_ACT_FLUSH
        PS_WHEN_RUNS
        PS_WHEN_USER
        PS_WHEN_OPEN
        PS_OF_SELF
        PS_INSIDE
        PS_WHEN_DONE
        PS_WHEN_MORE

    struct ps_act:
        uint8_t kind, vcpu, plane, target, how, by

    struct ps_world:
        ps_state vcpus[5]
        uint16_t locks[5]
        uint16_t waits[5]
        uint8_t asks[5]
        uint64_t chips[5]

    struct ps_system:
        ps_policy policies[2]
        ps_algorithm algorithms[2]
        uint32_t *mistakes
        unsigned n_vcpus, n_planes
        int lockstep, locks, asks
        const ps_chip_set *chips
        unsigned words
        uint16_t planes

    struct ps_find:
        uint32_t id
        uint16_t act

    struct ps_shard:
        uint32_t n

    struct ps_seen:
        uint64_t states, transitions, slots
        uint32_t depth, sweeping

    struct ps_search:
        ps_system sys
        uint32_t mistakes
        ps_shard shards[64]
        uint32_t (*levels)[64]
        unsigned n_levels
        uint64_t n_states, transitions, differing, spurious
        ps_find finds[9]
        int failed, swept

    int ps_system_layout(ps_system *sys) noexcept
    int ps_search_open(
        ps_search *search, const ps_act *acts, unsigned n_acts, unsigned wanted
    ) noexcept
    void ps_search_close(ps_search *search) noexcept
    int ps_search_root(ps_search *search, const ps_world *world) noexcept
    void ps_search_crew(
        ps_search *search, unsigned n_threads, uint64_t most, int early
    ) noexcept
    void ps_search_join(ps_search *search) noexcept
    void ps_search_stop(ps_search *search) noexcept
    ps_seen ps_search_look(const ps_search *search) noexcept
    int ps_search_exhausted(const ps_search *search) noexcept
    unsigned ps_search_deepest(const ps_search *search) noexcept
    unsigned ps_search_depth(const ps_search *search, uint32_t id) noexcept
    uint64_t ps_search_bytes(const ps_search *search) noexcept
    uint32_t ps_search_first(const ps_search *search, unsigned number) noexcept
    uint32_t ps_search_all(
        const ps_search *search, unsigned number, ps_find *finds, uint32_t room
    ) noexcept
    int ps_search_stuck(const ps_search *search, uint32_t id) noexcept
    ps_find ps_search_idle(const ps_search *search, uint32_t id) noexcept
    uint32_t ps_search_missing(const ps_search *search, uint32_t id) noexcept
    void ps_search_world(const ps_search *search, uint32_t id, ps_world *world) noexcept
    uint32_t ps_search_parent(const ps_search *search, uint32_t id, unsigned *act) noexcept
    uint32_t ps_id(unsigned shard, uint32_t index) noexcept
    unsigned ps_world_act(
        const ps_system *sys, ps_world *world, const ps_act *act, ps_outcome *out,
        unsigned *stepped
    ) noexcept
