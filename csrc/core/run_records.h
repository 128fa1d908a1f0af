/* The loop over records that asks step for each, once for step alone and once for step with an
 * algorithm of one's own. The two stand in files of their own: together in one, the compiler would
 * no longer put step into the first. */
#ifndef PLANESCHED_RUN_RECORDS_H
#define PLANESCHED_RUN_RECORDS_H

#include "core/run.h"
#include "planesched/compiler.h"

/* The vCPU of the event this far ahead is fetched while the present one is worked on: with a
 * million of them, so many are on their way from memory at once. */
#define PS_RUN_AHEAD 32u

/* As ps_run_plain; `algorithm` is a constant NULL where there is none. */
PS_INLINE int ps_run_records(struct ps_run *run, struct ps_algorithm *algorithm, uint64_t end)
{
    const struct ps_policy *policy = run->policy;
    const struct ps_ledger *ledger = &run->ledger;
    uint64_t i = run->done;
    for (; i < end; i++) {
        const struct ps_event_record *record = &run->records[i];
        const uint32_t ahead = run->records[i + PS_RUN_AHEAD < run->n ? i + PS_RUN_AHEAD : i].vcpu;
        ps_prefetch(&run->states[ahead]);
        ps_prefetch_clock(ledger, ahead);
        const unsigned event = record->kind;
        const unsigned plane = ps_takes_plane(policy, event) ? record->plane : 0u;
        struct ps_state *s = &run->states[record->vcpu];
        const struct ps_before before = ps_look(s);
        if (algorithm)
            algorithm->memory = ps_memory_of(run->algorithm, record->vcpu);
        const struct ps_outcome out = ps_step_by(policy, algorithm, s, event, plane);
        if (algorithm && PS_RARELY(out.fault == PS_NO_ANSWER))
            break;
        ps_count(ledger, &before, s, out, event, plane, (uint64_t)record->time_ns,
                 ps_clock(ledger, record->vcpu));
        if (run->log && ps_worth_logging(out, before.status, s->status)) {
            /* A copy: else gcc puts the outcome's bytes together whether it is logged or not. */
            const struct ps_outcome noted = out;
            ps_run_log(run, record, noted, before.status);
        }
    }
    run->done = i;
    return i < end ? -1 : 0;
}

/* The second of the two. */
int ps_run_by(struct ps_run *run, uint64_t end);

#endif
