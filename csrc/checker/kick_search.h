/* The search over every interleaving of senders, looker and guests: breadth first, one vCPU, one
 * thread. States are numbered in the order in which they were found, so a path to the first state
 * that breaks a property is a shortest one. */
#ifndef PLANESCHED_CHECKER_KICK_SEARCH_H
#define PLANESCHED_CHECKER_KICK_SEARCH_H

#include "core/kick.h"

#define PS_KICK_NOWHERE UINT32_MAX

/* Where a property is broken first: in `state`, or by `act` done in it. */
struct ps_kick_find {
    uint32_t state;
    int by_act;
    struct ps_kick_act act;
    int for_good; /* lost_*: one more complete send does not help */
};

/* States that were reached and are not looked up yet: so many, that their places in the table are
 * on their way from memory together. */
#define PS_KICK_WAITING 512u

struct ps_kick_waiting {
    struct ps_kicked k;
    uint64_t key[PS_KICK_WORDS];
    uint64_t hash;
    uint32_t parent;
    struct ps_kick_act act;
};

struct ps_kick_search {
    struct ps_kick_system sys;
    unsigned words;       /* 64-bit words of a packed state */
    uint64_t *keys;       /* states, `words` each */
    uint32_t *parents;
    struct ps_kick_act *acts; /* how each was reached */
    uint32_t *slots;      /* the table: numbers of states, PS_KICK_NOWHERE where free */
    uint32_t n, room, expanded;
    uint32_t mask;        /* slots - 1 */
    uint64_t transitions;
    unsigned wanted, broken; /* properties */
    int failed;           /* no memory for more */
    struct ps_kick_find finds[PS_N_KICK_PROPERTIES];
    struct ps_kick_waiting *waiting;
    unsigned n_waiting;
};

/* Begin a search of a system that was filled in; 0 or -1 (no memory, or a state that is too wide).
 * Whatever it answers, the caller closes it. */
int ps_kick_open(struct ps_kick_search *search);
void ps_kick_close(struct ps_kick_search *search);

/* Begin from one more state. Returns 0, or -1 where there is no memory. */
int ps_kick_root(struct ps_kick_search *search, const struct ps_kicked *k);

/* Expand up to `count` states, until `most` are stored or, if `early`, all that is wanted is
 * broken. Returns 1 while there is more to do, else 0. */
int ps_kick_expand(struct ps_kick_search *search, uint32_t count, uint32_t most, int early);

/* A state by its number. */
struct ps_kicked ps_kick_state(const struct ps_kick_search *search, uint32_t number);

/* Copy the 32 bytes of every state at rest, where nothing is posted or half-way and the guest runs
 * or sleeps, into `out`, which has room for `room`; returns how many there are, equal ones too. */
uint32_t ps_kick_at_rest(const struct ps_kick_search *search, struct ps_state *out, uint32_t room);

#endif
