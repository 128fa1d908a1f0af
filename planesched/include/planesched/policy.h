/* What differs between systems (rules, section 2), and rank (3.1). Pure C11 and C++17. */
#ifndef PLANESCHED_POLICY_H
#define PLANESCHED_POLICY_H

#include "bitmap.h"

/* The values of each field, in the order of the rules; a zero is always the first value. */
enum ps_direction { PS_LOWEST_FIRST, PS_HIGHEST_FIRST };
enum ps_rank { PS_RANK_FIXED, PS_RANK_LOCKED, PS_RANK_SIBLINGS };
enum ps_preempt {
    PS_PREEMPT_TARGET,
    PS_PREEMPT_NEAREST,
    PS_PREEMPT_RELAY,
    PS_PREEMPT_MARKER,
    PS_PREEMPT_NONE
};
enum ps_gate { PS_GATE_PRIORITY, PS_GATE_OPEN };
enum ps_trigger { PS_TRIGGER_LEVEL, PS_TRIGGER_EDGE };
enum ps_call { PS_CALL_NEXT, PS_CALL_HANDOVER, PS_CALL_DESCEND };
enum ps_ret { PS_RET_RESUME, PS_RET_NEXT_ONLINE, PS_RET_MARKER };
enum ps_idle { PS_IDLE_KEEP, PS_IDLE_FALL_THROUGH, PS_IDLE_LEAVE };
enum ps_empty { PS_EMPTY_IDLE, PS_EMPTY_MARKER, PS_EMPTY_USER };
enum ps_wake { PS_WAKE_PREEMPTORS, PS_WAKE_OWN };
enum ps_force { PS_FORCE_NONE, PS_FORCE_MARKER, PS_FORCE_ANY };
enum ps_force_self { PS_FORCE_SELF_FAULT, PS_FORCE_SELF_IGNORE };
enum ps_vina { PS_VINA_OFF, PS_VINA_EDGE, PS_VINA_LEVEL };
enum ps_scheduler { PS_SCHEDULER_KERNEL, PS_SCHEDULER_USER };

/* Begin with ps_policy_default(), set fields, then call ps_policy_prepare() once. */
struct ps_policy {
    uint8_t direction, marker, rank, preempt, gate, trigger, rearm, call;
    uint8_t refuse_pending, ret, idle, empty, wake, force, force_self, vina;
    uint8_t vina_auto_reset, scheduler, boot, reserved;
    uint16_t accelerated; /* bit r: reason r */

    /* Worked out by ps_policy_prepare. */
    uint16_t marker_bit;               /* zero without a marker */
    uint16_t demotable;                /* planes whose privilege waits for the lock */
    uint16_t gated;                    /* all ones where the priority mask counts, else zero */
    uint16_t unarmed;                  /* all ones where no edge has to be armed, else zero */
    uint16_t above[PS_MAX_PLANES];     /* planes that outrank p, nobody demoted */
    uint16_t below[PS_MAX_PLANES];     /* planes that p outranks, nobody demoted */
};

static inline struct ps_policy ps_policy_default(void)
{
    struct ps_policy policy = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                               0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}};
    policy.marker = PS_NO_PLANE;
    policy.rearm = 1;
    return policy;
}

/* Whether every field holds one of its values and what needs a marker has one (rules, 2). */
static inline int ps_policy_valid(const struct ps_policy *policy)
{
    const int marked = policy->marker < PS_MAX_PLANES;
    const int needs_marker =
        policy->preempt == PS_PREEMPT_RELAY || policy->preempt == PS_PREEMPT_MARKER ||
        policy->rank == PS_RANK_SIBLINGS || policy->ret == PS_RET_MARKER ||
        policy->idle == PS_IDLE_LEAVE || policy->call == PS_CALL_DESCEND ||
        policy->force == PS_FORCE_MARKER;
    return policy->direction <= PS_HIGHEST_FIRST && policy->rank <= PS_RANK_SIBLINGS &&
           policy->preempt <= PS_PREEMPT_NONE && policy->gate <= PS_GATE_OPEN &&
           policy->trigger <= PS_TRIGGER_EDGE && policy->rearm <= 1 &&
           policy->call <= PS_CALL_DESCEND && policy->refuse_pending <= 1 &&
           policy->ret <= PS_RET_MARKER && policy->idle <= PS_IDLE_LEAVE &&
           policy->empty <= PS_EMPTY_USER && policy->wake <= PS_WAKE_OWN &&
           policy->force <= PS_FORCE_ANY && policy->force_self <= PS_FORCE_SELF_IGNORE &&
           policy->vina <= PS_VINA_LEVEL && policy->vina_auto_reset <= 1 &&
           policy->scheduler <= PS_SCHEDULER_USER && policy->boot < PS_MAX_PLANES &&
           (marked || policy->marker == PS_NO_PLANE) && (marked || !needs_marker);
}

/* Fill in the derived part. Returns 0, or -1 where the policy is not valid. */
static inline int ps_policy_prepare(struct ps_policy *policy)
{
    if (!ps_policy_valid(policy))
        return -1;
    const uint16_t marker = policy->marker == PS_NO_PLANE ? (uint16_t)0 : ps_bit(policy->marker);
    policy->marker_bit = marker;
    policy->demotable =
        policy->rank == PS_RANK_LOCKED ? (uint16_t)~(ps_bit(policy->boot) | marker) : (uint16_t)0;
    policy->gated = ps_when(policy->gate == PS_GATE_PRIORITY);
    policy->unarmed = ps_when(policy->trigger == PS_TRIGGER_LEVEL);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++) {
        const uint16_t self = ps_bit(plane);
        const uint16_t lower = (uint16_t)(self - 1u);
        const uint16_t higher = (uint16_t)~(lower | self);
        const uint16_t before = policy->direction == PS_LOWEST_FIRST ? lower : higher;
        uint16_t above = policy->rank == PS_RANK_SIBLINGS ? (uint16_t)0 : before;
        above = self == marker ? (uint16_t)0 : (uint16_t)(above | marker);
        policy->above[plane] = above;
        if (policy->rank == PS_RANK_SIBLINGS)
            policy->below[plane] = self == marker ? (uint16_t)~self : (uint16_t)0;
        else
            policy->below[plane] = (uint16_t)~(above | self);
    }
    return 0;
}

/* The planes that rank below all that are not among them (3.1, rank = locked). */
static inline uint16_t ps_demoted(const struct ps_policy *policy, uint16_t locked)
{
    return (uint16_t)(policy->demotable & ~locked);
}

static inline uint16_t ps_above(const struct ps_policy *policy, uint16_t locked, unsigned plane)
{
    const uint16_t above = policy->above[plane];
    if (!policy->demotable)
        return above;
    const uint16_t demoted = ps_demoted(policy, locked);
    return ps_has(demoted, plane) ? (uint16_t)(above | (uint16_t)~demoted)
                                  : (uint16_t)(above & ~demoted);
}

static inline uint16_t ps_below(const struct ps_policy *policy, uint16_t locked, unsigned plane)
{
    const uint16_t below = policy->below[plane];
    if (!policy->demotable)
        return below;
    const uint16_t demoted = ps_demoted(policy, locked);
    return ps_has(demoted, plane) ? (uint16_t)(below & demoted) : (uint16_t)(below | demoted);
}

/* All ones where a set is empty, else zero: what a comparison gives in a vector register. */
static inline uint16_t ps_when_empty(uint16_t planes)
{
    return (uint16_t)(0u - (unsigned)(planes == 0));
}

/* Of a set, the planes between which direction decides: the marker, or those that are not demoted,
 * or all (3.1). Without a branch, so that it can be done for many sets at once. */
static inline uint16_t ps_foremost(uint16_t planes, uint16_t demoted, uint16_t marker_bit)
{
    const uint16_t kept = (uint16_t)(planes & ~demoted);
    const uint16_t group = (uint16_t)(kept | (planes & ps_when_empty(kept)));
    const uint16_t marked = (uint16_t)(planes & marker_bit);
    return (uint16_t)(marked | (group & ps_when_empty(marked)));
}

/* The plane of a set, not empty, that no other in it comes before (3.1). */
static inline unsigned ps_first(const struct ps_policy *policy, uint16_t locked, uint16_t planes)
{
    if (policy->demotable | policy->marker_bit)
        planes = ps_foremost(planes, ps_demoted(policy, locked), policy->marker_bit);
    return policy->direction == PS_LOWEST_FIRST ? ps_lowest(planes) : ps_highest(planes);
}

/* The plane of a set, not empty, that comes after every other in it. */
static inline unsigned ps_last(const struct ps_policy *policy, uint16_t locked, uint16_t planes)
{
    const uint16_t unmarked = (uint16_t)(planes & ~policy->marker_bit);
    uint16_t group = unmarked ? unmarked : planes;
    const uint16_t demoted = (uint16_t)(group & ps_demoted(policy, locked));
    group = demoted ? demoted : group;
    return policy->direction == PS_LOWEST_FIRST ? ps_highest(group) : ps_lowest(group);
}

#endif
