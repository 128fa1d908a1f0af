/* The library's own draws: numpy's streams, the moments of each distribution, and one queue of
 * which the mean is known. */
#include <math.h>
#include <string.h>

#define ROWS 2u /* a source, and what is fed to a plane */
#include "reading.h"
#include "planesched/workload.h"

#define N 400000u

static void check_streams(void)
{
    /* numpy.random.Generator(SFC64(SeedSequence(42 + (7 << 32), spawn_key=(3, 1)))).random(3) */
    const double wanted[] = {0x1.ffc86970fe532p-1, 0x1.47f1453d8be6cp-3, 0x1.d474314ee7ebap-1};
    const struct ps_seed seed = ps_seed_of(42 + (UINT64_C(7) << 32));
    struct ps_stream stream;
    ps_library_draws.begin(&stream, NULL, &seed, 3, 1);
    for (unsigned i = 0; i < 3; i++)
        CHECK(ps_library_draws.unit(&stream) == wanted[i]);
    for (unsigned i = 0; i < 1000; i++)
        CHECK(ps_library_draws.choose(&stream, 7) < 7);
}

/* Within five standard errors of the mean, and the spread within 3 % of what it is. */
static void check_spread(struct ps_spread spread, double mean, double deviation)
{
    const struct ps_seed seed = ps_seed_of(spread.kind);
    struct ps_stream stream;
    double sum = 0.0, squares = 0.0;
    ps_library_draws.begin(&stream, NULL, &seed, 0, 0);
    for (unsigned i = 0; i < N; i++) {
        const double value = (double)ps_library_draws.time(&spread, &stream);
        CHECK(value >= 0.0);
        sum += value;
        squares += (value - mean) * (value - mean);
    }
    CHECK(fabs(sum / N - mean) <= 5.0 * deviation / sqrt(N) + 1e-9);
    CHECK(fabs(sqrt(squares / N) - deviation) <= 0.03 * deviation + 1e-9);
}

static struct ps_spread spread_of(enum ps_spread_kind kind, double a, double b)
{
    struct ps_spread spread;
    memset(&spread, 0, sizeof spread);
    spread.kind = (uint8_t)kind;
    spread.a = a;
    spread.b = b;
    spread.whole = (int64_t)a;
    return spread;
}

static void check_spreads(void)
{
    static const int64_t values[] = {100, 200, 600};
    struct ps_spread empirical = spread_of(PS_SPREAD_EMPIRICAL, 0.0, 0.0);
    empirical.values = values;
    empirical.n = 3;
    check_spread(empirical, 300.0, sqrt(140000.0 / 3.0));
    check_spread(spread_of(PS_SPREAD_CONSTANT, 70.0, 0.0), 70.0, 0.0);
    check_spread(spread_of(PS_SPREAD_UNIFORM, 1000.0, 5000.0), 3000.0, 4000.0 / sqrt(12.0));
    check_spread(spread_of(PS_SPREAD_EXPONENTIAL, 5000.0, 0.0), 5000.0, 5000.0);
    check_spread(spread_of(PS_SPREAD_LOGNORMAL, 9.0, 0.5), exp(9.125),
                 exp(9.125) * sqrt(exp(0.25) - 1.0));
    check_spread(spread_of(PS_SPREAD_GAMMA, 3.0, 1000.0), 3000.0, 1000.0 * sqrt(3.0));
    check_spread(spread_of(PS_SPREAD_GAMMA, 0.5, 8000.0), 4000.0, 8000.0 * sqrt(0.5));
}

/* M/M/1: arrivals every 10 us, service of 6 us; sojourn is 1 / (1/6 - 1/10) = 15 us on average. */
static void check_queue(void)
{
    struct ps_policy policy = ps_policy_default();
    struct ps_engine_config config;
    struct ps_source source;
    struct ps_workload workload;
    struct ps_engine *engine = NULL;
    CHECK(ps_policy_prepare(&policy) == 0);
    memset(&config, 0, sizeof config);
    memset(&source, 0, sizeof source);
    memset(&workload, 0, sizeof workload);
    source.arrivals = PS_ARRIVALS_POISSON;
    source.gap = spread_of(PS_SPREAD_EXPONENTIAL, 10000.0, 0.0);
    source.service = spread_of(PS_SPREAD_EXPONENTIAL, 6000.0, 0.0);
    ps_source_prepare(&source, &ps_library_draws);
    workload.sources = &source;
    workload.n_sources = 1;
    workload.seed = ps_seed_of(1);
    workload.draws = &ps_library_draws;
    config.policy = &policy;
    config.n_vcpus = 20;
    config.n_planes = 1;
    config.online = 1;
    config.main_plane = PS_NO_PLANE;
    config.workload = &workload;
    CHECK(ps_engine_create(&config, &engine) == 0);
    while (ps_engine_advance(engine, 300000000, 100000) == 1)
        continue;
    static struct reading found;
    read_figures(engine, &found);
    const struct ps_row *row = &found.rows[0];
    CHECK(row->finished > 590000 && row->finished < 610000);
    CHECK(row->sojourn_ns.hi == 0);
    const double mean_ns = (double)row->sojourn_ns.lo / (double)row->finished;
    CHECK(fabs(mean_ns - 15000.0) < 300.0);
    ps_engine_destroy(engine);
}

int main(void)
{
    check_streams();
    check_spreads();
    check_queue();
    return 0;
}
