/* From the records of a trace to the jobs of a replay; planesched/traces/jobs.py says what they
 * are. A job is held back while how long it takes, or whether it is one, is not known yet.
 *
 * Nothing is allocated but by the functions that say so. */
#ifndef PLANESCHED_TRACE_JOBS_H
#define PLANESCHED_TRACE_JOBS_H

#include <stdint.h>

#include "planesched/engine.h"
#include "traces/record.h"

/* The source of a job that no vector brought. */
#define PS_TRACE_WAKE 256

enum ps_trace_need {
    PS_NEEDS_NOTHING, /* all records were taken */
    PS_NEEDS_VCPU,    /* ps_trace_jobs_add is to be called for the vCPU of the next record */
    PS_NEEDS_ROOM     /* ps_trace_jobs_grow is to be called */
};

/* UNSEEN: no line of its own thread yet. WOKEN: woken, but not yet in the guest. */
enum ps_trace_vcpu_state { PS_VCPU_UNSEEN, PS_VCPU_HALTED, PS_VCPU_WOKEN, PS_VCPU_BUSY };

/* Jobs are named by their number, from 0, in the order in which they came; -1 is none. */
struct ps_trace_vcpu {
    uint32_t id;
    enum ps_trace_vcpu_state state;
    int64_t begin_ns;
    int64_t carrier, wake;    /* who brings the work; a place that is held for one */
    int64_t first, left;      /* who may have ended the halt: the first since, the oldest before */
    int64_t pending[256];     /* by vector: arrived, and not injected yet */
    uint64_t is_pending[4];
    uint64_t seen[4];         /* the vectors that came */
    uint8_t table[256];       /* by vector: its plane, as an index into the map's targets */
};

struct ps_trace_held {
    struct ps_job job;
    int live;                 /* 0: only a place */
};

/* A thread that was woken, whose vCPU only its next entry will tell. */
struct ps_trace_woken {
    int64_t thread; /* -1 where the slot is free */
    int64_t job;    /* -1 once it was told */
};

struct ps_trace_jobs {
    struct ps_trace_held *ring; /* of a power of two; job n is at n modulo that */
    uint64_t room;
    int64_t given, released, next; /* jobs below were given out, may be; the next one's number */
    int64_t until_ns;           /* those before have been released */

    struct ps_trace_vcpu *vcpus;
    uint32_t n_vcpus, vcpu_room;
    int32_t *index;             /* by id: where in `vcpus`, or -1 */
    struct ps_trace_woken *woken; /* a hash table, at most half of it in use */
    uint64_t n_woken, woken_slots, n_open;

    int64_t service_ns[2 * PS_MAX_PLANES + 1]; /* by target */
    int64_t look_ahead;         /* jobs that are held at most */
    int64_t base_ns;            /* what is taken off the records' times */
    int injected;               /* injections stand for the arrivals */
    int ran;                    /* a vCPU was seen to run */
    uint64_t arrivals, wakes, cuts;
    struct ps_wide busy_ns;
};

/* Begin; the settings are the caller's to fill in. Returns 0, or -1 without memory. */
int ps_trace_jobs_open(struct ps_trace_jobs *jobs);
void ps_trace_jobs_close(struct ps_trace_jobs *jobs);

/* Add a vCPU with its table, of 256 indices. Returns 0, or -1 without memory. */
int ps_trace_jobs_add(struct ps_trace_jobs *jobs, uint32_t id, const uint8_t *table);

/* Make room for more jobs and threads. Returns 0, or -1 without memory. */
int ps_trace_jobs_grow(struct ps_trace_jobs *jobs);

/* Take records, up to where something is needed; `*taken` says how many were. */
enum ps_trace_need ps_trace_jobs_take(struct ps_trace_jobs *jobs,
                                      const struct ps_trace_record *records, uint64_t n,
                                      uint64_t *taken);

/* Take the end of the trace; no record comes after it. Needs as much room as a record. */
enum ps_trace_need ps_trace_jobs_end(struct ps_trace_jobs *jobs, int64_t end_ns);

/* Release what is settled by `now_ns`; returns the time from which on later jobs are. */
int64_t ps_trace_jobs_settle(struct ps_trace_jobs *jobs, int64_t now_ns);

/* How many jobs are released, and give them out. */
uint64_t ps_trace_jobs_ready(const struct ps_trace_jobs *jobs);
void ps_trace_jobs_give(struct ps_trace_jobs *jobs, struct ps_job *out);

/* Sort jobs that are in order of time by vCPU, plane and source where times are equal. Returns 0
 * where so many have one time that another way is better. */
int ps_trace_jobs_sort(struct ps_job *jobs, uint64_t n);

#endif
