/* ps_step and the counting of figures, with the policy a constant of the program (fixed.h). */
#include "core/record_checks.h"
#include "core/ledger.h"
#include "fixed.h"

#include <stdlib.h>

/* Returns how often the current plane changed. */
uint64_t fixed_loop(struct ps_state *states, const struct ps_event_record *events, uint64_t n,
                    unsigned n_vcpus, unsigned n_planes)
{
    static struct ps_figures figures;
    struct ps_ledger ledger = {&figures, NULL, NULL, n_planes};
    ledger.latency = calloc(n_planes * PS_N_BUCKETS, sizeof *ledger.latency);
    ledger.clocks = calloc(n_vcpus * PS_CLOCK_SLOTS(n_planes), sizeof *ledger.clocks);
    memset(&figures, 0, sizeof figures);
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_event_record *event = &events[i];
        struct ps_state *s = &states[event->vcpu];
        const struct ps_before before = ps_look(s);
        const struct ps_outcome out = ps_step(&fixed_policy, s, event->kind, event->plane);
        ps_count(&ledger, &before, s, out, event->kind, event->plane, (uint64_t)event->time_ns,
                 ps_clock(&ledger, event->vcpu));
        switches += out.flags & PS_FLAG_SWITCHED;
    }
    free(ledger.latency);
    free(ledger.clocks);
    return switches;
}
