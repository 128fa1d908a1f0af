/* The figures of the rules' section 6: what planes did, counted by every driver that has time.
 *
 * Sums of times are 128 bits wide: a million vCPUs for 2^63 ns fit.
 */
#ifndef PLANESCHED_FIGURES_H
#define PLANESCHED_FIGURES_H

#include "state.h"

struct ps_wide {
    uint64_t lo, hi;
};

static inline void ps_wide_add(struct ps_wide *sum, uint64_t value)
{
    sum->lo += value;
    sum->hi += sum->lo < value;
}

static inline void ps_wide_add_wide(struct ps_wide *sum, struct ps_wide value)
{
    ps_wide_add(sum, value.lo);
    sum->hi += value.hi;
}

static inline void ps_wide_sub(struct ps_wide *sum, uint64_t value)
{
    sum->hi -= sum->lo < value;
    sum->lo -= value;
}

/* What can be pending on a plane, and the words below that speak of each. */
enum ps_pending { PS_PENDING_IRQ, PS_PENDING_NMI, PS_PENDING_TRAP, PS_N_PENDING };

/* All vCPUs together. planesched/layouts.py holds the same layout as a numpy dtype. */
struct ps_figures {
    uint64_t steps[PS_N_EVENTS][PS_MAX_PLANES];      /* accepted events, by event and plane */
    uint64_t faults[PS_N_EVENTS][PS_N_FAULTS];       /* refused events */
    uint64_t entries[PS_MAX_PLANES][PS_MAX_PLANES];  /* from, to; the diagonal holds bounces */
    uint64_t reasons[PS_N_REASONS];                  /* entries, by reason */
    uint64_t exits[PS_N_REASONS];                    /* exits to userspace, by reason */
    uint64_t coalesced[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t taken[PS_N_PENDING][PS_MAX_PLANES];     /* injected; intercepts: delivered */
    uint64_t dropped[PS_N_PENDING][PS_MAX_PLANES];   /* by `disable`, `init` */
    uint64_t pending_before[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t pending[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t vina[PS_MAX_PLANES];                    /* notifications */
    uint64_t vina_set[PS_MAX_PLANES];                /* of these, those that set a clear irq */
    uint64_t idle_entries[PS_MAX_PLANES];            /* switches for nothing, by plane entered */
    struct ps_wide time_ns[4][PS_MAX_PLANES];        /* running, userspace, blocked; transition */
    struct ps_wide suspended_ns[PS_MAX_PLANES];      /* runnable, another plane is current */
    struct ps_wide latency_ns[PS_MAX_PLANES];        /* sums, delivery to injection */
    uint64_t latency_min_ns[PS_MAX_PLANES];          /* all ones before the first */
    uint64_t latency_max_ns[PS_MAX_PLANES];
    uint64_t longest_ns[PS_MAX_PLANES];              /* longest interval that ended */
    uint64_t age_ns[PS_MAX_PLANES];                  /* longest interval that has not ended */
};

/* The first three kinds of time_ns are those of ps_state.status. A switch takes time only where the
 * driver says so. */
#define PS_TIME_TRANSITION 3u

#endif
