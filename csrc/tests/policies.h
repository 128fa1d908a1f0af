/* Any policy that is valid, for tests of what holds under each. */
#ifndef PLANESCHED_TESTS_POLICIES_H
#define PLANESCHED_TESTS_POLICIES_H

#include "check.h"
#include "planesched/step.h"

static inline struct ps_policy random_policy(uint64_t *seed, unsigned n_planes)
{
    struct ps_policy policy;
    do {
        policy = ps_policy_default();
        for (unsigned field = 0; field < PS_N_POLICY_FIELDS; field++)
            ps_policy_set(&policy, field, random_below(seed, ps_policy_most(field) + 1));
        policy.boot = (uint8_t)random_below(seed, n_planes);
        policy.marker = (uint8_t)random_below(seed, n_planes + 1);
        if (policy.marker == n_planes)
            policy.marker = PS_NO_PLANE;
    } while (ps_policy_prepare(&policy) != 0);
    return policy;
}

#endif
