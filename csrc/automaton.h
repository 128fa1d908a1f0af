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

/* What is to be done on one (state, event): 16 bytes. Slots are those of a vCPU's clock. */
struct ps_edge {
    uint32_t next;         /* state number; PS_NO_STATE until it is worked out */
    uint8_t post, notify;  /* slot that takes the time, for the event's irq and for VINA's */
    uint8_t plane;         /* current afterwards */
    uint8_t bits;          /* PS_EDGE_* */
    uint64_t count;
};

#define PS_EDGE_INJECTED 1u
#define PS_EDGE_SWITCHED 2u
#define PS_EDGE_LOGGED 4u /* switched, faulted or notified */

struct ps_automaton {
    struct ps_policy policy;
    unsigned n_planes;
    unsigned n_codes;                   /* pairs of event and plane that exist */
    uint8_t bare[PS_N_EVENTS];          /* the plane is taken from the record, or zero */
    uint16_t codes[PS_N_EVENTS];        /* code of an event with plane 0 */
    uint32_t n_states, room, most;      /* states known, allocated, allowed */
    uint64_t n_filled;                  /* pairs worked out so far */
    struct ps_state *states;            /* [room] */
    struct ps_wide *spent_ns;           /* [room], time in each state */
    struct ps_edge *edges;              /* [room][n_codes] */
    struct ps_outcome *outcomes;        /* [room][n_codes] */
    uint32_t *slots;                    /* open addressing: state numbers by hash */
    uint32_t n_slots;                   /* a power of two, twice `most` or more */
};

/* A table for a policy, or NULL without memory. `bytes` bounds it. */
struct ps_automaton *ps_automaton_create(const struct ps_policy *policy, unsigned n_planes,
                                         uint64_t bytes);
void ps_automaton_destroy(struct ps_automaton *automaton);

/* The number of a state, made known if need be; PS_NO_STATE where the table is full. */
uint32_t ps_automaton_number(struct ps_automaton *automaton, const struct ps_state *state);

/* Work out one pair. Returns its edge, or NULL where the table is full. */
struct ps_edge *ps_automaton_fill(struct ps_automaton *automaton, uint32_t number, unsigned code);

/* Move what was counted into the figures and begin again from zero. */
void ps_automaton_fold(struct ps_automaton *automaton, struct ps_figures *figures);

static inline unsigned ps_automaton_code(const struct ps_automaton *automaton, unsigned event,
                                         unsigned plane)
{
    return automaton->codes[event] + (automaton->bare[event] ? 0u : plane);
}

/* In a debug build, every look-up is checked against step. */
static inline int ps_automaton_agrees(const struct ps_automaton *automaton, uint32_t number,
                                      unsigned event, unsigned plane, const struct ps_edge *edge)
{
    struct ps_state s = automaton->states[number];
    const struct ps_outcome out =
        ps_step(&automaton->policy, &s, event, automaton->bare[event] ? 0u : plane);
    const struct ps_outcome *known = &automaton->outcomes[edge - automaton->edges];
    return memcmp(&s, &automaton->states[edge->next], sizeof s) == 0 &&
           memcmp(&out, known, sizeof out) == 0;
}

/* Let one event happen to a vCPU in state `*number`. Returns the edge, or NULL where the table is
 * full and nothing has happened. */
static inline const struct ps_edge *ps_automaton_step(struct ps_automaton *automaton,
                                                      const struct ps_ledger *ledger,
                                                      uint32_t *number, unsigned event,
                                                      unsigned plane, uint64_t now_ns,
                                                      int64_t *clock)
{
    const unsigned code = ps_automaton_code(automaton, event, plane);
    struct ps_edge *edge = &automaton->edges[(size_t)*number * automaton->n_codes + code];
    if (edge->next == PS_NO_STATE) {
        edge = ps_automaton_fill(automaton, *number, code);
        if (!edge)
            return NULL;
    }
    assert(ps_automaton_agrees(automaton, *number, event, plane, edge));
    edge->count++;
    ps_wide_add(&automaton->spent_ns[*number], now_ns);
    ps_wide_sub(&automaton->spent_ns[edge->next], now_ns);
    *number = edge->next;

    clock[edge->post] = (int64_t)now_ns;
    clock[edge->notify] = (int64_t)now_ns;
    ps_count_latency(ledger, edge->plane, edge->bits & PS_EDGE_INJECTED, now_ns, clock);
    if (edge->bits & PS_EDGE_SWITCHED)
        ps_count_interval(ledger->figures, (unsigned)automaton->outcomes[edge - automaton->edges].was,
                          now_ns, clock);
    return edge;
}

#endif
