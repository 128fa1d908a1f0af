/* All of the rules with no C library at all: `make freestanding` compiles this for kernels. */
#include "planesched/irqchip.h"

struct ps_outcome rules_step(const struct ps_policy *policy, struct ps_state *s, unsigned event,
                             unsigned plane);
unsigned rules_pick(const struct ps_policy *policy, const struct ps_state *s);
int rules_prepare(struct ps_policy *policy, unsigned field, unsigned value);
struct ps_outcome rules_chip_step(const struct ps_policy *policy, const struct ps_chip_policy *chip,
                                  struct ps_state *s, struct ps_apic *apics, unsigned event,
                                  unsigned plane, unsigned arg);

struct ps_outcome rules_step(const struct ps_policy *policy, struct ps_state *s, unsigned event,
                             unsigned plane)
{
    return ps_step(policy, s, event, plane);
}

unsigned rules_pick(const struct ps_policy *policy, const struct ps_state *s)
{
    return ps_default_pick(policy, s);
}

int rules_prepare(struct ps_policy *policy, unsigned field, unsigned value)
{
    *policy = ps_policy_default();
    return ps_policy_set(policy, field, value) ? -1 : ps_policy_prepare(policy);
}

struct ps_outcome rules_chip_step(const struct ps_policy *policy, const struct ps_chip_policy *chip,
                                  struct ps_state *s, struct ps_apic *apics, unsigned event,
                                  unsigned plane, unsigned arg)
{
    return ps_chip_step(policy, chip, s, apics, event, plane, arg);
}
