/* One step of a vCPU, what it adds to the figures and what it costs. */
#ifndef PLANESCHED_ENGINE_STEP_H
#define PLANESCHED_ENGINE_STEP_H

#include "engine_parts.h"

/* The loop wants a step of each event of its own: it is known there, and costs less then. */
#if defined(__GNUC__)
#define PS_INLINE static inline __attribute__((always_inline))
#else
#define PS_INLINE static inline
#endif

/* What the engine has to know of a step. */
struct ps_done {
    uint8_t was, fault, switched, exited;
    uint8_t reason; /* where something costs, of a switch or an exit */
};

static inline void ps_widen(uint64_t *least, uint64_t *greatest, uint64_t value)
{
    if (value < *least)
        *least = value;
    if (value > *greatest)
        *greatest = value;
}

static inline void ps_row_inject(struct ps_engine *engine, uint32_t number, uint64_t latency_ns)
{
    struct ps_row *row = &engine->rows[number];
    row->injected++;
    ps_wide_add(&row->latency_ns, latency_ns);
    ps_widen(&row->latency_min_ns, &row->latency_max_ns, latency_ns);
    engine->latency[(size_t)number * PS_N_BUCKETS + ps_bucket(latency_ns)]++;
}

/* The automaton's way: look up, count the pair, note what was posted, count what was injected. */
static inline struct ps_done ps_follow(struct ps_engine *engine, struct ps_guest *guest,
                                       int64_t *clock, const struct ps_edge *edge,
                                       int64_t posted_ns, uint32_t row)
{
    const uint64_t now_ns = (uint64_t)guest->now_ns;
    const unsigned now = edge->planes & 15u;
    clock[PS_CLOCK_ROW] = edge->next;
    clock[edge->post] = posted_ns;
    guest->posted[edge->post - PS_CLOCK_POSTED] = (uint16_t)row;
    clock[edge->notify] = guest->now_ns;
    guest->posted[edge->notify - PS_CLOCK_POSTED] = (uint16_t)ps_plane_row(engine, now);
    if (edge->bits & PS_EDGE_INJECTED)
        ps_row_inject(engine, guest->posted[now],
                      now_ns - (uint64_t)clock[PS_CLOCK_POSTED + now]);
    const struct ps_done done = {
        (uint8_t)(edge->planes >> 4), (edge->bits & PS_EDGE_FAULT) != 0,
        (edge->bits & PS_EDGE_SWITCHED) != 0, (edge->bits & PS_EDGE_EXIT) != 0, 0};
    if (done.switched)
        ps_count_interval(engine->ledger.figures, done.was, 1, now_ns, clock);
    guest->current = (uint8_t)now;
    guest->status = (uint8_t)(edge->bits >> PS_EDGE_STATUS_SHIFT);
    return done;
}

static inline struct ps_done ps_take_step(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                          unsigned plane, int64_t posted_ns, uint32_t row)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    struct ps_automaton *automaton = engine->automaton;
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const uint32_t from = (uint32_t)clock[PS_CLOCK_ROW];
    if (from != PS_NO_STATE) {
        const uint32_t at = ps_automaton_at(automaton, from, event, plane);
        if (automaton->edges[at].next != PS_NO_STATE ||
            ps_automaton_fill(automaton, from, event, plane) == 0) {
            assert(ps_automaton_agrees(automaton, from, event, plane));
            const struct ps_edge *edge = &automaton->edges[at];
            ps_tally_add(&automaton->tallies[at], (uint64_t)guest->now_ns);
            struct ps_done done = ps_follow(engine, guest, clock, edge, posted_ns, row);
            if (engine->costly)
                done.reason = automaton->outcomes[at].reason;
            if (engine->log.left && edge->bits & PS_EDGE_LOGGED)
                ps_log(engine, vcpu, event, plane, automaton->outcomes[at],
                       ps_automaton_state(automaton, at)->status);
            return done;
        }
    }
    const uint8_t before = guest->status;
    const struct ps_outcome out =
        ps_vcpu_step_slowly(engine, vcpu, event, plane, posted_ns, row);
    if (engine->log.left && ps_worth_logging(out, before, guest->status))
        ps_log(engine, vcpu, event, plane, out, before);
    const struct ps_done done = {(uint8_t)out.was, out.fault,
                                 (out.flags & PS_FLAG_SWITCHED) != 0, (uint8_t)ps_exits(out),
                                 out.reason};
    return done;
}

/* What a switch or an exit takes. */
static inline int64_t ps_cost_ns(struct ps_engine *engine, uint32_t vcpu,
                                 const struct ps_done *done)
{
    const struct ps_workload *workload = engine->config.workload;
    const struct ps_guest *guest = &engine->guests[vcpu];
    struct ps_stream *stream =
        engine->n_streams ? ps_streams(engine, vcpu) + engine->n_sources : NULL;
    int64_t cost_ns = 0;
    if (done->switched) {
        cost_ns = engine->config.cost_ns[done->reason];
        if (workload && workload->costs)
            cost_ns = workload->costs[((size_t)done->reason * PS_MAX_PLANES + done->was) *
                                          PS_MAX_PLANES + guest->current];
        if (cost_ns < 0)
            cost_ns = workload->draws->time(&workload->spreads[-1 - cost_ns], stream);
    }
    if (done->exited) {
        const int64_t exit_ns = workload && workload->exit_cost
                                    ? workload->draws->time(workload->exit_cost, stream)
                                    : engine->config.exit_ns;
        cost_ns = ps_later(cost_ns, exit_ns);
    }
    return cost_ns;
}

/* Another plane works, or none: how long did those with work go without? */
static inline void ps_count_starved(struct ps_engine *engine, struct ps_guest *guest, unsigned ran,
                                    unsigned runs)
{
    if (ran != PS_NO_PLANE && ps_has(guest->work, ran))
        guest->idle_since_ns[ran] = guest->now_ns;
    if (runs != PS_NO_PLANE && ps_has(guest->work, runs)) {
        const uint64_t length = (uint64_t)(guest->ready_ns - guest->idle_since_ns[runs]);
        if (length > engine->totals.starved_ns[runs])
            engine->totals.starved_ns[runs] = length;
    }
}

static inline unsigned ps_runner(const struct ps_guest *guest)
{
    return guest->status ? PS_NO_PLANE : guest->current;
}

/* Let an event happen. `posted_ns` and `row`: of the job behind an irq. Returns its fault. */
PS_INLINE unsigned ps_act(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                              unsigned plane, int64_t posted_ns, uint32_t row)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const unsigned ran = ps_runner(guest);
    const struct ps_done done = ps_take_step(engine, vcpu, event, plane, posted_ns, row);
    guest->ready_ns = guest->now_ns;
    if (engine->costly && (done.switched || done.exited)) {
        guest->ready_ns = ps_later(guest->now_ns, ps_cost_ns(engine, vcpu, &done));
        if (engine->log.costs)
            ps_log_took(engine, guest->ready_ns - guest->now_ns);
    }
    if (done.switched && guest->current == engine->policy.marker)
        guest->left = done.was;
    if (done.exited)
        guest->exit_reason = done.reason;
    const unsigned runs = ps_runner(guest);
    if (ran != runs)
        ps_count_starved(engine, guest, ran, runs);
    return done.fault;
}

#endif
