/* Guests in time: the driver with a clock (rules, section 7). C11 and C++17; knows no Python.
 *
 * An engine holds some vCPUs with one policy. It decides when events happen; ps_step alone decides
 * about planes. Feed it jobs, let time pass, read the figures. One engine belongs to one thread.
 */
#ifndef PLANESCHED_ENGINE_H
#define PLANESCHED_ENGINE_H

#include "figures.h"
#include "jobs.h"
#include "records.h"
#include "scheduler.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Later than everything. A job whose end would lie here or beyond never ends. */
#define PS_NEVER_NS INT64_MAX

/* The last two only arrive where planes have controllers: work that no event tells of, which its
 * plane does when it runs; and, in place of a job, a cli or sti, which `source` says. */
enum ps_job_kind {
    PS_JOB_INTERRUPT,
    PS_JOB_CALL,
    PS_JOB_FORWARD,
    PS_JOB_TASK,
    PS_JOB_TOLD,
    PS_N_JOB_KINDS
};

/* The source of work that no vector brought; vectors are 0 to 255. An irq wakes its plane, which is
 * injected but in no row and no latency; with controllers an intercept does. */
#define PS_SOURCE_WAKE 256u

/* Work that arrives for a plane. planesched.JOB is the same layout. */
struct ps_job {
    int64_t time_ns, service_ns;
    uint32_t vcpu;
    uint16_t source;
    uint8_t plane, kind;
};

/* Whether a job goes to its plane at once, or to the marker first as a forward job. */
enum ps_route { PS_ROUTE_OWN, PS_ROUTE_MARKER };

struct ps_chip_policy;
struct ps_spread;
struct ps_workload;

/* What switches and exits to userspace take. A negative time -1 - k is drawn from spreads[k], with
 * the draws and the seed of the workload, which there has to be then. */
struct ps_costs {
    int64_t switch_ns[PS_N_REASONS][PS_MAX_PLANES][PS_MAX_PLANES]; /* by reason, from, to */
    int64_t exit_ns;
    const struct ps_spread *spreads; /* [n_spreads] (workload.h) */
    uint32_t n_spreads;
};

/* Let every switch for a reason take so long, whatever the planes. */
static inline void ps_costs_set(struct ps_costs *costs, unsigned reason, int64_t switch_ns)
{
    for (unsigned from = 0; from < PS_MAX_PLANES; from++)
        for (unsigned to = 0; to < PS_MAX_PLANES; to++)
            costs->switch_ns[reason][from][to] = switch_ns;
}

struct ps_engine_config {
    const struct ps_policy *policy;  /* prepared; copied */
    const struct ps_state *initial;  /* every vCPU begins like this; NULL: ps_boot() */
    uint32_t n_vcpus;
    uint8_t n_planes;
    uint8_t route;
    uint8_t main_plane;              /* PS_NO_PLANE: the highest-numbered online one */
    uint16_t online;                 /* not looked at with `initial` */
    uint16_t busy;                   /* planes that compute whenever they run */
    int64_t start_ns;                /* not negative */
    int64_t forward_ns;              /* service time of a forward job */
    const struct ps_costs *costs;    /* NULL: switches and exits take no time */
    const struct ps_workload *workload; /* what guests do of themselves (workload.h), or NULL */
    struct ps_userspace userspace;   /* answers exits; zeroed: the default userspace scheduler */
    struct ps_algorithm algorithm;   /* picks; zeroed: the first plane by rank. What is not pure
                                        costs more: nothing is looked up then */
    int64_t slice_ns;                /* running time after which a plane gets a resched; 0: never */
    const struct ps_chip_policy *controller; /* planes have interrupt controllers that are set up
                                        so (irqchip.h); copied. A job's `source` is its vector then,
                                        handlers nest by class, the end of a job is its EOI. NULL:
                                        none, queues are first in, first out */
};

enum ps_engine_error {
    PS_ENGINE_NO_MEMORY = -1,
    PS_ENGINE_BAD_CONFIG = -2,
    PS_ENGINE_BAD_JOB = -3,
    PS_ENGINE_BAD_TIME = -4,
    PS_ENGINE_STOPPED = -5, /* the userspace scheduler gave no plane; the engine has got that far */
    PS_ENGINE_WRONG_ANSWER = -6, /* the algorithm gave none that it was offered: the vCPU stays so,
                                    `algorithm.wrong` says what was asked */
    PS_ENGINE_BAD_EVENT = -7
};

/* What is wrong with a job; the order is that in which the fields are looked at. */
enum ps_job_mistake {
    PS_JOB_FINE,
    PS_JOB_BAD_VCPU,
    PS_JOB_BAD_TIME,     /* before its vCPU's last job, or before the vCPU's present */
    PS_JOB_BAD_ORDER,    /* at equal times jobs of a vCPU come by plane, then source */
    PS_JOB_BAD_SERVICE,  /* negative */
    PS_JOB_BAD_PLANE,    /* not online */
    PS_JOB_BAD_KIND,     /* only interrupts arrive from outside */
    PS_JOB_BAD_VECTOR    /* with controllers: neither a vector from 16 on nor PS_SOURCE_WAKE */
};

struct ps_engine;

/* Make an engine in `*out`, which the caller destroys. `config` and its policy and initial state
 * are copied, and so is the algorithm's memory, for every vCPU, if it has a `size`; costs, a
 * workload, and what the userspace scheduler's `user` or the algorithm leads to otherwise, stay the
 * caller's and have to outlive the engine and its clones. Returns 0; or PS_ENGINE_BAD_CONFIG or
 * PS_ENGINE_NO_MEMORY, and leaves `*out` alone. */
int ps_engine_create(const struct ps_engine_config *config, struct ps_engine **out);

/* Free an engine and all that is its own; NULL: nothing happens. */
void ps_engine_destroy(struct ps_engine *engine);

/* Have at least so many vCPUs; new ones have been there since the start. Returns 0,
 * PS_ENGINE_NO_MEMORY, or PS_ENGINE_BAD_TIME where vCPUs send each other interrupts and time has
 * passed; nothing has changed then. */
int ps_engine_grow(struct ps_engine *engine, uint32_t n_vcpus);

/* Take in jobs that are yet to come, in order of time within each vCPU; they are copied. Returns 0,
 * PS_ENGINE_NO_MEMORY, or PS_ENGINE_BAD_JOB, when `index` and `mistake` say which one is wrong and
 * why; nothing has changed then. */
int ps_engine_feed(struct ps_engine *engine, const struct ps_job *jobs, uint64_t n,
                   uint64_t *index, enum ps_job_mistake *mistake);

/* What can be told: the events that a guest does not do itself, that bring no job and leave planes
 * online as they are. */
#define PS_TOLD \
    (PS_E(RESCHED) | PS_E(NMI) | PS_E(INTERCEPT) | PS_E(MASK) | PS_E(UNMASK) | PS_E(CLI) | \
     PS_E(STI) | PS_E(START) | PS_E(STOP) | PS_E(LOCK) | PS_E(FORCE) | PS_E(HOLD) | \
     PS_E(RELEASE) | PS_E(VINA_ON) | PS_E(VINA_OFF) | PS_E(VINA_CLEAR) | PS_E(INIT))

/* Have an event happen to a vCPU at a time that is not past; before the jobs that arrive then, and
 * after what was told earlier for that time. During a transition it waits as jobs do. A fault is
 * counted. `plane` is looked at where the event takes one; with controllers mask and unmask are
 * nobody's to tell. Returns 0, PS_ENGINE_BAD_TIME, PS_ENGINE_BAD_EVENT (also for a vCPU or plane
 * that there is not) or PS_ENGINE_NO_MEMORY. */
int ps_engine_at(struct ps_engine *engine, int64_t time_ns, uint32_t vcpu, unsigned event,
                 unsigned plane);

/* Begin again from the start, with other vCPUs and a workload of as many sources of the same kinds:
 * what happened, was fed, counted and logged is forgotten; memory, and what is known of the
 * policy's transitions, is used again. Returns 0, or PS_ENGINE_NO_MEMORY, after which the engine
 * can only be destroyed. */
int ps_engine_renew(struct ps_engine *engine, const struct ps_workload *workload,
                    uint32_t n_vcpus);

/* Make another engine in `*out` that goes on as this one would: a snapshot, or a way not taken. The
 * caller destroys it; it shares nothing but what the caller owns, and has no log. Returns 0 or
 * PS_ENGINE_NO_MEMORY. */
int ps_engine_clone(const struct ps_engine *engine, struct ps_engine **out);

/* Make an engine what a snapshot is, whatever it was before; the snapshot stays the caller's.
 * Returns 0, or PS_ENGINE_NO_MEMORY and has changed nothing. */
int ps_engine_restore(struct ps_engine *engine, const struct ps_engine *snapshot);

/* Let everything up to and including `until_ns` happen, or at least `patience` events of it.
 * Returns 0 when that time is reached, 1 when patience ended first (call again),
 * PS_ENGINE_STOPPED, PS_ENGINE_BAD_TIME, PS_ENGINE_WRONG_ANSWER (for ever, once it has), or
 * PS_ENGINE_NO_MEMORY, after which it can only be destroyed. */
int ps_engine_advance(struct ps_engine *engine, int64_t until_ns, uint64_t patience);

/* Return when something happens next of itself or by what was fed; PS_NEVER_NS: never. */
int64_t ps_engine_next_event_ns(const struct ps_engine *engine);

/* Return the time up to which everything has happened. */
int64_t ps_engine_now_ns(const struct ps_engine *engine);

/* Return how many vCPUs there are. */
uint32_t ps_engine_n_vcpus(const struct ps_engine *engine);

/* Return the state of a vCPU, which stays the engine's and is good until anything changes it. */
const struct ps_state *ps_engine_state(const struct ps_engine *engine, uint32_t vcpu);

/* What one vCPU did with its time, and whether it ever ran in circles. */
struct ps_vcpu_report {
    /* Running, in userspace, blocked, in a transition: their sum is now_ns - start_ns. */
    int64_t time_ns[4];
    int64_t now_ns;
    int64_t livelock_ns;       /* when the first livelock was found */
    uint32_t livelocks;
    uint16_t livelock_planes;  /* the planes that took part in any */
};

/* Fill in what is known of one vCPU. */
void ps_engine_report(const struct ps_engine *engine, uint32_t vcpu, struct ps_vcpu_report *out);

/* Where figures go: arrays of the caller. There is a row, and a histogram of PS_N_BUCKETS
 * (histogram.h), for every source of the workload, then for every plane with what was fed and what
 * VINA posted. */
struct ps_reading {
    struct ps_figures *figures; /* figures.h: of planes */
    struct ps_totals *totals;   /* jobs.h: of jobs, by plane */
    struct ps_row *rows;        /* jobs.h: [ps_engine_n_rows()] */
    uint64_t *latency, *response, *sojourn; /* [ps_engine_n_rows()][PS_N_BUCKETS] */
};

/* Write the figures up to now; the engine goes on as if they had not been read. */
void ps_engine_read(struct ps_engine *engine, const struct ps_reading *out);

/* Write what adds up only, in a time that does not grow with the number of vCPUs where nothing was
 * fed and the policy's states are few: what is queued, pending or under way now, and its age, stays
 * out. For who reads often: the arrays are zero, or hold an earlier reading. */
void ps_engine_read_sums(struct ps_engine *engine, const struct ps_reading *out);

/* Write what became of every vector of every plane, [n_planes][256] (jobs.h). Returns 0, or
 * PS_ENGINE_BAD_CONFIG where planes have no controllers. */
int ps_engine_read_vectors(const struct ps_engine *engine, struct ps_vector_row *rows);

/* Add the latency and response of vectors that were injected to histograms of the caller, zeroed,
 * [n][PS_N_BUCKETS] each: those of a vector to the one that `places`, [n_planes][256], names, or
 * nowhere where that is PS_NOWHERE. */
#define PS_NOWHERE UINT32_MAX
void ps_engine_read_vector_times(const struct ps_engine *engine, const uint32_t *places,
                                 uint64_t *latency, uint64_t *response);

/* Write what is injected (`kind` PS_EVENT_IRQ) and ended (PS_CHIP_EOI), by vector (`arg`), to an
 * array of the caller until there is no room left; NULL: nowhere. */
void ps_engine_log_vectors(struct ps_engine *engine, struct ps_event_record *records, uint64_t n);

/* Return how many more that has room for. */
uint64_t ps_engine_log_vectors_left(const struct ps_engine *engine);

/* Return how many rows a reading has. */
uint32_t ps_engine_n_rows(const struct ps_engine *engine);

/* Return the plane that serves the jobs of a row. */
unsigned ps_engine_row_plane(const struct ps_engine *engine, uint32_t row);

/* Forget what was counted: figures begin now. */
void ps_engine_restart(struct ps_engine *engine);

/* Write outcomes that are worth it (ps_worth_logging) to an array of the caller until there is no
 * room left; NULL: nowhere. Their `record` is -1. */
void ps_engine_log(struct ps_engine *engine, struct ps_outcome_record *records, uint64_t n);

/* Return how many more the log has room for. */
uint64_t ps_engine_log_left(const struct ps_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
