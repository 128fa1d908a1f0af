# The table of transitions worked out once, for the drivers inside this package only.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from planesched._cfigures cimport ps_figures, ps_ledger
from planesched.csched cimport ps_outcome, ps_policy, ps_state

cdef extern from "automaton.h" nogil:
    enum:
        PS_NO_STATE
        PS_EDGE_LOGGED

    struct ps_edge:
        uint8_t bits

    struct ps_automaton:
        uint64_t n_filled
        ps_edge *edges
        ps_outcome *outcomes

    ps_automaton *ps_automaton_create(
        const ps_policy *policy, unsigned n_planes, uint64_t bytes
    ) noexcept
    void ps_automaton_destroy(ps_automaton *automaton) noexcept
    uint32_t ps_automaton_row(ps_automaton *automaton, const ps_state *state) noexcept
    const ps_state *ps_automaton_state(const ps_automaton *automaton, uint32_t row) noexcept
    void ps_automaton_join(ps_automaton *automaton, uint32_t row, uint64_t since_ns) noexcept
    void ps_automaton_leave(ps_automaton *automaton, uint32_t row, uint64_t until_ns) noexcept
    void ps_automaton_fold(ps_automaton *automaton, ps_figures *figures) noexcept
    const ps_edge *ps_automaton_step(
        ps_automaton *automaton, const ps_ledger *ledger, unsigned event, unsigned plane,
        uint64_t now_ns, int64_t *clock
    ) noexcept
