#include "core/step_with.h"

struct ps_outcome ps_step_with(const struct ps_policy *policy,
                               const struct ps_algorithm *algorithm, struct ps_state *s,
                               unsigned event, unsigned plane)
{
    if (algorithm && algorithm->pick)
        return ps_step_by(policy, algorithm, s, event, plane);
    return ps_step(policy, s, event, plane);
}
