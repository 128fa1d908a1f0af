#include "records.h"

static enum ps_mistake mistake_of(const struct ps_event_record *event,
                                  const struct ps_policy *policy, unsigned n_planes,
                                  uint64_t n_vcpus, int64_t earliest_ns)
{
    if (event->time_ns < earliest_ns)
        return PS_MISTAKE_TIME;
    if (event->vcpu >= n_vcpus)
        return PS_MISTAKE_VCPU;
    if (event->kind >= PS_N_EVENTS)
        return PS_MISTAKE_KIND;
    if (ps_takes_plane(policy, event->kind))
        return event->plane < n_planes ? PS_MISTAKE_NONE : PS_MISTAKE_PLANE;
    if (event->plane != 0 && event->plane != PS_NO_PLANE)
        return PS_MISTAKE_SUPERFLUOUS;
    return PS_MISTAKE_NONE;
}

uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, enum ps_mistake *mistake)
{
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    for (uint64_t i = 0; i < n; i++) {
        *mistake = mistake_of(&events[i], policy, n_planes, n_vcpus, earliest_ns);
        if (*mistake != PS_MISTAKE_NONE)
            return i;
        earliest_ns = events[i].time_ns;
    }
    return n;
}

uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes)
{
    const unsigned beyond = ~((2u << (n_planes - 1u)) - 1u);
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_state *s = &states[i];
        const unsigned used = (unsigned)(s->online | s->runnable | s->halted | s->irq | s->masked |
                                         s->noint | s->nmi | s->trap | s->held | s->edge |
                                         s->locked | s->vina | s->vina_asserted | s->req_exit);
        if (used & beyond || s->current < 0 || (unsigned)s->current >= n_planes ||
            s->status > PS_STATUS_BLOCKED || s->pad[0] || s->pad[1])
            return i;
    }
    return n;
}
