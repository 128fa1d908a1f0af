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

PS_SELDOM void log_vector(struct ps_engine *engine, uint32_t vcpu, unsigned plane, unsigned vector,
                          unsigned event)
{
    engine->vector_log_left--;
    const struct ps_event_record record = {engine->guests[vcpu].now_ns, vcpu, (uint8_t)event,
                                           (uint8_t)plane, (uint16_t)vector};
    *engine->vector_log++ = record;
}

/* Those of the jobs that wait which a vector brought, in their order, no longer wait. Returns the
 * first, or PS_NIL; `*to`: the last. */
PS_SELDOM uint32_t sort_out(struct ps_pool *pool, struct ps_queue *posted, unsigned vector,
                            uint32_t *to)
{
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
    *to = last;
    return first;
}

/* The jobs that a vector brought are taken out of those that wait, and come before all others that
 * their plane has: it is of a higher class than what is in service. Returns the first, or PS_NIL
 * where no job brought it. */
PS_INLINE uint32_t take_jobs(const struct ps_vcpu v, unsigned plane, unsigned vector, unsigned ends)
{
    struct ps_pool *pool = &v.engine->pool;
    struct ps_queue *posted = ps_posted(v.engine, v.number, plane);
    struct ps_queue *queue = &v.guest->queues[plane];
    uint32_t first = posted->head, last = first;
    if (first != PS_NIL && pool->nodes[first].next == PS_NIL && pool->brought[first] == vector)
        posted->head = PS_NIL; /* one, which is usual */
    else
        first = sort_out(pool, posted, vector, &last);
    if (first == PS_NIL)
        return PS_NIL;
    pool->nodes[last].next = queue->head;
    if (queue->head == PS_NIL)
        queue->tail = last;
    queue->head = first;
    pool->brought[last] = (uint16_t)(pool->brought[last] | ends * PS_BROUGHT_ENDS);
    return first;
}

/* A vector is injected: its jobs are there to be done, and its latency is known. What sources bring
 * is counted by source alone: each has one vector, and who reads adds up. */
PS_INLINE void count_taken(const struct ps_vcpu v, unsigned plane, unsigned vector, uint32_t first)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
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
    if (PS_RARELY(number >= engine->n_sources))
        ps_vectors_count(engine, plane, vector, latency_ns);
    if (PS_RARELY(engine->vector_log_left))
        log_vector(engine, v.number, plane, vector, PS_EVENT_IRQ);
}

PS_INLINE void inject(const struct ps_vcpu v, unsigned plane, unsigned vector)
{
    const unsigned ends = !ps_vectors_have(v.engine->chip.auto_eoi[plane], vector);
    const uint32_t first = take_jobs(v, plane, vector, ends);
    assert(first != PS_NIL); /* what was posted is a job, or VINA's notice */
    count_taken(v, plane, vector, first);
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
        ps_engine_fail(engine);
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

static void count_posted(struct ps_engine *engine, unsigned plane, unsigned vector,
                         struct ps_outcome out)
{
    struct ps_vector_row *row = vector_row(engine, plane, vector);
    row->posted++;
    row->coalesced += (out.flags & PS_FLAG_COALESCED) != 0;
    if (PS_RARELY(out.notes & PS_NOTE_DROPPED))
        row->dropped++;
}

/* What follows from a step for the jobs, the logs and the vCPU. */
PS_INLINE struct ps_done follow(const struct ps_vcpu v, struct ps_outcome out, struct ps_mark mark,
                                unsigned event, unsigned plane, uint8_t status)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned now = (unsigned)out.now;
    if (PS_RARELY(engine->log.left) && mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, v.number, event, plane, out, status);
    if (PS_RARELY(out.flags & PS_FLAG_VINA))
        engine->figures.vina_set[now] += post_notice(v, now, out.notes);
    if (out.flags & PS_FLAG_INJECTED && !PS_RARELY(engine->failed))
        inject(v, now, out.vector);
    if (PS_RARELY(out.notes & PS_NOTE_MORE))
        guest->more = 1;
    guest->current = (uint8_t)now;
    guest->status = (uint8_t)(mark.bits >> PS_MARK_STATUS_SHIFT);
    const struct ps_done done = {(uint8_t)ps_mark_was(mark), mark.bits, out.reason};
    return done;
}

/* ---- One step without the automaton ---- */

/* An act came to nothing that the 32 bytes know of. */
PS_SELDOM struct ps_done stay(const struct ps_vcpu v, struct ps_chip_act act, unsigned event,
                              unsigned plane)
{
    struct ps_engine *engine = v.engine;
    const struct ps_done nothing = {v.guest->current, 0, 0};
    struct ps_state s = *ps_vcpu_state(engine, v.number);
    struct ps_outcome out = ps_chip_unstepped(&s);
    ps_chip_decided(&engine->chip, &s, ps_vcpu_apics(engine, v.number), &act, plane, &out);
    ps_chip_count_unstepped(&engine->figures, event, plane, out);
    if (event == PS_EVENT_IRQ)
        count_posted(engine, plane, v.guest->vector, out);
    return nothing;
}

/* The step that an act leads to, of a state that stands in `states`. `lost`: what a reset loses, or
 * NULL where none comes of it; `kept`: with an NMI. */
PS_SELDOM struct ps_done step_on(const struct ps_vcpu v, struct ps_chip_act act, unsigned event,
                                 unsigned plane, int64_t posted_ns, const struct ps_apic *lost,
                                 unsigned kept)
{
    struct ps_engine *engine = v.engine;
    struct ps_figures *f = &engine->figures;
    const struct ps_state *s = &engine->states[v.number];
    const struct ps_before before = ps_look(s);
    const unsigned vector = v.guest->vector;
    const struct ps_outcome out = step_itself(engine, v.number, &act, plane);
    if (out.fault == PS_NO_ANSWER)
        return ps_vcpu_give_in(engine, v.number);
    const unsigned now = (unsigned)out.now;
    const uint64_t vina_set = f->vina_set[now];
    const struct ps_mark mark = ps_count_step(f, &before, s, out, act.event, plane, PS_MARK_ALL,
                                              posted_ns, (uint64_t)v.guest->now_ns, v.clock);
    f->vina_set[now] = vina_set; /* post_notice knows */
    ps_vcpu_enter_automaton(engine, v.number);
    if (event == PS_EVENT_IRQ && !out.fault)
        count_posted(engine, plane, vector, out);
    if (lost && ps_among(PS_CHIP_RESETS, act.event) && !out.fault)
        lose(v, plane, lost, kept);
    return follow(v, out, mark, act.event, plane, before.status);
}

static struct ps_done step_slowly(const struct ps_vcpu v, unsigned event, unsigned plane,
                                  int64_t posted_ns)
{
    struct ps_engine *engine = v.engine;
    struct ps_apic *apic = ps_vcpu_apics(engine, v.number) + plane;
    if (engine->wrong)
        return ps_vcpu_give_in(engine, v.number);
    ps_vcpu_leave_automaton(engine, v.number);
    struct ps_state *s = &engine->states[v.number];
    const struct ps_apic before = *apic;
    const unsigned kept = ps_apic_nmi_outside(apic, s, plane);
    const struct ps_chip_act act =
        ps_chip_act_on(&engine->chip, s, apic, event, plane, v.guest->vector);
    if (act.ended && engine->vector_log_left)
        log_vector(engine, v.number, plane, act.ended, PS_CHIP_EOI);
    if (act.event == PS_NO_STEP)
        return stay(v, act, event, plane);
    return step_on(v, act, event, plane, posted_ns, &before, kept);
}

/* ---- One step by it ---- */

/* The vCPU's state is another by what its controllers give. Returns whether the automaton holds it;
 * if not, it stands in `states`. */
static int move_to(const struct ps_vcpu v, const struct ps_state *s)
{
    struct ps_automaton *automaton = v.engine->automaton;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
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

/* The automaton has counted an NMI as taken that is not, for one is in progress. */
PS_SELDOM void count_nmi_kept(struct ps_figures *f, const struct ps_state *before,
                              struct ps_outcome out, const struct ps_outcome *by_table)
{
    const unsigned waiting = (unsigned)before->runnable | before->trap;
    f->taken[PS_PENDING_NMI][out.now]--;
    f->idle_entries[out.now] += ps_entry_idles(waiting, out) - ps_entry_idles(waiting, *by_table);
}

/* What was looked up is done to the controller of the plane that takes something, and what it makes
 * of that is put right: the automaton knows of none. */
PS_INLINE void settle_chips(const struct ps_vcpu v, const struct ps_chip_act *act, uint32_t from,
                            struct ps_mark mark, unsigned plane, struct ps_outcome *out)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    const struct ps_state *is =
        ps_automaton_row_state(automaton, (uint32_t)v.clock[PS_CLOCK_ROW]);
    struct ps_state s = *is;
    const struct ps_outcome by_table = *out;
    ps_chip_decided(&engine->chip, &s, ps_vcpu_apics(engine, v.number), act, plane, out);
    if (PS_RARELY(out->flags & PS_FLAG_VINA))
        engine->figures.vina_set[out->now] -= mark.notify != PS_CLOCK_NOWHERE;
    if (PS_RARELY(by_table.flags & ~out->flags & PS_FLAG_NMI))
        count_nmi_kept(&engine->figures, ps_automaton_row_state(automaton, from), *out, &by_table);
    if (s.irq == is->irq && s.masked == is->masked && s.noint == is->noint && s.nmi == is->nmi)
        return;
    struct ps_state other = *is; /* of its own: the other one never stands in memory */
    other.irq = s.irq;
    other.masked = s.masked;
    other.noint = s.noint;
    other.nmi = s.nmi;
    move_to(v, &other);
}

/* What an event has to do with a controller, known where this is compiled. */
enum dealing { POSTS, ENDS, PASSES };

PS_INLINE struct ps_done step(const struct ps_vcpu v, enum dealing dealing, unsigned event,
                              unsigned plane, int64_t posted_ns)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    struct ps_figures *f = &engine->figures;
    struct ps_apic *apic = ps_vcpu_apics(engine, v.number) + plane;
    const struct ps_done nothing = {v.guest->current, 0, 0};
    const unsigned vector = v.guest->vector;
    const uint8_t status = v.guest->status;
    uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    if (PS_RARELY(from == PS_NO_STATE))
        return step_slowly(v, event, plane, posted_ns);
    struct ps_chip_act act = {event, 0, 0, 0, 0};
    if (dealing != PASSES) {
        const struct ps_state *is = ps_automaton_row_state(automaton, from);
        struct ps_state s = *is;
        act = ps_chip_act_on(&engine->chip, &s, apic, event, plane, vector);
        if (dealing == ENDS && PS_RARELY(engine->vector_log_left) && act.ended)
            log_vector(engine, v.number, plane, act.ended, PS_CHIP_EOI);
        if (dealing == ENDS && act.event == PS_NO_STEP)
            return nothing; /* and nothing of it is counted */
        if (PS_RARELY(act.event == PS_NO_STEP))
            return stay(v, act, event, plane);
        if (s.masked != is->masked || s.noint != is->noint) {
            struct ps_state other = *is;
            other.masked = s.masked;
            other.noint = s.noint;
            if (!move_to(v, &other))
                return step_on(v, act, event, plane, posted_ns, NULL, 0);
            from = (uint32_t)v.clock[PS_CLOCK_ROW];
        }
    }
    const uint32_t at = ps_automaton_at(automaton, from, act.event, plane);
    if (PS_RARELY(automaton->edges[at].next == PS_NO_STATE) &&
        ps_automaton_fill(automaton, from, act.event, plane) != 0) {
        ps_vcpu_leave_automaton(engine, v.number);
        return step_on(v, act, event, plane, posted_ns, NULL, 0);
    }
    assert(ps_automaton_agrees(automaton, from, act.event, plane));
    const struct ps_edge edge = automaton->edges[at];
    struct ps_outcome out = automaton->outcomes[at];
    ps_tally_add(&automaton->tallies[at], (uint64_t)v.guest->now_ns);
    v.clock[PS_CLOCK_ROW] = edge.next;
    ps_count_mark(f, edge.mark,
                  PS_MARK_FORETOLD | (act.event == PS_EVENT_IRQ ? PS_MARK_MAY_POST : 0u),
                  posted_ns, (uint64_t)v.guest->now_ns, v.clock);
    if (act.counted) {
        f->coalesced[PS_PENDING_IRQ][plane] += act.coalesced != 0;
        f->coalesced[PS_PENDING_IRQ][plane] -= (out.flags & PS_FLAG_COALESCED) != 0;
    }
    if (out.flags & PS_VECTORS_TAKEN)
        settle_chips(v, &act, from, edge.mark, plane, &out);
    else
        ps_chip_note(&act, &out);
    if (dealing == POSTS && !out.fault)
        count_posted(engine, plane, vector, out);
    return follow(v, out, edge.mark, act.event, plane, status);
}

/* The vCPU as the steps here want it, who draw nothing. */
PS_INLINE struct ps_vcpu chipped(struct ps_engine *engine, struct ps_guest *guest, int64_t *clock,
                                 uint32_t number)
{
    const struct ps_vcpu v = {engine, guest, clock, NULL, number, PS_CHIPPED, 0};
    return v;
}

/* In a debug build, a posting that is done in a shorter way is checked against the longer one. */
PS_SELDOM int post_agrees(const struct ps_vcpu v, unsigned plane, unsigned vector, uint32_t row,
                          unsigned injects)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_automaton *automaton = engine->automaton;
    const struct ps_state is = *ps_automaton_row_state(automaton, row);
    const uint32_t at = ps_automaton_at(automaton, row, PS_EVENT_IRQ, plane);
    const struct ps_state next = *ps_automaton_row_state(automaton, automaton->edges[at].next);
    struct ps_apic longer[PS_MAX_PLANES], shorter = ps_vcpu_apics(engine, v.number)[plane];
    memcpy(longer, ps_vcpu_apics(engine, v.number), engine->config.n_planes * sizeof *longer);
    struct ps_state s = is;
    const struct ps_chip_act act =
        ps_chip_act_on(&engine->chip, &s, &longer[plane], PS_EVENT_IRQ, plane, vector);
    struct ps_outcome out = automaton->outcomes[at];
    const unsigned flags = out.flags;
    if (injects)
        ps_apic_serve(&shorter, vector, engine->chip.auto_eoi[plane]);
    else
        ps_apic_post(&shorter, vector);
    int agrees = memcmp(&s, &is, sizeof s) == 0 && act.event == PS_EVENT_IRQ && act.notes == 0;
    s = next;
    ps_chip_decided(&engine->chip, &s, longer, &act, plane, &out);
    agrees &= memcmp(&s, &next, sizeof s) == 0 && out.flags == flags && out.notes == 0;
    return agrees && out.vector == (injects ? vector : 0u) &&
           memcmp(&longer[plane], &shorter, sizeof shorter) == 0;
}

/* A vector is posted that nothing holds back, which is usual; if its plane takes it, it does so at
 * once. Returns whether this was so, and was done. */
PS_INLINE int post_alone(const struct ps_vcpu v, unsigned plane, unsigned vector, uint32_t index,
                         struct ps_done *done)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    struct ps_apic *apic = ps_vcpu_apics(engine, v.number) + plane;
    struct ps_queue *posted = ps_posted(engine, v.number, plane);
    const uint32_t row = (uint32_t)v.clock[PS_CLOCK_ROW];
    const uint64_t now_ns = (uint64_t)v.guest->now_ns;
    if (row == PS_NO_STATE || posted->head != PS_NIL ||
        !ps_chip_at_once(&engine->chip, apic, plane, vector))
        return 0;
    const uint32_t at = ps_automaton_at(automaton, row, PS_EVENT_IRQ, plane);
    const struct ps_edge edge = automaton->edges[at];
    if (PS_RARELY(edge.next == PS_NO_STATE || edge.mark.bits & PS_MARK_FAULT || engine->log.left))
        return 0;
    const struct ps_outcome *out = &automaton->outcomes[at];
    const unsigned injects = edge.mark.bits & PS_MARK_INJECTED;
    if (out->flags & PS_VECTORS_TAKEN & ~PS_FLAG_INJECTED ||
        (injects && (unsigned)out->now != plane))
        return 0;
    assert(ps_automaton_agrees(automaton, row, PS_EVENT_IRQ, plane));
    assert(post_agrees(v, plane, vector, row, injects));
    struct ps_pool *pool = &engine->pool;
    ps_tally_add(&automaton->tallies[at], now_ns);
    v.clock[PS_CLOCK_ROW] = edge.next;
    ps_count_mark(&engine->figures, edge.mark, PS_MARK_FORETOLD, 0, now_ns, v.clock);
    vector_row(engine, plane, vector)->posted++;
    v.guest->current = (uint8_t)ps_mark_now(edge.mark);
    v.guest->status = (uint8_t)(edge.mark.bits >> PS_MARK_STATUS_SHIFT);
    if (injects) {
        const unsigned ends = !ps_vectors_have(engine->chip.auto_eoi[plane], vector);
        ps_apic_serve(apic, vector, engine->chip.auto_eoi[plane]);
        pool->brought[index] = (uint16_t)(pool->brought[index] | ends * PS_BROUGHT_ENDS);
        ps_queue_push_front(pool, &v.guest->queues[plane], index);
        count_taken(v, plane, vector, index);
    } else {
        v.clock[edge.mark.post] = pool->nodes[index].arrival_ns;
        ps_apic_post(apic, vector);
        ps_queue_push(pool, posted, index);
    }
    const struct ps_done as = {(uint8_t)ps_mark_was(edge.mark), edge.mark.bits, out->reason};
    *done = as;
    return 1;
}

struct ps_done ps_vectors_post(struct ps_engine *engine, struct ps_guest *guest, int64_t *clock,
                               uint32_t number, unsigned plane, uint32_t index)
{
    const struct ps_vcpu v = chipped(engine, guest, clock, number);
    const unsigned vector = engine->pool.brought[index] & PS_BROUGHT_VECTOR;
    struct ps_done done;
    if (post_alone(v, plane, vector, index, &done))
        return done;
    guest->vector = (uint8_t)vector;
    ps_queue_push(&engine->pool, ps_posted(engine, number, plane), index);
    return step(v, POSTS, PS_EVENT_IRQ, plane, engine->pool.nodes[index].arrival_ns);
}

struct ps_done ps_vectors_end(struct ps_engine *engine, struct ps_guest *guest, int64_t *clock,
                              uint32_t number, unsigned plane)
{
    return step(chipped(engine, guest, clock, number), ENDS, PS_CHIP_EOI, plane, 0);
}

struct ps_done ps_vectors_step(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                               unsigned plane, int64_t posted_ns)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    if (ps_vectors_pass(event))
        return step(v, PASSES, event, plane, posted_ns);
    return step_slowly(v, event, plane, posted_ns);
}
