/* Every allocation of an engine's life fails once, alone or with all that follow: what the header
 * promises then holds, whatever the caller's patience. The Makefile has the linker put these
 * functions before the library's. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "planesched/engine.h"
#include "planesched/irqchip.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static struct {
    long made, fails; /* so far; the one that fails, or -1 */
    int for_good;
} memory;

static int there_is_none(void)
{
    const long number = memory.made++;
    return memory.fails >= 0 &&
           (memory.for_good ? number >= memory.fails : number == memory.fails);
}

void *__wrap_malloc(size_t size)
{
    return there_is_none() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return there_is_none() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return there_is_none() ? NULL : __real_realloc(old, size);
}

enum { N_JOBS = 48, N_ROUNDS = 6 };

static void make_jobs(struct ps_job *jobs, int64_t from_ns, int chipped)
{
    for (unsigned i = 0; i < N_JOBS; i++) {
        const struct ps_job job = {from_ns + i,
                                   7,
                                   i % 3,
                                   (uint16_t)(chipped ? 32 + i * 4 % 200 : 0),
                                   (uint8_t)(i % 2),
                                   0};
        jobs[i] = job;
    }
}

/* Returns whether it lived to the end. */
static int live(struct ps_engine *engine, int chipped)
{
    struct ps_job jobs[N_JOBS];
    for (int64_t round = 0; round < N_ROUNDS; round++) {
        struct ps_engine *other = NULL;
        uint64_t index = 0;
        enum ps_job_mistake mistake = PS_JOB_FINE;
        make_jobs(jobs, round * 100 + 1, chipped);
        int error = ps_engine_feed(engine, jobs, N_JOBS, &index, &mistake);
        if (error && !memory.for_good) /* nothing has changed: the same once more */
            error = ps_engine_feed(engine, jobs, N_JOBS, &index, &mistake);
        CHECK(error == 0 || (error == PS_ENGINE_NO_MEMORY && memory.for_good));
        error = ps_engine_clone(engine, &other);
        CHECK(error == 0 || (error == PS_ENGINE_NO_MEMORY && !other));
        ps_engine_destroy(other);
        error = ps_engine_grow(engine, 4 + (uint32_t)round);
        CHECK(error == 0 || error == PS_ENGINE_NO_MEMORY);
        error = ps_engine_advance(engine, round * 100 + 60, UINT64_MAX);
        CHECK(error == 0 || error == PS_ENGINE_NO_MEMORY);
        if (error) {
            CHECK(ps_engine_advance(engine, round * 100 + 60, 1) == PS_ENGINE_NO_MEMORY);
            return 0;
        }
        error = ps_engine_advance(engine, round * 100 + 100, UINT64_MAX);
        if (error) {
            CHECK(error == PS_ENGINE_NO_MEMORY);
            return 0;
        }
    }
    return 1;
}

static int live_and_die(int chipped)
{
    struct ps_policy policy = ps_policy_default();
    const struct ps_chip_policy chip = ps_chip_policy_default();
    struct ps_engine_config config;
    struct ps_engine *engine = NULL;
    CHECK(ps_policy_prepare(&policy) == 0);
    memset(&config, 0, sizeof config);
    config.policy = &policy;
    config.controller = chipped ? &chip : NULL;
    config.n_vcpus = 3;
    config.n_planes = 2;
    config.main_plane = PS_NO_PLANE;
    config.online = 3;
    const int error = ps_engine_create(&config, &engine);
    CHECK(error == 0 || (error == PS_ENGINE_NO_MEMORY && !engine));
    const int lived = !error && live(engine, chipped);
    ps_engine_destroy(engine);
    return lived;
}

int main(void)
{
    for (int chipped = 0; chipped < 2; chipped++) {
        memory.fails = -1;
        memory.made = 0;
        CHECK(live_and_die(chipped));
        const long n = memory.made;
        long died = 0;
        for (memory.for_good = 0; memory.for_good < 2; memory.for_good++)
            for (memory.fails = 0; memory.fails < n; memory.fails++) {
                memory.made = 0;
                died += !live_and_die(chipped);
            }
        CHECK(died > 20);
    }
    return 0;
}
