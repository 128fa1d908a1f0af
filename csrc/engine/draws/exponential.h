/* The exponential distribution as numpy has it: a part of numpy.c. */
#ifndef PLANESCHED_EXPONENTIAL_H
#define PLANESCHED_EXPONENTIAL_H

#include <Python.h>

#include <numpy/random/distributions.h>

#include "engine/draws/sfc.h"

/* ---- The exponential distribution ----
 *
 * Nearly all draws of numpy's ziggurat take one word: its bits from 3 on choose one of 256 layers,
 * and those from 11 on, times the layer's width, are the number, if they are below the layer's
 * limit. numpy keeps widths and limits to itself, so it is asked for them once, with words made up
 * for that; and it makes what needs more than one word. */

static struct layer {
    double width;
    uint64_t limit;
} layers[256];

/* Makes numpy begin with a given word. */
struct opening {
    uint64_t word, *state;
    unsigned drawn;
};

static uint64_t opening_word(void *state)
{
    struct opening *opening = (struct opening *)state;
    return opening->drawn++ ? sfc_word(opening->state) : opening->word;
}

static double opening_unit(void *state)
{
    struct opening *opening = (struct opening *)state;
    opening->drawn++;
    return sfc_unit(opening->state);
}

/* What numpy makes of a word; `*drawn`: how many it took. */
static double ask_numpy(uint64_t word, uint64_t *state, unsigned *drawn)
{
    struct opening opening = {word, state, 0};
    bitgen_t bits = {&opening, opening_word, NULL, opening_unit, opening_word};
    const double out = random_standard_exponential(&bits);
    *drawn = opening.drawn;
    return out;
}

static void prepare_exponential(void)
{
    uint64_t state[4] = {1, 2, 3, 4};
    unsigned drawn;
    for (unsigned i = 0; i < 256; i++) {
        struct layer *layer = &layers[i];
        for (uint64_t bit = UINT64_C(1) << 52; bit; bit >>= 1) {
            ask_numpy(((layer->limit | bit) - 1) << 11 | i << 3, state, &drawn);
            layer->limit |= drawn == 1 ? bit : 0;
        }
        layer->width = ask_numpy(UINT64_C(1) << 11 | i << 3, state, &drawn);
    }
}

static inline double standard_exponential(struct sfc *sfc)
{
    const uint64_t word = sfc_next(sfc), place = word >> 11;
    const struct layer *layer = &layers[word >> 3 & 255u];
    if (place < layer->limit)
        return (double)(int64_t)place * layer->width;
    struct sfc own = *sfc;
    unsigned drawn;
    const double out = ask_numpy(word, own.words, &drawn);
    *sfc = own;
    return out;
}

#endif
