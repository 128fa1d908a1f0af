/* The search from C: packing, a small search to its end, and the bound of the packed form. */
#include "checker.h"

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
        world->locks[vcpu] = sys->locks ? random_mask(sys) : (uint16_t)0;
        world->waits[vcpu] = sys->locks ? random_mask(sys) : (uint16_t)0;
    }
}

/* What is packed comes back, for every shape that fits. */
static void test_packing(void)
{
    unsigned shapes = 0;
    for (unsigned planes = 1; planes <= PS_MAX_PLANES; planes++)
        for (unsigned vcpus = 1; vcpus <= PS_WORLD_VCPUS; vcpus++)
            for (int locks = 0; locks < 2; locks++) {
                struct ps_system sys;
                memset(&sys, 0, sizeof sys);
                sys.n_planes = planes;
                sys.n_vcpus = vcpus;
                sys.locks = locks;
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

/* One plane that is interrupted and halts: running, and running or blocked without more. */
static void test_search(void)
{
    static struct ps_search search;
    const struct ps_act acts[] = {
        {PS_EVENT_IRQ, 0, 0, 0, 0},
        {PS_EVENT_HALT, 0, 0, 0, PS_WHEN_RUNS | PS_INSIDE},
    };
    struct ps_world world;
    memset(&world, 0, sizeof world);
    memset(&search, 0, sizeof search);
    search.sys.policies[0] = ps_policy_default();
    CHECK(ps_policy_prepare(&search.sys.policies[0]) == 0);
    search.sys.n_planes = 1;
    search.sys.n_vcpus = 1;
    CHECK(ps_system_layout(&search.sys) == 0);
    CHECK(ps_search_open(&search, acts, 2, 1u << PS_WAKEUP) == 0);
    world.vcpus[0] = ps_boot(&search.sys.policies[0], 1);
    CHECK(ps_search_root(&search, &world) == 0);
    while (ps_search_plan(&search, 100)) {
        ps_search_begin(&search);
        ps_search_work(&search, PS_EXPAND);
        ps_search_begin(&search);
        ps_search_work(&search, PS_INSERT);
        ps_search_settle(&search);
    }
    CHECK(!search.failed && ps_search_exhausted(&search));
    CHECK(search.n_states == 2);    /* running, and blocked */
    CHECK(search.transitions == 3); /* irq in both, halt where it runs */
    CHECK(search.finds[PS_WAKEUP].id == PS_NO_ID);
    ps_search_close(&search);
}

int main(void)
{
    test_packing();
    test_too_wide();
    test_search();
    return 0;
}
