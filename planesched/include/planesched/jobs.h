/* The figures of jobs that an engine counts: by the source that they came from, and by plane. */
#ifndef PLANESCHED_JOBS_H
#define PLANESCHED_JOBS_H

#include "figures.h"

/* Where the figures of a job go: a row for every source, and behind those one for every plane, with
 * what was fed and what VINA posted. planesched/layouts.py has the layout. */
struct ps_row {
    uint64_t arrived, finished;
    uint64_t injected;                   /* and timed; not what no vector brought */
    uint64_t queued_before;              /* when counting began */
    uint64_t queued;                     /* arrived, not finished; on reading */
    struct ps_wide latency_ns, response_ns, sojourn_ns;
    uint64_t latency_min_ns, latency_max_ns;  /* the least: all ones before the first */
    uint64_t response_min_ns, response_max_ns;
    uint64_t sojourn_min_ns, sojourn_max_ns;
};

/* What became of the vectors of one number at one plane, where planes have controllers: posted +
 * before = injected + coalesced + dropped + pending. */
struct ps_vector_row {
    uint64_t posted, injected, coalesced, dropped;
    uint64_t before;                     /* in IRR when counting began */
    uint64_t pending;                    /* in IRR; on reading */
    struct ps_wide latency_ns, response_ns;
    uint64_t latency_min_ns, latency_max_ns;  /* the least: all ones before the first */
    uint64_t response_min_ns, response_max_ns;
};

/* What became of the jobs, by the plane that they are for; the first ones are the sums of the rows,
 * and stand there on reading only. planesched/layouts.py has the layout. */
struct ps_totals {
    uint64_t arrived[PS_MAX_PLANES];
    uint64_t finished[PS_MAX_PLANES];
    uint64_t queued_before[PS_MAX_PLANES];
    uint64_t queued[PS_MAX_PLANES];           /* arrived, not finished */
    struct ps_wide sojourn_ns[PS_MAX_PLANES]; /* sums, arrival to end of service */
    uint64_t sojourn_min_ns[PS_MAX_PLANES];   /* all ones before the first */
    uint64_t sojourn_max_ns[PS_MAX_PLANES];
    uint64_t woken[PS_MAX_PLANES];            /* arrived, but no vector brought them */
    uint64_t forwarded[PS_MAX_PLANES];        /* passed on by the marker */
    uint64_t starved_ns[PS_MAX_PLANES];       /* longest time with work without running */
    uint64_t oldest_ns[PS_MAX_PLANES];        /* age of the oldest pending interrupt; on reading */
    /* Little's law: load = sojourn of those finished + age - age_before. */
    struct ps_wide load_ns;                   /* number of jobs in queues, integrated over time */
    struct ps_wide age_ns;                    /* time that those in queues have spent there */
    struct ps_wide age_before_ns;             /* the same, when counting began */
};

#endif
