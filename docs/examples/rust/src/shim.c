/* SPDX-License-Identifier: MIT */
/* The headers' inline functions as ones that can be called, and the tests' table of cases. */
#include <planesched/irqchip.h>

/* By number: none, rank, round_robin. */
static struct ps_algorithm algorithm_of(unsigned pick)
{
    static const ps_algorithm_fn picks[] = {NULL, ps_pick_rank, ps_pick_round_robin};
    struct ps_algorithm algorithm = {picks[pick], NULL, 0, 1, NULL};
    return algorithm;
}

struct ps_outcome shim_step(const struct ps_policy *policy, unsigned pick, struct ps_state *s,
                            unsigned event, unsigned plane)
{
    const struct ps_algorithm algorithm = algorithm_of(pick);
    return ps_step_by(policy, pick ? &algorithm : NULL, s, event, plane);
}

struct ps_outcome shim_chip_step(const struct ps_policy *policy, unsigned pick,
                                 const struct ps_chip_policy *chip, struct ps_state *s,
                                 struct ps_apic *apics, unsigned event, unsigned plane,
                                 unsigned arg)
{
    const struct ps_algorithm algorithm = algorithm_of(pick);
    return ps_chip_step_by(policy, pick ? &algorithm : NULL, chip, s, apics, event, plane, arg);
}

void shim_default_chip(struct ps_chip_policy *chip)
{
    *chip = ps_chip_policy_default();
}

unsigned shim_slot(const struct ps_chip_policy *chip, unsigned plane, unsigned vector)
{
    return ps_chip_slot(chip, plane, vector);
}

int shim_serves(const struct ps_apic *apic, unsigned vector)
{
    return ps_apic_serves(apic, vector);
}

unsigned shim_ppr(const struct ps_apic *apic)
{
    return ps_apic_ppr(apic);
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
const struct ps_chip_policy *const shim_controllers = ps_case_controllers;
const size_t shim_n_cases = PS_N_CASES;
#endif
