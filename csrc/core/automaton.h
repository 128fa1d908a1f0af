/* Transitions worked out once. `step` is pure and few states are reachable under one policy, so
 * ps_step is asked for each (state, event) when it is first met, and its answer is looked up from
 * then on. Nothing is decided here. The table is bounded: when it is full, or when new pairs keep
 * coming, the caller goes on with ps_step itself.
 *
 * Each pair counts how often it happened and sums up when; the rest is worked out at the end.
 */
#ifndef PLANESCHED_AUTOMATON_H
#define PLANESCHED_AUTOMATON_H

#include "core/ledger.h"
#include "core/step_with.h"

#define PS_NO_STATE UINT32_MAX

/* What is to be done on one (state, event). Kept to 8 bytes: the step after this one
 * waits until they are here. */
struct ps_edge {
    uint32_t next; /* row of the state that follows; PS_NO_STATE until it is worked out */
    struct ps_mark mark;
};

/* How often it was done, and the sum of the times at which it was. */
struct ps_tally {
    uint64_t count, time_ns;
};

/* Where the edge of an event stands in a row: `code`, and the plane where the event takes one. */
struct ps_code {
    uint16_t code, takes; /* `takes` is all ones or zero */
};

struct ps_automaton {
    struct ps_policy policy;
    struct ps_algorithm algorithm;     /* pure, or without a `pick` */
    unsigned n_planes;
    uint32_t events;                   /* bit e: event e has its edges in every row */
    uint32_t width;                    /* edges in a row; the first is none */
    struct ps_code codes[PS_N_EVENTS];
    uint32_t n_states, room, most;     /* states known, allocated, allowed */
    uint64_t n_filled;                 /* pairs worked out so far */
    struct ps_state *states;           /* [room] */
    struct ps_edge *edges;             /* [room][width]; the first: `next` numbers its state */
    struct ps_tally *tallies;          /* [room][width]; the first: who is here, when they came */
    struct ps_outcome *outcomes;       /* [room][width] */
    uint32_t *slots;                   /* open addressing: state numbers by hash */
    uint32_t n_slots;                  /* a power of two, twice `most` or more */
};

/* A table for a policy, an algorithm that is pure or NULL, and some events (the fewer, the more of
 * it is in the cache); NULL without memory. `bytes` bounds it. */
struct ps_automaton *ps_automaton_create(const struct ps_policy *policy,
                                         const struct ps_algorithm *algorithm, unsigned n_planes,
                                         uint32_t events, uint64_t bytes);
/* A copy of `n` items of `size` bytes, which the caller frees, or NULL without memory. */
void *ps_copied(const void *from, size_t n, size_t size);
/* A table that goes on as this one would, or NULL without memory. */
struct ps_automaton *ps_automaton_clone(const struct ps_automaton *automaton);
void ps_automaton_destroy(struct ps_automaton *automaton);

/* The row of a state, made known if need be; PS_NO_STATE where the table is full. */
uint32_t ps_automaton_row(struct ps_automaton *automaton, const struct ps_state *state);

/* The state of a row, also by the index of any edge in it. */
static inline const struct ps_state *ps_automaton_state(const struct ps_automaton *automaton,
                                                        uint32_t row)
{
    return &automaton->states[row / automaton->width];
}

/* The same of a row alone: without a division. */
static inline const struct ps_state *ps_automaton_row_state(const struct ps_automaton *automaton,
                                                            uint32_t row)
{
    assert(row % automaton->width == 0);
    return &automaton->states[automaton->edges[row].next];
}

/* Work out one pair. Returns 0, or -1 where the table is full or the algorithm's answer wrong: ask
 * step then. The arrays may move. */
int ps_automaton_fill(struct ps_automaton *automaton, uint32_t row, unsigned event,
                      unsigned plane);

/* Move what was counted into the figures and begin again from zero. All vCPUs that did not leave
 * are at `now_ns`: what they spent in their states up to then counts, and they go on. */
void ps_automaton_fold(struct ps_automaton *automaton, struct ps_figures *figures,
                       uint64_t now_ns);

/* The index of the edge, tally and outcome of an event that the table was made for. */
static inline uint32_t ps_automaton_at(const struct ps_automaton *automaton, uint32_t row,
                                       unsigned event, unsigned plane)
{
    assert(ps_among(automaton->events, event));
    const struct ps_code code = automaton->codes[event];
    return row + code.code + (plane & code.takes);
}

/* In a debug build, every look-up is checked against step. */
static inline int ps_automaton_agrees(const struct ps_automaton *automaton, uint32_t row,
                                      unsigned event, unsigned plane)
{
    const uint32_t at = ps_automaton_at(automaton, row, event, plane);
    struct ps_state s = *ps_automaton_state(automaton, row);
    const struct ps_outcome out =
        ps_step_with(&automaton->policy, &automaton->algorithm, &s, event,
                     plane & automaton->codes[event].takes);
    return memcmp(&s, ps_automaton_state(automaton, automaton->edges[at].next), sizeof s) == 0 &&
           memcmp(&out, &automaton->outcomes[at], sizeof out) == 0;
}

/* A vCPU that begins in `row` at `since_ns`, or ends there: times count from the same origin, and
 * all vCPUs together spend less than 2^64 ns. */
static inline void ps_automaton_join(struct ps_automaton *automaton, uint32_t row,
                                     uint64_t since_ns)
{
    automaton->tallies[row].count++;
    automaton->tallies[row].time_ns -= since_ns;
}

static inline void ps_automaton_leave(struct ps_automaton *automaton, uint32_t row,
                                      uint64_t until_ns)
{
    automaton->tallies[row].count--;
    automaton->tallies[row].time_ns += until_ns;
}

static inline void ps_tally_add(struct ps_tally *tally, uint64_t now_ns)
{
    tally->count++;
    tally->time_ns += now_ns;
}

#endif
