/* ps_lookup_step of one vCPU over a recorded sequence of events. */
#include "planesched/lookup.h"
#include "core/record_checks.h"

/* Returns how often the current plane changed. `state` is the vCPU before, then after. */
uint64_t lookup_loop(struct ps_lookup *lookup, struct ps_state *state,
                     const struct ps_event_record *events, uint64_t n)
{
    struct ps_known_vcpu vcpu = {*state, PS_NO_ROW};
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++)
        switches += ps_lookup_step(lookup, &vcpu, events[i].kind, events[i].plane).flags &
                    PS_FLAG_SWITCHED;
    *state = vcpu.state;
    return switches;
}
