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

/* What the plane of each kind of event has to be below, and whether it may be PS_NO_PLANE. */
struct limits {
    uint8_t below[256];
    uint8_t bare[256];
};

static struct limits limits_of(const struct ps_policy *policy, unsigned n_planes)
{
    struct limits limits;
    memset(&limits, 0, sizeof limits); /* an unknown kind allows no plane at all */
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        const unsigned takes = ps_takes_plane(policy, event);
        limits.below[event] = (uint8_t)(takes ? n_planes : 1u);
        limits.bare[event] = !takes;
    }
    return limits;
}

/* Whether some record of a block is wrong: all are looked at, and none is branched on. */
static int any_wrong(const struct ps_event_record *events, uint64_t n, const struct limits *limits,
                     uint64_t n_vcpus, int64_t earliest_ns)
{
    unsigned wrong = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_event_record *event = &events[i];
        const unsigned none = (event->plane == PS_NO_PLANE) & limits->bare[event->kind];
        wrong |= (unsigned)(event->time_ns < earliest_ns) | (unsigned)(event->vcpu >= n_vcpus) |
                 ((unsigned)(event->plane >= limits->below[event->kind]) & ~none);
        earliest_ns = event->time_ns;
    }
    return (wrong & 1u) != 0;
}

#define BLOCK 4096u

uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, enum ps_mistake *mistake)
{
    const struct limits limits = limits_of(policy, n_planes);
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    for (uint64_t i = 0; i < n; i += BLOCK) {
        const uint64_t length = n - i < BLOCK ? n - i : BLOCK;
        if (any_wrong(&events[i], length, &limits, n_vcpus, earliest_ns))
            for (uint64_t k = i; k < i + length; k++) {
                *mistake = mistake_of(&events[k], policy, n_planes, n_vcpus, earliest_ns);
                if (*mistake != PS_MISTAKE_NONE)
                    return k;
                earliest_ns = events[k].time_ns;
            }
        earliest_ns = events[i + length - 1].time_ns;
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
