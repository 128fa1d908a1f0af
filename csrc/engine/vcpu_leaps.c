/* One vCPU by leaps: the loop that most engines spend their time in. */
#include "engine/vcpu_leap.h"

/* So many events by single steps before leaps are tried again. */
#define PS_EVENTS_BY_STEP 16u

/* There is more to do now, by steps. */
PS_INLINE void leaps_act(const struct ps_vcpu v, struct ps_here *here)
{
    leaps_leave(v, here);
    ps_vcpu_act_until_busy(v.engine, v.number);
    leaps_enter(v, here);
}

/* What is not known is stepped, and known then. `event`: as in leaps.h. */
PS_INLINE void leap_make(const struct ps_vcpu v, struct ps_here *here, unsigned event,
                         int64_t posted_ns, uint32_t row)
{
    const uint32_t at = (uint32_t)(here->place - here->leaps->leaps) + event;
    leaps_leave(v, here);
    ps_vcpu_make_leap(v.engine, v.number, at, event, posted_ns, row);
    leaps_enter(v, here);
}

/* Go on by steps for so many events. Returns how many there were. */
PS_INLINE uint64_t leaps_by_steps(const struct ps_vcpu v, struct ps_here *here, int64_t until_ns,
                                  uint64_t most)
{
    uint64_t left = most;
    leaps_leave(v, here);
    ps_vcpu_advance_by_steps(v.engine, v.number, until_ns, &left);
    leaps_enter(v, here);
    return most - left;
}

/* The next job arrives. */
PS_INLINE void leaps_arrive(const struct ps_vcpu v, struct ps_here *here)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    uint32_t row;
    const uint32_t index = take_arrival(v, &row);
    const struct ps_node *node = &engine->pool.nodes[index];
    const unsigned plane = node->plane;
    const int64_t now_ns = here->now_ns;
    struct ps_leap *way = here->place + plane;
    here->job->left_ns = (int64_t)(here->end_ns - (uint64_t)now_ns);
    here->n_jobs++;
    here->idle_steps = 0;
    here->leaps->leapt[node->source].arrived++;
    ps_queue_push(&engine->pool, &guest->queues[plane], index);
    if (PS_RARELY(!leap_known(here->leaps, way))) {
        leap_make(v, here, plane, now_ns, row);
    } else {
        guest->idle_since_ns[way->queued] = now_ns;
        v.clock[way->post] = now_ns;
        guest->posted[way->post] = (uint16_t)row;
        if (ps_plain(v))
            here->leaps->leapt[row].at_once += way->bits & PS_LEAP_AT_ONCE;
        if (PS_RARELY(!leap_take(v, here, way, here->idle_steps)))
            leaps_act(v, here);
    }
    find_arrival(v);
}

/* The job ends that current works on. */
PS_INLINE void leaps_finish(const struct ps_vcpu v, struct ps_here *here)
{
    struct ps_engine *engine = v.engine;
    struct ps_queue *queue = here->queue;
    const uint32_t index = ps_queue_pop(&engine->pool, queue);
    const struct ps_node *node = here->job;
    assert(node == &engine->pool.nodes[index]);
    here->n_jobs--;
    here->idle_steps = 0;
    count_finished(engine, node->source, (uint64_t)(here->now_ns - node->arrival_ns));
    ps_pool_give(&engine->pool, index);
    if (queue->head != PS_NIL) {
        here->job = &engine->pool.nodes[queue->head];
        here->end_ns = (uint64_t)here->now_ns + (uint64_t)here->job->left_ns;
        if (here->job->left_ns)
            return;
    } else {
        const unsigned event = ps_leap_ended(engine->config.n_planes);
        struct ps_leap *way = here->place + event;
        if (PS_RARELY(!leap_known(here->leaps, way))) {
            leap_make(v, here, event, 0, 0);
            return;
        }
        if (leap_take(v, here, way, here->idle_steps))
            return;
    }
    leaps_act(v, here);
}

/* A switch ends. So seldom that it is not worth a leap, something came in meanwhile. */
PS_INLINE void leaps_end_switch(const struct ps_vcpu v, struct ps_here *here)
{
    struct ps_engine *engine = v.engine;
    const unsigned event = ps_leap_ready(engine->config.n_planes);
    struct ps_leap *way = here->place + event;
    const int64_t length = here->ready_ns - here->now_ns;
    ps_count_transition(&engine->figures, here->status, here->current, (uint64_t)length);
    here->switching_ns += length;
    here->turns_ns[PS_LEAP_HALTS] += here->status ? length : 0;
    leaps_pass(v, here, here->ready_ns);
    if (PS_RARELY(v.guest->arrival_ns < here->now_ns ||
                  here->idle_steps >= PS_PATIENT_STEPS / 2)) {
        leaps_leave(v, here);
        ps_vcpu_catch_up(engine, v.number);
        leaps_enter(v, here);
    } else if (PS_RARELY(!leap_known(here->leaps, way))) {
        leap_make(v, here, event, 0, 0);
    } else if (PS_RARELY(!leap_take(v, here, way, here->idle_steps))) {
        leaps_act(v, here);
    }
}

/* Let the next event happen if it is not later than `until_ns`. Returns whether it did. */
PS_INLINE int leaps_event(const struct ps_vcpu v, struct ps_here *here, int64_t until_ns)
{
    const struct ps_guest *guest = v.guest;
    if (!ps_plain(v) && here->ready_ns > here->now_ns) {
        if (here->ready_ns > until_ns)
            return 0;
        leaps_end_switch(v, here);
        return 1;
    }
    const int64_t arrival_ns = guest->arrival_ns;
    if (here->end_ns <= (uint64_t)arrival_ns) {
        if (here->end_ns > (uint64_t)until_ns)
            return 0;
        leaps_pass(v, here, (int64_t)here->end_ns);
        leaps_finish(v, here);
        return 1;
    }
    if (arrival_ns > until_ns)
        return 0;
    if (PS_RARELY(ps_pool_empty(&v.engine->pool)) || PS_RARELY(ps_told_next(v.engine, guest)))
        return leaps_by_steps(v, here, until_ns, 1) != 0;
    leaps_pass(v, here, arrival_ns);
    leaps_arrive(v, here);
    return 1;
}

PS_INLINE int leaps_go(const struct ps_vcpu v, int64_t until_ns, uint64_t *patience)
{
    struct ps_here here;
    uint64_t left = *patience;
    leaps_enter(v, &here);
    for (; left; left--) {
        if (PS_RARELY(!here.place)) {
            const int full = ps_leaps_full(v.engine->leaps);
            const uint64_t most = full || left < PS_EVENTS_BY_STEP ? left : PS_EVENTS_BY_STEP;
            const uint64_t done = leaps_by_steps(v, &here, until_ns, most);
            left -= done;
            if (done < most)
                break;
            left++;
        } else if (!leaps_event(v, &here, until_ns)) {
            break;
        }
    }
    leaps_leave(v, &here);
    *patience = left;
    if (!left)
        return 1;
    if (v.guest->now_ns < until_ns)
        ps_vcpu_pass_time(v.engine, v.number, until_ns);
    return 0;
}

int ps_vcpu_advance_by_leaps(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                             uint64_t *patience)
{
    struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    assert(engine->leaps && !engine->chipped && !v.sliced);
    v.sliced = 0;
    if (engine->plain) {
        v.is = PS_PLAIN;
        return leaps_go(v, until_ns, patience);
    }
    v.is = PS_USUAL;
    return leaps_go(v, until_ns, patience);
}
