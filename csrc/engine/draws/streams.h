/* Streams and draws over three distributions, which the file that includes this has: a standard
 * exponential, a standard normal and a standard gamma draw from a generator.
 *
 * The generator is numpy's SFC64 (32 bytes of state: a million vCPUs with three sources take
 * 192 MB with their next arrivals) and the seeding numpy's SeedSequence, both restated here;
 * tests/engine/test_draws.py compares them with
 * numpy.random.Generator(SFC64(SeedSequence(seed, spawn_key=(vcpu, source)))).
 */
#ifndef PLANESCHED_STREAMS_H
#define PLANESCHED_STREAMS_H

#include <math.h>
#include <string.h>

#include "engine/draws/sfc.h"

/* ---- SeedSequence, M. E. O'Neill's seed_seq_fe128 as in numpy/random/bit_generator.pyx ---- */

#define PS_SEED_POOL 4u

static uint32_t seed_hashed(uint32_t value, uint32_t *constant, uint32_t multiplier)
{
    value ^= *constant;
    *constant *= multiplier;
    value *= *constant;
    return value ^ value >> 16;
}

static uint32_t seed_mixed(uint32_t x, uint32_t y)
{
    const uint32_t out = UINT32_C(0xca01f9dd) * x - UINT32_C(0x4973f715) * y;
    return out ^ out >> 16;
}

static void fill_seed_pool(uint32_t pool[PS_SEED_POOL], const uint32_t *words, uint32_t n)
{
    const uint32_t multiplier = UINT32_C(0x931e8875);
    uint32_t constant = UINT32_C(0x43b0d7e5);
    for (unsigned i = 0; i < PS_SEED_POOL; i++)
        pool[i] = seed_hashed(words[i], &constant, multiplier);
    for (unsigned from = 0; from < PS_SEED_POOL; from++)
        for (unsigned to = 0; to < PS_SEED_POOL; to++)
            if (from != to)
                pool[to] = seed_mixed(pool[to], seed_hashed(pool[from], &constant, multiplier));
    for (uint32_t from = PS_SEED_POOL; from < n; from++)
        for (unsigned to = 0; to < PS_SEED_POOL; to++)
            pool[to] = seed_mixed(pool[to], seed_hashed(words[from], &constant, multiplier));
}

static void seed_stream(uint64_t state[4], const struct ps_seed *seed, uint32_t vcpu,
                        uint32_t number)
{
    uint32_t words[PS_SEED_WORDS + 2], pool[PS_SEED_POOL], constant = UINT32_C(0x8b51f9dd), made[6];
    assert(seed->n >= PS_SEED_POOL && seed->n <= PS_SEED_WORDS);
    memcpy(words, seed->words, seed->n * sizeof *words);
    words[seed->n] = vcpu;
    words[seed->n + 1] = number;
    fill_seed_pool(pool, words, seed->n + 2);
    for (unsigned i = 0; i < 6; i++)
        made[i] = seed_hashed(pool[i % PS_SEED_POOL], &constant, UINT32_C(0x58f38ded));
    for (unsigned i = 0; i < 3; i++)
        state[i] = made[2 * i] | (uint64_t)made[2 * i + 1] << 32;
    state[3] = 1;
    for (unsigned i = 0; i < 12; i++)
        sfc_word(state);
}

/* ---- Spreads ---- */

static inline struct sfc *sfc_of(struct ps_stream *stream)
{
    return (struct sfc *)stream->random;
}

static inline int64_t rounded_ns(double ns)
{
    return ns < 9.2e18 ? (int64_t)(ns + 0.5) : PS_NEVER_NS;
}

static inline int64_t exponential(struct sfc *sfc, double mean_ns)
{
    return rounded_ns(mean_ns * standard_exponential(sfc));
}

/* In 0..n-1; with n a memory's worth of values the bias of multiplying is below 2^-20. */
static uint64_t draw_below(struct sfc *sfc, uint64_t n)
{
    const uint64_t random = sfc_next(sfc);
    const uint64_t high = (random >> 32) * n, low = (random & UINT32_MAX) * n;
    return n <= UINT32_MAX ? (high + (low >> 32)) >> 32 : random % n;
}

static int64_t spread_draw(const struct ps_spread *spread, struct sfc *sfc)
{
    switch (spread->kind) {
    case PS_SPREAD_CONSTANT:
        return spread->whole;
    case PS_SPREAD_UNIFORM:
        return rounded_ns(spread->a + (spread->b - spread->a) * sfc_unit(sfc));
    case PS_SPREAD_EXPONENTIAL:
        return exponential(sfc, spread->a);
    case PS_SPREAD_LOGNORMAL:
        return rounded_ns(exp(spread->a + spread->b * standard_normal(sfc)));
    case PS_SPREAD_GAMMA:
        return rounded_ns(spread->b * standard_gamma(sfc, spread->a));
    default:
        return spread->values[draw_below(sfc, spread->n)];
    }
}

/* The last draw for a job. `sfc` is where the draws before it have led. */
static inline void draw_service(const struct ps_source *source, struct ps_stream *stream,
                                struct sfc sfc)
{
    const struct ps_spread *spread = &source->service;
    if (spread->kind == PS_SPREAD_EXPONENTIAL)
        stream->service_ns = exponential(&sfc, spread->a);
    *sfc_of(stream) = sfc;
    if (spread->kind != PS_SPREAD_EXPONENTIAL)
        stream->service_ns = spread->kind == PS_SPREAD_CONSTANT
                                 ? spread->whole
                                 : spread_draw(spread, sfc_of(stream));
}

/* ---- Arrivals: the gap is drawn first, then the service time of the job behind it ---- */

static void draw_poisson(const struct ps_source *source, struct ps_stream *stream)
{
    struct sfc sfc = *sfc_of(stream);
    stream->next_ns = ps_later(stream->next_ns, exponential(&sfc, source->gap.a));
    draw_service(source, stream, sfc);
}

static void draw_periodic(const struct ps_source *source, struct ps_stream *stream)
{
    const int64_t left_ns = (PS_NEVER_NS - source->phase_ns) / source->period_ns;
    if (stream->count > (uint64_t)left_ns) {
        stream->next_ns = PS_NEVER_NS;
        return;
    }
    const int64_t due_ns = source->phase_ns + (int64_t)stream->count * source->period_ns;
    const int64_t at_ns = ps_later(due_ns, spread_draw(&source->gap, sfc_of(stream)));
    /* A tick that jitter put behind the next one keeps its turn. */
    stream->next_ns = at_ns > stream->next_ns ? at_ns : stream->next_ns;
    stream->count++;
    draw_service(source, stream, *sfc_of(stream));
}

/* Poisson has no memory, so what is left of a gap when a spell ends is drawn anew. */
static void draw_onoff(const struct ps_source *source, struct ps_stream *stream)
{
    for (;;) {
        const unsigned off = (unsigned)(stream->count & 1u);
        const double mean_ns = off ? source->gap.b : source->gap.a;
        const int64_t at_ns =
            mean_ns > 0 ? ps_later(stream->next_ns, exponential(sfc_of(stream), mean_ns))
                        : PS_NEVER_NS;
        if (at_ns < stream->spell_ns || stream->spell_ns == PS_NEVER_NS) {
            stream->next_ns = at_ns;
            break;
        }
        stream->next_ns = stream->spell_ns;
        stream->count++;
        stream->spell_ns = ps_later(stream->spell_ns,
                                 exponential(sfc_of(stream), source->spell_ns[stream->count & 1u]));
    }
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_times(const struct ps_source *source, struct ps_stream *stream)
{
    if (stream->count == source->gap.n) {
        stream->next_ns = PS_NEVER_NS;
        return;
    }
    stream->next_ns = source->gap.values[stream->count++];
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_calls(const struct ps_source *source, struct ps_stream *stream)
{
    stream->next_ns = exponential(sfc_of(stream), source->gap.a);
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_ipi(const struct ps_source *source, struct ps_stream *stream)
{
    stream->next_ns = PS_NEVER_NS;
    draw_service(source, stream, *sfc_of(stream));
}

static double draw_unit(struct ps_stream *stream)
{
    return sfc_unit(sfc_of(stream));
}

static uint32_t draw_choice(struct ps_stream *stream, uint32_t n)
{
    return (uint32_t)draw_below(sfc_of(stream), n);
}

static int64_t draw_time(const struct ps_spread *spread, struct ps_stream *stream)
{
    return spread_draw(spread, sfc_of(stream));
}

static void begin_stream(struct ps_stream *stream, const struct ps_source *source,
                         const struct ps_seed *seed, uint32_t vcpu, uint32_t number)
{
    seed_stream(stream->random, seed, vcpu, number);
    stream->next_ns = source ? source->start_ns : PS_NEVER_NS;
    stream->service_ns = 0;
    stream->count = 0;
    stream->spell_ns = PS_NEVER_NS;
    if (!source)
        return;
    if (source->arrivals == PS_ARRIVALS_ONOFF) {
        /* Begin as one finds it at any time: on with the share of time that it is on. */
        stream->count = draw_unit(stream) * (source->spell_ns[0] + source->spell_ns[1]) >=
                        source->spell_ns[0];
        const double mean_ns = source->spell_ns[stream->count & 1u];
        stream->spell_ns = ps_later(stream->next_ns, exponential(sfc_of(stream), mean_ns));
    }
    source->draw(source, stream);
}

/* The table of these draws. */
#define PS_DRAWS_HERE \
    { \
        begin_stream, draw_unit, draw_choice, draw_time, \
        { \
            draw_poisson, draw_periodic, draw_onoff, draw_times, draw_calls, draw_ipi \
        } \
    }

#endif
