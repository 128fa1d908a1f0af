/* The tables of a search: packed worlds by hash, in the order in which they were found. */
#include <stdlib.h>

#include "checker/search.h"

static int grow_blocks(const struct ps_search *search, struct ps_shard *shard)
{
    if (shard->n_blocks == shard->room) {
        const uint32_t room = shard->room ? 2u * shard->room : 8u;
        struct ps_block *blocks =
            (struct ps_block *)realloc(shard->blocks, room * sizeof *blocks);
        if (!blocks)
            return -1;
        shard->blocks = blocks;
        shard->room = room;
    }
    const size_t words = (size_t)PS_BLOCK_STATES * search->sys.words;
    uint64_t *keys = (uint64_t *)malloc(words * 8u + PS_BLOCK_STATES * (4u + 4u + 2u));
    if (!keys)
        return -1;
    struct ps_block *block = &shard->blocks[shard->n_blocks++];
    block->keys = keys;
    block->parents = (uint32_t *)(keys + words);
    block->marks = block->parents + PS_BLOCK_STATES;
    block->acts = (uint16_t *)(block->marks + PS_BLOCK_STATES);
    return 0;
}

/* Twice the slots; the keys are hashed anew. */
static int grow_slots(const struct ps_search *search, unsigned number)
{
    struct ps_shard *shard = (struct ps_shard *)&search->shards[number];
    const uint32_t n_slots = shard->n_slots ? 2u * shard->n_slots : 64u;
    uint32_t *slots = (uint32_t *)calloc(n_slots, sizeof *slots);
    if (!slots)
        return -1;
    for (uint32_t i = 0; i < shard->n; i++) {
        const uint64_t hash = ps_hash(ps_key_of(search, ps_id(number, i)), search->sys.words);
        uint32_t slot = (uint32_t)hash & (n_slots - 1u);
        while (slots[slot])
            slot = (slot + 1u) & (n_slots - 1u);
        slots[slot] = (i + 1u) | ps_tag_of(hash);
    }
    free(shard->slots);
    shard->slots = slots;
    shard->n_slots = n_slots;
    return 0;
}

/* Where a key is in a shard that has slots: its slot, or the empty one where it would be. */
static uint32_t slot_of_key(const struct ps_search *search, unsigned number, const uint64_t *key,
                            uint64_t hash)
{
    const struct ps_shard *shard = &search->shards[number];
    const uint32_t mask = shard->n_slots - 1u, tag = ps_tag_of(hash);
    for (uint32_t slot = (uint32_t)hash & mask;; slot = (slot + 1u) & mask) {
        const uint32_t found = shard->slots[slot];
        if (!found)
            return slot;
        if ((found & ~PS_SLOT_INDEX) != tag)
            continue;
        const uint32_t id = ps_id(number, (found & PS_SLOT_INDEX) - 1u);
        if (ps_same_key(ps_key_of(search, id), key, search->sys.words))
            return slot;
    }
}

int ps_shard_add(struct ps_search *search, unsigned number, const uint64_t *key, uint64_t hash,
                 uint32_t parent, uint16_t act)
{
    struct ps_shard *shard = &search->shards[number];
    const unsigned words = search->sys.words;
    if ((uint64_t)shard->n * 4u >= (uint64_t)shard->n_slots * 3u &&
        grow_slots(search, number))
        return -1;
    const uint32_t slot = slot_of_key(search, number, key, hash);
    if (shard->slots[slot])
        return 0;
    if (shard->n == PS_SLOT_INDEX - 1u || /* the last id is PS_NO_ID's */
        (shard->n == shard->n_blocks * PS_BLOCK_STATES && grow_blocks(search, shard)))
        return -1;
    const struct ps_block *block = &shard->blocks[shard->n / PS_BLOCK_STATES];
    const uint32_t place = shard->n % PS_BLOCK_STATES;
    ps_copy_key(block->keys + (size_t)place * words, key, words);
    block->parents[place] = parent;
    block->acts[place] = act;
    block->marks[place] = 0;
    shard->slots[slot] = ++shard->n | ps_tag_of(hash);
    return 1;
}

uint32_t ps_search_find(const struct ps_search *search, const uint64_t *key)
{
    const uint64_t hash = ps_hash(key, search->sys.words);
    const unsigned number = ps_shard_of(hash);
    const struct ps_shard *shard = &search->shards[number];
    if (!shard->n_slots)
        return PS_NO_ID;
    const uint32_t slot = shard->slots[slot_of_key(search, number, key, hash)];
    return slot ? ps_id(number, (slot & PS_SLOT_INDEX) - 1u) : PS_NO_ID;
}

void ps_search_world(const struct ps_search *search, uint32_t id, struct ps_world *world)
{
    ps_unpack(&search->sys, ps_key_of(search, id), world);
}

uint32_t ps_search_parent(const struct ps_search *search, uint32_t id, unsigned *act)
{
    const struct ps_block *block = ps_block_of(search, id);
    *act = block->acts[ps_place(id)] & (PS_ACT_IDLES - 1u);
    return block->parents[ps_place(id)];
}

uint64_t ps_search_bytes(const struct ps_search *search)
{
    const uint64_t block = PS_BLOCK_STATES * (8u * search->sys.words + 10u);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        bytes += search->shards[i].n_blocks * block + search->shards[i].n_slots * 4u +
                 search->shards[i].room * sizeof(struct ps_block);
    return bytes;
}

void ps_search_close(struct ps_search *search)
{
    for (unsigned i = 0; i < PS_SHARDS; i++) {
        struct ps_shard *shard = &search->shards[i];
        for (uint32_t block = 0; block < shard->n_blocks; block++)
            free(shard->blocks[block].keys);
        free(shard->blocks);
        free(shard->slots);
    }
    for (unsigned i = 0; i < PS_PIECES; i++) {
        free(search->pieces[i].keys);
        free(search->pieces[i].recent);
    }
    free(search->levels);
    memset(search, 0, sizeof *search);
}
