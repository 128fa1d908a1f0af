/* Queues of jobs: linked lists in one pool of nodes, so that memory follows the work there is and a
 * copy of an engine is a copy of a few arrays. */
#ifndef PLANESCHED_QUEUE_H
#define PLANESCHED_QUEUE_H

#include <assert.h>
#include <stdint.h>

#include "planesched/compiler.h"

#define PS_NIL UINT32_MAX
/* The first node is in no queue: what is to be done to a job where there is none is done to it. */
#define PS_NOBODY 0u

struct ps_node {
    int64_t arrival_ns;
    int64_t left_ns;     /* of what it is now */
    int64_t service_ns;  /* at the plane that it is for; of a call, the plane that called */
    uint32_t next;
    uint16_t source;     /* its row, once it has arrived; before, what its job said */
    uint8_t plane, kind;
};

struct ps_queue {
    uint32_t head, tail;  /* the tail is any node while the head is PS_NIL */
};

struct ps_pool {
    struct ps_node *nodes;
    uint32_t capacity, used;  /* nodes from `used` on were never handed out */
    uint32_t free;            /* the first of those that were given back */
    uint16_t *brought;        /* with controllers, by node: PS_BROUGHT_*; else NULL */
    int by_vectors;           /* there are controllers */
};

/* What brought a job: a vector, or 0 where none did; and whether the end of the job is its EOI. */
#define PS_BROUGHT_VECTOR 0xffu
#define PS_BROUGHT_ENDS 0x100u

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
    /* Without a branch, for nobody can foretell whether a queue is empty; and not by `?:`, which
     * compilers make a branch of. If it is, nobody comes before, and its head has all bits. */
    const uint32_t before = 0u - (uint32_t)(queue->head != PS_NIL);
    pool->nodes[queue->tail & before].next = node;
    pool->nodes[node].next = PS_NIL;
    queue->head &= node | before;
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

/* Begin, or begin again, with nobody's node. Returns 0, or -1 without memory. */
int ps_pool_begin(struct ps_pool *pool);
/* Make room for `n` more nodes. Returns 0, or -1 without memory; the nodes there are stay good. */
int ps_pool_reserve(struct ps_pool *pool, uint64_t n);

#endif
