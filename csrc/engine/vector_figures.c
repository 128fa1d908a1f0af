/* What became of vectors: counted, read and logged (rules, 8). */
#include "engine/vcpu_step.h"

#include <stdlib.h>

/* ---- Of vectors that no source brings ---- */

PS_SELDOM struct ps_vector_times *make_times(struct ps_engine *engine, size_t at)
{
    if (engine->n_times == engine->room_for_times) {
        const uint32_t room = engine->n_times ? 2 * engine->n_times : 4;
        void *wider = realloc(engine->times, room * sizeof *engine->times);
        if (!wider) {
            ps_engine_fail(engine);
            return NULL;
        }
        engine->times = (struct ps_vector_times *)wider;
        engine->room_for_times = room;
    }
    struct ps_vector_times *times = &engine->times[engine->n_times++];
    memset(times, 0, sizeof *times);
    engine->timed[at] = (uint16_t)engine->n_times;
    return times;
}

/* The histograms of a vector, made if need be; NULL, and the engine is at its end, without memory.
 * There are as many as vectors that come: 58 KiB each. */
static struct ps_vector_times *times_of(struct ps_engine *engine, size_t at)
{
    return engine->timed[at] ? &engine->times[engine->timed[at] - 1u] : make_times(engine, at);
}

void ps_vectors_count(struct ps_engine *engine, unsigned plane, unsigned vector,
                      uint64_t latency_ns)
{
    const size_t at = plane * PS_N_VECTORS + vector;
    struct ps_vector_row *row = &engine->vectors[at];
    struct ps_vector_times *times = times_of(engine, at);
    row->injected++;
    ps_wide_add(&row->latency_ns, latency_ns);
    ps_extend_range(&row->latency_min_ns, &row->latency_max_ns, latency_ns);
    if (times)
        times->latency[ps_bucket(latency_ns)]++;
}

void ps_vectors_respond(struct ps_engine *engine, uint32_t vcpu, uint64_t response_ns)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    const size_t at = guest->current * PS_N_VECTORS + guest->vector;
    struct ps_vector_row *row = &engine->vectors[at];
    if (guest->posted[PS_CLOCK_POSTED + guest->current] < engine->n_sources)
        return; /* it counts by source */
    struct ps_vector_times *times = times_of(engine, at);
    ps_wide_add(&row->response_ns, response_ns);
    ps_extend_range(&row->response_min_ns, &row->response_max_ns, response_ns);
    if (times)
        times->response[ps_bucket(response_ns)]++;
}

/* ---- Reading ---- */

/* Where IRR is not empty, of how many vectors by plane. */
static void count_in_irr(const struct ps_engine *engine, struct ps_vector_row *rows, int before)
{
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++)
        for (unsigned plane = 0; plane < engine->config.n_planes; plane++) {
            const struct ps_apic *apic = ps_vcpu_apics(engine, vcpu) + plane;
            for (uint16_t left = apic->irr_classes; left; left = (uint16_t)(left & (left - 1u)))
                for (unsigned vector = ps_lowest(left) << 4, n = 16; n; vector++, n--) {
                    struct ps_vector_row *row = &rows[plane * PS_N_VECTORS + vector];
                    const unsigned pending = ps_vectors_have(apic->irr, vector);
                    row->before += before ? pending : 0u;
                    row->pending += before ? 0u : pending;
                }
        }
}

void ps_vectors_clear(struct ps_engine *engine)
{
    const size_t n = (size_t)engine->config.n_planes * PS_N_VECTORS;
    memset(engine->vectors, 0, n * sizeof *engine->vectors);
    for (size_t i = 0; i < n; i++)
        engine->vectors[i].latency_min_ns = engine->vectors[i].response_min_ns = UINT64_MAX;
    if (engine->n_times)
        memset(engine->times, 0, engine->n_times * sizeof *engine->times);
    count_in_irr(engine, engine->vectors, 1);
}

void ps_vectors_count_pending(const struct ps_engine *engine,
                            uint64_t counts[PS_N_PENDING][PS_MAX_PLANES])
{
    const struct ps_chips chips = {&engine->chip, engine->apics, NULL};
    ps_chips_pending(&chips, engine->states, engine->n_vcpus, engine->config.n_planes, counts);
}

/* What sources brought is counted by source: each has one vector, at the plane that it is for. */
static void add_sources(const struct ps_engine *engine, struct ps_vector_row *rows)
{
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        const struct ps_row *row = &engine->rows[i];
        struct ps_vector_row *to =
            &rows[engine->row_planes[i] * PS_N_VECTORS + engine->sources[i].vector];
        if (!row->injected)
            continue;
        to->injected += row->injected;
        ps_wide_add_wide(&to->latency_ns, row->latency_ns);
        ps_wide_add_wide(&to->response_ns, row->response_ns);
        ps_extend_range(&to->latency_min_ns, &to->latency_max_ns, row->latency_min_ns);
        ps_extend_range(&to->latency_min_ns, &to->latency_max_ns, row->latency_max_ns);
        ps_extend_range(&to->response_min_ns, &to->response_max_ns, row->response_min_ns);
        ps_extend_range(&to->response_min_ns, &to->response_max_ns, row->response_max_ns);
    }
}

int ps_engine_read_vectors(const struct ps_engine *engine, struct ps_vector_row *rows)
{
    const size_t n = (size_t)engine->config.n_planes * PS_N_VECTORS;
    if (!engine->chipped)
        return PS_ENGINE_BAD_CONFIG;
    memcpy(rows, engine->vectors, n * sizeof *rows);
    add_sources(engine, rows);
    for (size_t i = 0; i < n && !engine->costly; i++) { /* as of other rows */
        rows[i].response_ns = rows[i].latency_ns;
        rows[i].response_min_ns = rows[i].latency_min_ns;
        rows[i].response_max_ns = rows[i].latency_max_ns;
    }
    count_in_irr(engine, rows, 0);
    return 0;
}

static void add_buckets(uint64_t *to, const uint64_t *from)
{
    for (unsigned bucket = 0; bucket < PS_N_BUCKETS; bucket++)
        to[bucket] += from[bucket];
}

void ps_engine_read_vector_times(const struct ps_engine *engine, const uint32_t *places,
                                 uint64_t *latency, uint64_t *response)
{
    const size_t n = (size_t)engine->config.n_planes * PS_N_VECTORS;
    const int costly = engine->costly;
    for (size_t i = 0; engine->chipped && i < n; i++)
        if (engine->timed[i] && places[i] != PS_NOWHERE) {
            const struct ps_vector_times *times = &engine->times[engine->timed[i] - 1u];
            const size_t to = (size_t)places[i] * PS_N_BUCKETS;
            add_buckets(&latency[to], times->latency);
            add_buckets(&response[to], costly ? times->response : times->latency);
        }
    for (uint32_t i = 0; engine->chipped && i < engine->n_sources; i++) {
        const uint32_t place =
            places[engine->row_planes[i] * PS_N_VECTORS + engine->sources[i].vector];
        const size_t from = (size_t)i * PS_N_BUCKETS, to = (size_t)place * PS_N_BUCKETS;
        if (place == PS_NOWHERE)
            continue;
        add_buckets(&latency[to], &engine->latency[from]);
        add_buckets(&response[to], costly ? &engine->response[from] : &engine->latency[from]);
    }
}

void ps_engine_log_vectors(struct ps_engine *engine, struct ps_event_record *records, uint64_t n)
{
    engine->vector_log = records;
    engine->vector_log_left = records ? n : 0;
}

uint64_t ps_engine_log_vectors_left(const struct ps_engine *engine)
{
    return engine->vector_log_left;
}
