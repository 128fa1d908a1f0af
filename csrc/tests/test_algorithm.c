/* Algorithms of one's own from C: rank is ps_step, an answer is one of the planes that are offered,
 * and the engine has memories, slices and events that it is told. */
#include <string.h>

#include "core/step_with.h"
#include "planesched/engine.h"
#include "policies.h"

/* What it was asked last, and how often. */
struct asked {
    struct ps_state state;
    uint32_t base, pre, event;
    unsigned times;
    int answer; /* or -1: the last plane of all */
};

static int note(void *memory, const struct ps_policy *policy, const struct ps_state *state,
                uint32_t base, uint32_t pre, uint32_t event)
{
    struct asked *asked = (struct asked *)memory;
    asked->state = *state;
    asked->base = base;
    asked->pre = pre;
    asked->event = event;
    asked->times++;
    return asked->answer >= 0 ? asked->answer
                              : (int)ps_last(policy, state->locked, (uint16_t)(base | pre));
}

/* Under any policy: rank decides as step, in every field of state and outcome. */
static void check_rank(uint64_t *seed)
{
    const unsigned n_planes = 1 + random_below(seed, PS_MAX_PLANES);
    const struct ps_policy policy = random_policy(seed, n_planes);
    const struct ps_algorithm rank = {ps_pick_rank, NULL, 0, 1, NULL};
    const struct ps_algorithm none = {NULL, NULL, 0, 1, NULL};
    struct ps_state plain = ps_boot(&policy, (uint16_t)((2u << (n_planes - 1)) - 1u));
    for (unsigned i = 0; i < 200; i++) {
        const unsigned event = random_below(seed, PS_N_EVENTS);
        const unsigned plane = random_below(seed, n_planes);
        struct ps_state by = plain, with = plain;
        const struct ps_outcome expected = ps_step(&policy, &plain, event, plane);
        const struct ps_outcome found = ps_step_by(&policy, &rank, &by, event, plane);
        const struct ps_outcome same = ps_step_with(&policy, &none, &with, event, plane);
        CHECK(memcmp(&expected, &found, sizeof found) == 0);
        CHECK(memcmp(&expected, &same, sizeof same) == 0);
        CHECK(memcmp(&plain, &by, sizeof by) == 0 && memcmp(&plain, &with, sizeof with) == 0);
    }
}

static void check_asking(void)
{
    struct ps_policy policy = ps_policy_default();
    struct asked asked = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 0, 0, -1};
    struct ps_wrong_answer wrong;
    const struct ps_algorithm algorithm = {note, &asked, 0, 0, &wrong};
    policy.direction = PS_HIGHEST_FIRST;
    CHECK(ps_policy_prepare(&policy) == 0);
    struct ps_state s = ps_boot(&policy, 7);
    /* An interrupt for plane 2 brings it in by rank; the last of both is plane 0, which stays. */
    struct ps_outcome out = ps_step_by(&policy, &algorithm, &s, PS_EVENT_IRQ, 2);
    CHECK(asked.times == 1 && asked.base == 1 && asked.pre == 4 && asked.event == PS_EVENT_IRQ);
    CHECK(asked.state.irq == 4 && out.now == 0 && out.fault == PS_FAULT_NONE);
    /* What is refused is not asked about. */
    out = ps_step_by(&policy, &algorithm, &s, PS_EVENT_ENTER, 1);
    CHECK(asked.times == 1 && out.fault == PS_FAULT_INVAL);
    asked.answer = 1; /* neither runnable nor brought in */
    wrong.given = 0;
    out = ps_step_by(&policy, &algorithm, &s, PS_EVENT_RESCHED, 0);
    CHECK(out.fault == PS_NO_ANSWER && wrong.given && wrong.answer == 1);
    CHECK(wrong.base == 1 && wrong.pre == 4 && wrong.event == PS_EVENT_RESCHED);
    CHECK(memcmp(&wrong.state, &s, sizeof s) == 0);
}

/* ---- The engine ---- */

/* Counts in a memory of its own, and lets the planes take turns. */
static int turns(void *memory, const struct ps_policy *policy, const struct ps_state *state,
                 uint32_t base, uint32_t pre, uint32_t event)
{
    ++*(uint64_t *)memory;
    return ps_pick_round_robin(memory, policy, state, base, pre, event);
}

static struct ps_engine_config sliced(const struct ps_policy *policy)
{
    struct ps_engine_config config;
    memset(&config, 0, sizeof config);
    config.policy = policy;
    config.n_vcpus = 2;
    config.n_planes = 3;
    config.main_plane = PS_NO_PLANE;
    config.online = 7;
    config.busy = 6;
    config.slice_ns = 10;
    return config;
}

static unsigned runs(struct ps_engine *engine, int64_t until_ns)
{
    CHECK(ps_engine_advance(engine, until_ns, 1000) == 0);
    return (unsigned)ps_engine_state(engine, 1)->current;
}

static void check_engine(const struct ps_policy *policy)
{
    static uint64_t count = 40;
    struct ps_engine_config config = sliced(policy);
    struct ps_engine *engine = NULL, *copy = NULL;
    config.algorithm.pick = turns;
    config.algorithm.memory = &count;
    config.algorithm.size = sizeof count;
    CHECK(ps_engine_create(&config, &engine) == 0);
    CHECK(ps_engine_at(engine, 5, 1, PS_EVENT_START, 2) == 0);
    CHECK(ps_engine_at(engine, 42, 1, PS_EVENT_HOLD, 1) == 0);
    CHECK(ps_engine_at(engine, 63, 1, PS_EVENT_RELEASE, 1) == 0);
    CHECK(runs(engine, 9) == 1 && runs(engine, 10) == 2 && runs(engine, 20) == 1);
    CHECK(ps_engine_clone(engine, &copy) == 0);
    for (unsigned i = 0; i < 2; i++) {
        struct ps_engine *each = i ? copy : engine;
        CHECK(runs(each, 30) == 2 && runs(each, 41) == 1 && runs(each, 42) == 2);
        CHECK(runs(each, 69) == 2 && runs(each, 72) == 1);
    }
    CHECK(count == 40); /* each vCPU of each engine counts by itself */
    CHECK(ps_engine_restore(engine, copy) == 0 && runs(engine, 82) == 2);
    CHECK(ps_engine_grow(engine, 5) == 0 && runs(engine, 92) == 1);
    ps_engine_destroy(copy);
    ps_engine_destroy(engine);
}

static void check_refusals(const struct ps_policy *policy)
{
    struct ps_engine_config config = sliced(policy);
    struct ps_engine *engine = NULL;
    config.slice_ns = -1;
    CHECK(ps_engine_create(&config, &engine) == PS_ENGINE_BAD_CONFIG);
    config.slice_ns = 10;
    CHECK(ps_engine_create(&config, &engine) == 0);
    CHECK(ps_engine_advance(engine, 20, 1000) == 0);
    CHECK(ps_engine_at(engine, 19, 0, PS_EVENT_HOLD, 1) == PS_ENGINE_BAD_TIME);
    CHECK(ps_engine_at(engine, 20, 2, PS_EVENT_HOLD, 1) == PS_ENGINE_BAD_EVENT);
    CHECK(ps_engine_at(engine, 20, 0, PS_EVENT_HOLD, 3) == PS_ENGINE_BAD_EVENT);
    CHECK(ps_engine_at(engine, 20, 0, PS_EVENT_HALT, 0) == PS_ENGINE_BAD_EVENT);
    CHECK(ps_engine_at(engine, 20, 0, PS_EVENT_IRQ, 1) == PS_ENGINE_BAD_EVENT);
    CHECK(ps_engine_at(engine, 20, 0, PS_N_EVENTS, 1) == PS_ENGINE_BAD_EVENT);
    ps_engine_destroy(engine);

    struct asked asked;
    struct ps_wrong_answer wrong;
    memset(&asked, 0, sizeof asked);
    memset(&wrong, 0, sizeof wrong);
    asked.answer = 7;
    config.algorithm.pick = note;
    config.algorithm.memory = &asked;
    config.algorithm.wrong = &wrong;
    CHECK(ps_engine_create(&config, &engine) == 0);
    for (unsigned i = 0; i < 2; i++)
        CHECK(ps_engine_advance(engine, 20, 1000) == PS_ENGINE_WRONG_ANSWER);
    CHECK(wrong.given && wrong.answer == 7 && asked.times == 1);
    ps_engine_destroy(engine);
}

int main(void)
{
    uint64_t seed = 20261130;
    struct ps_policy siblings = ps_policy_default();
    for (unsigned i = 0; i < 500; i++)
        check_rank(&seed);
    check_asking();
    siblings.rank = PS_RANK_SIBLINGS;
    siblings.marker = 0;
    siblings.preempt = PS_PREEMPT_MARKER;
    siblings.call = PS_CALL_HANDOVER;
    CHECK(ps_policy_prepare(&siblings) == 0);
    check_engine(&siblings);
    check_refusals(&siblings);
    return 0;
}
