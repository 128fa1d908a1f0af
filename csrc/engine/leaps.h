/* Leaps: what an event leads to until its vCPU has settled, worked out once and looked up since.
 *
 * Where nothing takes time, a vCPU's steps after an event depend on little: on the row of its state
 * in the automaton, on which planes have work, and on the plane that the marker last took it from.
 * These three are a place. A leap leads from a place, by an event, to the next place. It is made by
 * letting the engine's own loop run and noting what it does (leaps.c); nothing is decided here. It
 * counts for itself; that is given to the automaton's pairs, step by step, before these are folded.
 * The table is bounded: what it does not hold is stepped.
 */
#ifndef PLANESCHED_LEAPS_H
#define PLANESCHED_LEAPS_H

#include "core/automaton.h"

#define PS_NO_LEAP UINT32_MAX
#define PS_LEAP_STEPS 5u
/* With more planes there are too many places: with 8, 6 MiB of leaps, which lose. */
#define PS_LEAP_PLANES 6u
/* How much memory an engine's leaps may take: what the nearest caches hold, or they are no gain. */
#define PS_LEAPS_BYTES (UINT64_C(1) << 20)

enum ps_leap_bits {
    PS_LEAP_AT_ONCE = 1,  /* the interrupt that comes is injected at once: it waits for no time, */
    PS_LEAP_INJECTS = 2,  /* or one is injected that may have waited */
    PS_LEAP_PAYS = 4,     /* the last step takes `cost_ns`, */
    PS_LEAP_PAID = 8,     /* and injects */
    PS_LEAP_NEVER = 16    /* cannot be leapt: do not try again to make it */
};

/* Current goes on to be halted or not, begins to be, or ends. */
enum ps_leap_turn { PS_LEAP_GOES_ON, PS_LEAP_HALTS, PS_LEAP_WAKES, PS_N_LEAP_TURNS };

/* Instead of a plane: there is none. What is looked up for it concerns nobody, so that nobody has
 * to ask. */
#define PS_LEAP_NOWHERE PS_LEAP_PLANES

/* 64 bytes: a line of the cache. Planes may be PS_LEAP_NOWHERE, slots of the clock
 * PS_CLOCK_NOWHERE. */
struct ps_leap {
    struct ps_tally tally;
    int64_t cost_ns;         /* as in ps_costs */
    uint32_t next;           /* where the leaps from the next place begin; PS_NO_LEAP: not made */
    uint8_t bits;            /* PS_LEAP_* */
    uint8_t turn;            /* PS_LEAP_GOES_ON, ... */
    uint8_t current, status; /* afterwards */
    uint8_t works;           /* current, if it works on the head of its queue now */
    uint8_t begins;          /* current, if it has work and begins or goes on with it */
    uint8_t queued, stops;   /* planes whose work begins to wait: by the event, by a switch */
    uint8_t was;             /* the plane that runs no longer: an interval of it ends */
    uint8_t entered;         /* the slot of the clock where the time of that goes, */
    uint8_t post, notify;    /* those of what is posted, as in ps_mark, */
    uint8_t inject;          /* and the one that says since when what is injected was pending */
    uint8_t tries;           /* how often a plane with nothing to do gave up */
    uint8_t n_steps, unused;
    uint32_t at[PS_LEAP_STEPS]; /* pairs of the automaton */
};

/* Where a vCPU is. */
struct ps_place {
    uint32_t row;
    uint16_t work;
    uint8_t left, unused;
};

/* What happens at a place: an interrupt for a plane, beginning with plane 0, that also brings it
 * work; the end of the current plane's last job; the end of a switch. */
static inline unsigned ps_leap_ended(unsigned n_planes)
{
    return n_planes;
}

static inline unsigned ps_leap_ready(unsigned n_planes)
{
    return n_planes + 1u;
}

/* Of a row of figures: jobs that arrived by leaps, and interrupts that were injected at once. */
struct ps_leapt {
    uint64_t arrived, at_once;
};

struct ps_leaps {
    unsigned width;           /* leaps from one place */
    uint32_t n_rows;          /* of figures */
    uint32_t n_places, most;  /* known and allowed */
    uint32_t n_slots;         /* a power of two, twice `most` or more */
    struct ps_leap *leaps;    /* [most][width] */
    struct ps_place *places;  /* [most] */
    uint32_t *slots;          /* open addressing: numbers of places, and one, by hash; 0: none */
    void *memory;             /* that of `leaps`, before it was aligned */
    /* What was counted by leaps since figures were folded, beside the tallies. Nobody was longer
     * than what is nobody's. */
    struct ps_leapt *leapt;   /* [n_rows] */
    uint64_t longest_ns[PS_LEAP_PLANES + 1], starved_ns[PS_LEAP_PLANES + 1];
    struct ps_leap made;      /* while one is made: what it does so far, */
    unsigned began;           /* with which status it began, */
    unsigned turn;            /* of debug builds, in which every other leap is made anew */
    int ends;                 /* whether that is all, */
    int fails;                /* and whether a leap cannot say it */
};

/* A table for so many planes and rows of figures, or NULL without memory. `bytes` bounds it. */
struct ps_leaps *ps_leaps_create(unsigned n_planes, uint32_t n_rows, uint64_t bytes);
void ps_leaps_destroy(struct ps_leaps *leaps);
/* Where the leaps from a place begin, made known if need be; PS_NO_LEAP where the table is full. */
uint32_t ps_leaps_from(struct ps_leaps *leaps, struct ps_place place);
/* Add what was counted by leap to the pairs of an automaton; and forget all that was counted. */
void ps_leaps_give(const struct ps_leaps *leaps, struct ps_automaton *automaton);
void ps_leaps_forget(struct ps_leaps *leaps);
/* Begin to note a leap of a vCPU with this status. */
void ps_leap_begin(struct ps_leaps *leaps, unsigned status);
/* Note a step, which begins in `row` with `status`, of a vCPU whose planes `work` have work; the
 * last one of the leap takes `cost_ns`. */
void ps_leap_note(struct ps_leaps *leaps, const struct ps_automaton *automaton, uint32_t row,
                  unsigned event, unsigned plane, unsigned status, uint16_t work, int64_t cost_ns);
/* Note that a plane gives up; that no leap can say what happens. */
static inline void ps_leap_try(struct ps_leaps *leaps)
{
    leaps->made.tries = (uint8_t)(leaps->made.tries + !leaps->ends);
}

static inline void ps_leap_fail(struct ps_leaps *leaps)
{
    leaps->fails |= !leaps->ends;
}

/* Nothing more belongs to it: this is where it led. */
void ps_leap_end(struct ps_leaps *leaps, struct ps_place place, unsigned current, unsigned status,
                 uint16_t able);
/* Keep what was noted as a leap, if it is one, or see that it is the leap that is there. */
void ps_leap_keep(struct ps_leaps *leaps, uint32_t at);
/* In a debug build every leap is checked: its steps are taken by ps_step. */
int ps_leap_agrees(const struct ps_leaps *leaps, const struct ps_automaton *automaton,
                   const struct ps_leap *from, const struct ps_leap *leap);

/* Whether there is no room for another place: leaps are no gain then, and no more are made. */
static inline int ps_leaps_full(const struct ps_leaps *leaps)
{
    return leaps->n_places == leaps->most;
}

/* The place that leaps begin from. */
static inline const struct ps_place *ps_leaps_place(const struct ps_leaps *leaps,
                                                    const struct ps_leap *from)
{
    return &leaps->places[(uint32_t)(from - leaps->leaps) / leaps->width];
}

#endif
