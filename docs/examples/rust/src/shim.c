/* SPDX-License-Identifier: MIT */
/* The headers' inline functions as ones that can be called, and the tests' table of cases. */
#include <planesched/step.h>

struct ps_outcome shim_step(const struct ps_policy *policy, struct ps_state *s, unsigned event,
                            unsigned plane)
{
    return ps_step(policy, s, event, plane);
}

unsigned shim_pick(const struct ps_policy *policy, const struct ps_state *s)
{
    return ps_default_pick(policy, s);
}

/* Userspace is about to enter this plane (rules, 3.5). */
void shim_prepare_entry(const struct ps_policy *policy, struct ps_state *s, unsigned plane)
{
    if (policy->scheduler == PS_SCHEDULER_USER)
        s->req_exit = ps_requests(policy, s, plane);
}

void shim_boot(const struct ps_policy *policy, struct ps_state *s, uint16_t online)
{
    *s = ps_boot(policy, online);
}

void shim_default(struct ps_policy *policy)
{
    *policy = ps_policy_default();
}

int shim_set(struct ps_policy *policy, unsigned field, unsigned value)
{
    return ps_policy_set(policy, field, value);
}

int shim_prepare(struct ps_policy *policy)
{
    return ps_policy_prepare(policy);
}


#ifdef CASES
#include CASES
const struct ps_case *const shim_cases = ps_cases;
const struct ps_case_step *const shim_steps = ps_case_steps;
const struct ps_case_want *const shim_wants = ps_case_wants;
const size_t shim_n_cases = PS_N_CASES;
#endif
