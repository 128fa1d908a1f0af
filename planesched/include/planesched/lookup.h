/* Steps that are looked up: the answers of ps_step, each worked out once. C11 and C++17.
 *
 * Few states are reachable under one policy, so who steps the same kind of vCPU over and over may
 * keep the answers. A lookup allocates, and is part of the C library (`make lib`). It belongs to
 * one thread, which may step any number of vCPUs with it.
 */
#ifndef PLANESCHED_LOOKUP_H
#define PLANESCHED_LOOKUP_H

#include "step.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ps_lookup;

#define PS_NO_ROW UINT32_MAX

/* A vCPU that is stepped by one lookup. `state` is its state after every step. Begin with
 * PS_NO_ROW, and set that again whenever you write to `state` yourself. */
struct ps_known_vcpu {
    struct ps_state state;
    uint32_t row; /* where the lookup has that state */
};

/* For a prepared policy, which is copied, and planes 0 to n_planes - 1; NULL without memory. It
 * grows to at most `bytes`, 32 for each event of each state met: 2.6 KiB a state with 4 planes. */
struct ps_lookup *ps_lookup_create(const struct ps_policy *policy, unsigned n_planes,
                                   uint64_t bytes);
void ps_lookup_destroy(struct ps_lookup *lookup);

/* What ps_step would do and answer; `plane` is below n_planes in any case. A vCPU that comes to a
 * state for which there is no room goes on with ps_step itself. */
struct ps_outcome ps_lookup_step(struct ps_lookup *lookup, struct ps_known_vcpu *vcpu,
                                 unsigned event, unsigned plane);

/* How many states are known. */
uint32_t ps_lookup_states(const struct ps_lookup *lookup);

#ifdef __cplusplus
}
#endif

#endif
