/* The one transition of a vCPU. Section numbers are those of the rules.
 *
 * ps_step is a pure function of the policy and of the 32 bytes of a vCPU. It allocates nothing,
 * prints nothing and cannot fail: what a guest does wrong is an outcome, what the caller does wrong
 * is an assertion. Longer than 300 lines because it is one transition and inlines as one.
 */
#ifndef PLANESCHED_STEP_H
#define PLANESCHED_STEP_H

#include <stddef.h>
#include <string.h>

#include "pick.h"

/* What one event means before dispatch (4). Offsets are those of masks in ps_state, PS_UNUSED where
 * there is none. */
struct ps_effect {
    uint8_t set, clear, clear_too;
    uint8_t cause;
    uint16_t sets; /* all ones where a mask is set, else zero */
    uint8_t again; /* the flag if it is set already */
};

/* The padding stands in for "no mask": it is or-ed and and-ed with nothing. */
#define PS_UNUSED 30u
#define PS_ALL 0xffffu
#define PS_AGAIN PS_FLAG_COALESCED
#define PS_AT(mask) ((uint8_t)offsetof(struct ps_state, mask))

static const struct ps_effect ps_effects[PS_N_EVENTS] = {
    /* resched    */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, 0, 0},
    /* irq        */ {PS_AT(irq), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, PS_AGAIN},
    /* nmi        */ {PS_AT(nmi), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, PS_AGAIN},
    /* intercept  */ {PS_AT(trap), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, PS_AGAIN},
    /* mask       */ {PS_AT(masked), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, 0},
    /* unmask     */ {PS_UNUSED, PS_AT(masked), PS_UNUSED, PS_REASON_RESCHED, 0, 0},
    /* cli        */ {PS_AT(noint), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, 0},
    /* sti        */ {PS_UNUSED, PS_AT(noint), PS_UNUSED, PS_REASON_RESCHED, 0, 0},
    /* halt       */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_HALT, 0, 0},
    /* call       */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_CALL, 0, 0},
    /* return     */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_RETURN, 0, 0},
    /* start      */ {PS_AT(runnable), PS_AT(halted), PS_UNUSED, PS_REASON_START, PS_ALL, 0},
    /* stop       */ {PS_UNUSED, PS_AT(runnable), PS_UNUSED, PS_REASON_STOP, 0, 0},
    /* enable     */ {PS_AT(online), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, 0},
    /* disable    */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_STOP, 0, 0},
    /* lock       */ {PS_AT(locked), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, 0},
    /* force      */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_FORCE, 0, 0},
    /* hold       */ {PS_AT(held), PS_UNUSED, PS_UNUSED, PS_REASON_STOP, PS_ALL, 0},
    /* release    */ {PS_UNUSED, PS_AT(held), PS_UNUSED, PS_REASON_START, 0, 0},
    /* enter      */ {PS_UNUSED, PS_UNUSED, PS_UNUSED, PS_REASON_USER, 0, 0},
    /* vina_on    */ {PS_AT(vina), PS_UNUSED, PS_UNUSED, PS_REASON_RESCHED, PS_ALL, 0},
    /* vina_off   */ {PS_UNUSED, PS_AT(vina), PS_AT(vina_asserted), PS_REASON_RESCHED, 0, 0},
    /* vina_clear */ {PS_UNUSED, PS_AT(vina_asserted), PS_UNUSED, PS_REASON_RESCHED, 0, 0},
};

/* ---- One step under way ---- */

struct ps_stepping {
    unsigned event, plane;
    unsigned was;     /* current before the event */
    uint16_t gave_up; /* the plane that gave the vCPU up in this step, as a bit */
    uint8_t flags;
};

static inline unsigned ps_cause(const struct ps_stepping *step)
{
    return ps_effects[step->event].cause;
}

/* What a step answers, as one word: reason, fault and flags, a byte each. A struct of bytes that a
 * function returns, where it is not inlined, is written byte by byte and read as a whole. For that
 * the processor waits until the bytes have reached the cache: as long as half a step takes. */
static inline unsigned ps_answer(const struct ps_state *s, unsigned reason, unsigned fault,
                                 unsigned flags)
{
    flags |= (s->status & PS_STATUS_USER) * (PS_FLAG_USER / PS_STATUS_USER);
    flags |= (s->status & PS_STATUS_BLOCKED) * (PS_FLAG_BLOCKED / PS_STATUS_BLOCKED);
    return reason | fault << 8 | flags << 16;
}

static inline unsigned ps_exit(struct ps_state *s, const struct ps_stepping *step, unsigned reason)
{
    s->status = PS_STATUS_USER;
    return ps_answer(s, reason, PS_FAULT_NONE, step->flags);
}

/* Whether an interrupt for a less privileged plane is to be notified to `plane` (3.6). */
static inline uint16_t ps_notices(const struct ps_policy *policy, const struct ps_state *s,
                                  const struct ps_stepping *step, unsigned plane, int entered)
{
    uint16_t lower =
        (uint16_t)(s->online & ps_injectable(s) & ps_below(policy, s->locked, plane));
    if (policy->vina == PS_VINA_EDGE && !entered) {
        const unsigned fresh = PS_E(IRQ) | PS_E(UNMASK) | PS_E(STI);
        lower = ps_among(fresh, step->event) ? (uint16_t)(lower & ps_bit(step->plane))
                                             : (uint16_t)0;
    }
    return lower;
}

/* Arrival at a plane (3.6). `recheck`: what userspace asked for may take the vCPU out again. */
static inline unsigned ps_arrive(const struct ps_policy *policy, struct ps_state *s,
                                 const struct ps_stepping *step, unsigned plane, unsigned reason,
                                 int recheck)
{
    const uint16_t self = ps_bit(plane);
    const uint16_t trapped = (uint16_t)(s->trap & self);
    unsigned flags = step->flags;
    const unsigned entered =
        plane != step->was ? PS_FLAG_SWITCHED : step->gave_up & self ? PS_FLAG_BOUNCED : 0u;
    flags |= entered;
    reason = entered ? reason : (unsigned)PS_REASON_NONE;

    s->current = (int8_t)plane;
    s->status = 0;
    s->runnable = (uint16_t)(s->runnable | self);
    s->trap = (uint16_t)(s->trap & ~self);
    s->edge = (uint16_t)(s->edge & ~self);
    if (recheck && ps_requested(s, plane)) {
        s->status = PS_STATUS_USER;
        return ps_answer(s, PS_REASON_INTERRUPT, PS_FAULT_NONE, flags);
    }
    if (policy->vina_auto_reset && entered)
        s->vina_asserted = (uint16_t)(s->vina_asserted & ~self);
    if (s->vina & self && !(s->vina_asserted & self) && policy->vina != PS_VINA_OFF &&
        ps_notices(policy, s, step, plane, entered != 0)) {
        s->vina_asserted = (uint16_t)(s->vina_asserted | self);
        s->irq = (uint16_t)(s->irq | self);
        flags |= PS_FLAG_VINA;
    }
    const unsigned irq = ps_injectable(s) & self;
    const unsigned nmi = s->nmi & self;
    if (s->halted & self && !(irq | nmi | trapped) && reason != PS_REASON_RELAY) {
        s->status = PS_STATUS_BLOCKED;
        return ps_answer(s, reason, PS_FAULT_NONE, flags);
    }
    s->halted = (uint16_t)(s->halted & ~self);
    s->irq = (uint16_t)(s->irq & ~irq);
    s->nmi = (uint16_t)(s->nmi & ~nmi);
    flags |= (irq >> plane) * PS_FLAG_INJECTED | (nmi >> plane) * PS_FLAG_NMI;
    return ps_answer(s, reason, PS_FAULT_NONE, flags);
}

/* Nothing can run (3.4.5): leave for userspace or block. The marker's turn is the caller's. */
static inline unsigned ps_run_dry(const struct ps_policy *policy, struct ps_state *s,
                                  const struct ps_stepping *step)
{
    if (policy->empty == PS_EMPTY_USER)
        return ps_exit(s, step, ps_cause(step));
    s->status = PS_STATUS_BLOCKED;
    return ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, step->flags);
}

/* Dispatch (3.4). */
static inline unsigned ps_dispatch(const struct ps_policy *policy, struct ps_state *s,
                                   const struct ps_stepping *step)
{
    const int by_user = policy->scheduler == PS_SCHEDULER_USER;
    const int interrupts_exit = by_user && !ps_among(policy->accelerated, PS_REASON_INTERRUPT);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->rearm)
        s->edge = (uint16_t)(s->edge | (step->gave_up & s->irq));

    const int was_blocked = s->status == PS_STATUS_BLOCKED; /* until it arrives somewhere */
    const struct ps_choice pick = ps_pick(policy, s, was_blocked, interrupts_exit);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->gate == PS_GATE_PRIORITY && !pick.own) {
        const uint16_t above = ps_above(policy, s->locked, pick.view);
        s->edge = (uint16_t)(s->edge & ~(above & s->irq & s->masked)); /* one attempt a posting */
    }

    unsigned plane = pick.plane;
    unsigned reason = ps_cause(step);
    if (plane == PS_NO_PLANE) {
        plane = ps_last_resort(policy, s);
        if (plane == PS_NO_PLANE)
            return ps_run_dry(policy, s, step);
        s->runnable = (uint16_t)(s->runnable | ps_bit(plane));
    } else if (!ps_has(pick.base, plane)) {
        if (policy->preempt == PS_PREEMPT_RELAY && !ps_has(ps_counts(policy, s), plane))
            reason = PS_REASON_RELAY;
        else
            reason = ps_has(s->trap, plane) ? PS_REASON_INTERCEPT : PS_REASON_INTERRUPT;
    }

    int recheck = 0;
    if (by_user) {
        if (plane != step->was) {
            if (!ps_among(policy->accelerated, reason))
                return ps_exit(s, step, reason);
            s->req_exit = ps_requests(policy, s, plane);
            recheck = interrupts_exit;
        } else if (interrupts_exit && ps_requested(s, plane) &&
                   !(policy->wake == PS_WAKE_OWN && was_blocked)) {
            return ps_exit(s, step, PS_REASON_INTERRUPT);
        }
    }
    return ps_arrive(policy, s, step, plane, reason, recheck);
}

/* ---- Events that are more than setting and clearing a bit (4) ---- */

static inline void ps_run_mark(struct ps_state *s, uint16_t planes)
{
    s->runnable = (uint16_t)(s->runnable | planes);
    s->halted = (uint16_t)(s->halted & ~planes);
}

/* Current leaves runnable by its own event, and so gives the vCPU up. */
static inline void ps_give_up(struct ps_state *s, struct ps_stepping *step)
{
    step->gave_up = (uint16_t)(s->runnable & ps_bit(step->was));
    s->runnable = (uint16_t)(s->runnable & ~ps_bit(step->was));
}

static inline unsigned ps_halt(const struct ps_policy *policy, struct ps_state *s,
                               struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->was);
    const int leaves = policy->idle == PS_IDLE_LEAVE && self != policy->marker_bit;
    if (leaves && !(s->online & policy->marker_bit))
        return PS_FAULT_OFFLINE;
    s->halted = (uint16_t)(s->halted | self);
    if (leaves) {
        ps_give_up(s, step);
        ps_run_mark(s, policy->marker_bit);
    }
    return PS_FAULT_NONE;
}

static inline unsigned ps_call(const struct ps_policy *policy, struct ps_state *s,
                               struct ps_stepping *step)
{
    if (policy->call == PS_CALL_NEXT) {
        const uint16_t above = ps_requests(policy, s, step->was);
        if (!above)
            return PS_FAULT_UD;
        ps_run_mark(s, ps_bit(ps_last(policy, s->locked, above)));
        return PS_FAULT_NONE;
    }
    if (policy->call == PS_CALL_DESCEND && step->was != policy->marker)
        return PS_FAULT_PERM;
    if (step->plane == step->was)
        return PS_FAULT_INVAL;
    if (policy->refuse_pending && ps_has(ps_deliverable(s), step->was))
        return PS_FAULT_PENDING;
    ps_give_up(s, step);
    ps_run_mark(s, ps_bit(step->plane));
    return PS_FAULT_NONE;
}

static inline unsigned ps_return(const struct ps_policy *policy, struct ps_state *s,
                                 struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->was);
    if (policy->ret == PS_RET_MARKER) {
        if (self == policy->marker_bit)
            return PS_FAULT_UD;
        if (!(s->online & policy->marker_bit))
            return PS_FAULT_OFFLINE;
        ps_give_up(s, step);
        ps_run_mark(s, policy->marker_bit);
        return PS_FAULT_NONE;
    }
    const uint16_t below = (uint16_t)(s->online & ps_below(policy, s->locked, step->was));
    if (!below)
        return PS_FAULT_UD;
    if (policy->ret == PS_RET_RESUME && !(s->runnable & s->online & ~s->held & ~self))
        return PS_FAULT_UD;
    ps_give_up(s, step);
    if (policy->ret == PS_RET_NEXT_ONLINE)
        s->runnable = (uint16_t)(s->runnable | ps_bit(ps_first(policy, s->locked, below)));
    if (policy->preempt == PS_PREEMPT_RELAY && self == policy->marker_bit) {
        const uint16_t waiting = (uint16_t)(below & ~s->held & ps_deliverable(s));
        if (waiting)
            s->runnable = (uint16_t)(s->runnable | ps_bit(ps_first(policy, s->locked, waiting)));
    }
    return PS_FAULT_NONE;
}

static inline unsigned ps_disable(struct ps_state *s, uint16_t self)
{
    if (s->online == self)
        return PS_FAULT_INVAL;
    const uint16_t others = (uint16_t)~self;
    s->online &= others;
    s->runnable &= others;
    s->halted &= others;
    s->irq &= others;
    s->masked &= others;
    s->noint &= others;
    s->nmi &= others;
    s->trap &= others;
    s->held &= others;
    s->edge &= others;
    s->locked &= others;
    s->vina &= others;
    s->vina_asserted &= others;
    return PS_FAULT_NONE;
}

static inline unsigned ps_force(const struct ps_policy *policy, struct ps_state *s,
                                struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->plane);
    if (policy->force == PS_FORCE_NONE ||
        (policy->force == PS_FORCE_MARKER && self != policy->marker_bit))
        return PS_FAULT_PERM;
    if (step->plane == step->was) {
        step->event = PS_EVENT_RESCHED; /* nothing but a dispatch */
        return policy->force_self == PS_FORCE_SELF_IGNORE ? PS_FAULT_NONE : PS_FAULT_INVAL;
    }
    s->runnable = (uint16_t)(s->runnable & ~ps_above(policy, s->locked, step->plane));
    ps_run_mark(s, self);
    return PS_FAULT_NONE;
}

static inline unsigned ps_by_rule(const struct ps_policy *policy, struct ps_state *s,
                                  struct ps_stepping *step)
{
    switch (step->event) {
    case PS_EVENT_HALT:
        return ps_halt(policy, s, step);
    case PS_EVENT_CALL:
        return ps_call(policy, s, step);
    case PS_EVENT_RETURN:
        return ps_return(policy, s, step);
    case PS_EVENT_STOP: /* its bit goes with the plain effects */
        step->gave_up = (uint16_t)(s->runnable & ps_bit(step->plane) & ps_bit(step->was));
        return PS_FAULT_NONE;
    case PS_EVENT_ENABLE:
        return ps_has(s->online, step->plane) ? PS_FAULT_EXISTS : PS_FAULT_NONE;
    case PS_EVENT_DISABLE:
        return ps_disable(s, ps_bit(step->plane));
    case PS_EVENT_FORCE:
        return ps_force(policy, s, step);
    default: /* enter */
        if (!(s->status & PS_STATUS_USER))
            return PS_FAULT_INVAL;
        return ps_has(s->held, step->plane) ? PS_FAULT_BUSY : PS_FAULT_NONE;
    }
}

/* Faults that are looked for before those of the event itself (4). */
static inline unsigned ps_refused(const struct ps_policy *policy, const struct ps_state *s,
                                  unsigned event, unsigned plane)
{
    if (s->status && ps_among(PS_GUEST_EVENTS, event))
        return s->status & PS_STATUS_USER ? PS_FAULT_USER : PS_FAULT_BLOCKED;
    if (!ps_has(s->online, plane) && event != PS_EVENT_ENABLE && ps_takes_plane(policy, event))
        return PS_FAULT_OFFLINE;
    return PS_FAULT_NONE;
}

static inline uint16_t ps_mask_at(const struct ps_state *s, unsigned offset)
{
    uint16_t mask;
    memcpy(&mask, (const char *)s + offset, sizeof mask);
    return mask;
}

static inline void ps_mask_put(struct ps_state *s, unsigned offset, uint16_t mask)
{
    memcpy((char *)s + offset, &mask, sizeof mask);
}

/* Set and clear the bits that the table names; flag what was pending already. */
static inline void ps_plain_effects(const struct ps_policy *policy, struct ps_state *s,
                                    struct ps_stepping *step)
{
    const struct ps_effect effect = ps_effects[step->event];
    const uint16_t self = ps_bit(step->plane);
    const uint16_t before = ps_mask_at(s, effect.set);
    step->flags = before & self ? effect.again : 0;
    ps_mask_put(s, effect.set, (uint16_t)(before | (self & effect.sets)));
    ps_mask_put(s, effect.clear, (uint16_t)(ps_mask_at(s, effect.clear) & ~self));
    ps_mask_put(s, effect.clear_too, (uint16_t)(ps_mask_at(s, effect.clear_too) & ~self));
    if (policy->trigger == PS_TRIGGER_EDGE && step->event == PS_EVENT_IRQ)
        s->edge = (uint16_t)(s->edge | self);
}

/* ---- The transition (5) ---- */

static inline unsigned ps_respond(const struct ps_policy *policy, struct ps_state *s,
                                  unsigned event, unsigned plane)
{
    struct ps_stepping step = {event, plane, (unsigned)s->current, 0, 0};

    unsigned fault = ps_refused(policy, s, event, plane);
    if (!fault && ps_among(PS_BY_RULE, event))
        fault = ps_by_rule(policy, s, &step);
    if (fault)
        return ps_answer(s, PS_REASON_NONE, fault, 0);
    ps_plain_effects(policy, s, &step);

    if (!(s->status & PS_STATUS_USER))
        return ps_dispatch(policy, s, &step);
    if (event != PS_EVENT_ENTER)
        return ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, step.flags);
    return ps_arrive(policy, s, &step, plane, PS_REASON_USER,
                     policy->scheduler == PS_SCHEDULER_USER);
}

/* One event on one vCPU. `plane` is looked at where the event takes one; it is below
 * PS_MAX_PLANES in any case. */
static inline struct ps_outcome ps_step(const struct ps_policy *policy, struct ps_state *s,
                                        unsigned event, unsigned plane)
{
    assert(event < PS_N_EVENTS && plane < PS_MAX_PLANES);
    assert(s->current >= 0 && s->current < PS_MAX_PLANES);
    assert(s->status != (PS_STATUS_USER | PS_STATUS_BLOCKED));
    const int8_t was = s->current;
    const unsigned answer = ps_respond(policy, s, event, plane);
    const struct ps_outcome out = {
        was, s->current, (uint8_t)answer, (uint8_t)(answer >> 8), (uint8_t)(answer >> 16), 0, 0, 0,
    };
    return out;
}

#endif
