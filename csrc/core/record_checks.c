#include "core/record_checks.h"

#include "planesched/compiler.h"

enum ps_mistake ps_event_mistake(const struct ps_event_record *event,
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

#define PS_WRONG (1u << 31)

/* What a kind and a plane say: bit e that it is event e, or that they do not go together. */
struct grammar {
    uint32_t says[32][256];
};

static void grammar_of(struct grammar *grammar, const struct ps_policy *policy, unsigned n_planes)
{
    for (unsigned kind = 0; kind < 32; kind++) {
        const unsigned takes = kind < PS_N_EVENTS && ps_takes_plane(policy, kind);
        const unsigned below = kind < PS_N_EVENTS ? (takes ? n_planes : 1u) : 0u;
        for (unsigned plane = 0; plane < 256; plane++)
            grammar->says[kind][plane] = plane < below ? 1u << kind : PS_WRONG;
        if (below && !takes)
            grammar->says[kind][PS_NO_PLANE] = 1u << kind;
    }
}

/* The events among a block of records, or PS_WRONG with them: all are looked at, and none is
 * branched on. The first bit of a difference tells that something is less than it may be; of two
 * times that are not negative it never tells wrongly. */
static uint32_t survey_block(const struct ps_event_record *events, uint64_t n,
                             const struct grammar *grammar, uint64_t n_vcpus, int64_t earliest_ns)
{
    const uint64_t last = n_vcpus - 1u;
    uint64_t before = (uint64_t)earliest_ns, negative = 0, earlier = 0, beyond = 0;
    uint32_t said = 0, kinds = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_event_record *event = &events[i];
        ps_prefetch_after(event, PS_RECORDS_AHEAD);
        const uint64_t time = (uint64_t)event->time_ns;
        negative |= time;
        earlier |= time - before;
        beyond |= last - event->vcpu;
        kinds |= event->kind;
        said |= grammar->says[event->kind & 31u][event->plane];
        before = time;
    }
    return (negative | earlier | beyond) >> 63 || kinds > 31u ? said | PS_WRONG : said;
}

#define PS_RECORDS_BLOCK 4096u

uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, uint32_t *kinds, enum ps_mistake *mistake)
{
    struct grammar grammar;
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    grammar_of(&grammar, policy, n_planes);
    *kinds = 0;
    for (uint64_t i = 0; i < n; i += PS_RECORDS_BLOCK) {
        const uint64_t length = n - i < PS_RECORDS_BLOCK ? n - i : PS_RECORDS_BLOCK;
        const uint32_t said = survey_block(&events[i], length, &grammar, n_vcpus, earliest_ns);
        if (said & PS_WRONG)
            for (uint64_t k = i; k < i + length; k++) {
                *mistake = ps_event_mistake(&events[k], policy, n_planes, n_vcpus, earliest_ns);
                if (*mistake != PS_MISTAKE_NONE)
                    return k;
                earliest_ns = events[k].time_ns;
            }
        *kinds |= said;
        earliest_ns = events[i + length - 1].time_ns;
    }
    return n;
}

uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes)
{
    for (uint64_t i = 0; i < n; i++)
        if (!ps_state_fits(&states[i], n_planes))
            return i;
    return n;
}
