/* Delivery and progress: what can be reached from each state, worked out backwards.
 *
 * No edges are stored. A pass makes the successors of a state again and takes over what they
 * know, until nothing changes. Marks only ever gain (delivery) or lose (progress) bits and the
 * fixed point is unique, so passes may run beside each other and read marks half done.
 */
#include "checker/atomics.h"
#include "checker/search.h"

static int is_expanded(const struct ps_search *search, uint32_t id)
{
    return id / PS_SHARDS < search->cursor[id % PS_SHARDS];
}

/* Where an act leads from a world: its id, and what it delivered. */
struct successor {
    uint32_t id, delivered;
    int idle;
};

static struct successor follow_act(const struct ps_search *search, const struct ps_world *world,
                                   const struct ps_act *act)
{
    struct successor edge = {PS_NO_ID, 0, 0};
    struct ps_world next = *world;
    struct ps_outcome out;
    uint64_t key[PS_KEY_WORDS];
    unsigned stepped;
    if (!(act->how & PS_INSIDE) ||
        !ps_world_act(&search->sys, &next, act, &out, &stepped))
        return edge;
    ps_pack(&search->sys, &next, key);
    edge.id = ps_search_find(search, key);
    edge.delivered = ps_delivered(&search->sys, world, &next, stepped, out);
    edge.idle = ps_is_idle(act, out);
    return edge;
}

/* What the successors of a state know. A state that was not expanded may still deliver all. */
static uint32_t known_from_here(const struct ps_search *search, const struct ps_world *world,
                                uint32_t mark, uint32_t pending)
{
    uint32_t alive = 0;
    for (unsigned i = 0; i < search->n_acts; i++) {
        if (!(pending & ~mark) && (alive || !(mark & PS_ALIVE)))
            break;
        const struct successor edge = follow_act(search, world, &search->acts[i]);
        if (edge.id == PS_NO_ID)
            continue;
        const int expanded = is_expanded(search, edge.id);
        const uint32_t next =
            ps_load(&ps_block_of(search, edge.id)->marks[ps_place(edge.id)]);
        mark |= edge.delivered | (expanded ? next & pending : pending);
        if (edge.idle && expanded && next & PS_ALIVE)
            alive = PS_ALIVE;
    }
    return (mark & ~PS_ALIVE) | (mark & alive);
}

void ps_search_sweep(struct ps_search *search, unsigned number, int first)
{
    const int delivery = (search->wanted >> PS_DELIVERY & 1u) != 0;
    uint64_t changes = 0;
    for (uint32_t index = search->cursor[number]; index-- > 0;) {
        const uint32_t id = ps_id(number, index);
        const struct ps_block *block = ps_block_of(search, id);
        uint32_t *place = &block->marks[ps_place(id)];
        uint32_t mark = ps_load(place);
        if (first && block->acts[ps_place(id)] & PS_ACT_IDLES &&
            search->wanted >> PS_PROGRESS & 1u) {
            mark |= PS_ALIVE;
            changes++;
        }
        if (!delivery)
            mark |= PS_DONE;
        if (mark & PS_DONE && !(mark & PS_ALIVE)) {
            ps_store(place, mark);
            continue;
        }
        struct ps_world world;
        ps_search_world(search, id, &world);
        const uint32_t pending = mark & PS_DONE ? 0 : ps_undelivered(&search->sys, &world);
        /* The first pass only lights the states where an endless run may begin. */
        uint32_t known = first ? mark : known_from_here(search, &world, mark, pending);
        if (!(pending & ~known))
            known |= PS_DONE;
        else
            changes += (uint64_t)first;
        changes += known != mark;
        ps_store(place, known);
    }
    search->changes[number] = changes;
}

uint32_t ps_search_missing(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    const uint32_t mark = ps_block_of(search, id)->marks[ps_place(id)];
    ps_search_world(search, id, &world);
    return mark & PS_DONE ? 0 : ps_undelivered(&search->sys, &world) & ~mark;
}

uint32_t ps_search_first(const struct ps_search *search, unsigned property)
{
    for (unsigned level = 0; level < search->n_levels; level++)
        for (unsigned number = 0; number < PS_SHARDS; number++) {
            const int last = level + 1u == search->n_levels;
            const uint32_t cursor = search->cursor[number];
            uint32_t end = last ? cursor : search->levels[level + 1u][number];
            end = end < cursor ? end : cursor;
            for (uint32_t i = search->levels[level][number]; i < end; i++) {
                const uint32_t id = ps_id(number, i);
                const uint32_t mark = ps_block_of(search, id)->marks[ps_place(id)];
                const int broken = property == PS_PROGRESS ? (mark & PS_ALIVE) != 0
                                                           : !(mark & PS_DONE);
                if (broken)
                    return id;
            }
        }
    return PS_NO_ID;
}

int ps_search_stuck(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    ps_search_world(search, id, &world);
    for (unsigned i = 0; i < search->n_acts; i++) {
        const struct successor edge = follow_act(search, &world, &search->acts[i]);
        if (edge.id != PS_NO_ID && edge.id != id)
            return 0;
    }
    return 1;
}

struct ps_find ps_search_idle(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    struct ps_find find = {PS_NO_ID, PS_MAX_ACTS};
    ps_search_world(search, id, &world);
    for (unsigned i = 0; i < search->n_acts; i++) {
        const struct successor edge = follow_act(search, &world, &search->acts[i]);
        if (!edge.idle || edge.id == PS_NO_ID || !is_expanded(search, edge.id))
            continue;
        if (ps_block_of(search, edge.id)->marks[ps_place(edge.id)] & PS_ALIVE) {
            find.id = edge.id;
            find.act = (uint16_t)i;
            return find;
        }
    }
    return find;
}
