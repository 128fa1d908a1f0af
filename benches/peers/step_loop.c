/* ps_step alone, called from C, over a recorded sequence of events; with -DFIXED the policy is the
 * constant in fixed.h. */
#include "planesched/step.h"

#ifdef FIXED
#include "fixed.h"
#endif

struct record {
    int64_t time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    uint16_t arg;
};

/* Returns how often the current plane changed. */
uint64_t step_loop(const struct ps_policy *policy, struct ps_state *states,
                   const struct record *events, uint64_t n)
{
#ifdef FIXED
    policy = &fixed_policy;
#endif
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_outcome out =
            ps_step(policy, &states[events[i].vcpu], events[i].kind, events[i].plane);
        switches += out.flags & PS_FLAG_SWITCHED;
    }
    return switches;
}
