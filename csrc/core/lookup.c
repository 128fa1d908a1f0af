#include "planesched/lookup.h"

#include "core/automaton.h"

/* The automaton by another name: who embeds it needs neither its layout nor its figures. */
struct ps_lookup {
    struct ps_automaton automaton;
};

struct ps_lookup *ps_lookup_create(const struct ps_policy *policy, unsigned n_planes,
                                   uint64_t bytes)
{
    const uint32_t all_events = (UINT32_C(1) << PS_N_EVENTS) - 1u;
    return (struct ps_lookup *)ps_automaton_create(policy, NULL, n_planes, all_events, bytes);
}

void ps_lookup_destroy(struct ps_lookup *lookup)
{
    ps_automaton_destroy((struct ps_automaton *)lookup);
}

uint32_t ps_lookup_states(const struct ps_lookup *lookup)
{
    return lookup->automaton.n_states;
}

/* A vCPU whose row is not known, or has no way on: what it comes to is looked for, while there is
 * room for more. */
static struct ps_outcome step_unknown(struct ps_automaton *automaton, struct ps_known_vcpu *vcpu,
                                            unsigned event, unsigned plane)
{
    const struct ps_outcome out = ps_step(&automaton->policy, &vcpu->state, event, plane);
    vcpu->row = automaton->n_states < automaton->most ? ps_automaton_row(automaton, &vcpu->state)
                                                      : PS_NO_ROW;
    return out;
}

struct ps_outcome ps_lookup_step(struct ps_lookup *lookup, struct ps_known_vcpu *vcpu,
                                 unsigned event, unsigned plane)
{
    struct ps_automaton *automaton = &lookup->automaton;
    assert(event < PS_N_EVENTS && plane < automaton->n_planes);
    const uint32_t row = vcpu->row;
    if (row == PS_NO_ROW)
        return step_unknown(automaton, vcpu, event, plane);
    const uint32_t at = ps_automaton_at(automaton, row, event, plane);
    if (automaton->edges[at].next == PS_NO_STATE &&
        ps_automaton_fill(automaton, row, event, plane) != 0)
        return step_unknown(automaton, vcpu, event, plane);
    assert(ps_automaton_agrees(automaton, row, event, plane));
    vcpu->row = automaton->edges[at].next;
    vcpu->state = *ps_automaton_state(automaton, vcpu->row);
    return automaton->outcomes[at];
}
