/* The properties of docs/reference/checker.md that are seen on one state, or on one act. */
#include "checker/search.h"

#define PS_BROKEN(property) (1u << PS_##property)

static unsigned breaks_on_vcpu(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned current = (unsigned)s->current;
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    const uint16_t above = ps_above(policy, s->locked, current);
    unsigned broken = 0;
    if (!s->status && able & above & ps_deliverable(policy, s))
        broken |= PS_BROKEN(PRIORITY);
    if (!s->status && ps_has(s->unstarted, current))
        broken |= PS_BROKEN(STARTED);
    if (s->status & PS_STATUS_BLOCKED) {
        if (able & (s->runnable | above) & ps_wakes(policy, s))
            broken |= PS_BROKEN(WAKEUP);
        if (able & s->runnable & ~s->halted & ~s->unstarted)
            broken |= PS_BROKEN(WORK_CONSERVING);
    }
    return broken;
}

unsigned ps_breaks_state(const struct ps_system *sys, const struct ps_world *world)
{
    unsigned broken = 0;
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        broken |= breaks_on_vcpu(ps_policy_of(sys, vcpu), &world->vcpus[vcpu]);
    return broken;
}

/* Exits that may follow one another while no time passes. */
#define PS_MOST_EXITS 5u

/* Whether a vCPU in userspace comes out of it: no answer leads back, and back again. */
static int settles(const struct ps_policy *policy, const struct ps_state *at)
{
    struct ps_state s = *at;
    for (unsigned exits = 0; s.status & PS_STATUS_USER; exits++) {
        const unsigned plane = ps_default_pick(policy, &s);
        if (plane == PS_NO_PLANE)
            return 1;
        if (exits == PS_MOST_EXITS)
            return 0;
        s.req_exit = ps_requests(policy, &s, plane);
        ps_step(policy, &s, PS_EVENT_ENTER, plane);
    }
    return 1;
}

unsigned ps_breaks_settling(const struct ps_system *sys, const struct ps_world *world)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        if (!settles(ps_policy_of(sys, vcpu), &world->vcpus[vcpu]))
            return PS_BROKEN(SETTLES);
    return 0;
}

/* Pending bits that went although nobody took them. With controllers only the trap is looked at:
 * the others stand for more than the bits. */
static int loses_pending(const struct ps_state *before, const struct ps_state *after,
                         const struct ps_act *act, struct ps_outcome out, int chips)
{
    const uint16_t now = ps_bit((unsigned)out.now);
    uint16_t kept = 0xffff;
    if ((act->kind == PS_EVENT_DISABLE || act->kind == PS_EVENT_INIT) && !out.fault)
        kept = (uint16_t)~ps_bit(act->plane);
    const uint16_t fresh = act->how & PS_OF_SELF || out.fault ? (uint16_t)0 : ps_bit(act->plane);
    const uint16_t irq_set = act->kind == PS_EVENT_IRQ ? fresh : (uint16_t)0;
    const uint16_t nmi_set = act->kind == PS_EVENT_NMI ? fresh : (uint16_t)0;
    const uint16_t trap_set = act->kind == PS_EVENT_INTERCEPT ? fresh : (uint16_t)0;
    const uint16_t irq = (uint16_t)((before->irq | irq_set) & ~after->irq & kept);
    const uint16_t nmi = (uint16_t)((before->nmi | nmi_set) & ~after->nmi & kept);
    const uint16_t trap = (uint16_t)((before->trap | trap_set) & ~after->trap & kept);
    return (!chips && (irq & ~(out.flags & PS_FLAG_INJECTED ? now : 0) ||
                       nmi & ~(out.flags & PS_FLAG_NMI ? now : 0))) ||
           (trap & ~(out.flags & PS_FLAG_USER ? 0 : now));
}

/* A switch that only the host wanted, to a plane that the policy does not let it choose. */
static int is_infeasible(const struct ps_policy *policy, const struct ps_state *before,
                         struct ps_outcome out)
{
    const uint16_t now = ps_bit((unsigned)out.now);
    if (!(out.flags & PS_FLAG_SWITCHED))
        return 0;
    if (out.reason == PS_REASON_FORCE)
        return policy->force == PS_FORCE_NONE ||
               (policy->force == PS_FORCE_MARKER && now != policy->marker_bit);
    if (out.reason != PS_REASON_USER || before->runnable & now)
        return 0;
    return policy->force == PS_FORCE_NONE ||
           (policy->force == PS_FORCE_MARKER && now != policy->marker_bit);
}

/* A force of the marker that is not permitted; or one that is allowed, of a plane that is not held,
 * after which neither that plane runs nor one that outranks it. */
static int is_unforced(const struct ps_policy *policy, const struct ps_state *after,
                       const struct ps_act *act, struct ps_outcome out)
{
    const unsigned now = (unsigned)out.now;
    if (act->kind == PS_EVENT_FORCE && out.fault == PS_FAULT_PERM)
        return ps_has(policy->marker_bit, act->plane) != 0;
    return act->kind == PS_EVENT_FORCE && !out.fault && now != act->plane &&
           !ps_has(after->held, act->plane) && !(out.flags & PS_FLAG_USER) &&
           !ps_has(ps_above(policy, after->locked, act->plane), now);
}

unsigned ps_breaks_act(const struct ps_system *sys, const struct ps_world *before,
                       const struct ps_world *after, const struct ps_act *act, unsigned stepped,
                       struct ps_outcome out)
{
    unsigned broken = 0;
    if (loses_pending(&before->vcpus[stepped], &after->vcpus[stepped], act, out, !!sys->chips) ||
        (sys->chips && ps_chips_lose(sys, before, after, stepped, act, out)))
        broken |= PS_BROKEN(NOTHING_LOST);
    if (is_infeasible(ps_policy_of(sys, stepped), &before->vcpus[stepped], out))
        broken |= PS_BROKEN(FEASIBLE);
    if (is_unforced(ps_policy_of(sys, stepped), &after->vcpus[stepped], act, out))
        broken |= PS_BROKEN(FORCED);
    const struct ps_state *was = &before->vcpus[stepped];
    if (ps_entry_idles(was->runnable | was->trap, out))
        broken |= PS_BROKEN(SPURIOUS);
    return broken;
}

int ps_is_idle(const struct ps_act *act, struct ps_outcome out)
{
    const int enters = act->kind == PS_EVENT_ENTER || act->kind == PS_ACT_ANSWER;
    if (!(act->how & PS_INSIDE) || act->kind == PS_ACT_IPI ||
        act->kind == PS_ACT_IPI_WAIT || out.fault)
        return 0;
    if (out.flags & PS_FLAG_BOUNCED) /* a plane that called itself got what it asked for */
        return act->kind != PS_EVENT_CALL || act->plane != out.was;
    return (enters || out.flags & PS_FLAG_SWITCHED) &&
           (out.flags & (PS_FLAG_BLOCKED | PS_FLAG_USER)) != 0;
}

uint32_t ps_undelivered(const struct ps_system *sys, const struct ps_world *world)
{
    uint32_t pending = 0;
    if (sys->chips)
        return ps_chips_undelivered(sys, world);
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++) {
        const struct ps_state *s = &world->vcpus[vcpu];
        const uint32_t irq = s->irq & s->online & (uint32_t)~s->held;
        pending |= irq << (vcpu * sys->n_planes);
        if (world->waits[vcpu])
            pending |= 1u << (sys->n_vcpus * sys->n_planes + vcpu);
    }
    return pending;
}

uint32_t ps_delivered(const struct ps_system *sys, const struct ps_world *before,
                      const struct ps_world *after, unsigned stepped, struct ps_outcome out)
{
    uint32_t delivered = 0;
    if (sys->chips)
        return ps_chips_delivered(sys, before, after, out);
    if (out.flags & PS_FLAG_INJECTED)
        delivered = 1u << (stepped * sys->n_planes + (unsigned)out.now);
    if (sys->locks | sys->asks)
        for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
            if (before->waits[vcpu] && !after->waits[vcpu])
                delivered |= 1u << (sys->n_vcpus * sys->n_planes + vcpu);
    return delivered;
}
