/* The leaps of an engine: whether it makes any, and where what they count goes. */
#include "engine/parts.h"

int ps_engine_take_leaps(struct ps_engine *engine)
{
    const struct ps_engine_config *config = &engine->config;
    if (!engine->looks_up || !engine->n_arriving || config->n_planes > PS_LEAP_PLANES ||
        engine->chipped || engine->callers || engine->talks || config->route != PS_ROUTE_OWN ||
        config->slice_ns)
        return 0;
    engine->leaps = ps_leaps_create(config->n_planes, ps_n_rows(engine) + 1u, PS_LEAPS_BYTES);
    return engine->leaps ? 0 : PS_ENGINE_NO_MEMORY;
}

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void ps_engine_give_leaps(const struct ps_engine *from, struct ps_engine *to)
{
    const struct ps_leaps *leaps = from->leaps;
    ps_leaps_give(leaps, to->automaton);
    for (uint32_t i = 0; i < leaps->n_rows; i++) {
        const uint64_t at_once = leaps->leapt[i].at_once;
        to->rows[i].arrived += leaps->leapt[i].arrived;
        to->rows[i].injected += at_once;
        to->latency[(size_t)i * PS_N_BUCKETS + ps_bucket(0)] += at_once;
        to->rows[i].latency_min_ns = at_once ? 0 : to->rows[i].latency_min_ns;
    }
    for (unsigned plane = 0; plane < PS_LEAP_PLANES; plane++) {
        uint64_t *longest_ns = &to->figures.longest_ns[plane];
        uint64_t *starved_ns = &to->totals.starved_ns[plane];
        *longest_ns = greater(*longest_ns, leaps->longest_ns[plane]);
        *starved_ns = greater(*starved_ns, leaps->starved_ns[plane]);
    }
}

void ps_engine_fold_leaps(struct ps_engine *engine)
{
    if (!engine->leaps)
        return;
    ps_engine_give_leaps(engine, engine);
    ps_leaps_forget(engine->leaps);
}
