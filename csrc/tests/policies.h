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
        policy.direction = (uint8_t)random_below(seed, 2);
        policy.marker = (uint8_t)random_below(seed, n_planes + 1);
        if (policy.marker == n_planes)
            policy.marker = PS_NO_PLANE;
        policy.rank = (uint8_t)random_below(seed, 3);
        policy.preempt = (uint8_t)random_below(seed, 5);
        policy.gate = (uint8_t)random_below(seed, 2);
        policy.trigger = (uint8_t)random_below(seed, 2);
        policy.rearm = (uint8_t)random_below(seed, 2);
        policy.call = (uint8_t)random_below(seed, 3);
        policy.refuse_pending = (uint8_t)random_below(seed, 2);
        policy.ret = (uint8_t)random_below(seed, 3);
        policy.idle = (uint8_t)random_below(seed, 3);
        policy.empty = (uint8_t)random_below(seed, 3);
        policy.wake = (uint8_t)random_below(seed, 2);
        policy.force = (uint8_t)random_below(seed, 3);
        policy.force_self = (uint8_t)random_below(seed, 2);
        policy.vina = (uint8_t)random_below(seed, 3);
        policy.vina_auto_reset = (uint8_t)random_below(seed, 2);
        policy.scheduler = (uint8_t)random_below(seed, 2);
        policy.accelerated = (uint16_t)random_below(seed, 1u << PS_N_REASONS);
        policy.boot = (uint8_t)random_below(seed, n_planes);
    } while (ps_policy_prepare(&policy) != 0);
    return policy;
}

#endif
