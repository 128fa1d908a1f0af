/* Where planes have interrupt controllers: what becomes of the jobs that vectors bring (rules, 8).
 * What a controller holds back and what a plane takes is irqchip.h's to say. Longer than 300 lines
 * because one step, by the automaton or without, and all that it does to jobs are one subject. */
#include "engine/vcpu_step.h"

static struct ps_vector_row *vector_row(struct ps_engine *engine, unsigned plane, unsigned vector)
{
    return &engine->vectors[plane * PS_N_VECTORS + vector];
}

void ps_vectors_begin(struct ps_engine *engine, uint32_t vcpu)
{
    const unsigned n_planes = engine->config.n_planes;
    struct ps_apic *apics = ps_vcpu_apics(engine, vcpu);
    memset(apics, 0, n_planes * sizeof *apics);
    for (unsigned plane = 0; plane < n_planes; plane++)
        ps_posted(engine, vcpu, plane)->head = PS_NIL;
}

void ps_vectors_name(struct ps_engine *engine, uint32_t index)
{
    const struct ps_node *node = &engine->pool.nodes[index];
    unsigned vector = node->source;
    if (node->kind == PS_JOB_IPI)
        vector = engine->sources[node->source].vector;
    else if (node->kind == PS_JOB_TASK || vector == PS_SOURCE_WAKE)
        vector = 0;
    engine->pool.brought[index] = (uint16_t)vector;
}

/* ---- One step ---- */

static void log_vector(struct ps_engine *engine, uint32_t vcpu, unsigned plane, unsigned vector,
                       unsigned event)
{
    if (!engine->vector_log_left)
        return;
    engine->vector_log_left--;
    const struct ps_event_record record = {engine->guests[vcpu].now_ns, vcpu, (uint8_t)event,
                                           (uint8_t)plane, (uint16_t)vector};
    *engine->vector_log++ = record;
}

/* The jobs that a vector brought are taken out of those that wait, in their order, and come before
 * all others that their plane has: it is of a higher class than what is in service. Returns the
 * first, or PS_NIL where no job brought it. */
static uint32_t take_jobs(const struct ps_vcpu v, unsigned plane, unsigned vector, unsigned ends)
{
    struct ps_pool *pool = &v.engine->pool;
    struct ps_queue *posted = ps_posted(v.engine, v.number, plane);
    struct ps_queue *queue = &v.guest->queues[plane];
    uint32_t first = PS_NIL, last = PS_NIL, before = PS_NIL, next;
    for (uint32_t i = posted->head; i != PS_NIL; i = next) {
        next = pool->nodes[i].next;
        if (pool->brought[i] != vector) {
            before = i;
            continue;
        }
        if (before == PS_NIL)
            posted->head = next;
        else
            pool->nodes[before].next = next;
        if (posted->tail == i)
            posted->tail = before;
        if (last == PS_NIL)
            first = i;
        else
            pool->nodes[last].next = i;
        last = i;
    }
    if (posted->head == PS_NIL)
        posted->tail = 0; /* any */
    if (first == PS_NIL)
        return PS_NIL;
    pool->nodes[last].next = queue->head;
    if (queue->head == PS_NIL)
        queue->tail = last;
    queue->head = first;
    if (ends)
        pool->brought[last] |= PS_BROUGHT_ENDS;
    return first;
}

/* A vector is injected: its jobs are there to be done, and its latency is known. */
static void inject(const struct ps_vcpu v, unsigned plane, unsigned vector)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    struct ps_vector_row *row = vector_row(engine, plane, vector);
    const unsigned ends = !ps_vectors_have(engine->chip.auto_eoi[plane], vector);
    const uint32_t first = take_jobs(v, plane, vector, ends);
    assert(first != PS_NIL); /* what was posted is a job, or VINA's notice */
    const struct ps_node *node = &engine->pool.nodes[first];
    const int own = node->kind == PS_JOB_INTERRUPT;
    const uint32_t number = own ? node->source : ps_plane_row(engine, plane);
    const uint64_t latency_ns = (uint64_t)(guest->now_ns - node->arrival_ns);
    if (!ps_has(guest->work, plane))
        guest->idle_since_ns[plane] = node->arrival_ns;
    guest->work = (uint16_t)(guest->work | ps_bit(plane));
    guest->posted[PS_CLOCK_POSTED + plane] = (uint16_t)number;
    guest->vector = (uint8_t)vector;
    v.clock[PS_CLOCK_POSTED + plane] = node->arrival_ns; /* responses count from it */
    ps_row_inject(engine, number, latency_ns);
    row->injected++;
    ps_wide_add(&row->latency_ns, latency_ns);
    ps_extend_range(&row->latency_min_ns, &row->latency_max_ns, latency_ns);
    log_vector(engine, v.number, plane, vector, PS_EVENT_IRQ);
}

void ps_vectors_respond(struct ps_engine *engine, uint32_t vcpu, uint64_t response_ns)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    struct ps_vector_row *row = vector_row(engine, guest->current, guest->vector);
    ps_wide_add(&row->response_ns, response_ns);
    ps_extend_range(&row->response_min_ns, &row->response_max_ns, response_ns);
}

/* The vector that tells a plane of interrupts for others is posted: no job, but something to end.
 * Returns whether it was not pending. */
PS_SELDOM unsigned post_notice(const struct ps_vcpu v, unsigned plane, unsigned notes)
{
    struct ps_engine *engine = v.engine;
    const unsigned vector = engine->chip.vina_vector[plane];
    struct ps_vector_row *row = vector_row(engine, plane, vector);
    row->posted++;
    row->dropped += (notes & PS_NOTE_VINA_DROPPED) != 0;
    row->coalesced += (notes & PS_NOTE_VINA_PENDING) != 0;
    if (notes & (PS_NOTE_VINA_DROPPED | PS_NOTE_VINA_PENDING))
        return 0;
    if (ps_pool_empty(&engine->pool) && ps_pool_reserve(&engine->pool, 1)) {
        engine->failed = 1;
        return 1;
    }
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = v.guest->now_ns;
    node->left_ns = node->service_ns = 0;
    node->source = (uint16_t)ps_plane_row(engine, plane);
    node->plane = (uint8_t)plane;
    node->kind = PS_JOB_NOTICE;
    engine->pool.brought[index] = (uint16_t)vector;
    ps_queue_push(&engine->pool, ps_posted(engine, v.number, plane), index);
    return 1;
}

/* A controller is as after reset: what was pending is lost, and nothing is left to end. The jobs
 * stay: those in service are finished, the others wait for their vector to come again. */
static void lose(const struct ps_vcpu v, unsigned plane, const struct ps_apic *apic,
                 unsigned kept)
{
    struct ps_engine *engine = v.engine;
    const unsigned pending = ps_apic_n_pending(apic);
    for (unsigned vector = PS_FIRST_VECTOR; vector < PS_N_VECTORS; vector++)
        vector_row(engine, plane, vector)->dropped += ps_vectors_have(apic->irr, vector);
    for (uint32_t i = v.guest->queues[plane].head; i != PS_NIL; i = engine->pool.nodes[i].next)
        engine->pool.brought[i] &= PS_BROUGHT_VECTOR;
    engine->figures.dropped[PS_PENDING_IRQ][plane] += pending ? pending - 1u : 0u;
    engine->figures.dropped[PS_PENDING_NMI][plane] += kept;
}

/* ps_step itself, of a state that stands in `states`. */
static struct ps_outcome step_itself(struct ps_engine *engine, uint32_t vcpu,
                                     const struct ps_chip_act *act, unsigned plane)
{
    struct ps_state *s = &engine->states[vcpu];
    struct ps_apic *apics = ps_vcpu_apics(engine, vcpu);
    if (!engine->algorithm.pick)
        return ps_chip_follow(&engine->policy, NULL, &engine->chip, s, apics, act, plane);
    const struct ps_algorithm algorithm = ps_vcpu_algorithm(engine, vcpu);
    return ps_chip_follow(&engine->policy, &algorithm, &engine->chip, s, apics, act, plane);
}

/* What a step did, in the form that is counted. */
struct decided {
    struct ps_outcome out;
    struct ps_mark mark;
};

static void count_posted(struct ps_vector_row *row, struct ps_outcome out)
{
    row->posted++;
    row->dropped += (out.notes & PS_NOTE_DROPPED) != 0;
    row->coalesced += (out.flags & PS_FLAG_COALESCED) != 0;
}

/* The vCPU's state is another by what its controllers give. Returns whether the automaton holds it;
 * if not, it stands in `states`. */
static int move_to(const struct ps_vcpu v, const struct ps_state *s)
{
    struct ps_automaton *automaton = v.engine->automaton;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    const struct ps_state *is = ps_automaton_state(automaton, from);
    if (s->irq == is->irq && s->masked == is->masked && s->noint == is->noint)
        return 1; /* and nothing else is theirs, for nmi is never here */
    const uint32_t to = ps_automaton_row(automaton, s);
    if (to == PS_NO_STATE) {
        ps_vcpu_leave_automaton(v.engine, v.number);
        v.engine->states[v.number] = *s;
        return 0;
    }
    ps_automaton_leave(automaton, from, (uint64_t)v.guest->now_ns);
    ps_automaton_join(automaton, to, (uint64_t)v.guest->now_ns);
    v.clock[PS_CLOCK_ROW] = to;
    return 1;
}

/* An act's step by the automaton, which counts it as if there were no controllers: what they make
 * of it is put right. Returns 0 where it has no room; the state stands in `states` then. */
PS_INLINE int step_by_table(const struct ps_vcpu v, const struct ps_state *before,
                         const struct ps_chip_act *act, unsigned plane, int64_t posted_ns,
                         struct decided *done)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    struct ps_figures *f = &engine->figures;
    if (!move_to(v, before))
        return 0;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    const uint32_t at = ps_automaton_at(automaton, from, act->event, plane);
    if (PS_RARELY(automaton->edges[at].next == PS_NO_STATE) &&
        ps_automaton_fill(automaton, from, act->event, plane) != 0) {
        ps_vcpu_leave_automaton(engine, v.number);
        return 0;
    }
    const struct ps_edge edge = automaton->edges[at];
    struct ps_outcome *out = &done->out;
    *out = automaton->outcomes[at];
    done->mark = edge.mark;
    ps_tally_add(&automaton->tallies[at], (uint64_t)v.guest->now_ns);
    v.clock[PS_CLOCK_ROW] = edge.next;
    ps_count_mark(f, edge.mark,
                  PS_MARK_FORETOLD | (act->event == PS_EVENT_IRQ ? PS_MARK_MAY_POST : 0u),
                  posted_ns, (uint64_t)v.guest->now_ns, v.clock);
    if (!act->counted && !act->ended && !(out->flags & (PS_FLAG_INJECTED | PS_FLAG_VINA)))
        return 1; /* nothing of it is a controller's */
    struct ps_state s = *ps_automaton_state(automaton, edge.next);
    const unsigned coalesced = out->flags & PS_FLAG_COALESCED;
    ps_chip_decided(&engine->chip, &s, ps_vcpu_apics(engine, v.number), act, plane, out);
    if (act->event == PS_EVENT_IRQ) {
        f->coalesced[PS_PENDING_IRQ][plane] += (out->flags & PS_FLAG_COALESCED) != 0;
        f->coalesced[PS_PENDING_IRQ][plane] -= coalesced != 0;
    }
    if (out->flags & PS_FLAG_VINA)
        f->vina_set[out->now] -= edge.mark.notify != PS_CLOCK_NOWHERE;
    if (out->flags & (PS_FLAG_INJECTED | PS_FLAG_VINA))
        move_to(v, &s);
    return 1;
}

/* The same by ps_step. Returns 0 where the algorithm's answer is wrong. */
PS_SELDOM int step_slowly(const struct ps_vcpu v, const struct ps_before *before,
                       const struct ps_chip_act *act, unsigned plane, int64_t posted_ns,
                       struct decided *done)
{
    struct ps_engine *engine = v.engine;
    struct ps_figures *f = &engine->figures;
    done->out = step_itself(engine, v.number, act, plane);
    if (done->out.fault == PS_NO_ANSWER)
        return 0;
    const unsigned now = (unsigned)done->out.now;
    const uint64_t vina_set = f->vina_set[now];
    done->mark = ps_count_step(f, before, &engine->states[v.number], done->out, act->event, plane,
                               PS_MARK_ALL, posted_ns, (uint64_t)v.guest->now_ns, v.clock);
    f->vina_set[now] = vina_set; /* post_notice knows */
    if (!engine->states[v.number].nmi) /* see step */
        ps_vcpu_enter_automaton(engine, v.number);
    return 1;
}

/* What follows from a step for the jobs, the logs and what is counted by vector. */
PS_INLINE void follow(const struct ps_vcpu v, const struct decided *done, unsigned event,
                   unsigned plane, uint8_t status)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const struct ps_outcome out = done->out;
    const unsigned now = (unsigned)out.now;
    if (engine->log.left && done->mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, v.number, event, plane, out, status);
    if (out.flags & PS_FLAG_VINA)
        engine->figures.vina_set[now] += post_notice(v, now, out.notes);
    if (out.flags & PS_FLAG_INJECTED && !engine->failed)
        inject(v, now, out.vector);
    if (out.notes & PS_NOTE_MORE)
        guest->more = 1;
    guest->current = (uint8_t)now;
    guest->status = (uint8_t)(done->mark.bits >> PS_MARK_STATUS_SHIFT);
}

/* What an event has to do with a controller, known where this is compiled: a loop has one of the
 * first three nearly always. */
enum dealing { POSTS, ENDS, PASSES, ANY };

PS_INLINE struct ps_done step(const struct ps_vcpu v, enum dealing dealing, unsigned event,
                              unsigned plane, int64_t posted_ns)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    struct ps_apic *apic = ps_vcpu_apics(engine, v.number) + plane;
    const struct ps_done nothing = {guest->current, 0, 0};
    const unsigned vector = guest->vector, status = guest->status;
    struct decided done;
    if (PS_RARELY(engine->wrong))
        return ps_vcpu_give_in(engine, v.number);
    struct ps_state s = *ps_vcpu_state(engine, v.number);
    if (PS_RARELY(s.nmi)) /* whether it is taken the automaton does not know */
        ps_vcpu_leave_automaton(engine, v.number);
    const struct ps_before before = ps_look(&s);
    struct ps_apic first; /* what a reset loses */
    unsigned kept = 0;
    struct ps_chip_act act = {event, 0, 0, 0, 0};
    if (dealing == ANY) {
        first = *apic;
        kept = ps_apic_nmi_outside(apic, &s, plane);
    }
    if (dealing != PASSES)
        act = ps_chip_act_on(&engine->chip, &s, apic, event, plane, vector);
    if (dealing == ENDS && act.ended)
        log_vector(engine, v.number, plane, act.ended, PS_CHIP_EOI);
    if (dealing == ENDS && act.event == PS_NO_STEP)
        return nothing; /* and nothing of it is counted */
    if (act.event == PS_NO_STEP) {
        done.out = ps_chip_unstepped(&s);
        ps_chip_decided(&engine->chip, &s, ps_vcpu_apics(engine, v.number), &act, plane, &done.out);
        ps_chip_count_unstepped(&engine->figures, event, plane, done.out);
    } else {
        int stepped = 0;
        if (PS_RARELY((uint32_t)v.clock[PS_CLOCK_ROW] == PS_NO_STATE))
            engine->states[v.number] = s;
        else
            stepped = step_by_table(v, &s, &act, plane, posted_ns, &done);
        if (!stepped && !step_slowly(v, &before, &act, plane, posted_ns, &done))
            return ps_vcpu_give_in(engine, v.number);
    }
    if (event == PS_EVENT_IRQ && !done.out.fault)
        count_posted(vector_row(engine, plane, vector), done.out);
    if (act.event == PS_NO_STEP)
        return nothing;
    if (dealing == ANY && ps_among(PS_CHIP_RESETS, act.event) && !done.out.fault)
        lose(v, plane, &first, kept);
    follow(v, &done, act.event, plane, (uint8_t)status);
    const struct ps_done answer = {(uint8_t)ps_mark_was(done.mark), done.mark.bits,
                                   done.out.reason};
    return answer;
}

PS_FLATTEN struct ps_done ps_vectors_post(struct ps_engine *engine, uint32_t vcpu, unsigned plane,
                                          int64_t posted_ns)
{
    return step(ps_vcpu_of(engine, vcpu), POSTS, PS_EVENT_IRQ, plane, posted_ns);
}

PS_FLATTEN struct ps_done ps_vectors_end(struct ps_engine *engine, uint32_t vcpu, unsigned plane)
{
    return step(ps_vcpu_of(engine, vcpu), ENDS, PS_CHIP_EOI, plane, 0);
}

struct ps_done ps_vectors_step(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                               unsigned plane, int64_t posted_ns)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    if (ps_vectors_pass(event))
        return step(v, PASSES, event, plane, posted_ns);
    return step(v, ANY, event, plane, posted_ns);
}
