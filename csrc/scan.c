#include "scan.h"

#include <stddef.h>

/* One portable loop, compiled for several instruction sets; the widest that runs here is taken.
 * The number of a bit is found by counting bits in 16-bit lanes, which needs no table. */
#if defined(__GNUC__)
#define PS_INLINE static inline __attribute__((always_inline))
#else
#define PS_INLINE static inline
#endif

struct scan {
    const uint16_t *in;
    const uint16_t *locked; /* NULL: the same for all */
    uint64_t n;
    int8_t *out;
    uint16_t demotable, marker;
};

/* How many bits are set, by adding neighbours. */
PS_INLINE uint16_t count_bits(uint16_t x)
{
    x = (uint16_t)(x - ((x >> 1) & 0x5555u));
    x = (uint16_t)((x & 0x3333u) + ((x >> 2) & 0x3333u));
    x = (uint16_t)((x + (x >> 4)) & 0x0f0fu);
    return (uint16_t)((x + (x >> 8)) & 0x1fu);
}

/* The lowest plane is as many as there are numbers below it; there is no lowest of none. */
PS_INLINE uint16_t lowest_or_none(uint16_t planes)
{
    return (uint16_t)(count_bits((uint16_t)(~planes & (planes - 1u))) | ps_when_empty(planes));
}

/* The highest plane is one less than there are numbers up to it, and so -1 for none. */
PS_INLINE uint16_t highest_or_none(uint16_t planes)
{
    planes = (uint16_t)(planes | planes >> 1);
    planes = (uint16_t)(planes | planes >> 2);
    planes = (uint16_t)(planes | planes >> 4);
    planes = (uint16_t)(planes | planes >> 8);
    return (uint16_t)(count_bits(planes) - 1u);
}

PS_INLINE int8_t first_or_none(uint16_t planes, uint16_t demoted, uint16_t marker, int lowest)
{
    const uint16_t group = ps_foremost(planes, demoted, marker);
    return (int8_t)(lowest ? lowest_or_none(group) : highest_or_none(group));
}

PS_INLINE void scan_all(const struct scan *scan, int lowest)
{
    const uint16_t *restrict in = scan->in;
    int8_t *restrict out = scan->out;
    const uint16_t *restrict locked = scan->locked;
    const uint64_t n = scan->n;
    const uint16_t marker = scan->marker;
    const uint16_t demotable = scan->demotable;
    if (locked)
        for (uint64_t i = 0; i < n; i++)
            out[i] = first_or_none(in[i], (uint16_t)(demotable & ~locked[i]), marker, lowest);
    else if (demotable | marker)
        for (uint64_t i = 0; i < n; i++)
            out[i] = first_or_none(in[i], demotable, marker, lowest);
    else
        for (uint64_t i = 0; i < n; i++)
            out[i] = first_or_none(in[i], 0, 0, lowest);
}

#define PS_SCAN_FOR(set, attribute) \
    attribute static void scan_##set(const struct scan *scan, int lowest) \
    { \
        if (lowest) \
            scan_all(scan, 1); \
        else \
            scan_all(scan, 0); \
    }

PS_SCAN_FOR(portable, )

#if defined(__x86_64__) && defined(__GNUC__)
PS_SCAN_FOR(avx2, __attribute__((target("avx2"))))
#if defined(__clang__)
PS_SCAN_FOR(avx512, __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))))
#else
PS_SCAN_FOR(avx512,
            __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512"))))
#endif

static void scan_widest(const struct scan *scan, int lowest)
{
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq"))
        scan_avx512(scan, lowest);
    else if (__builtin_cpu_supports("avx2"))
        scan_avx2(scan, lowest);
    else
        scan_portable(scan, lowest);
}
#else
#define scan_widest scan_portable
#endif

void ps_scan(const struct ps_policy *policy, const uint16_t *candidates, const uint16_t *locked,
             uint64_t n, int8_t *out)
{
    const struct scan scan = {candidates,        policy->demotable ? locked : NULL, n, out,
                              policy->demotable, policy->marker_bit};
    scan_widest(&scan, policy->direction == PS_LOWEST_FIRST);
}
