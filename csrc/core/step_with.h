/* A step with an algorithm of one's own, or without, as a call: so that what a file without one
 * makes of ps_step stays as it is. */
#ifndef PLANESCHED_STEP_WITH_H
#define PLANESCHED_STEP_WITH_H

#include "planesched/step.h"

/* ps_step_by; with NULL, or without a `pick`, ps_step. */
struct ps_outcome ps_step_with(const struct ps_policy *policy,
                               const struct ps_algorithm *algorithm, struct ps_state *s,
                               unsigned event, unsigned plane);

#endif
