/* The search from C: packing, the bound of the packed form, small searches, and many threads. */
#include <pthread.h>

#include "checker/search.h"

#include "check.h"

static uint64_t seed = 1;

static uint16_t random_mask(const struct ps_system *sys)
{
    return (uint16_t)(random_32(&seed) & sys->planes);
}

static void fill(const struct ps_system *sys, struct ps_world *world)
{
    memset(world, 0, sizeof *world);
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++) {
        uint16_t masks[PS_N_MASKS];
        for (unsigned i = 0; i < PS_N_MASKS; i++)
            masks[i] = random_mask(sys);
        memcpy(&world->vcpus[vcpu], masks, sizeof masks);
        world->vcpus[vcpu].current = (int8_t)(random_mask(sys) % sys->n_planes);
        world->vcpus[vcpu].status = (uint8_t)(random_mask(sys) % 3u);
        if (sys->locks) { /* of few planes: a bit for each pair */
            const unsigned all = (1u << sys->n_planes * sys->n_planes) - 1u;
            world->locks[vcpu] = (uint16_t)(random_32(&seed) & all);
            world->waits[vcpu] = random_mask(sys);
        }
        if (sys->asks) {
            world->waits[vcpu] = random_mask(sys);
            world->asks[vcpu] = (uint8_t)(random_32(&seed) & 127u);
        }
    }
}

/* What is packed comes back, for every shape that fits. */
static void test_packing(void)
{
    unsigned shapes = 0;
    for (unsigned planes = 1; planes <= PS_MAX_PLANES; planes++)
        for (unsigned vcpus = 1; vcpus <= PS_WORLD_VCPUS; vcpus++)
            for (int extra = 0; extra < 4; extra++) {
                struct ps_system sys;
                memset(&sys, 0, sizeof sys);
                sys.n_planes = planes;
                sys.n_vcpus = vcpus;
                sys.locks = extra & 1;
                sys.asks = extra >> 1;
                if (ps_system_layout(&sys))
                    continue;
                shapes++;
                for (unsigned round = 0; round < 20; round++) {
                    struct ps_world world, back;
                    uint64_t key[PS_KEY_WORDS];
                    fill(&sys, &world);
                    memset(&back, 0, sizeof back);
                    ps_pack(&sys, &world, key);
                    ps_unpack(&sys, key, &back);
                    CHECK(memcmp(&world, &back, sizeof world) == 0);
                }
            }
    CHECK(shapes > 40);
}

static void test_too_wide(void)
{
    struct ps_system sys;
    memset(&sys, 0, sizeof sys);
    sys.n_planes = PS_MAX_PLANES;
    sys.n_vcpus = 2;
    CHECK(ps_system_layout(&sys) == -1);
}

static struct ps_search search;

static void open_search(const struct ps_act *acts, unsigned n_acts, unsigned planes,
                        struct ps_policy policy, unsigned wanted)
{
    struct ps_world world;
    memset(&world, 0, sizeof world);
    memset(&search, 0, sizeof search);
    CHECK(ps_policy_prepare(&policy) == 0);
    search.sys.policies[0] = policy;
    search.sys.n_planes = planes;
    search.sys.n_vcpus = 1;
    CHECK(ps_system_layout(&search.sys) == 0);
    CHECK(ps_search_open(&search, acts, n_acts, wanted) == 0);
    world.vcpus[0] = ps_boot(&policy, search.sys.planes);
    CHECK(ps_search_root(&search, &world) == 0);
}

/* One plane that is interrupted and halts: running, and running or blocked without more. */
static void test_search(void)
{
    const struct ps_act acts[] = {
        {PS_EVENT_IRQ, 0, 0, 0, 0, 0},
        {PS_EVENT_HALT, 0, 0, 0, PS_WHEN_RUNS | PS_INSIDE, 0},
    };
    open_search(acts, 2, 1, ps_policy_default(), 1u << PS_WAKEUP);
    ps_search_crew(&search, 1, 100, 0);
    ps_search_join(&search);
    CHECK(!search.failed && ps_search_exhausted(&search));
    CHECK(search.n_states == 2);    /* running, and blocked */
    CHECK(search.transitions == 3); /* irq in both, halt where it runs */
    CHECK(search.finds[PS_WAKEUP].id == PS_NO_ID);
    CHECK(ps_search_look(&search).states == 2 && ps_search_look(&search).depth == 1);
    ps_search_close(&search);
}

static void *join(void *unused)
{
    ps_search_join(&search);
    return unused;
}

/* A hash of everything that was found, in order, with the marks of delivery and progress. */
static uint64_t explore(unsigned n_threads, uint64_t most, uint64_t *n_states)
{
    const unsigned self = PS_WHEN_RUNS | PS_OF_SELF | PS_INSIDE;
    struct ps_act acts[16];
    unsigned n = 0;
    for (uint8_t plane = 0; plane < 3; plane++) {
        acts[n++] = (struct ps_act){PS_EVENT_IRQ, 0, plane, 0, 0, 0};
        acts[n++] = (struct ps_act){PS_EVENT_NMI, 0, plane, 0, 0, 0};
    }
    acts[n++] = (struct ps_act){PS_EVENT_CALL, 0, 0, 0, PS_WHEN_RUNS | PS_INSIDE, 0};
    acts[n++] = (struct ps_act){PS_EVENT_RETURN, 0, 0, 0, PS_WHEN_RUNS | PS_INSIDE, 0};
    acts[n++] = (struct ps_act){PS_EVENT_HALT, 0, 0, 0, PS_WHEN_RUNS | PS_INSIDE, 0};
    for (uint8_t event = PS_EVENT_MASK; event <= PS_EVENT_STI; event++)
        acts[n++] = (struct ps_act){event, 0, 0, 0, (uint8_t)self, 0};
    struct ps_policy policy = ps_policy_default();
    policy.direction = PS_HIGHEST_FIRST;
    open_search(acts, n, 3, policy, (1u << PS_N_PROPERTIES) - 1u);
    ps_search_crew(&search, n_threads, most, 0);
    pthread_t helpers[4];
    for (unsigned i = 1; i < n_threads; i++)
        CHECK(pthread_create(&helpers[i], NULL, join, NULL) == 0);
    ps_search_join(&search);
    for (unsigned i = 1; i < n_threads; i++)
        CHECK(pthread_join(helpers[i], NULL) == 0);
    CHECK(!search.failed && search.swept);
    *n_states = search.n_states;
    uint64_t hash = search.transitions;
    for (unsigned shard = 0; shard < PS_SHARDS; shard++)
        for (uint32_t i = 0; i < search.shards[shard].n; i++) {
            const uint32_t id = ps_id(shard, i);
            unsigned act;
            uint64_t parts[2] = {hash ^ ps_key_of(&search, id)[0], 0};
            parts[1] = ps_search_parent(&search, id, &act) + ((uint64_t)act << 32);
            parts[1] ^= (uint64_t)ps_block_of(&search, id)->marks[ps_place(id)] << 48;
            hash = ps_hash(parts, 2);
        }
    ps_search_close(&search);
    return hash;
}

static void test_threads(void)
{
    uint64_t n[2], hash;
    hash = explore(1, 1000000, &n[0]);
    CHECK(n[0] > 5000 && search.n_states == 0);
    for (unsigned n_threads = 2; n_threads <= 4; n_threads++)
        CHECK(explore(n_threads, 1000000, &n[1]) == hash && n[1] == n[0]);
    hash = explore(1, 4000, &n[0]);
    CHECK(explore(3, 4000, &n[1]) == hash && n[1] == n[0] && n[0] >= 4000);
}

static void test_stop(void)
{
    const struct ps_act act = {PS_EVENT_IRQ, 0, 0, 0, 0, 0};
    open_search(&act, 1, 1, ps_policy_default(), 1u << PS_DELIVERY);
    ps_search_crew(&search, 1, 100, 0);
    ps_search_stop(&search);
    ps_search_join(&search);
    CHECK(search.n_states == 1 && search.transitions == 0 && !search.swept);
    ps_search_close(&search);
}

int main(void)
{
    test_packing();
    test_too_wide();
    test_search();
    test_threads();
    test_stop();
    return 0;
}
