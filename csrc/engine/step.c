/* Steps that the automaton has no room for, and the log of steps. */
#include "engine/step.h"

/* ---- Without the automaton ---- */

/* From now on the state stands in `states`, and spells of time are counted as figures.h does. */
static void leave_automaton(struct ps_engine *engine, uint32_t vcpu)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    const uint64_t now_ns = (uint64_t)engine->guests[vcpu].now_ns;
    engine->states[vcpu] = *ps_automaton_state(engine->automaton, row);
    ps_automaton_leave(engine->automaton, row, now_ns);
    ps_figures_begin_time(&engine->ledger, &engine->states[vcpu], 1, (int64_t)now_ns);
    clock[PS_CLOCK_ROW] = PS_NO_STATE;
}

static struct ps_outcome step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                     unsigned plane, int64_t posted_ns, uint32_t row)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    if ((uint32_t)clock[PS_CLOCK_ROW] != PS_NO_STATE)
        leave_automaton(engine, vcpu);
    struct ps_state *s = &engine->states[vcpu];
    const struct ps_before before = ps_look(s);
    const struct ps_outcome out = ps_step(&engine->policy, s, event, plane);
    const unsigned now = (unsigned)out.now;
    ps_count_steps(&engine->figures, &before, s, out, event, plane, 1);
    guest->current = (uint8_t)s->current;
    guest->status = s->status;
    if (out.fault)
        return out;
    if (ps_posted(&before, event, plane)) {
        clock[PS_CLOCK_POSTED + plane] = posted_ns;
        guest->posted[PS_CLOCK_POSTED + plane] = (uint16_t)row;
    }
    if (ps_vina_posted(&before, out, event, plane)) {
        clock[PS_CLOCK_POSTED + now] = guest->now_ns;
        guest->posted[PS_CLOCK_POSTED + now] = (uint16_t)ps_plane_row(engine, now);
    }
    if (out.flags & PS_FLAG_INJECTED)
        ps_row_inject(engine, guest->posted[PS_CLOCK_POSTED + now],
                      (uint64_t)(guest->now_ns - clock[PS_CLOCK_POSTED + now]));
    ps_count_time(&engine->figures, &before, s, out, (uint64_t)guest->now_ns, clock);
    return out;
}

struct ps_done ps_vcpu_step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                   unsigned plane, int64_t posted_ns, uint32_t row)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    const uint8_t before = guest->status;
    const struct ps_outcome out = step_slowly(engine, vcpu, event, plane, posted_ns, row);
    const struct ps_done done = {(uint8_t)out.was, ps_edge_bits(out, before, guest->status),
                                 out.reason};
    if (engine->log.left && done.bits & PS_EDGE_LOGGED)
        ps_log(engine, vcpu, event, plane, out, before);
    return done;
}

void ps_vcpu_set_state(struct ps_engine *engine, uint32_t vcpu, const struct ps_state *s)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const struct ps_state wanted = *s; /* it may stand in the automaton, which may move */
    const int64_t now_ns = engine->guests[vcpu].now_ns;
    if ((uint32_t)clock[PS_CLOCK_ROW] != PS_NO_STATE)
        leave_automaton(engine, vcpu);
    ps_figures_end_time(&engine->ledger, &engine->states[vcpu], 1, now_ns);
    engine->states[vcpu] = wanted;
    ps_figures_begin_time(&engine->ledger, &wanted, 1, now_ns);
    const uint32_t row = ps_automaton_row(engine->automaton, &wanted);
    if (row == PS_NO_STATE)
        return;
    ps_figures_end_time(&engine->ledger, &wanted, 1, now_ns);
    ps_automaton_join(engine->automaton, row, (uint64_t)now_ns);
    clock[PS_CLOCK_ROW] = row;
}

/* ---- The log ---- */

void ps_log(struct ps_engine *engine, uint32_t vcpu, unsigned event, unsigned plane,
            struct ps_outcome out, uint8_t before)
{
    struct ps_outcome_record *record = engine->log.next++;
    engine->log.left--;
    memset(record, 0, sizeof *record);
    record->record = -1; /* of no array of events */
    record->time_ns = engine->guests[vcpu].now_ns;
    record->vcpu = vcpu;
    record->kind = (uint8_t)event;
    record->plane = ps_takes_plane(&engine->policy, event) ? (uint8_t)plane : PS_NO_PLANE;
    record->was = out.was;
    record->now = out.now;
    record->reason = out.reason;
    record->fault = out.fault;
    record->flags = out.flags;
    record->status = before;
    engine->log.costs = out.flags & PS_FLAG_SWITCHED || ps_exits(out) ? record : NULL;
}

void ps_log_took(struct ps_engine *engine, int64_t took_ns)
{
    engine->log.costs->took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
    engine->log.costs = NULL;
}

void ps_engine_log(struct ps_engine *engine, struct ps_outcome_record *records, uint64_t n)
{
    engine->log.next = records;
    engine->log.costs = NULL;
    engine->log.left = n;
}

uint64_t ps_engine_log_left(const struct ps_engine *engine)
{
    return engine->log.left;
}
