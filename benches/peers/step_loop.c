/* ps_step alone, called from C, over a recorded sequence of events. */
#include "planesched/step.h"

struct record {
    int64_t time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    uint16_t arg;
};

/* Returns how often the current plane changed. */
uint64_t step_loop(struct ps_state *states, const struct record *events, uint64_t n,
                   int highest_first, int next_online)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = highest_first ? PS_HIGHEST_FIRST : PS_LOWEST_FIRST;
    policy.ret = next_online ? PS_RET_NEXT_ONLINE : PS_RET_RESUME;
    policy.vina = PS_VINA_EDGE;
    if (ps_policy_prepare(&policy))
        return 0;
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_outcome out =
            ps_step(&policy, &states[events[i].vcpu], events[i].kind, events[i].plane);
        switches += out.flags & PS_FLAG_SWITCHED;
    }
    return switches;
}
