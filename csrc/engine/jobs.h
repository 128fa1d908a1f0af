/* Queues of jobs: linked lists in one pool of nodes, so that memory follows the work there is and a
 * copy of an engine is a copy of a few arrays. */
#ifndef PLANESCHED_JOBS_H
#define PLANESCHED_JOBS_H

#include <assert.h>
#include <stdint.h>

#include "core/figures.h"

#define PS_NIL UINT32_MAX

struct ps_node {
    int64_t arrival_ns;
    int64_t left_ns;     /* of what it is now */
    int64_t service_ns;  /* at the plane that it is for; of a call, the plane that called */
    uint32_t next;
    uint16_t source;     /* its row, once it has arrived; before, what its job said */
    uint8_t plane, kind;
};

/* Where the figures of a job go: a row for every source, and behind those one for every plane, with
 * what was fed and what VINA posted. planesched/layouts.py has the layout. */
struct ps_row {
    uint64_t arrived, finished, injected;
    uint64_t queued_before;              /* when counting began */
    uint64_t queued;                     /* arrived, not finished; on reading */
    struct ps_wide latency_ns, response_ns, sojourn_ns;
    uint64_t latency_min_ns, latency_max_ns;  /* the least: all ones before the first */
    uint64_t response_min_ns, response_max_ns;
    uint64_t sojourn_min_ns, sojourn_max_ns;
};

/* What became of the jobs, by the plane that they are for; the first ones are the sums of the rows,
 * and stand there on reading only. planesched/layouts.py has the layout. */
struct ps_totals {
    uint64_t arrived[PS_MAX_PLANES];
    uint64_t finished[PS_MAX_PLANES];
    uint64_t queued_before[PS_MAX_PLANES];
    uint64_t queued[PS_MAX_PLANES];           /* arrived, not finished */
    struct ps_wide sojourn_ns[PS_MAX_PLANES]; /* sums, arrival to end of service */
    uint64_t sojourn_min_ns[PS_MAX_PLANES];   /* all ones before the first */
    uint64_t sojourn_max_ns[PS_MAX_PLANES];
    uint64_t woken[PS_MAX_PLANES];            /* arrived, but no vector brought them */
    uint64_t forwarded[PS_MAX_PLANES];        /* passed on by the marker */
    uint64_t starved_ns[PS_MAX_PLANES];       /* longest time with work without running */
    uint64_t oldest_ns[PS_MAX_PLANES];        /* age of the oldest pending interrupt; on reading */
    /* Little's law: load = sojourn of those finished + age - age_before. */
    struct ps_wide load_ns;                   /* number of jobs in queues, integrated over time */
    struct ps_wide age_ns;                    /* time that those in queues have spent there */
    struct ps_wide age_before_ns;             /* the same, when counting began */
};

struct ps_queue {
    uint32_t head, tail;  /* the tail is any node while the head is PS_NIL */
};

struct ps_pool {
    struct ps_node *nodes;
    uint32_t capacity, used;  /* nodes from `used` on were never handed out */
    uint32_t free;            /* the first of those that were given back */
};

static inline int ps_pool_empty(const struct ps_pool *pool)
{
    return pool->free == PS_NIL && pool->used == pool->capacity;
}

static inline uint32_t ps_pool_take(struct ps_pool *pool)
{
    uint32_t node = pool->free;
    if (PS_RARELY(node == PS_NIL)) {
        assert(pool->used < pool->capacity); /* ps_pool_reserve has been here */
        return pool->used++;
    }
    pool->free = pool->nodes[node].next;
    return node;
}

static inline void ps_pool_give(struct ps_pool *pool, uint32_t node)
{
    pool->nodes[node].next = pool->free;
    pool->free = node;
}

static inline void ps_queue_push(struct ps_pool *pool, struct ps_queue *queue, uint32_t node)
{
    /* Without a branch: nobody can foretell whether a queue is empty. */
    uint32_t *last = &pool->nodes[queue->tail].next;
    last = queue->head == PS_NIL ? &queue->head : last;
    pool->nodes[node].next = PS_NIL;
    *last = node;
    queue->tail = node;
}

static inline void ps_queue_push_front(struct ps_pool *pool, struct ps_queue *queue, uint32_t node)
{
    pool->nodes[node].next = queue->head;
    if (queue->head == PS_NIL)
        queue->tail = node;
    queue->head = node;
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
