/* Which plane of a vCPU comes next, as a pure choice (rules, 3.2 to 3.5). */
#ifndef PLANESCHED_PICK_H
#define PLANESCHED_PICK_H

#include "state.h"

/* ---- Events of a plane, for all planes at once (3.2); an unstarted one has none ---- */

static inline uint16_t ps_deliverable(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned nmi = (unsigned)s->nmi & policy->nmi_forces;
    return (uint16_t)((nmi | s->trap | (s->irq & ~s->masked)) & ~s->unstarted);
}

static inline uint16_t ps_injectable(const struct ps_state *s)
{
    return (uint16_t)(s->irq & ~s->masked & ~s->noint & ~s->unstarted);
}

static inline uint16_t ps_wakes(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned shut = ((unsigned)s->masked & policy->unhalt_masked) |
                          ((unsigned)s->noint & policy->unhalt_noint);
    return (uint16_t)((s->nmi | s->trap | (s->irq & ~shut)) & ~s->unstarted);
}

/* The planes that are left out where a halted plane lets others run (3.4.2). */
static inline uint16_t ps_dead(const struct ps_policy *policy, const struct ps_state *s)
{
    if (policy->idle != PS_IDLE_FALL_THROUGH)
        return 0;
    return (uint16_t)(s->unstarted | (s->halted & ~ps_wakes(policy, s)));
}

/* The planes with an event that counts for a forced entry (3.3). */
static inline uint16_t ps_counts(const struct ps_policy *policy, const struct ps_state *s,
                                 uint16_t dead)
{
    const unsigned irq = s->irq & ~((unsigned)s->masked & policy->gated);
    const unsigned nmi = (unsigned)s->nmi & policy->nmi_forces;
    const unsigned any = nmi | s->trap | (irq & ((unsigned)s->edge | policy->unarmed));
    return (uint16_t)(any & ~((unsigned)s->unstarted | dead));
}

/* The planes that an event brings in, seen from plane `view` (3.3). */
static inline uint16_t ps_preemptors(const struct ps_policy *policy, const struct ps_state *s,
                                     unsigned view, uint16_t dead)
{
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    const uint16_t found =
        (uint16_t)(able & ps_above(policy, s->locked, view) & ps_counts(policy, s, dead));
    if (policy->preempt == PS_PREEMPT_TARGET)
        return found;
    switch (policy->preempt) {
    case PS_PREEMPT_NEAREST:
        return found ? ps_bit(ps_last(policy, s->locked, found)) : (uint16_t)0;
    case PS_PREEMPT_MARKER:
        return (uint16_t)(found & policy->marker_bit);
    case PS_PREEMPT_RELAY: {
        /* It only passes the vCPU on, and may be dead to the world itself. */
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
    uint16_t dead;     /* planes that nothing wakes, where they do not count */
    unsigned view;     /* the plane from which events are seen */
    int unseen;        /* a blocked plane sleeps on, whatever others have (3.4.3) */
};

/* `closed`: no event brings a plane in, for userspace is asked. `taking`: the vCPU was blocked, and
 * this event only concerns what a plane may take. */
static inline struct ps_choice ps_pick(const struct ps_policy *policy, const struct ps_state *s,
                                       int closed, int taking)
{
    struct ps_choice pick;
    pick.dead = ps_dead(policy, s);
    pick.base = (uint16_t)(s->runnable & s->online & ~s->held & ~pick.dead);
    pick.view = (unsigned)s->current;
    if (!ps_has(pick.base, pick.view) && pick.base)
        pick.view = ps_first(policy, s->locked, pick.base);
    pick.unseen = policy->wake == PS_WAKE_OWN && taking &&
                  ps_has((uint16_t)(pick.base & ~ps_wakes(policy, s)), (unsigned)s->current);
    pick.pre = closed || pick.unseen ? (uint16_t)0
                                     : ps_preemptors(policy, s, pick.view, pick.dead);
    return pick;
}

/* The plane that runs when nothing can (3.4.5, empty = marker), or PS_NO_PLANE. */
static inline unsigned ps_last_resort(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned plane = policy->marker_bit ? policy->marker : policy->boot;
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    return policy->empty == PS_EMPTY_MARKER && ps_has(able, plane) ? plane : PS_NO_PLANE;
}

/* The online planes that outrank `plane`. */
static inline uint16_t ps_outranking(const struct ps_policy *policy, const struct ps_state *s,
                                     unsigned plane)
{
    return (uint16_t)(s->online & ps_above(policy, s->locked, plane));
}

/* Of these, those that the policy could bring in: of them userspace asks to be told (3.5). */
static inline uint16_t ps_requests(const struct ps_policy *policy, const struct ps_state *s,
                                   unsigned plane)
{
    return (uint16_t)(ps_outranking(policy, s, plane) & policy->brought);
}

/* Whether a plane that userspace asked for, other than `plane`, has an event (3.4.7, 3.5). */
PS_SELDOM int ps_requested(const struct ps_policy *policy, const struct ps_state *s,
                               unsigned plane)
{
    const uint16_t others = (uint16_t)(s->online & ~s->held & ~ps_bit(plane));
    return (others & s->req_exit & ps_counts(policy, s, ps_dead(policy, s))) != 0;
}

/* The default userspace scheduler (3.5): the plane to `enter`, or PS_NO_PLANE to wait. Before it
 * enters, userspace sets req_exit to ps_requests() of that plane. */
static inline unsigned ps_default_pick(const struct ps_policy *policy, const struct ps_state *s)
{
    const struct ps_choice pick = ps_pick(policy, s, 0, 0);
    const uint16_t candidates = (uint16_t)(pick.base | pick.pre);
    const unsigned first = candidates ? ps_first(policy, s->locked, candidates) : PS_NO_PLANE;
    return first != PS_NO_PLANE ? first : ps_last_resort(policy, s);
}

/* How a vCPU with these planes begins: the boot plane runs (2, 3.5). */
static inline struct ps_state ps_boot(const struct ps_policy *policy, uint16_t online)
{
    struct ps_state s = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    s.online = online;
    s.runnable = ps_bit(policy->boot);
    s.current = (int8_t)policy->boot;
    if (policy->scheduler == PS_SCHEDULER_USER)
        s.req_exit = ps_requests(policy, &s, policy->boot);
    return s;
}

#endif
