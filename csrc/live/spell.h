/* One advance of one vCPU in real time: a part of run.c. */
#ifndef PS_LIVE_SPELL_H
#define PS_LIVE_SPELL_H

#include "live/run.h"
#include "live/parts.h"

#if PS_LIVE

#include "engine/vcpu_jobs.h"

struct spell {
    struct ps_live_vcpu *live;
    struct ps_engine *engine;
    struct ps_guest *guest;
    int64_t origin_ns; /* real time less the engine's */
    int64_t until_ns, armed_ns;
};

static inline int64_t now_of(const struct spell *s)
{
    return ps_live_now_ns() - s->origin_ns;
}

static inline struct ps_vcpu vcpu_of(const struct spell *s)
{
    return ps_vcpu_of(s->engine, 0);
}

static inline struct ps_live_seat *seat_of(const struct spell *s, unsigned plane)
{
    return &s->live->machine->seats[s->live->first_seat + (int)plane];
}

static inline int number_of(const struct spell *s, unsigned plane)
{
    return s->live->first_seat + (int)plane;
}

/* IPIs (ipi.c). What the jobs that ended send waits for the guest's command. */
void ps_live_note_ended(const struct spell *s, unsigned plane);
/* The guest did it: its next letter goes. 0, or PS_LIVE_FAILED. */
int ps_live_send(const struct spell *s, unsigned plane);
/* What came from others arrives. 0, or PS_LIVE_FAILED. */
int ps_live_receive(const struct spell *s);

/* The engine's clock follows the real one, up to where it is to go. */
static inline void catch_up(const struct spell *s)
{
    const int64_t now_ns = now_of(s);
    const int64_t to_ns = now_ns < s->until_ns ? now_ns : s->until_ns;
    if (to_ns > s->guest->now_ns)
        pass_time(vcpu_of(s), NULL, to_ns);
}

#endif
#endif
