/* What the records that vm.run reads are checked for beforehand. */
#ifndef PLANESCHED_RECORD_CHECKS_H
#define PLANESCHED_RECORD_CHECKS_H

#include <string.h>

#include "planesched/records.h"
#include "planesched/step.h"

/* Where records are read one after the other, those this many bytes ahead are asked for. */
#define PS_RECORDS_AHEAD (256u * sizeof(struct ps_event_record))

/* What is wrong with a record; the order is that in which the fields are looked at. */
enum ps_mistake {
    PS_MISTAKE_NONE,
    PS_MISTAKE_TIME,
    PS_MISTAKE_VCPU,
    PS_MISTAKE_KIND,
    PS_MISTAKE_PLANE,
    PS_MISTAKE_SUPERFLUOUS,
    PS_MISTAKE_ARG /* where controllers take it */
};

/* What is wrong with one record. */
enum ps_mistake ps_event_mistake(const struct ps_event_record *event,
                                 const struct ps_policy *policy, unsigned n_planes,
                                 uint64_t n_vcpus, int64_t earliest_ns);

/* The index of the first wrong record, and in `mistake` what is wrong with it; or n, and in `kinds`
 * bit e for every event e that occurs. */
uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, uint32_t *kinds, enum ps_mistake *mistake);

/* Whether a vCPU of `n_planes` planes can have this state. */
static inline int ps_state_fits(const struct ps_state *s, unsigned n_planes)
{
    /* Twelve of the fifteen masks by four at a time: no matter which is which, nor their order. */
    uint64_t four[3];
    memcpy(four, s, sizeof four);
    const uint64_t beyond = 0xffffu & ~((2u << (n_planes - 1u)) - 1u);
    const uint64_t twelve = four[0] | four[1] | four[2];
    const unsigned three = (unsigned)(s->vina_asserted | s->req_exit | s->unstarted);
    return !(twelve & beyond * 0x1000100010001u) && !(three & beyond) && s->current >= 0 &&
           (unsigned)s->current < n_planes && s->status <= PS_STATUS_BLOCKED;
}

/* The index of the first state that no vCPU of `n_planes` planes can have, or n. */
uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes);

#endif
