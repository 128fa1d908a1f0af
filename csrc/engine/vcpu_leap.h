/* One leap of a vCPU (leaps.h): a part of vcpu_leaps.c, whose loop wants it inlined. What that
 * keeps of the vCPU while it goes stands in registers, and not in the vCPU; all that is seldom is
 * done by the functions that every engine has, between `leaps_leave` and `leaps_enter`. */
#ifndef PLANESCHED_VCPU_LEAP_H
#define PLANESCHED_VCPU_LEAP_H

#include "engine/vcpu_jobs.h"

/* What the loop keeps. */
struct ps_here {
    struct ps_leaps *leaps;
    struct ps_leap *place;    /* the first of the leaps from here; NULL: it is not known */
    struct ps_queue *queue;   /* the one that current works on, or nobody's, */
    struct ps_node *job;      /* its head, or PS_NOBODY, */
    uint64_t end_ns;          /* and when that ends; nobody's comes after every time */
    int64_t now_ns, ready_ns;
    unsigned current, status; /* of an engine that is not plain */
    uint32_t n_jobs, idle_steps;       /* as in the guest */
    int64_t turns_ns[PS_N_LEAP_TURNS]; /* sums of the times at which current was halted or woke */
    int64_t switching_ns;              /* time that passed in switches */
};

static inline struct ps_leap *leap_place(const struct ps_vcpu v)
{
    struct ps_leaps *leaps = v.engine->leaps;
    const struct ps_place place = ps_vcpu_place(v);
    const uint32_t last = v.guest->place;
    if (place.row == PS_NO_STATE || v.guest->stuck || v.guest->status == PS_STATUS_USER)
        return NULL;
    if (last < leaps->n_places && memcmp(&leaps->places[last], &place, sizeof place) == 0)
        return &leaps->leaps[last * leaps->width];
    const uint32_t from = ps_leaps_from(leaps, place);
    return from == PS_NO_LEAP ? NULL : &leaps->leaps[from];
}

/* Find what current works on: the head of this queue. */
PS_INLINE void leap_job(const struct ps_vcpu v, struct ps_here *here, unsigned queue)
{
    here->queue = &v.guest->queues[queue];
    here->job = &v.engine->pool.nodes[here->queue->head];
    here->end_ns = (uint64_t)here->now_ns + (uint64_t)here->job->left_ns;
}

PS_INLINE void leaps_enter(const struct ps_vcpu v, struct ps_here *here)
{
    struct ps_guest *guest = v.guest;
    here->leaps = v.engine->leaps;
    here->place = leap_place(v);
    here->current = guest->current;
    here->status = guest->status;
    here->n_jobs = guest->n_jobs;
    here->idle_steps = guest->idle_steps;
    here->now_ns = guest->now_ns;
    here->ready_ns = guest->ready_ns;
    here->switching_ns = 0;
    for (unsigned turn = 0; turn < PS_N_LEAP_TURNS; turn++)
        here->turns_ns[turn] = 0;
    here->turns_ns[PS_LEAP_HALTS] = guest->status ? guest->now_ns : 0;
    guest->queues[PS_LEAP_NOWHERE].head = PS_NOBODY;
    v.engine->pool.nodes[PS_NOBODY].left_ns = PS_NEVER_NS;
    leap_job(v, here, ps_vcpu_job(v) ? guest->current : PS_LEAP_NOWHERE);
}

PS_INLINE void leaps_leave(const struct ps_vcpu v, const struct ps_here *here)
{
    struct ps_guest *guest = v.guest;
    if (!here->place)
        return;
    const struct ps_place *place = ps_leaps_place(here->leaps, here->place);
    const struct ps_state *s = ps_automaton_row_state(v.engine->automaton, place->row);
    const int64_t halted_ns = here->turns_ns[PS_LEAP_WAKES] - here->turns_ns[PS_LEAP_HALTS] +
                              (s->status ? here->now_ns : 0);
    guest->time_ns[PS_STATUS_BLOCKED] += halted_ns;
    guest->time_ns[PS_TIME_TRANSITION] += here->switching_ns;
    guest->time_ns[0] += here->now_ns - guest->now_ns - halted_ns - here->switching_ns;
    guest->now_ns = here->now_ns;
    guest->ready_ns = here->ready_ns;
    guest->n_jobs = here->n_jobs;
    guest->idle_steps = here->idle_steps;
    here->job->left_ns = (int64_t)(here->end_ns - (uint64_t)here->now_ns);
    guest->current = (uint8_t)s->current;
    guest->status = s->status;
    guest->left = place->left;
    guest->work = place->work;
    guest->place = (uint32_t)(place - here->leaps->places);
    v.clock[PS_CLOCK_ROW] = place->row;
}

PS_INLINE void leaps_pass(const struct ps_vcpu v, struct ps_here *here, int64_t to_ns)
{
    ps_wide_add(&v.engine->totals.load_ns, (uint64_t)(to_ns - here->now_ns) * here->n_jobs);
    here->now_ns = to_ns;
}

/* In a debug build every other leap is made anew, and compared. */
static inline int leap_known(struct ps_leaps *leaps, const struct ps_leap *leap)
{
#ifndef NDEBUG
    if (++leaps->turn % 2u)
        return 0;
#endif
    (void)leaps;
    return leap->next != PS_NO_LEAP;
}

/* Of what a leap injects that has waited, or where responses are counted too. */
PS_INLINE void leap_inject(const struct ps_vcpu v, const struct ps_leap *leap, int64_t now_ns,
                           int64_t ready_ns)
{
    struct ps_engine *engine = v.engine;
    const int64_t since_ns = v.clock[leap->inject];
    const uint32_t row = v.guest->posted[leap->inject];
    ps_row_inject(engine, row, (uint64_t)(now_ns - since_ns));
    if (!ps_plain(v) && engine->costly) {
        const int64_t begins_ns = leap->bits & PS_LEAP_PAID ? ready_ns : now_ns;
        ps_row_respond(engine, row, (uint64_t)(begins_ns - since_ns));
    }
}

/* What a leap does to the figures, beside its tally. */
PS_INLINE void leap_count(const struct ps_vcpu v, struct ps_here *here, const struct ps_leap *leap,
                          int64_t ready_ns)
{
    struct ps_guest *guest = v.guest;
    const int64_t now_ns = here->now_ns;
    const uint64_t ran_ns = (uint64_t)(now_ns - v.clock[PS_CLOCK_ENTERED]);
    v.clock[leap->entered] = now_ns;
    if (PS_RARELY(ran_ns > here->leaps->longest_ns[leap->was]))
        here->leaps->longest_ns[leap->was] = ran_ns;
    guest->idle_since_ns[leap->stops] = now_ns;
    const uint64_t waited_ns = (uint64_t)(ready_ns - guest->idle_since_ns[leap->begins]);
    if (PS_RARELY(waited_ns > here->leaps->starved_ns[leap->begins]))
        here->leaps->starved_ns[leap->begins] = waited_ns;
    here->turns_ns[leap->turn] += now_ns;
}

/* A leap, after so many idle steps. Returns whether all is done: there may be more to do that takes
 * no time. */
PS_INLINE int leap_take(const struct ps_vcpu v, struct ps_here *here, struct ps_leap *leap,
                        uint32_t idle_steps)
{
    const int64_t now_ns = here->now_ns;
    const unsigned injects = ps_plain(v) ? PS_LEAP_INJECTS : PS_LEAP_INJECTS | PS_LEAP_AT_ONCE;
    int64_t ready_ns = now_ns;
    assert(ps_leap_agrees(here->leaps, v.engine->automaton, here->place, leap));
    ps_tally_add(&leap->tally, (uint64_t)now_ns);
    if (PS_RARELY(leap->notify != PS_CLOCK_NOWHERE)) {
        v.clock[leap->notify] = now_ns;
        v.guest->posted[leap->notify] =
            (uint16_t)ps_plane_row(v.engine, leap->notify - (unsigned)PS_CLOCK_POSTED);
    }
    if (!ps_plain(v) && leap->bits & PS_LEAP_PAYS)
        ready_ns = ps_later(now_ns, ps_vcpu_drawn_ns(v, leap->cost_ns));
    if (leap->bits & injects)
        leap_inject(v, leap, now_ns, ready_ns);
    leap_count(v, here, leap, ready_ns);
    here->idle_steps = idle_steps + leap->tries;
    if (!ps_plain(v)) {
        here->ready_ns = ready_ns;
        here->current = leap->current;
        here->status = leap->status;
    }
    here->place = &here->leaps->leaps[leap->next];
    leap_job(v, here, leap->works);
    return here->end_ns != (uint64_t)now_ns &&
           (ps_plain(v) || !(leap->bits & PS_LEAP_PAYS) || ready_ns > now_ns);
}

#endif
