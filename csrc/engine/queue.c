#include "engine/queue.h"

#include <stdlib.h>
#include <string.h>

/* Count nodes that were given back, as far as `enough`. */
static uint64_t given_back(const struct ps_pool *pool, uint64_t enough)
{
    uint64_t n = 0;
    for (uint32_t node = pool->free; node != PS_NIL && n < enough; node = pool->nodes[node].next)
        n++;
    return n;
}

int ps_pool_begin(struct ps_pool *pool)
{
    pool->free = PS_NIL;
    pool->used = 0;
    if (ps_pool_reserve(pool, 1))
        return -1;
    memset(&pool->nodes[pool->used++], 0, sizeof *pool->nodes); /* PS_NOBODY */
    return 0;
}

int ps_pool_reserve(struct ps_pool *pool, uint64_t n)
{
    const uint64_t room = (uint64_t)pool->capacity - pool->used + given_back(pool, n);
    if (n <= room)
        return 0;
    const uint64_t needed = (uint64_t)pool->capacity + (n - room);
    if (n > PS_NIL || needed > PS_NIL)
        return -1;
    uint64_t capacity = pool->capacity + (uint64_t)pool->capacity / 2 + 64;
    capacity = capacity < needed ? needed : capacity;
    capacity = capacity < PS_NIL ? capacity : PS_NIL;
    if (capacity > SIZE_MAX / sizeof *pool->nodes)
        return -1;
    struct ps_node *nodes =
        (struct ps_node *)realloc(pool->nodes, (size_t)capacity * sizeof *nodes);
    if (!nodes)
        return -1;
    pool->nodes = nodes;
    if (pool->by_vectors) {
        uint16_t *brought =
            (uint16_t *)realloc(pool->brought, (size_t)capacity * sizeof *brought);
        if (!brought)
            return -1;
        pool->brought = brought;
    }
    pool->capacity = (uint32_t)capacity;
    return 0;
}
