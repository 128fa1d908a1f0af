/* An engine that leaps says what one says that steps: every figure, with and without costs, for
 * ever so small a table, from a copy on, and where a log is written in between. */
#define ROWS 6u

#include "check.h"
#include "engine/parts.h"
#include "reading.h"

#define VCPUS 3u
#define END_NS INT64_C(20000000)

static struct ps_source sources[3];
static struct ps_costs costs;
static struct ps_spread drawn; /* uniform from 0 to 2: often a switch takes no time after all */

static struct ps_engine *make(const struct ps_policy *policy, const struct ps_workload *workload,
                              int64_t cost_ns)
{
    struct ps_engine_config config;
    struct ps_engine *engine = NULL;
    memset(&config, 0, sizeof config);
    config.policy = policy;
    config.n_vcpus = VCPUS;
    config.n_planes = 3;
    config.main_plane = PS_NO_PLANE;
    config.online = 7;
    config.workload = workload;
    for (unsigned reason = 0; reason < PS_N_REASONS; reason++)
        ps_costs_set(&costs, reason, cost_ns);
    costs.spreads = &drawn;
    costs.n_spreads = 1;
    config.costs = cost_ns ? &costs : NULL;
    CHECK(ps_engine_create(&config, &engine) == 0);
    CHECK(engine->leaps != NULL);
    return engine;
}

static void advance(struct ps_engine *engine, int64_t until_ns, uint64_t patience)
{
    while (ps_engine_advance(engine, until_ns, patience) == 1)
        ;
    CHECK(ps_engine_now_ns(engine) == until_ns);
}

static void check_equal(struct ps_engine *leaps, struct ps_engine *steps)
{
    static struct reading a, b;
    read_figures(leaps, &a);
    read_figures(steps, &b);
    CHECK(a.totals.finished[0] > 100);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    for (uint32_t vcpu = 0; vcpu < VCPUS; vcpu++) {
        struct ps_vcpu_report of_leaps, of_steps;
        memset(&of_leaps, 0, sizeof of_leaps);
        memset(&of_steps, 0, sizeof of_steps);
        ps_engine_report(leaps, vcpu, &of_leaps);
        ps_engine_report(steps, vcpu, &of_steps);
        CHECK(memcmp(&of_leaps, &of_steps, sizeof of_leaps) == 0);
        CHECK(memcmp(ps_engine_state(leaps, vcpu), ps_engine_state(steps, vcpu),
                     sizeof(struct ps_state)) == 0);
    }
}

/* `most`: places that there is room for. */
static void check_model(const struct ps_policy *policy, const struct ps_workload *workload,
                        int64_t cost_ns, uint32_t most)
{
    struct ps_engine *leaps = make(policy, workload, cost_ns), *copy = NULL;
    struct ps_engine *steps = make(policy, workload, cost_ns);
    struct ps_outcome_record log[50];
    ps_leaps_destroy(steps->leaps);
    steps->leaps = NULL;
    leaps->leaps->most = most < leaps->leaps->most ? most : leaps->leaps->most;
    advance(leaps, END_NS / 2, 3);
    advance(steps, END_NS / 2, 1000);
    CHECK(leaps->leaps->n_places > 1 && leaps->leaps->n_places <= most);
    check_equal(leaps, steps);
    ps_engine_log(leaps, log, 50);
    advance(leaps, END_NS, 1000);
    CHECK(ps_engine_log_left(leaps) == 0);
    CHECK(ps_engine_clone(leaps, &copy) == 0);
    advance(leaps, 2 * END_NS, 1000000);
    advance(copy, 2 * END_NS, 1000000);
    advance(steps, 2 * END_NS, 1000000);
    check_equal(leaps, steps);
    check_equal(copy, steps);
    ps_engine_destroy(leaps);
    ps_engine_destroy(steps);
    ps_engine_destroy(copy);
}

int main(void)
{
    static const int64_t all_costs[] = {0, 300, -1};
    CHECK(sizeof(struct ps_leap) == 64);
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    policy.call = PS_CALL_NEXT;
    policy.ret = PS_RET_RESUME;
    CHECK(ps_policy_prepare(&policy) == 0);
    drawn.kind = PS_SPREAD_UNIFORM;
    drawn.b = 2;
    for (unsigned plane = 0; plane < 3; plane++) {
        struct ps_source *source = &sources[plane];
        source->arrivals = PS_ARRIVALS_POISSON;
        source->gap.kind = source->service.kind = PS_SPREAD_EXPONENTIAL;
        source->gap.a = 40000;
        source->service.a = plane == 1 ? 1 : 9000; /* of 1 ns: some jobs take no time */
        source->plane = (uint8_t)plane;
        source->number = plane;
        ps_source_prepare(source, &ps_library_draws);
    }
    const struct ps_workload workload = {sources, 3, ps_seed_of(5), NULL, &ps_library_draws};
    for (unsigned i = 0; i < 3; i++) {
        check_model(&policy, &workload, all_costs[i], UINT32_MAX);
        check_model(&policy, &workload, all_costs[i], 4);
    }
    return 0;
}
