/* Acts on several vCPUs, around ps_step. */
#include "checker/world.h"

#include "checker/atomics.h"

static int waits_for_answer(const struct ps_world *world, unsigned vcpu, unsigned plane)
{
    return world->asks[vcpu] && world->asks[vcpu] >> 3 == plane;
}

/* Planes that waited for a lock go on once nobody holds one against them. */
static void release_waiting(const struct ps_system *sys, struct ps_world *world)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        for (uint16_t left = world->waits[vcpu]; left; left = (uint16_t)(left & (left - 1u))) {
            const unsigned plane = ps_lowest(left);
            if (!waits_for_answer(world, vcpu, plane) && !ps_locked_out(sys, world, vcpu, plane))
                world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & ~ps_bit(plane));
        }
}

/* The planes that a lock act of `holder` is about, as bits of `locks`. */
static uint16_t locks_of(const struct ps_system *sys, const struct ps_world *world,
                         const struct ps_act *act, unsigned holder)
{
    const struct ps_state *s = &world->vcpus[act->vcpu];
    uint16_t lower = (uint16_t)(ps_below(ps_policy_of(sys, act->vcpu), s->locked, holder) &
                                sys->planes);
    if (act->plane)
        lower = (uint16_t)(lower & ps_bit(act->plane - 1u));
    return (uint16_t)((unsigned)lower << holder * sys->n_planes);
}

static unsigned act_on_lock(const struct ps_system *sys, struct ps_world *world,
                         const struct ps_act *act, unsigned plane)
{
    const uint16_t meant = act->kind == PS_ACT_FLUSH ? (uint16_t)0
                                                     : locks_of(sys, world, act, plane);
    uint16_t *locks = &world->locks[act->vcpu];
    uint16_t *waits = &world->waits[act->vcpu];
    switch (act->kind) {
    case PS_ACT_LOCK:
        *locks = (uint16_t)(*locks | meant);
        break;
    case PS_ACT_UNLOCK:
        *locks = (uint16_t)(*locks & ~meant);
        release_waiting(sys, world);
        break;
    default: /* flush */
        if (ps_locked_out(sys, world, act->vcpu, plane))
            *waits = (uint16_t)(*waits | ps_bit(plane));
        break;
    }
    return (1u << sys->n_vcpus) - 1u;
}

/* A plane that returns, or is gone, lets its locks go (TLFS: a VP that returns to a lower VTL
 * releases all TLB locks that it holds). */
static void release_locks(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                    unsigned event, struct ps_outcome out)
{
    const uint16_t online = world->vcpus[vcpu].online;
    uint16_t holders = online, kept = 0;
    if (event == PS_EVENT_RETURN && !out.fault)
        holders = (uint16_t)(holders & ~ps_bit((unsigned)out.was));
    for (unsigned plane = 0; plane < sys->n_planes && sys->locks; plane++)
        if (ps_has(holders, plane))
            kept = (uint16_t)(kept | (unsigned)sys->planes << plane * sys->n_planes);
    world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & online);
    if (world->asks[vcpu] && !ps_has(online, world->asks[vcpu] >> 3))
        world->asks[vcpu] = 0;
    if (world->locks[vcpu] & ~kept) {
        world->locks[vcpu] = (uint16_t)(world->locks[vcpu] & kept);
        release_waiting(sys, world);
    }
}

/* What was injected on a vCPU is the answer for who waits for it. */
static void answer(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                   struct ps_outcome out)
{
    const unsigned asked = (unsigned)out.now << 3 | (1u + vcpu);
    if (!(out.flags & PS_FLAG_INJECTED))
        return;
    for (unsigned other = 0; other < sys->n_vcpus && other < PS_WORLD_VCPUS; other++)
        if (world->asks[other] == asked) {
            world->waits[other] = (uint16_t)(world->waits[other] & ~ps_bit((unsigned)out.now));
            world->asks[other] = 0;
        }
}

/* A step of a vCPU, by its algorithm where there is one. Threads ask at once, and the first wrong
 * answer is noted. */
static struct ps_outcome step_one(const struct ps_system *sys, struct ps_world *world,
                                  unsigned vcpu, unsigned event, unsigned plane, unsigned arg)
{
    struct ps_algorithm algorithm = sys->algorithms[sys->lockstep ? vcpu : 0];
    struct ps_wrong_answer *noted = algorithm.wrong;
    struct ps_wrong_answer wrong;
    algorithm.wrong = &wrong;
    const struct ps_outcome out =
        sys->chips ? ps_chips_step(sys, world, vcpu, &algorithm, event, plane, arg)
                   : ps_step_with(ps_policy_of(sys, vcpu), &algorithm, &world->vcpus[vcpu], event,
                                  plane);
    if (out.fault == PS_NO_ANSWER && ps_fetch_add(sys->mistakes) == 0)
        *noted = wrong;
    return out;
}

unsigned ps_world_act_rare(const struct ps_system *sys, struct ps_world *world,
                           const struct ps_act *act, unsigned plane, struct ps_outcome *out,
                           unsigned *stepped)
{
    unsigned vcpu = act->vcpu, event = act->kind;
    struct ps_state *s = &world->vcpus[vcpu];
    *stepped = vcpu;
    if (sys->chips && !ps_chips_allow(sys, world, act))
        return 0;
    if (event == PS_ACT_ANSWER) {
        plane = ps_default_pick(ps_policy_of(sys, vcpu), s);
        if (plane == PS_NO_PLANE)
            return 0;
        s->req_exit = ps_requests(ps_policy_of(sys, vcpu), s, plane);
        event = PS_EVENT_ENTER;
    } else if (event == PS_ACT_IPI || event == PS_ACT_IPI_WAIT) {
        if (event == PS_ACT_IPI_WAIT) {
            if (world->asks[vcpu])
                return 0; /* one at a time */
            world->asks[vcpu] = (uint8_t)(plane << 3 | (1u + act->target));
            world->waits[vcpu] = (uint16_t)(world->waits[vcpu] | ps_bit(plane));
        }
        vcpu = act->target;
        *stepped = vcpu;
        event = PS_EVENT_IRQ;
    } else if (event >= PS_N_EVENTS && event < PS_N_ACTS) {
        memset(out, 0, sizeof *out);
        out->was = out->now = s->current;
        return act_on_lock(sys, world, act, plane);
    }
    *out = step_one(sys, world, vcpu, event, plane, act->target);
    if (out->fault == PS_NO_ANSWER)
        return 0;
    if (!sys->locks && !sys->asks)
        return 1u << vcpu;
    release_locks(sys, world, vcpu, event, *out);
    answer(sys, world, vcpu, *out);
    return (1u << sys->n_vcpus) - 1u;
}
