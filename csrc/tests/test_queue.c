/* Queues of jobs against a plain model: first in, first out, and every node is somewhere once. */
#include "engine/queue.h"

#include <string.h>

#include "check.h"

#define N_QUEUES 5u
#define MOST 400u

struct model {
    uint32_t items[N_QUEUES][MOST];
    unsigned length[N_QUEUES];
};

static void push(struct ps_pool *pool, struct ps_queue *queue, struct model *model, unsigned which,
                 uint32_t item)
{
    CHECK(ps_pool_reserve(pool, 1) == 0);
    const uint32_t node = ps_pool_take(pool);
    pool->nodes[node].arrival_ns = item;
    ps_queue_push(pool, queue, node);
    model->items[which][model->length[which]++] = item;
}

static void pop(struct ps_pool *pool, struct ps_queue *queue, struct model *model, unsigned which)
{
    const uint32_t node = ps_queue_pop(pool, queue);
    CHECK(pool->nodes[node].arrival_ns == model->items[which][0]);
    ps_pool_give(pool, node);
    model->length[which]--;
    memmove(model->items[which], model->items[which] + 1,
            model->length[which] * sizeof model->items[which][0]);
}

static void check_against_model(void)
{
    static struct model model;
    struct ps_pool pool = {NULL, 0, 0, PS_NIL, NULL, 0};
    struct ps_queue queues[N_QUEUES];
    CHECK(ps_pool_begin(&pool) == 0);
    uint64_t seed = 88172645463325252u;
    unsigned most = 0;
    for (unsigned which = 0; which < N_QUEUES; which++)
        queues[which] = (struct ps_queue){PS_NIL, 0};
    for (uint32_t round = 0; round < 100000; round++) {
        const unsigned which = random_below(&seed, N_QUEUES);
        const unsigned filling = round / 1000 % 2 ? 45 : 55;
        if (random_below(&seed, 100) < filling && model.length[which] < MOST)
            push(&pool, &queues[which], &model, which, round);
        else if (model.length[which])
            pop(&pool, &queues[which], &model, which);
        CHECK((queues[which].head == PS_NIL) == (model.length[which] == 0));
        unsigned held = 0;
        for (unsigned i = 0; i < N_QUEUES; i++)
            held += model.length[i];
        most = held > most ? held : most;
        unsigned given_back = 0;
        for (uint32_t node = pool.free; node != PS_NIL; node = pool.nodes[node].next)
            given_back++;
        CHECK(pool.used == 1 + held + given_back); /* the first is nobody's */
    }
    CHECK(most > 100);
    CHECK(pool.used == 1 + most); /* memory follows the work there was */
    free(pool.nodes);
}

static void check_too_many(void)
{
    struct ps_pool pool = {NULL, 0, 0, PS_NIL, NULL, 0};
    CHECK(ps_pool_reserve(&pool, UINT64_MAX) == -1);
    CHECK(ps_pool_reserve(&pool, (uint64_t)PS_NIL + 1) == -1);
    CHECK(ps_pool_reserve(&pool, 0) == 0);
    CHECK(pool.nodes == NULL);
}

int main(void)
{
    check_against_model();
    check_too_many();
    return 0;
}
