/* The generator behind every stream. */
#ifndef PLANESCHED_SFC_H
#define PLANESCHED_SFC_H

#include "planesched/workload.h"

/* ---- SFC64, C. Doty-Humphrey, as in numpy/random/src/sfc64 ---- */

/* A generator's state. As a local it stays in registers from draw to draw, while what needs its
 * address is given a copy. */
struct sfc {
    uint64_t words[4];
};

static inline uint64_t sfc_next(struct sfc *sfc)
{
    uint64_t *s = sfc->words;
    const uint64_t out = s[0] + s[1] + s[3]++;
    s[0] = s[1] ^ (s[1] >> 11);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 24) | (s[2] >> 40)) + out;
    return out;
}

static inline uint64_t sfc_word(void *state)
{
    return sfc_next((struct sfc *)state);
}

static inline uint32_t sfc_half(void *state)
{
    return (uint32_t)(sfc_word(state) >> 32);
}

static inline double sfc_unit(void *state)
{
    return (double)(sfc_word(state) >> 11) * (1.0 / 9007199254740992.0);
}

#endif
