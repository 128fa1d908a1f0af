/* Steps that the automaton has no room for, and the way out of it and back. */
#include "engine/vcpu_step.h"

/* From now on the state stands in `states`, and spells of time are counted as figures.h does. */
void ps_vcpu_leave_automaton(struct ps_engine *engine, uint32_t vcpu)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    if (row == PS_NO_STATE)
        return;
    const uint64_t now_ns = (uint64_t)engine->guests[vcpu].now_ns;
    engine->states[vcpu] = *ps_automaton_state(engine->automaton, row);
    ps_automaton_leave(engine->automaton, row, now_ns);
    ps_figures_begin_time(&engine->ledger, &engine->states[vcpu], 1, (int64_t)now_ns);
    clock[PS_CLOCK_ROW] = PS_NO_STATE;
    engine->n_outside++;
}

void ps_vcpu_enter_automaton(struct ps_engine *engine, uint32_t vcpu)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const struct ps_state *s = &engine->states[vcpu];
    assert((uint32_t)clock[PS_CLOCK_ROW] == PS_NO_STATE);
    const uint32_t row = engine->looks_up ? ps_automaton_row(engine->automaton, s) : PS_NO_STATE;
    if (row == PS_NO_STATE)
        return;
    const int64_t now_ns = engine->guests[vcpu].now_ns;
    ps_figures_end_time(&engine->ledger, s, 1, now_ns);
    ps_automaton_join(engine->automaton, row, (uint64_t)now_ns);
    clock[PS_CLOCK_ROW] = row;
    engine->n_outside--;
}

struct ps_done ps_vcpu_give_in(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_done nothing = {engine->guests[vcpu].current, 0, 0};
    engine->wrong = 1;
    engine->guests[vcpu].stuck = 1;
    return nothing;
}

struct ps_done ps_vcpu_step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                   unsigned plane, int64_t posted_ns, uint32_t row)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    ps_vcpu_leave_automaton(engine, vcpu);
    struct ps_state *s = &engine->states[vcpu];
    const struct ps_before before = ps_look(s);
    const struct ps_algorithm algorithm = ps_vcpu_algorithm(engine, vcpu);
    struct ps_outcome out = {0, 0, 0, PS_NO_ANSWER, 0, 0, 0, 0};
    if (!engine->wrong)
        out = ps_step_with(&engine->policy, &algorithm, s, event, plane);
    if (out.fault == PS_NO_ANSWER)
        return ps_vcpu_give_in(engine, vcpu);
    const struct ps_mark mark = ps_count_step(&engine->figures, &before, s, out, event, plane,
                                              PS_MARK_ALL, posted_ns, (uint64_t)v.guest->now_ns,
                                              v.clock);
    struct ps_done done = ps_vcpu_follow(v, event, mark, row);
    done.reason = out.reason;
    if (engine->log.left && mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, vcpu, event, plane, out, before.status);
    ps_vcpu_enter_automaton(engine, vcpu); /* what is seldom soon leads back to what is not */
    return done;
}

void ps_vcpu_set_state(struct ps_engine *engine, uint32_t vcpu, const struct ps_state *s)
{
    const struct ps_state wanted = *s; /* it may stand in the automaton */
    const int64_t now_ns = engine->guests[vcpu].now_ns;
    ps_vcpu_leave_automaton(engine, vcpu);
    ps_figures_end_time(&engine->ledger, &engine->states[vcpu], 1, now_ns);
    engine->states[vcpu] = wanted;
    ps_figures_begin_time(&engine->ledger, &wanted, 1, now_ns);
    ps_vcpu_enter_automaton(engine, vcpu);
}
