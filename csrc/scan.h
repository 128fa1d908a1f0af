/* Picking from many packed masks at once (rules, 3.1). */
#ifndef PLANESCHED_SCAN_H
#define PLANESCHED_SCAN_H

#include "planesched/policy.h"

/* The first plane of each of `n` masks by the policy's rank, or -1. `locked` has a mask for each,
 * or is NULL where none is locked in. */
void ps_scan(const struct ps_policy *policy, const uint16_t *candidates, const uint16_t *locked,
             uint64_t n, int8_t *out);

#endif
