/* Queues of jobs: linked lists in one pool of nodes, so that memory follows the work there is and a
 * copy of an engine is a copy of three arrays. */
#ifndef PLANESCHED_JOBS_H
#define PLANESCHED_JOBS_H

#include <assert.h>
#include <stdint.h>

#include "figures.h"

#define PS_NIL UINT32_MAX

struct ps_node {
    int64_t arrival_ns;
    int64_t left_ns;     /* of what it is now */
    int64_t service_ns;  /* at the plane that it is for */
    uint32_t next;
    uint16_t source;
    uint8_t plane, kind;
};

/* What became of the jobs, by the plane that they are for. jobstats.py has the same layout. */
struct ps_totals {
    uint64_t arrived[PS_MAX_PLANES];
    uint64_t woken[PS_MAX_PLANES];       /* of these, those that no vector brought */
    uint64_t finished[PS_MAX_PLANES];
    uint64_t queued[PS_MAX_PLANES];      /* arrived, not finished; on reading */
    uint64_t forwarded[PS_MAX_PLANES];   /* passed on by the marker */
    struct ps_wide sojourn_ns[PS_MAX_PLANES]; /* sums, arrival to end of service */
    uint64_t sojourn_min_ns[PS_MAX_PLANES];   /* all ones before the first */
    uint64_t sojourn_max_ns[PS_MAX_PLANES];
    uint64_t oldest_ns[PS_MAX_PLANES];   /* age of the oldest pending interrupt; on reading */
};

struct ps_queue {
    uint32_t head, tail;  /* the tail means nothing while the head is PS_NIL */
};

struct ps_pool {
    struct ps_node *nodes;
    uint32_t capacity, used;  /* nodes from `used` on were never handed out */
    uint32_t free, n_free;
};

static inline uint32_t ps_pool_take(struct ps_pool *pool)
{
    uint32_t node = pool->free;
    if (node == PS_NIL) {
        assert(pool->used < pool->capacity); /* ps_pool_reserve has been here */
        return pool->used++;
    }
    pool->free = pool->nodes[node].next;
    pool->n_free--;
    return node;
}

static inline void ps_pool_give(struct ps_pool *pool, uint32_t node)
{
    pool->nodes[node].next = pool->free;
    pool->free = node;
    pool->n_free++;
}

static inline void ps_queue_push(struct ps_pool *pool, struct ps_queue *queue, uint32_t node)
{
    pool->nodes[node].next = PS_NIL;
    if (queue->head == PS_NIL)
        queue->head = node;
    else
        pool->nodes[queue->tail].next = node;
    queue->tail = node;
}

static inline uint32_t ps_queue_pop(struct ps_pool *pool, struct ps_queue *queue)
{
    const uint32_t node = queue->head;
    assert(node != PS_NIL);
    queue->head = pool->nodes[node].next;
    return node;
}

/* Make room for `n` more nodes. Returns 0, or -1 without memory; the nodes there are stay good. */
int ps_pool_reserve(struct ps_pool *pool, uint64_t n);

#endif
