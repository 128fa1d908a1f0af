/* The next of many sources: a tree of losers for each vCPU. */
#include "engine/arrivals.h"

#include "engine/vcpu.h"

/* Sources stand by plane, so at equal times the first place is the right one. */
static inline int due_precedes(struct ps_due a, struct ps_due b)
{
    assert(a.at_ns >= 0 && b.at_ns >= 0);
    return (uint64_t)a.at_ns < (uint64_t)b.at_ns + (a.place < b.place);
}

/* Leave the later of the two in the node. Nobody can foresee who it is: no branch depends on it. */
static inline void due_play(struct ps_due *node, struct ps_due *due)
{
    const uint64_t swaps = UINT64_C(0) - (uint64_t)due_precedes(*node, *due);
    const uint64_t times = ((uint64_t)node->at_ns ^ (uint64_t)due->at_ns) & swaps;
    const uint32_t places = (node->place ^ due->place) & (uint32_t)swaps;
    node->at_ns = (int64_t)((uint64_t)node->at_ns ^ times);
    node->place ^= places;
    due->at_ns = (int64_t)((uint64_t)due->at_ns ^ times);
    due->place ^= places;
}

static int64_t due_next_ns(const struct ps_engine *engine, uint32_t vcpu, uint32_t place)
{
    return ps_streams(engine, vcpu)[engine->arriving[place]].next_ns;
}

struct ps_due ps_dues_first(const struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_due *dues = ps_dues(engine, vcpu);
    struct ps_due due = dues[0];
    const int64_t at_ns = due_next_ns(engine, vcpu, due.place);
    if (at_ns == due.at_ns)
        return due;
    due.at_ns = at_ns;
    for (uint32_t i = (engine->n_dues + due.place) / 2; i; i /= 2)
        due_play(&dues[i], &due);
    dues[0] = due;
    return due;
}

/* From the last place to the first: who comes to a node from the right waits there, who comes from
 * the left plays. */
void ps_dues_begin(const struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_due *dues = ps_dues(engine, vcpu);
    const struct ps_due nobody = {PS_NEVER_NS, PS_NIL};
    for (uint32_t i = 0; i < engine->n_dues; i++)
        dues[i] = nobody;
    for (uint32_t place = engine->n_dues ? engine->n_arriving : 0; place-- > 0;) {
        struct ps_due due = {due_next_ns(engine, vcpu, place), place};
        uint32_t i = engine->n_dues + place;
        for (; !(i & 1u); i /= 2)
            due_play(&dues[i / 2], &due);
        dues[i / 2] = due;
    }
}
