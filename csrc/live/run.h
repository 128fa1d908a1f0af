/* A vCPU of an engine in real time: its planes run on a machine, and what they do takes as long as
 * it takes (rules, section 9). */
#ifndef PS_LIVE_RUN_H
#define PS_LIVE_RUN_H

#include "live/machine.h"
#include "planesched/engine.h"

#if PS_LIVE

#include <pthread.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Whether a plane sleeps in HLT; PS_TO_SLEEP: its next command will be that. */
enum ps_live_sleep { PS_AWAKE, PS_TO_SLEEP, PS_ASLEEP };

/* An interrupt that one vCPU sent another, until that has taken note of it. */
struct ps_live_letter {
    int64_t sent_ns; /* real time */
    int64_t service_ns;
    uint32_t to; /* which vCPU */
    uint16_t source;
};

/* A source of IPIs, of a vCPU that sends. */
struct ps_live_sender {
    uint16_t source, origin; /* places in the workload: its own, and whose jobs' ends send */
    double chance;
    const uint32_t *targets; /* which vCPUs of those that talk; the caller's */
    uint32_t n_targets;
};

/* Letters that came: written by any thread, read by the vCPU's own. */
struct ps_live_mail {
    pthread_mutex_t lock;
    struct ps_live_letter *letters;
    unsigned n, room;
};

/* What a seat is about to do, or did. */
struct ps_live_plane {
    int64_t due_ns;      /* when the interrupt that it has not taken yet arrived, by the engine */
    uint32_t row;        /* the row of that one */
    uint8_t waits;       /* whether there is one */
    uint8_t serves;      /* its vector is in service: an EOI is due */
    uint8_t sleeps;      /* enum ps_live_sleep */
    int64_t spent_ns;    /* by exits of its handler, to be taken off its next computing */
    unsigned n_to_send;  /* letters that its next commands send */
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
    struct ps_live_mail mail;
    struct ps_live_letter *to_send; /* n_senders for each plane */
    const struct ps_live_sender *senders; /* the caller's */
    struct ps_live_vcpu *const *vcpus;    /* all that talk, this one too; the caller's */
    unsigned n_senders;
};

/* Make one that is all zero ready; and have it talk to others, which must not close before it has
 * ended: 0, or PS_LIVE_FAILED for want of memory. */
void ps_live_vcpu_init(struct ps_live_vcpu *live);
int ps_live_talk(struct ps_live_vcpu *live, struct ps_live_vcpu *const *vcpus,
                 const struct ps_live_sender *senders, unsigned n_senders);

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
