/* Acts on several vCPUs, around ps_step. */
#include "checker/world.h"

/* Planes that waited for a lock go on once nobody holds one against them. */
static void release_waiting(const struct ps_system *sys, struct ps_world *world)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        for (uint16_t left = world->waits[vcpu]; left; left = (uint16_t)(left & (left - 1u))) {
            const unsigned plane = ps_lowest(left);
            if (!ps_locked_out(sys, world, vcpu, plane))
                world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & ~ps_bit(plane));
        }
}

static unsigned act_on_lock(const struct ps_system *sys, struct ps_world *world,
                            const struct ps_act *act, unsigned plane)
{
    const uint16_t self = ps_bit(plane);
    uint16_t *locks = &world->locks[act->vcpu];
    uint16_t *waits = &world->waits[act->vcpu];
    switch (act->kind) {
    case PS_ACT_LOCK:
        *locks = (uint16_t)(*locks | self);
        break;
    case PS_ACT_UNLOCK:
        *locks = (uint16_t)(*locks & ~self);
        release_waiting(sys, world);
        break;
    default: /* flush */
        if (ps_locked_out(sys, world, act->vcpu, plane))
            *waits = (uint16_t)(*waits | self);
        break;
    }
    return (1u << sys->n_vcpus) - 1u;
}

/* A plane that returns, or is gone, lets its locks go (TLFS: a VP that returns to a lower VTL
 * releases all TLB locks that it holds). */
static void release_locks(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                          unsigned event, struct ps_outcome out)
{
    uint16_t kept = world->vcpus[vcpu].online;
    if (event == PS_EVENT_RETURN && !out.fault)
        kept = (uint16_t)(kept & ~ps_bit((unsigned)out.was));
    world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & world->vcpus[vcpu].online);
    if (world->locks[vcpu] & ~kept) {
        world->locks[vcpu] = (uint16_t)(world->locks[vcpu] & kept);
        release_waiting(sys, world);
    }
}

unsigned ps_world_act_rare(const struct ps_system *sys, struct ps_world *world,
                           const struct ps_act *act, unsigned plane, struct ps_outcome *out,
                           unsigned *stepped)
{
    unsigned vcpu = act->vcpu, event = act->kind;
    struct ps_state *s = &world->vcpus[vcpu];
    *stepped = vcpu;
    if (event == PS_ACT_ANSWER) {
        plane = ps_default_pick(ps_policy_of(sys, vcpu), s);
        if (plane == PS_NO_PLANE)
            return 0;
        s->req_exit = ps_requests(ps_policy_of(sys, vcpu), s, plane);
        event = PS_EVENT_ENTER;
    } else if (event == PS_ACT_IPI) {
        vcpu = act->target;
        *stepped = vcpu;
        event = PS_EVENT_IRQ;
    } else if (event >= PS_N_EVENTS) {
        memset(out, 0, sizeof *out);
        out->was = out->now = s->current;
        return act_on_lock(sys, world, act, plane);
    }
    *out = ps_step(ps_policy_of(sys, vcpu), &world->vcpus[vcpu], event, plane);
    if (!sys->locks)
        return 1u << vcpu;
    release_locks(sys, world, vcpu, event, *out);
    return (1u << sys->n_vcpus) - 1u;
}
