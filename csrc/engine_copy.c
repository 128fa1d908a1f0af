/* Snapshots: an engine that goes on as another would have. */
#include "engine_parts.h"

#include <stdlib.h>

/* A copy of n items in memory of its own. Returns 0, or -1 without memory. */
static int copied(void **out, const void *from, size_t n, size_t size)
{
    *out = malloc(n ? n * size : 1);
    if (!*out)
        return -1;
    if (n)
        memcpy(*out, from, n * size);
    return 0;
}

int ps_engine_clone(const struct ps_engine *engine, struct ps_engine **out)
{
    struct ps_engine *copy = (struct ps_engine *)malloc(sizeof *copy);
    void *states = NULL, *guests = NULL, *clocks = NULL, *nodes = NULL, *latency = NULL;
    void *sojourn = NULL;
    if (!copy)
        return PS_ENGINE_NO_MEMORY;
    *copy = *engine;
    const size_t n = engine->n_vcpus;
    const size_t slots = n * PS_CLOCK_SLOTS(engine->ledger.n_planes);
    const size_t buckets = (size_t)engine->ledger.n_planes * PS_N_BUCKETS;
    const int failed = copied(&states, engine->states, n, sizeof *engine->states) ||
                       copied(&guests, engine->guests, n, sizeof *engine->guests) ||
                       copied(&clocks, engine->clocks, slots, sizeof *engine->clocks) ||
                       copied(&nodes, engine->pool.nodes, engine->pool.used,
                              sizeof *engine->pool.nodes) ||
                       copied(&latency, engine->latency, buckets, sizeof *engine->latency) ||
                       copied(&sojourn, engine->sojourn, buckets, sizeof *engine->sojourn);
    copy->states = (struct ps_state *)states;
    copy->guests = (struct ps_guest *)guests;
    copy->clocks = copy->ledger.clocks = (int64_t *)clocks;
    copy->pool.nodes = (struct ps_node *)nodes;
    copy->pool.capacity = engine->pool.used;
    copy->latency = copy->ledger.latency = (uint64_t *)latency;
    copy->sojourn = (uint64_t *)sojourn;
    copy->ledger.figures = &copy->figures;
    copy->config.policy = &copy->policy;
    copy->config.initial = &copy->boot;
    if (failed) {
        ps_engine_destroy(copy);
        return PS_ENGINE_NO_MEMORY;
    }
    *out = copy;
    return 0;
}

int ps_engine_restore(struct ps_engine *engine, const struct ps_engine *snapshot)
{
    struct ps_engine *copy;
    if (engine == snapshot)
        return 0;
    if (ps_engine_clone(snapshot, &copy))
        return PS_ENGINE_NO_MEMORY;
    const struct ps_engine before = *engine;
    *engine = *copy;
    *copy = before;
    engine->ledger.figures = &engine->figures;
    engine->config.policy = &engine->policy;
    engine->config.initial = &engine->boot;
    ps_engine_destroy(copy);
    return 0;
}
