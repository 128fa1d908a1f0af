/* The timed engine without Python: guests of a simulator, and a way not taken. C11 and C++17. */
#include <planesched/engine.h>
#include <planesched/histogram.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void deliver(struct ps_engine *engine, int64_t time_ns, unsigned plane, int64_t service_ns)
{
    struct ps_job job = {0, 0, 0, 0, 0, 0};
    uint64_t index;
    enum ps_job_mistake mistake;
    job.time_ns = time_ns;
    job.service_ns = service_ns;
    job.plane = (uint8_t)plane;
    job.kind = PS_JOB_INTERRUPT;
    if (ps_engine_feed(engine, &job, 1, &index, &mistake) != 0)
        exit(1);
}

/* The simulator has nothing else to do: it goes from one of the engine's events to the next. */
static void run(struct ps_engine *engine)
{
    int64_t next_ns;
    while ((next_ns = ps_engine_next_event_ns(engine)) != PS_NEVER_NS) {
        while (ps_engine_advance(engine, next_ns, 1000) != 0)
            continue;
        printf("%6" PRId64 " ns: plane %d%s\n", next_ns, ps_engine_state(engine, 0)->current,
               ps_engine_state(engine, 0)->status & PS_STATUS_BLOCKED ? ", blocked" : "");
    }
}

static void report(struct ps_engine *engine)
{
    static struct ps_figures figures;
    static struct ps_totals totals;
    static struct ps_row rows[2]; /* without sources, one a plane */
    static uint64_t latency[2 * PS_N_BUCKETS], response[2 * PS_N_BUCKETS];
    static uint64_t sojourn[2 * PS_N_BUCKETS];
    const struct ps_reading reading = {&figures, &totals, rows, latency, response, sojourn};
    ps_engine_read(engine, &reading);
    for (unsigned plane = 0; plane < 2; plane++)
        printf("plane %u: %" PRIu64 " served, the longest took %" PRIu64 " ns\n", plane,
               totals.finished[plane], totals.finished[plane] ? totals.sojourn_max_ns[plane] : 0);
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST; /* Hyper-V's VTLs */
    policy.ret = PS_RET_NEXT_ONLINE;
    if (ps_policy_prepare(&policy) != 0)
        return 1;
    struct ps_engine_config config;
    memset(&config, 0, sizeof config);
    config.policy = &policy;
    config.n_vcpus = 1;
    config.n_planes = 2;
    config.online = 3;
    config.main_plane = PS_NO_PLANE;
    static struct ps_costs costs; /* there as long as the engine */
    config.costs = &costs;
    ps_costs_set(&costs, PS_REASON_INTERRUPT, 40);
    ps_costs_set(&costs, PS_REASON_RETURN, 30);

    struct ps_engine *engine, *snapshot;
    if (ps_engine_create(&config, &engine) != 0)
        return 1;
    deliver(engine, 1000, 0, 500); /* a disk's interrupt for the guest OS */
    while (ps_engine_advance(engine, 1100, 1000) != 0)
        continue;
    if (ps_engine_clone(engine, &snapshot) != 0)
        return 1;

    puts("with a secure timer at 1200:");
    deliver(engine, 1200, 1, 100);
    run(engine);
    report(engine);

    puts("without:");
    if (ps_engine_restore(engine, snapshot) != 0)
        return 1;
    run(engine);
    report(engine);

    ps_engine_destroy(snapshot);
    ps_engine_destroy(engine);
    return 0;
}
