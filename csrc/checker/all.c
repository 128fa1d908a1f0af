/* More than the first counterexample: one for each distinct last step and plane. */
#include "checker/search.h"

struct seen {
    uint16_t planes[PS_MAX_ACTS + 1]; /* by the last act, then bit: the plane */
};

/* Whether this last act and plane are new. */
static int is_new(struct seen *seen, unsigned act, unsigned plane)
{
    const unsigned at = act < PS_MAX_ACTS ? act : PS_MAX_ACTS;
    if (ps_has(seen->planes[at], plane))
        return 0;
    seen->planes[at] = (uint16_t)(seen->planes[at] | ps_bit(plane));
    return 1;
}

/* The plane that a state is about: of delivery, the first that is never served. */
static unsigned plane_of(const struct ps_search *search, uint32_t id, unsigned property,
                         const struct ps_world *world)
{
    const uint32_t missing = property == PS_DELIVERY ? ps_search_missing(search, id) : 0u;
    if (!missing)
        return (unsigned)world->vcpus[0].current;
    unsigned bit = 0;
    while (!(missing >> bit & 1u))
        bit++;
    return search->sys.chips ? bit / search->sys.chips->most_vectors
                             : bit % search->sys.n_planes;
}

static int breaks(const struct ps_search *search, uint32_t id, unsigned property,
                  const struct ps_world *world)
{
    const uint32_t mark = ps_block_of(search, id)->marks[ps_place(id)];
    if (property == PS_DELIVERY)
        return search->swept && !(mark & PS_DONE);
    if (property == PS_PROGRESS)
        return search->swept && (mark & PS_ALIVE) != 0;
    if (property == PS_SETTLES)
        return ps_breaks_settling(&search->sys, world) != 0;
    return (ps_breaks_state(&search->sys, world) >> property & 1u) != 0;
}

struct gathering {
    const struct ps_search *search;
    unsigned property;
    struct ps_find *finds;
    uint32_t n, room;
    struct seen seen;
};

static void keep(struct gathering *all, uint32_t id, unsigned act)
{
    if (all->n == all->room)
        return;
    all->finds[all->n].id = id;
    all->finds[all->n].act = (uint16_t)act;
    all->n++;
}

/* The acts that break the property in this state. */
static void gather_acts(struct gathering *all, uint32_t id, const struct ps_world *world)
{
    const struct ps_search *search = all->search;
    for (unsigned i = 0; i < search->n_acts; i++) {
        const struct ps_act *act = &search->acts[i];
        struct ps_world next = *world;
        struct ps_outcome out;
        unsigned stepped;
        if (!ps_world_act(&search->sys, &next, act, &out, &stepped))
            continue;
        const unsigned broken = ps_breaks_act(&search->sys, world, &next, act, stepped, out);
        if (broken >> all->property & 1u &&
            is_new(&all->seen, i, (unsigned)world->vcpus[act->vcpu].current))
            keep(all, id, i);
    }
}

static void gather(struct gathering *all, uint32_t id)
{
    const unsigned of_acts =
        1u << PS_NOTHING_LOST | 1u << PS_FEASIBLE | 1u << PS_FORCED | 1u << PS_SPURIOUS;
    struct ps_world world;
    unsigned act = PS_MAX_ACTS;
    memset(&world, 0, sizeof world);
    ps_search_world(all->search, id, &world);
    if (of_acts >> all->property & 1u) {
        gather_acts(all, id, &world);
        return;
    }
    if (!breaks(all->search, id, all->property, &world))
        return;
    ps_search_parent(all->search, id, &act);
    if (is_new(&all->seen, act, plane_of(all->search, id, all->property, &world)))
        keep(all, id, PS_MAX_ACTS);
}

uint32_t ps_search_all(const struct ps_search *search, unsigned property, struct ps_find *finds,
                       uint32_t room)
{
    struct gathering all = {search, property, finds, 0, room, {{0}}};
    for (unsigned level = 0; level < search->n_levels; level++)
        for (unsigned shard = 0; shard < PS_SHARDS; shard++) {
            const uint32_t cursor = search->cursor[shard];
            const int last = level + 1u == search->n_levels;
            uint32_t end = last ? cursor : search->levels[level + 1u][shard];
            end = end < cursor ? end : cursor;
            for (uint32_t i = search->levels[level][shard]; i < end; i++)
                gather(&all, ps_id(shard, i));
        }
    return all.n;
}
