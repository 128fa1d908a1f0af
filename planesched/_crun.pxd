# The loop of vm.run and its table of transitions, for the drivers inside this package only.

from libc.stdint cimport int64_t, uint32_t, uint64_t

from planesched._cfigures cimport ps_event_record, ps_ledger, ps_mistake, ps_outcome_record
from planesched.csched cimport (
    ps_algorithm, ps_apic, ps_chip_policy, ps_outcome, ps_policy, ps_state,
)

cdef extern from "core/run.h" nogil:
    struct ps_automaton:
        uint32_t events
        uint64_t n_filled

    ps_automaton *ps_automaton_create(
        const ps_policy *policy, const ps_algorithm *algorithm, unsigned n_planes, uint32_t events,
        uint64_t bytes
    ) noexcept
    void ps_automaton_destroy(ps_automaton *automaton) noexcept

    struct ps_run:
        const ps_policy *policy
        const ps_algorithm *algorithm
        ps_state *states
        uint64_t n_vcpus
        ps_ledger ledger
        ps_automaton *automaton
        const ps_event_record *records
        uint64_t n, done
        ps_outcome_record *log
        uint64_t n_log, logged

    int ps_run_plain(ps_run *run, uint64_t end) noexcept
    int ps_run_known(ps_run *run, uint64_t end) noexcept
    int ps_run_join(ps_run *run, int64_t start_ns) noexcept
    void ps_run_leave(ps_run *run, int64_t end_ns) noexcept

cdef extern from "core/step_with.h" nogil:
    ps_outcome ps_step_with(
        const ps_policy *policy, const ps_algorithm *algorithm, ps_state *s, unsigned event,
        unsigned plane
    ) noexcept

cdef extern from "core/chiprun.h" nogil:
    struct ps_chips:
        const ps_chip_policy *policy
        ps_apic *apics
        int64_t *posted

    uint64_t ps_chip_events_check(
        const ps_event_record *events, uint64_t n, const ps_policy *policy, unsigned n_planes,
        uint64_t n_vcpus, int64_t start_ns, ps_mistake *mistake
    ) noexcept
    uint64_t ps_chips_check(
        const ps_chips *chips, const ps_state *states, uint64_t n, unsigned n_planes
    ) noexcept
    unsigned ps_chip_note_posted(
        const ps_chip_policy *policy, int64_t *posted, ps_outcome out, unsigned event,
        unsigned plane, unsigned arg, int64_t now_ns
    ) noexcept
    int ps_run_chips(ps_run *run, const ps_chips *chips, uint64_t end) noexcept
    void ps_chips_pending(
        const ps_chips *chips, const ps_state *states, uint64_t n_vcpus, unsigned n_planes,
        uint64_t counts[3][16]
    ) noexcept
