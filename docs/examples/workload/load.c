/* Guests that do things of themselves: a workload with the library's own draws. C11 and C++17. */
#include <planesched/engine.h>
#include <planesched/histogram.h>
#include <planesched/workload.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VCPUS 16u
#define SOURCES 2u
#define ROWS (SOURCES + 2u) /* a row for every source, then one for every plane */

/* Poisson arrivals for a plane, each with exponential service. */
static struct ps_source source_of(unsigned number, unsigned plane, double gap_ns, double service_ns)
{
    struct ps_source source;
    memset(&source, 0, sizeof source);
    source.arrivals = PS_ARRIVALS_POISSON;
    source.plane = (uint8_t)plane;
    source.number = number;
    source.gap.kind = PS_SPREAD_EXPONENTIAL;
    source.gap.a = gap_ns;
    source.service.kind = PS_SPREAD_EXPONENTIAL;
    source.service.a = service_ns;
    ps_source_prepare(&source, &ps_library_draws);
    return source;
}

/* The least value of the bucket below which `share` of the counts lie. */
static uint64_t quantile_ns(const uint64_t *counts, uint64_t n, double share)
{
    uint64_t seen = 0;
    unsigned bucket = 0;
    while (bucket + 1u < PS_N_BUCKETS && (double)(seen += counts[bucket]) < share * (double)n)
        bucket++;
    return ps_bucket_floor(bucket);
}

static void report(struct ps_engine *engine)
{
    static struct ps_figures figures;
    static struct ps_totals totals;
    static struct ps_row rows[ROWS];
    static uint64_t latency[ROWS][PS_N_BUCKETS], response[ROWS][PS_N_BUCKETS];
    static uint64_t sojourn[ROWS][PS_N_BUCKETS];
    const char *const names[SOURCES] = {"disk", "secure timer"};
    const struct ps_reading reading = {&figures,   &totals,     rows,
                                       latency[0], response[0], sojourn[0]};
    if (ps_engine_n_rows(engine) != ROWS)
        exit(1);
    ps_engine_read(engine, &reading);
    for (unsigned i = 0; i < SOURCES; i++)
        printf("%-12s plane %u, %6" PRIu64 " served, p99 from arrival to end %6.1f us\n", names[i],
               ps_engine_row_plane(engine, i), rows[i].finished,
               (double)quantile_ns(sojourn[i], rows[i].finished, 0.99) / 1e3);
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST; /* Hyper-V's VTLs */
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;
    const struct ps_source sources[SOURCES] = {source_of(0, 0, 50e3, 15e3),
                                               source_of(1, 1, 200e3, 20e3)};
    struct ps_workload workload;
    struct ps_engine_config config;
    memset(&workload, 0, sizeof workload);
    memset(&config, 0, sizeof config);
    workload.sources = sources; /* by plane, and there as long as the engine */
    workload.n_sources = SOURCES;
    workload.seed = ps_seed_of(1);
    workload.draws = &ps_library_draws;
    config.policy = &policy;
    config.n_vcpus = VCPUS;
    config.n_planes = 2;
    config.online = 3;
    config.main_plane = PS_NO_PLANE;
    static struct ps_costs costs; /* there as long as the engine */
    config.costs = &costs;
    ps_costs_set(&costs, PS_REASON_INTERRUPT, 2000);
    ps_costs_set(&costs, PS_REASON_RETURN, 2000);
    config.workload = &workload;

    struct ps_engine *engine;
    if (ps_engine_create(&config, &engine) != 0)
        return 1;
    while (ps_engine_advance(engine, INT64_C(1000000000), 1000000) == 1)
        continue;
    report(engine);
    ps_engine_destroy(engine);
    return 0;
}
