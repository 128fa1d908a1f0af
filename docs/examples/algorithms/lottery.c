/* A lottery in C: at the end of a slice each plane that could run has so many tickets. C11 and
 * C++17. */
#include <planesched/engine.h>
#include <planesched/histogram.h>

#include <stdio.h>

/* Every vCPU has its own: the engine copies what it begins with, and a clone copies it too. */
struct lottery {
    uint64_t random;
    unsigned tickets[PS_MAX_PLANES];
};

static uint64_t draw(struct lottery *lottery)
{
    lottery->random ^= lottery->random << 13; /* xorshift64 (Marsaglia, 2003) */
    lottery->random ^= lottery->random >> 7;
    lottery->random ^= lottery->random << 17;
    return lottery->random;
}

static int pick(void *memory, const struct ps_policy *policy, const struct ps_state *state,
                uint32_t base, uint32_t pre, uint32_t event)
{
    struct lottery *lottery = (struct lottery *)memory;
    const uint32_t planes = base | pre;
    unsigned all = 0;
    (void)policy;
    if (event != PS_EVENT_RESCHED && planes >> state->current & 1u)
        return state->current;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        all += (planes >> plane & 1u) * lottery->tickets[plane];
    unsigned left = (unsigned)(draw(lottery) % all);
    for (unsigned plane = 0;; plane++) {
        const unsigned mine = (planes >> plane & 1u) * lottery->tickets[plane];
        if (left < mine)
            return (int)plane;
        left -= mine;
    }
}

int main(void)
{
    static struct lottery lottery = {88172645463325252u, {1, 2, 5}};
    static struct ps_figures figures;
    static struct ps_totals totals;
    static struct ps_row rows[3];
    static uint64_t latency[3 * PS_N_BUCKETS], response[3 * PS_N_BUCKETS];
    static uint64_t sojourn[3 * PS_N_BUCKETS];
    const struct ps_reading reading = {&figures, &totals, rows, latency, response, sojourn};
    struct ps_wrong_answer wrong;
    struct ps_policy policy = ps_policy_default();
    struct ps_engine_config config;
    struct ps_engine *engine;
    memset(&config, 0, sizeof config);
    if (ps_policy_prepare(&policy) != 0)
        return 1;
    config.policy = &policy;
    config.n_vcpus = 1;
    config.n_planes = 3;
    config.online = config.busy = 7;
    config.main_plane = PS_NO_PLANE;
    config.slice_ns = 100000;
    config.algorithm.pick = pick;
    config.algorithm.memory = &lottery;
    config.algorithm.size = sizeof lottery;
    config.algorithm.wrong = &wrong;
    if (ps_engine_create(&config, &engine) != 0 ||
        ps_engine_at(engine, 0, 0, PS_EVENT_START, 1) != 0 ||
        ps_engine_at(engine, 0, 0, PS_EVENT_START, 2) != 0)
        return 1;
    while (ps_engine_advance(engine, INT64_C(1000000000), 100000) == 1)
        continue;
    ps_engine_read(engine, &reading);
    fputs("lottery     ", stdout);
    for (unsigned plane = 0; plane < 3; plane++)
        printf(" %s%u tickets: %.1f%%", plane ? " " : "", lottery.tickets[plane],
               (double)figures.time_ns[0][plane].lo / 1e7);
    putchar('\n');
    ps_engine_destroy(engine);
    return 0;
}
