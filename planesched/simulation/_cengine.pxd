# The timed engine of csrc/, for the drivers inside this package only.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from planesched._cfigures cimport ps_figures, ps_wide
from planesched.csched cimport (
    ps_algorithm, ps_chip_policy, ps_policy, ps_state, ps_userspace,
)

cdef extern from "planesched/records.h" nogil:
    struct ps_outcome_record:
        pass

    struct ps_event_record:
        pass

cdef extern from "planesched/jobs.h" nogil:
    struct ps_totals:
        pass

    struct ps_row:
        uint64_t arrived, finished, injected
        ps_wide latency_ns, response_ns, sojourn_ns
        uint64_t latency_min_ns, latency_max_ns
        uint64_t response_min_ns, response_max_ns
        uint64_t sojourn_min_ns, sojourn_max_ns

    struct ps_vector_row:
        pass

cdef extern from "planesched/workload.h" nogil:
    struct ps_spread:
        double a, b
        int64_t whole
        const int64_t *values
        uint64_t n
        uint8_t kind

    struct ps_source:
        ps_spread gap, service
        int64_t start_ns, period_ns, phase_ns
        double spell_ns[2]
        const uint8_t *members
        double chance
        const uint32_t *targets
        uint32_t n_targets, number
        uint16_t origin
        uint8_t arrivals, plane, callee, vector

    const unsigned PS_SEED_WORDS

    struct ps_seed:
        uint32_t words[16]
        uint32_t n

    struct ps_draws:
        pass

    struct ps_workload:
        const ps_source *sources
        uint32_t n_sources
        ps_seed seed
        const uint32_t *ids
        const ps_draws *draws

cdef extern from "planesched/engine.h" nogil:
    const int64_t PS_NEVER_NS

    struct ps_job:
        int64_t time_ns, service_ns
        uint32_t vcpu
        uint16_t source
        uint8_t plane, kind

    enum:
        PS_ROUTE_OWN
        PS_ROUTE_MARKER
        PS_ENGINE_NO_MEMORY
        PS_ENGINE_BAD_CONFIG
        PS_ENGINE_BAD_JOB
        PS_ENGINE_BAD_TIME
        PS_ENGINE_STOPPED
        PS_ENGINE_WRONG_ANSWER
        PS_TOLD

    struct ps_costs:
        int64_t switch_ns[12][16][16]
        int64_t exit_ns
        const ps_spread *spreads
        uint32_t n_spreads

    struct ps_engine_config:
        const ps_policy *policy
        const ps_state *initial
        uint32_t n_vcpus
        uint8_t n_planes, route, main_plane
        uint16_t online, busy
        int64_t start_ns
        int64_t forward_ns
        const ps_costs *costs
        const ps_workload *workload
        ps_userspace userspace
        ps_algorithm algorithm
        int64_t slice_ns
        const ps_chip_policy *controller

    enum ps_job_mistake:
        PS_JOB_FINE
        PS_JOB_BAD_VCPU
        PS_JOB_BAD_TIME
        PS_JOB_BAD_ORDER
        PS_JOB_BAD_SERVICE
        PS_JOB_BAD_PLANE
        PS_JOB_BAD_KIND
        PS_JOB_BAD_VECTOR

    struct ps_vcpu_report:
        int64_t time_ns[4]
        int64_t now_ns, livelock_ns
        uint32_t livelocks
        uint16_t livelock_planes

    struct ps_engine:
        pass

    int ps_engine_create(const ps_engine_config *config, ps_engine **out) noexcept
    int ps_engine_grow(ps_engine *engine, uint32_t n_vcpus) noexcept
    int ps_engine_renew(
        ps_engine *engine, const ps_workload *workload, uint32_t n_vcpus
    ) noexcept
    int ps_engine_feed(
        ps_engine *engine, const ps_job *jobs, uint64_t n, uint64_t *index, ps_job_mistake *mistake
    ) noexcept
    int ps_engine_at(
        ps_engine *engine, int64_t time_ns, uint32_t vcpu, unsigned event, unsigned plane
    ) noexcept
    void ps_engine_destroy(ps_engine *engine) noexcept
    int ps_engine_clone(const ps_engine *engine, ps_engine **out) noexcept
    int ps_engine_restore(ps_engine *engine, const ps_engine *snapshot) noexcept
    int ps_engine_advance(ps_engine *engine, int64_t until_ns, uint64_t patience) noexcept
    int64_t ps_engine_next_event_ns(const ps_engine *engine) noexcept
    int64_t ps_engine_now_ns(const ps_engine *engine) noexcept
    uint32_t ps_engine_n_vcpus(const ps_engine *engine) noexcept
    const ps_state *ps_engine_state(const ps_engine *engine, uint32_t vcpu) noexcept
    void ps_engine_report(
        const ps_engine *engine, uint32_t vcpu, ps_vcpu_report *out
    ) noexcept

    struct ps_reading:
        ps_figures *figures
        ps_totals *totals
        ps_row *rows
        uint64_t *latency
        uint64_t *response
        uint64_t *sojourn

    uint32_t ps_engine_n_rows(const ps_engine *engine) noexcept
    unsigned ps_engine_row_plane(const ps_engine *engine, uint32_t row) noexcept
    void ps_engine_read(ps_engine *engine, const ps_reading *out) noexcept
    void ps_engine_read_sums(ps_engine *engine, const ps_reading *out) noexcept
    void ps_engine_restart(ps_engine *engine) noexcept
    void ps_engine_log(ps_engine *engine, ps_outcome_record *records, uint64_t n) noexcept
    uint64_t ps_engine_log_left(const ps_engine *engine) noexcept
    int ps_engine_read_vectors(const ps_engine *engine, ps_vector_row *rows) noexcept
    uint32_t PS_NOWHERE
    void ps_engine_read_vector_times(
        const ps_engine *engine, const uint32_t *places, uint64_t *latency, uint64_t *response
    ) noexcept
    void ps_engine_log_vectors(
        ps_engine *engine, ps_event_record *records, uint64_t n
    ) noexcept
    uint64_t ps_engine_log_vectors_left(const ps_engine *engine) noexcept
