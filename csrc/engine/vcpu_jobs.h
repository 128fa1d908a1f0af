/* Jobs and time on one vCPU: a part of vcpu.c, whose loop wants it inlined. Longer than 300 lines
 * because a job's whole way, with and without controllers, stands in one place. */
#ifndef PLANESCHED_VCPU_JOBS_H
#define PLANESCHED_VCPU_JOBS_H

#include "engine/arrivals.h"
#include "engine/vcpu_step.h"

/* Beside the kind of a job that no interrupt brought; its latency counts in a row behind those that
 * are read. */
#define PS_JOB_UNASKED 0x80u

static inline uint32_t ps_unread_row(const struct ps_engine *engine)
{
    return ps_n_rows(engine);
}

/* ---- Time passes ---- */

/* Running time brings the next calls of the current plane nearer. */
static inline void shorten_calls(const struct ps_vcpu v, unsigned plane, int64_t length)
{
    const struct ps_engine *engine = v.engine;
    for (uint32_t i = 0; i < engine->n_sources; i++)
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS && engine->sources[i].plane == plane)
            v.streams[i].next_ns -= v.streams[i].next_ns == PS_NEVER_NS ? 0 : length;
}

/* The source of calls, of those of the current plane, that calls next. */
static inline uint32_t next_call(const struct ps_vcpu v, unsigned plane)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_stream *streams = v.streams;
    uint32_t first = engine->n_sources;
    for (uint32_t i = 0; i < engine->n_sources; i++)
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS && engine->sources[i].plane == plane &&
            streams[i].next_ns != PS_NEVER_NS &&
            (first == engine->n_sources || streams[i].next_ns < streams[first].next_ns))
            first = i;
    return first;
}

/* The figures count by spells of a state; a part of the spell was a switch. */
static inline void ps_count_transition(struct ps_figures *f, unsigned status, unsigned current,
                                       uint64_t length)
{
    ps_wide_sub(&f->time_ns[status][current], length);
    ps_wide_add(&f->time_ns[PS_TIME_TRANSITION][current], length);
}

/* Time passes up to `to_ns`; `job`: what the current plane works on, or NULL. */
PS_INLINE void pass_time(const struct ps_vcpu v, struct ps_node *job, int64_t to_ns)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const int64_t length = to_ns - guest->now_ns;
    assert(length >= 0);
    ps_wide_add(&engine->totals.load_ns, (uint64_t)length * guest->n_jobs);
    if (ps_vcpu_in_transition(v)) {
        guest->time_ns[PS_TIME_TRANSITION] += length;
        ps_count_transition(&engine->figures, guest->status, guest->current, (uint64_t)length);
    } else {
        guest->time_ns[guest->status] += length;
        if (v.sliced)
            guest->ran_ns += guest->status ? 0 : length;
        if (job)
            job->left_ns -= length;
        if (ps_vcpu_calls(v) && ps_vcpu_computes(v))
            shorten_calls(v, guest->current, length);
    }
    guest->now_ns = to_ns;
}

static inline void note_progress(struct ps_guest *guest)
{
    guest->idle_steps = 0;
    guest->stuck = 0;
}

/* ---- Jobs ---- */

static inline void mark_queued(struct ps_guest *guest, unsigned plane, int64_t since_ns)
{
    int64_t *idle_since_ns = &guest->idle_since_ns[plane];
    *idle_since_ns = ps_has(guest->work, plane) ? *idle_since_ns : since_ns;
    guest->work = (uint16_t)(guest->work | ps_bit(plane));
}

/* Whether it is an event that was told, and not a job, that comes next. */
static inline int ps_told_next(const struct ps_engine *engine, const struct ps_guest *guest)
{
    return guest->arrival == engine->n_sources &&
           engine->pool.nodes[guest->input.head].kind == PS_JOB_TOLD;
}

/* Find what arrives next. Sources stand by plane, so at equal times the first is the right one. */
PS_INLINE void find_arrival(const struct ps_vcpu v)
{
    const struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const struct ps_stream *streams = v.streams;
    int64_t first_ns = PS_NEVER_NS;
    uint32_t first = engine->n_sources;
    if (PS_RARELY(!engine->n_looked_at) && engine->n_dues) {
        const struct ps_due due = ps_dues_first(engine, v.number);
        first_ns = due.at_ns;
        first = first_ns == PS_NEVER_NS ? first : engine->arriving[due.place];
    }
    for (uint32_t k = 0; k < engine->n_looked_at; k++) {
        const uint32_t i = ps_plain(v) ? k : engine->arriving[k];
        const int64_t at_ns = streams[i].next_ns;
        first = at_ns < first_ns ? i : first;
        first_ns = at_ns < first_ns ? at_ns : first_ns;
    }
    if (PS_RARELY(guest->input.head != PS_NIL)) {
        const struct ps_node *node = &engine->pool.nodes[guest->input.head];
        if (node->arrival_ns < first_ns ||
            (node->arrival_ns == first_ns && (node->kind == PS_JOB_TOLD ||
                                              node->plane < engine->sources[first].plane))) {
            first_ns = node->arrival_ns;
            first = engine->n_sources;
        }
    }
    guest->arrival_ns = first_ns;
    guest->arrival = first;
}

/* The next job of a source, or of the input, as a node; `*row`: where its latency counts. */
PS_INLINE uint32_t take_arrival(const struct ps_vcpu v, uint32_t *row)
{
    struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    if (PS_RARELY(guest->arrival == engine->n_sources)) {
        const uint32_t index = ps_queue_pop(&engine->pool, &v.guest->input);
        struct ps_node *node = &engine->pool.nodes[index];
        const unsigned unasked = node->kind != PS_JOB_IPI && node->source == PS_SOURCE_WAKE;
        if (ps_chipped(v))
            ps_vectors_name(engine, index);
        engine->totals.woken[node->plane] += unasked;
        node->source = (uint16_t)ps_input_row(engine, node);
        *row = unasked ? ps_unread_row(engine) : node->source;
        if (!ps_chipped(v) || node->kind != PS_JOB_TASK)
            node->kind = PS_JOB_INTERRUPT;
        if (unasked && !ps_chipped(v))
            node->kind = PS_JOB_INTERRUPT | PS_JOB_UNASKED;
        return index;
    }
    const struct ps_source *source = &engine->sources[guest->arrival];
    struct ps_stream *stream = v.streams + guest->arrival;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    *row = guest->arrival;
    node->arrival_ns = stream->next_ns;
    node->left_ns = node->service_ns = stream->service_ns;
    node->source = (uint16_t)guest->arrival;
    node->plane = source->plane;
    node->kind = PS_JOB_INTERRUPT;
    if (ps_chipped(v))
        engine->pool.brought[index] = source->vector;
    source->draw(source, stream);
    return index;
}

PS_SELDOM int make_pool_room(struct ps_engine *engine)
{
    if (ps_pool_reserve(&engine->pool, 1))
        ps_engine_fail(engine);
    return !engine->failed;
}

/* Whether there is a node for one more job; if not, the engine is at its end. */
static inline int has_room(struct ps_engine *engine)
{
    return !ps_pool_empty(&engine->pool) || make_pool_room(engine);
}

/* An event that was told happens. The automaton does not know it: it is stepped without. */
static void let_be_told(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    const uint32_t index = ps_queue_pop(&engine->pool, &v.guest->input);
    const struct ps_node told = engine->pool.nodes[index];
    ps_pool_give(&engine->pool, index);
    note_progress(v.guest);
    ps_vcpu_leave_automaton(engine, v.number);
    ps_vcpu_act(v, told.source, told.plane, v.guest->now_ns, 0);
    ps_vcpu_set_state(engine, v.number, ps_vcpu_state(engine, v.number));
    ps_vcpu_find_arrival(engine, v.number);
}

/* A job is there for a plane with a controller: its vector is posted; of work that none brings an
 * intercept tells. */
PS_INLINE void bring(const struct ps_vcpu v, uint32_t index, unsigned plane)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    if (engine->pool.brought[index]) {
        ps_vcpu_act(v, PS_EVENT_IRQ, plane, 0, index);
        return;
    }
    mark_queued(guest, plane, guest->now_ns);
    ps_queue_push(&engine->pool, &guest->queues[plane], index);
    ps_vcpu_act(v, PS_EVENT_INTERCEPT, plane, 0, 0);
}

/* The first job of the current plane has ended, and with its vector's last one that ends too.
 * Returns whether it was no job, but a task or a vector that VINA posted. */
PS_INLINE int end_vector(const struct ps_vcpu v, uint32_t index)
{
    struct ps_pool *pool = &v.engine->pool;
    const unsigned ends = pool->brought[index] & PS_BROUGHT_ENDS;
    pool->brought[index] &= PS_BROUGHT_VECTOR;
    if (ends && !ps_vectors_end_alone(v))
        ps_vcpu_act(v, PS_CHIP_EOI, v.guest->current, 0, 0);
    if (pool->nodes[index].kind != PS_JOB_NOTICE && pool->nodes[index].kind != PS_JOB_TASK)
        return 0;
    ps_pool_give(pool, index);
    return 1;
}

/* The job that comes next arrives. */
PS_INLINE void let_arrive(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    if (PS_RARELY(guest->arrival == engine->n_sources) && ps_told_next(engine, guest)) {
        let_be_told(v);
        return;
    }
    if (!has_room(engine))
        return;
    uint32_t row;
    const uint32_t index = take_arrival(v, &row);
    struct ps_node *node = &engine->pool.nodes[index];
    unsigned plane = node->plane;
    if (ps_chipped(v) && node->kind == PS_JOB_TASK) { /* no job: what its plane does besides */
        note_progress(guest);
        mark_queued(guest, plane, guest->now_ns);
        ps_queue_push(&engine->pool, &guest->queues[plane], index);
        find_arrival(v);
        return;
    }
    engine->rows[node->source].arrived++;
    const int forwards = !ps_plain(v) && engine->config.route == PS_ROUTE_MARKER;
    if (forwards && plane != engine->policy.marker) {
        node->kind = (uint8_t)(PS_JOB_FORWARD | (node->kind & PS_JOB_UNASKED));
        node->left_ns = engine->config.forward_ns;
        plane = engine->policy.marker;
        if (row != ps_unread_row(engine))
            row = ps_plane_row(engine, plane); /* it is not this source's latency that begins */
    }
    const int64_t arrival_ns = node->arrival_ns;
    if (!ps_plain(v))
        ps_wide_add(&engine->totals.load_ns, (uint64_t)(guest->now_ns - arrival_ns));
    guest->n_jobs++;
    note_progress(guest);
    if (ps_chipped(v)) {
        bring(v, index, plane);
    } else {
        mark_queued(guest, plane, arrival_ns);
        ps_queue_push(&engine->pool, &guest->queues[plane], index);
        ps_vcpu_act(v, PS_EVENT_IRQ, plane, arrival_ns, row);
    }
    find_arrival(v);
}

static inline void count_finished(struct ps_engine *engine, uint32_t number, uint64_t sojourn_ns)
{
    struct ps_row *row = &engine->rows[number];
    row->finished++;
    ps_wide_add(&row->sojourn_ns, sojourn_ns);
    ps_extend_range(&row->sojourn_min_ns, &row->sojourn_max_ns, sojourn_ns);
    engine->sojourn[(size_t)number * PS_N_BUCKETS + ps_bucket(sojourn_ns)]++;
}

/* The marker has handled an interrupt for another plane: that plane gets it, and the vCPU. */
static inline void forward_job(const struct ps_vcpu v, uint32_t index)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    struct ps_node *node = &engine->pool.nodes[index];
    const unsigned plane = node->plane;
    const unsigned unasked = node->kind & PS_JOB_UNASKED;
    node->kind = PS_JOB_INTERRUPT;
    node->left_ns = node->service_ns;
    engine->totals.forwarded[plane]++;
    if (ps_chipped(v)) {
        bring(v, index, plane);
    } else {
        mark_queued(guest, plane, guest->now_ns);
        ps_queue_push(&engine->pool, &guest->queues[plane], index);
        ps_vcpu_act(v, PS_EVENT_IRQ, plane, node->arrival_ns,
                    unasked ? ps_unread_row(engine) : node->source);
    }
    if (!guest->status && guest->current == engine->policy.marker && !ps_vcpu_in_transition(v))
        ps_vcpu_act(v, PS_EVENT_CALL, plane, 0, 0);
}

/* The job at the head of the current plane's queue ends. */
PS_INLINE void finish_job(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned current = guest->current;
    const uint32_t index = ps_queue_pop(&engine->pool, &guest->queues[current]);
    const struct ps_node *node = &engine->pool.nodes[index];
    if (guest->queues[current].head == PS_NIL)
        guest->work = (uint16_t)(guest->work & ~ps_bit(current));
    note_progress(guest);
    if (ps_chipped(v)) {
        if (end_vector(v, index))
            return;
        node = &engine->pool.nodes[index]; /* which may have moved */
    }
    if (!ps_plain(v) && (node->kind & ~PS_JOB_UNASKED) == PS_JOB_FORWARD) {
        forward_job(v, index);
        return;
    }
    if (!ps_plain(v) && node->kind == PS_JOB_CALL)
        guest->waiting = (uint16_t)(guest->waiting & ~ps_bit((unsigned)node->service_ns));
    const uint32_t row = node->source;
    guest->n_jobs--;
    count_finished(engine, row, (uint64_t)(guest->now_ns - node->arrival_ns));
    if (!ps_plain(v) && engine->talks)
        ps_queue_push(&engine->pool, &engine->ended, index);
    else
        ps_pool_give(&engine->pool, index);
}

/* The current plane calls; if that is accepted, its own job waits for that of the call. */
static inline void make_call(const struct ps_vcpu v, uint32_t number)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const struct ps_source *source = &engine->sources[number];
    struct ps_stream *stream = v.streams + number;
    const unsigned caller = guest->current;
    const unsigned callee = engine->row_planes[number];
    const int64_t service_ns = stream->service_ns;
    if (!has_room(engine))
        return;
    source->draw(source, stream);
    note_progress(guest);
    if (ps_vcpu_act(v, PS_EVENT_CALL, source->callee, 0, 0))
        return;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = guest->now_ns;
    node->left_ns = service_ns;
    node->service_ns = (int64_t)caller;
    node->source = (uint16_t)number;
    node->plane = (uint8_t)callee;
    node->kind = PS_JOB_CALL;
    if (ps_chipped(v))
        engine->pool.brought[index] = 0;
    mark_queued(guest, callee, guest->now_ns);
    ps_queue_push_front(&engine->pool, &guest->queues[callee], index);
    guest->waiting = (uint16_t)(guest->waiting | ps_bit(caller));
    guest->n_jobs++;
    engine->rows[number].arrived++;
}

#endif
