/* ps_step alone, called from C, over a recorded sequence of events; with -DFIXED the policy is the
 * constant in fixed.h, with -DCALLED each step is a call, with -DBY an algorithm picks that comes
 * as a pointer and does what ps_step does of itself. */
#include "planesched/step.h"
#include "core/record_checks.h"

#ifdef FIXED
#include "fixed.h"
#endif

#ifdef BY
int own(void *memory, const struct ps_policy *policy, const struct ps_state *s,
        uint32_t base, uint32_t pre, uint32_t event)
{
    return ps_pick_rank(memory, policy, s, base, pre, event);
}

static const ps_algorithm_fn volatile unknown = own; /* to the compiler */

#define one_step(policy, s, event, plane) ps_step_by(policy, &algorithm, s, event, plane)
#elif defined(CALLED)
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
#ifdef BY
    const struct ps_algorithm algorithm = {unknown, NULL, 0, 1, NULL};
#endif
    uint64_t switches = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_outcome out =
            one_step(policy, &states[events[i].vcpu], events[i].kind, events[i].plane);
        switches += out.flags & PS_FLAG_SWITCHED;
    }
    return switches;
}
