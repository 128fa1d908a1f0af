/* Snapshots: an engine that goes on as another would have. */
#include "engine/vectors.h"

/* An engine's pointers to what it holds itself: of a copy they lead to the other one at first. */
static void point_to_own(struct ps_engine *engine)
{
    engine->ledger.figures = &engine->figures;
    engine->ledger.clocks = engine->clocks;
    engine->config.policy = &engine->policy;
    engine->config.initial = &engine->boot;
    if (engine->chipped)
        engine->config.controller = &engine->chip;
}

int ps_engine_clone(const struct ps_engine *engine, struct ps_engine **out)
{
    int failed = 0;
    struct ps_engine *copy = (struct ps_engine *)ps_copied(engine, 1, sizeof *engine);
    if (!copy)
        return PS_ENGINE_NO_MEMORY;
    const size_t n = engine->n_vcpus, n_rows = ps_n_rows(engine);
    const size_t slots = n * PS_CLOCK_SLOTS(engine->ledger.n_planes);
    const size_t buckets = n_rows * PS_N_BUCKETS, timed = buckets + PS_N_BUCKETS;
    const size_t chips = engine->chipped ? n * engine->config.n_planes : 0;
    const size_t rows_of_vectors =
        engine->chipped ? (size_t)engine->config.n_planes * PS_N_VECTORS : 0;
    const size_t streams = n * engine->n_streams, leaves = engine->talks ? 2 * n : 0;
#define PS_COPY(type, field, count) \
    copy->field = (type *)ps_copied(engine->field, count, sizeof(type)); \
    failed += !copy->field
    PS_COPY(struct ps_state, states, n);
    PS_COPY(struct ps_guest, guests, n);
    PS_COPY(int64_t, clocks, slots);
    PS_COPY(struct ps_node, pool.nodes, engine->pool.used);
    PS_COPY(struct ps_stream, streams, streams);
    PS_COPY(struct ps_due, dues, n * engine->n_dues);
    PS_COPY(uint32_t, tree, leaves);
    PS_COPY(uint32_t, arriving, engine->n_arriving);
    PS_COPY(struct ps_row, rows, n_rows + 1);
    PS_COPY(uint8_t, row_planes, n_rows);
    PS_COPY(uint64_t, latency, timed);
    PS_COPY(uint64_t, response, timed);
    PS_COPY(uint64_t, sojourn, buckets);
    PS_COPY(char, memories, n * engine->algorithm.size);
    PS_COPY(char, first_memory, engine->algorithm.size);
    PS_COPY(struct ps_apic, apics, chips);
    PS_COPY(struct ps_queue, posted, chips);
    PS_COPY(struct ps_vector_row, vectors, rows_of_vectors);
    PS_COPY(uint16_t, timed, rows_of_vectors);
    PS_COPY(struct ps_vector_times, times, engine->n_times);
    PS_COPY(uint16_t, pool.brought, engine->chipped ? engine->pool.used : 0);
#undef PS_COPY
    copy->automaton = ps_automaton_clone(engine->automaton);
    failed += !copy->automaton;
    copy->leaps = NULL; /* it makes its own */
    failed += ps_engine_take_leaps(copy);
    if (!failed && engine->leaps)
        ps_engine_give_leaps(engine, copy);
    copy->pool.capacity = engine->pool.used;
    copy->room_for_times = engine->n_times;
    point_to_own(copy);
    ps_engine_log(copy, NULL, 0); /* two do not write to one log */
    ps_engine_log_vectors(copy, NULL, 0);
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
    point_to_own(engine);
    ps_engine_destroy(copy);
    return 0;
}
