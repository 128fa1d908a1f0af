/* What the checker searches: some vCPUs together, what may happen to them, and how
 * they are packed (pack.h does it).
 *
 * Every change of a vCPU is a call of ps_step. Around it stands what lies between vCPUs: an
 * interrupt that a plane sends to the same plane of another vCPU, waiting for its answer or not,
 * and the TLB lock, which a plane holds against one plane below it, or all, on the other vCPUs
 * (Hyper-V TLFS, VsmVpSecureConfig: one for each lower VTL). What planes with interrupt controllers
 * have beside their 32 bytes is that of chips.h.
 */
#ifndef PLANESCHED_WORLD_H
#define PLANESCHED_WORLD_H

#include "checker/chips.h"
#include "core/step_with.h"
#include "planesched/compiler.h"

#define PS_WORLD_VCPUS 5u /* vCPUs in one world at most */
#define PS_KEY_WORDS 5u   /* 64-bit words of a packed world at most */
#define PS_N_MASKS 15u
#define PS_NO_ID UINT32_MAX

/* What is packed of a vCPU: its masks, then these. */
enum {
    PS_FIELD_LOCKS = PS_N_MASKS, PS_FIELD_WAITS, PS_FIELD_ASKS, PS_FIELD_CHIPS,
    PS_FIELD_TAIL, PS_N_FIELDS
};

/* What may happen, beside the events of the rules; with controllers also a ps_chip_event. */
enum {
    PS_ACT_ANSWER = PS_N_EVENTS, /* userspace enters what the default scheduler picks (3.5) */
    PS_ACT_IPI,                  /* a plane sends an interrupt to itself on vCPU `target` */
    PS_ACT_IPI_WAIT, /* the same, and the plane waits until it is injected there */
    PS_ACT_LOCK,     /* a plane takes its TLB lock against plane `plane` - 1, 0: all below it */
    PS_ACT_UNLOCK,
    PS_ACT_FLUSH, /* a plane flushes TLBs: it waits for the locks that are held against it */
    PS_N_ACTS
};

/* When an act can happen, and who does it. */
#define PS_WHEN_RUNS 1u  /* the vCPU is neither blocked nor in userspace, and waits for no lock */
#define PS_WHEN_USER 2u  /* the vCPU is in userspace */
#define PS_WHEN_OPEN 4u  /* the current plane has its interrupts enabled and unmasked */
#define PS_OF_SELF 8u    /* the plane is the current one */
#define PS_INSIDE 16u    /* a guest or userspace does it, not the world outside or the host */
#define PS_WHEN_DONE 32u /* no plane below the current one has an event that could be delivered */
#define PS_WHEN_MORE 64u /* the step before left more to take: it alone follows */

struct ps_act {
    uint8_t kind, vcpu, plane;
    uint8_t target; /* a vCPU; with controllers a vector, or the value of TPR */
    uint8_t how;
    uint8_t by; /* 1 + the only plane that does it while it is current; 0: any */
};

struct ps_world {
    struct ps_state vcpus[PS_WORLD_VCPUS];
    uint16_t locks[PS_WORLD_VCPUS]; /* bit holder * n_planes + lower: a TLB lock */
    uint16_t waits[PS_WORLD_VCPUS]; /* planes that wait, for a lock to go or an answer to come */
    uint8_t asks[PS_WORLD_VCPUS];   /* who waits for an answer: plane * 8 + 1 + target; 0: none */
    uint64_t chips[PS_WORLD_VCPUS]; /* the registers of controllers, packed (chips.c) */
};

#define PS_LOCK_PLANES 4u /* planes at most where there are TLB locks */

struct ps_system {
    struct ps_policy policies[2];
    struct ps_algorithm algorithms[2]; /* what picks under each: pure, or without a `pick` */
    uint32_t *mistakes;                /* how often one's answer was wrong; the first is noted */
    int picks;                         /* any has a `pick` */
    unsigned n_vcpus, n_planes;
    int lockstep; /* two vCPUs, one a policy, and every act happens to both */
    int locks;    /* TLB locks are part of the state */
    int asks;     /* interrupts that wait for their answer are */
    const struct ps_chip_set *chips; /* how controllers are set up; NULL: planes have none */
    int beside; /* anything of a vCPU is packed beside its 32 bytes */
    int rare;   /* every act is rare: around ps_step stands something more */
    unsigned words, vcpu_words;           /* 64-bit words of a packed world, and of one vCPU */
    uint8_t word[PS_N_FIELDS], shift[PS_N_FIELDS]; /* where each mask is packed */
    uint16_t planes;                      /* the planes that exist, as a mask */
};

/* How wide a packed field is: masks, locks, waits, asks, controllers; then current, as few bits as
 * do, and status. */
static inline unsigned ps_width(const struct ps_system *sys, unsigned field)
{
    const unsigned n = sys->n_planes;
    switch (field) {
    case PS_FIELD_LOCKS:
        return sys->locks ? n * n : 0u;
    case PS_FIELD_WAITS:
        return sys->locks || sys->asks ? n : 0u;
    case PS_FIELD_ASKS:
        return sys->asks ? 7u : 0u;
    case PS_FIELD_CHIPS:
        return sys->chips ? sys->chips->bits : 0u;
    case PS_FIELD_TAIL:
        return n > 4u ? 6u : 4u;
    default:
        return n;
    }
}

/* Work out the packed form. Returns 0, or -1 where it is wider than PS_KEY_WORDS. */
static inline int ps_system_layout(struct ps_system *sys)
{
    unsigned word = 0, shift = 0;
    for (unsigned field = 0; field < PS_N_FIELDS; field++) {
        const unsigned width = ps_width(sys, field);
        if (shift + width > 64u) {
            word++;
            shift = 0;
        }
        sys->word[field] = (uint8_t)word;
        sys->shift[field] = (uint8_t)(width ? shift : 0u); /* 64 would be no shift */
        shift += width;
    }
    sys->vcpu_words = word + 1u;
    sys->words = sys->vcpu_words * sys->n_vcpus;
    sys->picks = sys->algorithms[0].pick || sys->algorithms[1].pick;
    sys->planes = (uint16_t)((1ul << sys->n_planes) - 1u);
    sys->beside = sys->locks || sys->asks || sys->chips;
    sys->rare = sys->beside || sys->picks;
    return sys->n_vcpus <= PS_WORLD_VCPUS && sys->words <= PS_KEY_WORDS &&
                   (!sys->locks || sys->n_planes <= PS_LOCK_PLANES)
               ? 0 : -1;
}

static inline const struct ps_policy *ps_policy_of(const struct ps_system *sys, unsigned vcpu)
{
    return &sys->policies[sys->lockstep ? vcpu : 0u];
}

/* Whether a plane of another vCPU that outranks this one holds its TLB lock against it. */
static inline int ps_locked_out(const struct ps_system *sys, const struct ps_world *world,
                                unsigned vcpu, unsigned plane)
{
    const uint16_t above = ps_above(ps_policy_of(sys, vcpu), world->vcpus[vcpu].locked, plane);
    for (unsigned other = 0; other < sys->n_vcpus; other++)
        for (uint16_t left = other == vcpu ? (uint16_t)0 : above; left;
             left = (uint16_t)(left & (left - 1u)))
            if (ps_lowest(left) < sys->n_planes &&
                world->locks[other] >> (ps_lowest(left) * sys->n_planes + plane) & 1u)
                return 1;
    return 0;
}

/* Whether the current plane of the vCPU executes: the vCPU is neither blocked nor in userspace,
 * and the plane waits for no lock. */
static inline int ps_executes(const struct ps_world *world, unsigned vcpu)
{
    const struct ps_state *s = &world->vcpus[vcpu];
    return !s->status && !ps_has(world->waits[vcpu], (unsigned)s->current);
}

static inline int ps_can_happen(const struct ps_system *sys, const struct ps_world *world,
                                const struct ps_act *act)
{
    const struct ps_state *s = &world->vcpus[act->vcpu];
    const unsigned how = act->how;
    if (how & PS_WHEN_RUNS && !ps_executes(world, act->vcpu))
        return 0;
    if (act->by && (unsigned)s->current + 1u != act->by)
        return 0;
    if (how & PS_WHEN_USER && !(s->status & PS_STATUS_USER))
        return 0;
    if (how & PS_WHEN_OPEN && ps_has((uint16_t)(s->masked | s->noint), (unsigned)s->current))
        return 0;
    if (how & PS_WHEN_DONE) {
        const struct ps_policy *policy = ps_policy_of(sys, act->vcpu);
        const uint16_t below = ps_below(policy, s->locked, (unsigned)s->current);
        return !(s->online & below & ps_deliverable(policy, s));
    }
    return 1;
}

/* Whether an act is one ps_step and nothing beside it. */
static inline int ps_is_step(const struct ps_system *sys, const struct ps_act *act)
{
    return act->kind < PS_N_EVENTS && !sys->rare;
}

static inline unsigned ps_plane_of(const struct ps_state *s, const struct ps_act *act)
{
    return act->how & PS_OF_SELF ? (unsigned)s->current : act->plane;
}

/* As ps_world_act, for an act that can happen, and may be more than one ps_step on its vCPU. */
unsigned ps_world_act_rare(const struct ps_system *sys, struct ps_world *world,
                           const struct ps_act *act, unsigned plane, struct ps_outcome *out,
                           unsigned *stepped);

/* One act on the world. `out` is the outcome of its ps_step, on vCPU `*stepped`; where none was
 * made, it says that nothing switched. Returns the vCPUs that may have changed, as bits; none
 * where the act cannot happen. */
PS_INLINE unsigned ps_world_act(const struct ps_system *sys, struct ps_world *world,
                                const struct ps_act *act, struct ps_outcome *out,
                                unsigned *stepped)
{
    struct ps_state *s = &world->vcpus[act->vcpu];
    if (!ps_can_happen(sys, world, act))
        return 0;
    const unsigned plane = ps_plane_of(s, act);
    if (!ps_is_step(sys, act))
        return ps_world_act_rare(sys, world, act, plane, out, stepped);
    *stepped = act->vcpu;
    *out = ps_step(ps_policy_of(sys, act->vcpu), s, act->kind, plane);
    return 1u << act->vcpu;
}

#endif
