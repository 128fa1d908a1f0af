/* Two planes of one vCPU, scheduled by an installed planesched. Valid C11 and C++17. */
#include <planesched/step.h>

#include <stdio.h>
#include <string.h>

static void show(const char *event, struct ps_outcome outcome)
{
    printf("%s: plane %d -> %d\n", event, outcome.was, outcome.now);
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;

    struct ps_state vcpu;
    memset(&vcpu, 0, sizeof vcpu);
    vcpu.online = 3;
    vcpu.runnable = 1;
    show("irq 1", ps_step(&policy, &vcpu, PS_EVENT_IRQ, 1));
    show("return", ps_step(&policy, &vcpu, PS_EVENT_RETURN, 0));
    return 0;
}
