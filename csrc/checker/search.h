/* The state search: every world that can be reached, in breadth-first order.
 *
 * A search goes forward in rounds. A round expands up to PS_PIECES pieces of the frontier (any
 * piece by any thread), then inserts what it found into PS_SHARDS tables (any shard by any
 * thread), then settles. Within a round no two calls touch the same piece or shard, so no state is
 * locked or atomic; and what is inserted, in which order and with which parent, depends on
 * neither the number of threads nor their speed. The caller brings the threads, and each of them
 * calls ps_search_join.
 */
#ifndef PLANESCHED_CHECKER_H
#define PLANESCHED_CHECKER_H

#include "checker/pack.h"

#define PS_SHARDS 64u
#define PS_PIECES 64u
#define PS_PIECE 256u   /* states of a piece at most */
#define PS_BLOCK_STATES 256u   /* states of a block of memory */
#define PS_MAX_ACTS 1024u
#define PS_RECENT 1024u   /* keys that a piece remembers */
#define PS_CACHE_LINE 64u       /* bytes of a cache line */

/* Properties that are seen on one state or one act; then two that need the whole graph. */
enum {
    PS_PRIORITY,
    PS_WAKEUP,
    PS_WORK_CONSERVING,
    PS_NOTHING_LOST,
    PS_FEASIBLE,
    PS_STARTED,
    PS_FORCED,
    PS_SPURIOUS,
    PS_SETTLES,
    PS_SAME_CHOICE, /* lockstep: both policies do the same */
    PS_N_LOCAL,
    PS_DELIVERY = PS_N_LOCAL,
    PS_PROGRESS,
    PS_N_PROPERTIES
};

/* Where a property is broken first: a state, and the act that broke it (PS_MAX_ACTS: none). */
struct ps_find {
    uint32_t id;
    uint16_t act;
};

/* One block of states: their keys, parents, marks and acts, one array after another. */
struct ps_block {
    uint64_t *keys;
    uint32_t *parents; /* PS_NO_ID: a root */
    uint32_t *marks;
    uint16_t *acts; /* what led here, and PS_ACT_IDLES */
};

#define PS_ACT_IDLES 0x8000u /* after some act that switches or enters, no plane executes */

/* One table of packed worlds: open addressing over 32-bit slots. A slot holds 1 + the number of a
 * state, and above it 6 bits of the hash, so that few keys are looked at in vain. */
#define PS_SLOT_INDEX 0x03ffffffu
struct ps_shard {
    struct ps_block *blocks;
    uint32_t *slots;
    uint32_t n, n_slots, n_blocks, room;
    int failed; /* out of memory */
    /* The next shard is filled by another thread: their cache lines stay apart. */
    uint8_t apart[PS_CACHE_LINE];
};

/* What expanding one piece found. */
struct ps_piece {
    uint32_t shard, begin, end;
    uint64_t *keys;
    uint32_t *parents;
    uint16_t *acts;
    uint8_t *shards;
    uint32_t *order;               /* by shard, then as found */
    uint32_t starts[PS_SHARDS + 1]; /* of each shard in `order` */
    uint32_t n, room;
    uint64_t *recent; /* keys that this piece has found already, direct mapped */
    uint64_t transitions, differing, spurious;
    struct ps_find finds[PS_N_LOCAL];
};

/* How far a search is. */
struct ps_seen {
    uint64_t states, transitions, slots;
    uint32_t depth, sweeping;
};

/* What the threads are at. */
enum { PS_EXPAND, PS_INSERT, PS_LIGHT, PS_SWEEP, PS_BEGIN, PS_END };

struct ps_search {
    struct ps_system sys;
    uint32_t mistakes; /* see there */
    const struct ps_act *acts;
    unsigned n_acts;
    unsigned wanted; /* properties to look at, as bits */
    struct ps_shard shards[PS_SHARDS];
    struct ps_piece pieces[PS_PIECES];
    unsigned n_pieces;
    uint32_t (*levels)[PS_SHARDS]; /* where each level begins in each shard, and the last ends */
    unsigned n_levels, level_room;
    uint32_t cursor[PS_SHARDS]; /* states before it are expanded, or in a piece of this round */
    uint64_t changes[PS_SHARDS]; /* marks that the last pass changed */
    uint64_t n_states, transitions;
    uint64_t differing; /* states from which some act leads to a difference */
    uint64_t spurious;  /* acts that entered a plane for nothing, where that is wanted */
    struct ps_find finds[PS_N_LOCAL];
    int failed;
    int phase;
    int swept;          /* delivery and progress are worked out */
    int early;          /* end once everything that is wanted is broken */
    uint64_t most;      /* states to store, or a few more */
    unsigned n_threads;
    struct ps_seen seen; /* as of the last round */
    uint32_t stop;       /* set from outside: take no more */
    /* What all threads write, on lines of its own. */
    uint8_t apart[PS_CACHE_LINE];
    uint32_t taken; /* pieces or shards of this phase that some thread has */
    uint32_t met;   /* threads that are through with this phase */
    uint32_t turn;  /* phases so far */
    uint8_t apart_too[PS_CACHE_LINE];
};

int ps_search_open(struct ps_search *search, const struct ps_act *acts, unsigned n_acts,
                   unsigned wanted);
void ps_search_close(struct ps_search *search);
int ps_search_root(struct ps_search *search, const struct ps_world *world);

/* Say how many threads will join the search, and when it is to end: at `most` states or a few more,
 * or `early`. Then each of them calls ps_search_join once, which returns at the end. */
void ps_search_crew(struct ps_search *search, unsigned n_threads, uint64_t most, int early);
void ps_search_join(struct ps_search *search);
/* These two may be called meanwhile. What is stopped has at least finished its round. */
void ps_search_stop(struct ps_search *search);
struct ps_seen ps_search_look(const struct ps_search *search);

/* Cut the next pieces; `most` states in all. Returns how many pieces, none at the end. */
unsigned ps_search_plan(struct ps_search *search, uint64_t most);
void ps_search_expand(struct ps_search *search, unsigned piece);
void ps_search_insert(struct ps_search *search, unsigned shard);
void ps_search_end_round(struct ps_search *search);

/* Whether every state was expanded. */
int ps_search_exhausted(const struct ps_search *search);
/* How many acts the deepest state needs. */
unsigned ps_search_deepest(const struct ps_search *search);
/* How many acts lead from a root to this state at least. */
unsigned ps_search_depth(const struct ps_search *search, uint32_t id);

/* Bytes that are allocated for the states (not for the pieces). */
uint64_t ps_search_bytes(const struct ps_search *search);

/* One pass over the states of a shard for `delivery` and `progress`; `changes` of the shard is how
 * many marks changed. The first pass over all shards comes alone; then pass after pass follows
 * until no shard changes any. Safe beside itself on other shards. */
void ps_search_sweep(struct ps_search *search, unsigned shard, int first);

/* The first state in breadth-first order that breaks delivery or progress; PS_NO_ID if none. */
uint32_t ps_search_first(const struct ps_search *search, unsigned property);
/* What breaks a property (not PS_SAME_CHOICE), in breadth-first order: one for each distinct last
 * act and plane. Returns how many there are; the first `room` stand in `finds`. */
uint32_t ps_search_all(const struct ps_search *search, unsigned property, struct ps_find *finds,
                       uint32_t room);
/* Whether no guest and no userspace can change anything from this state. */
int ps_search_stuck(const struct ps_search *search, uint32_t id);
/* The first act that switches from a state of a livelock to another of it; PS_MAX_ACTS if none. */
struct ps_find ps_search_idle(const struct ps_search *search, uint32_t id);
/* What has not been injected, and cannot be, in this state: bit (vCPU * planes + plane), then a
 * bit a vCPU that waits for a lock. */
uint32_t ps_search_missing(const struct ps_search *search, uint32_t id);

void ps_search_world(const struct ps_search *search, uint32_t id, struct ps_world *world);
/* The state from which this one was found, PS_NO_ID for a root, and the act that led here. */
uint32_t ps_search_parent(const struct ps_search *search, uint32_t id, unsigned *act);

/* ---- Shared by the files of the checker ---- */

#define PS_ALIVE 0x80000000u   /* mark: an endless run of switches without execution begins here */
#define PS_DONE 0x40000000u    /* mark: all that is pending can be delivered */

static inline uint64_t ps_hash(const uint64_t *key, unsigned words)
{
    uint64_t h = key[0];
    for (unsigned i = 1; i < words; i++)
        h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ull + key[i];
    h ^= h >> 31;
    h *= 0x9e3779b97f4a7c15ull;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ h >> 29;
}

static inline unsigned ps_shard_of(uint64_t hash)
{
    return (unsigned)(hash >> 58); /* 64 shards */
}

static inline uint32_t ps_tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 26) & ~PS_SLOT_INDEX;
}

static inline uint32_t ps_id(unsigned shard, uint32_t index)
{
    return index * PS_SHARDS + shard;
}

static inline const struct ps_block *ps_block_of(const struct ps_search *search, uint32_t id)
{
    return &search->shards[id % PS_SHARDS].blocks[id / PS_SHARDS / PS_BLOCK_STATES];
}

static inline uint32_t ps_place(uint32_t id)
{
    return id / PS_SHARDS % PS_BLOCK_STATES;
}

static inline const uint64_t *ps_key_of(const struct ps_search *search, uint32_t id)
{
    return ps_block_of(search, id)->keys + (size_t)ps_place(id) * search->sys.words;
}

static inline int ps_same_key(const uint64_t *a, const uint64_t *b, unsigned words)
{
    uint64_t differs = 0;
    for (unsigned i = 0; i < words; i++)
        differs |= a[i] ^ b[i];
    return !differs;
}

/* 1: new; 0: known; -1: out of memory. */
int ps_shard_add(struct ps_search *search, unsigned shard, const uint64_t *key, uint64_t hash,
                 uint32_t parent, uint16_t act);
/* The id of a packed world, or PS_NO_ID. */
uint32_t ps_search_find(const struct ps_search *search, const uint64_t *key);

/* Properties of one state and of one act, as bits (properties.c). */
unsigned ps_breaks_state(const struct ps_system *sys, const struct ps_world *world);
/* The one of these that steps on: PS_SETTLES. */
unsigned ps_breaks_settling(const struct ps_system *sys, const struct ps_world *world);
unsigned ps_breaks_act(const struct ps_system *sys, const struct ps_world *before,
                       const struct ps_world *after, const struct ps_act *act, unsigned stepped,
                       struct ps_outcome out);
/* Whether a guest or userspace switched, entered or bounced the vCPU, and no plane executes. */
int ps_is_idle(const struct ps_act *act, struct ps_outcome out);
/* What is pending and should be delivered, as in ps_search_missing. */
uint32_t ps_undelivered(const struct ps_system *sys, const struct ps_world *world);
/* Which of that this act has delivered. */
uint32_t ps_delivered(const struct ps_system *sys, const struct ps_world *before,
                      const struct ps_world *after, unsigned stepped, struct ps_outcome out);

#endif
