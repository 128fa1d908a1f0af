/* One vCPU of an engine, as the functions that let something happen to it are given it. */
#ifndef PLANESCHED_ENGINE_VCPU_H
#define PLANESCHED_ENGINE_VCPU_H

#include "engine/parts.h"

/* Chipped: planes have controllers. In an engine that is plain nothing costs, no plane calls, is
 * busy or forwards, and no vCPU sends: a loop that knows this from the start asks less. Recorded:
 * a leap is made of what it does. */
enum ps_vcpu_kind { PS_USUAL, PS_PLAIN, PS_CHIPPED, PS_CHIPPED_PLAIN, PS_RECORDED }; /* sums */

/* One vCPU while something happens to it: where its things stand, looked up once. */
struct ps_vcpu {
    struct ps_engine *engine;
    struct ps_guest *guest;
    int64_t *clock;
    struct ps_stream *streams;
    uint32_t number;
    enum ps_vcpu_kind is;
    int sliced; /* planes run by slices: never in an engine that is plain */
    /* No more than these seven: of a struct with more, gcc hands functions no longer its parts, and
     * the loop writes it to memory each time. */
};

PS_INLINE int ps_plain(const struct ps_vcpu v)
{
    return v.is & PS_PLAIN;
}

PS_INLINE int ps_chipped(const struct ps_vcpu v)
{
    return v.is & PS_CHIPPED;
}

static inline struct ps_stream *ps_streams(const struct ps_engine *engine, uint32_t vcpu)
{
    return engine->streams + (size_t)vcpu * engine->n_streams;
}

static inline int ps_vcpu_in_transition(const struct ps_vcpu v)
{
    return !ps_plain(v) && v.guest->ready_ns > v.guest->now_ns;
}

/* Planes that can get on with a job, and with that or with computing. */
static inline uint16_t ps_vcpu_able(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    return ps_plain(v) ? guest->work : (uint16_t)(guest->work & ~guest->waiting);
}

static inline uint16_t ps_vcpu_eager(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    const uint16_t work = (uint16_t)(guest->work | v.engine->config.busy);
    return ps_plain(v) ? guest->work : (uint16_t)(work & ~guest->waiting);
}

/* The job that the current plane works on, or NULL. */
static inline struct ps_node *ps_vcpu_job(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    if (guest->status || !ps_has(ps_vcpu_able(v), guest->current) || ps_vcpu_in_transition(v))
        return NULL;
    return &v.engine->pool.nodes[guest->queues[guest->current].head];
}

/* Whether it works, or computes at least. */
static inline int ps_vcpu_computes(const struct ps_vcpu v)
{
    return !v.guest->status && ps_has(ps_vcpu_eager(v), v.guest->current) &&
           !ps_vcpu_in_transition(v);
}

static inline int ps_vcpu_calls(const struct ps_vcpu v)
{
    return !ps_plain(v) && ps_has(v.engine->callers, v.guest->current);
}

/* Where a vCPU is, as far as leaps ask. */
static inline struct ps_place ps_vcpu_place(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    const struct ps_place place = {(uint32_t)v.clock[PS_CLOCK_ROW], guest->work,
                                   guest->left, 0};
    return place;
}

/* What a leap holds ends here: before this, or what takes no time has all happened. */
static inline void ps_vcpu_end_leap(const struct ps_vcpu v)
{
    ps_leap_end(v.engine->leaps, ps_vcpu_place(v), v.guest->current, v.guest->status,
                v.guest->work);
}

static inline struct ps_vcpu ps_vcpu_of(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_vcpu v = {engine, &engine->guests[vcpu], ps_clock(&engine->ledger, vcpu),
                              ps_streams(engine, vcpu), vcpu,
                              engine->chipped ? PS_CHIPPED : PS_USUAL,
                              engine->config.slice_ns != 0};
    return v;
}

#endif
