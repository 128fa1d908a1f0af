/* An engine's clock: all of its vCPUs come to one time. */
#include "engine/arrivals.h"
#include "engine/vectors.h"

#include <stddef.h>

/* A vCPU comes from memory where there are many; what the one after next needs is fetched early. */
#define PS_VCPUS_AHEAD 2u

static void prefetch_vcpu(const struct ps_engine *engine, uint32_t vcpu)
{
    const char *guest = (const char *)&engine->guests[vcpu];
    const struct ps_stream *streams = ps_streams(engine, vcpu);
    for (size_t at = 0; at < offsetof(struct ps_guest, fed); at += 64)
        ps_prefetch(guest + at);
    ps_prefetch_clock(&engine->ledger, vcpu);
    for (uint32_t i = 0; i < engine->n_sources && i < 8; i++)
        ps_prefetch(&streams[i]);
    for (uint32_t i = 0; i < engine->n_dues && i < 32; i += 64 / sizeof *engine->dues)
        ps_prefetch(&ps_dues(engine, vcpu)[i]);
}

/* Go so far that the time spent in a state, summed over all vCPUs, still fits the automaton. */
static int advance_counted(struct ps_engine *engine, int64_t until_ns, uint64_t *patience)
{
    if (engine->talks)
        return ps_engine_advance_together(engine, until_ns, patience);
    if (until_ns != engine->until_ns)
        engine->cursor = 0;
    engine->until_ns = until_ns;
    for (; engine->cursor < engine->n_vcpus; engine->cursor++) {
        if (engine->cursor + PS_VCPUS_AHEAD < engine->n_vcpus)
            prefetch_vcpu(engine, engine->cursor + PS_VCPUS_AHEAD);
        if (ps_vcpu_advance(engine, engine->cursor, until_ns, patience))
            return 1;
    }
    engine->cursor = 0;
    return 0;
}

int ps_engine_advance(struct ps_engine *engine, int64_t until_ns, uint64_t patience)
{
    if (until_ns < engine->now_ns || until_ns == PS_NEVER_NS)
        return PS_ENGINE_BAD_TIME;
    const int64_t most_ns = PS_NEVER_NS / engine->n_vcpus;
    do {
        const int64_t limit_ns = ps_later(engine->counted_ns, most_ns);
        const int64_t to_ns = until_ns < limit_ns ? until_ns : limit_ns;
        engine->together = 0;
        const int more = advance_counted(engine, to_ns, &patience);
        const int stopped = engine->stopped;
        engine->stopped = 0;
        if (engine->failed)
            return PS_ENGINE_NO_MEMORY;
        if (engine->wrong)
            return PS_ENGINE_WRONG_ANSWER;
        if (stopped || more)
            return stopped ? PS_ENGINE_STOPPED : 1;
        engine->now_ns = to_ns;
        engine->together = 1;
        if (to_ns == limit_ns)
            ps_engine_fold(engine);
    } while (engine->now_ns < until_ns);
    return 0;
}

void ps_engine_fail(struct ps_engine *engine)
{
    engine->failed = 1;
    /* All are at the end of time and nothing arrives, so that no loop needs to ask: what did not
     * find room would be tried for ever. */
    engine->n_looked_at = engine->n_dues = 0;
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        struct ps_guest *guest = &engine->guests[vcpu];
        guest->arrival_ns = PS_NEVER_NS;
        guest->now_ns = PS_NEVER_NS - 1;
        guest->input.head = guest->input.tail = PS_NIL;
    }
}

int64_t ps_engine_next_event_ns(const struct ps_engine *engine)
{
    int64_t next = PS_NEVER_NS;
    unsigned rank;
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const int64_t its = ps_vcpu_next_ns(engine, vcpu, &rank);
        next = its < next ? its : next;
    }
    return next;
}

int64_t ps_engine_now_ns(const struct ps_engine *engine)
{
    return engine->now_ns;
}

uint32_t ps_engine_n_vcpus(const struct ps_engine *engine)
{
    return engine->n_vcpus;
}

const struct ps_state *ps_engine_state(const struct ps_engine *engine, uint32_t vcpu)
{
    return ps_vcpu_state(engine, vcpu);
}
