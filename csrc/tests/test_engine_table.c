/* Where an engine's table of transitions is full, vCPUs leave it and come back: every figure is
 * that of an engine whose table holds all, and of one that asks step each time. */
#include <stdlib.h>

#include "engine/parts.h"

#define PLANES 7u
#define VCPUS 3u
#define ROWS (2u * PLANES)
#include "reading.h"

struct everything {
    struct reading of;
    struct ps_vector_row vectors[PLANES * PS_N_VECTORS];
    struct ps_vcpu_report reports[VCPUS];
    struct ps_state states[VCPUS];
};

static void read_all(struct ps_engine *engine, struct everything *out)
{
    memset(out, 0, sizeof *out);
    read_figures(engine, &out->of);
    CHECK((ps_engine_read_vectors(engine, out->vectors) == 0) == engine->chipped);
    for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
        ps_engine_report(engine, vcpu, &out->reports[vcpu]);
        out->states[vcpu] = *ps_engine_state(engine, vcpu);
    }
}

static int is_out(const struct ps_engine *engine, uint32_t vcpu)
{
    return (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW] == PS_NO_STATE;
}

/* Event by event. Returns how often a vCPU came back. */
static unsigned go(struct ps_engine *engine, int64_t until_ns)
{
    unsigned backs = 0;
    int more;
    do {
        const uint32_t vcpu = engine->cursor;
        const int before = is_out(engine, vcpu);
        more = ps_engine_advance(engine, until_ns, 1);
        CHECK(more >= 0);
        backs += before && !is_out(engine, vcpu);
    } while (more);
    return backs;
}

static void ask_step_always(struct ps_engine *engine)
{
    engine->looks_up = 0;
    for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++)
        ps_vcpu_leave_automaton(engine, vcpu);
}

static void check(const struct ps_engine_config *config)
{
    struct ps_engine *bounded, *whole, *never;
    static struct everything of_bounded, of_whole, of_never;
    CHECK(ps_engine_create(config, &bounded) == 0);
    CHECK(ps_engine_create(config, &whole) == 0);
    CHECK(ps_engine_create(config, &never) == 0);
    bounded->automaton->most = bounded->automaton->room;
    ask_step_always(never);
    unsigned backs = 0;
    for (int64_t stretch = 1; stretch <= 4; stretch++) {
        backs += go(bounded, stretch * 2000000);
        CHECK(go(whole, stretch * 2000000) == 0 && go(never, stretch * 2000000) == 0);
        read_all(bounded, &of_bounded);
        read_all(whole, &of_whole);
        read_all(never, &of_never);
        CHECK(memcmp(&of_bounded, &of_whole, sizeof of_whole) == 0);
        CHECK(memcmp(&of_bounded, &of_never, sizeof of_never) == 0);
        if (stretch == 2) {
            ps_engine_restart(bounded);
            ps_engine_restart(whole);
            ps_engine_restart(never);
        }
    }
    CHECK(of_whole.of.totals.finished[0] > 100);
    CHECK(bounded->automaton->n_states == bounded->automaton->most && backs > 100);
    CHECK(whole->automaton->n_states > bounded->automaton->most && is_out(never, 0));
    ps_engine_destroy(bounded);
    ps_engine_destroy(whole);
    ps_engine_destroy(never);
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_RESUME;
    policy.call = PS_CALL_NEXT;
    CHECK(ps_policy_prepare(&policy) == 0);
    struct ps_source sources[PLANES];
    memset(sources, 0, sizeof sources);
    for (uint32_t i = 0; i < PLANES; i++) {
        struct ps_source *source = &sources[i];
        source->gap.kind = source->service.kind = PS_SPREAD_EXPONENTIAL;
        source->gap.a = 10000;
        source->service.a = 1000;
        source->number = i;
        source->arrivals = PS_ARRIVALS_POISSON;
        source->plane = (uint8_t)i;
        source->vector = (uint8_t)(48 + 16 * i);
        ps_source_prepare(source, &ps_library_draws);
    }
    struct ps_workload workload;
    memset(&workload, 0, sizeof workload);
    workload.sources = sources;
    workload.n_sources = PLANES;
    workload.seed = ps_seed_of(1);
    workload.draws = &ps_library_draws;
    struct ps_engine_config config;
    memset(&config, 0, sizeof config);
    config.policy = &policy;
    config.n_vcpus = VCPUS;
    config.n_planes = PLANES;
    config.main_plane = PS_NO_PLANE;
    config.online = (1u << PLANES) - 1u;
    config.workload = &workload;
    check(&config);
    static struct ps_costs costs;
    config.costs = &costs;
    ps_costs_set(&costs, PS_REASON_INTERRUPT, 110);
    ps_costs_set(&costs, PS_REASON_RETURN, 70);
    check(&config);
    const struct ps_chip_policy chip = ps_chip_policy_default();
    config.controller = &chip;
    check(&config);
    return 0;
}
