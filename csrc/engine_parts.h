/* The engine's insides, shared by its files: engine.c (life and input), engine_run.c (what happens
 * on one vCPU), engine_livelock.c and engine_read.c (figures). */
#ifndef PLANESCHED_ENGINE_PARTS_H
#define PLANESCHED_ENGINE_PARTS_H

#include "figures.h"
#include "jobs.h"
#include "planesched/engine.h"

/* Jobs are fed in the order of these, within a vCPU. */
struct ps_fed {
    int64_t time_ns;
    uint16_t source;
    uint8_t plane;
};

/* One vCPU's guests. Its ps_state and clocks stand in arrays of their own, as figures.h wants. */
struct ps_guest {
    int64_t now_ns;
    int64_t ready_ns;       /* later than now: a switch is under way until then */
    uint32_t idle_steps;    /* since anything arrived, worked or ended; PS_NOTED: livelock told */
    uint16_t work;          /* planes whose queue is not empty */
    uint8_t left;           /* the plane that the marker last took the vCPU from */
    uint8_t stuck;          /* runs in circles in no time until something arrives */
    struct ps_queue input;  /* jobs that have not arrived yet, or wait for the end of a switch */
    struct ps_queue queues[PS_MAX_PLANES];
    int64_t time_ns[4];     /* as in ps_vcpu_report */
    struct ps_fed fed;      /* the last job */
    struct ps_fed tried;    /* the last job of the feed number `batch`, if that is under way */
    uint64_t batch;

    /* To find livelocks: how things stood some steps ago (Brent's way to find a cycle). */
    struct ps_state seen;
    int64_t seen_ns;
    uint32_t seen_at, lap;
    uint16_t seen_planes;   /* current since */
    uint8_t seen_left;
    uint16_t livelock_planes;
    uint32_t livelocks;
    int64_t livelock_ns;
};

#define PS_NOTED UINT32_MAX

struct ps_engine {
    struct ps_engine_config config;  /* its pointers lead to the two below, or nowhere */
    struct ps_policy policy;
    struct ps_state boot;
    int64_t now_ns;          /* every vCPU has come this far */
    int64_t until_ns;        /* and is on the way to here, */
    uint32_t cursor;         /* those below this one are there */
    uint32_t n_vcpus;
    uint64_t batch;
    struct ps_state *states;
    struct ps_guest *guests;
    int64_t *clocks;
    struct ps_pool pool;
    struct ps_ledger ledger;
    struct ps_figures figures;
    struct ps_totals totals;
    uint64_t *latency, *sojourn;
};

/* a + b, both not negative; never instead of overflow. */
static inline int64_t ps_later(int64_t a_ns, int64_t b_ns)
{
    return b_ns > PS_NEVER_NS - a_ns ? PS_NEVER_NS : a_ns + b_ns;
}

static inline int ps_in_transition(const struct ps_guest *guest)
{
    return guest->ready_ns > guest->now_ns;
}

/* Whether the current plane works on the head of its queue. */
static inline int ps_works(const struct ps_guest *guest, const struct ps_state *s)
{
    return !s->status && ps_has(guest->work, (unsigned)s->current) && !ps_in_transition(guest);
}

/* Take note of a step without progress. */
void ps_guest_watch(struct ps_guest *guest, const struct ps_state *s);
/* Let a vCPU do what takes no time: end jobs, give up, be entered. */
void ps_vcpu_settle(struct ps_engine *engine, uint32_t vcpu);
/* Bring a vCPU to `until_ns`; takes from `patience`, returns 1 if that ended first, else 0. */
int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience);
int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu);

#endif
