#include "core/run_records.h"

void ps_run_log(struct ps_run *run, const struct ps_event_record *record,
                struct ps_outcome out, uint8_t before)
{
    if (run->logged++ >= run->n_log)
        return;
    const struct ps_outcome_record entry = {
        record - run->records, record->time_ns, record->vcpu, record->kind, record->plane, out.was,
        out.now, out.reason, out.fault, out.flags, before, 0};
    run->log[run->logged - 1] = entry;
}

int ps_run_plain(struct ps_run *run, uint64_t end)
{
    return run->algorithm ? ps_run_by(run, end) : ps_run_records(run, NULL, end);
}

/* Branches on nothing that cannot be foretold. The row of the next event's vCPU is read before this
 * event is counted: behind stores to addresses that are not known yet, it would have to wait. */
int ps_run_known(struct ps_run *run, uint64_t end)
{
    struct ps_automaton *automaton = run->automaton;
    const struct ps_ledger ledger = run->ledger;
    const struct ps_edge *edges = automaton->edges;
    struct ps_tally *tallies = automaton->tallies;
    const struct ps_event_record *record = run->records + run->done;
    const struct ps_event_record *const last = run->records + end;
    const struct ps_event_record *const beyond = run->records + run->n;
    if (record == last)
        return 0;
    int64_t *clock = ps_clock(&ledger, record->vcpu);
    uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    for (; record < last; record++) {
        ps_prefetch_clock(&ledger, record[beyond - record > PS_RUN_AHEAD ? PS_RUN_AHEAD : 0].vcpu);
        ps_prefetch_after(record, PS_RECORDS_AHEAD);
        const uint64_t now_ns = (uint64_t)record->time_ns;
        const uint32_t at = ps_automaton_at(automaton, row, record->kind, record->plane);
        if (edges[at].next == PS_NO_STATE) {
            if (ps_automaton_fill(automaton, row, record->kind, record->plane))
                break;
            edges = automaton->edges;
            tallies = automaton->tallies;
        }
        assert(ps_automaton_agrees(automaton, row, record->kind, record->plane));
        const struct ps_edge edge = edges[at];
        clock[PS_CLOCK_ROW] = edge.next;
        int64_t *following = ps_clock(&ledger, record[record + 1 < last].vcpu);
        row = (uint32_t)following[PS_CLOCK_ROW];

        ps_tally_add(&tallies[at], now_ns);
        ps_count_mark(ledger.figures, edge.mark, PS_MARK_MAY_POST, (int64_t)now_ns, now_ns, clock);
        ps_count_latency(&ledger, edge.mark, now_ns, clock);
        clock = following;
        if (run->log && edge.mark.bits & PS_MARK_LOGGED)
            ps_run_log(run, record, automaton->outcomes[at],
                       ps_automaton_state(automaton, at)->status);
    }
    run->done = (uint64_t)(record - run->records);
    return record < last ? -1 : 0;
}

static int64_t *row_slot(const struct ps_run *run, uint64_t vcpu)
{
    return &ps_clock(&run->ledger, vcpu)[PS_CLOCK_ROW];
}

int ps_run_join(struct ps_run *run, int64_t start_ns)
{
    uint32_t row = PS_NO_STATE;
    for (uint64_t vcpu = 0; vcpu < run->n_vcpus; vcpu++) {
        const struct ps_state *s = &run->states[vcpu];
        if (vcpu == 0 || memcmp(s, s - 1, sizeof *s) != 0) /* most are as the one before */
            row = ps_automaton_row(run->automaton, s);
        if (row == PS_NO_STATE) {
            while (vcpu-- > 0)
                ps_automaton_leave(run->automaton, (uint32_t)*row_slot(run, vcpu),
                                   (uint64_t)start_ns);
            return -1;
        }
        *row_slot(run, vcpu) = row;
        ps_automaton_join(run->automaton, row, (uint64_t)start_ns);
    }
    return 0;
}

void ps_run_leave(struct ps_run *run, int64_t end_ns)
{
    for (uint64_t vcpu = 0; vcpu < run->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)*row_slot(run, vcpu);
        ps_automaton_leave(run->automaton, row, (uint64_t)end_ns);
        run->states[vcpu] = *ps_automaton_state(run->automaton, row);
    }
    ps_automaton_fold(run->automaton, run->ledger.figures, 0); /* all have left */
}
