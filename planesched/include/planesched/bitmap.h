/* Sets of planes as 16-bit words: bit p speaks of plane p. C11 and C++17, for GCC and Clang. */
#ifndef PLANESCHED_BITMAP_H
#define PLANESCHED_BITMAP_H

#include "platform.h"

#define PS_MAX_PLANES 16

/* A function that is seldom called: standing apart, it leaves the rest small enough to inline. */
#if defined(__GNUC__)
#define PS_SELDOM static __attribute__((__noinline__, __cold__, __unused__))
#else
#define PS_SELDOM static inline
#endif

/* One contract for "no plane" wherever a plane id is stored in a byte or returned as a number. */
#define PS_NO_PLANE 255u

static inline uint16_t ps_bit(unsigned plane)
{
    PS_ASSERT(plane < PS_MAX_PLANES);
    return (uint16_t)(1u << plane);
}

static inline unsigned ps_has(uint16_t planes, unsigned plane)
{
    PS_ASSERT(plane < PS_MAX_PLANES);
    return (unsigned)planes >> plane & 1u;
}

/* The word of all ones if `condition` holds, else zero: for selecting without a branch. */
static inline uint16_t ps_when(int condition)
{
    return (uint16_t)(0u - (unsigned)(condition != 0));
}

static inline unsigned ps_lowest(uint16_t planes)
{
    PS_ASSERT(planes != 0); /* counting zeros of zero is undefined */
    return (unsigned)__builtin_ctz(planes);
}

static inline unsigned ps_highest(uint16_t planes)
{
    PS_ASSERT(planes != 0);
    return 31u - (unsigned)__builtin_clz(planes);
}

#endif
