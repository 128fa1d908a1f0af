/* Which plane of a vCPU comes next, as a pure choice (rules, 3.2 to 3.5). */
#ifndef PLANESCHED_PICK_H
#define PLANESCHED_PICK_H

#include "state.h"

/* ---- Events of a plane, for all planes at once (3.2) ---- */

static inline uint16_t ps_deliverable(const struct ps_state *s)
{
    return (uint16_t)(s->nmi | s->trap | (s->irq & ~s->masked));
}

static inline uint16_t ps_injectable(const struct ps_state *s)
{
    return (uint16_t)(s->irq & ~s->masked & ~s->noint);
}

static inline uint16_t ps_wakes(const struct ps_state *s)
{
    return (uint16_t)(s->nmi | s->trap | ps_injectable(s));
}

/* The planes with an event that counts for a forced entry (3.3). */
static inline uint16_t ps_counts(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned irq = s->irq & ~((unsigned)s->masked & policy->gated);
    return (uint16_t)(s->nmi | s->trap | (irq & (s->edge | policy->unarmed)));
}

/* The planes that an event brings in, seen from plane `view` (3.3). */
static inline uint16_t ps_preemptors(const struct ps_policy *policy, const struct ps_state *s,
                                     unsigned view)
{
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    const uint16_t found =
        (uint16_t)(able & ps_above(policy, s->locked, view) & ps_counts(policy, s));
    if (policy->preempt == PS_PREEMPT_TARGET)
        return found;
    switch (policy->preempt) {
    case PS_PREEMPT_NEAREST:
        return found ? ps_bit(ps_last(policy, s->locked, found)) : (uint16_t)0;
    case PS_PREEMPT_MARKER:
        return (uint16_t)(found & policy->marker_bit);
    case PS_PREEMPT_RELAY: {
        const uint16_t relay = (uint16_t)(able & policy->marker_bit & ~ps_bit(view));
        return found && relay ? relay : found;
    }
    default:
        return 0;
    }
}

/* ---- Which plane (3.4, 2 to 5) ---- */

struct ps_choice {
    uint16_t base;     /* planes that can run of themselves */
    uint16_t pre;      /* planes that an event brings in */
    unsigned view;     /* the plane from which events are seen */
    unsigned plane;    /* what runs, or PS_NO_PLANE */
    int own;           /* wake = own: a blocked plane looks at nothing but itself (3.4.3) */
};

/* `unseen`: pending events of other planes are not looked at in this step. */
static inline struct ps_choice ps_pick(const struct ps_policy *policy, const struct ps_state *s,
                                     int was_blocked, int unseen)
{
    struct ps_choice pick;
    uint16_t dead = 0;
    if (policy->idle == PS_IDLE_FALL_THROUGH)
        dead = (uint16_t)(s->halted & ~ps_wakes(s));
    pick.base = (uint16_t)(s->runnable & s->online & ~s->held & ~dead);
    pick.view = (unsigned)s->current;
    if (!ps_has(pick.base, pick.view) && pick.base)
        pick.view = ps_first(policy, s->locked, pick.base);
    pick.pre = 0;
    pick.own = policy->wake == PS_WAKE_OWN && was_blocked &&
               ps_has(pick.base, (unsigned)s->current);
    if (!unseen && !pick.own) {
        pick.pre = ps_preemptors(policy, s, pick.view);
        /* A marker that comes in by relay only passes the vCPU on: it may be dead to the world. */
        if (policy->preempt == PS_PREEMPT_RELAY)
            dead = (uint16_t)(dead & (uint16_t)~(policy->marker_bit & ~ps_counts(policy, s)));
        pick.pre = (uint16_t)(pick.pre & ~dead);
    }
    const uint16_t candidates = (uint16_t)(pick.base | pick.pre);
    pick.plane = candidates ? ps_first(policy, s->locked, candidates) : PS_NO_PLANE;
    return pick;
}

/* The plane that runs when nothing can (3.4.5, empty = marker), or PS_NO_PLANE. */
static inline unsigned ps_last_resort(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned plane = policy->marker_bit ? policy->marker : policy->boot;
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    return policy->empty == PS_EMPTY_MARKER && ps_has(able, plane) ? plane : PS_NO_PLANE;
}

/* The online planes that outrank `plane`: what userspace asks to be told of (3.5). */
static inline uint16_t ps_requests(const struct ps_policy *policy, const struct ps_state *s,
                                   unsigned plane)
{
    return (uint16_t)(s->online & ps_above(policy, s->locked, plane));
}

/* Whether a plane that userspace asked for, other than `plane`, has an event (3.4.7, 3.5). */
static inline int ps_requested(const struct ps_state *s, unsigned plane)
{
    return (s->online & ~s->held & ~ps_bit(plane) & s->req_exit & ps_deliverable(s)) != 0;
}

/* The default userspace scheduler (3.5): the plane to `enter`, or PS_NO_PLANE to wait. Before it
 * enters, userspace sets req_exit to ps_requests() of that plane. */
static inline unsigned ps_default_pick(const struct ps_policy *policy, const struct ps_state *s)
{
    const struct ps_choice pick = ps_pick(policy, s, 0, 0);
    return pick.plane != PS_NO_PLANE ? pick.plane : ps_last_resort(policy, s);
}

/* How a vCPU with these planes begins: the boot plane runs (2, 3.5). */
static inline struct ps_state ps_boot(const struct ps_policy *policy, uint16_t online)
{
    struct ps_state s = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0, 0}};
    s.online = online;
    s.runnable = ps_bit(policy->boot);
    s.current = (int8_t)policy->boot;
    if (policy->scheduler == PS_SCHEDULER_USER)
        s.req_exit = ps_requests(policy, &s, policy->boot);
    return s;
}

#endif
