/* A million steps of one vCPU, each looked up, and none of them different from ps_step's. C11. */
#include <planesched/lookup.h>

#include <inttypes.h>
#include <stdio.h>

static const struct {
    uint8_t event, plane;
} guest[] = {{PS_EVENT_IRQ, 1}, {PS_EVENT_IRQ, 0}, {PS_EVENT_RETURN, 0}, {PS_EVENT_HALT, 0}};

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST; /* Hyper-V's VTLs */
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;
    struct ps_lookup *lookup = ps_lookup_create(&policy, 2, UINT64_C(1) << 20);
    if (!lookup)
        return 1;

    struct ps_known_vcpu vcpu = {ps_boot(&policy, 3), PS_NO_ROW};
    struct ps_state asked = vcpu.state;
    uint64_t switches = 0, differ = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        const unsigned event = guest[i % 4].event, plane = guest[i % 4].plane;
        const struct ps_outcome out = ps_lookup_step(lookup, &vcpu, event, plane);
        const struct ps_outcome same = ps_step(&policy, &asked, event, plane);
        switches += out.flags & PS_FLAG_SWITCHED;
        differ += memcmp(&out, &same, sizeof out) != 0 ||
                  memcmp(&vcpu.state, &asked, sizeof asked) != 0;
    }
    printf("%" PRIu64 " switches, %" PRIu32 " states, %" PRIu64 " differ\n", switches,
           ps_lookup_states(lookup), differ);
    ps_lookup_destroy(lookup);
    return 0;
}
