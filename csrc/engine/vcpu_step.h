/* One step of a vCPU, what it adds to the figures and what it costs. */
#ifndef PLANESCHED_VCPU_STEP_H
#define PLANESCHED_VCPU_STEP_H

#include "planesched/compiler.h"
#include "engine/vectors.h"

static inline void ps_extend_range(uint64_t *least, uint64_t *greatest, uint64_t value)
{
    if (PS_RARELY(value < *least))
        *least = value;
    if (PS_RARELY(value > *greatest))
        *greatest = value;
}

static inline void ps_row_inject(struct ps_engine *engine, uint32_t number, uint64_t latency_ns)
{
    struct ps_row *row = &engine->rows[number];
    row->injected++;
    ps_wide_add(&row->latency_ns, latency_ns);
    ps_extend_range(&row->latency_min_ns, &row->latency_max_ns, latency_ns);
    engine->latency[(size_t)number * PS_N_BUCKETS + ps_bucket(latency_ns)]++;
}

/* To the first instruction of the plane that takes it: the switch (and exit) that brought the plane
 * in has been paid by then. */
static inline void ps_row_respond(struct ps_engine *engine, uint32_t number, uint64_t response_ns)
{
    struct ps_row *row = &engine->rows[number];
    ps_wide_add(&row->response_ns, response_ns);
    ps_extend_range(&row->response_min_ns, &row->response_max_ns, response_ns);
    engine->response[(size_t)number * PS_N_BUCKETS + ps_bucket(response_ns)]++;
}

/* What a step that was counted says to the engine: whose latency begins, what was injected, what
 * the vCPU is now. `row`: that of the job behind an irq. */
PS_INLINE struct ps_done ps_vcpu_follow(const struct ps_vcpu v, unsigned event, struct ps_mark mark,
                                        uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned now = ps_mark_now(mark);
    const struct ps_done done = {(uint8_t)ps_mark_was(mark), mark.bits, 0};
    if (event == PS_EVENT_IRQ)
        guest->posted[mark.post] = (uint16_t)row;
    if (PS_RARELY(mark.notify != PS_CLOCK_NOWHERE))
        guest->posted[mark.notify] = (uint16_t)ps_plane_row(engine, now);
    if (mark.bits & PS_MARK_INJECTED)
        ps_row_inject(engine, guest->posted[PS_CLOCK_POSTED + now],
                      (uint64_t)(guest->now_ns - v.clock[PS_CLOCK_POSTED + now]));
    guest->current = (uint8_t)now;
    guest->status = (uint8_t)(mark.bits >> PS_MARK_STATUS_SHIFT);
    return done;
}

/* By the automaton. The loop wants one for each event: it is known there, and costs less then. */
PS_INLINE struct ps_done ps_vcpu_step(const struct ps_vcpu v, unsigned event, unsigned plane,
                                      int64_t posted_ns, uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    const uint64_t now_ns = (uint64_t)v.guest->now_ns;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    if (ps_chipped(v) && event == PS_EVENT_IRQ)
        return ps_vectors_post(engine, v.guest, v.clock, v.number, plane, row);
    if (ps_chipped(v) && event == PS_CHIP_EOI)
        return ps_vectors_end(engine, v.guest, v.clock, v.number, plane);
    if (ps_chipped(v) && (!ps_vectors_pass(event) || from == PS_NO_STATE))
        return ps_vectors_step(engine, v.number, event, plane, posted_ns);
    if (PS_RARELY(from == PS_NO_STATE))
        return ps_vcpu_step_slowly(engine, v.number, event, plane, posted_ns, row);
    const uint32_t at = ps_automaton_at(automaton, from, event, plane);
    if (PS_RARELY(automaton->edges[at].next == PS_NO_STATE) &&
        ps_automaton_fill(automaton, from, event, plane) != 0)
        return ps_vcpu_step_slowly(engine, v.number, event, plane, posted_ns, row);
    assert(ps_automaton_agrees(automaton, from, event, plane));
    if (ps_chipped(v) && automaton->outcomes[at].flags & PS_VECTORS_TAKEN)
        return ps_vectors_step(engine, v.number, event, plane, posted_ns);
    const struct ps_edge *edge = &automaton->edges[at];
    ps_tally_add(&automaton->tallies[at], now_ns);
    v.clock[PS_CLOCK_ROW] = edge->next;
    ps_count_mark(&engine->figures, edge->mark,
                  PS_MARK_FORETOLD | (event == PS_EVENT_IRQ ? PS_MARK_MAY_POST : 0u), posted_ns,
                  now_ns, v.clock);
    struct ps_done done = ps_vcpu_follow(v, event, edge->mark, row);
    if ((!ps_plain(v) && engine->costly) || PS_RARELY(edge->mark.bits & PS_MARK_EXIT))
        done.reason = automaton->outcomes[at].reason;
    if (PS_RARELY(engine->log.left) && edge->mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, v.number, event, plane, automaton->outcomes[at],
                           ps_automaton_state(automaton, at)->status);
    return done;
}

/* A cost, drawn if it is not a time. */
static inline int64_t ps_vcpu_drawn_ns(const struct ps_vcpu v, int64_t cost_ns)
{
    const struct ps_engine *engine = v.engine;
    if (cost_ns >= 0)
        return cost_ns;
    return engine->config.workload->draws->time(&engine->config.costs->spreads[-1 - cost_ns],
                                                v.streams + engine->n_sources);
}

/* What a switch or an exit takes. */
PS_INLINE int64_t ps_vcpu_cost_ns(const struct ps_vcpu v, const struct ps_done *done)
{
    const struct ps_costs *costs = v.engine->config.costs;
    int64_t cost_ns = 0;
    if (done->bits & PS_MARK_SWITCHED)
        cost_ns = ps_vcpu_drawn_ns(v, costs->switch_ns[done->reason][done->was][v.guest->current]);
    if (done->bits & PS_MARK_EXIT)
        cost_ns = ps_later(cost_ns, ps_vcpu_drawn_ns(v, costs->exit_ns));
    return cost_ns;
}

/* Another plane works, or none: how long did those with work go without? Of those that have none
 * nobody asks since when. */
PS_INLINE void ps_count_starved(const struct ps_vcpu v, unsigned current, unsigned status)
{
    struct ps_guest *guest = v.guest;
    if (!status)
        guest->idle_since_ns[current] = guest->now_ns;
    if (!guest->status && ps_has(guest->work, guest->current)) {
        const int64_t begins_ns = ps_plain(v) ? guest->now_ns : guest->ready_ns;
        const uint64_t length = (uint64_t)(begins_ns - guest->idle_since_ns[guest->current]);
        if (length > v.engine->totals.starved_ns[guest->current])
            v.engine->totals.starved_ns[guest->current] = length;
    }
}

/* A step that began in `from` is part of a leap. */
static inline void ps_vcpu_note_step(const struct ps_vcpu v, uint32_t from, unsigned event,
                                     unsigned plane, unsigned status, struct ps_done done)
{
    const struct ps_engine *engine = v.engine;
    int64_t cost_ns = 0;
    if (engine->costly && done.bits & PS_MARK_SWITCHED)
        cost_ns = engine->config.costs->switch_ns[done.reason][done.was][v.guest->current];
    if ((uint32_t)v.clock[PS_CLOCK_ROW] == PS_NO_STATE)
        from = PS_NO_STATE;
    ps_leap_note(engine->leaps, engine->automaton, from, event, plane, status, v.guest->work,
                 cost_ns);
    if (cost_ns)
        ps_vcpu_end_leap(v);
}

/* Let an event happen. `posted_ns` and `row`: of the job behind an irq; with controllers `row` is
 * its node. Returns its fault. */
PS_INLINE unsigned ps_vcpu_act(const struct ps_vcpu v, unsigned event, unsigned plane,
                               int64_t posted_ns, uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned status = guest->status;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    const struct ps_done done = ps_vcpu_step(v, event, plane, posted_ns, row);
    if (!ps_plain(v))
        guest->ready_ns = guest->now_ns;
    if (!ps_plain(v) && engine->costly && done.bits & (PS_MARK_SWITCHED | PS_MARK_EXIT)) {
        guest->ready_ns = ps_later(guest->now_ns, ps_vcpu_cost_ns(v, &done));
        if (engine->log.costs)
            ps_engine_log_took(engine, guest->ready_ns - guest->now_ns);
    }
    if (!ps_plain(v) && engine->costly && done.bits & PS_MARK_INJECTED) {
        const unsigned slot = PS_CLOCK_POSTED + (unsigned)guest->current;
        const uint64_t response_ns = (uint64_t)(guest->ready_ns - v.clock[slot]);
        ps_row_respond(engine, guest->posted[slot], response_ns);
        if (ps_chipped(v))
            ps_vectors_respond(engine, v.number, response_ns);
    }
    if (v.sliced && done.bits & PS_MARK_SWITCHED)
        guest->ran_ns = 0;
    if (PS_RARELY(done.bits & PS_MARK_EXIT))
        guest->exit_reason = done.reason;
    if (done.bits & PS_MARK_CHANGED) {
        if (done.bits & PS_MARK_SWITCHED && guest->current == engine->policy.marker)
            guest->left = done.was;
        ps_count_starved(v, done.was, status);
    }
    if (v.is == PS_RECORDED)
        ps_vcpu_note_step(v, from, event, plane, status, done);
    return done.bits & PS_MARK_FAULT;
}

#endif
