/* Where generated work comes from: when the next job of a source arrives, and how long it takes.
 *
 * Every (vCPU, source) has a stream of its own, an SFC64 generator seeded from numpy's SeedSequence
 * with the spawn key (vCPU, source), so what arrives depends on nothing else: not on the policy,
 * not on other sources, not on threads. The engine knows only struct ps_source and struct ps_draws;
 * the distributions behind them are this library's, numpy's (in the Python package), or yours.
 */
#ifndef PLANESCHED_WORKLOAD_H
#define PLANESCHED_WORKLOAD_H

#include <assert.h>
#include <stdint.h>

#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* a + b, both not negative; never instead of overflow. */
static inline int64_t ps_later(int64_t a_ns, int64_t b_ns)
{
    const uint64_t sum_ns = (uint64_t)a_ns + (uint64_t)b_ns;
    return sum_ns > PS_NEVER_NS ? PS_NEVER_NS : (int64_t)sum_ns;
}

/* How a time is distributed. Values are in ns. */
enum ps_spread_kind {
    PS_SPREAD_CONSTANT,    /* whole */
    PS_SPREAD_UNIFORM,     /* from a to b */
    PS_SPREAD_EXPONENTIAL, /* mean a */
    PS_SPREAD_LOGNORMAL,   /* a, b: mean and deviation of the logarithm */
    PS_SPREAD_GAMMA,       /* shape a, scale b */
    PS_SPREAD_EMPIRICAL,   /* one of values[n], each as likely */
    PS_N_SPREADS
};

struct ps_spread {
    double a, b;
    int64_t whole;
    const int64_t *values;
    uint64_t n;
    uint8_t kind;
};

enum ps_arrivals {
    PS_ARRIVALS_POISSON,  /* gap.a: the mean gap */
    PS_ARRIVALS_PERIODIC, /* at phase + k * period, each later by a draw from `gap` */
    PS_ARRIVALS_ONOFF,    /* Poisson; its mean gap is gap.a for exponential spells of mean
                           * spell_ns[0], then gap.b (0: none) for others of mean spell_ns[1] */
    PS_ARRIVALS_TIMES,    /* at values[n], sorted */
    PS_ARRIVALS_CALLS,    /* not arrivals: calls after exponential running times, mean gap.a */
    PS_ARRIVALS_IPIS,     /* not arrivals: what the end of a job of another source sends */
    PS_N_ARRIVALS
};

/* What is drawn next. 64 bytes. */
struct ps_stream {
    uint64_t random[4];
    int64_t next_ns;    /* arrival; PS_NEVER_NS: never. Calls: running time left until the next */
    int64_t service_ns; /* of that job */
    int64_t spell_ns;   /* on/off: when the present spell ends */
    uint64_t count;     /* arrivals drawn; on/off: odd while off */
};

struct ps_source {
    /* Fill in next_ns and service_ns of the job after the one in the stream. */
    void (*draw)(const struct ps_source *source, struct ps_stream *stream);
    struct ps_spread gap, service;
    int64_t start_ns;          /* nothing arrives before */
    int64_t period_ns, phase_ns;
    double spell_ns[2];
    const uint8_t *members;    /* [vCPU of the engine]: has this source; NULL: all have */
    double chance;             /* IPIs: of one at the end of a job of `origin` */
    const uint32_t *targets;   /* IPIs: [n_targets] vCPUs of the engine; NULL: all but the sender */
    uint32_t n_targets;
    uint32_t number;           /* what its streams are seeded with */
    uint16_t origin;           /* IPIs: place of that source in the workload */
    uint8_t arrivals, plane;   /* `plane`: where the job is served. Calls: the plane that calls */
    uint8_t callee;            /* calls, where the policy hands over */
    uint8_t vector;            /* looked at where planes have controllers; 0 for calls */
};

#define PS_SEED_WORDS 16u

/* The seed of a whole run, as numpy assembles it; at least four words. */
struct ps_seed {
    uint32_t words[PS_SEED_WORDS];
    uint32_t n;
};

/* Where what is random comes from: the engine knows no distribution itself. */
struct ps_draws {
    /* Begin a stream, at its first arrival; without a source, just begin. */
    void (*begin)(struct ps_stream *stream, const struct ps_source *source,
                  const struct ps_seed *seed, uint32_t vcpu, uint32_t number);
    double (*unit)(struct ps_stream *stream);                   /* in 0..1, less than 1 */
    uint32_t (*choose)(struct ps_stream *stream, uint32_t n);   /* in 0..n-1 */
    int64_t (*time)(const struct ps_spread *spread, struct ps_stream *stream);
    /* A source's next job, by enum ps_arrivals. */
    void (*draw[PS_N_ARRIVALS])(const struct ps_source *source, struct ps_stream *stream);
};

/* What the guests of an engine do of themselves. What it points to has to outlive the engine. */
struct ps_workload {
    const struct ps_source *sources; /* [n_sources], prepared; by plane, then by number */
    uint32_t n_sources;
    struct ps_seed seed;
    const uint32_t *ids;         /* [n_vcpus]: what streams are seeded with; NULL: 0, 1, ... */
    const struct ps_draws *draws;
};

/* The draws of this library, in plain C: the same seed gives the same jobs wherever the C library's
 * log, exp and sqrt give the same numbers. The Python package draws with numpy's distributions
 * instead, so one seed means other jobs there. */
extern const struct ps_draws ps_library_draws;

/* Choose `draw` once `arrivals` is there: the source is then ready for a workload with these
 * draws. */
static inline void ps_source_prepare(struct ps_source *source, const struct ps_draws *draws)
{
    assert(source->arrivals < PS_N_ARRIVALS);
    source->draw = draws->draw[source->arrivals];
}

/* The seed of a run from one number, as numpy.random.SeedSequence assembles it. */
static inline struct ps_seed ps_seed_of(uint64_t number)
{
    struct ps_seed seed = {{0}, 4};
    seed.words[0] = (uint32_t)number;
    seed.words[1] = (uint32_t)(number >> 32);
    return seed;
}

#ifdef __cplusplus
}
#endif

#endif
