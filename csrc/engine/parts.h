/* The engine's insides, shared by its files. Each calls only those above it:
 *
 *     queue (nodes of jobs), leaps (their table), leaping (what they count), log, livelock, picking
 *     (the algorithm), arrivals (of many sources)
 *     vcpu.h (one vCPU as functions are given it), vcpu_step.h and .c (one step, its count and its
 *     cost), vectors (that bring jobs)
 *     vcpu_jobs.h, vcpu_leap.h, vcpu_leaps.c, vcpu.c (what happens on one vCPU, in order of time)
 *     ipi (vCPUs in one order), input (what is fed)
 *     counting (figures), snapshot
 *     clock (all vCPUs come to one time), life (an engine begins and ends), config (what it can be
 *     made with)
 */
#ifndef PLANESCHED_ENGINE_PARTS_H
#define PLANESCHED_ENGINE_PARTS_H

#include "core/automaton.h"
#include "core/chiprun.h"
#include "engine/leaps.h"
#include "engine/queue.h"
#include "planesched/engine.h"
#include "planesched/jobs.h"
#include "planesched/records.h"
#include "planesched/workload.h"

/* Jobs are fed in the order of these, within a vCPU. */
struct ps_fed {
    int64_t time_ns;
    uint16_t source;
    uint8_t plane, told;
};

/* When the source at this place among those of arrivals brings its next job. */
struct ps_due {
    int64_t at_ns;
    uint32_t place;
};

/* One vCPU's guests. Its clock stands in an array of its own, as figures.h wants, with the row of
 * its state in the automaton; only where that is full is its ps_state the one in `states`. */
struct ps_guest {
    int64_t now_ns;
    int64_t ready_ns;       /* later than now: a switch is under way until then */
    int64_t arrival_ns;     /* when the next job arrives; PS_NEVER_NS: none will */
    uint32_t arrival;       /* the number of its source; that of sources: it stands in `input` */
    uint32_t n_jobs;        /* in queues */
    uint32_t idle_steps;    /* since anything arrived, worked or ended; PS_NOTED: livelock told */
    uint32_t place;         /* the number of the place where it was last, of those of leaps */
    uint16_t work;          /* planes whose queue is not empty */
    uint16_t waiting;       /* planes that called, and wait for the end of the call's job */
    uint8_t current, status;  /* as in the state */
    uint8_t left;           /* the plane that the marker last took the vCPU from */
    uint8_t exit_reason;    /* of the last exit to userspace */
    uint8_t stuck;          /* runs in circles in no time until something arrives */
    uint8_t vector;         /* with controllers: that arrives now, or was injected last; */
    uint8_t more;           /* and current may take another at once */
    int64_t ran_ns;         /* of this slice */
    struct ps_queue queues[PS_MAX_PLANES];
    struct ps_queue input;  /* jobs from outside that have not arrived yet, or wait for a switch */
    int64_t time_ns[4];     /* as in ps_vcpu_report */
    /* When a plane that has work last had none, or last ran. */
    int64_t idle_since_ns[PS_MAX_PLANES];
    uint16_t posted[PS_CLOCK_POSTED + PS_MAX_PLANES]; /* the row of what is pending, by slot */
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

/* What an engine does to its vCPUs, beside what it is told; at the end of a slice, a resched. */
#define PS_ENGINE_EVENTS (PS_E(IRQ) | PS_E(HALT) | PS_E(CALL) | PS_E(RETURN) | PS_E(ENTER))
/* What controllers make of that, beside it, and what brings work that no vector does. */
#define PS_CHIPPED_EVENTS \
    (PS_E(MASK) | PS_E(UNMASK) | PS_E(CLI) | PS_E(STI) | PS_E(INTERCEPT) | PS_E(RESCHED))
/* How much memory an engine's table of transitions may take. */
#define PS_AUTOMATON_BYTES (UINT64_C(16) << 20)

/* So many steps without progress are nothing to worry about; then a circle is looked for. */
#define PS_PATIENT_STEPS 64u
/* An algorithm with memory may get out of a circle of states, but not after so many steps. */
#define PS_ALGORITHM_STEPS 65536u
#define PS_NOTED UINT32_MAX

/* Histograms of one vector of one plane. */
struct ps_vector_times {
    uint64_t latency[PS_N_BUCKETS], response[PS_N_BUCKETS];
};

struct ps_engine {
    struct ps_engine_config config;  /* its pointers lead to the two below, or nowhere */
    struct ps_policy policy;
    struct ps_state boot;
    int64_t now_ns;          /* every vCPU has come this far */
    int64_t until_ns;        /* and is on the way to here, */
    uint32_t cursor;         /* those below this one are there */
    int together;            /* every vCPU is at now_ns, and not on the way */
    uint32_t n_outside;      /* vCPUs whose state the automaton does not hold */
    int had_input;           /* something was fed, told or sent, ever */
    int64_t counted_ns;      /* when the automaton was last folded */
    uint32_t n_vcpus;
    uint64_t batch;
    struct ps_state *states;
    struct ps_guest *guests;
    int64_t *clocks;
    struct ps_pool pool;
    struct ps_automaton *automaton;
    struct ps_leaps *leaps;  /* NULL: what it does is not leapt */
    struct ps_ledger ledger;
    struct ps_figures figures;
    struct ps_totals totals;
    struct {
        struct ps_outcome_record *next;
        struct ps_outcome_record *costs; /* of this step, if it may take time, or NULL */
        uint64_t left;
    } log;                   /* where outcomes worth it go */
    int costly;              /* any switch or exit costs */
    int told;                /* responses come from who drives it in real time, not from costs */
    int plain;               /* see struct ps_vcpu */
    int failed;              /* no memory for a job */
    int stopped;             /* the userspace scheduler gave no plane */
    int wrong;               /* the algorithm gave none that it was offered: nothing steps */
    int looks_up;            /* the automaton has states: there is no algorithm, or a pure one */
    struct ps_algorithm algorithm; /* of each vCPU: see ps_vcpu_algorithm */
    char *first_memory;      /* what each begins with, if it has a size, */
    char *memories;          /* and what they have */

    const struct ps_source *sources;
    uint32_t n_sources;
    uint32_t n_arriving;     /* sources of arrivals, */
    uint32_t *arriving;      /* which, by plane; few are looked at one by one, */
    uint32_t n_looked_at;
    uint32_t n_dues;         /* of many there is a tree (arrivals.h), */
    struct ps_due *dues;     /* [n_vcpus][n_dues] */
    uint32_t n_streams;      /* of a vCPU: one a source, one for costs */
    struct ps_stream *streams;
    uint16_t callers;        /* planes that have a source of calls */
    int talks;               /* there is a source of IPIs */
    struct ps_queue ended;   /* then, jobs whose end may send some */
    struct ps_row *rows;     /* [n_sources + n_planes] */
    uint8_t *row_planes;     /* the plane that serves each */
    uint64_t *latency, *response, *sojourn; /* response: only where switches cost */

    /* Where planes have controllers (vectors.c). */
    int chipped;
    struct ps_chip_policy chip;
    struct ps_apic *apics;          /* [n_vcpus][n_planes] */
    struct ps_queue *posted;        /* likewise: jobs whose vector was not injected yet */
    struct ps_vector_row *vectors;  /* [n_planes][PS_N_VECTORS] */
    uint16_t *timed;                /* likewise: which of these histograms is its own, plus 1 */
    struct ps_vector_times *times;  /* of vectors that no source brings, once one is injected */
    uint32_t n_times, room_for_times;
    struct ps_event_record *vector_log;
    uint64_t vector_log_left;

    /* With IPIs, the next event of each vCPU, and a tree of matches for the first of them. */
    uint32_t *tree;
};

/* The state of a vCPU. */
static inline const struct ps_state *ps_vcpu_state(const struct ps_engine *engine, uint32_t vcpu)
{
    assert(vcpu < engine->n_vcpus);
    const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
    return row == PS_NO_STATE ? &engine->states[vcpu]
                              : ps_automaton_row_state(engine->automaton, row);
}

/* How many rows of figures there are: one a source, then one a plane. */
static inline uint32_t ps_n_rows(const struct ps_engine *engine)
{
    return engine->n_sources + engine->config.n_planes;
}

static inline uint32_t ps_plane_row(const struct ps_engine *engine, unsigned plane)
{
    return engine->n_sources + plane;
}

/* In the input, IPIs stand beside what was fed; a vector that VINA posted is no job, but ends. */
#define PS_JOB_IPI PS_N_JOB_KINDS
#define PS_JOB_NOTICE (PS_N_JOB_KINDS + 1)

/* The row of a job in the input; where it has arrived, its node's `source` says. */
static inline uint32_t ps_input_row(const struct ps_engine *engine, const struct ps_node *node)
{
    return node->kind == PS_JOB_IPI ? node->source : ps_plane_row(engine, node->plane);
}

/* Whether an engine can be made so. */
int ps_config_valid(const struct ps_engine_config *config);
/* Whether anything that happens takes time; -1 if a cost is neither a time nor can be drawn. */
int ps_config_costly(const struct ps_engine_config *config);
/* Take over what picks, and make the automaton for it. Returns 0 or PS_ENGINE_NO_MEMORY. */
int ps_engine_take_algorithm(struct ps_engine *engine);
/* Make the table of leaps, for an engine that makes any: planes do not call, forward or run by
 * slices, have no controllers, and vCPUs send each other nothing. Returns as above. */
int ps_engine_take_leaps(struct ps_engine *engine);
/* A vCPU begins with the memory that it has at first. */
void ps_engine_begin_memory(struct ps_engine *engine, uint32_t vcpu);
/* What picks on one vCPU. */
struct ps_algorithm ps_vcpu_algorithm(const struct ps_engine *engine, uint32_t vcpu);
/* Take note of a step without progress. A circle is one only after so many steps. */
void ps_guest_watch(struct ps_guest *guest, const struct ps_state *s, unsigned least);
/* Put a job into the input, which is in order of (time, plane, source), told events first. */
void ps_input_insert(struct ps_engine *engine, uint32_t vcpu, uint32_t index);
/* Find what arrives next. */
void ps_vcpu_find_arrival(struct ps_engine *engine, uint32_t vcpu);
/* Let a vCPU do what takes no time: end jobs, give up, be entered. */
void ps_vcpu_act_until_busy(struct ps_engine *engine, uint32_t vcpu);
/* Parts of that, for who drives a vCPU in real time: the current plane has nothing to do; an exit
 * is answered, 0 if it waits; the head of its queue ends; the next job arrives; it calls. */
void ps_vcpu_give_up(struct ps_engine *engine, uint32_t vcpu);
int ps_vcpu_answer_exit(struct ps_engine *engine, uint32_t vcpu);
void ps_vcpu_finish_job(struct ps_engine *engine, uint32_t vcpu);
void ps_vcpu_let_arrive(struct ps_engine *engine, uint32_t vcpu);
void ps_vcpu_make_call(struct ps_engine *engine, uint32_t vcpu, uint32_t number);
/* Its slice ends. */
void ps_vcpu_end_slice(struct ps_engine *engine, uint32_t vcpu);
/* How long until that, if the current plane runs on; or never. */
int64_t ps_vcpu_time_to_slice(const struct ps_engine *engine, uint32_t vcpu);
/* How long until the current plane calls if it runs on, and from which source; or never. */
int64_t ps_vcpu_time_to_call(struct ps_engine *engine, uint32_t vcpu, uint32_t *number);
/* A response that was measured. */
void ps_engine_respond(struct ps_engine *engine, uint32_t row, uint64_t response_ns);
/* Let time pass, and let the next event of a vCPU happen. */
void ps_vcpu_pass_time(struct ps_engine *engine, uint32_t vcpu, int64_t to_ns);
void ps_vcpu_do_next_event(struct ps_engine *engine, uint32_t vcpu);
/* Bring a vCPU to `until_ns`; takes from `patience`, returns 1 if that ended first, else 0. */
int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience);
/* The same step by step, or by leaps. */
int ps_vcpu_advance_by_steps(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                             uint64_t *patience);
int ps_vcpu_advance_by_leaps(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                             uint64_t *patience);
/* What an event of leaps.h leads to is stepped, and the leap number `at` made of it. What came with
 * it, a job or its end, is in the queues; an interrupt's was `posted_ns`, and is of `row`. */
void ps_vcpu_make_leap(struct ps_engine *engine, uint32_t vcpu, uint32_t at, unsigned event,
                       int64_t posted_ns, uint32_t row);
/* A switch has ended: what came during it happens, and what takes no time. */
void ps_vcpu_catch_up(struct ps_engine *engine, uint32_t vcpu);
/* Without memory: nothing happens to any vCPU any more. */
void ps_engine_fail(struct ps_engine *engine);
/* When the next event happens; `*rank`: what comes first at equal times (rules, 7). */
int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned *rank);

/* Where vCPUs send each other IPIs: all of them in one order. */
int ps_engine_advance_together(struct ps_engine *engine, int64_t until_ns, uint64_t *patience);

/* What the engine has to know of a step; `bits`: PS_MARK_FAULT, _SWITCHED, _CHANGED and _EXIT
 * count. */
struct ps_done {
    uint8_t was, bits;
    uint8_t reason; /* of an exit; where something costs, of a switch too */
};
/* A vCPU whose state the automaton does not hold. */
struct ps_done ps_vcpu_step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                   unsigned plane, int64_t posted_ns, uint32_t row);
/* No step: the algorithm's answer was wrong, and this is the end of the engine. */
struct ps_done ps_vcpu_give_in(struct ps_engine *engine, uint32_t vcpu);
void ps_engine_log_step(struct ps_engine *engine, uint32_t vcpu, unsigned event, unsigned plane,
                        struct ps_outcome out, uint8_t before);
/* What this step logged takes time. */
void ps_engine_log_took(struct ps_engine *engine, int64_t took_ns);
/* Take a vCPU out of the automaton, to `states`; and from there back in, if it has room. */
void ps_vcpu_leave_automaton(struct ps_engine *engine, uint32_t vcpu);
void ps_vcpu_enter_automaton(struct ps_engine *engine, uint32_t vcpu);
/* Give a vCPU another state than a step would. */
void ps_vcpu_set_state(struct ps_engine *engine, uint32_t vcpu, const struct ps_state *s);
/* What one engine counted by leaps goes to the figures of another; or to its own, and begins from
 * zero. */
void ps_engine_give_leaps(const struct ps_engine *from, struct ps_engine *to);
void ps_engine_fold_leaps(struct ps_engine *engine);
/* Figures begin from zero. What was counted per transition goes to the figures. */
void ps_engine_clear(struct ps_engine *engine);
void ps_engine_fold(struct ps_engine *engine);

#endif
