/* The amalgamation alone: one header, one C file, and something of every part of the library. */
#include "planesched.h"

#include "../check.h"

static struct ps_policy vsm(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_NEXT_ONLINE;
    CHECK(ps_policy_prepare(&policy) == 0);
    return policy;
}

/* What is looked up is what is stepped. */
static void check_lookup(void)
{
    const struct ps_policy policy = vsm();
    struct ps_lookup *lookup = ps_lookup_create(&policy, 2, 1u << 20);
    CHECK(lookup != NULL);
    struct ps_state s = ps_boot(&policy, 3);
    struct ps_known_vcpu known = {s, PS_NO_ROW};
    const unsigned events[] = {PS_EVENT_IRQ, PS_EVENT_RETURN, PS_EVENT_HALT, PS_EVENT_IRQ};
    for (unsigned i = 0; i < 4; i++) {
        const struct ps_outcome a = ps_step(&policy, &s, events[i], i == 0);
        const struct ps_outcome b = ps_lookup_step(lookup, &known, events[i], i == 0);
        CHECK(memcmp(&a, &b, sizeof a) == 0 && memcmp(&s, &known.state, sizeof s) == 0);
    }
    CHECK(ps_lookup_states(lookup) > 1);
    ps_lookup_destroy(lookup);
}

/* A source of a job every 1000 ns that takes 100: all arrive, and plane 1 serves. */
static void check_workload(void)
{
    const struct ps_policy policy = vsm();
    struct ps_source source;
    struct ps_workload workload;
    struct ps_engine_config config;
    struct ps_engine *engine;
    memset(&source, 0, sizeof source);
    memset(&workload, 0, sizeof workload);
    memset(&config, 0, sizeof config);
    source.arrivals = PS_ARRIVALS_PERIODIC;
    source.period_ns = 1000;
    source.service.whole = 100;
    source.plane = 1;
    ps_source_prepare(&source, &ps_library_draws);
    workload.sources = &source;
    workload.n_sources = 1;
    workload.seed = ps_seed_of(7);
    workload.draws = &ps_library_draws;
    config.policy = &policy;
    config.n_vcpus = 2;
    config.n_planes = 2;
    config.online = 3;
    config.main_plane = PS_NO_PLANE;
    config.workload = &workload;
    CHECK(ps_engine_create(&config, &engine) == 0);
    while (ps_engine_advance(engine, 99999, 1000) == 1)
        continue;
    static struct ps_figures figures;
    static struct ps_totals totals;
    static struct ps_row rows[3];
    static uint64_t latency[3 * PS_N_BUCKETS], response[3 * PS_N_BUCKETS];
    static uint64_t sojourn[3 * PS_N_BUCKETS];
    const struct ps_reading reading = {&figures, &totals, rows, latency, response, sojourn};
    CHECK(ps_engine_n_rows(engine) == 3 && ps_engine_row_plane(engine, 0) == 1);
    ps_engine_read(engine, &reading);
    CHECK(rows[0].finished == 200 && totals.finished[1] == 200);
    CHECK(sojourn[ps_bucket(100)] == 200 && rows[0].sojourn_max_ns == 100);
    CHECK(figures.entries[0][1] == figures.entries[1][0]);
    ps_engine_destroy(engine);
}

int main(void)
{
    check_lookup();
    check_workload();
    return 0;
}
