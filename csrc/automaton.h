/* Transitions worked out once. `step` is pure and few states are reachable under one policy, so
 * ps_step is asked for each (state, event) when it is first met, and its answer is looked up from
 * then on. Nothing is decided here. The table is bounded: when it is full, or when new pairs keep
 * coming, the caller goes on with ps_step itself.
 *
 * What does not depend on time is counted per pair and folded into the figures at the end; the time
 * spent is summed per state.
 */
#ifndef PLANESCHED_AUTOMATON_H
#define PLANESCHED_AUTOMATON_H

#include "figures.h"

#define PS_NO_STATE UINT32_MAX

/* What is to be done on one (state, event): 16 bytes. Slots are those of a vCPU's clock. A state's
 * row begins with an edge that is none: its `count` is the time spent in the state. */
struct ps_edge {
    uint32_t next;        /* row of the state that follows; PS_NO_STATE until it is worked out */
    uint8_t post, notify; /* slots that take the time, for the event's irq and for VINA's */
    uint8_t planes;       /* current afterwards, and times 16 before */
    uint8_t bits;         /* PS_EDGE_* */
    uint64_t count;
};

#define PS_EDGE_INJECTED 1u
#define PS_EDGE_SWITCHED 2u
#define PS_EDGE_LOGGED 4u
#define PS_EDGE_FAULT 8u
#define PS_EDGE_EXIT 16u
#define PS_EDGE_STATUS_SHIFT 5u /* the two bits of ps_state.status afterwards */

/* Where the edge of an event stands in a row: `code`, and the plane where the event takes one. */
struct ps_code {
    uint16_t code, takes; /* `takes` is all ones or zero */
};

struct ps_automaton {
    struct ps_policy policy;
    unsigned n_planes;
    uint32_t width;                    /* edges in a row */
    struct ps_code codes[PS_N_EVENTS];
    uint32_t n_states, room, most;     /* states known, allocated, allowed */
    uint64_t n_filled;                 /* pairs worked out so far */
    struct ps_state *states;           /* [room] */
    struct ps_edge *edges;             /* [room][width] */
    struct ps_outcome *outcomes;       /* [room][width] */
    uint32_t *slots;                   /* open addressing: state numbers by hash */
    uint32_t n_slots;                  /* a power of two, twice `most` or more */
};

/* A table for a policy, or NULL without memory. `bytes` bounds it. */
struct ps_automaton *ps_automaton_create(const struct ps_policy *policy, unsigned n_planes,
                                         uint64_t bytes);
/* A table that goes on as this one would, or NULL without memory. */
struct ps_automaton *ps_automaton_clone(const struct ps_automaton *automaton);
void ps_automaton_destroy(struct ps_automaton *automaton);

/* The row of a state, made known if need be; PS_NO_STATE where the table is full. */
uint32_t ps_automaton_row(struct ps_automaton *automaton, const struct ps_state *state);

static inline const struct ps_state *ps_automaton_state(const struct ps_automaton *automaton,
                                                        uint32_t row)
{
    return &automaton->states[row / automaton->width];
}

/* Work out one pair. Returns its edge, or NULL where the table is full. */
struct ps_edge *ps_automaton_fill(struct ps_automaton *automaton, uint32_t row, unsigned event,
                                  unsigned plane);

/* Move what was counted into the figures and begin again from zero. The time spent in each state
 * has to be complete: ps_automaton_leave was called for every vCPU. */
void ps_automaton_fold(struct ps_automaton *automaton, struct ps_figures *figures);

static inline unsigned ps_automaton_code(const struct ps_automaton *automaton, unsigned event,
                                         unsigned plane)
{
    const struct ps_code code = automaton->codes[event];
    return code.code + (plane & code.takes);
}

/* In a debug build, every look-up is checked against step. */
static inline int ps_automaton_agrees(const struct ps_automaton *automaton, uint32_t row,
                                      unsigned event, unsigned plane, const struct ps_edge *edge)
{
    struct ps_state s = *ps_automaton_state(automaton, row);
    const struct ps_outcome out =
        ps_step(&automaton->policy, &s, event, plane & automaton->codes[event].takes);
    const struct ps_outcome *known = &automaton->outcomes[edge - automaton->edges];
    return memcmp(&s, ps_automaton_state(automaton, edge->next), sizeof s) == 0 &&
           memcmp(&out, known, sizeof out) == 0;
}

/* A vCPU that begins in `row` at `since_ns`, or ends there: times count from the same origin, and
 * all vCPUs together spend less than 2^64 ns. */
static inline void ps_automaton_join(struct ps_automaton *automaton, uint32_t row,
                                     uint64_t since_ns)
{
    automaton->edges[row].count -= since_ns;
}

static inline void ps_automaton_leave(struct ps_automaton *automaton, uint32_t row,
                                      uint64_t until_ns)
{
    automaton->edges[row].count += until_ns;
}

/* Let one event happen to a vCPU whose clock holds its row. Returns the edge, or NULL where the
 * table is full and nothing has happened. */
static inline const struct ps_edge *ps_automaton_step(struct ps_automaton *automaton,
                                                      const struct ps_ledger *ledger,
                                                      unsigned event, unsigned plane,
                                                      uint64_t now_ns, int64_t *clock)
{
    const uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    struct ps_edge *edge = &automaton->edges[row + ps_automaton_code(automaton, event, plane)];
    if (edge->next == PS_NO_STATE) {
        edge = ps_automaton_fill(automaton, row, event, plane & automaton->codes[event].takes);
        if (!edge)
            return NULL;
    }
    assert(ps_automaton_agrees(automaton, row, event, plane, edge));
    edge->count++;
    ps_automaton_leave(automaton, row, now_ns);
    ps_automaton_join(automaton, edge->next, now_ns);
    clock[PS_CLOCK_ROW] = edge->next;

    clock[edge->post] = (int64_t)now_ns;
    clock[edge->notify] = (int64_t)now_ns;
    ps_count_latency(ledger, edge->planes & 15u, edge->bits & PS_EDGE_INJECTED, now_ns, clock);
    ps_count_interval(ledger->figures, edge->planes >> 4, (edge->bits & PS_EDGE_SWITCHED) != 0,
                      now_ns, clock);
    return edge;
}

#endif
