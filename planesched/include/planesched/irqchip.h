/* Which interrupt a plane has: one local APIC a plane, before the step (rules, 8). Pure C11 and
 * C++17.
 *
 * The 32 bytes know that a plane has an interrupt; a ps_apic knows which, in 80 bytes. ps_chip_step
 * derives from it the bits irq and masked, which nobody else writes then, lets ps_step decide, and
 * does to the plane's registers what was decided. Of every vector: posted = injected + coalesced +
 * dropped + still in IRR; a message that waits for its slot posts when it has it.
 *
 * Longer than 300 lines because the registers, the acts on them and the step that they lead to are
 * one subject, and a header of its own for each would have to name the others' insides.
 */
#ifndef PLANESCHED_IRQCHIP_H
#define PLANESCHED_IRQCHIP_H

#include "step.h"

#define PS_N_VECTORS 256u
#define PS_FIRST_VECTOR 16u /* below it, a vector is a mistake of its sender */
#define PS_N_CLASSES 16u
#define PS_VINA_VECTOR 0xf3u /* unless the plane's register says otherwise */

/* ---- What the systems differ in ---- */

enum ps_mask_by { PS_MASK_BY_PPR, PS_MASK_BY_TPR };
enum ps_nmi_blocked { PS_NMI_BLOCKED_COUNTS, PS_NMI_BLOCKED_WAITS };
enum ps_rescan { PS_RESCAN_EOM, PS_RESCAN_EOI };
enum ps_disabled { PS_DISABLED_DELIVERS, PS_DISABLED_HOLDS };

#define PS_N_SLOTS 8u /* message slots of a plane at most: SINTs that carry messages */

/* How the controllers of a VM are set up: the same on each vCPU, so that it costs a plane no
 * memory. */
struct ps_chip_policy {
    uint8_t mask_by;     /* what a priority is compared with: PPR, or TPR (TLFS by the letter) */
    uint8_t nmi_blocked; /* whether an NMI behind one in progress forces an entry */
    uint8_t vina_vector[PS_MAX_PLANES];
    uint16_t auto_eoi[PS_MAX_PLANES][PS_N_CLASSES]; /* bit v & 15 of word v >> 4: no ISR bit */
    uint8_t messages[PS_MAX_PLANES][PS_N_SLOTS]; /* vectors that come with a message; 0: none */
    uint8_t has_messages; /* some plane has one */
    uint8_t rescan; /* what looks for messages that wait: EOM alone, or an EOI of theirs too */
    uint8_t disabled; /* whether one that software disabled delivers what is in its IRR */
};

static inline struct ps_chip_policy ps_chip_policy_default(void)
{
    struct ps_chip_policy chip;
    PS_MEMSET(&chip, 0, sizeof chip);
    PS_MEMSET(chip.vina_vector, (int)PS_VINA_VECTOR, sizeof chip.vina_vector);
    return chip;
}

static inline int ps_chip_policy_valid(const struct ps_chip_policy *chip)
{
    if (chip->mask_by > PS_MASK_BY_TPR || chip->nmi_blocked > PS_NMI_BLOCKED_WAITS)
        return 0;
    if (chip->rescan > PS_RESCAN_EOI || chip->disabled > PS_DISABLED_HOLDS)
        return 0;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++) {
        if (chip->vina_vector[plane] < PS_FIRST_VECTOR || chip->auto_eoi[plane][0] != 0)
            return 0;
        for (unsigned slot = 0; slot < PS_N_SLOTS; slot++) {
            const unsigned vector = chip->messages[plane][slot];
            if (vector && (vector < PS_FIRST_VECTOR || vector == chip->vina_vector[plane] ||
                           !chip->has_messages))
                return 0;
        }
    }
    return 1;
}

/* ---- The registers of one plane ---- */

/* All zero is a controller after reset. In service is at most one vector of a class, for a vector
 * is only taken when its class is above those in service: so four bits a class hold ISR. */
struct ps_apic {
    uint64_t serving;             /* bits 4c to 4c + 3: the low part of what is served of class c */
    uint16_t irr[PS_N_CLASSES];   /* bit v & 15 of word v >> 4 */
    uint16_t lines[PS_N_CLASSES]; /* level-triggered, and the line is up */
    uint16_t irr_classes, isr_classes; /* bit c: something of class c */
    uint8_t tpr, flags;
    uint8_t slots;  /* bit i: message slot i is full, until the guest empties it */
    uint8_t queued; /* bit i: a message waits for it */
};

#define PS_APIC_OFF 1u      /* disabled by software */
#define PS_APIC_NMI 2u      /* an NMI is in progress */
#define PS_APIC_NMI_KEPT 4u /* and one waits behind it */
#define PS_APIC_NOINT 8u    /* the plane's own interrupt flag is off (mask_by = tpr alone) */

static inline unsigned ps_vector_class(unsigned vector)
{
    return vector >> 4;
}

/* The bit of a vector in the word of its class. */
static inline uint16_t ps_vector_bit(unsigned vector)
{
    return (uint16_t)(1u << (vector & 15u));
}

static inline unsigned ps_vectors_have(const uint16_t words[PS_N_CLASSES], unsigned vector)
{
    PS_ASSERT(vector < PS_N_VECTORS);
    return (unsigned)words[vector >> 4] >> (vector & 15u) & 1u;
}

/* The highest vector that is pending; 0 where none is. */
static inline unsigned ps_apic_pending(const struct ps_apic *apic)
{
    if (!apic->irr_classes)
        return 0;
    const unsigned top = ps_highest(apic->irr_classes);
    return top << 4 | ps_highest(apic->irr[top]);
}

/* The vector of a class that is in service, whose class must be. */
static inline unsigned ps_apic_serving(const struct ps_apic *apic, unsigned cls)
{
    PS_ASSERT(ps_has(apic->isr_classes, cls));
    return cls << 4 | (unsigned)(apic->serving >> 4 * cls & 15u);
}

/* The highest vector that is in service; 0 where none is. */
static inline unsigned ps_apic_in_service(const struct ps_apic *apic)
{
    return apic->isr_classes ? ps_apic_serving(apic, ps_highest(apic->isr_classes)) : 0u;
}

static inline unsigned ps_apic_serves(const struct ps_apic *apic, unsigned vector)
{
    return ps_has(apic->isr_classes, vector >> 4) && ps_apic_serving(apic, vector >> 4) == vector;
}

/* The class of the highest vector in service, 0 where there is none. */
static inline unsigned ps_apic_isr_class(const struct ps_apic *apic)
{
    return 31u - (unsigned)__builtin_clz(apic->isr_classes | 1u); /* class 0 is no vector's */
}

static inline unsigned ps_apic_ppr(const struct ps_apic *apic)
{
    const unsigned in_service = ps_apic_isr_class(apic);
    return ps_vector_class(apic->tpr) >= in_service ? apic->tpr : in_service << 4;
}

/* ---- The acts on them, which know of no step ---- */

enum ps_posted { PS_POSTED, PS_POSTED_AGAIN, PS_POSTED_IN_VAIN };

/* A vector arrives: it pends, was pending already, or is dropped. */
static inline enum ps_posted ps_apic_post(struct ps_apic *apic, unsigned vector)
{
    PS_ASSERT(vector < PS_N_VECTORS);
    if (vector < PS_FIRST_VECTOR || apic->flags & PS_APIC_OFF)
        return PS_POSTED_IN_VAIN;
    const unsigned cls = vector >> 4;
    const uint16_t before = apic->irr[cls];
    apic->irr[cls] = (uint16_t)(before | ps_vector_bit(vector));
    apic->irr_classes = (uint16_t)(apic->irr_classes | ps_bit(cls));
    return before & ps_vector_bit(vector) ? PS_POSTED_AGAIN : PS_POSTED;
}

/* A vector is taken: it is in service, unless it ends of itself. */
static inline void ps_apic_serve(struct ps_apic *apic, unsigned vector,
                                 const uint16_t auto_eoi[PS_N_CLASSES])
{
    const unsigned cls = vector >> 4;
    PS_ASSERT(vector >= PS_FIRST_VECTOR);
    if (ps_vectors_have(auto_eoi, vector))
        return;
    PS_ASSERT(!ps_has(apic->isr_classes, cls)); /* its class was above all that are served */
    apic->isr_classes = (uint16_t)(apic->isr_classes | ps_bit(cls));
    apic->serving |= (uint64_t)(vector & 15u) << 4 * cls;
}

/* The guest takes the highest pending vector, of which there must be one. Returns it. */
static inline unsigned ps_apic_acknowledge(struct ps_apic *apic,
                                           const uint16_t auto_eoi[PS_N_CLASSES])
{
    const unsigned vector = ps_apic_pending(apic);
    const unsigned cls = vector >> 4;
    apic->irr[cls] = (uint16_t)(apic->irr[cls] & ~ps_vector_bit(vector));
    if (!apic->irr[cls])
        apic->irr_classes = (uint16_t)(apic->irr_classes & ~ps_bit(cls));
    ps_apic_serve(apic, vector, auto_eoi);
    return vector;
}

/* The highest vector in service ends, whichever the guest meant. Returns it; 0 where none was. */
static inline unsigned ps_apic_end(struct ps_apic *apic)
{
    const unsigned vector = ps_apic_in_service(apic);
    const unsigned cls = vector >> 4;
    if (vector) {
        apic->isr_classes = (uint16_t)(apic->isr_classes & ~ps_bit(cls));
        apic->serving &= ~((uint64_t)15u << 4 * cls);
    }
    return vector;
}

/* A level-triggered line goes up or down. Returns whether that posts its vector: once while it is
 * pending or in service. */
static inline int ps_apic_line(struct ps_apic *apic, unsigned vector, int up)
{
    PS_ASSERT(vector < PS_N_VECTORS);
    const unsigned cls = vector >> 4;
    const uint16_t bit = ps_vector_bit(vector);
    const int was_up = (apic->lines[cls] & bit) != 0;
    if (vector >= PS_FIRST_VECTOR)
        apic->lines[cls] = (uint16_t)(up ? apic->lines[cls] | bit : apic->lines[cls] & ~bit);
    return up && !was_up && !ps_vectors_have(apic->irr, vector) && !ps_apic_serves(apic, vector);
}

/* What INIT leaves: the lines are the devices' own, message slots are memory. */
static inline void ps_apic_reset(struct ps_apic *apic)
{
    apic->serving = 0;
    PS_MEMSET(apic->irr, 0, sizeof apic->irr);
    apic->irr_classes = apic->isr_classes = 0;
    apic->tpr = apic->flags = 0;
}

/* ---- The bits that the 32 bytes get (8) ---- */

/* Whether priority holds back what is pending; with nothing pending, the VINA vector, which an APIC
 * that is disabled drops. */
static inline unsigned ps_chip_masks(const struct ps_chip_policy *chip, const struct ps_apic *apic,
                                     unsigned plane)
{
    const unsigned cls = apic->irr_classes ? ps_highest(apic->irr_classes)
                                           : (unsigned)chip->vina_vector[plane] >> 4;
    const unsigned threshold =
        chip->mask_by == PS_MASK_BY_TPR ? (unsigned)apic->tpr >> 4 : ps_apic_ppr(apic) >> 4;
    return cls <= threshold || (apic->flags & PS_APIC_OFF &&
                                (!apic->irr_classes || chip->disabled == PS_DISABLED_HOLDS));
}

/* Whether what is in service holds back the injection alone (mask_by = tpr). */
static inline unsigned ps_chip_holds(const struct ps_chip_policy *chip, const struct ps_apic *apic,
                                     unsigned plane)
{
    const unsigned cls = apic->irr_classes ? ps_highest(apic->irr_classes)
                                           : (unsigned)chip->vina_vector[plane] >> 4;
    return chip->mask_by == PS_MASK_BY_TPR && cls <= ps_apic_isr_class(apic);
}

static inline void ps_chip_put(uint16_t *mask, unsigned plane, unsigned bit)
{
    *mask = (uint16_t)((*mask & ~(unsigned)ps_bit(plane)) | bit << plane);
}

/* What masked and noint are for a plane, as bits 0 and 1. */
static inline unsigned ps_chip_priority(const struct ps_chip_policy *chip, const struct ps_state *s,
                                        const struct ps_apic *apic, unsigned plane)
{
    const unsigned masked = ps_chip_masks(chip, apic, plane);
    if (chip->mask_by == PS_MASK_BY_PPR)
        return (masked != 0) | ps_has(s->noint, plane) << 1;
    const unsigned off = (apic->flags & PS_APIC_NOINT) != 0;
    return (masked != 0) | (off | ps_chip_holds(chip, apic, plane)) << 1;
}

static inline void ps_chip_derive(const struct ps_chip_policy *chip, struct ps_state *s,
                                  const struct ps_apic *apic, unsigned plane)
{
    const unsigned priority = ps_chip_priority(chip, s, apic, plane);
    ps_chip_put(&s->masked, plane, priority & 1u);
    ps_chip_put(&s->noint, plane, priority >> 1);
}

/* ---- One event on one vCPU ---- */

/* Events that only a controller knows, numbered apart from those of the step. `arg` is a vector or
 * the value of TPR. */
enum ps_chip_event {
    PS_CHIP_EOI = 32,
    PS_CHIP_TPR,
    PS_CHIP_IRET,
    PS_CHIP_LINE_UP,
    PS_CHIP_LINE_DOWN,
    PS_CHIP_APIC_ON, /* enabled and disabled by software (the spurious vector register) */
    PS_CHIP_APIC_OFF,
    PS_CHIP_EMPTY, /* the guest empties the message slot of a vector; nothing sees that */
    PS_CHIP_EOM,   /* end of message: what waits for the slot of a vector comes, if it is empty */
    PS_CHIP_N_EVENTS
};

/* ps_outcome.notes */
#define PS_NOTE_DROPPED 1u       /* the vector that was posted is lost */
#define PS_NOTE_REPOSTED 2u      /* a line that is up, or a message that waited, posts */
#define PS_NOTE_MORE 4u          /* current could take another vector at once: a resched */
#define PS_NOTE_VINA_DROPPED 8u  /* as for a posting, for the VINA vector */
#define PS_NOTE_VINA_PENDING 16u /* it was pending already: coalesced */
#define PS_NOTE_QUEUED 32u       /* a message waits for its slot, and posts nothing */

#define PS_NO_STEP 0xffu

/* Events that leave a plane's controller as after reset. */
#define PS_CHIP_RESETS (PS_E(DISABLE) | PS_E(INIT))

/* What an act on a controller leads to: the event that step gets, and what the outcome adds. */
struct ps_chip_act {
    unsigned event; /* or PS_NO_STEP: nothing is dispatched */
    unsigned ended, notes;
    unsigned coalesced; /* the flag, or zero */
    unsigned counted;   /* whether `coalesced` stands in for the flag of the step */
};

/* A change of TPR or ISR: dispatched where it changes what priority holds back. */
static inline unsigned ps_chip_changed(const struct ps_chip_policy *chip, struct ps_state *s,
                                       const struct ps_apic *apic, unsigned plane)
{
    const unsigned priority = ps_chip_priority(chip, s, apic, plane);
    const unsigned noint = ps_has(s->noint, plane);
    if ((priority & 1u) != ps_has(s->masked, plane)) {
        ps_chip_put(&s->noint, plane, priority >> 1);
        return priority & 1u ? PS_EVENT_MASK : PS_EVENT_UNMASK;
    }
    if (priority >> 1 != noint)
        return noint ? PS_EVENT_STI : PS_EVENT_CLI;
    return PS_NO_STEP;
}

static inline void ps_chip_post(const struct ps_chip_policy *chip, struct ps_state *s,
                                struct ps_apic *apic, unsigned plane, unsigned vector,
                                struct ps_chip_act *act)
{
    const enum ps_posted how = ps_apic_post(apic, vector);
    if (how == PS_POSTED_IN_VAIN) {
        act->notes |= PS_NOTE_DROPPED;
        return;
    }
    act->event = PS_EVENT_IRQ;
    act->coalesced = how == PS_POSTED_AGAIN ? PS_FLAG_COALESCED : 0u;
    act->counted = 1;
    ps_chip_derive(chip, s, apic, plane);
}

/* The bit of the message slot of a vector, 0 where it comes with no message. */
static inline unsigned ps_chip_slot(const struct ps_chip_policy *chip, unsigned plane,
                                    unsigned vector)
{
    if (chip->has_messages && vector)
        for (unsigned slot = 0; slot < PS_N_SLOTS; slot++)
            if (chip->messages[plane][slot] == vector)
                return 1u << slot;
    return 0;
}

/* A vector comes. One with a message fills its slot, even where its interrupt is then dropped; or
 * waits for it, one of them. */
static inline void ps_chip_come(const struct ps_chip_policy *chip, struct ps_state *s,
                                struct ps_apic *apic, unsigned plane, unsigned vector,
                                struct ps_chip_act *act)
{
    const unsigned slot = ps_chip_slot(chip, plane, vector);
    if (apic->slots & slot) {
        act->notes |= PS_NOTE_QUEUED;
        act->counted = 1;
        act->coalesced = apic->queued & slot ? PS_FLAG_COALESCED : 0u;
        apic->queued = (uint8_t)(apic->queued | slot);
        return;
    }
    apic->slots = (uint8_t)(apic->slots | slot);
    ps_chip_post(chip, s, apic, plane, vector, act);
}

/* Look whether a message waits for the slot of a vector, and has it now. */
static inline void ps_chip_rescan(const struct ps_chip_policy *chip, struct ps_state *s,
                                  struct ps_apic *apic, unsigned plane, unsigned vector,
                                  struct ps_chip_act *act)
{
    const unsigned slot = ps_chip_slot(chip, plane, vector);
    if (!(apic->queued & slot & ~(unsigned)apic->slots))
        return;
    apic->queued = (uint8_t)(apic->queued & ~slot);
    act->notes |= PS_NOTE_REPOSTED;
    ps_chip_come(chip, s, apic, plane, vector, act);
}

static inline void ps_chip_eoi(const struct ps_chip_policy *chip, struct ps_state *s,
                               struct ps_apic *apic, unsigned plane, struct ps_chip_act *act)
{
    act->ended = ps_apic_end(apic);
    if (act->ended && ps_vectors_have(apic->lines, act->ended)) {
        act->notes |= PS_NOTE_REPOSTED;
        ps_chip_post(chip, s, apic, plane, act->ended, act);
    } else if (chip->rescan == PS_RESCAN_EOI) {
        ps_chip_rescan(chip, s, apic, plane, act->ended, act);
    }
    if (act->event == PS_NO_STEP)
        act->event = ps_chip_changed(chip, s, apic, plane);
}

/* An NMI behind one in progress is kept, further ones coalesce. */
static inline void ps_chip_nmi(const struct ps_chip_policy *chip, struct ps_apic *apic,
                               struct ps_chip_act *act)
{
    if (apic->flags & PS_APIC_NMI) {
        act->counted = 1;
        act->coalesced = apic->flags & PS_APIC_NMI_KEPT ? PS_FLAG_COALESCED : 0u;
        apic->flags |= PS_APIC_NMI_KEPT;
        if (chip->nmi_blocked == PS_NMI_BLOCKED_WAITS)
            return;
    }
    act->event = PS_EVENT_NMI;
}

static inline void ps_chip_iret(struct ps_apic *apic, struct ps_chip_act *act)
{
    const unsigned kept = apic->flags & PS_APIC_NMI_KEPT;
    apic->flags = (uint8_t)(apic->flags & ~(PS_APIC_NMI | PS_APIC_NMI_KEPT));
    act->counted = 1; /* it was counted when it came */
    if (kept)
        act->event = PS_EVENT_NMI;
}

/* The interrupt flag where it is not noint alone that holds back the injection. */
static inline unsigned ps_chip_flag(const struct ps_chip_policy *chip, struct ps_apic *apic,
                                    unsigned plane, unsigned event)
{
    if (chip->mask_by == PS_MASK_BY_PPR)
        return event;
    const unsigned off = event == PS_EVENT_CLI ? PS_APIC_NOINT : 0u;
    apic->flags = (uint8_t)((apic->flags & ~PS_APIC_NOINT) | off);
    return off || ps_chip_holds(chip, apic, plane) ? PS_EVENT_CLI : PS_EVENT_STI;
}

/* What an event does to a plane's controller, and what step is then given. */
static inline struct ps_chip_act ps_chip_act_on(const struct ps_chip_policy *chip,
                                                struct ps_state *s, struct ps_apic *apic,
                                                unsigned event, unsigned plane, unsigned arg)
{
    struct ps_chip_act act = {event, 0, 0, 0, 0};
    const int ours = event >= PS_CHIP_EOI;
    if (!ours && !ps_among(PS_E(IRQ) | PS_E(NMI) | PS_E(CLI) | PS_E(STI), event))
        return act;
    if (!ps_has(s->online, plane)) { /* step says so, of any event that names a plane */
        act.event = ours ? (unsigned)PS_EVENT_UNMASK : event;
        return act;
    }
    act.event = PS_NO_STEP;
    switch (event) {
    case PS_EVENT_IRQ:
        ps_chip_come(chip, s, apic, plane, arg, &act);
        break;
    case PS_EVENT_NMI:
        ps_chip_nmi(chip, apic, &act);
        break;
    case PS_EVENT_CLI:
    case PS_EVENT_STI:
        act.event = ps_chip_flag(chip, apic, plane, event);
        break;
    case PS_CHIP_EOI:
        ps_chip_eoi(chip, s, apic, plane, &act);
        break;
    case PS_CHIP_IRET:
        ps_chip_iret(apic, &act);
        break;
    case PS_CHIP_LINE_UP:
    case PS_CHIP_LINE_DOWN:
        if (ps_apic_line(apic, arg, event == PS_CHIP_LINE_UP)) {
            act.notes |= PS_NOTE_REPOSTED;
            ps_chip_post(chip, s, apic, plane, arg, &act);
        }
        break;
    case PS_CHIP_EMPTY:
        apic->slots = (uint8_t)(apic->slots & ~ps_chip_slot(chip, plane, arg));
        break;
    case PS_CHIP_EOM:
        ps_chip_rescan(chip, s, apic, plane, arg, &act);
        break;
    case PS_CHIP_TPR:
        apic->tpr = (uint8_t)arg;
        act.event = ps_chip_changed(chip, s, apic, plane);
        break;
    default: /* on and off */
        apic->flags = (uint8_t)((apic->flags & ~PS_APIC_OFF) |
                                (event == PS_CHIP_APIC_OFF ? PS_APIC_OFF : 0u));
        act.event = ps_chip_changed(chip, s, apic, plane);
    }
    return act;
}

/* What a step decided, done to the controller of the plane that runs. */
static inline void ps_chip_settle(const struct ps_chip_policy *chip, struct ps_state *s,
                                  struct ps_apic *apic, struct ps_outcome *out)
{
    const unsigned plane = (unsigned)out->now;
    if (out->flags & PS_FLAG_VINA) {
        const enum ps_posted how = ps_apic_post(apic, chip->vina_vector[plane]);
        out->notes = (uint8_t)(out->notes |
                               (how == PS_POSTED_AGAIN     ? PS_NOTE_VINA_PENDING
                                : how == PS_POSTED_IN_VAIN ? PS_NOTE_VINA_DROPPED
                                                           : 0u));
    }
    if (out->flags & PS_FLAG_INJECTED)
        out->vector = (uint8_t)ps_apic_acknowledge(apic, chip->auto_eoi[plane]);
    if (out->flags & PS_FLAG_NMI) {
        if (apic->flags & PS_APIC_NMI) { /* it was entered for an NMI that it cannot take yet */
            out->flags = (uint8_t)(out->flags & ~PS_FLAG_NMI);
            s->nmi = (uint16_t)(s->nmi | ps_bit(plane));
        } else {
            apic->flags |= PS_APIC_NMI;
        }
    }
    ps_chip_put(&s->irq, plane, apic->irr_classes != 0);
    ps_chip_derive(chip, s, apic, plane);
    /* Halted, it was not woken for a VINA vector that the step did not know yet. */
    if (!(s->status & PS_STATUS_USER) && ps_has(ps_injectable(s), plane))
        out->notes |= PS_NOTE_MORE;
}

/* The answer to an act that leads to no step: the state that stays. */
static inline struct ps_outcome ps_chip_unstepped(const struct ps_state *s)
{
    struct ps_outcome out = {s->current, s->current, 0, 0, 0, 0, 0, 0};
    out.flags = (uint8_t)(ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, 0) >> 16);
    return out;
}

/* What an act itself did, added to what came of it. */
static inline void ps_chip_note(const struct ps_chip_act *act, struct ps_outcome *out)
{
    if (act->counted)
        out->flags = (uint8_t)((out->flags & ~PS_FLAG_COALESCED) | act->coalesced);
    out->ended = (uint8_t)act->ended;
    out->notes = (uint8_t)act->notes;
}

/* What a step decided after an act, or an answer without one, done to the controllers and added to
 * by what the act itself did. */
static inline void ps_chip_decided(const struct ps_chip_policy *chip, struct ps_state *s,
                                   struct ps_apic *apics, const struct ps_chip_act *act,
                                   unsigned plane, struct ps_outcome *out)
{
    ps_chip_note(act, out);
    if (act->event < PS_N_EVENTS && ps_among(PS_CHIP_RESETS, act->event) && !out->fault) {
        ps_apic_reset(&apics[plane]);
        if (act->event == PS_EVENT_DISABLE) /* an INIT leaves the SynIC as it is */
            apics[plane].slots = apics[plane].queued = 0;
    }
    if (out->flags & (PS_FLAG_INJECTED | PS_FLAG_NMI | PS_FLAG_VINA))
        ps_chip_settle(chip, s, &apics[out->now], out);
}

/* The step that an act leads to, and what it decides done to the controllers. `algorithm`: as of
 * ps_step_by, or NULL. */
static inline struct ps_outcome ps_chip_follow(const struct ps_policy *policy,
                                               const struct ps_algorithm *algorithm,
                                               const struct ps_chip_policy *chip,
                                               struct ps_state *s, struct ps_apic *apics,
                                               const struct ps_chip_act *act, unsigned plane)
{
    struct ps_outcome out = ps_chip_unstepped(s);
    if (act->event != PS_NO_STEP)
        out = ps_step_by(policy, algorithm, s, act->event, plane);
    ps_chip_decided(chip, s, apics, act, plane, &out);
    return out;
}

/* One event on one vCPU whose planes have controllers: `apics` holds one for each plane. `event` is
 * one of the step's, but for mask and unmask, or a ps_chip_event; `arg` is the vector of an irq, a
 * line or a message, or the value of TPR. */
static inline struct ps_outcome ps_chip_step(const struct ps_policy *policy,
                                             const struct ps_chip_policy *chip, struct ps_state *s,
                                             struct ps_apic *apics, unsigned event, unsigned plane,
                                             unsigned arg)
{
    PS_ASSERT(event != PS_EVENT_MASK && event != PS_EVENT_UNMASK);
    PS_ASSERT(event < PS_N_EVENTS || (event >= PS_CHIP_EOI && event < PS_CHIP_N_EVENTS));
    const struct ps_chip_act act = ps_chip_act_on(chip, s, &apics[plane], event, plane, arg);
    return ps_chip_follow(policy, NULL, chip, s, apics, &act, plane);
}

/* The same with an algorithm of one's own (ps_step_by). Where its answer is wrong, the controllers
 * too are as the event has left them. */
static inline struct ps_outcome ps_chip_step_by(const struct ps_policy *policy,
                                                const struct ps_algorithm *algorithm,
                                                const struct ps_chip_policy *chip,
                                                struct ps_state *s, struct ps_apic *apics,
                                                unsigned event, unsigned plane, unsigned arg)
{
    PS_ASSERT(event != PS_EVENT_MASK && event != PS_EVENT_UNMASK);
    PS_ASSERT(event < PS_N_EVENTS || (event >= PS_CHIP_EOI && event < PS_CHIP_N_EVENTS));
    const struct ps_chip_act act = ps_chip_act_on(chip, s, &apics[plane], event, plane, arg);
    return ps_chip_follow(policy, algorithm, chip, s, apics, &act, plane);
}

/* ---- What is usual, and takes fewer instructions (both follow from the above) ---- */

/* Whether a vector that is posted would be the only one that pends, held back by nothing of its
 * controller's, and no more would be held back once it is taken: irq alone changes of the derived
 * bits, and ps_apic_serve does what posting and acknowledging do. */
static inline int ps_chip_at_once(const struct ps_chip_policy *chip, const struct ps_apic *apic,
                                  unsigned plane, unsigned vector)
{
    const unsigned cls = vector >> 4;
    return !(apic->irr_classes | apic->flags) && cls > ps_apic_isr_class(apic) &&
           cls > (unsigned)apic->tpr >> 4 && cls < (unsigned)chip->vina_vector[plane] >> 4 &&
           chip->mask_by == PS_MASK_BY_PPR && !chip->has_messages;
}

/* Whether an EOI of a plane that is online leads to no step, whatever it ends: it lowers PPR, and
 * PPR holds back nothing. */
static inline int ps_chip_ends_alone(const struct ps_chip_policy *chip, const struct ps_state *s,
                                     const struct ps_apic *apic, unsigned plane)
{
    return !ps_has(s->masked, plane) && chip->mask_by == PS_MASK_BY_PPR &&
           chip->rescan == PS_RESCAN_EOM && !ps_vectors_have(apic->lines, ps_apic_in_service(apic));
}

/* Whether the bits of a state are those that its controllers give: a state that was written by hand
 * may say otherwise. */
static inline int ps_chip_agrees(const struct ps_chip_policy *chip, const struct ps_state *s,
                                 const struct ps_apic *apics, unsigned n_planes)
{
    struct ps_state derived = *s;
    for (unsigned plane = 0; plane < n_planes; plane++) {
        ps_chip_put(&derived.irq, plane, apics[plane].irr_classes != 0);
        ps_chip_derive(chip, &derived, &apics[plane], plane);
    }
    return PS_MEMCMP(&derived, s, sizeof derived) == 0;
}

#endif
