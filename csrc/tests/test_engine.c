/* The engine from C: one timeline, what it refuses, and that reading changes nothing. */
#define ROWS 2u /* what is fed to each plane */
#include "reading.h"

static struct ps_costs costs;

static struct ps_engine_config two_planes(const struct ps_policy *policy)
{
    struct ps_engine_config config;
    memset(&costs, 0, sizeof costs);
    memset(&config, 0, sizeof config);
    config.costs = &costs;
    config.policy = policy;
    config.n_vcpus = 2;
    config.n_planes = 2;
    config.main_plane = PS_NO_PLANE;
    config.online = 3;
    ps_costs_set(&costs, PS_REASON_INTERRUPT, 3);
    ps_costs_set(&costs, PS_REASON_RETURN, 2);
    return config;
}

static struct ps_policy vsm(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_NEXT_ONLINE;
    CHECK(ps_policy_prepare(&policy) == 0);
    return policy;
}

static void feed(struct ps_engine *engine, const struct ps_job *jobs, uint64_t n)
{
    uint64_t index = 0;
    enum ps_job_mistake mistake = PS_JOB_FINE;
    CHECK(ps_engine_feed(engine, jobs, n, &index, &mistake) == 0);
}

/* Plane 0 works 100-120, plane 1 123-153 after a switch of 3, plane 0 155-185 after one of 2. */
static void check_timeline(uint64_t patience)
{
    const struct ps_policy policy = vsm();
    const struct ps_engine_config config = two_planes(&policy);
    const struct ps_job jobs[] = {{100, 50, 1, 0, 0, 0}, {120, 30, 1, 0, 1, 0}};
    const int64_t events[] = {100, 120, 123, 153, 155, 185, PS_NEVER_NS};
    struct ps_engine *engine = NULL;
    CHECK(ps_engine_create(&config, &engine) == 0);
    feed(engine, jobs, 2);
    for (unsigned i = 0; events[i] != PS_NEVER_NS; i++) {
        CHECK(ps_engine_next_event_ns(engine) == events[i]);
        while (ps_engine_advance(engine, events[i], patience) == 1)
            CHECK(patience == 1);
        CHECK(ps_engine_now_ns(engine) == events[i]);
    }
    CHECK(ps_engine_next_event_ns(engine) == PS_NEVER_NS);
    CHECK(ps_engine_state(engine, 1)->status == PS_STATUS_BLOCKED);

    static struct reading found;
    const struct ps_row *rows = found.rows;
    const struct ps_totals *totals = &found.totals;
    struct ps_vcpu_report report;
    for (unsigned times = 0; times < 2; times++) {
        read_figures(engine, &found);
        CHECK(rows[0].finished == 1 && rows[1].sojourn_max_ns == 33);
        CHECK(totals->finished[0] == 1 && totals->finished[1] == 1);
        CHECK(totals->sojourn_max_ns[0] == 85 && totals->sojourn_max_ns[1] == 33);
        CHECK(found.figures.entries[0][1] == 1 && found.figures.entries[1][0] == 1);
        CHECK(found.sojourn[PS_N_BUCKETS + ps_bucket(33)] == 1);
    }
    ps_engine_report(engine, 1, &report);
    CHECK(report.time_ns[0] == 80 && report.time_ns[2] == 100 && report.time_ns[3] == 5);
    ps_engine_report(engine, 0, &report);
    CHECK(report.time_ns[2] == 185);
    ps_engine_destroy(engine);
}

static void check_refusals(void)
{
    const struct ps_policy policy = vsm();
    struct ps_engine_config config = two_planes(&policy);
    struct ps_engine *engine = NULL;
    config.n_planes = 17;
    CHECK(ps_engine_create(&config, &engine) == PS_ENGINE_BAD_CONFIG);
    config = two_planes(&policy);
    ps_costs_set(&costs, PS_REASON_CALL, -1);
    CHECK(ps_engine_create(&config, &engine) == PS_ENGINE_BAD_CONFIG);
    config = two_planes(&policy);
    config.route = PS_ROUTE_MARKER; /* without a marker */
    CHECK(ps_engine_create(&config, &engine) == PS_ENGINE_BAD_CONFIG);
    config = two_planes(&policy);
    config.main_plane = 2;
    CHECK(ps_engine_create(&config, &engine) == PS_ENGINE_BAD_CONFIG);
    CHECK(engine == NULL);

    config = two_planes(&policy);
    CHECK(ps_engine_create(&config, &engine) == 0);
    const struct ps_job jobs[] = {{5, 1, 0, 0, 0, 0}, {4, 1, 1, 0, 0, 0}, {3, 1, 1, 0, 0, 0}};
    uint64_t index = 0;
    enum ps_job_mistake mistake = PS_JOB_FINE;
    CHECK(ps_engine_feed(engine, jobs, 3, &index, &mistake) == PS_ENGINE_BAD_JOB);
    CHECK(index == 2 && mistake == PS_JOB_BAD_TIME);
    CHECK(ps_engine_next_event_ns(engine) == PS_NEVER_NS);
    feed(engine, jobs, 2);
    CHECK(ps_engine_next_event_ns(engine) == 4);
    CHECK(ps_engine_advance(engine, 10, 100) == 0);
    CHECK(ps_engine_advance(engine, 9, 100) == PS_ENGINE_BAD_TIME);
    CHECK(ps_engine_advance(engine, PS_NEVER_NS, 100) == PS_ENGINE_BAD_TIME);
    CHECK(ps_engine_grow(engine, 100) == 0);
    CHECK(ps_engine_n_vcpus(engine) == 100);
    CHECK(ps_engine_advance(engine, 10, 1000) == 0);
    ps_engine_destroy(engine);
    ps_engine_destroy(NULL);
}

int main(void)
{
    check_timeline(1);
    check_timeline(1000);
    check_refusals();
    return 0;
}
