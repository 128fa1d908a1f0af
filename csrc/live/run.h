/* A vCPU of an engine in real time: its planes run on a machine, and what they do takes as long as
 * it takes (rules, section 9). */
#ifndef PS_LIVE_RUN_H
#define PS_LIVE_RUN_H

#include "live/machine.h"
#include "planesched/engine.h"

#if PS_LIVE

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a plane sleeps in HLT; PS_TO_SLEEP: its next command will be that. */
enum ps_live_sleep { PS_AWAKE, PS_TO_SLEEP, PS_ASLEEP };

/* What a seat is about to do, or did. */
struct ps_live_plane {
    int64_t due_ns;      /* when the interrupt that it has not taken yet arrived, by the engine */
    uint32_t row;        /* the row of that one */
    uint8_t waits;       /* whether there is one */
    uint8_t serves;      /* its vector is in service: an EOI is due */
    uint8_t sleeps;      /* enum ps_live_sleep */
    int64_t spent_ns;    /* by exits of its handler, to be taken off its next computing */
};

struct ps_live_vcpu {
    struct ps_machine *machine;
    int first_seat, n_planes;
    int keeps_isr;        /* a vector stays in service until an EOI */
    int copy;             /* enum ps_live_copy: of what planes share, at a switch */
    double turns_per_ns;  /* of the guest's loop */
    int64_t exit_ns;      /* what an exit takes, which is part of what a guest does between two */
    struct ps_live_timer timer;
    int last;             /* the plane that ran last */
    int64_t late_ns;      /* by so much the last advance ended after its time */
    uint64_t switches, exits;
    struct ps_live_plane planes[PS_MAX_PLANES];
};

/* Bring an engine of one vCPU, for which nothing costs, to `until_ns` in real time: 0; 1 where a
 * signal ended that early; PS_LIVE_FAILED, which is in the machine's `fault`. */
int ps_live_advance(struct ps_live_vcpu *live, struct ps_engine *engine, int64_t until_ns);

/* Free what it holds. */
void ps_live_vcpu_close(struct ps_live_vcpu *live);

#ifdef __cplusplus
}
#endif

#endif
#endif
