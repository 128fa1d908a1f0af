/* The one transition of a vCPU. Section numbers are those of the rules.
 *
 * ps_step is a pure function of the policy and of the 32 bytes of a vCPU. It allocates nothing,
 * prints nothing and cannot fail: what a guest does wrong is an outcome, what the caller does wrong
 * is an assertion. Longer than 300 lines because it is one transition and inlines as one.
 * ps_step_by is the same with an algorithm of one's own for the pick; where its `algorithm` is a
 * constant NULL, as in ps_step, nothing of that is left.
 */
#ifndef PLANESCHED_STEP_H
#define PLANESCHED_STEP_H

#include "algorithm.h"

/* What one event means before dispatch (4). Offsets are those of masks in ps_state. */
struct ps_effect {
    uint8_t set, clear, clear_too;
    uint8_t cause;
    int8_t sets, clears; /* minus one where a mask is set, or masks are cleared, else zero */
    uint8_t again;       /* the flag if it is set already */
    uint8_t unused;
};

/* Where nothing is set or cleared, a mask that the kernel's scheduling never reads is or-ed and
 * and-ed with nothing. */
#define PS_UNUSED PS_AT(req_exit)
#define PS_AGAIN PS_FLAG_COALESCED
#define PS_AT(mask) ((uint8_t)offsetof(struct ps_state, mask))
#define PS_SETS(mask, cause, again) {PS_AT(mask), PS_UNUSED, PS_UNUSED, cause, -1, 0, again, 0}
#define PS_CLEARS(mask, too, cause) {PS_UNUSED, PS_AT(mask), PS_AT(too), cause, 0, -1, 0, 0}
#define PS_LEAVES(cause) {PS_UNUSED, PS_UNUSED, PS_UNUSED, cause, 0, 0, 0, 0}

static const struct ps_effect ps_effects[PS_N_EVENTS] = {
    /* resched    */ PS_LEAVES(PS_REASON_RESCHED),
    /* irq        */ PS_SETS(irq, PS_REASON_RESCHED, PS_AGAIN),
    /* nmi        */ PS_SETS(nmi, PS_REASON_RESCHED, PS_AGAIN),
    /* intercept  */ PS_SETS(trap, PS_REASON_RESCHED, PS_AGAIN),
    /* mask       */ PS_SETS(masked, PS_REASON_RESCHED, 0),
    /* unmask     */ PS_CLEARS(masked, masked, PS_REASON_RESCHED),
    /* cli        */ PS_SETS(noint, PS_REASON_RESCHED, 0),
    /* sti        */ PS_CLEARS(noint, noint, PS_REASON_RESCHED),
    /* halt       */ PS_LEAVES(PS_REASON_HALT),
    /* call       */ PS_LEAVES(PS_REASON_CALL),
    /* return     */ PS_LEAVES(PS_REASON_RETURN),
    /* start      */
    {PS_AT(runnable), PS_AT(halted), PS_AT(unstarted), PS_REASON_START, -1, -1, 0, 0},
    /* stop       */ PS_CLEARS(runnable, runnable, PS_REASON_STOP),
    /* enable     */ PS_SETS(online, PS_REASON_RESCHED, 0),
    /* disable    */ PS_LEAVES(PS_REASON_STOP),
    /* lock       */ PS_SETS(locked, PS_REASON_RESCHED, 0),
    /* force      */ PS_LEAVES(PS_REASON_FORCE),
    /* hold       */ PS_SETS(held, PS_REASON_STOP, 0),
    /* release    */ PS_CLEARS(held, held, PS_REASON_START),
    /* enter      */ PS_LEAVES(PS_REASON_USER),
    /* vina_on    */ PS_SETS(vina, PS_REASON_RESCHED, 0),
    /* vina_off   */ PS_CLEARS(vina, vina_asserted, PS_REASON_RESCHED),
    /* vina_clear */ PS_CLEARS(vina_asserted, vina_asserted, PS_REASON_RESCHED),
    /* init       */ PS_SETS(unstarted, PS_REASON_STOP, 0),
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
    const unsigned ready = (s->nmi & ~(unsigned)s->unstarted) | ps_injectable(s);
    uint16_t lower = (uint16_t)(s->online & ready & ps_below(policy, s->locked, plane));
    if (policy->vina == PS_VINA_EDGE && !entered) {
        const unsigned fresh = PS_E(IRQ) | PS_E(NMI) | PS_E(UNMASK) | PS_E(STI);
        lower = ps_among(fresh, step->event) ? (uint16_t)(lower & ps_bit(step->plane))
                                             : (uint16_t)0;
    }
    return lower;
}

/* What a switch to a plane or its bounce does beside that; the re-check comes in between (3.6). */
PS_SELDOM void ps_on_entry(const struct ps_policy *policy, struct ps_state *s, unsigned plane,
                               unsigned entered, int recheck)
{
    const uint16_t self = ps_bit(plane);
    if (entered == PS_FLAG_SWITCHED && policy->on_entry & PS_ON_ENTRY_STOP)
        s->runnable = self;
    if (entered == PS_FLAG_SWITCHED && policy->on_entry & PS_ON_ENTRY_UNHALT)
        s->halted = 0;
    if (policy->on_entry & PS_ON_ENTRY_RESET && !(recheck && ps_requested(policy, s, plane)))
        s->vina_asserted = (uint16_t)(s->vina_asserted & ~self);
}

/* Whether a plane that is halted or was never started goes on (3.6). */
PS_SELDOM int ps_comes_alive(const struct ps_policy *policy, const struct ps_state *s,
                                 uint16_t self, uint16_t trapped, unsigned reason)
{
    if (s->unstarted & self)
        return 0;
    return (ps_wakes(policy, s) & self) || trapped || reason == PS_REASON_RELAY;
}

/* Arrival at a plane (3.6). `recheck`: what userspace asked for may take the vCPU out again. */
static inline unsigned ps_arrive(const struct ps_policy *policy, struct ps_state *s,
                                 const struct ps_stepping *step, unsigned plane, unsigned reason,
                                 int recheck)
{
    const uint16_t self = ps_bit(plane);
    unsigned flags = step->flags;
    const unsigned entered =
        plane != step->was ? PS_FLAG_SWITCHED : step->gave_up & self ? PS_FLAG_BOUNCED : 0u;
    flags |= entered;
    reason = entered ? reason : (unsigned)PS_REASON_NONE;

    s->current = (int8_t)plane;
    s->status = 0;
    s->runnable = (uint16_t)(s->runnable | self);
    if (policy->on_entry && entered)
        ps_on_entry(policy, s, plane, entered, recheck);
    if (recheck && ps_requested(policy, s, plane)) { /* it has not run: its trap and edge stay */
        s->status = PS_STATUS_USER;
        return ps_answer(s, PS_REASON_INTERRUPT, PS_FAULT_NONE, flags);
    }
    const uint16_t taker = (uint16_t)(self & ~s->unstarted); /* what is not started takes nothing */
    const uint16_t trapped = (uint16_t)(s->trap & taker);
    s->trap = (uint16_t)(s->trap & ~taker);
    s->edge = (uint16_t)(s->edge & ~taker);
    if (s->vina & self && !(s->vina_asserted & self) && policy->vina != PS_VINA_OFF &&
        ps_notices(policy, s, step, plane, entered != 0)) {
        s->vina_asserted = (uint16_t)(s->vina_asserted | self);
        s->irq = (uint16_t)(s->irq | self);
        flags |= PS_FLAG_VINA;
    }
    if ((s->halted | s->unstarted) & self) {
        if (!ps_comes_alive(policy, s, self, trapped, reason)) {
            s->status = PS_STATUS_BLOCKED;
            return ps_answer(s, reason, PS_FAULT_NONE, flags);
        }
        s->halted = (uint16_t)(s->halted & ~self);
    }
    const unsigned irq = s->irq & ~(unsigned)s->masked & ~(unsigned)s->noint & self;
    const unsigned nmi = s->nmi & self;
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

/* What a step answers, before ps_answer, where an algorithm gave no plane that it was offered. */
#define PS_UNANSWERED (PS_NO_ANSWER << 8)

/* Why a plane comes that an event brings in: its intercept, its interrupt, or others' (3.3). */
static inline unsigned ps_brought_by(const struct ps_policy *policy, const struct ps_state *s,
                                     const struct ps_choice *pick, unsigned plane)
{
    if (policy->preempt == PS_PREEMPT_RELAY && !ps_has(ps_counts(policy, s, pick->dead), plane))
        return PS_REASON_RELAY;
    return ps_has(s->trap, plane) ? PS_REASON_INTERCEPT : PS_REASON_INTERRUPT;
}

/* Dispatch (3.4). `event`: as it happened; forcing the plane that runs has made another of it. */
static inline unsigned ps_dispatch(const struct ps_policy *policy,
                                   const struct ps_algorithm *algorithm, struct ps_state *s,
                                   const struct ps_stepping *step, unsigned event)
{
    const int by_user = policy->scheduler == PS_SCHEDULER_USER;
    const int interrupts_exit = by_user && !ps_among(policy->accelerated, PS_REASON_INTERRUPT);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->rearm)
        s->edge = (uint16_t)(s->edge | (step->gave_up & s->irq));

    /* It is blocked until it arrives somewhere. */
    const int taking = s->status == PS_STATUS_BLOCKED && ps_among(PS_TAKING, step->event);
    const struct ps_choice pick = ps_pick(policy, s, interrupts_exit, taking);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->gate == PS_GATE_PRIORITY && !pick.unseen) {
        const uint16_t above = ps_above(policy, s->locked, pick.view);
        s->edge = (uint16_t)(s->edge & ~(above & s->irq & s->masked)); /* one attempt a posting */
    }

    const uint16_t candidates = (uint16_t)(pick.base | pick.pre);
    unsigned plane = PS_NO_PLANE, reason = ps_cause(step);
    if (!candidates) {
        plane = ps_last_resort(policy, s);
        if (plane == PS_NO_PLANE)
            return ps_run_dry(policy, s, step);
        s->runnable = (uint16_t)(s->runnable | ps_bit(plane));
    } else {
        plane = algorithm ? ps_algorithm_ask(algorithm, policy, s, &pick, event)
                          : ps_first(policy, s->locked, candidates);
        if (algorithm && plane == PS_NO_PLANE)
            return PS_UNANSWERED;
        if (!ps_has(pick.base, plane))
            reason = ps_brought_by(policy, s, &pick, plane);
    }

    int recheck = 0;
    if (by_user) {
        if (plane != step->was) {
            if (!ps_among(policy->accelerated, reason))
                return ps_exit(s, step, reason);
            s->req_exit = ps_requests(policy, s, plane);
            recheck = interrupts_exit;
        } else if (interrupts_exit && !pick.unseen && ps_requested(policy, s, plane)) {
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
        const uint16_t above = ps_outranking(policy, s, step->was);
        if (!above)
            return PS_FAULT_UD;
        ps_run_mark(s, ps_bit(ps_last(policy, s->locked, above)));
        return PS_FAULT_NONE;
    }
    if (policy->call == PS_CALL_DESCEND && step->was != policy->marker)
        return PS_FAULT_PERM;
    const int itself = step->plane == step->was;
    if (itself && policy->call_self == PS_CALL_SELF_FAULT)
        return PS_FAULT_INVAL;
    if (policy->refuse_pending && ps_has(ps_deliverable(policy, s), step->was))
        return PS_FAULT_PENDING;
    ps_give_up(s, step);
    if (!itself)
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
        const uint16_t waiting = (uint16_t)(below & ~s->held & ps_deliverable(policy, s));
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
    s->unstarted &= others;
    return PS_FAULT_NONE;
}

/* What a plane loses by `init`, which leaves it to wait for its start. */
static inline void ps_init(struct ps_state *s, uint16_t self)
{
    const uint16_t others = (uint16_t)~self;
    s->halted &= others;
    s->irq &= others;
    s->masked &= others;
    s->noint &= others;
    s->nmi &= others;
    s->trap &= others;
    s->edge &= others;
    s->vina_asserted &= others;
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
    case PS_EVENT_VINA_ON:
        return ps_below(policy, s->locked, step->plane) & s->online ? PS_FAULT_NONE
                                                                    : PS_FAULT_INVAL;
    case PS_EVENT_INIT:
        ps_init(s, ps_bit(step->plane));
        return PS_FAULT_NONE;
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
    PS_MEMCPY(&mask, (const char *)s + offset, sizeof mask);
    return mask;
}

static inline void ps_mask_put(struct ps_state *s, unsigned offset, uint16_t mask)
{
    PS_MEMCPY((char *)s + offset, &mask, sizeof mask);
}

/* Set and clear the bits that the table names; flag what was pending already. */
static inline void ps_plain_effects(const struct ps_policy *policy, struct ps_state *s,
                                    struct ps_stepping *step)
{
    const struct ps_effect effect = ps_effects[step->event];
    const uint16_t self = ps_bit(step->plane);
    const uint16_t before = ps_mask_at(s, effect.set);
    step->flags = before & self ? effect.again : 0;
    const unsigned cleared = self & (unsigned)effect.clears;
    ps_mask_put(s, effect.set, (uint16_t)(before | (self & (unsigned)effect.sets)));
    ps_mask_put(s, effect.clear, (uint16_t)(ps_mask_at(s, effect.clear) & ~cleared));
    ps_mask_put(s, effect.clear_too, (uint16_t)(ps_mask_at(s, effect.clear_too) & ~cleared));
    if (policy->trigger == PS_TRIGGER_EDGE && step->event == PS_EVENT_IRQ)
        s->edge = (uint16_t)(s->edge | self);
}

/* ---- The transition (5) ---- */

static inline unsigned ps_respond(const struct ps_policy *policy,
                                  const struct ps_algorithm *algorithm, struct ps_state *s,
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
        return ps_dispatch(policy, algorithm, s, &step, event);
    if (event != PS_EVENT_ENTER)
        return ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, step.flags);
    return ps_arrive(policy, s, &step, plane, PS_REASON_USER,
                     policy->scheduler == PS_SCHEDULER_USER);
}

/* One event on one vCPU, with an algorithm of one's own for the pick (3.7); its `memory` is this
 * vCPU's. NULL: the first plane by rank. Where the answer is wrong, the outcome's fault is
 * PS_NO_ANSWER: the event has had its effect, and no plane was picked. */
static inline struct ps_outcome ps_step_by(const struct ps_policy *policy,
                                           const struct ps_algorithm *algorithm,
                                           struct ps_state *s, unsigned event, unsigned plane)
{
    PS_ASSERT(event < PS_N_EVENTS);
    PS_ASSERT(plane < PS_MAX_PLANES && "0 for an event that takes none");
    PS_ASSERT(s->current >= 0 && s->current < PS_MAX_PLANES);
    PS_ASSERT(s->status != (PS_STATUS_USER | PS_STATUS_BLOCKED));
    const int8_t was = s->current;
    const unsigned answer = ps_respond(policy, algorithm, s, event, plane);
    const struct ps_outcome out = {
        was, s->current, (uint8_t)answer, (uint8_t)(answer >> 8), (uint8_t)(answer >> 16), 0, 0, 0,
    };
    return out;
}

/* One event on one vCPU. `plane` is looked at where the event takes one; it is below
 * PS_MAX_PLANES in any case. */
static inline struct ps_outcome ps_step(const struct ps_policy *policy, struct ps_state *s,
                                        unsigned event, unsigned plane)
{
    return ps_step_by(policy, NULL, s, event, plane);
}

#endif
