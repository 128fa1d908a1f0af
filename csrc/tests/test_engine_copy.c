/* A clone and a restored engine go on exactly as the original does; a renewed one as a new one. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/parts.h"

#define PLANES 2u
#define VCPUS 3u
#define ROWS (1u + PLANES) /* one source */
#include "reading.h"

/* A source that is not random, but tells when its stream was not copied. */
static void draw(const struct ps_source *source, struct ps_stream *stream)
{
    stream->count++;
    stream->next_ns += source->period_ns + (int64_t)(stream->count * 37 % 11);
    stream->service_ns = 20 + (int64_t)(stream->count * 13 % 17);
}

static void begin(struct ps_stream *stream, const struct ps_source *source,
                  const struct ps_seed *seed, uint32_t vcpu, uint32_t number)
{
    (void)seed;
    (void)number;
    memset(stream, 0, sizeof *stream);
    stream->next_ns = vcpu;
    if (source)
        draw(source, stream);
}

static int same(struct ps_engine *a, struct ps_engine *b)
{
    static struct reading of_a, of_b;
    read_figures(a, &of_a);
    read_figures(b, &of_b);
    return memcmp(&of_a, &of_b, sizeof of_a) == 0 && ps_engine_now_ns(a) == ps_engine_now_ns(b);
}

static void feed(struct ps_engine *engine, int64_t from_ns, unsigned n)
{
    uint64_t index;
    enum ps_job_mistake mistake;
    for (unsigned i = 0; i < n; i++) {
        struct ps_job job = {0, 0, 0, 0, 0, PS_JOB_INTERRUPT};
        job.time_ns = from_ns + (int64_t)i * 70;
        job.service_ns = 30 + (int64_t)(i * 37 % 90);
        job.vcpu = i % VCPUS;
        job.plane = (uint8_t)(i % 5 == 0);
        CHECK(ps_engine_feed(engine, &job, 1, &index, &mistake) == 0);
    }
}

static void go(struct ps_engine *engine, int64_t until_ns)
{
    while (ps_engine_advance(engine, until_ns, 1000))
        ;
}

int main(void)
{
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.ret = PS_RET_NEXT_ONLINE;
    CHECK(ps_policy_prepare(&policy) == 0);
    struct ps_engine_config config;
    memset(&config, 0, sizeof config);
    config.policy = &policy;
    config.n_vcpus = VCPUS;
    config.n_planes = PLANES;
    config.main_plane = PS_NO_PLANE;
    config.online = 3;
    static struct ps_costs costs;
    config.costs = &costs;
    ps_costs_set(&costs, PS_REASON_INTERRUPT, 11);

    struct ps_draws draws;
    struct ps_source source;
    struct ps_workload workload;
    memset(&draws, 0, sizeof draws);
    memset(&source, 0, sizeof source);
    memset(&workload, 0, sizeof workload);
    draws.begin = begin;
    source.draw = draw;
    source.period_ns = 211;
    source.arrivals = PS_ARRIVALS_PERIODIC;
    source.plane = 1;
    workload.sources = &source;
    workload.n_sources = 1;
    workload.draws = &draws;
    config.workload = &workload;

    struct ps_engine *engine, *clone, *other;
    CHECK(ps_engine_create(&config, &engine) == 0);
    CHECK(ps_engine_create(&config, &other) == 0);
    feed(engine, 5, 200);
    go(engine, 5000); /* in the middle: jobs wait, run, and are yet to come */
    CHECK(ps_engine_clone(engine, &clone) == 0);
    CHECK(same(engine, clone));

    go(engine, 9000);
    CHECK(!same(engine, clone));
    go(clone, 9000);
    CHECK(same(engine, clone));
    feed(clone, 20000, 50); /* into a pool that was cloned full */
    CHECK(ps_engine_next_event_ns(clone) != PS_NEVER_NS);

    CHECK(ps_engine_restore(other, engine) == 0);
    CHECK(ps_engine_restore(other, other) == 0);
    feed(other, 20000, 50);
    ps_engine_destroy(engine); /* the others stand on their own */
    go(clone, 40000);
    go(other, 40000);
    CHECK(same(clone, other));
    ps_engine_destroy(clone);

    struct ps_engine *fresh; /* begun again, it is what a new one is */
    CHECK(ps_engine_create(&config, &fresh) == 0);
    CHECK(ps_engine_renew(other, &workload, VCPUS) == 0);
    CHECK(same(fresh, other));
    feed(fresh, 5, 200);
    feed(other, 5, 200);
    go(fresh, 5000);
    go(other, 5000);
    CHECK(same(fresh, other));
    ps_engine_destroy(fresh);
    ps_engine_destroy(other);
    return 0;
}
