/* An algorithm of one's own that picks among the planes that could run (rules, 3.7). */
#ifndef PLANESCHED_ALGORITHM_H
#define PLANESCHED_ALGORITHM_H

#include "pick.h"

/* Answers with the plane that runs: one of `base` (planes that can run of themselves) or of `pre`
 * (planes that an event brings in), which are not both empty. `state` is that of the vCPU after the
 * event's effect; `event` is what happened. It may change `memory`, and nothing else. */
typedef int (*ps_algorithm_fn)(void *memory, const struct ps_policy *policy,
                               const struct ps_state *state, uint32_t base, uint32_t pre,
                               uint32_t event);

/* An answer that is no plane of base or pre, and what had been asked. */
struct ps_wrong_answer {
    struct ps_state state;
    uint32_t base, pre, event;
    int32_t answer;
    int given; /* whether there was one */
};

/* It stands beside a policy. Without `pick`, the first plane by rank runs. A driver gives every
 * vCPU `size` bytes of its own that begin as those at `memory`; with none, all get `memory` itself.
 * `pure`: it answers by what it is asked alone, and so may be looked up and searched. */
struct ps_algorithm {
    ps_algorithm_fn pick;
    void *memory;
    size_t size;
    int pure;
    struct ps_wrong_answer *wrong; /* where a wrong answer is noted, or NULL */
};

/* In the fault of an outcome: the algorithm's answer was wrong. */
#define PS_NO_ANSWER 255u

/* The memory of one vCPU, where a driver has laid them out one behind another. */
static inline void *ps_memory_of(const struct ps_algorithm *algorithm, size_t vcpu)
{
    return algorithm->size ? (char *)algorithm->memory + vcpu * algorithm->size
                           : algorithm->memory;
}

/* Ask for the pick. Returns PS_NO_PLANE for a wrong answer, which is noted. */
static inline unsigned ps_algorithm_ask(const struct ps_algorithm *algorithm,
                                        const struct ps_policy *policy, const struct ps_state *s,
                                        const struct ps_choice *choice, unsigned event)
{
    const uint16_t planes = (uint16_t)(choice->base | choice->pre);
    const int answer =
        algorithm->pick(algorithm->memory, policy, s, choice->base, choice->pre, event);
    if (answer >= 0 && answer < PS_MAX_PLANES && ps_has(planes, (unsigned)answer))
        return (unsigned)answer;
    if (algorithm->wrong) {
        const struct ps_wrong_answer wrong = {*s, choice->base, choice->pre, event, answer, 1};
        *algorithm->wrong = wrong;
    }
    return PS_NO_PLANE;
}

/* `rank`: the first plane, as without an algorithm. */
static inline int ps_pick_rank(void *memory, const struct ps_policy *policy,
                               const struct ps_state *state, uint32_t base, uint32_t pre,
                               uint32_t event)
{
    (void)memory;
    (void)event;
    return (int)ps_first(policy, state->locked, (uint16_t)(base | pre));
}

/* `round_robin`: at the end of a slice, or when current cannot go on, the plane that follows it
 * cyclically by number among those that no other of them outranks; else current, unless the first
 * one outranks it. Only siblings take turns: else there is one that outranks all others. */
static inline int ps_pick_round_robin(void *memory, const struct ps_policy *policy,
                                      const struct ps_state *state, uint32_t base, uint32_t pre,
                                      uint32_t event)
{
    const uint16_t planes = (uint16_t)(base | pre);
    const unsigned current = (unsigned)state->current;
    (void)memory;
    if (policy->rank != PS_RANK_SIBLINGS || planes & policy->marker_bit)
        return (int)ps_first(policy, state->locked, planes);
    if (event != PS_EVENT_RESCHED && ps_has(planes, current))
        return (int)current;
    const uint16_t after = (uint16_t)(planes & ~((2u << current) - 1u));
    return (int)ps_lowest(after ? after : planes);
}

#endif
