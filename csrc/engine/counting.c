/* Reading an engine's figures while it goes on. */
#include "engine/vcpu_step.h"

/* ---- Counting begins ---- */

void ps_engine_clear(struct ps_engine *engine)
{
    const uint32_t n_rows = ps_n_rows(engine);
    const size_t bytes = (size_t)n_rows * PS_N_BUCKETS * sizeof *engine->latency;
    memset(engine->latency, 0, bytes);
    memset(engine->response, 0, bytes);
    memset(engine->sojourn, 0, bytes);
    memset(&engine->totals, 0, sizeof engine->totals);
    memset(engine->rows, 0, n_rows * sizeof *engine->rows);
    for (uint32_t row = 0; row < n_rows; row++)
        engine->rows[row].latency_min_ns = engine->rows[row].response_min_ns =
            engine->rows[row].sojourn_min_ns = UINT64_MAX;
    ps_figures_open(&engine->ledger, NULL, 0, engine->now_ns);
    if (engine->chipped)
        ps_vectors_clear(engine);
}

static void count_listed(const struct ps_engine *engine, uint32_t head, int64_t now_ns,
                         struct ps_row *rows, struct ps_wide *age_ns, int before)
{
    for (uint32_t i = head; i != PS_NIL; i = engine->pool.nodes[i].next) {
        const struct ps_node *node = &engine->pool.nodes[i];
        if (node->kind == PS_JOB_NOTICE || node->kind == PS_JOB_TASK)
            continue;
        ps_wide_add(age_ns, (uint64_t)(now_ns - node->arrival_ns));
        struct ps_row *row = &rows[node->source];
        ++*(before ? &row->queued_before : &row->queued);
    }
}

static void count_queued(const struct ps_engine *engine, uint32_t vcpu, struct ps_row *rows,
                         struct ps_wide *age_ns, int before)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    const int64_t now_ns = guest->now_ns;
    for (uint16_t left = guest->work; left; left = (uint16_t)(left & (left - 1u)))
        count_listed(engine, guest->queues[ps_lowest(left)].head, now_ns, rows, age_ns, before);
    for (unsigned plane = 0; engine->chipped && plane < engine->config.n_planes; plane++)
        count_listed(engine, ps_posted(engine, vcpu, plane)->head, now_ns, rows, age_ns, before);
}

void ps_engine_restart(struct ps_engine *engine)
{
    ps_engine_fold(engine);
    ps_engine_clear(engine);
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        struct ps_guest *guest = &engine->guests[vcpu];
        const struct ps_state *s = ps_vcpu_state(engine, vcpu);
        int64_t *clock = ps_clock(&engine->ledger, vcpu);
        ps_figures_join(&engine->ledger, s, clock, guest->now_ns);
        if ((uint32_t)clock[PS_CLOCK_ROW] == PS_NO_STATE)
            ps_figures_begin_time(&engine->ledger, s, 1, guest->now_ns);
        count_queued(engine, vcpu, engine->rows, &engine->totals.age_before_ns, 1);
        memset(guest->time_ns, 0, sizeof guest->time_ns);
    }
    if (engine->chipped)
        ps_vectors_count_pending(engine, engine->figures.pending_before);
}

/* Each vCPU has to be looked at only where they are not at one time. */
void ps_engine_fold(struct ps_engine *engine)
{
    struct ps_automaton *automaton = engine->automaton;
    ps_engine_fold_leaps(engine);
    engine->counted_ns = engine->now_ns;
    if (engine->together) {
        ps_automaton_fold(automaton, &engine->figures, (uint64_t)engine->now_ns);
        return;
    }
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
        if (row != PS_NO_STATE)
            ps_automaton_leave(automaton, row, (uint64_t)engine->guests[vcpu].now_ns);
    }
    ps_automaton_fold(automaton, &engine->figures, 0);
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
        if (row != PS_NO_STATE)
            ps_automaton_join(automaton, row, (uint64_t)engine->guests[vcpu].now_ns);
    }
}

/* ---- Reading ---- */

/* What was fed, or sent, and came during a switch that still goes on has arrived, though it has had
 * no effect yet. (What sources make during a switch is not drawn before its end.) */
static void count_waiting(const struct ps_engine *engine, const struct ps_guest *guest,
                          struct ps_row *rows, struct ps_totals *totals)
{
    for (uint32_t i = guest->input.head; i != PS_NIL; i = engine->pool.nodes[i].next) {
        const struct ps_node *node = &engine->pool.nodes[i];
        if (node->arrival_ns > guest->now_ns)
            return;
        if (node->kind == PS_JOB_TOLD || node->kind == PS_JOB_TASK)
            continue;
        const uint32_t row = ps_input_row(engine, node);
        rows[row].arrived++;
        rows[row].queued++;
        totals->woken[node->plane] += node->kind != PS_JOB_IPI && node->source == PS_SOURCE_WAKE;
        ps_wide_add(&totals->age_ns, (uint64_t)(guest->now_ns - node->arrival_ns));
        ps_wide_add(&totals->load_ns, (uint64_t)(guest->now_ns - node->arrival_ns));
    }
}

/* Since when the oldest of what is pending is. */
static int64_t pending_since_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned plane,
                                const int64_t *clock)
{
    const uint32_t first = engine->chipped ? ps_posted(engine, vcpu, plane)->head : PS_NIL;
    return first == PS_NIL ? clock[PS_CLOCK_POSTED + plane] : engine->pool.nodes[first].arrival_ns;
}

static void read_pending(const struct ps_engine *engine, uint32_t vcpu, const int64_t *clock,
                         uint64_t oldest_ns[PS_MAX_PLANES])
{
    const struct ps_state *s = ps_vcpu_state(engine, vcpu);
    const int64_t now_ns = engine->guests[vcpu].now_ns;
    for (uint16_t left = s->irq; left; left = (uint16_t)(left & (left - 1u))) {
        const unsigned plane = ps_lowest(left);
        const uint64_t age = (uint64_t)(now_ns - pending_since_ns(engine, vcpu, plane, clock));
        oldest_ns[plane] = age > oldest_ns[plane] ? age : oldest_ns[plane];
    }
}

/* Planes that have work, be it pending, and do not run have gone without for so long. */
static void read_starving(const struct ps_engine *engine, uint32_t vcpu,
                          uint64_t starved_ns[PS_MAX_PLANES])
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    uint16_t starving = guest->work, pending = 0;
    for (unsigned plane = 0; engine->chipped && plane < engine->config.n_planes; plane++)
        if (!ps_has(starving, plane) && ps_posted(engine, vcpu, plane)->head != PS_NIL)
            pending = (uint16_t)(pending | ps_bit(plane));
    starving = (uint16_t)(starving | pending);
    if (!guest->status)
        starving = (uint16_t)(starving & ~ps_bit(guest->current));
    for (; starving; starving = (uint16_t)(starving & (starving - 1u))) {
        const unsigned plane = ps_lowest(starving);
        const int64_t since_ns = ps_has(pending, plane)
                                     ? pending_since_ns(engine, vcpu, plane, NULL)
                                     : guest->idle_since_ns[plane];
        const uint64_t length = (uint64_t)(guest->now_ns - since_ns);
        starved_ns[plane] = length > starved_ns[plane] ? length : starved_ns[plane];
    }
}

static void add_row(const struct ps_row *row, unsigned plane, struct ps_totals *t,
                    struct ps_figures *f)
{
    t->arrived[plane] += row->arrived;
    t->finished[plane] += row->finished;
    t->queued_before[plane] += row->queued_before;
    t->queued[plane] += row->queued;
    ps_wide_add_wide(&t->sojourn_ns[plane], row->sojourn_ns);
    ps_wide_add_wide(&f->latency_ns[plane], row->latency_ns);
    if (row->finished) {
        ps_extend_range(&t->sojourn_min_ns[plane], &t->sojourn_max_ns[plane], row->sojourn_min_ns);
        ps_extend_range(&t->sojourn_min_ns[plane], &t->sojourn_max_ns[plane], row->sojourn_max_ns);
    }
    if (row->injected) {
        ps_extend_range(&f->latency_min_ns[plane], &f->latency_max_ns[plane], row->latency_min_ns);
        ps_extend_range(&f->latency_min_ns[plane], &f->latency_max_ns[plane], row->latency_max_ns);
    }
}

/* What vCPUs that the automaton does not hold, or that wait with what came, add to what adds up. */
static void read_outside(struct ps_engine *engine, const struct ps_reading *out)
{
    struct ps_ledger ledger = {out->figures, NULL, NULL, engine->ledger.n_planes};
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const struct ps_guest *guest = &engine->guests[vcpu];
        ledger.clocks = ps_clock(&engine->ledger, vcpu);
        if ((uint32_t)ledger.clocks[PS_CLOCK_ROW] == PS_NO_STATE)
            ps_figures_end_time(&ledger, &engine->states[vcpu], 1, guest->now_ns);
        count_waiting(engine, guest, out->rows, out->totals);
    }
}

/* How each vCPU stands now. */
static void read_present(struct ps_engine *engine, const struct ps_reading *out)
{
    struct ps_ledger ledger = {out->figures, NULL, NULL, engine->ledger.n_planes};
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        /* Closing forgets when what is not pending was posted, which matters to nobody. */
        ledger.clocks = ps_clock(&engine->ledger, vcpu);
        read_pending(engine, vcpu, ledger.clocks, out->totals->oldest_ns);
        ps_figures_close(&ledger, ps_vcpu_state(engine, vcpu), 1, engine->guests[vcpu].now_ns);
        count_queued(engine, vcpu, out->rows, &out->totals->age_ns, 0);
        read_starving(engine, vcpu, out->totals->starved_ns);
    }
    if (engine->chipped)
        ps_vectors_count_pending(engine, out->figures->pending);
}

static void sum_rows(const struct ps_engine *engine, const struct ps_reading *out)
{
    struct ps_row *rows = out->rows;
    const uint32_t n_rows = ps_n_rows(engine);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        out->totals->sojourn_min_ns[plane] = UINT64_MAX;
    /* Where nothing costs, a plane's first instruction is at the injection. */
    for (uint32_t row = 0; row < n_rows && !engine->costly && !engine->told; row++) {
        rows[row].response_ns = rows[row].latency_ns;
        rows[row].response_min_ns = rows[row].latency_min_ns;
        rows[row].response_max_ns = rows[row].latency_max_ns;
    }
    for (uint32_t row = 0; row < n_rows; row++)
        add_row(&rows[row], engine->row_planes[row], out->totals, out->figures);
}

static const uint64_t *responses(const struct ps_engine *engine)
{
    return engine->costly || engine->told ? engine->response : engine->latency;
}

static void read_counts(struct ps_engine *engine, const struct ps_reading *out, int present)
{
    ps_engine_fold(engine);
    *out->figures = engine->figures;
    *out->totals = engine->totals;
    memcpy(out->rows, engine->rows, ps_n_rows(engine) * sizeof *out->rows);
    if (engine->n_outside || engine->had_input)
        read_outside(engine, out);
    if (present)
        read_present(engine, out);
    sum_rows(engine, out);
}

void ps_engine_read(struct ps_engine *engine, const struct ps_reading *out)
{
    const size_t bytes = ps_n_rows(engine) * PS_N_BUCKETS * sizeof *out->latency;
    read_counts(engine, out, 1);
    memcpy(out->latency, engine->latency, bytes);
    memcpy(out->response, responses(engine), bytes);
    memcpy(out->sojourn, engine->sojourn, bytes);
}

/* Of a row's histogram, copy what lies between two times, or zero it without a source. Nothing
 * lies between them before the first. */
static void put_range(uint64_t *to, const uint64_t *from, uint32_t row, uint64_t least_ns,
                      uint64_t most_ns)
{
    if (least_ns > most_ns)
        return;
    const unsigned first = ps_bucket(least_ns);
    const size_t at = (size_t)row * PS_N_BUCKETS + first;
    const size_t bytes = (ps_bucket(most_ns) + 1u - first) * sizeof *to;
    if (from)
        memcpy(to + at, from + at, bytes);
    else
        memset(to + at, 0, bytes);
}

/* `from`: histograms of latency, response and sojourn. */
static void put_ranges(const struct ps_reading *out, uint32_t row, const uint64_t *const from[3])
{
    const struct ps_row *its = &out->rows[row];
    put_range(out->latency, from[0], row, its->latency_min_ns, its->latency_max_ns);
    put_range(out->response, from[1], row, its->response_min_ns, its->response_max_ns);
    put_range(out->sojourn, from[2], row, its->sojourn_min_ns, its->sojourn_max_ns);
}

void ps_engine_read_sums(struct ps_engine *engine, const struct ps_reading *out)
{
    const uint64_t *const nothing[3] = {NULL, NULL, NULL};
    const uint64_t *const all[3] = {engine->latency, responses(engine), engine->sojourn};
    for (uint32_t row = 0; row < ps_n_rows(engine); row++)
        put_ranges(out, row, nothing); /* what an earlier reading left */
    read_counts(engine, out, 0);
    for (uint32_t row = 0; row < ps_n_rows(engine); row++)
        put_ranges(out, row, all);
}

void ps_engine_report(const struct ps_engine *engine, uint32_t vcpu, struct ps_vcpu_report *out)
{
    assert(vcpu < engine->n_vcpus);
    const struct ps_guest *guest = &engine->guests[vcpu];
    memcpy(out->time_ns, guest->time_ns, sizeof out->time_ns);
    out->now_ns = guest->now_ns;
    out->livelock_ns = guest->livelock_ns;
    out->livelocks = guest->livelocks;
    out->livelock_planes = guest->livelock_planes;
}

uint32_t ps_engine_n_rows(const struct ps_engine *engine)
{
    return ps_n_rows(engine);
}

unsigned ps_engine_row_plane(const struct ps_engine *engine, uint32_t row)
{
    assert(row < ps_n_rows(engine));
    return engine->row_planes[row];
}
