# The counting and record code of csrc/, for the drivers inside this package only.

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from planesched.csched cimport ps_outcome, ps_policy, ps_state

cdef extern from "planesched/histogram.h" nogil:
    const unsigned PS_N_BUCKETS
    unsigned ps_bucket(uint64_t value) noexcept

cdef extern from "planesched/figures.h" nogil:
    struct ps_wide:
        uint64_t lo, hi

    struct ps_figures:
        uint64_t entries[16][16]
        uint64_t exits[12]
        ps_wide time_ns[4][16]
        uint64_t pending_before[3][16]
        uint64_t pending[3][16]

cdef extern from "core/ledger.h" nogil:
    enum:
        PS_CLOCK_ENTERED
        PS_CLOCK_POSTED
        PS_UNKNOWN_NS

    struct ps_ledger:
        ps_figures *figures
        uint64_t *latency
        int64_t *clocks
        unsigned n_planes

    unsigned PS_CLOCK_SLOTS(unsigned n_planes) noexcept
    void ps_figures_open(
        const ps_ledger *ledger, const ps_state *states, uint64_t n_vcpus, int64_t start_ns
    ) noexcept
    void ps_figures_begin_time(
        const ps_ledger *ledger, const ps_state *states, uint64_t n_vcpus, int64_t now_ns
    ) noexcept
    void ps_figures_end_time(
        const ps_ledger *ledger, const ps_state *states, uint64_t n_vcpus, int64_t now_ns
    ) noexcept
    void ps_figures_close(
        const ps_ledger *ledger, const ps_state *states, uint64_t n_vcpus, int64_t end_ns
    ) noexcept

cdef extern from "planesched/records.h" nogil:
    struct ps_event_record:
        int64_t time_ns
        uint32_t vcpu
        uint8_t kind, plane
        uint16_t arg

    struct ps_outcome_record:
        int64_t record, time_ns
        uint32_t vcpu
        uint8_t kind, plane
        int8_t was, now
        uint8_t reason, fault, flags, status
        uint32_t took_ns

cdef extern from "core/record_checks.h" nogil:
    enum ps_mistake:
        PS_MISTAKE_TIME
        PS_MISTAKE_VCPU
        PS_MISTAKE_KIND
        PS_MISTAKE_PLANE
        PS_MISTAKE_ARG

    uint64_t ps_events_check(
        const ps_event_record *events, uint64_t n, const ps_policy *policy, unsigned n_planes,
        uint64_t n_vcpus, int64_t start_ns, uint32_t *kinds, ps_mistake *mistake
    ) noexcept
    int ps_state_fits(const ps_state *s, unsigned n_planes) noexcept
    uint64_t ps_states_check(const ps_state *states, uint64_t n, unsigned n_planes) noexcept

cdef extern from "core/scan.h" nogil:
    enum ps_scan_path:
        pass

    ps_scan_path ps_scan_widest() noexcept
    void ps_scan(
        ps_scan_path path, const ps_policy *policy, const uint16_t *candidates,
        const uint16_t *locked, uint64_t n, int8_t *out
    ) noexcept
