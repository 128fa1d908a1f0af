/* What the C tests share: an assertion that NDEBUG leaves alone, and seeded random numbers. */
#ifndef PLANESCHED_TESTS_CHECK_H
#define PLANESCHED_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                  \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                      \
        }                                                                                 \
    } while (0)

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016). */
static inline uint32_t random_32(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return (uint32_t)((*seed * UINT64_C(0x2545F4914F6CDD1D)) >> 32);
}

static inline unsigned random_below(uint64_t *seed, unsigned bound)
{
    return (unsigned)(((uint64_t)random_32(seed) * bound) >> 32);
}

#endif
