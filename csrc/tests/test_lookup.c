/* What is looked up is what ps_step gives: under any policy, with room for every state, for some or
 * for none, for several vCPUs, and when their owner writes to them. */
#include <string.h>

#include "planesched/lookup.h"
#include "policies.h"

enum { N_VCPUS = 3 };

static void check_step(struct ps_lookup *lookup, const struct ps_policy *policy,
                       struct ps_known_vcpu *vcpu, unsigned event, unsigned plane)
{
    struct ps_state s = vcpu->state;
    const struct ps_outcome expected = ps_step(policy, &s, event, plane);
    const struct ps_outcome out = ps_lookup_step(lookup, vcpu, event, plane);
    CHECK(memcmp(&out, &expected, sizeof out) == 0);
    CHECK(memcmp(&vcpu->state, &s, sizeof s) == 0);
}

/* Returns how many states were known at the end. */
static uint32_t walk(uint64_t *seed, unsigned n_planes, uint64_t bytes, unsigned n_steps)
{
    const struct ps_policy policy = random_policy(seed, n_planes);
    struct ps_lookup *lookup = ps_lookup_create(&policy, n_planes, bytes);
    CHECK(lookup);
    const unsigned all = (2u << (n_planes - 1)) - 1u;
    struct ps_known_vcpu vcpus[N_VCPUS];
    for (unsigned i = 0; i < N_VCPUS; i++) {
        vcpus[i].state = ps_boot(&policy, (uint16_t)all);
        vcpus[i].row = PS_NO_ROW;
    }
    for (unsigned i = 0; i < n_steps; i++) {
        struct ps_known_vcpu *vcpu = &vcpus[random_below(seed, N_VCPUS)];
        if (random_below(seed, 20) == 0) {
            vcpu->state.req_exit = (uint16_t)(random_32(seed) & all);
            vcpu->row = PS_NO_ROW;
        }
        check_step(lookup, &policy, vcpu, random_below(seed, PS_N_EVENTS),
                   random_below(seed, n_planes));
    }
    const uint32_t states = ps_lookup_states(lookup);
    ps_lookup_destroy(lookup);
    return states;
}

int main(void)
{
    uint64_t seed = 1;
    uint32_t most = 0;
    for (unsigned round = 0; round < 300; round++) {
        const unsigned n_planes = 1 + round % PS_MAX_PLANES;
        const uint32_t states = walk(&seed, n_planes, UINT64_C(16) << 20, 1000);
        CHECK(states > 0 && states <= 1000 + N_VCPUS);
        most = states > most ? states : most;
        CHECK(walk(&seed, n_planes, 100000, 1000) <= 100000 / 32);
        CHECK(walk(&seed, n_planes, 0, 100) == 0);
    }
    CHECK(most > 300); /* the walks go somewhere */
    ps_lookup_destroy(NULL);
    return 0;
}
