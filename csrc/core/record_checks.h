/* What the records that vm.run reads are checked for beforehand. */
#ifndef PLANESCHED_RECORD_CHECKS_H
#define PLANESCHED_RECORD_CHECKS_H

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

/* The index of the first state that no vCPU of `n_planes` planes can have, or n. */
uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes);

#endif
