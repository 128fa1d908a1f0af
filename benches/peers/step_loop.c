/* ps_step alone, called from C, over a recorded sequence of events; with -DFIXED the policy is the
 * constant in fixed.h, with -DCALLED each step is a call. */
#include "planesched/step.h"
#include "core/record_checks.h"

#ifdef FIXED
#include "fixed.h"
#endif

#ifdef CALLED
static __attribute__((noinline)) struct ps_outcome one_step(const struct ps_policy *policy,
                                                            struct ps_state *s, unsigned event,
                                                            unsigned plane)
{
    return ps_step(policy, s, event, plane);
}
#else
#define one_step ps_step
#endif

/* Returns how often the current plane changed. */
uint64_t step_loop(const struct ps_policy *policy, struct ps_state *states,
                   const struct ps_event_record *events, uint64_t n)
{
#ifdef FIXED
    policy = &fixed_policy;
#endif
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_outcome out =
            one_step(policy, &states[events[i].vcpu], events[i].kind, events[i].plane);
        switches += out.flags & PS_FLAG_SWITCHED;
    }
    return switches;
}
