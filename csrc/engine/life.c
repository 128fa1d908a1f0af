/* An engine's life. */
#include "engine/arrivals.h"
#include "engine/vectors.h"

#include <stdlib.h>

static unsigned serving_plane(const struct ps_engine *engine, uint32_t row)
{
    if (row >= engine->n_sources)
        return row - engine->n_sources;
    const struct ps_source *source = &engine->sources[row];
    if (source->arrivals != PS_ARRIVALS_CALLS)
        return source->plane;
    if (engine->policy.call != PS_CALL_NEXT)
        return source->callee;
    const struct ps_state *s = &engine->boot;
    const uint16_t above = ps_outranking(&engine->policy, s, source->plane);
    return above ? ps_last(&engine->policy, s->locked, above) : source->plane;
}

static int take_workload(struct ps_engine *engine)
{
    const struct ps_workload *workload = engine->config.workload;
    engine->n_sources = workload ? workload->n_sources : 0;
    engine->sources = workload ? workload->sources : NULL;
    engine->n_streams = workload ? workload->n_sources + 1 : 0;
    const size_t n_rows = ps_n_rows(engine), n_timed = n_rows + 1; /* and the one nobody reads */
    engine->rows = (struct ps_row *)calloc(n_timed, sizeof *engine->rows);
    engine->row_planes = (uint8_t *)calloc(n_rows, 1);
    engine->arriving = (uint32_t *)calloc(n_rows, sizeof *engine->arriving);
    engine->latency = (uint64_t *)calloc(n_timed * PS_N_BUCKETS, sizeof *engine->latency);
    engine->response = (uint64_t *)calloc(n_timed * PS_N_BUCKETS, sizeof *engine->response);
    engine->sojourn = (uint64_t *)calloc(n_rows * PS_N_BUCKETS, sizeof *engine->sojourn);
    if (!engine->rows || !engine->row_planes || !engine->arriving ||
        !engine->latency || !engine->response || !engine->sojourn)
        return PS_ENGINE_NO_MEMORY;
    ps_engine_clear(engine);
    for (uint32_t row = 0; row < n_rows; row++)
        engine->row_planes[row] = (uint8_t)serving_plane(engine, row);
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        if (engine->sources[i].arrivals < PS_ARRIVALS_CALLS)
            engine->arriving[engine->n_arriving++] = i;
        engine->talks |= engine->sources[i].arrivals == PS_ARRIVALS_IPIS;
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS)
            engine->callers = (uint16_t)(engine->callers | ps_bit(engine->sources[i].plane));
    }
    if (engine->n_arriving <= PS_LOOKED_AT_MOST)
        engine->n_looked_at = engine->n_arriving;
    else
        for (engine->n_dues = 2; engine->n_dues < engine->n_arriving;)
            engine->n_dues *= 2;
    engine->costly = ps_config_costly(&engine->config);
    engine->plain = !engine->costly && !engine->callers && !engine->talks &&
                    !engine->config.busy && engine->config.route == PS_ROUTE_OWN &&
                    !engine->config.slice_ns;
    return 0;
}

static int take_controller(struct ps_engine *engine)
{
    const struct ps_chip_policy *controller = engine->config.controller;
    if (!controller)
        return 0;
    const size_t n = (size_t)engine->config.n_planes * PS_N_VECTORS;
    engine->chip = *controller;
    engine->config.controller = &engine->chip;
    engine->chipped = engine->pool.by_vectors = 1;
    engine->vectors = (struct ps_vector_row *)calloc(n, sizeof *engine->vectors);
    engine->timed = (uint16_t *)calloc(n, sizeof *engine->timed);
    return engine->vectors && engine->timed ? 0 : PS_ENGINE_NO_MEMORY;
}

int ps_engine_create(const struct ps_engine_config *config, struct ps_engine **out)
{
    if (!ps_config_valid(config))
        return PS_ENGINE_BAD_CONFIG;
    struct ps_engine *engine = (struct ps_engine *)calloc(1, sizeof *engine);
    if (!engine)
        return PS_ENGINE_NO_MEMORY;
    engine->config = *config;
    engine->policy = *config->policy;
    engine->boot = config->initial ? *config->initial : ps_boot(config->policy, config->online);
    engine->config.policy = &engine->policy;
    engine->config.initial = &engine->boot;
    if (config->main_plane == PS_NO_PLANE)
        engine->config.main_plane = (uint8_t)ps_highest(engine->boot.online);
    engine->now_ns = engine->until_ns = engine->counted_ns = config->start_ns;
    engine->ended.head = PS_NIL;
    engine->ledger.figures = &engine->figures;
    engine->ledger.n_planes = config->n_planes;
    if (take_controller(engine) || ps_engine_take_algorithm(engine) || take_workload(engine) ||
        ps_engine_take_leaps(engine) || ps_pool_begin(&engine->pool) ||
        ps_engine_grow(engine, config->n_vcpus)) {
        ps_engine_destroy(engine);
        return PS_ENGINE_NO_MEMORY;
    }
    *out = engine;
    return 0;
}

void ps_engine_destroy(struct ps_engine *engine)
{
    if (!engine)
        return;
    ps_automaton_destroy(engine->automaton);
    ps_leaps_destroy(engine->leaps);
    free(engine->first_memory);
    free(engine->memories);
    free(engine->apics);
    free(engine->posted);
    free(engine->vectors);
    free(engine->timed);
    free(engine->times);
    free(engine->pool.brought);
    free(engine->states);
    free(engine->guests);
    free(engine->clocks);
    free(engine->streams);
    free(engine->dues);
    free(engine->tree);
    free(engine->pool.nodes);
    free(engine->rows);
    free(engine->row_planes);
    free(engine->arriving);
    free(engine->latency);
    free(engine->response);
    free(engine->sojourn);
    free(engine);
}

static void begin_streams(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_workload *workload = engine->config.workload;
    const uint32_t id = workload->ids ? workload->ids[vcpu] : vcpu;
    struct ps_stream *streams = ps_streams(engine, vcpu);
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        const struct ps_source *source = &engine->sources[i];
        workload->draws->begin(&streams[i], source, &workload->seed, id, source->number);
        if (source->members && !source->members[vcpu])
            streams[i].next_ns = PS_NEVER_NS;
    }
    workload->draws->begin(&streams[engine->n_sources], NULL, &workload->seed, id,
                           engine->n_sources);
    ps_dues_begin(engine, vcpu);
}

static void begin_vcpu(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const int64_t start_ns = engine->config.start_ns;
    memset(guest, 0, sizeof *guest);
    guest->now_ns = guest->ready_ns = start_ns;
    guest->left = PS_NO_PLANE;
    guest->fed.time_ns = -1;
    guest->input.head = PS_NIL;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        guest->queues[plane].head = PS_NIL;
    ps_engine_begin_memory(engine, vcpu);
    engine->states[vcpu] = engine->boot;
    if (engine->chipped)
        ps_vectors_begin(engine, vcpu);
    guest->current = (uint8_t)engine->boot.current;
    guest->status = engine->boot.status;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        guest->posted[PS_CLOCK_POSTED + plane] = (uint16_t)ps_plane_row(engine, plane);
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    for (unsigned slot = 0; slot < PS_CLOCK_SLOTS(engine->ledger.n_planes); slot++)
        clock[slot] = PS_UNKNOWN_NS;
    ps_figures_join(&engine->ledger, &engine->boot, clock, start_ns);
    clock[PS_CLOCK_ROW] = PS_NO_STATE;
    engine->n_outside++;
    ps_figures_begin_time(&engine->ledger, &engine->boot, 1, start_ns);
    ps_vcpu_set_state(engine, vcpu, &engine->boot);
    if (engine->n_streams)
        begin_streams(engine, vcpu);
    ps_vcpu_find_arrival(engine, vcpu);
    ps_vcpu_act_until_busy(engine, vcpu);
}

/* Give one array room for n items; what is there stays. */
static int give_room(void **array, size_t n, size_t size)
{
    void *wider = n > SIZE_MAX / (size + !size) ? NULL : realloc(*array, n * size + !size);
    if (!wider)
        return PS_ENGINE_NO_MEMORY;
    *array = wider;
    return 0;
}

int ps_engine_grow(struct ps_engine *engine, uint32_t n_vcpus)
{
    void *states = engine->states, *guests = engine->guests, *clocks = engine->clocks;
    void *streams = engine->streams, *tree = engine->tree, *dues = engine->dues;
    void *memories = engine->memories, *apics = engine->apics, *posted = engine->posted;
    const uint32_t before = engine->n_vcpus;
    if (n_vcpus <= before)
        return 0;
    if (engine->talks && engine->now_ns > engine->config.start_ns)
        return PS_ENGINE_BAD_TIME; /* what they would have sent the others is past */
    const size_t slots = PS_CLOCK_SLOTS(engine->ledger.n_planes);
    const size_t chips = engine->chipped ? engine->config.n_planes : 0;
    const int failed = give_room(&states, n_vcpus, sizeof *engine->states) ||
                       give_room(&guests, n_vcpus, sizeof *engine->guests) ||
                       give_room(&clocks, n_vcpus, slots * sizeof *engine->clocks) ||
                       give_room(&streams, n_vcpus, engine->n_streams * sizeof *engine->streams) ||
                       give_room(&dues, n_vcpus, engine->n_dues * sizeof *engine->dues) ||
                       give_room(&tree, n_vcpus, engine->talks ? 2 * sizeof *engine->tree : 0) ||
                       give_room(&memories, n_vcpus, engine->algorithm.size) ||
                       give_room(&apics, n_vcpus, chips * sizeof *engine->apics) ||
                       give_room(&posted, n_vcpus, chips * sizeof *engine->posted);
    engine->states = (struct ps_state *)states;
    engine->guests = (struct ps_guest *)guests;
    engine->clocks = engine->ledger.clocks = (int64_t *)clocks;
    engine->streams = (struct ps_stream *)streams;
    engine->dues = (struct ps_due *)dues;
    engine->tree = (uint32_t *)tree;
    engine->memories = (char *)memories;
    engine->apics = (struct ps_apic *)apics;
    engine->posted = (struct ps_queue *)posted;
    if (failed)
        return PS_ENGINE_NO_MEMORY;
    engine->n_vcpus = n_vcpus;
    engine->together = 0; /* new ones are at the start */
    for (uint32_t vcpu = before; vcpu < n_vcpus; vcpu++)
        begin_vcpu(engine, vcpu);
    return 0;
}

/* The table of transitions stays; nobody is in it. */
static void leave_all(struct ps_engine *engine)
{
    ps_engine_fold(engine);
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
        if (row != PS_NO_STATE)
            ps_automaton_leave(engine->automaton, row, (uint64_t)engine->guests[vcpu].now_ns);
    }
    engine->n_vcpus = engine->n_outside = 0;
}

int ps_engine_renew(struct ps_engine *engine, const struct ps_workload *workload,
                    uint32_t n_vcpus)
{
    assert(n_vcpus && (workload ? workload->n_sources : 0) == engine->n_sources);
    if (engine->failed)
        return PS_ENGINE_NO_MEMORY;
    leave_all(engine);
    engine->config.workload = workload;
    engine->sources = workload ? workload->sources : NULL;
    engine->now_ns = engine->until_ns = engine->counted_ns = engine->config.start_ns;
    engine->cursor = 0;
    engine->batch = 0;
    engine->had_input = engine->stopped = 0;
    engine->ended.head = PS_NIL;
    ps_engine_log(engine, NULL, 0);
    ps_engine_log_vectors(engine, NULL, 0);
    ps_engine_clear(engine);
    return ps_pool_begin(&engine->pool) ? PS_ENGINE_NO_MEMORY : ps_engine_grow(engine, n_vcpus);
}
