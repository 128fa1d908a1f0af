/* The loop of vm.run: timed records through the states, everything counted. Which plane runs is
 * decided by ps_step alone; what it decided is looked up where that is faster. */
#ifndef PLANESCHED_RUN_H
#define PLANESCHED_RUN_H

#include "core/automaton.h"
#include "core/record_checks.h"

struct ps_run {
    const struct ps_policy *policy;
    const struct ps_algorithm *algorithm; /* that picks, or NULL */
    struct ps_state *states;
    uint64_t n_vcpus;
    struct ps_ledger ledger;
    struct ps_automaton *automaton;
    const struct ps_event_record *records;
    uint64_t n, done;              /* records there are, records run */
    struct ps_outcome_record *log; /* or NULL */
    uint64_t n_log, logged;        /* entries there is room for, entries that there were */
};

/* Log one outcome, where there is room; `before` was the status. */
void ps_run_log(struct ps_run *run, const struct ps_event_record *record, struct ps_outcome out,
                uint8_t before);

/* Run the records up to `end`, asking step for each. Returns 0, or -1 where the algorithm gave a
 * wrong answer: the records before that one have been run. */
int ps_run_plain(struct ps_run *run, uint64_t end);

/* Run them by looking up. Returns 0, or -1 where the table is full before that. The table is for
 * the events among the records, and every vCPU has joined it. */
int ps_run_known(struct ps_run *run, uint64_t end);

/* Every vCPU joins the table; -1, and none has, where there are more states than it holds. */
int ps_run_join(struct ps_run *run, int64_t start_ns);

/* Every vCPU leaves it: its state is written back, and what was counted goes into the figures. */
void ps_run_leave(struct ps_run *run, int64_t end_ns);

#endif
