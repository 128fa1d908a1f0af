/* Picking from many packed masks at once (rules, 3.1). */
#ifndef PLANESCHED_SCAN_H
#define PLANESCHED_SCAN_H

#include "planesched/policy.h"

/* All give the same answers; a later one is the faster one where it runs. */
enum ps_scan_path { PS_SCAN_PORTABLE, PS_SCAN_AVX2, PS_SCAN_AVX512 };

/* So many answers would not stay in the caches: from here on they are written past them. */
#define PS_SCAN_STREAMED (UINT64_C(1) << 25)

/* The last path that runs on this processor; those before it run too. */
enum ps_scan_path ps_scan_widest(void);

/* The first plane of each of `n` masks by the policy's rank, or -1. `locked` has a mask for each,
 * or is NULL where none is locked in. `out` overlaps neither. */
void ps_scan(enum ps_scan_path path, const struct ps_policy *policy, const uint16_t *candidates,
             const uint16_t *locked, uint64_t n, int8_t *out);

#endif
