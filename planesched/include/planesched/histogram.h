/* A histogram of non-negative times with a stated relative error.
 *
 * Values below 64 have a bucket each; every further octave has 64 buckets of equal width, so a
 * bucket is at most 1/64 of its lower bound wide and its middle is off by at most 1/128.
 */
#ifndef PLANESCHED_HISTOGRAM_H
#define PLANESCHED_HISTOGRAM_H

#include <assert.h>
#include <stdint.h>

#define PS_SUB_BITS 6u
#define PS_SUB_BUCKETS (1u << PS_SUB_BITS)
/* Octaves 6 to 62 of a signed 64-bit number, and the 64 exact values below them. */
#define PS_N_BUCKETS ((63u - PS_SUB_BITS + 1u) * PS_SUB_BUCKETS)

static inline unsigned ps_octave(uint64_t value)
{
    assert(value != 0);
    return 63u - (unsigned)__builtin_clzll(value);
}

/* The bucket of a value in 0..2^63-1. */
static inline unsigned ps_bucket(uint64_t value)
{
    /* Below 64 the octave is that of 64, so that the shift is zero and the bucket the value. */
    const unsigned shift = ps_octave(value | PS_SUB_BUCKETS) - PS_SUB_BITS;
    const unsigned bucket = (shift << PS_SUB_BITS) + (unsigned)(value >> shift);
    assert(bucket < PS_N_BUCKETS);
    return bucket;
}

/* The least value of a bucket, 0..PS_N_BUCKETS-1; the bucket ends below that of the next one. */
static inline uint64_t ps_bucket_floor(unsigned bucket)
{
    assert(bucket < PS_N_BUCKETS);
    const unsigned octave = bucket >> PS_SUB_BITS;
    const unsigned shift = octave ? octave - 1u : 0u;
    return (uint64_t)(bucket - (shift << PS_SUB_BITS)) << shift;
}

#endif
