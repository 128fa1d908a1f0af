/* Two planes of one vCPU under Hyper-V's rules. The same file is C11 and C++17. */
#include <planesched/step.h>

#include <stdio.h>

static void show(const char *event, struct ps_outcome outcome)
{
    printf("%-7s plane %d -> %d\n", event, outcome.was, outcome.now);
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;

    struct ps_state vcpu = ps_boot(&policy, 3);
    show("irq 1", ps_step(&policy, &vcpu, PS_EVENT_IRQ, 1));
    show("return", ps_step(&policy, &vcpu, PS_EVENT_RETURN, 0));
    return 0;
}
