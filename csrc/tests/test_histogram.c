/* The histogram's buckets: every value falls into one, they are in order and narrow enough. */
#include "check.h"
#include "planesched/histogram.h"

static void check_value(uint64_t value)
{
    const unsigned bucket = ps_bucket(value);
    CHECK(ps_bucket_floor(bucket) <= value);
    CHECK(bucket == PS_N_BUCKETS - 1 || value < ps_bucket_floor(bucket + 1));
}

int main(void)
{
    for (unsigned bucket = 0; bucket + 1 < PS_N_BUCKETS; bucket++) {
        const uint64_t least = ps_bucket_floor(bucket), next = ps_bucket_floor(bucket + 1);
        CHECK(least < next);
        CHECK(next - least == 1 || (next - least) * PS_SUB_BUCKETS <= least);
        CHECK(ps_bucket(least) == bucket && ps_bucket(next - 1) == bucket);
    }
    CHECK(ps_bucket(INT64_MAX) == PS_N_BUCKETS - 1);

    uint64_t seed = 1;
    for (unsigned i = 0; i < 1000000; i++) {
        const uint64_t value = (uint64_t)random_32(&seed) << 31 ^ random_32(&seed);
        check_value((value & INT64_MAX) >> random_below(&seed, 63));
    }
    return 0;
}
