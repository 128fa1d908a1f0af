/* The rounds of a search: plan, expand, insert, settle. */
#include <stdlib.h>

#include "checker/search.h"
#include "planesched/compiler.h"

#define PS_BATCH 64u

static int push_level(struct ps_search *search)
{
    if (search->n_levels == search->level_room) {
        const unsigned room = search->level_room ? 2u * search->level_room : 32u;
        void *levels = realloc(search->levels, room * sizeof *search->levels);
        if (!levels)
            return -1;
        search->levels = (uint32_t(*)[PS_SHARDS])levels;
        search->level_room = room;
    }
    for (unsigned i = 0; i < PS_SHARDS; i++)
        search->levels[search->n_levels][i] = search->shards[i].n;
    search->n_levels++;
    return 0;
}

static int open_piece(const struct ps_search *search, struct ps_piece *piece)
{
    const unsigned words = search->sys.words;
    piece->room = PS_PIECE * search->n_acts;
    piece->keys = (uint64_t *)malloc(piece->room * (8u * words + 4u + 4u + 2u + 1u));
    piece->recent = (uint64_t *)malloc(PS_RECENT * words * sizeof *piece->recent);
    if (!piece->keys || !piece->recent)
        return -1;
    piece->parents = (uint32_t *)(piece->keys + (size_t)piece->room * words);
    piece->order = piece->parents + piece->room;
    piece->acts = (uint16_t *)(piece->order + piece->room);
    piece->shards = (uint8_t *)(piece->acts + piece->room);
    return 0;
}

int ps_search_open(struct ps_search *search, const struct ps_act *acts, unsigned n_acts,
                   unsigned wanted)
{
    search->acts = acts;
    search->n_acts = n_acts;
    search->wanted = wanted;
    for (unsigned i = 0; i < PS_N_LOCAL; i++)
        search->finds[i].id = PS_NO_ID;
    for (unsigned i = 0; i < PS_PIECES; i++)
        if (open_piece(search, &search->pieces[i]))
            return -1;
    return push_level(search);
}

int ps_search_root(struct ps_search *search, const struct ps_world *world)
{
    uint64_t key[PS_KEY_WORDS];
    ps_pack(&search->sys, world, key);
    const uint64_t hash = ps_hash(key, search->sys.words);
    const int added = ps_shard_add(search, ps_shard_of(hash), key, hash, PS_NO_ID, 0);
    search->n_states += added == 1;
    return added < 0 ? -1 : 0;
}

int ps_search_exhausted(const struct ps_search *search)
{
    for (unsigned i = 0; i < PS_SHARDS; i++)
        if (search->cursor[i] < search->shards[i].n)
            return 0;
    return 1;
}

unsigned ps_search_deepest(const struct ps_search *search)
{
    const unsigned last = search->n_levels - 1u;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        if (search->shards[i].n > search->levels[last][i])
            return last;
    return last ? last - 1u : 0;
}

unsigned ps_search_depth(const struct ps_search *search, uint32_t id)
{
    unsigned depth = search->n_levels - 1u;
    while (depth && search->levels[depth][id % PS_SHARDS] > id / PS_SHARDS)
        depth--;
    return depth;
}

/* Cut pieces from the level that is being expanded, which ends at `ends`. */
static void cut_pieces(struct ps_search *search, const uint32_t *ends, uint64_t most_pieces)
{
    for (unsigned i = 0; i < PS_SHARDS; i++)
        while (search->cursor[i] < ends[i] && search->n_pieces < most_pieces) {
            struct ps_piece *piece = &search->pieces[search->n_pieces++];
            const uint32_t left = ends[i] - search->cursor[i];
            piece->shard = i;
            piece->begin = search->cursor[i];
            piece->end = piece->begin + (left < PS_PIECE ? left : PS_PIECE);
            search->cursor[i] = piece->end;
        }
}

unsigned ps_search_plan(struct ps_search *search, uint64_t most)
{
    search->n_pieces = 0;
    if (search->failed || search->n_states >= most)
        return 0;
    uint64_t pieces = (most - search->n_states) / (PS_PIECE * search->n_acts) + 1u;
    pieces = pieces < PS_PIECES ? pieces : PS_PIECES;
    cut_pieces(search, search->levels[search->n_levels - 1u], pieces);
    if (search->n_pieces || ps_search_exhausted(search))
        return search->n_pieces;
    if (push_level(search)) {
        search->failed = 1;
        return 0;
    }
    cut_pieces(search, search->levels[search->n_levels - 1u], pieces);
    return search->n_pieces;
}

/* What is about to be inserted: its lines of the table are on their way. */
struct insertion {
    const uint64_t *keys[PS_BATCH];
    uint64_t hashes[PS_BATCH];
    uint32_t parents[PS_BATCH];
    uint16_t acts[PS_BATCH];
    unsigned n;
};

static void flush_insertion(struct ps_search *search, unsigned number, struct insertion *batch)
{
    struct ps_shard *shard = &search->shards[number];
    for (unsigned i = 0; i < batch->n && shard->n_slots; i++) {
        const uint32_t slot = shard->slots[(uint32_t)batch->hashes[i] & (shard->n_slots - 1u)];
        if (slot)
            ps_prefetch_read(ps_key_of(search, ps_id(number, (slot & PS_SLOT_INDEX) - 1u)));
    }
    for (unsigned i = 0; i < batch->n; i++)
        if (ps_shard_add(search, number, batch->keys[i], batch->hashes[i], batch->parents[i],
                         batch->acts[i]) < 0)
            shard->failed = 1;
    batch->n = 0;
}

void ps_search_insert(struct ps_search *search, unsigned number)
{
    const struct ps_shard *shard = &search->shards[number];
    const unsigned words = search->sys.words;
    struct insertion batch;
    batch.n = 0;
    for (unsigned p = 0; p < search->n_pieces; p++) {
        const struct ps_piece *piece = &search->pieces[p];
        const uint32_t end = piece->starts[number + 1u];
        for (uint32_t i = piece->starts[number]; i < end; i++) {
            const uint32_t found = piece->order[i];
            const uint64_t *key = piece->keys + (size_t)found * words;
            const uint64_t hash = ps_hash(key, words);
            if (shard->n_slots)
                ps_prefetch_read(&shard->slots[(uint32_t)hash & (shard->n_slots - 1u)]);
            batch.keys[batch.n] = key;
            batch.hashes[batch.n] = hash;
            batch.parents[batch.n] = piece->parents[found];
            batch.acts[batch.n] = piece->acts[found];
            if (++batch.n == PS_BATCH)
                flush_insertion(search, number, &batch);
        }
    }
    flush_insertion(search, number, &batch);
}

void ps_search_end_round(struct ps_search *search)
{
    for (unsigned p = 0; p < search->n_pieces; p++) {
        const struct ps_piece *piece = &search->pieces[p];
        search->transitions += piece->transitions;
        search->differing += piece->differing;
        search->spurious += piece->spurious;
        for (unsigned i = 0; i < PS_N_LOCAL; i++)
            if (search->finds[i].id == PS_NO_ID)
                search->finds[i] = piece->finds[i];
    }
    search->n_states = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++) {
        search->n_states += search->shards[i].n;
        search->failed |= search->shards[i].failed;
    }
}
