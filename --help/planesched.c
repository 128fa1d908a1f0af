/* planesched in one C file: written by csrc/amalgamate.py. SPDX-License-Identifier: MIT */
#include "planesched.h"

/* ---- csrc/checker/backwards.c ---- */
/* Delivery and progress: what can be reached from each state, worked out backwards.
 *
 * No edges are stored. A pass makes the successors of a state again and takes over what they
 * know, until nothing changes. Marks only ever gain (delivery) or lose (progress) bits and the
 * fixed point is unique, so passes may run beside each other and read marks half done.
 */
/* ---- csrc/checker/atomics.h ---- */
/* Atomic access to words, for GCC and Clang: relaxed, but for the names that say more. */
#ifndef PLANESCHED_ATOMICS_H
#define PLANESCHED_ATOMICS_H

#include <stdint.h>

static inline uint32_t ps_load(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void ps_store(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint64_t ps_load_64(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void ps_store_64(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint32_t ps_load_acquire(uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void ps_store_release(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Acquires and releases. Returns what was there before. */
static inline uint32_t ps_fetch_add(uint32_t *word)
{
    return __atomic_fetch_add(word, 1u, __ATOMIC_ACQ_REL);
}

#endif

/* ---- csrc/checker/search.h ---- */
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

/* ---- csrc/checker/world.h ---- */
/* What the checker searches: some vCPUs together, what may happen to them, and their packed form.
 *
 * Every change of a vCPU is a call of ps_step. Around it stands what lies between vCPUs: an
 * interrupt that a plane sends to the same plane of another vCPU, and the TLB lock, which a plane
 * holds against the planes below it on the other vCPUs (Hyper-V TLFS, VsmVpSecureConfig).
 */
#ifndef PLANESCHED_WORLD_H
#define PLANESCHED_WORLD_H


#define PS_WORLD_VCPUS 5u /* vCPUs in one world at most */
#define PS_KEY_WORDS 5u   /* 64-bit words of a packed world at most */
#define PS_N_MASKS 15u
#define PS_NO_ID UINT32_MAX

/* What may happen, beside the events of the rules. */
enum {
    PS_ACT_ANSWER = PS_N_EVENTS, /* userspace enters what the default scheduler picks (3.5) */
    PS_ACT_IPI,                  /* a plane sends an interrupt to itself on vCPU `target` */
    PS_ACT_LOCK,                 /* a plane takes its TLB lock */
    PS_ACT_UNLOCK,
    PS_ACT_FLUSH, /* a plane flushes TLBs: it waits for the locks that are held against it */
    PS_N_ACTS
};

/* When an act can happen, and who does it. */
#define PS_WHEN_RUNS 1u  /* the vCPU is neither blocked nor in userspace, and waits for no lock */
#define PS_WHEN_USER 2u  /* the vCPU is in userspace */
#define PS_WHEN_OPEN 4u  /* the current plane has its interrupts enabled and unmasked */
#define PS_OF_SELF 8u    /* the plane is the current one */
#define PS_INSIDE 16u    /* a guest or userspace does it, not the world outside or the host */

struct ps_act {
    uint8_t kind, vcpu, plane, target, how;
};

struct ps_world {
    struct ps_state vcpus[PS_WORLD_VCPUS];
    uint16_t locks[PS_WORLD_VCPUS]; /* planes that hold their TLB lock */
    uint16_t waits[PS_WORLD_VCPUS]; /* planes that wait for one */
};

struct ps_system {
    struct ps_policy policies[2];
    unsigned n_vcpus, n_planes;
    int lockstep; /* two vCPUs, one a policy, and every act happens to both */
    int locks;    /* TLB locks are part of the state */
    unsigned words, vcpu_words;           /* 64-bit words of a packed world, and of one vCPU */
    uint8_t word[PS_N_MASKS + 3], shift[PS_N_MASKS + 3]; /* where each mask is packed */
    uint16_t planes;                      /* the planes that exist, as a mask */
};

/* Work out the packed form. Returns 0, or -1 where it is wider than PS_KEY_WORDS. */
static inline int ps_system_layout(struct ps_system *sys)
{
    const unsigned n_masks = PS_N_MASKS + (sys->locks ? 2u : 0u);
    unsigned word = 0, shift = 0;
    for (unsigned i = 0; i <= n_masks; i++) {
        /* Current, as few bits as do, and status. */
        const unsigned width = i < n_masks ? sys->n_planes : sys->n_planes > 4u ? 6u : 4u;
        if (shift + width > 64u) {
            word++;
            shift = 0;
        }
        const unsigned place = i < n_masks ? i : PS_N_MASKS + 2u;
        sys->word[place] = (uint8_t)word;
        sys->shift[place] = (uint8_t)shift;
        shift += width;
    }
    sys->vcpu_words = word + 1u;
    sys->words = sys->vcpu_words * sys->n_vcpus;
    sys->planes = (uint16_t)((1ul << sys->n_planes) - 1u);
    return sys->n_vcpus <= PS_WORLD_VCPUS && sys->words <= PS_KEY_WORDS ? 0 : -1;
}

/* The masks of a vCPU in one word, `n` bits each. Field by field: ps_step has just written some of
 * them, and a wider load would wait until those stores have left the store buffer. */
static inline uint64_t ps_pack_masks(const struct ps_state *s, unsigned n)
{
    const uint64_t a = s->online | (uint64_t)s->runnable << n | (uint64_t)s->halted << 2u * n |
                       (uint64_t)s->irq << 3u * n | (uint64_t)s->masked << 4u * n;
    const uint64_t b = s->noint | (uint64_t)s->nmi << n | (uint64_t)s->trap << 2u * n |
                       (uint64_t)s->held << 3u * n | (uint64_t)s->edge << 4u * n;
    const uint64_t c = s->locked | (uint64_t)s->vina << n | (uint64_t)s->vina_asserted << 2u * n |
                       (uint64_t)s->req_exit << 3u * n | (uint64_t)s->unstarted << 4u * n;
    return a | b << 5u * n | c << 10u * n;
}

static inline void ps_pack_vcpu(const struct ps_system *sys, const struct ps_world *world,
                                unsigned vcpu, uint64_t *key)
{
    const struct ps_state *s = &world->vcpus[vcpu];
    const unsigned tail = PS_N_MASKS + 2u;
    const uint64_t last = (uint64_t)s->status | (uint64_t)(unsigned)s->current << 2;
    key += vcpu * sys->vcpu_words;
    if (sys->vcpu_words == 1) {
        key[0] = ps_pack_masks(s, sys->n_planes) | last << sys->shift[tail];
    } else {
        uint16_t masks[PS_N_MASKS];
        memcpy(masks, s, sizeof masks);
        for (unsigned i = 0; i < sys->vcpu_words; i++)
            key[i] = 0;
        for (unsigned i = 0; i < PS_N_MASKS; i++)
            key[sys->word[i]] |= (uint64_t)masks[i] << sys->shift[i];
        key[sys->word[tail]] |= last << sys->shift[tail];
    }
    if (sys->locks) {
        key[sys->word[PS_N_MASKS]] |= (uint64_t)world->locks[vcpu] << sys->shift[PS_N_MASKS];
        key[sys->word[PS_N_MASKS + 1u]] |= (uint64_t)world->waits[vcpu]
                                           << sys->shift[PS_N_MASKS + 1u];
    }
}

static inline void ps_pack(const struct ps_system *sys, const struct ps_world *world,
                           uint64_t *key)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        ps_pack_vcpu(sys, world, vcpu, key);
}

static inline void ps_unpack_masks(uint64_t packed, unsigned n, uint64_t all, struct ps_state *s)
{
    s->online = (uint16_t)(packed & all);
    s->runnable = (uint16_t)(packed >> n & all);
    s->halted = (uint16_t)(packed >> 2u * n & all);
    s->irq = (uint16_t)(packed >> 3u * n & all);
    s->masked = (uint16_t)(packed >> 4u * n & all);
    packed >>= 5u * n;
    s->noint = (uint16_t)(packed & all);
    s->nmi = (uint16_t)(packed >> n & all);
    s->trap = (uint16_t)(packed >> 2u * n & all);
    s->held = (uint16_t)(packed >> 3u * n & all);
    s->edge = (uint16_t)(packed >> 4u * n & all);
    packed >>= 5u * n;
    s->locked = (uint16_t)(packed & all);
    s->vina = (uint16_t)(packed >> n & all);
    s->vina_asserted = (uint16_t)(packed >> 2u * n & all);
    s->req_exit = (uint16_t)(packed >> 3u * n & all);
    s->unstarted = (uint16_t)(packed >> 4u * n & all);
}

static inline void ps_unpack_vcpu(const struct ps_system *sys, const uint64_t *key,
                                  struct ps_world *world, unsigned vcpu)
{
    const unsigned tail = PS_N_MASKS + 2u, i = PS_N_MASKS;
    struct ps_state *s = &world->vcpus[vcpu];
    key += vcpu * sys->vcpu_words;
    if (sys->vcpu_words == 1) {
        ps_unpack_masks(key[0], sys->n_planes, sys->planes, s);
    } else {
        uint16_t masks[PS_N_MASKS];
        for (unsigned m = 0; m < PS_N_MASKS; m++)
            masks[m] = (uint16_t)(key[sys->word[m]] >> sys->shift[m] & sys->planes);
        memcpy(s, masks, sizeof masks);
    }
    const unsigned last = (unsigned)(key[sys->word[tail]] >> sys->shift[tail] & 63u);
    s->current = (int8_t)(last >> 2 & (sys->n_planes > 4u ? 15u : 3u));
    s->status = (uint8_t)(last & 3u);
    world->locks[vcpu] = world->waits[vcpu] = 0;
    if (sys->locks) {
        world->locks[vcpu] = (uint16_t)(key[sys->word[i]] >> sys->shift[i] & sys->planes);
        world->waits[vcpu] = (uint16_t)(key[sys->word[i + 1u]] >> sys->shift[i + 1u] & sys->planes);
    }
}

/* The vCPUs beyond n_vcpus are left as they are. */
static inline void ps_unpack(const struct ps_system *sys, const uint64_t *key,
                             struct ps_world *world)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        ps_unpack_vcpu(sys, key, world, vcpu);
}

/* A key is one to five words: too short for a call of memcpy. */
static inline void ps_copy_key(uint64_t *to, const uint64_t *from, unsigned words)
{
    to[0] = from[0];
    for (unsigned i = 1; i < words; i++)
        to[i] = from[i];
}

static inline const struct ps_policy *ps_policy_of(const struct ps_system *sys, unsigned vcpu)
{
    return &sys->policies[sys->lockstep ? vcpu : 0u];
}

/* Whether a plane of another vCPU holds its TLB lock against this plane. */
static inline int ps_locked_out(const struct ps_system *sys, const struct ps_world *world,
                                unsigned vcpu, unsigned plane)
{
    uint16_t held = 0;
    for (unsigned other = 0; other < sys->n_vcpus; other++)
        if (other != vcpu)
            held = (uint16_t)(held | world->locks[other]);
    return (held & ps_above(ps_policy_of(sys, vcpu), world->vcpus[vcpu].locked, plane)) != 0;
}

/* Whether the current plane of the vCPU executes: the vCPU is neither blocked nor in userspace,
 * and the plane waits for no lock. */
static inline int ps_executes(const struct ps_world *world, unsigned vcpu)
{
    const struct ps_state *s = &world->vcpus[vcpu];
    return !s->status && !ps_has(world->waits[vcpu], (unsigned)s->current);
}

static inline int ps_can_happen(const struct ps_world *world, const struct ps_act *act)
{
    const struct ps_state *s = &world->vcpus[act->vcpu];
    const unsigned how = act->how;
    if (how & PS_WHEN_RUNS && !ps_executes(world, act->vcpu))
        return 0;
    if (how & PS_WHEN_USER && !(s->status & PS_STATUS_USER))
        return 0;
    if (how & PS_WHEN_OPEN && ps_has((uint16_t)(s->masked | s->noint), (unsigned)s->current))
        return 0;
    return 1;
}

/* As ps_world_act, for an act that can happen, and may be more than one ps_step on its vCPU. */
unsigned ps_world_act_rare(const struct ps_system *sys, struct ps_world *world,
                           const struct ps_act *act, unsigned plane, struct ps_outcome *out,
                           unsigned *stepped);

/* One act on the world. `out` is the outcome of its ps_step, on vCPU `*stepped`; where none was
 * made, it says that nothing switched. Returns the vCPUs that may have changed, as bits; none
 * where the act cannot happen. */
static inline unsigned ps_world_act(const struct ps_system *sys, struct ps_world *world,
                                    const struct ps_act *act, struct ps_outcome *out,
                                    unsigned *stepped)
{
    struct ps_state *s = &world->vcpus[act->vcpu];
    if (!ps_can_happen(world, act))
        return 0;
    const unsigned plane = act->how & PS_OF_SELF ? (unsigned)s->current : act->plane;
    if (act->kind >= PS_N_EVENTS || sys->locks)
        return ps_world_act_rare(sys, world, act, plane, out, stepped);
    *stepped = act->vcpu;
    *out = ps_step(ps_policy_of(sys, act->vcpu), s, act->kind, plane);
    return 1u << act->vcpu;
}

#endif


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
    uint64_t transitions, differing;
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


static int is_expanded(const struct ps_search *search, uint32_t id)
{
    return id / PS_SHARDS < search->cursor[id % PS_SHARDS];
}

/* Where an act leads from a world: its id, and what it delivered. */
struct successor {
    uint32_t id, delivered;
    int idle;
};

static struct successor follow_act(const struct ps_search *search, const struct ps_world *world,
                                   const struct ps_act *act)
{
    struct successor edge = {PS_NO_ID, 0, 0};
    struct ps_world next = *world;
    struct ps_outcome out;
    uint64_t key[PS_KEY_WORDS];
    unsigned stepped;
    if (!(act->how & PS_INSIDE) ||
        !ps_world_act(&search->sys, &next, act, &out, &stepped))
        return edge;
    ps_pack(&search->sys, &next, key);
    edge.id = ps_search_find(search, key);
    edge.delivered = ps_delivered(&search->sys, world, &next, stepped, out);
    edge.idle = ps_is_idle(act, out);
    return edge;
}

/* What the successors of a state know. A state that was not expanded may still deliver all. */
static uint32_t known_from_here(const struct ps_search *search, const struct ps_world *world,
                                uint32_t mark, uint32_t pending)
{
    uint32_t alive = 0;
    for (unsigned i = 0; i < search->n_acts; i++) {
        if (!(pending & ~mark) && (alive || !(mark & PS_ALIVE)))
            break;
        const struct successor edge = follow_act(search, world, &search->acts[i]);
        if (edge.id == PS_NO_ID)
            continue;
        const int expanded = is_expanded(search, edge.id);
        const uint32_t next =
            ps_load(&ps_block_of(search, edge.id)->marks[ps_place(edge.id)]);
        mark |= edge.delivered | (expanded ? next & pending : pending);
        if (edge.idle && expanded && next & PS_ALIVE)
            alive = PS_ALIVE;
    }
    return (mark & ~PS_ALIVE) | (mark & alive);
}

void ps_search_sweep(struct ps_search *search, unsigned number, int first)
{
    const int delivery = (search->wanted >> PS_DELIVERY & 1u) != 0;
    uint64_t changes = 0;
    for (uint32_t index = search->cursor[number]; index-- > 0;) {
        const uint32_t id = ps_id(number, index);
        const struct ps_block *block = ps_block_of(search, id);
        uint32_t *place = &block->marks[ps_place(id)];
        uint32_t mark = ps_load(place);
        if (first && block->acts[ps_place(id)] & PS_ACT_IDLES &&
            search->wanted >> PS_PROGRESS & 1u) {
            mark |= PS_ALIVE;
            changes++;
        }
        if (!delivery)
            mark |= PS_DONE;
        if (mark & PS_DONE && !(mark & PS_ALIVE)) {
            ps_store(place, mark);
            continue;
        }
        struct ps_world world;
        ps_search_world(search, id, &world);
        const uint32_t pending = mark & PS_DONE ? 0 : ps_undelivered(&search->sys, &world);
        /* The first pass only lights the states where an endless run may begin. */
        uint32_t known = first ? mark : known_from_here(search, &world, mark, pending);
        if (!(pending & ~known))
            known |= PS_DONE;
        else
            changes += (uint64_t)first;
        changes += known != mark;
        ps_store(place, known);
    }
    search->changes[number] = changes;
}

uint32_t ps_search_missing(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    const uint32_t mark = ps_block_of(search, id)->marks[ps_place(id)];
    ps_search_world(search, id, &world);
    return mark & PS_DONE ? 0 : ps_undelivered(&search->sys, &world) & ~mark;
}

uint32_t ps_search_first(const struct ps_search *search, unsigned property)
{
    for (unsigned level = 0; level < search->n_levels; level++)
        for (unsigned number = 0; number < PS_SHARDS; number++) {
            const int last = level + 1u == search->n_levels;
            const uint32_t cursor = search->cursor[number];
            uint32_t end = last ? cursor : search->levels[level + 1u][number];
            end = end < cursor ? end : cursor;
            for (uint32_t i = search->levels[level][number]; i < end; i++) {
                const uint32_t id = ps_id(number, i);
                const uint32_t mark = ps_block_of(search, id)->marks[ps_place(id)];
                const int broken = property == PS_PROGRESS ? (mark & PS_ALIVE) != 0
                                                           : !(mark & PS_DONE);
                if (broken)
                    return id;
            }
        }
    return PS_NO_ID;
}

int ps_search_stuck(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    ps_search_world(search, id, &world);
    for (unsigned i = 0; i < search->n_acts; i++) {
        const struct successor edge = follow_act(search, &world, &search->acts[i]);
        if (edge.id != PS_NO_ID && edge.id != id)
            return 0;
    }
    return 1;
}

struct ps_find ps_search_idle(const struct ps_search *search, uint32_t id)
{
    struct ps_world world;
    struct ps_find find = {PS_NO_ID, PS_MAX_ACTS};
    ps_search_world(search, id, &world);
    for (unsigned i = 0; i < search->n_acts; i++) {
        const struct successor edge = follow_act(search, &world, &search->acts[i]);
        if (!edge.idle || edge.id == PS_NO_ID || !is_expanded(search, edge.id))
            continue;
        if (ps_block_of(search, edge.id)->marks[ps_place(edge.id)] & PS_ALIVE) {
            find.id = edge.id;
            find.act = (uint16_t)i;
            return find;
        }
    }
    return find;
}

/* ---- csrc/checker/expand.c ---- */
/* The first half of a round: what every act leads to from the states of a piece. */

static void note_broken(const struct ps_search *search, struct ps_piece *piece, unsigned broken,
                        uint32_t id, unsigned act)
{
    broken &= search->wanted;
    for (unsigned i = 0; broken; i++, broken >>= 1)
        if (broken & 1u && piece->finds[i].id == PS_NO_ID) {
            piece->finds[i].id = id;
            piece->finds[i].act = (uint16_t)act;
        }
}

/* Keep a packed world, unless this piece has it already. */
static void keep_found(const struct ps_search *search, struct ps_piece *piece, const uint64_t *key,
                       uint32_t parent, unsigned act)
{
    const unsigned words = search->sys.words;
    const uint64_t hash = ps_hash(key, words);
    uint64_t *recent = piece->recent + (size_t)(hash >> 32 & (PS_RECENT - 1u)) * words;
    if (ps_same_key(recent, key, words))
        return;
    ps_copy_key(recent, key, words);
    ps_copy_key(piece->keys + (size_t)piece->n * words, key, words);
    piece->parents[piece->n] = parent;
    piece->acts[piece->n] = (uint16_t)act;
    piece->shards[piece->n] = (uint8_t)ps_shard_of(hash);
    piece->n++;
}

/* Both policies do one act. Returns whether they did the same. */
static int act_on_both(const struct ps_system *sys, struct ps_world *next,
                       const struct ps_act *act, unsigned *touched)
{
    struct ps_outcome out[2];
    struct ps_act twin = *act;
    unsigned stepped;
    memset(out, 0, sizeof out);
    twin.vcpu = 1;
    const unsigned first = ps_world_act(sys, next, act, &out[0], &stepped);
    const unsigned second = ps_world_act(sys, next, &twin, &out[1], &stepped);
    *touched = first | second;
    return !first == !second && !memcmp(&out[0], &out[1], sizeof out[0]);
}

static void expand_lockstep(const struct ps_search *search, struct ps_piece *piece, uint32_t id,
                            const struct ps_world *world, const uint64_t *from)
{
    uint64_t key[PS_KEY_WORDS];
    int differs = 0;
    for (unsigned i = 0; i < search->n_acts; i++) {
        struct ps_world next = *world;
        unsigned touched;
        const int same = act_on_both(&search->sys, &next, &search->acts[i], &touched);
        piece->transitions += touched != 0;
        if (!same) {
            note_broken(search, piece, 1u << PS_SAME_CHOICE, id, i);
            differs = 1;
        } else if (touched) {
            ps_pack(&search->sys, &next, key);
            if (!ps_same_key(key, from, search->sys.words))
                keep_found(search, piece, key, id, i);
        }
    }
    piece->differing += (unsigned)differs;
}

/* One state while its piece is expanded. */
struct origin {
    struct ps_world world;
    uint32_t delivered;
    unsigned idles;
};

static void load_origin(const struct ps_search *search, struct ps_piece *piece, uint32_t id,
                        struct origin *origin)
{
    const uint64_t *key = ps_key_of(search, id);
    ps_unpack(&search->sys, key, &origin->world);
    origin->delivered = 0;
    origin->idles = 0;
    note_broken(search, piece, ps_breaks_state(&search->sys, &origin->world), id, PS_MAX_ACTS);
    if (search->sys.lockstep)
        expand_lockstep(search, piece, id, &origin->world, key);
}

static inline void copy_world(struct ps_world *to, const struct ps_world *from, unsigned n)
{
    for (unsigned vcpu = 0; vcpu < n; vcpu++) {
        to->vcpus[vcpu] = from->vcpus[vcpu];
        to->locks[vcpu] = from->locks[vcpu];
        to->waits[vcpu] = from->waits[vcpu];
    }
}

/* One act from one state; `next` is a copy of the state's world. */
static inline void expand_act(const struct ps_search *search, struct ps_piece *piece,
                              uint32_t id, unsigned number, struct origin *origin,
                              struct ps_world *next)
{
    const struct ps_system *sys = &search->sys;
    const struct ps_act *act = &search->acts[number];
    const struct ps_world *world = &origin->world;
    struct ps_outcome out;
    unsigned stepped;
    unsigned touched = ps_world_act(sys, next, act, &out, &stepped);
    if (!touched)
        return;
    piece->transitions++;
    if (out.fault && act->kind < PS_N_EVENTS)
        return; /* what is refused changes nothing (rules, 4) */
    if (search->wanted & (1u << PS_NOTHING_LOST | 1u << PS_FEASIBLE)) {
        const unsigned broken = ps_breaks_act(sys, world, next, act, stepped, out);
        if (broken)
            note_broken(search, piece, broken, id, number);
    }
    if (act->how & PS_INSIDE && search->wanted >> PS_N_LOCAL) {
        origin->delivered |= ps_delivered(sys, world, next, stepped, out);
        origin->idles |= (unsigned)ps_is_idle(act, out);
    }
    const uint64_t *from = ps_key_of(search, id);
    uint64_t key[PS_KEY_WORDS];
    ps_copy_key(key, from, sys->words);
    for (unsigned vcpu = 0; touched; vcpu++, touched >>= 1)
        if (touched & 1u)
            ps_pack_vcpu(sys, next, vcpu, key);
    if (!ps_same_key(key, from, sys->words))
        keep_found(search, piece, key, id, number);
}

/* Act by act, not state by state: what the processor has learned of an event stays true. */
static void expand_piece(const struct ps_search *search, struct ps_piece *piece)
{
    struct origin origins[PS_PIECE];
    struct ps_world next;
    const uint32_t n = piece->end - piece->begin;
    memset(&next, 0, sizeof next);
    const unsigned n_vcpus = search->sys.n_vcpus;
    for (uint32_t i = 0; i < n; i++)
        load_origin(search, piece, ps_id(piece->shard, piece->begin + i), &origins[i]);
    for (unsigned act = 0; act < search->n_acts && !search->sys.lockstep; act++)
        for (uint32_t i = 0; i < n; i++) {
            if (n_vcpus == 1) /* one vCPU has no locks */
                next.vcpus[0] = origins[i].world.vcpus[0];
            else
                copy_world(&next, &origins[i].world, n_vcpus);
            expand_act(search, piece, ps_id(piece->shard, piece->begin + i), act, &origins[i],
                       &next);
        }
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t id = ps_id(piece->shard, piece->begin + i);
        const struct ps_block *block = ps_block_of(search, id);
        /* Other marks in this block belong to other pieces; this one's only to this call. */
        block->marks[ps_place(id)] = origins[i].delivered;
        if (origins[i].idles)
            block->acts[ps_place(id)] |= PS_ACT_IDLES;
    }
}

/* Sort what was found by shard, keeping its order. */
static void sort_piece(struct ps_piece *piece)
{
    memset(piece->starts, 0, sizeof piece->starts);
    for (uint32_t i = 0; i < piece->n; i++)
        piece->starts[piece->shards[i] + 1u]++;
    uint32_t places[PS_SHARDS];
    for (unsigned i = 0; i < PS_SHARDS; i++) {
        piece->starts[i + 1u] += piece->starts[i];
        places[i] = piece->starts[i];
    }
    for (uint32_t i = 0; i < piece->n; i++)
        piece->order[places[piece->shards[i]]++] = i;
}

void ps_search_expand(struct ps_search *search, unsigned number)
{
    struct ps_piece *piece = &search->pieces[number];
    piece->n = 0;
    piece->transitions = piece->differing = 0;
    for (unsigned i = 0; i < PS_N_LOCAL; i++)
        piece->finds[i].id = PS_NO_ID;
    memset(piece->recent, 0, PS_RECENT * search->sys.words * sizeof *piece->recent);
    expand_piece(search, piece);
    sort_piece(piece);
}

/* ---- csrc/checker/layouts.c ---- */
/* The structs of the checker that Python reads too. */
/* ---- csrc/core/layouts.h ---- */
/* What Python's dtypes and enums are held against when a compiled module is imported: the layout of
 * each struct that both read, and the numbers of each enum that both name. A field or a number that
 * is missing here or there fails the import. */
#ifndef PLANESCHED_LAYOUTS_H
#define PLANESCHED_LAYOUTS_H

#include <stddef.h>

struct ps_layout_field {
    const char *name;
    size_t offset, size;
};

struct ps_layout {
    const char *name; /* NULL ends a list */
    size_t size;
    const struct ps_layout_field *fields; /* in order; a name that is NULL ends them */
};

/* One number of an enum. */
struct ps_number {
    const char *of, *name; /* `of` NULL ends a list */
    int value;
};

#define PS_LAYOUT(type, fields) {#type, sizeof(struct type), fields}
#define PS_LAYOUT_FIELD(type, name) {#name, offsetof(struct type, name), \
                                     sizeof(((const struct type *)0)->name)}

/* Lists that their names end: of the core, of the engine, of the checker. */
extern const struct ps_layout ps_core_layouts[], ps_engine_layouts[], ps_checker_layouts[];
extern const struct ps_number ps_core_numbers[], ps_engine_numbers[];

#endif


#define F(name) PS_LAYOUT_FIELD(ps_act, name)
static const struct ps_layout_field act_fields[] = {
    F(kind), F(vcpu), F(plane), F(target), F(how), {0}
};
#undef F

const struct ps_layout ps_checker_layouts[] = {PS_LAYOUT(ps_act, act_fields), {0}};

/* ---- csrc/checker/properties.c ---- */
/* The properties of docs/checker.md that are seen on one state, or on one act. */

#define PS_BROKEN(property) (1u << PS_##property)

static unsigned breaks_on_vcpu(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned current = (unsigned)s->current;
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    const uint16_t above = ps_above(policy, s->locked, current);
    unsigned broken = 0;
    if (!s->status && able & above & ps_deliverable(policy, s))
        broken |= PS_BROKEN(PRIORITY);
    if (s->status & PS_STATUS_BLOCKED) {
        if (able & (s->runnable | above) & ps_wakes(policy, s))
            broken |= PS_BROKEN(WAKEUP);
        if (able & s->runnable & ~s->halted & ~s->unstarted)
            broken |= PS_BROKEN(WORK_CONSERVING);
    }
    return broken;
}

unsigned ps_breaks_state(const struct ps_system *sys, const struct ps_world *world)
{
    unsigned broken = 0;
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        broken |= breaks_on_vcpu(ps_policy_of(sys, vcpu), &world->vcpus[vcpu]);
    return broken;
}

/* Pending bits that went although nobody took them. */
static int loses_pending(const struct ps_state *before, const struct ps_state *after,
                         const struct ps_act *act, struct ps_outcome out)
{
    const uint16_t now = ps_bit((unsigned)out.now);
    uint16_t kept = 0xffff;
    if ((act->kind == PS_EVENT_DISABLE || act->kind == PS_EVENT_INIT) && !out.fault)
        kept = (uint16_t)~ps_bit(act->plane);
    const uint16_t fresh = act->how & PS_OF_SELF || out.fault ? (uint16_t)0 : ps_bit(act->plane);
    const uint16_t irq_set = act->kind == PS_EVENT_IRQ ? fresh : (uint16_t)0;
    const uint16_t nmi_set = act->kind == PS_EVENT_NMI ? fresh : (uint16_t)0;
    const uint16_t trap_set = act->kind == PS_EVENT_INTERCEPT ? fresh : (uint16_t)0;
    const uint16_t irq = (uint16_t)((before->irq | irq_set) & ~after->irq & kept);
    const uint16_t nmi = (uint16_t)((before->nmi | nmi_set) & ~after->nmi & kept);
    const uint16_t trap = (uint16_t)((before->trap | trap_set) & ~after->trap & kept);
    return (irq & ~(out.flags & PS_FLAG_INJECTED ? now : 0)) ||
           (nmi & ~(out.flags & PS_FLAG_NMI ? now : 0)) ||
           (trap & ~(out.flags & PS_FLAG_USER ? 0 : now));
}

/* A switch that only the host wanted, to a plane that the policy does not let it choose. */
static int is_infeasible(const struct ps_policy *policy, const struct ps_state *before,
                         struct ps_outcome out)
{
    const uint16_t now = ps_bit((unsigned)out.now);
    if (!(out.flags & PS_FLAG_SWITCHED))
        return 0;
    if (out.reason == PS_REASON_FORCE)
        return policy->force == PS_FORCE_NONE ||
               (policy->force == PS_FORCE_MARKER && now != policy->marker_bit);
    if (out.reason != PS_REASON_USER || before->runnable & now)
        return 0;
    return policy->force == PS_FORCE_NONE ||
           (policy->force == PS_FORCE_MARKER && now != policy->marker_bit);
}

unsigned ps_breaks_act(const struct ps_system *sys, const struct ps_world *before,
                       const struct ps_world *after, const struct ps_act *act, unsigned stepped,
                       struct ps_outcome out)
{
    unsigned broken = 0;
    if (loses_pending(&before->vcpus[stepped], &after->vcpus[stepped], act, out))
        broken |= PS_BROKEN(NOTHING_LOST);
    if (is_infeasible(ps_policy_of(sys, stepped), &before->vcpus[stepped], out))
        broken |= PS_BROKEN(FEASIBLE);
    return broken;
}

int ps_is_idle(const struct ps_act *act, struct ps_outcome out)
{
    const int enters = act->kind == PS_EVENT_ENTER || act->kind == PS_ACT_ANSWER;
    if (!(act->how & PS_INSIDE) || act->kind == PS_ACT_IPI || out.fault)
        return 0;
    if (out.flags & PS_FLAG_BOUNCED) /* a plane that called itself got what it asked for */
        return act->kind != PS_EVENT_CALL || act->plane != out.was;
    return (enters || out.flags & PS_FLAG_SWITCHED) &&
           (out.flags & (PS_FLAG_BLOCKED | PS_FLAG_USER)) != 0;
}

uint32_t ps_undelivered(const struct ps_system *sys, const struct ps_world *world)
{
    uint32_t pending = 0;
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++) {
        const struct ps_state *s = &world->vcpus[vcpu];
        const uint32_t irq = s->irq & s->online & (uint32_t)~s->held;
        pending |= irq << (vcpu * sys->n_planes);
        if (world->waits[vcpu])
            pending |= 1u << (sys->n_vcpus * sys->n_planes + vcpu);
    }
    return pending;
}

uint32_t ps_delivered(const struct ps_system *sys, const struct ps_world *before,
                      const struct ps_world *after, unsigned stepped, struct ps_outcome out)
{
    uint32_t delivered = 0;
    if (out.flags & PS_FLAG_INJECTED)
        delivered = 1u << (stepped * sys->n_planes + (unsigned)out.now);
    if (sys->locks)
        for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
            if (before->waits[vcpu] && !after->waits[vcpu])
                delivered |= 1u << (sys->n_vcpus * sys->n_planes + vcpu);
    return delivered;
}

/* ---- csrc/checker/rounds.c ---- */
/* The rounds of a search: plan, expand, insert, settle. */
#include <stdlib.h>


#define PS_BATCH 64u

static int push_level(struct ps_search *search)
{
    if (search->n_levels == search->level_room) {
        const unsigned room = search->level_room ? 2u * search->level_room : 32u;
        void *levels = realloc(search->levels, room * sizeof *search->levels);
        if (!levels)
            return -1;
        search->levels = (uint32_t(*)[PS_SHARDS])levels;
        search->level_room = room;
    }
    for (unsigned i = 0; i < PS_SHARDS; i++)
        search->levels[search->n_levels][i] = search->shards[i].n;
    search->n_levels++;
    return 0;
}

static int open_piece(const struct ps_search *search, struct ps_piece *piece)
{
    const unsigned words = search->sys.words;
    piece->room = PS_PIECE * search->n_acts;
    piece->keys = (uint64_t *)malloc(piece->room * (8u * words + 4u + 4u + 2u + 1u));
    piece->recent = (uint64_t *)malloc(PS_RECENT * words * sizeof *piece->recent);
    if (!piece->keys || !piece->recent)
        return -1;
    piece->parents = (uint32_t *)(piece->keys + (size_t)piece->room * words);
    piece->order = piece->parents + piece->room;
    piece->acts = (uint16_t *)(piece->order + piece->room);
    piece->shards = (uint8_t *)(piece->acts + piece->room);
    return 0;
}

int ps_search_open(struct ps_search *search, const struct ps_act *acts, unsigned n_acts,
                   unsigned wanted)
{
    search->acts = acts;
    search->n_acts = n_acts;
    search->wanted = wanted;
    for (unsigned i = 0; i < PS_N_LOCAL; i++)
        search->finds[i].id = PS_NO_ID;
    for (unsigned i = 0; i < PS_PIECES; i++)
        if (open_piece(search, &search->pieces[i]))
            return -1;
    return push_level(search);
}

int ps_search_root(struct ps_search *search, const struct ps_world *world)
{
    uint64_t key[PS_KEY_WORDS];
    ps_pack(&search->sys, world, key);
    const uint64_t hash = ps_hash(key, search->sys.words);
    const int added = ps_shard_add(search, ps_shard_of(hash), key, hash, PS_NO_ID, 0);
    search->n_states += added == 1;
    return added < 0 ? -1 : 0;
}

int ps_search_exhausted(const struct ps_search *search)
{
    for (unsigned i = 0; i < PS_SHARDS; i++)
        if (search->cursor[i] < search->shards[i].n)
            return 0;
    return 1;
}

unsigned ps_search_deepest(const struct ps_search *search)
{
    const unsigned last = search->n_levels - 1u;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        if (search->shards[i].n > search->levels[last][i])
            return last;
    return last ? last - 1u : 0;
}

unsigned ps_search_depth(const struct ps_search *search, uint32_t id)
{
    unsigned depth = search->n_levels - 1u;
    while (depth && search->levels[depth][id % PS_SHARDS] > id / PS_SHARDS)
        depth--;
    return depth;
}

/* Cut pieces from the level that is being expanded, which ends at `ends`. */
static void cut_pieces(struct ps_search *search, const uint32_t *ends, uint64_t most_pieces)
{
    for (unsigned i = 0; i < PS_SHARDS; i++)
        while (search->cursor[i] < ends[i] && search->n_pieces < most_pieces) {
            struct ps_piece *piece = &search->pieces[search->n_pieces++];
            const uint32_t left = ends[i] - search->cursor[i];
            piece->shard = i;
            piece->begin = search->cursor[i];
            piece->end = piece->begin + (left < PS_PIECE ? left : PS_PIECE);
            search->cursor[i] = piece->end;
        }
}

unsigned ps_search_plan(struct ps_search *search, uint64_t most)
{
    search->n_pieces = 0;
    if (search->failed || search->n_states >= most)
        return 0;
    uint64_t pieces = (most - search->n_states) / (PS_PIECE * search->n_acts) + 1u;
    pieces = pieces < PS_PIECES ? pieces : PS_PIECES;
    cut_pieces(search, search->levels[search->n_levels - 1u], pieces);
    if (search->n_pieces || ps_search_exhausted(search))
        return search->n_pieces;
    if (push_level(search)) {
        search->failed = 1;
        return 0;
    }
    cut_pieces(search, search->levels[search->n_levels - 1u], pieces);
    return search->n_pieces;
}

/* What is about to be inserted: its lines of the table are on their way. */
struct insertion {
    const uint64_t *keys[PS_BATCH];
    uint64_t hashes[PS_BATCH];
    uint32_t parents[PS_BATCH];
    uint16_t acts[PS_BATCH];
    unsigned n;
};

static void flush_insertion(struct ps_search *search, unsigned number, struct insertion *batch)
{
    struct ps_shard *shard = &search->shards[number];
    for (unsigned i = 0; i < batch->n && shard->n_slots; i++) {
        const uint32_t slot = shard->slots[(uint32_t)batch->hashes[i] & (shard->n_slots - 1u)];
        if (slot)
            ps_prefetch_read(ps_key_of(search, ps_id(number, (slot & PS_SLOT_INDEX) - 1u)));
    }
    for (unsigned i = 0; i < batch->n; i++)
        if (ps_shard_add(search, number, batch->keys[i], batch->hashes[i], batch->parents[i],
                         batch->acts[i]) < 0)
            shard->failed = 1;
    batch->n = 0;
}

void ps_search_insert(struct ps_search *search, unsigned number)
{
    const struct ps_shard *shard = &search->shards[number];
    const unsigned words = search->sys.words;
    struct insertion batch;
    batch.n = 0;
    for (unsigned p = 0; p < search->n_pieces; p++) {
        const struct ps_piece *piece = &search->pieces[p];
        const uint32_t end = piece->starts[number + 1u];
        for (uint32_t i = piece->starts[number]; i < end; i++) {
            const uint32_t found = piece->order[i];
            const uint64_t *key = piece->keys + (size_t)found * words;
            const uint64_t hash = ps_hash(key, words);
            if (shard->n_slots)
                ps_prefetch_read(&shard->slots[(uint32_t)hash & (shard->n_slots - 1u)]);
            batch.keys[batch.n] = key;
            batch.hashes[batch.n] = hash;
            batch.parents[batch.n] = piece->parents[found];
            batch.acts[batch.n] = piece->acts[found];
            if (++batch.n == PS_BATCH)
                flush_insertion(search, number, &batch);
        }
    }
    flush_insertion(search, number, &batch);
}

void ps_search_end_round(struct ps_search *search)
{
    for (unsigned p = 0; p < search->n_pieces; p++) {
        const struct ps_piece *piece = &search->pieces[p];
        search->transitions += piece->transitions;
        search->differing += piece->differing;
        for (unsigned i = 0; i < PS_N_LOCAL; i++)
            if (search->finds[i].id == PS_NO_ID)
                search->finds[i] = piece->finds[i];
    }
    search->n_states = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++) {
        search->n_states += search->shards[i].n;
        search->failed |= search->shards[i].failed;
    }
}

/* ---- csrc/checker/table.c ---- */
/* The tables of a search: packed worlds by hash, in the order in which they were found. */
#include <stdlib.h>


static int grow_blocks(const struct ps_search *search, struct ps_shard *shard)
{
    if (shard->n_blocks == shard->room) {
        const uint32_t room = shard->room ? 2u * shard->room : 8u;
        struct ps_block *blocks =
            (struct ps_block *)realloc(shard->blocks, room * sizeof *blocks);
        if (!blocks)
            return -1;
        shard->blocks = blocks;
        shard->room = room;
    }
    const size_t words = (size_t)PS_BLOCK_STATES * search->sys.words;
    uint64_t *keys = (uint64_t *)malloc(words * 8u + PS_BLOCK_STATES * (4u + 4u + 2u));
    if (!keys)
        return -1;
    struct ps_block *block = &shard->blocks[shard->n_blocks++];
    block->keys = keys;
    block->parents = (uint32_t *)(keys + words);
    block->marks = block->parents + PS_BLOCK_STATES;
    block->acts = (uint16_t *)(block->marks + PS_BLOCK_STATES);
    return 0;
}

/* Twice the slots; the keys are hashed anew. */
static int grow_slots(const struct ps_search *search, unsigned number)
{
    struct ps_shard *shard = (struct ps_shard *)&search->shards[number];
    const uint32_t n_slots = shard->n_slots ? 2u * shard->n_slots : 64u;
    uint32_t *slots = (uint32_t *)calloc(n_slots, sizeof *slots);
    if (!slots)
        return -1;
    for (uint32_t i = 0; i < shard->n; i++) {
        const uint64_t hash = ps_hash(ps_key_of(search, ps_id(number, i)), search->sys.words);
        uint32_t slot = (uint32_t)hash & (n_slots - 1u);
        while (slots[slot])
            slot = (slot + 1u) & (n_slots - 1u);
        slots[slot] = (i + 1u) | ps_tag_of(hash);
    }
    free(shard->slots);
    shard->slots = slots;
    shard->n_slots = n_slots;
    return 0;
}

/* Where a key is in a shard that has slots: its slot, or the empty one where it would be. */
static uint32_t slot_of_key(const struct ps_search *search, unsigned number, const uint64_t *key,
                            uint64_t hash)
{
    const struct ps_shard *shard = &search->shards[number];
    const uint32_t mask = shard->n_slots - 1u, tag = ps_tag_of(hash);
    for (uint32_t slot = (uint32_t)hash & mask;; slot = (slot + 1u) & mask) {
        const uint32_t found = shard->slots[slot];
        if (!found)
            return slot;
        if ((found & ~PS_SLOT_INDEX) != tag)
            continue;
        const uint32_t id = ps_id(number, (found & PS_SLOT_INDEX) - 1u);
        if (ps_same_key(ps_key_of(search, id), key, search->sys.words))
            return slot;
    }
}

int ps_shard_add(struct ps_search *search, unsigned number, const uint64_t *key, uint64_t hash,
                 uint32_t parent, uint16_t act)
{
    struct ps_shard *shard = &search->shards[number];
    const unsigned words = search->sys.words;
    if ((uint64_t)shard->n * 4u >= (uint64_t)shard->n_slots * 3u &&
        grow_slots(search, number))
        return -1;
    const uint32_t slot = slot_of_key(search, number, key, hash);
    if (shard->slots[slot])
        return 0;
    if (shard->n == PS_SLOT_INDEX - 1u || /* the last id is PS_NO_ID's */
        (shard->n == shard->n_blocks * PS_BLOCK_STATES && grow_blocks(search, shard)))
        return -1;
    const struct ps_block *block = &shard->blocks[shard->n / PS_BLOCK_STATES];
    const uint32_t place = shard->n % PS_BLOCK_STATES;
    ps_copy_key(block->keys + (size_t)place * words, key, words);
    block->parents[place] = parent;
    block->acts[place] = act;
    block->marks[place] = 0;
    shard->slots[slot] = ++shard->n | ps_tag_of(hash);
    return 1;
}

uint32_t ps_search_find(const struct ps_search *search, const uint64_t *key)
{
    const uint64_t hash = ps_hash(key, search->sys.words);
    const unsigned number = ps_shard_of(hash);
    const struct ps_shard *shard = &search->shards[number];
    if (!shard->n_slots)
        return PS_NO_ID;
    const uint32_t slot = shard->slots[slot_of_key(search, number, key, hash)];
    return slot ? ps_id(number, (slot & PS_SLOT_INDEX) - 1u) : PS_NO_ID;
}

void ps_search_world(const struct ps_search *search, uint32_t id, struct ps_world *world)
{
    ps_unpack(&search->sys, ps_key_of(search, id), world);
}

uint32_t ps_search_parent(const struct ps_search *search, uint32_t id, unsigned *act)
{
    const struct ps_block *block = ps_block_of(search, id);
    *act = block->acts[ps_place(id)] & (PS_ACT_IDLES - 1u);
    return block->parents[ps_place(id)];
}

uint64_t ps_search_bytes(const struct ps_search *search)
{
    const uint64_t block = PS_BLOCK_STATES * (8u * search->sys.words + 10u);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        bytes += search->shards[i].n_blocks * block + search->shards[i].n_slots * 4u +
                 search->shards[i].room * sizeof(struct ps_block);
    return bytes;
}

void ps_search_close(struct ps_search *search)
{
    for (unsigned i = 0; i < PS_SHARDS; i++) {
        struct ps_shard *shard = &search->shards[i];
        for (uint32_t block = 0; block < shard->n_blocks; block++)
            free(shard->blocks[block].keys);
        free(shard->blocks);
        free(shard->slots);
    }
    for (unsigned i = 0; i < PS_PIECES; i++) {
        free(search->pieces[i].keys);
        free(search->pieces[i].recent);
    }
    free(search->levels);
    memset(search, 0, sizeof *search);
}

/* ---- csrc/checker/threads.c ---- */
/* Threads that go through the phases of a search together.
 *
 * They meet between phases, in C: a phase lasts milliseconds, and waking a thread through the
 * system (or handing on Python's lock) would cost a good part of that. Who comes last does alone
 * what has to be done alone, and has the others go on.
 */
#include <sched.h>


#define PS_SPINS 4000u /* looks before the core is offered to others: a few microseconds */

/* What can be asked while the search goes on. */
static void publish_seen(struct ps_search *search)
{
    uint64_t n_slots = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        n_slots += search->shards[i].n_slots;
    ps_store_64(&search->seen.states, search->n_states);
    ps_store_64(&search->seen.transitions, search->transitions);
    ps_store_64(&search->seen.slots, n_slots);
    ps_store(&search->seen.depth, ps_search_deepest(search));
    ps_store(&search->seen.sweeping, search->phase >= PS_LIGHT);
}

static int all_broken(const struct ps_search *search)
{
    for (unsigned i = 0; i < PS_N_PROPERTIES; i++)
        if (search->wanted >> i & 1u &&
            (i >= PS_N_LOCAL || search->finds[i].id == PS_NO_ID))
            return 0;
    return 1;
}

/* What comes after a round, or at the beginning. */
static int phase_after_round(struct ps_search *search)
{
    if (search->failed || ps_load(&search->stop) || (search->early && all_broken(search)))
        return PS_END;
    if (ps_search_plan(search, search->most))
        return PS_EXPAND;
    return search->wanted >> PS_N_LOCAL && !search->failed ? PS_LIGHT : PS_END;
}

static int phase_after_sweep(struct ps_search *search)
{
    uint64_t changes = 0;
    for (unsigned i = 0; i < PS_SHARDS; i++)
        changes += search->changes[i];
    if (ps_load(&search->stop))
        return PS_END;
    search->swept = !changes;
    return changes ? PS_SWEEP : PS_END;
}

static int next_phase(struct ps_search *search)
{
    switch (search->phase) {
    case PS_EXPAND:
        return PS_INSERT;
    case PS_INSERT:
        ps_search_end_round(search);
        return phase_after_round(search);
    case PS_LIGHT:
    case PS_SWEEP:
        return phase_after_sweep(search);
    default:
        return phase_after_round(search);
    }
}

/* Do what is left of the phase. */
static void work_on_phase(struct ps_search *search)
{
    const int phase = search->phase;
    const uint32_t end = phase == PS_EXPAND ? search->n_pieces : PS_SHARDS;
    for (;;) {
        /* A round that was begun is finished, or states would be missing. */
        if (phase > PS_INSERT && ps_load(&search->stop))
            return;
        const uint32_t i = ps_fetch_add(&search->taken);
        if (i >= end)
            return;
        if (phase == PS_EXPAND)
            ps_search_expand(search, i);
        else if (phase == PS_INSERT)
            ps_search_insert(search, i);
        else
            ps_search_sweep(search, i, phase == PS_LIGHT);
    }
}

/* All threads meet; the last to come turns to the next phase. */
static void meet_others(struct ps_search *search)
{
    const uint32_t turn = ps_load_acquire(&search->turn);
    if (ps_fetch_add(&search->met) + 1u == search->n_threads) {
        search->phase = next_phase(search);
        publish_seen(search);
        ps_store(&search->taken, 0);
        ps_store(&search->met, 0);
        ps_store_release(&search->turn, turn + 1u);
        return;
    }
    for (uint32_t looks = 0; ps_load_acquire(&search->turn) == turn; looks++)
        if (looks >= PS_SPINS)
            (void)sched_yield();
}

void ps_search_crew(struct ps_search *search, unsigned n_threads, uint64_t most, int early)
{
    search->n_threads = n_threads;
    search->most = most;
    search->early = early;
    search->phase = PS_BEGIN;
}

void ps_search_join(struct ps_search *search)
{
    for (;;) {
        meet_others(search);
        if (search->phase == PS_END)
            return;
        work_on_phase(search);
    }
}

void ps_search_stop(struct ps_search *search)
{
    ps_store(&search->stop, 1);
}

struct ps_seen ps_search_look(const struct ps_search *search)
{
    struct ps_seen seen;
    seen.states = ps_load_64(&search->seen.states);
    seen.transitions = ps_load_64(&search->seen.transitions);
    seen.slots = ps_load_64(&search->seen.slots);
    seen.depth = ps_load(&search->seen.depth);
    seen.sweeping = ps_load(&search->seen.sweeping);
    return seen;
}

/* ---- csrc/checker/world.c ---- */
/* Acts on several vCPUs, around ps_step. */

/* Planes that waited for a lock go on once nobody holds one against them. */
static void release_waiting(const struct ps_system *sys, struct ps_world *world)
{
    for (unsigned vcpu = 0; vcpu < sys->n_vcpus; vcpu++)
        for (uint16_t left = world->waits[vcpu]; left; left = (uint16_t)(left & (left - 1u))) {
            const unsigned plane = ps_lowest(left);
            if (!ps_locked_out(sys, world, vcpu, plane))
                world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & ~ps_bit(plane));
        }
}

static unsigned act_on_lock(const struct ps_system *sys, struct ps_world *world,
                            const struct ps_act *act, unsigned plane)
{
    const uint16_t self = ps_bit(plane);
    uint16_t *locks = &world->locks[act->vcpu];
    uint16_t *waits = &world->waits[act->vcpu];
    switch (act->kind) {
    case PS_ACT_LOCK:
        *locks = (uint16_t)(*locks | self);
        break;
    case PS_ACT_UNLOCK:
        *locks = (uint16_t)(*locks & ~self);
        release_waiting(sys, world);
        break;
    default: /* flush */
        if (ps_locked_out(sys, world, act->vcpu, plane))
            *waits = (uint16_t)(*waits | self);
        break;
    }
    return (1u << sys->n_vcpus) - 1u;
}

/* A plane that returns, or is gone, lets its locks go (TLFS: a VP that returns to a lower VTL
 * releases all TLB locks that it holds). */
static void release_locks(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                          unsigned event, struct ps_outcome out)
{
    uint16_t kept = world->vcpus[vcpu].online;
    if (event == PS_EVENT_RETURN && !out.fault)
        kept = (uint16_t)(kept & ~ps_bit((unsigned)out.was));
    world->waits[vcpu] = (uint16_t)(world->waits[vcpu] & world->vcpus[vcpu].online);
    if (world->locks[vcpu] & ~kept) {
        world->locks[vcpu] = (uint16_t)(world->locks[vcpu] & kept);
        release_waiting(sys, world);
    }
}

unsigned ps_world_act_rare(const struct ps_system *sys, struct ps_world *world,
                           const struct ps_act *act, unsigned plane, struct ps_outcome *out,
                           unsigned *stepped)
{
    unsigned vcpu = act->vcpu, event = act->kind;
    struct ps_state *s = &world->vcpus[vcpu];
    *stepped = vcpu;
    if (event == PS_ACT_ANSWER) {
        plane = ps_default_pick(ps_policy_of(sys, vcpu), s);
        if (plane == PS_NO_PLANE)
            return 0;
        s->req_exit = ps_requests(ps_policy_of(sys, vcpu), s, plane);
        event = PS_EVENT_ENTER;
    } else if (event == PS_ACT_IPI) {
        vcpu = act->target;
        *stepped = vcpu;
        event = PS_EVENT_IRQ;
    } else if (event >= PS_N_EVENTS) {
        memset(out, 0, sizeof *out);
        out->was = out->now = s->current;
        return act_on_lock(sys, world, act, plane);
    }
    *out = ps_step(ps_policy_of(sys, vcpu), &world->vcpus[vcpu], event, plane);
    if (!sys->locks)
        return 1u << vcpu;
    release_locks(sys, world, vcpu, event, *out);
    return (1u << sys->n_vcpus) - 1u;
}

/* ---- csrc/core/automaton.c ---- */
/* ---- csrc/core/automaton.h ---- */
/* Transitions worked out once. `step` is pure and few states are reachable under one policy, so
 * ps_step is asked for each (state, event) when it is first met, and its answer is looked up from
 * then on. Nothing is decided here. The table is bounded: when it is full, or when new pairs keep
 * coming, the caller goes on with ps_step itself.
 *
 * Each pair counts how often it happened and sums up when; the rest is worked out at the end.
 */
#ifndef PLANESCHED_AUTOMATON_H
#define PLANESCHED_AUTOMATON_H

/* ---- csrc/core/ledger.h ---- */
/* How figures are counted, in one place for every driver that has time.
 *
 * Times are summed by adding the time at which a spell ends and subtracting the one at which it
 * began, so nothing is stored per vCPU and nothing happens while nothing changes.
 */
#ifndef PLANESCHED_LEDGER_H
#define PLANESCHED_LEDGER_H


/* Where the figures of one driver go. */
struct ps_ledger {
    struct ps_figures *figures;
    uint64_t *latency; /* [n_planes][PS_N_BUCKETS] */
    int64_t *clocks;   /* [n_vcpus][PS_CLOCK_SLOTS(n_planes)] */
    unsigned n_planes;
};

/* The slots of a vCPU's clock, which with up to five planes fill one cache line. */
enum ps_clock_slot {
    PS_CLOCK_ROW,     /* of a driver that looks transitions up */
    PS_CLOCK_ENTERED, /* when current was entered */
    PS_CLOCK_NOWHERE, /* takes what is to go nowhere, so that nobody has to ask */
    PS_CLOCK_POSTED   /* when the interrupt that is pending on plane 0 was posted, on 1, ... */
};
#define PS_CLOCK_SLOTS(n_planes) ((PS_CLOCK_POSTED + (n_planes) + 7u) / 8u * 8u)
#define PS_UNKNOWN_NS (-1)

static inline int64_t *ps_clock(const struct ps_ledger *ledger, uint64_t vcpu)
{
    return ledger->clocks + vcpu * PS_CLOCK_SLOTS(ledger->n_planes);
}

/* Fetch a clock before it is needed. */
static inline void ps_prefetch_clock(const struct ps_ledger *ledger, uint64_t vcpu)
{
    const int64_t *clock = ps_clock(ledger, vcpu);
    ps_prefetch(clock);
    if (ledger->n_planes > 5)
        ps_prefetch(clock + PS_CLOCK_POSTED + ledger->n_planes - 1u);
}

/* What has to be known of a state before its step. */
struct ps_before {
    uint16_t runnable, irq, nmi, trap;
    uint8_t status;
};

static inline struct ps_before ps_look(const struct ps_state *s)
{
    struct ps_before before = {s->runnable, s->irq, s->nmi, s->trap, s->status};
    return before;
}

/* A spell of `planes` being runnable without running begins or ends. */
static inline void ps_count_suspended(struct ps_figures *f, uint16_t ended, uint16_t begun,
                                      uint64_t now_ns)
{
    for (; ended; ended = (uint16_t)(ended & (ended - 1u)))
        ps_wide_add(&f->suspended_ns[ps_lowest(ended)], now_ns);
    for (; begun; begun = (uint16_t)(begun & (begun - 1u)))
        ps_wide_sub(&f->suspended_ns[ps_lowest(begun)], now_ns);
}

/* If `switched` (0 or 1), an interval of plane `was` ends and another plane's begins. Arithmetic,
 * because compilers make a branch of a choice here, and nobody can foretell switches. */
static inline void ps_count_interval(struct ps_figures *f, unsigned was, uint64_t switched,
                                     uint64_t now_ns, int64_t *clock)
{
    const uint64_t entered = (uint64_t)clock[PS_CLOCK_ENTERED];
    const uint64_t ended = (now_ns - entered) & (0u - switched);
    clock[PS_CLOCK_ENTERED] = (int64_t)(entered + ended);
    if (PS_RARELY(ended > f->longest_ns[was]))
        f->longest_ns[was] = ended;
}

static inline void ps_count_time(struct ps_figures *f, const struct ps_before *before,
                                 const struct ps_state *s, struct ps_outcome out, uint64_t now_ns)
{
    const unsigned was = (unsigned)out.was;
    const unsigned now = (unsigned)out.now;
    const uint16_t waited = (uint16_t)(before->runnable & ~ps_bit(was));
    const uint16_t waits = (uint16_t)(s->runnable & ~ps_bit(now));
    if (waited != waits)
        ps_count_suspended(f, (uint16_t)(waited & ~waits), (uint16_t)(waits & ~waited), now_ns);
    if (was == now && before->status == s->status)
        return;
    ps_wide_add(&f->time_ns[before->status][was], now_ns);
    ps_wide_sub(&f->time_ns[s->status][now], now_ns);
}

#define PS_DROPPING (PS_E(DISABLE) | PS_E(INIT))

/* What is pending is dropped, or an intercept is taken: seldom. */
static inline void ps_count_gone(struct ps_figures *f, const struct ps_before *before,
                                 unsigned event, unsigned plane, uint16_t traps, uint64_t n)
{
    if (ps_among(PS_DROPPING, event)) {
        f->dropped[PS_PENDING_IRQ][plane] += n * ps_has(before->irq, plane);
        f->dropped[PS_PENDING_NMI][plane] += n * ps_has(before->nmi, plane);
        f->dropped[PS_PENDING_TRAP][plane] += n * ps_has(before->trap, plane);
        traps = (uint16_t)(traps & ~ps_bit(plane));
    }
    for (; traps; traps = (uint16_t)(traps & (traps - 1u)))
        f->taken[PS_PENDING_TRAP][ps_lowest(traps)] += n;
}

/* What one step does to a vCPU's clock: worked out once from the step, kept by whoever looks steps
 * up, and counted in one place, ps_count_mark. Kept to 4 bytes. */
struct ps_mark {
    uint8_t post, notify; /* slots that take the time, for the event's irq and for VINA's */
    uint8_t planes;       /* current afterwards, and times 16 before */
    uint8_t bits;         /* PS_MARK_* */
};

#define PS_MARK_SWITCHED PS_FLAG_SWITCHED
#define PS_MARK_INJECTED PS_FLAG_INJECTED
#define PS_MARK_LOGGED 4u
#define PS_MARK_FAULT 8u
#define PS_MARK_EXIT 16u
#define PS_MARK_CHANGED 32u /* current or status is not what it was */
#define PS_MARK_ALL 255u
#define PS_MARK_STATUS_SHIFT 6u /* the two bits of ps_state.status afterwards */

static inline unsigned ps_mark_now(struct ps_mark mark)
{
    return mark.planes & 15u;
}

static inline unsigned ps_mark_was(struct ps_mark mark)
{
    return mark.planes >> 4;
}

/* The slot of an interrupt that was not pending and is posted, by the event or by VINA. */
static inline unsigned ps_slot_if(int posted, unsigned plane)
{
    return posted ? PS_CLOCK_POSTED + plane : (unsigned)PS_CLOCK_NOWHERE;
}

/* `wanted`: the bits that somebody will ask for; a constant, so that the others cost nothing. */
PS_INLINE struct ps_mark ps_mark_of(const struct ps_before *before, const struct ps_state *s,
                                    struct ps_outcome out, unsigned event, unsigned plane,
                                    unsigned wanted)
{
    const unsigned now = (unsigned)out.now;
    const int posts = event == PS_EVENT_IRQ && !ps_has(before->irq, plane) && !out.fault;
    const int notifies = out.flags & PS_FLAG_VINA && !ps_has(before->irq, now) && !out.fault &&
                         !(event == PS_EVENT_IRQ && plane == now);
    const unsigned exits = (unsigned)ps_exits(out), fault = out.fault != PS_FAULT_NONE;
    const unsigned logged = (unsigned)ps_worth_logging(out, before->status, s->status);
    const unsigned changed = out.now != out.was || s->status != before->status;
    struct ps_mark mark;
    mark.post = (uint8_t)ps_slot_if(posts, plane);
    mark.notify = (uint8_t)ps_slot_if(notifies, now);
    mark.planes = (uint8_t)(now | (unsigned)out.was << 4);
    mark.bits = (uint8_t)(out.flags & (PS_MARK_SWITCHED | PS_MARK_INJECTED));
    if (wanted == PS_MARK_ALL)
        mark.bits = (uint8_t)(mark.bits | logged * PS_MARK_LOGGED | fault * PS_MARK_FAULT |
                              exits * PS_MARK_EXIT | changed * PS_MARK_CHANGED |
                              (unsigned)s->status << PS_MARK_STATUS_SHIFT);
    return mark;
}

/* What a caller of ps_count_mark knows of a step when it is compiled. */
#define PS_MARK_MAY_POST 1u /* the event may be an irq */
#define PS_MARK_FORETOLD 2u /* whether it switches can be foretold: a branch is cheaper */

/* What was posted is noted, an interval ends. Latency of what was injected goes where the caller
 * keeps it, by plane or by source; it counts from `posted_ns`, which may be earlier than now. */
PS_INLINE void ps_count_mark(struct ps_figures *f, struct ps_mark mark, unsigned known,
                             int64_t posted_ns, uint64_t now_ns, int64_t *clock)
{
    const uint64_t switched = mark.bits / PS_MARK_SWITCHED & 1u;
    if (known & PS_MARK_MAY_POST)
        clock[mark.post] = posted_ns;
    clock[mark.notify] = (int64_t)now_ns;
    if (!(known & PS_MARK_FORETOLD) || switched)
        ps_count_interval(f, ps_mark_was(mark), switched, now_ns, clock);
}

/* Latency from the first delivery of what is pending to its injection. */
static inline void ps_count_latency(const struct ps_ledger *ledger, struct ps_mark mark,
                                    uint64_t now_ns, const int64_t *clock)
{
    struct ps_figures *f = ledger->figures;
    const unsigned plane = ps_mark_now(mark);
    const uint64_t injected = mark.bits / PS_MARK_INJECTED & 1u;
    const uint64_t all = 0u - injected;
    const uint64_t latency = (now_ns - (uint64_t)clock[PS_CLOCK_POSTED + plane]) & all;
    ledger->latency[plane * PS_N_BUCKETS + ps_bucket(latency)] += injected;
    ps_wide_add(&f->latency_ns[plane], latency);
    const uint64_t low = latency | ~all;
    if (low < f->latency_min_ns[plane])
        f->latency_min_ns[plane] = low;
    if (latency > f->latency_max_ns[plane])
        f->latency_max_ns[plane] = latency;
}

/* Count `n` equal steps: everything but time. */
static inline void ps_count_steps(struct ps_figures *f, const struct ps_before *before,
                                  const struct ps_state *s, struct ps_outcome out,
                                  struct ps_mark mark, unsigned event, unsigned plane, uint64_t n)
{
    if (out.fault) {
        f->faults[event][out.fault] += n;
        return;
    }
    const unsigned was = (unsigned)out.was;
    const unsigned now = (unsigned)out.now;
    const unsigned flags = out.flags;
    const uint64_t entered = n * ((flags | flags >> 7) & 1u); /* switched or bounced */
    f->steps[event][plane] += n;
    f->entries[was][now] += entered;
    f->reasons[out.reason] += entered;
    /* In userspace nothing has a reason, so a reason beside the flag is an exit. */
    f->exits[out.reason] += n * (flags >> 5 & 1u);
    f->taken[PS_PENDING_IRQ][now] += n * (flags >> 1 & 1u);
    f->taken[PS_PENDING_NMI][now] += n * (flags >> 2 & 1u);
    if (ps_among(PS_COALESCING, event))
        f->coalesced[event - PS_EVENT_IRQ][plane] += n * (flags >> 6 & 1u);
    if (flags & PS_FLAG_VINA) {
        f->vina[now] += n;
        f->vina_set[now] += n * (mark.notify != PS_CLOCK_NOWHERE);
    }
    const uint16_t trapped =
        (uint16_t)(before->trap | (event == PS_EVENT_INTERCEPT ? ps_bit(plane) : 0u));
    const uint16_t gone = (uint16_t)(trapped & ~s->trap);
    if (gone || ps_among(PS_DROPPING, event))
        ps_count_gone(f, before, event, plane, gone, n);
}

/* Count one step, all but latency. `now_ns` is not negative and not before that of the vCPU's last
 * step. */
PS_INLINE struct ps_mark ps_count_step(struct ps_figures *f, const struct ps_before *before,
                                       const struct ps_state *s, struct ps_outcome out,
                                       unsigned event, unsigned plane, unsigned wanted,
                                       int64_t posted_ns, uint64_t now_ns, int64_t *clock)
{
    const struct ps_mark mark = ps_mark_of(before, s, out, event, plane, wanted);
    ps_count_steps(f, before, s, out, mark, event, plane, 1);
    if (out.fault)
        return mark; /* nothing has changed */
    ps_count_mark(f, mark, PS_MARK_MAY_POST | PS_MARK_FORETOLD, posted_ns, now_ns, clock);
    ps_count_time(f, before, s, out, now_ns);
    return mark;
}

/* The same with the latency of what was injected, by plane. */
static inline void ps_count(const struct ps_ledger *ledger, const struct ps_before *before,
                            const struct ps_state *s, struct ps_outcome out, unsigned event,
                            unsigned plane, uint64_t now_ns, int64_t *clock)
{
    const struct ps_mark mark = ps_count_step(ledger->figures, before, s, out, event, plane,
                                              PS_MARK_INJECTED, (int64_t)now_ns, now_ns, clock);
    if (!out.fault)
        ps_count_latency(ledger, mark, now_ns, clock);
}

/* Begin counting: figures are zeroed, what is pending is noted, and a clock slot of PS_UNKNOWN_NS
 * is taken for `start_ns`. */
void ps_figures_open(const struct ps_ledger *ledger, const struct ps_state *states,
                     uint64_t n_vcpus, int64_t start_ns);

/* The same for one more vCPU, without zeroing. */
void ps_figures_join(const struct ps_ledger *ledger, const struct ps_state *s, int64_t *clock,
                     int64_t start_ns);

/* Spells of time begin, or end so far, for every vCPU. */
void ps_figures_begin_time(const struct ps_ledger *ledger, const struct ps_state *states,
                           uint64_t n_vcpus, int64_t now_ns);
void ps_figures_end_time(const struct ps_ledger *ledger, const struct ps_state *states,
                         uint64_t n_vcpus, int64_t now_ns);

/* End counting: what is still pending and how long the present intervals last. */
void ps_figures_close(const struct ps_ledger *ledger, const struct ps_state *states,
                      uint64_t n_vcpus, int64_t end_ns);

#endif


#define PS_NO_STATE UINT32_MAX

/* What is to be done on one (state, event). Kept to 8 bytes: the step after this one
 * waits until they are here. */
struct ps_edge {
    uint32_t next; /* row of the state that follows; PS_NO_STATE until it is worked out */
    struct ps_mark mark;
};

/* How often it was done, and the sum of the times at which it was. */
struct ps_tally {
    uint64_t count, time_ns;
};

/* Where the edge of an event stands in a row: `code`, and the plane where the event takes one. */
struct ps_code {
    uint16_t code, takes; /* `takes` is all ones or zero */
};

struct ps_automaton {
    struct ps_policy policy;
    unsigned n_planes;
    uint32_t events;                   /* bit e: event e has its edges in every row */
    uint32_t width;                    /* edges in a row; the first is none */
    struct ps_code codes[PS_N_EVENTS];
    uint32_t n_states, room, most;     /* states known, allocated, allowed */
    uint64_t n_filled;                 /* pairs worked out so far */
    struct ps_state *states;           /* [room] */
    struct ps_edge *edges;             /* [room][width] */
    struct ps_tally *tallies;          /* [room][width]; the first: when vCPUs came and left */
    struct ps_outcome *outcomes;       /* [room][width] */
    uint32_t *slots;                   /* open addressing: state numbers by hash */
    uint32_t n_slots;                  /* a power of two, twice `most` or more */
};

/* A table for a policy and some events (the fewer, the more of it is in the cache), or NULL without
 * memory. `bytes` bounds it. */
struct ps_automaton *ps_automaton_create(const struct ps_policy *policy, unsigned n_planes,
                                         uint32_t events, uint64_t bytes);
/* A copy of `n` items of `size` bytes, which the caller frees, or NULL without memory. */
void *ps_copied(const void *from, size_t n, size_t size);
/* A table that goes on as this one would, or NULL without memory. */
struct ps_automaton *ps_automaton_clone(const struct ps_automaton *automaton);
void ps_automaton_destroy(struct ps_automaton *automaton);

/* The row of a state, made known if need be; PS_NO_STATE where the table is full. */
uint32_t ps_automaton_row(struct ps_automaton *automaton, const struct ps_state *state);

/* The state of a row, also by the index of any edge in it. */
static inline const struct ps_state *ps_automaton_state(const struct ps_automaton *automaton,
                                                        uint32_t row)
{
    return &automaton->states[row / automaton->width];
}

/* Work out one pair. Returns 0, or -1 where the table is full. The arrays may move. */
int ps_automaton_fill(struct ps_automaton *automaton, uint32_t row, unsigned event,
                      unsigned plane);

/* Move what was counted into the figures and begin again from zero. The time spent in each state
 * has to be complete: ps_automaton_leave was called for every vCPU. */
void ps_automaton_fold(struct ps_automaton *automaton, struct ps_figures *figures);

/* The index of the edge, tally and outcome of an event that the table was made for. */
static inline uint32_t ps_automaton_at(const struct ps_automaton *automaton, uint32_t row,
                                       unsigned event, unsigned plane)
{
    assert(ps_among(automaton->events, event));
    const struct ps_code code = automaton->codes[event];
    return row + code.code + (plane & code.takes);
}

/* In a debug build, every look-up is checked against step. */
static inline int ps_automaton_agrees(const struct ps_automaton *automaton, uint32_t row,
                                      unsigned event, unsigned plane)
{
    const uint32_t at = ps_automaton_at(automaton, row, event, plane);
    struct ps_state s = *ps_automaton_state(automaton, row);
    const struct ps_outcome out =
        ps_step(&automaton->policy, &s, event, plane & automaton->codes[event].takes);
    return memcmp(&s, ps_automaton_state(automaton, automaton->edges[at].next), sizeof s) == 0 &&
           memcmp(&out, &automaton->outcomes[at], sizeof out) == 0;
}

/* A vCPU that begins in `row` at `since_ns`, or ends there: times count from the same origin, and
 * all vCPUs together spend less than 2^64 ns. */
static inline void ps_automaton_join(struct ps_automaton *automaton, uint32_t row,
                                     uint64_t since_ns)
{
    automaton->tallies[row].time_ns -= since_ns;
}

static inline void ps_automaton_leave(struct ps_automaton *automaton, uint32_t row,
                                      uint64_t until_ns)
{
    automaton->tallies[row].time_ns += until_ns;
}

static inline void ps_tally_add(struct ps_tally *tally, uint64_t now_ns)
{
    tally->count++;
    tally->time_ns += now_ns;
}

#endif


#include <stdlib.h>

/* States are never removed, so a slot that was filled stays. */
static uint32_t hash_state(const struct ps_state *state)
{
    uint64_t words[4];
    memcpy(words, state, sizeof words);
    uint64_t hash = 0;
    for (unsigned i = 0; i < 4; i++) {
        hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

static void number_codes(struct ps_automaton *a)
{
    uint16_t code = 1;
    for (unsigned event = 0; event < PS_N_EVENTS; event++) {
        const unsigned takes = ps_takes_plane(&a->policy, event);
        a->codes[event].code = code;
        a->codes[event].takes = ps_when((int)takes);
        if (ps_among(a->events, event))
            code = (uint16_t)(code + (takes ? a->n_planes : 1u));
    }
    a->width = code;
}

struct ps_automaton *ps_automaton_create(const struct ps_policy *policy, unsigned n_planes,
                                         uint32_t events, uint64_t bytes)
{
    struct ps_automaton *a = (struct ps_automaton *)calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->policy = *policy;
    a->n_planes = n_planes;
    a->events = events;
    number_codes(a);
    const uint64_t edge = sizeof *a->edges + sizeof *a->tallies + sizeof *a->outcomes;
    const uint64_t row = sizeof *a->states + a->width * edge;
    a->most = (uint32_t)(bytes / row < 65536 ? bytes / row : 65536);
    for (a->n_slots = 2; a->n_slots < 2u * a->most; a->n_slots *= 2)
        ;
    a->slots = (uint32_t *)malloc(a->n_slots * sizeof *a->slots);
    if (!a->slots) {
        ps_automaton_destroy(a);
        return NULL;
    }
    memset(a->slots, 0xff, a->n_slots * sizeof *a->slots);
    return a;
}

void ps_automaton_destroy(struct ps_automaton *a)
{
    if (!a)
        return;
    free(a->states);
    free(a->edges);
    free(a->tallies);
    free(a->outcomes);
    free(a->slots);
    free(a);
}

void *ps_copied(const void *from, size_t n, size_t size)
{
    void *to = malloc(n * size + !n);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

struct ps_automaton *ps_automaton_clone(const struct ps_automaton *a)
{
    struct ps_automaton *copy = (struct ps_automaton *)ps_copied(a, 1, sizeof *a);
    if (!copy)
        return NULL;
    const size_t edges = (size_t)a->room * a->width;
    copy->states = (struct ps_state *)ps_copied(a->states, a->room, sizeof *a->states);
    copy->edges = (struct ps_edge *)ps_copied(a->edges, edges, sizeof *a->edges);
    copy->tallies = (struct ps_tally *)ps_copied(a->tallies, edges, sizeof *a->tallies);
    copy->outcomes = (struct ps_outcome *)ps_copied(a->outcomes, edges, sizeof *a->outcomes);
    copy->slots = (uint32_t *)ps_copied(a->slots, a->n_slots, sizeof *a->slots);
    if (copy->states && copy->edges && copy->tallies && copy->outcomes && copy->slots)
        return copy;
    ps_automaton_destroy(copy);
    return NULL;
}

static int resize_array(void **array, size_t n, size_t size)
{
    void *moved = realloc(*array, n * size);
    if (!moved)
        return -1;
    *array = moved;
    return 0;
}

/* Make room for one more state. Returns -1 where there is none to be had. */
static int grow_table(struct ps_automaton *a)
{
    if (a->n_states < a->room)
        return 0;
    if (a->room == a->most)
        return -1;
    const uint32_t wanted = a->room ? 2 * a->room : 64;
    const uint32_t room = wanted < a->most ? wanted : a->most;
    const size_t edges = (size_t)room * a->width;
    if (resize_array((void **)&a->states, room, sizeof *a->states) ||
        resize_array((void **)&a->edges, edges, sizeof *a->edges) ||
        resize_array((void **)&a->tallies, edges, sizeof *a->tallies) ||
        resize_array((void **)&a->outcomes, edges, sizeof *a->outcomes))
        return -1;
    a->room = room;
    return 0;
}

uint32_t ps_automaton_row(struct ps_automaton *a, const struct ps_state *state)
{
    uint32_t slot = hash_state(state) & (a->n_slots - 1);
    for (; a->slots[slot] != PS_NO_STATE; slot = (slot + 1) & (a->n_slots - 1))
        if (memcmp(&a->states[a->slots[slot]], state, sizeof *state) == 0)
            return a->slots[slot] * a->width;
    const struct ps_state copy = *state; /* it may stand in the array that is about to move */
    if (grow_table(a))
        return PS_NO_STATE;
    const uint32_t number = a->n_states++;
    a->states[number] = copy;
    const uint32_t row = number * a->width;
    memset(&a->tallies[row], 0, a->width * sizeof *a->tallies);
    for (unsigned code = 0; code < a->width; code++)
        a->edges[row + code].next = PS_NO_STATE;
    a->slots[slot] = number;
    return row;
}

int ps_automaton_fill(struct ps_automaton *a, uint32_t row, unsigned event, unsigned plane)
{
    plane &= a->codes[event].takes;
    struct ps_state s = *ps_automaton_state(a, row);
    const struct ps_before before = ps_look(&s);
    const struct ps_outcome out = ps_step(&a->policy, &s, event, plane);
    const uint32_t next = ps_automaton_row(a, &s);
    if (next == PS_NO_STATE)
        return -1;
    const uint32_t at = ps_automaton_at(a, row, event, plane);
    a->outcomes[at] = out;
    a->edges[at].next = next;
    a->edges[at].mark = ps_mark_of(&before, &s, out, event, plane, PS_MARK_ALL);
    a->n_filled++;
    return 0;
}

static void fold_time(const struct ps_state *s, uint64_t spent_ns, struct ps_figures *f)
{
    ps_wide_add(&f->time_ns[s->status][s->current], spent_ns);
    ps_count_suspended(f, (uint16_t)(s->runnable & ~ps_bit((unsigned)s->current)), 0, spent_ns);
}

/* Times are sums modulo 2^64 until every state has all that is its own. */
static void fold_tally(struct ps_automaton *a, uint32_t row, unsigned event, unsigned plane,
                       struct ps_figures *f)
{
    const uint32_t at = ps_automaton_at(a, row, event, plane);
    struct ps_tally *tally = &a->tallies[at];
    if (!tally->count)
        return;
    const struct ps_before before = ps_look(ps_automaton_state(a, row));
    const struct ps_edge *edge = &a->edges[at];
    ps_count_steps(f, &before, ps_automaton_state(a, edge->next), a->outcomes[at], edge->mark,
                   event, plane, tally->count);
    ps_automaton_leave(a, row, tally->time_ns);
    ps_automaton_join(a, edge->next, tally->time_ns);
    tally->count = tally->time_ns = 0;
}

void ps_automaton_fold(struct ps_automaton *a, struct ps_figures *f)
{
    for (uint32_t row = 0; row < a->n_states * a->width; row += a->width)
        for (unsigned event = 0; event < PS_N_EVENTS; event++) {
            if (!ps_among(a->events, event))
                continue;
            const unsigned planes = a->codes[event].takes ? a->n_planes : 1u;
            for (unsigned plane = 0; plane < planes; plane++)
                fold_tally(a, row, event, plane, f);
        }
    for (uint32_t row = 0; row < a->n_states * a->width; row += a->width) {
        fold_time(ps_automaton_state(a, row), a->tallies[row].time_ns, f);
        a->tallies[row].time_ns = 0;
    }
}

/* ---- csrc/core/chiprun.c ---- */
/* ---- csrc/core/chiprun.h ---- */
/* The loop of vm.run where planes have interrupt controllers: figures count what step was given,
 * and of vectors what became of each. */
#ifndef PLANESCHED_CHIPRUN_H
#define PLANESCHED_CHIPRUN_H

/* ---- csrc/core/run.h ---- */
/* The loop of vm.run: timed records through the states, everything counted. Which plane runs is
 * decided by ps_step alone; what it decided is looked up where that is faster. */
#ifndef PLANESCHED_RUN_H
#define PLANESCHED_RUN_H

/* ---- csrc/core/record_checks.h ---- */
/* What the records that vm.run reads are checked for beforehand. */
#ifndef PLANESCHED_RECORD_CHECKS_H
#define PLANESCHED_RECORD_CHECKS_H


/* Where records are read one after the other, those this many bytes ahead are asked for. */
#define PS_RECORDS_AHEAD (256u * sizeof(struct ps_event_record))

/* What is wrong with a record; the order is that in which the fields are looked at. */
enum ps_mistake {
    PS_MISTAKE_NONE,
    PS_MISTAKE_TIME,
    PS_MISTAKE_VCPU,
    PS_MISTAKE_KIND,
    PS_MISTAKE_PLANE,
    PS_MISTAKE_SUPERFLUOUS,
    PS_MISTAKE_ARG /* where controllers take it */
};

/* What is wrong with one record. */
enum ps_mistake ps_event_mistake(const struct ps_event_record *event,
                                 const struct ps_policy *policy, unsigned n_planes,
                                 uint64_t n_vcpus, int64_t earliest_ns);

/* The index of the first wrong record, and in `mistake` what is wrong with it; or n, and in `kinds`
 * bit e for every event e that occurs. */
uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, uint32_t *kinds, enum ps_mistake *mistake);

/* The index of the first state that no vCPU of `n_planes` planes can have, or n. */
uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes);

#endif


struct ps_run {
    const struct ps_policy *policy;
    struct ps_state *states;
    uint64_t n_vcpus;
    struct ps_ledger ledger;
    struct ps_automaton *automaton;
    const struct ps_event_record *records;
    uint64_t n, done;              /* records there are, records run */
    struct ps_outcome_record *log; /* or NULL */
    uint64_t n_log, logged;        /* entries there is room for, entries that there were */
};

/* Log one outcome, where there is room; `before` was the status. */
void ps_run_log(struct ps_run *run, const struct ps_event_record *record, struct ps_outcome out,
                uint8_t before);

/* Run the records up to `end`, asking step for each. */
void ps_run_plain(struct ps_run *run, uint64_t end);

/* Run them by looking up. Returns 0, or -1 where the table is full before that. The table is for
 * the events among the records, and every vCPU has joined it. */
int ps_run_known(struct ps_run *run, uint64_t end);

/* Every vCPU joins the table; -1, and none has, where there are more states than it holds. */
int ps_run_join(struct ps_run *run, int64_t start_ns);

/* Every vCPU leaves it: its state is written back, and what was counted goes into the figures. */
void ps_run_leave(struct ps_run *run, int64_t end_ns);

#endif


/* The controllers of a VM's vCPUs: `n_planes` of them for each, one vCPU after the other. */
struct ps_chips {
    const struct ps_chip_policy *policy;
    struct ps_apic *apics;
    int64_t *posted; /* when what is pending was posted: PS_N_VECTORS for each controller */
};

/* Note when what was posted in a step was: the event's vector, a line's, that of VINA. `posted` is
 * that of the vCPU. Returns whether the VINA vector was not pending before. */
static inline unsigned ps_chip_note_posted(const struct ps_chip_policy *policy, int64_t *posted,
                                           struct ps_outcome out, unsigned event, unsigned plane,
                                           unsigned arg, int64_t now_ns)
{
    const unsigned came = event == PS_EVENT_IRQ || out.notes & PS_NOTE_REPOSTED;
    const unsigned now = (unsigned)out.now;
    if (came && !out.fault && !(out.notes & PS_NOTE_DROPPED) && !(out.flags & PS_FLAG_COALESCED))
        posted[plane * PS_N_VECTORS + (out.ended ? out.ended : arg)] = now_ns;
    if (!(out.flags & PS_FLAG_VINA) ||
        out.notes & (PS_NOTE_VINA_DROPPED | PS_NOTE_VINA_PENDING))
        return 0;
    posted[now * PS_N_VECTORS + policy->vina_vector[now]] = now_ns;
    return 1;
}

/* As ps_events_check, where controllers take the event, its vector or its value. */
uint64_t ps_chip_events_check(const struct ps_event_record *events, uint64_t n,
                              const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                              int64_t start_ns, enum ps_mistake *mistake);

/* The index of the first state that its controllers do not give, or n. */
uint64_t ps_chips_check(const struct ps_chips *chips, const struct ps_state *states, uint64_t n,
                        unsigned n_planes);

/* Run the records up to `end`. */
void ps_run_chips(struct ps_run *run, const struct ps_chips *chips, uint64_t end);

/* Every vector that is pending beyond the first of its plane is added to `counts`, and so is every
 * NMI that is kept outside the 32 bytes; counts of pending things know of one a plane. */
void ps_chips_pending(const struct ps_chips *chips, const struct ps_state *states,
                      uint64_t n_vcpus, unsigned n_planes,
                      uint64_t counts[PS_N_PENDING][PS_MAX_PLANES]);

#endif


uint64_t ps_chip_events_check(const struct ps_event_record *events, uint64_t n,
                              const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                              int64_t start_ns, enum ps_mistake *mistake)
{
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    for (uint64_t i = 0; i < n; i++) {
        struct ps_event_record event = events[i];
        const unsigned kind = event.kind;
        const int ours = kind >= PS_CHIP_EOI && kind < PS_CHIP_N_EVENTS;
        if (ours)
            event.kind = PS_EVENT_IRQ; /* an event that names a plane */
        *mistake = ps_event_mistake(&event, policy, n_planes, n_vcpus, earliest_ns);
        if (*mistake == PS_MISTAKE_NONE && (kind == PS_EVENT_MASK || kind == PS_EVENT_UNMASK))
            *mistake = PS_MISTAKE_KIND;
        if (*mistake == PS_MISTAKE_NONE && (ours || kind == PS_EVENT_IRQ) &&
            event.arg >= PS_N_VECTORS)
            *mistake = PS_MISTAKE_ARG;
        if (*mistake != PS_MISTAKE_NONE)
            return i;
        earliest_ns = event.time_ns;
    }
    return n;
}

uint64_t ps_chips_check(const struct ps_chips *chips, const struct ps_state *states, uint64_t n,
                        unsigned n_planes)
{
    for (uint64_t vcpu = 0; vcpu < n; vcpu++)
        if (!ps_chip_agrees(chips->policy, &states[vcpu], &chips->apics[vcpu * n_planes], n_planes))
            return vcpu;
    return n;
}

static unsigned pending_of(const struct ps_apic *apic)
{
    unsigned pending = 0;
    for (unsigned cls = 1; cls < PS_N_CLASSES; cls++)
        pending += (unsigned)__builtin_popcount(apic->irr[cls]);
    return pending;
}

/* An NMI that is kept where the 32 bytes do not know of it. */
static unsigned kept_outside(const struct ps_apic *apic, const struct ps_state *s, unsigned plane)
{
    return (apic->flags & PS_APIC_NMI_KEPT) != 0 && !ps_has(s->nmi, plane);
}

void ps_chips_pending(const struct ps_chips *chips, const struct ps_state *states,
                      uint64_t n_vcpus, unsigned n_planes,
                      uint64_t counts[PS_N_PENDING][PS_MAX_PLANES])
{
    const struct ps_apic *apic = chips->apics;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++)
        for (unsigned plane = 0; plane < n_planes; plane++, apic++) {
            const unsigned pending = pending_of(apic);
            counts[PS_PENDING_IRQ][plane] += pending ? pending - 1u : 0u;
            counts[PS_PENDING_NMI][plane] += kept_outside(apic, &states[vcpu], plane);
        }
}

/* What came and led to no step: it was dropped, or waits behind an NMI, or coalesced with one. */
static void count_unstepped(struct ps_figures *f, unsigned event, unsigned plane,
                            struct ps_outcome out)
{
    const unsigned came = event == PS_EVENT_NMI ? (unsigned)PS_EVENT_NMI : (unsigned)PS_EVENT_IRQ;
    const unsigned lost = out.notes & PS_NOTE_DROPPED;
    if (event != PS_EVENT_NMI && !lost)
        return;
    f->steps[came][plane]++;
    f->dropped[came - PS_EVENT_IRQ][plane] += lost != 0;
    f->coalesced[came - PS_EVENT_IRQ][plane] += (out.flags & PS_FLAG_COALESCED) != 0;
}

/* One record: what it does, and what of it is counted. */
static struct ps_outcome run_one(struct ps_run *run, const struct ps_chips *chips,
                                 const struct ps_event_record *record)
{
    const unsigned n_planes = run->ledger.n_planes, event = record->kind;
    const unsigned takes = event >= PS_CHIP_EOI || ps_takes_plane(run->policy, event);
    const unsigned plane = takes ? record->plane : 0u;
    struct ps_state *s = &run->states[record->vcpu];
    struct ps_apic *apics = &chips->apics[(uint64_t)record->vcpu * n_planes];
    int64_t *posted = &chips->posted[(uint64_t)record->vcpu * n_planes * PS_N_VECTORS];
    int64_t *clock = ps_clock(&run->ledger, record->vcpu);
    struct ps_figures *f = run->ledger.figures;

    const struct ps_before before = ps_look(s);
    const unsigned pending = pending_of(&apics[plane]);
    const unsigned kept = kept_outside(&apics[plane], s, plane);
    const struct ps_chip_act act =
        ps_chip_act_on(chips->policy, s, &apics[plane], event, plane, record->arg);
    const struct ps_outcome out = ps_chip_follow(run->policy, chips->policy, s, apics, &act, plane);
    if (act.event == PS_NO_STEP) {
        count_unstepped(f, event, plane, out);
        return out;
    }
    const unsigned now = (unsigned)out.now;
    const unsigned vina_set = ps_chip_note_posted(chips->policy, posted, out, event, plane,
                                                  record->arg, record->time_ns);
    if (out.vector && posted[now * PS_N_VECTORS + out.vector] != PS_UNKNOWN_NS)
        clock[PS_CLOCK_POSTED + now] = posted[now * PS_N_VECTORS + out.vector];
    const uint64_t vina_before = f->vina_set[now];
    ps_count(&run->ledger, &before, s, out, act.event, plane, (uint64_t)record->time_ns, clock);
    if (out.fault)
        return out;
    f->vina_set[now] = vina_before + vina_set;
    if (event == PS_CHIP_IRET) /* the NMI that is taken now came before */
        f->steps[PS_EVENT_NMI][plane]--;
    if (ps_among(PS_CHIP_RESETS, act.event)) {
        f->dropped[PS_PENDING_IRQ][plane] += pending ? pending - 1u : 0u;
        f->dropped[PS_PENDING_NMI][plane] += kept;
    }
    return out;
}

void ps_run_chips(struct ps_run *run, const struct ps_chips *chips, uint64_t end)
{
    for (uint64_t i = run->done; i < end; i++) {
        const struct ps_event_record *record = &run->records[i];
        const uint8_t status = run->states[record->vcpu].status;
        const struct ps_outcome out = run_one(run, chips, record);
        if (run->log && ps_worth_logging(out, status, run->states[record->vcpu].status))
            ps_run_log(run, record, out, status);
    }
    run->done = end;
}

/* ---- csrc/core/layouts.c ---- */
/* The structs and enums of the core that Python reads too. */

#define F(name) PS_LAYOUT_FIELD(ps_state, name)
static const struct ps_layout_field state_fields[] = {
    F(online), F(runnable), F(halted), F(irq), F(masked), F(noint), F(nmi), F(trap), F(held),
    F(edge), F(locked), F(vina), F(vina_asserted), F(req_exit), F(unstarted), F(current), F(status),
    {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_apic, name)
static const struct ps_layout_field apic_fields[] = {
    F(serving), F(irr), F(lines), F(irr_classes), F(isr_classes), F(tpr), F(flags), F(pad), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_event_record, name)
static const struct ps_layout_field event_record_fields[] = {
    F(time_ns), F(vcpu), F(kind), F(plane), F(arg), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_outcome_record, name)
static const struct ps_layout_field outcome_record_fields[] = {
    F(record), F(time_ns), F(vcpu), F(kind), F(plane), F(was), F(now), F(reason), F(fault),
    F(flags), F(status), F(took_ns), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_figures, name)
static const struct ps_layout_field figures_fields[] = {
    F(steps), F(faults), F(entries), F(reasons), F(exits), F(coalesced), F(taken), F(dropped),
    F(pending_before), F(pending), F(vina), F(vina_set), F(time_ns), F(suspended_ns),
    F(latency_ns), F(latency_min_ns), F(latency_max_ns), F(longest_ns), F(age_ns), {0}
};
#undef F

const struct ps_layout ps_core_layouts[] = {
    PS_LAYOUT(ps_state, state_fields),
    PS_LAYOUT(ps_apic, apic_fields),
    PS_LAYOUT(ps_event_record, event_record_fields),
    PS_LAYOUT(ps_outcome_record, outcome_record_fields),
    PS_LAYOUT(ps_figures, figures_fields),
    {0}
};

#define EVENT(name) {"Event", #name, PS_EVENT_##name}
#define REASON(name) {"Reason", #name, PS_REASON_##name}
#define FAULT(name) {"Fault", #name, PS_FAULT_##name}
#define FLAG(name) {"Flags", #name, (int)PS_FLAG_##name}
#define CHIP(name) {"ChipEvent", #name, PS_CHIP_##name}
#define NOTE(name) {"Notes", #name, (int)PS_NOTE_##name}
#define PENDING(name) {"Pending", #name, PS_PENDING_##name}
const struct ps_number ps_core_numbers[] = {
    EVENT(RESCHED), EVENT(IRQ), EVENT(NMI), EVENT(INTERCEPT), EVENT(MASK), EVENT(UNMASK),
    EVENT(CLI), EVENT(STI), EVENT(HALT), EVENT(CALL), EVENT(RETURN), EVENT(START), EVENT(STOP),
    EVENT(ENABLE), EVENT(DISABLE), EVENT(LOCK), EVENT(FORCE), EVENT(HOLD), EVENT(RELEASE),
    EVENT(ENTER), EVENT(VINA_ON), EVENT(VINA_OFF), EVENT(VINA_CLEAR), EVENT(INIT),
    {"Event", NULL, PS_N_EVENTS},
    REASON(NONE), REASON(CALL), REASON(INTERRUPT), REASON(INTERCEPT), REASON(RETURN), REASON(HALT),
    REASON(STOP), REASON(START), REASON(FORCE), REASON(USER), REASON(RELAY), REASON(RESCHED),
    {"Reason", NULL, PS_N_REASONS},
    FAULT(NONE), FAULT(UD), FAULT(INVAL), FAULT(PERM), FAULT(PENDING), FAULT(OFFLINE),
    FAULT(EXISTS), FAULT(BUSY), FAULT(USER), FAULT(BLOCKED),
    {"Fault", NULL, PS_N_FAULTS},
    FLAG(SWITCHED), FLAG(INJECTED), FLAG(NMI), FLAG(VINA), FLAG(BLOCKED), FLAG(USER),
    FLAG(COALESCED), FLAG(BOUNCED),
    CHIP(EOI), CHIP(TPR), CHIP(IRET), CHIP(LINE_UP), CHIP(LINE_DOWN), CHIP(APIC_ON),
    CHIP(APIC_OFF),
    {"ChipEvent", NULL, PS_CHIP_N_EVENTS - PS_CHIP_EOI},
    NOTE(DROPPED), NOTE(REPOSTED), NOTE(MORE), NOTE(VINA_DROPPED), NOTE(VINA_PENDING),
    PENDING(IRQ), PENDING(NMI), PENDING(TRAP),
    {"Pending", NULL, PS_N_PENDING},
    {0}
};
#undef EVENT
#undef REASON
#undef FAULT
#undef FLAG
#undef CHIP
#undef NOTE
#undef PENDING

/* ---- csrc/core/ledger.c ---- */

static void count_pending(uint64_t counts[PS_N_PENDING][PS_MAX_PLANES], const struct ps_state *s)
{
    const uint16_t pending[PS_N_PENDING] = {s->irq, s->nmi, s->trap};
    for (unsigned kind = 0; kind < PS_N_PENDING; kind++)
        for (uint16_t left = pending[kind]; left; left = (uint16_t)(left & (left - 1u)))
            counts[kind][ps_lowest(left)]++;
}

void ps_figures_join(const struct ps_ledger *ledger, const struct ps_state *s, int64_t *clock,
                     int64_t start_ns)
{
    for (unsigned slot = PS_CLOCK_ENTERED; slot < PS_CLOCK_POSTED + ledger->n_planes; slot++)
        clock[slot] = clock[slot] == PS_UNKNOWN_NS ? start_ns : clock[slot];
    if (s->irq | s->nmi | s->trap)
        count_pending(ledger->figures->pending_before, s);
}

void ps_figures_open(const struct ps_ledger *ledger, const struct ps_state *states,
                     uint64_t n_vcpus, int64_t start_ns)
{
    struct ps_figures *f = ledger->figures;
    memset(f, 0, sizeof *f);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        f->latency_min_ns[plane] = UINT64_MAX;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++)
        ps_figures_join(ledger, &states[vcpu], ps_clock(ledger, vcpu), start_ns);
}

void ps_figures_begin_time(const struct ps_ledger *ledger, const struct ps_state *states,
                           uint64_t n_vcpus, int64_t now_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        ps_wide_sub(&f->time_ns[s->status][current], (uint64_t)now_ns);
        ps_count_suspended(f, 0, (uint16_t)(s->runnable & ~ps_bit(current)), (uint64_t)now_ns);
    }
}

void ps_figures_end_time(const struct ps_ledger *ledger, const struct ps_state *states,
                         uint64_t n_vcpus, int64_t now_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        ps_wide_add(&f->time_ns[s->status][current], (uint64_t)now_ns);
        ps_count_suspended(f, (uint16_t)(s->runnable & ~ps_bit(current)), 0, (uint64_t)now_ns);
    }
}

void ps_figures_close(const struct ps_ledger *ledger, const struct ps_state *states,
                      uint64_t n_vcpus, int64_t end_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        int64_t *clock = ps_clock(ledger, vcpu);
        const uint64_t age = (uint64_t)(end_ns - clock[PS_CLOCK_ENTERED]);
        f->age_ns[current] = age > f->age_ns[current] ? age : f->age_ns[current];
        for (unsigned plane = 0; plane < ledger->n_planes; plane++)
            if (!ps_has(s->irq, plane))
                clock[PS_CLOCK_POSTED + plane] = PS_UNKNOWN_NS;
        if (s->irq | s->nmi | s->trap)
            count_pending(f->pending, s);
    }
}

/* ---- csrc/core/lookup.c ---- */


/* The automaton by another name: who embeds it needs neither its layout nor its figures. */
struct ps_lookup {
    struct ps_automaton automaton;
};

struct ps_lookup *ps_lookup_create(const struct ps_policy *policy, unsigned n_planes,
                                   uint64_t bytes)
{
    const uint32_t all_events = (UINT32_C(1) << PS_N_EVENTS) - 1u;
    return (struct ps_lookup *)ps_automaton_create(policy, n_planes, all_events, bytes);
}

void ps_lookup_destroy(struct ps_lookup *lookup)
{
    ps_automaton_destroy((struct ps_automaton *)lookup);
}

uint32_t ps_lookup_states(const struct ps_lookup *lookup)
{
    return lookup->automaton.n_states;
}

/* A vCPU whose row is not known, or has no way on: what it comes to is looked for, while there is
 * room for more. */
static struct ps_outcome step_unknown(struct ps_automaton *automaton, struct ps_known_vcpu *vcpu,
                                            unsigned event, unsigned plane)
{
    const struct ps_outcome out = ps_step(&automaton->policy, &vcpu->state, event, plane);
    vcpu->row = automaton->n_states < automaton->most ? ps_automaton_row(automaton, &vcpu->state)
                                                      : PS_NO_ROW;
    return out;
}

struct ps_outcome ps_lookup_step(struct ps_lookup *lookup, struct ps_known_vcpu *vcpu,
                                 unsigned event, unsigned plane)
{
    struct ps_automaton *automaton = &lookup->automaton;
    assert(event < PS_N_EVENTS && plane < automaton->n_planes);
    const uint32_t row = vcpu->row;
    if (row == PS_NO_ROW)
        return step_unknown(automaton, vcpu, event, plane);
    const uint32_t at = ps_automaton_at(automaton, row, event, plane);
    if (automaton->edges[at].next == PS_NO_STATE &&
        ps_automaton_fill(automaton, row, event, plane) != 0)
        return step_unknown(automaton, vcpu, event, plane);
    assert(ps_automaton_agrees(automaton, row, event, plane));
    vcpu->row = automaton->edges[at].next;
    vcpu->state = *ps_automaton_state(automaton, vcpu->row);
    return automaton->outcomes[at];
}

/* ---- csrc/core/record_checks.c ---- */


enum ps_mistake ps_event_mistake(const struct ps_event_record *event,
                                 const struct ps_policy *policy, unsigned n_planes,
                                 uint64_t n_vcpus, int64_t earliest_ns)
{
    if (event->time_ns < earliest_ns)
        return PS_MISTAKE_TIME;
    if (event->vcpu >= n_vcpus)
        return PS_MISTAKE_VCPU;
    if (event->kind >= PS_N_EVENTS)
        return PS_MISTAKE_KIND;
    if (ps_takes_plane(policy, event->kind))
        return event->plane < n_planes ? PS_MISTAKE_NONE : PS_MISTAKE_PLANE;
    if (event->plane != 0 && event->plane != PS_NO_PLANE)
        return PS_MISTAKE_SUPERFLUOUS;
    return PS_MISTAKE_NONE;
}

#define PS_WRONG (1u << 31)

/* What a kind and a plane say: bit e that it is event e, or that they do not go together. */
struct grammar {
    uint32_t says[32][256];
};

static void grammar_of(struct grammar *grammar, const struct ps_policy *policy, unsigned n_planes)
{
    for (unsigned kind = 0; kind < 32; kind++) {
        const unsigned takes = kind < PS_N_EVENTS && ps_takes_plane(policy, kind);
        const unsigned below = kind < PS_N_EVENTS ? (takes ? n_planes : 1u) : 0u;
        for (unsigned plane = 0; plane < 256; plane++)
            grammar->says[kind][plane] = plane < below ? 1u << kind : PS_WRONG;
        if (below && !takes)
            grammar->says[kind][PS_NO_PLANE] = 1u << kind;
    }
}

/* The events among a block of records, or PS_WRONG with them: all are looked at, and none is
 * branched on. The first bit of a difference tells that something is less than it may be; of two
 * times that are not negative it never tells wrongly. */
static uint32_t survey_block(const struct ps_event_record *events, uint64_t n,
                             const struct grammar *grammar, uint64_t n_vcpus, int64_t earliest_ns)
{
    const uint64_t last = n_vcpus - 1u;
    uint64_t before = (uint64_t)earliest_ns, negative = 0, earlier = 0, beyond = 0;
    uint32_t said = 0, kinds = 0;
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_event_record *event = &events[i];
        ps_prefetch_after(event, PS_RECORDS_AHEAD);
        const uint64_t time = (uint64_t)event->time_ns;
        negative |= time;
        earlier |= time - before;
        beyond |= last - event->vcpu;
        kinds |= event->kind;
        said |= grammar->says[event->kind & 31u][event->plane];
        before = time;
    }
    return (negative | earlier | beyond) >> 63 || kinds > 31u ? said | PS_WRONG : said;
}

#define PS_RECORDS_BLOCK 4096u

uint64_t ps_events_check(const struct ps_event_record *events, uint64_t n,
                         const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                         int64_t start_ns, uint32_t *kinds, enum ps_mistake *mistake)
{
    struct grammar grammar;
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    grammar_of(&grammar, policy, n_planes);
    *kinds = 0;
    for (uint64_t i = 0; i < n; i += PS_RECORDS_BLOCK) {
        const uint64_t length = n - i < PS_RECORDS_BLOCK ? n - i : PS_RECORDS_BLOCK;
        const uint32_t said = survey_block(&events[i], length, &grammar, n_vcpus, earliest_ns);
        if (said & PS_WRONG)
            for (uint64_t k = i; k < i + length; k++) {
                *mistake = ps_event_mistake(&events[k], policy, n_planes, n_vcpus, earliest_ns);
                if (*mistake != PS_MISTAKE_NONE)
                    return k;
                earliest_ns = events[k].time_ns;
            }
        *kinds |= said;
        earliest_ns = events[i + length - 1].time_ns;
    }
    return n;
}

uint64_t ps_states_check(const struct ps_state *states, uint64_t n, unsigned n_planes)
{
    const unsigned beyond = ~((2u << (n_planes - 1u)) - 1u);
    for (uint64_t i = 0; i < n; i++) {
        const struct ps_state *s = &states[i];
        const unsigned used = (unsigned)(s->online | s->runnable | s->halted | s->irq | s->masked |
                                         s->noint | s->nmi | s->trap | s->held | s->edge |
                                         s->locked | s->vina | s->vina_asserted | s->req_exit |
                                         s->unstarted);
        if (used & beyond || s->current < 0 || (unsigned)s->current >= n_planes ||
            s->status > PS_STATUS_BLOCKED)
            return i;
    }
    return n;
}

/* ---- csrc/core/run.c ---- */

/* The vCPU of the event this far ahead is fetched while the present one is worked on: with a
 * million of them, so many are on their way from memory at once. */
#define PS_RUN_AHEAD 32u

void ps_run_log(struct ps_run *run, const struct ps_event_record *record,
                struct ps_outcome out, uint8_t before)
{
    if (run->logged++ >= run->n_log)
        return;
    const struct ps_outcome_record entry = {
        record - run->records, record->time_ns, record->vcpu, record->kind, record->plane, out.was,
        out.now, out.reason, out.fault, out.flags, before, 0};
    run->log[run->logged - 1] = entry;
}

void ps_run_plain(struct ps_run *run, uint64_t end)
{
    const struct ps_policy *policy = run->policy;
    const struct ps_ledger *ledger = &run->ledger;
    for (uint64_t i = run->done; i < end; i++) {
        const struct ps_event_record *record = &run->records[i];
        const uint32_t ahead = run->records[i + PS_RUN_AHEAD < run->n ? i + PS_RUN_AHEAD : i].vcpu;
        ps_prefetch(&run->states[ahead]);
        ps_prefetch_clock(ledger, ahead);
        const unsigned event = record->kind;
        const unsigned plane = ps_takes_plane(policy, event) ? record->plane : 0u;
        struct ps_state *s = &run->states[record->vcpu];
        const struct ps_before before = ps_look(s);
        const struct ps_outcome out = ps_step(policy, s, event, plane);
        ps_count(ledger, &before, s, out, event, plane, (uint64_t)record->time_ns,
                 ps_clock(ledger, record->vcpu));
        if (run->log && ps_worth_logging(out, before.status, s->status))
            ps_run_log(run, record, out, before.status);
    }
    run->done = end;
}

/* Branches on nothing that cannot be foretold. The row of the next event's vCPU is read before this
 * event is counted: behind stores to addresses that are not known yet, it would have to wait. */
int ps_run_known(struct ps_run *run, uint64_t end)
{
    struct ps_automaton *automaton = run->automaton;
    const struct ps_ledger ledger = run->ledger;
    const struct ps_edge *edges = automaton->edges;
    struct ps_tally *tallies = automaton->tallies;
    const struct ps_event_record *record = run->records + run->done;
    const struct ps_event_record *const last = run->records + end;
    const struct ps_event_record *const beyond = run->records + run->n;
    if (record == last)
        return 0;
    int64_t *clock = ps_clock(&ledger, record->vcpu);
    uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    for (; record < last; record++) {
        ps_prefetch_clock(&ledger, record[beyond - record > PS_RUN_AHEAD ? PS_RUN_AHEAD : 0].vcpu);
        ps_prefetch_after(record, PS_RECORDS_AHEAD);
        const uint64_t now_ns = (uint64_t)record->time_ns;
        const uint32_t at = ps_automaton_at(automaton, row, record->kind, record->plane);
        if (edges[at].next == PS_NO_STATE) {
            if (ps_automaton_fill(automaton, row, record->kind, record->plane))
                break;
            edges = automaton->edges;
            tallies = automaton->tallies;
        }
        assert(ps_automaton_agrees(automaton, row, record->kind, record->plane));
        const struct ps_edge edge = edges[at];
        clock[PS_CLOCK_ROW] = edge.next;
        int64_t *following = ps_clock(&ledger, record[record + 1 < last].vcpu);
        row = (uint32_t)following[PS_CLOCK_ROW];

        ps_tally_add(&tallies[at], now_ns);
        ps_count_mark(ledger.figures, edge.mark, PS_MARK_MAY_POST, (int64_t)now_ns, now_ns, clock);
        ps_count_latency(&ledger, edge.mark, now_ns, clock);
        clock = following;
        if (run->log && edge.mark.bits & PS_MARK_LOGGED)
            ps_run_log(run, record, automaton->outcomes[at],
                       ps_automaton_state(automaton, at)->status);
    }
    run->done = (uint64_t)(record - run->records);
    return record < last ? -1 : 0;
}

static int64_t *row_slot(const struct ps_run *run, uint64_t vcpu)
{
    return &ps_clock(&run->ledger, vcpu)[PS_CLOCK_ROW];
}

int ps_run_join(struct ps_run *run, int64_t start_ns)
{
    uint32_t row = PS_NO_STATE;
    for (uint64_t vcpu = 0; vcpu < run->n_vcpus; vcpu++) {
        const struct ps_state *s = &run->states[vcpu];
        if (vcpu == 0 || memcmp(s, s - 1, sizeof *s) != 0) /* most are as the one before */
            row = ps_automaton_row(run->automaton, s);
        if (row == PS_NO_STATE) {
            while (vcpu-- > 0)
                ps_automaton_leave(run->automaton, (uint32_t)*row_slot(run, vcpu),
                                   (uint64_t)start_ns);
            return -1;
        }
        *row_slot(run, vcpu) = row;
        ps_automaton_join(run->automaton, row, (uint64_t)start_ns);
    }
    return 0;
}

void ps_run_leave(struct ps_run *run, int64_t end_ns)
{
    for (uint64_t vcpu = 0; vcpu < run->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)*row_slot(run, vcpu);
        ps_automaton_leave(run->automaton, row, (uint64_t)end_ns);
        run->states[vcpu] = *ps_automaton_state(run->automaton, row);
    }
    ps_automaton_fold(run->automaton, run->ledger.figures);
}

/* ---- csrc/core/scan.c ---- */
/* ---- csrc/core/scan.h ---- */
/* Picking from many packed masks at once (rules, 3.1). */
#ifndef PLANESCHED_SCAN_H
#define PLANESCHED_SCAN_H


/* All give the same answers; a later one is the faster one where it runs. */
enum ps_scan_path { PS_SCAN_PORTABLE, PS_SCAN_AVX2, PS_SCAN_AVX512 };

/* So many answers would not stay in the caches: from here on they are written past them. */
#define PS_SCAN_STREAMED (UINT64_C(1) << 25)

/* The last path that runs on this processor; those before it run too. */
enum ps_scan_path ps_scan_widest(void);

/* The first plane of each of `n` masks by the policy's rank, or -1. `locked` has a mask for each,
 * or is NULL where none is locked in. `out` overlaps neither. */
void ps_scan(enum ps_scan_path path, const struct ps_policy *policy, const uint16_t *candidates,
             const uint16_t *locked, uint64_t n, int8_t *out);

#endif


#include <stddef.h>
#include <string.h>


enum {
    PS_SCAN_LINE = 32,  /* masks in a cache line */
    PS_SCAN_BLOCK = 512 /* masks that are looked at while those after the next block are fetched */
};

/* The number of the highest bit is the exponent of the word as a float. Of 2 x + 1 it is one more,
 * and zero for no bit at all. IEEE 754 stores it plus 127. */
PS_INLINE int8_t highest_or_none(uint16_t planes)
{
    const float value = (float)(int32_t)(2u * planes + 1u);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (int8_t)((int32_t)(bits >> 23) - 128);
}

PS_INLINE void numbers_of(const uint16_t *restrict in, uint64_t n, int lowest,
                          int8_t *restrict out)
{
    if (lowest)
        for (uint64_t i = 0; i < n; i++)
            out[i] = highest_or_none((uint16_t)(in[i] & (0u - in[i])));
    else
        for (uint64_t i = 0; i < n; i++)
            out[i] = highest_or_none(in[i]);
}

PS_INLINE void foremost_of(const uint16_t *restrict in, const uint16_t *restrict locked,
                           uint64_t n, const struct ps_policy *policy, uint16_t *restrict out)
{
    const uint16_t marker = policy->marker_bit;
    const uint16_t demotable = policy->demotable;
    if (locked)
        for (uint64_t i = 0; i < n; i++)
            out[i] = ps_foremost(in[i], (uint16_t)(demotable & ~locked[i]), marker);
    else
        for (uint64_t i = 0; i < n; i++)
            out[i] = ps_foremost(in[i], demotable, marker);
}

/* What is compiled for one instruction set. */
struct scan_code {
    void (*foremost)(const uint16_t *in, const uint16_t *locked, uint64_t n,
                     const struct ps_policy *policy, uint16_t *out);
    /* `stream`: `out` begins with a cache line, and is not to be kept in the caches. */
    void (*numbers)(const uint16_t *in, uint64_t n, int lowest, int stream, int8_t *out);
};

#define PS_FOREMOST_FOR(set, attribute) \
    attribute static void foremost_##set(const uint16_t *in, const uint16_t *locked, uint64_t n, \
                                         const struct ps_policy *policy, uint16_t *out) \
    { \
        foremost_of(in, locked, n, policy, out); \
    }

#define PS_NUMBERS_FOR(set, attribute) \
    attribute static void numbers_##set(const uint16_t *in, uint64_t n, int lowest, int stream, \
                                        int8_t *out) \
    { \
        (void)stream; \
        numbers_of(in, n, lowest, out); \
    }

PS_FOREMOST_FOR(portable, )
PS_NUMBERS_FOR(portable, )

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define PS_SCAN_FENCE() _mm_sfence()
#define PS_AVX2 __attribute__((target("avx2")))
PS_FOREMOST_FOR(avx2, PS_AVX2)
PS_NUMBERS_FOR(avx2, PS_AVX2)

#define PS_AVX512 __attribute__((target("avx512f,avx512bw,avx512cd")))
PS_FOREMOST_FOR(avx512, PS_AVX512)

/* Leading zeros are counted in 32-bit lanes: in the odd words, ended by ones, 0 to 16; in the even
 * words, alone in their lane, 16 to 32. */
PS_AVX512 PS_INLINE __m512i zeros_above(__m512i planes, int lowest)
{
    const __m512i even = _mm512_set1_epi32(0xffff);
    if (lowest)
        planes = _mm512_and_si512(planes, _mm512_sub_epi16(_mm512_setzero_si512(), planes));
    const __m512i in_odd = _mm512_lzcnt_epi32(_mm512_or_si512(planes, even));
    const __m512i in_even = _mm512_lzcnt_epi32(_mm512_and_si512(planes, even));
    return _mm512_or_si512(_mm512_slli_epi32(in_odd, 16), in_even);
}

/* 64 masks; what `some` leaves out is not touched, and its answer is of no use. */
PS_AVX512 PS_INLINE __m512i numbers_of_64(const uint16_t *in, uint64_t some, int lowest)
{
    const __m512i first = _mm512_maskz_loadu_epi16((__mmask32)some, in);
    const __m512i second = _mm512_maskz_loadu_epi16((__mmask32)(some >> 32), in + 32);
    const __m512i packed =
        _mm512_packs_epi16(zeros_above(first, lowest), zeros_above(second, lowest));
    /* Packing takes 128 bits of the one and 128 of the other in turn. */
    const __m512i in_order =
        _mm512_permutexvar_epi64(_mm512_set_epi64(7, 5, 3, 1, 6, 4, 2, 0), packed);
    return _mm512_sub_epi8(_mm512_set1_epi16(0x0f1f), in_order);
}

PS_AVX512 PS_INLINE void numbers_wide(const uint16_t *in, uint64_t n, int lowest, int stream,
                                      int8_t *out)
{
    uint64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        const __m512i numbers = numbers_of_64(in + i, UINT64_MAX, lowest);
        if (stream)
            _mm512_stream_si512((void *)(out + i), numbers);
        else
            _mm512_storeu_si512(out + i, numbers);
    }
    if (i < n) {
        const uint64_t some = (UINT64_C(1) << (n - i)) - 1u;
        _mm512_mask_storeu_epi8(out + i, some, numbers_of_64(in + i, some, lowest));
    }
}

PS_AVX512 static void numbers_avx512(const uint16_t *in, uint64_t n, int lowest, int stream,
                                     int8_t *out)
{
    if (lowest)
        numbers_wide(in, n, 1, stream, out);
    else
        numbers_wide(in, n, 0, stream, out);
}

static const struct scan_code SCAN_CODES[] = {
    {foremost_portable, numbers_portable},
    {foremost_avx2, numbers_avx2},
    {foremost_avx512, numbers_avx512},
};

enum ps_scan_path ps_scan_widest(void)
{
    if (!__builtin_cpu_supports("avx2"))
        return PS_SCAN_PORTABLE;
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
               ? PS_SCAN_AVX512
               : PS_SCAN_AVX2;
}
#else
#define PS_SCAN_FENCE() ((void)0)

static const struct scan_code SCAN_CODES[] = {{foremost_portable, numbers_portable}};

enum ps_scan_path ps_scan_widest(void)
{
    return PS_SCAN_PORTABLE;
}
#endif

/* The processor's own prefetcher alone does not keep up with answers that are streamed. */
PS_INLINE void fetch_block(const uint16_t *masks, uint64_t from, uint64_t n)
{
    for (uint64_t i = 0; i < PS_SCAN_BLOCK && from + i < n; i += PS_SCAN_LINE)
        ps_prefetch_read(masks + from + i);
}

void ps_scan(enum ps_scan_path path, const struct ps_policy *policy, const uint16_t *candidates,
             const uint16_t *locked, uint64_t n, int8_t *out)
{
    const int ranked = (policy->demotable | policy->marker_bit) != 0;
    const int lowest = policy->direction == PS_LOWEST_FIRST;
    const int stream = n >= PS_SCAN_STREAMED;
    uint16_t group[PS_SCAN_BLOCK];
    assert(path <= ps_scan_widest());
    if (!policy->demotable)
        locked = NULL;
    /* The first block ends where `out` is aligned: from there on it can be streamed. */
    uint64_t size = PS_SCAN_BLOCK - ((uintptr_t)out & (PS_SCAN_BLOCK - 1));
    for (uint64_t at = 0; at < n; at += size, size = PS_SCAN_BLOCK) {
        const uint16_t *in = candidates + at;
        size = size < n - at ? size : n - at;
        fetch_block(candidates, at + size + PS_SCAN_BLOCK, n);
        if (ranked) {
            if (locked)
                fetch_block(locked, at + size + PS_SCAN_BLOCK, n);
            SCAN_CODES[path].foremost(in, locked ? locked + at : NULL, size, policy, group);
            in = group;
        }
        SCAN_CODES[path].numbers(in, size, lowest, stream && at, out + at);
    }
    if (stream)
        PS_SCAN_FENCE();
}

/* ---- csrc/engine/counting.c ---- */
/* Reading an engine's figures while it goes on. */
/* ---- csrc/engine/vcpu_step.h ---- */
/* One step of a vCPU, what it adds to the figures and what it costs. */
#ifndef PLANESCHED_VCPU_STEP_H
#define PLANESCHED_VCPU_STEP_H

/* ---- csrc/engine/parts.h ---- */
/* The engine's insides, shared by its files. Each calls only those above it:
 *
 *     queue (nodes of jobs), log, livelock
 *     vcpu_step.h and .c (one step, its count and its cost)
 *     vcpu_jobs.h, vcpu.c (what happens on one vCPU, in order of time)
 *     ipi (vCPUs in one order), input (what is fed)
 *     counting (figures), snapshot
 *     life (beginning, end and clock of an engine)
 */
#ifndef PLANESCHED_ENGINE_PARTS_H
#define PLANESCHED_ENGINE_PARTS_H

/* ---- csrc/engine/queue.h ---- */
/* Queues of jobs: linked lists in one pool of nodes, so that memory follows the work there is and a
 * copy of an engine is a copy of a few arrays. */
#ifndef PLANESCHED_QUEUE_H
#define PLANESCHED_QUEUE_H

#include <assert.h>
#include <stdint.h>


#define PS_NIL UINT32_MAX

struct ps_node {
    int64_t arrival_ns;
    int64_t left_ns;     /* of what it is now */
    int64_t service_ns;  /* at the plane that it is for; of a call, the plane that called */
    uint32_t next;
    uint16_t source;     /* its row, once it has arrived; before, what its job said */
    uint8_t plane, kind;
};

struct ps_queue {
    uint32_t head, tail;  /* the tail is any node while the head is PS_NIL */
};

struct ps_pool {
    struct ps_node *nodes;
    uint32_t capacity, used;  /* nodes from `used` on were never handed out */
    uint32_t free;            /* the first of those that were given back */
};

static inline int ps_pool_empty(const struct ps_pool *pool)
{
    return pool->free == PS_NIL && pool->used == pool->capacity;
}

static inline uint32_t ps_pool_take(struct ps_pool *pool)
{
    uint32_t node = pool->free;
    if (PS_RARELY(node == PS_NIL)) {
        assert(pool->used < pool->capacity); /* ps_pool_reserve has been here */
        return pool->used++;
    }
    pool->free = pool->nodes[node].next;
    return node;
}

static inline void ps_pool_give(struct ps_pool *pool, uint32_t node)
{
    pool->nodes[node].next = pool->free;
    pool->free = node;
}

static inline void ps_queue_push(struct ps_pool *pool, struct ps_queue *queue, uint32_t node)
{
    /* Without a branch: nobody can foretell whether a queue is empty. */
    uint32_t *last = &pool->nodes[queue->tail].next;
    last = queue->head == PS_NIL ? &queue->head : last;
    pool->nodes[node].next = PS_NIL;
    *last = node;
    queue->tail = node;
}

static inline void ps_queue_push_front(struct ps_pool *pool, struct ps_queue *queue, uint32_t node)
{
    pool->nodes[node].next = queue->head;
    if (queue->head == PS_NIL)
        queue->tail = node;
    queue->head = node;
}

static inline uint32_t ps_queue_pop(struct ps_pool *pool, struct ps_queue *queue)
{
    const uint32_t node = queue->head;
    assert(node != PS_NIL);
    queue->head = pool->nodes[node].next;
    return node;
}

/* Make room for `n` more nodes. Returns 0, or -1 without memory; the nodes there are stay good. */
int ps_pool_reserve(struct ps_pool *pool, uint64_t n);

#endif


/* Jobs are fed in the order of these, within a vCPU. */
struct ps_fed {
    int64_t time_ns;
    uint16_t source;
    uint8_t plane;
};

/* One vCPU's guests. Its clock stands in an array of its own, as figures.h wants, with the row of
 * its state in the automaton; only where that is full is its ps_state the one in `states`. */
struct ps_guest {
    int64_t now_ns;
    int64_t ready_ns;       /* later than now: a switch is under way until then */
    int64_t arrival_ns;     /* when the next job arrives; PS_NEVER_NS: none will */
    uint32_t arrival;       /* the number of its source; that of sources: it stands in `input` */
    uint32_t n_jobs;        /* in queues */
    uint32_t idle_steps;    /* since anything arrived, worked or ended; PS_NOTED: livelock told */
    uint16_t work;          /* planes whose queue is not empty */
    uint16_t waiting;       /* planes that called, and wait for the end of the call's job */
    uint8_t current, status;  /* as in the state */
    uint8_t left;           /* the plane that the marker last took the vCPU from */
    uint8_t exit_reason;    /* of the last exit to userspace */
    uint8_t stuck;          /* runs in circles in no time until something arrives */
    struct ps_queue queues[PS_MAX_PLANES];
    struct ps_queue input;  /* jobs from outside that have not arrived yet, or wait for a switch */
    int64_t time_ns[4];     /* as in ps_vcpu_report */
    /* When a plane that has work last had none, or last ran. */
    int64_t idle_since_ns[PS_MAX_PLANES];
    uint16_t posted[PS_CLOCK_POSTED + PS_MAX_PLANES]; /* the row of what is pending, by slot */
    struct ps_fed fed;      /* the last job */
    struct ps_fed tried;    /* the last job of the feed number `batch`, if that is under way */
    uint64_t batch;

    /* To find livelocks: how things stood some steps ago (Brent's way to find a cycle). */
    struct ps_state seen;
    int64_t seen_ns;
    uint32_t seen_at, lap;
    uint16_t seen_planes;   /* current since */
    uint8_t seen_left;
    uint16_t livelock_planes;
    uint32_t livelocks;
    int64_t livelock_ns;
};

/* What an engine does to its vCPUs. */
#define PS_ENGINE_EVENTS (PS_E(IRQ) | PS_E(HALT) | PS_E(CALL) | PS_E(RETURN) | PS_E(ENTER))
/* How much memory an engine's table of transitions may take. */
#define PS_AUTOMATON_BYTES (UINT64_C(16) << 20)

/* So many steps without progress are nothing to worry about; then a circle is looked for. */
#define PS_PATIENT_STEPS 64u
#define PS_NOTED UINT32_MAX

struct ps_engine {
    struct ps_engine_config config;  /* its pointers lead to the two below, or nowhere */
    struct ps_policy policy;
    struct ps_state boot;
    int64_t now_ns;          /* every vCPU has come this far */
    int64_t until_ns;        /* and is on the way to here, */
    uint32_t cursor;         /* those below this one are there */
    int64_t counted_ns;      /* when the automaton was last folded */
    uint32_t n_vcpus;
    uint64_t batch;
    struct ps_state *states;
    struct ps_guest *guests;
    int64_t *clocks;
    struct ps_pool pool;
    struct ps_automaton *automaton;
    struct ps_ledger ledger;
    struct ps_figures figures;
    struct ps_totals totals;
    struct {
        struct ps_outcome_record *next;
        struct ps_outcome_record *costs; /* of this step, if it may take time, or NULL */
        uint64_t left;
    } log;                   /* where outcomes worth it go */
    int costly;              /* any switch or exit costs */
    int plain;               /* see struct ps_vcpu */
    int failed;              /* no memory for a job */
    int stopped;             /* the userspace scheduler gave no plane */

    const struct ps_source *sources;
    uint32_t n_sources;
    uint32_t n_arriving;     /* sources of arrivals, */
    uint32_t *arriving;      /* which, by plane */
    uint32_t n_streams;      /* of a vCPU: one a source, one for costs */
    struct ps_stream *streams;
    uint16_t callers;        /* planes that have a source of calls */
    int talks;               /* there is a source of IPIs */
    struct ps_queue ended;   /* then, jobs whose end may send some */
    struct ps_row *rows;     /* [n_sources + n_planes] */
    uint8_t *row_planes;     /* the plane that serves each */
    uint64_t *latency, *response, *sojourn; /* response: only where switches cost */

    /* With IPIs, the next event of each vCPU, and a tree of matches for the first of them. */
    uint32_t *tree;
};

/* One vCPU while something happens to it: where its things stand, looked up once. In an engine that
 * is `plain` nothing costs, no plane calls, is busy or forwards, and no vCPU sends: a loop that
 * knows this from the start asks less. */
struct ps_vcpu {
    struct ps_engine *engine;
    struct ps_guest *guest;
    int64_t *clock;
    struct ps_stream *streams;
    uint32_t number;
    int plain;
};

static inline struct ps_stream *ps_streams(const struct ps_engine *engine, uint32_t vcpu)
{
    return engine->streams + (size_t)vcpu * engine->n_streams;
}

static inline int ps_vcpu_in_transition(const struct ps_vcpu v)
{
    return !v.plain && v.guest->ready_ns > v.guest->now_ns;
}

/* Planes that can get on with a job, and with that or with computing. */
static inline uint16_t ps_vcpu_able(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    return v.plain ? guest->work : (uint16_t)(guest->work & ~guest->waiting);
}

static inline uint16_t ps_vcpu_eager(const struct ps_vcpu v)
{
    return v.plain ? v.guest->work
                   : (uint16_t)((v.guest->work | v.engine->config.busy) & ~v.guest->waiting);
}

/* The job that the current plane works on, or NULL. */
static inline struct ps_node *ps_vcpu_job(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    if (guest->status || !ps_has(ps_vcpu_able(v), guest->current) || ps_vcpu_in_transition(v))
        return NULL;
    return &v.engine->pool.nodes[guest->queues[guest->current].head];
}

/* Whether it works, or computes at least. */
static inline int ps_vcpu_computes(const struct ps_vcpu v)
{
    return !v.guest->status && ps_has(ps_vcpu_eager(v), v.guest->current) &&
           !ps_vcpu_in_transition(v);
}

static inline int ps_vcpu_calls(const struct ps_vcpu v)
{
    return !v.plain && ps_has(v.engine->callers, v.guest->current);
}

static inline struct ps_vcpu ps_vcpu_of(struct ps_engine *engine, uint32_t vcpu, int plain)
{
    const struct ps_vcpu v = {engine, &engine->guests[vcpu], ps_clock(&engine->ledger, vcpu),
                              ps_streams(engine, vcpu), vcpu, plain};
    return v;
}

/* The state of a vCPU. */
static inline const struct ps_state *ps_vcpu_state(const struct ps_engine *engine, uint32_t vcpu)
{
    assert(vcpu < engine->n_vcpus);
    const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
    return row == PS_NO_STATE ? &engine->states[vcpu] : ps_automaton_state(engine->automaton, row);
}

/* How many rows of figures there are: one a source, then one a plane. */
static inline uint32_t ps_n_rows(const struct ps_engine *engine)
{
    return engine->n_sources + engine->config.n_planes;
}

static inline uint32_t ps_plane_row(const struct ps_engine *engine, unsigned plane)
{
    return engine->n_sources + plane;
}

/* In the input, an IPI stands beside what was fed. */
#define PS_JOB_IPI PS_N_JOB_KINDS

/* The row of a job in the input; where it has arrived, its node's `source` says. */
static inline uint32_t ps_input_row(const struct ps_engine *engine, const struct ps_node *node)
{
    return node->kind == PS_JOB_IPI ? node->source : ps_plane_row(engine, node->plane);
}

/* Take note of a step without progress. */
void ps_guest_watch(struct ps_guest *guest, const struct ps_state *s);
/* Find what arrives next. */
void ps_vcpu_find_arrival(struct ps_engine *engine, uint32_t vcpu);
/* Let a vCPU do what takes no time: end jobs, give up, be entered. */
void ps_vcpu_act_until_busy(struct ps_engine *engine, uint32_t vcpu);
/* Let time pass, and let the next event of a vCPU happen. */
void ps_vcpu_pass_time(struct ps_engine *engine, uint32_t vcpu, int64_t to_ns);
void ps_vcpu_do_next_event(struct ps_engine *engine, uint32_t vcpu);
/* Bring a vCPU to `until_ns`; takes from `patience`, returns 1 if that ended first, else 0. */
int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience);
/* When the next event happens; `*rank`: what comes first at equal times (rules, 7). */
int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned *rank);

/* Where vCPUs send each other IPIs: all of them in one order. */
int ps_engine_advance_together(struct ps_engine *engine, int64_t until_ns, uint64_t *patience);

/* What the engine has to know of a step; `bits`: PS_MARK_FAULT, _SWITCHED, _CHANGED and _EXIT
 * count. */
struct ps_done {
    uint8_t was, bits;
    uint8_t reason; /* of an exit; where something costs, of a switch too */
};

/* A vCPU whose state the automaton does not hold. */
struct ps_done ps_vcpu_step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                   unsigned plane, int64_t posted_ns, uint32_t row);
void ps_engine_log_step(struct ps_engine *engine, uint32_t vcpu, unsigned event, unsigned plane,
                        struct ps_outcome out, uint8_t before);
/* What this step logged takes time. */
void ps_engine_log_took(struct ps_engine *engine, int64_t took_ns);
/* Give a vCPU another state than a step would. */
void ps_vcpu_set_state(struct ps_engine *engine, uint32_t vcpu, const struct ps_state *s);
/* Figures begin from zero. What was counted per transition goes to the figures. */
void ps_engine_clear(struct ps_engine *engine);
void ps_engine_fold(struct ps_engine *engine);

#endif


static inline void ps_extend_range(uint64_t *least, uint64_t *greatest, uint64_t value)
{
    if (PS_RARELY(value < *least))
        *least = value;
    if (PS_RARELY(value > *greatest))
        *greatest = value;
}

static inline void ps_row_inject(struct ps_engine *engine, uint32_t number, uint64_t latency_ns)
{
    struct ps_row *row = &engine->rows[number];
    row->injected++;
    ps_wide_add(&row->latency_ns, latency_ns);
    ps_extend_range(&row->latency_min_ns, &row->latency_max_ns, latency_ns);
    engine->latency[(size_t)number * PS_N_BUCKETS + ps_bucket(latency_ns)]++;
}

/* To the first instruction of the plane that takes it: the switch (and exit) that brought the plane
 * in has been paid by then. */
static inline void ps_row_respond(struct ps_engine *engine, uint32_t number, uint64_t response_ns)
{
    struct ps_row *row = &engine->rows[number];
    ps_wide_add(&row->response_ns, response_ns);
    ps_extend_range(&row->response_min_ns, &row->response_max_ns, response_ns);
    engine->response[(size_t)number * PS_N_BUCKETS + ps_bucket(response_ns)]++;
}

/* What a step that was counted says to the engine: whose latency begins, what was injected, what
 * the vCPU is now. `row`: that of the job behind an irq. */
PS_INLINE struct ps_done ps_vcpu_follow(const struct ps_vcpu v, unsigned event, struct ps_mark mark,
                                        uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned now = ps_mark_now(mark);
    const struct ps_done done = {(uint8_t)ps_mark_was(mark), mark.bits, 0};
    if (event == PS_EVENT_IRQ)
        guest->posted[mark.post] = (uint16_t)row;
    if (PS_RARELY(mark.notify != PS_CLOCK_NOWHERE))
        guest->posted[mark.notify] = (uint16_t)ps_plane_row(engine, now);
    if (mark.bits & PS_MARK_INJECTED)
        ps_row_inject(engine, guest->posted[PS_CLOCK_POSTED + now],
                      (uint64_t)(guest->now_ns - v.clock[PS_CLOCK_POSTED + now]));
    guest->current = (uint8_t)now;
    guest->status = (uint8_t)(mark.bits >> PS_MARK_STATUS_SHIFT);
    return done;
}

/* By the automaton. The loop wants one for each event: it is known there, and costs less then. */
PS_INLINE struct ps_done ps_vcpu_step(const struct ps_vcpu v, unsigned event, unsigned plane,
                                      int64_t posted_ns, uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_automaton *automaton = engine->automaton;
    const uint64_t now_ns = (uint64_t)v.guest->now_ns;
    const uint32_t from = (uint32_t)v.clock[PS_CLOCK_ROW];
    if (PS_RARELY(from == PS_NO_STATE))
        return ps_vcpu_step_slowly(engine, v.number, event, plane, posted_ns, row);
    const uint32_t at = ps_automaton_at(automaton, from, event, plane);
    if (PS_RARELY(automaton->edges[at].next == PS_NO_STATE) &&
        ps_automaton_fill(automaton, from, event, plane) != 0)
        return ps_vcpu_step_slowly(engine, v.number, event, plane, posted_ns, row);
    assert(ps_automaton_agrees(automaton, from, event, plane));
    const struct ps_edge *edge = &automaton->edges[at];
    ps_tally_add(&automaton->tallies[at], now_ns);
    v.clock[PS_CLOCK_ROW] = edge->next;
    ps_count_mark(&engine->figures, edge->mark,
                  PS_MARK_FORETOLD | (event == PS_EVENT_IRQ ? PS_MARK_MAY_POST : 0u), posted_ns,
                  now_ns, v.clock);
    struct ps_done done = ps_vcpu_follow(v, event, edge->mark, row);
    if ((!v.plain && engine->costly) || PS_RARELY(edge->mark.bits & PS_MARK_EXIT))
        done.reason = automaton->outcomes[at].reason;
    if (PS_RARELY(engine->log.left) && edge->mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, v.number, event, plane, automaton->outcomes[at],
                           ps_automaton_state(automaton, at)->status);
    return done;
}

/* What a switch or an exit takes. */
static inline int64_t ps_vcpu_cost_ns(const struct ps_vcpu v, const struct ps_done *done)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_workload *workload = engine->config.workload;
    struct ps_stream *stream = engine->n_streams ? v.streams + engine->n_sources : NULL;
    int64_t cost_ns = 0;
    if (done->bits & PS_MARK_SWITCHED) {
        cost_ns = engine->config.cost_ns[done->reason];
        if (workload && workload->costs)
            cost_ns = workload->costs[((size_t)done->reason * PS_MAX_PLANES + done->was) *
                                          PS_MAX_PLANES + v.guest->current];
        if (cost_ns < 0)
            cost_ns = workload->draws->time(&workload->spreads[-1 - cost_ns], stream);
    }
    if (done->bits & PS_MARK_EXIT) {
        const int64_t exit_ns = workload && workload->exit_cost
                                    ? workload->draws->time(workload->exit_cost, stream)
                                    : engine->config.exit_ns;
        cost_ns = ps_later(cost_ns, exit_ns);
    }
    return cost_ns;
}

/* Another plane works, or none: how long did those with work go without? Of those that have none
 * nobody asks since when. */
PS_INLINE void ps_count_starved(const struct ps_vcpu v, unsigned current, unsigned status)
{
    struct ps_guest *guest = v.guest;
    if (!status)
        guest->idle_since_ns[current] = guest->now_ns;
    if (!guest->status && ps_has(guest->work, guest->current)) {
        const int64_t begins_ns = v.plain ? guest->now_ns : guest->ready_ns;
        const uint64_t length = (uint64_t)(begins_ns - guest->idle_since_ns[guest->current]);
        if (length > v.engine->totals.starved_ns[guest->current])
            v.engine->totals.starved_ns[guest->current] = length;
    }
}

/* Let an event happen. `posted_ns` and `row`: of the job behind an irq. Returns its fault. */
PS_INLINE unsigned ps_vcpu_act(const struct ps_vcpu v, unsigned event, unsigned plane,
                               int64_t posted_ns, uint32_t row)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned status = guest->status;
    const struct ps_done done = ps_vcpu_step(v, event, plane, posted_ns, row);
    if (!v.plain)
        guest->ready_ns = guest->now_ns;
    if (!v.plain && engine->costly && done.bits & (PS_MARK_SWITCHED | PS_MARK_EXIT)) {
        guest->ready_ns = ps_later(guest->now_ns, ps_vcpu_cost_ns(v, &done));
        if (engine->log.costs)
            ps_engine_log_took(engine, guest->ready_ns - guest->now_ns);
    }
    if (!v.plain && engine->costly && done.bits & PS_MARK_INJECTED) {
        const unsigned slot = PS_CLOCK_POSTED + (unsigned)guest->current;
        ps_row_respond(engine, guest->posted[slot],
                       (uint64_t)(guest->ready_ns - v.clock[slot]));
    }
    if (PS_RARELY(done.bits & PS_MARK_EXIT))
        guest->exit_reason = done.reason;
    if (done.bits & PS_MARK_CHANGED) {
        if (done.bits & PS_MARK_SWITCHED && guest->current == engine->policy.marker)
            guest->left = done.was;
        ps_count_starved(v, done.was, status);
    }
    return done.bits & PS_MARK_FAULT;
}

#endif


/* ---- Counting begins ---- */

void ps_engine_clear(struct ps_engine *engine)
{
    const uint32_t n_rows = ps_n_rows(engine);
    const size_t bytes = (size_t)n_rows * PS_N_BUCKETS * sizeof *engine->latency;
    memset(engine->latency, 0, bytes);
    memset(engine->response, 0, bytes);
    memset(engine->sojourn, 0, bytes);
    memset(&engine->totals, 0, sizeof engine->totals);
    memset(engine->rows, 0, n_rows * sizeof *engine->rows);
    for (uint32_t row = 0; row < n_rows; row++)
        engine->rows[row].latency_min_ns = engine->rows[row].response_min_ns =
            engine->rows[row].sojourn_min_ns = UINT64_MAX;
    ps_figures_open(&engine->ledger, NULL, 0, engine->now_ns);
}

static void count_queued(const struct ps_engine *engine, const struct ps_guest *guest,
                         struct ps_row *rows, struct ps_wide *age_ns, int before)
{
    for (uint16_t left = guest->work; left; left = (uint16_t)(left & (left - 1u))) {
        uint32_t i = guest->queues[ps_lowest(left)].head;
        for (; i != PS_NIL; i = engine->pool.nodes[i].next) {
            const struct ps_node *node = &engine->pool.nodes[i];
            ps_wide_add(age_ns, (uint64_t)(guest->now_ns - node->arrival_ns));
            if (before)
                rows[node->source].queued_before++;
            else
                rows[node->source].queued++;
        }
    }
}

void ps_engine_restart(struct ps_engine *engine)
{
    ps_engine_fold(engine);
    ps_engine_clear(engine);
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        struct ps_guest *guest = &engine->guests[vcpu];
        const struct ps_state *s = ps_vcpu_state(engine, vcpu);
        int64_t *clock = ps_clock(&engine->ledger, vcpu);
        ps_figures_join(&engine->ledger, s, clock, guest->now_ns);
        if ((uint32_t)clock[PS_CLOCK_ROW] == PS_NO_STATE)
            ps_figures_begin_time(&engine->ledger, s, 1, guest->now_ns);
        count_queued(engine, guest, engine->rows, &engine->totals.age_before_ns, 1);
        memset(guest->time_ns, 0, sizeof guest->time_ns);
    }
}

void ps_engine_fold(struct ps_engine *engine)
{
    struct ps_automaton *automaton = engine->automaton;
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
        if (row != PS_NO_STATE)
            ps_automaton_leave(automaton, row, (uint64_t)engine->guests[vcpu].now_ns);
    }
    ps_automaton_fold(automaton, &engine->figures);
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const uint32_t row = (uint32_t)ps_clock(&engine->ledger, vcpu)[PS_CLOCK_ROW];
        if (row != PS_NO_STATE)
            ps_automaton_join(automaton, row, (uint64_t)engine->guests[vcpu].now_ns);
    }
    engine->counted_ns = engine->now_ns;
}

/* ---- Reading ---- */

/* What was fed, or sent, and came during a switch that still goes on has arrived, though it has had
 * no effect yet. (What sources make during a switch is not drawn before its end.) */
static void count_waiting(const struct ps_engine *engine, const struct ps_guest *guest,
                          struct ps_row *rows, struct ps_totals *totals)
{
    for (uint32_t i = guest->input.head; i != PS_NIL; i = engine->pool.nodes[i].next) {
        const struct ps_node *node = &engine->pool.nodes[i];
        if (node->arrival_ns > guest->now_ns)
            return;
        const uint32_t row = ps_input_row(engine, node);
        rows[row].arrived++;
        rows[row].queued++;
        totals->woken[node->plane] += node->kind != PS_JOB_IPI && node->source == PS_SOURCE_WAKE;
        ps_wide_add(&totals->age_ns, (uint64_t)(guest->now_ns - node->arrival_ns));
        ps_wide_add(&totals->load_ns, (uint64_t)(guest->now_ns - node->arrival_ns));
    }
}

static void read_pending(const struct ps_state *s, const int64_t *clock, int64_t now_ns,
                         uint64_t oldest_ns[PS_MAX_PLANES])
{
    for (uint16_t left = s->irq; left; left = (uint16_t)(left & (left - 1u))) {
        const unsigned plane = ps_lowest(left);
        const uint64_t age = (uint64_t)(now_ns - clock[PS_CLOCK_POSTED + plane]);
        oldest_ns[plane] = age > oldest_ns[plane] ? age : oldest_ns[plane];
    }
}

/* Planes that have work and do not run have gone without for so long. */
static void read_starving(const struct ps_guest *guest, uint64_t starved_ns[PS_MAX_PLANES])
{
    uint16_t starving = guest->work;
    if (!guest->status)
        starving = (uint16_t)(starving & ~ps_bit(guest->current));
    for (; starving; starving = (uint16_t)(starving & (starving - 1u))) {
        const unsigned plane = ps_lowest(starving);
        const uint64_t length = (uint64_t)(guest->now_ns - guest->idle_since_ns[plane]);
        starved_ns[plane] = length > starved_ns[plane] ? length : starved_ns[plane];
    }
}

static void add_row(const struct ps_row *row, unsigned plane, struct ps_totals *t,
                    struct ps_figures *f)
{
    t->arrived[plane] += row->arrived;
    t->finished[plane] += row->finished;
    t->queued_before[plane] += row->queued_before;
    t->queued[plane] += row->queued;
    ps_wide_add_wide(&t->sojourn_ns[plane], row->sojourn_ns);
    ps_wide_add_wide(&f->latency_ns[plane], row->latency_ns);
    if (row->finished) {
        ps_extend_range(&t->sojourn_min_ns[plane], &t->sojourn_max_ns[plane], row->sojourn_min_ns);
        ps_extend_range(&t->sojourn_min_ns[plane], &t->sojourn_max_ns[plane], row->sojourn_max_ns);
    }
    if (row->injected) {
        ps_extend_range(&f->latency_min_ns[plane], &f->latency_max_ns[plane], row->latency_min_ns);
        ps_extend_range(&f->latency_min_ns[plane], &f->latency_max_ns[plane], row->latency_max_ns);
    }
}

static void read_counts(struct ps_engine *engine, struct ps_figures *figures,
                        struct ps_totals *totals, struct ps_row *rows)
{
    const uint32_t n_rows = ps_n_rows(engine);
    ps_engine_fold(engine);
    *figures = engine->figures;
    *totals = engine->totals;
    memcpy(rows, engine->rows, n_rows * sizeof *rows);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        totals->sojourn_min_ns[plane] = UINT64_MAX;
    struct ps_ledger ledger = {figures, NULL, NULL, engine->ledger.n_planes};
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const struct ps_guest *guest = &engine->guests[vcpu];
        const struct ps_state *s = ps_vcpu_state(engine, vcpu);
        /* Closing forgets when what is not pending was posted, which matters to nobody. */
        ledger.clocks = ps_clock(&engine->ledger, vcpu);
        read_pending(s, ledger.clocks, guest->now_ns, totals->oldest_ns);
        if ((uint32_t)ledger.clocks[PS_CLOCK_ROW] == PS_NO_STATE)
            ps_figures_end_time(&ledger, s, 1, guest->now_ns);
        ps_figures_close(&ledger, s, 1, guest->now_ns);
        count_waiting(engine, guest, rows, totals);
        count_queued(engine, guest, rows, &totals->age_ns, 0);
        read_starving(guest, totals->starved_ns);
    }
    /* Where nothing costs, a plane's first instruction is at the injection. */
    for (uint32_t row = 0; row < n_rows && !engine->costly; row++) {
        rows[row].response_ns = rows[row].latency_ns;
        rows[row].response_min_ns = rows[row].latency_min_ns;
        rows[row].response_max_ns = rows[row].latency_max_ns;
    }
    for (uint32_t row = 0; row < n_rows; row++)
        add_row(&rows[row], engine->row_planes[row], totals, figures);
}

void ps_engine_read(struct ps_engine *engine, const struct ps_reading *out)
{
    const size_t bytes =
        (size_t)ps_n_rows(engine) * PS_N_BUCKETS * sizeof *out->latency;
    read_counts(engine, out->figures, out->totals, out->rows);
    memcpy(out->latency, engine->latency, bytes);
    memcpy(out->response, engine->costly ? engine->response : engine->latency, bytes);
    memcpy(out->sojourn, engine->sojourn, bytes);
}

void ps_engine_report(const struct ps_engine *engine, uint32_t vcpu, struct ps_vcpu_report *out)
{
    assert(vcpu < engine->n_vcpus);
    const struct ps_guest *guest = &engine->guests[vcpu];
    memcpy(out->time_ns, guest->time_ns, sizeof out->time_ns);
    out->now_ns = guest->now_ns;
    out->livelock_ns = guest->livelock_ns;
    out->livelocks = guest->livelocks;
    out->livelock_planes = guest->livelock_planes;
}

/* ---- csrc/engine/draws.c ---- */
/* Draws in plain C, for users of the library: no numpy, no Python. The same streams as numpy.c. */
#include <math.h>

/* ---- csrc/engine/draws/sfc.h ---- */
/* The generator behind every stream. */
#ifndef PLANESCHED_SFC_H
#define PLANESCHED_SFC_H


/* ---- SFC64, C. Doty-Humphrey, as in numpy/random/src/sfc64 ---- */

/* A generator's state. As a local it stays in registers from draw to draw, while what needs its
 * address is given a copy. */
struct sfc {
    uint64_t words[4];
};

static inline uint64_t sfc_next(struct sfc *sfc)
{
    uint64_t *s = sfc->words;
    const uint64_t out = s[0] + s[1] + s[3]++;
    s[0] = s[1] ^ (s[1] >> 11);
    s[1] = s[2] + (s[2] << 3);
    s[2] = ((s[2] << 24) | (s[2] >> 40)) + out;
    return out;
}

static inline uint64_t sfc_word(void *state)
{
    return sfc_next((struct sfc *)state);
}

static inline uint32_t sfc_half(void *state)
{
    return (uint32_t)(sfc_word(state) >> 32);
}

static inline double sfc_unit(void *state)
{
    return (double)(sfc_word(state) >> 11) * (1.0 / 9007199254740992.0);
}

#endif


static inline double standard_exponential(struct sfc *sfc)
{
    return -log1p(-sfc_unit(sfc));
}

/* Marsaglia's polar method (Marsaglia and Bray, "A convenient method for generating normal
 * variables", 1964); the second number is not kept, so that a draw depends on the stream alone. */
static double standard_normal(struct sfc *sfc)
{
    double x, square;
    do {
        const double y = 2.0 * sfc_unit(sfc) - 1.0;
        x = 2.0 * sfc_unit(sfc) - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0 || square <= 0.0);
    return x * sqrt(-2.0 * log(square) / square);
}

/* Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. */
static double standard_gamma(struct sfc *sfc, double shape)
{
    if (shape < 1.0) {
        const double power = pow(1.0 - sfc_unit(sfc), 1.0 / shape);
        return standard_gamma(sfc, shape + 1.0) * power;
    }
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = standard_normal(sfc), root = 1.0 + c * x, v = root * root * root;
        if (root > 0.0 && log(1.0 - sfc_unit(sfc)) < 0.5 * x * x + d - d * v + d * log(v))
            return d * v;
    }
}

/* ---- csrc/engine/draws/streams.h ---- */
/* Streams and draws over three distributions, which the file that includes this has: a standard
 * exponential, a standard normal and a standard gamma draw from a generator.
 *
 * The generator is numpy's SFC64 (32 bytes of state: a million vCPUs with three sources take
 * 192 MB with their next arrivals) and the seeding numpy's SeedSequence, both restated here;
 * tests/engine/test_draws.py compares them with
 * numpy.random.Generator(SFC64(SeedSequence(seed, spawn_key=(vcpu, source)))).
 */
#ifndef PLANESCHED_STREAMS_H
#define PLANESCHED_STREAMS_H

#include <math.h>
#include <string.h>


/* ---- SeedSequence, M. E. O'Neill's seed_seq_fe128 as in numpy/random/bit_generator.pyx ---- */

#define PS_SEED_POOL 4u

static uint32_t seed_hashed(uint32_t value, uint32_t *constant, uint32_t multiplier)
{
    value ^= *constant;
    *constant *= multiplier;
    value *= *constant;
    return value ^ value >> 16;
}

static uint32_t seed_mixed(uint32_t x, uint32_t y)
{
    const uint32_t out = UINT32_C(0xca01f9dd) * x - UINT32_C(0x4973f715) * y;
    return out ^ out >> 16;
}

static void fill_seed_pool(uint32_t pool[PS_SEED_POOL], const uint32_t *words, uint32_t n)
{
    const uint32_t multiplier = UINT32_C(0x931e8875);
    uint32_t constant = UINT32_C(0x43b0d7e5);
    for (unsigned i = 0; i < PS_SEED_POOL; i++)
        pool[i] = seed_hashed(words[i], &constant, multiplier);
    for (unsigned from = 0; from < PS_SEED_POOL; from++)
        for (unsigned to = 0; to < PS_SEED_POOL; to++)
            if (from != to)
                pool[to] = seed_mixed(pool[to], seed_hashed(pool[from], &constant, multiplier));
    for (uint32_t from = PS_SEED_POOL; from < n; from++)
        for (unsigned to = 0; to < PS_SEED_POOL; to++)
            pool[to] = seed_mixed(pool[to], seed_hashed(words[from], &constant, multiplier));
}

static void seed_stream(uint64_t state[4], const struct ps_seed *seed, uint32_t vcpu,
                        uint32_t number)
{
    uint32_t words[PS_SEED_WORDS + 2], pool[PS_SEED_POOL], constant = UINT32_C(0x8b51f9dd), made[6];
    assert(seed->n >= PS_SEED_POOL && seed->n <= PS_SEED_WORDS);
    memcpy(words, seed->words, seed->n * sizeof *words);
    words[seed->n] = vcpu;
    words[seed->n + 1] = number;
    fill_seed_pool(pool, words, seed->n + 2);
    for (unsigned i = 0; i < 6; i++)
        made[i] = seed_hashed(pool[i % PS_SEED_POOL], &constant, UINT32_C(0x58f38ded));
    for (unsigned i = 0; i < 3; i++)
        state[i] = made[2 * i] | (uint64_t)made[2 * i + 1] << 32;
    state[3] = 1;
    for (unsigned i = 0; i < 12; i++)
        sfc_word(state);
}

/* ---- Spreads ---- */

static inline struct sfc *sfc_of(struct ps_stream *stream)
{
    return (struct sfc *)stream->random;
}

static inline int64_t rounded_ns(double ns)
{
    return ns < 9.2e18 ? (int64_t)(ns + 0.5) : PS_NEVER_NS;
}

static inline int64_t exponential(struct sfc *sfc, double mean_ns)
{
    return rounded_ns(mean_ns * standard_exponential(sfc));
}

/* In 0..n-1; with n a memory's worth of values the bias of multiplying is below 2^-20. */
static uint64_t draw_below(struct sfc *sfc, uint64_t n)
{
    const uint64_t random = sfc_next(sfc);
    const uint64_t high = (random >> 32) * n, low = (random & UINT32_MAX) * n;
    return n <= UINT32_MAX ? (high + (low >> 32)) >> 32 : random % n;
}

static int64_t spread_draw(const struct ps_spread *spread, struct sfc *sfc)
{
    switch (spread->kind) {
    case PS_SPREAD_CONSTANT:
        return spread->whole;
    case PS_SPREAD_UNIFORM:
        return rounded_ns(spread->a + (spread->b - spread->a) * sfc_unit(sfc));
    case PS_SPREAD_EXPONENTIAL:
        return exponential(sfc, spread->a);
    case PS_SPREAD_LOGNORMAL:
        return rounded_ns(exp(spread->a + spread->b * standard_normal(sfc)));
    case PS_SPREAD_GAMMA:
        return rounded_ns(spread->b * standard_gamma(sfc, spread->a));
    default:
        return spread->values[draw_below(sfc, spread->n)];
    }
}

/* The last draw for a job. `sfc` is where the draws before it have led. */
static inline void draw_service(const struct ps_source *source, struct ps_stream *stream,
                                struct sfc sfc)
{
    const struct ps_spread *spread = &source->service;
    if (spread->kind == PS_SPREAD_EXPONENTIAL)
        stream->service_ns = exponential(&sfc, spread->a);
    *sfc_of(stream) = sfc;
    if (spread->kind != PS_SPREAD_EXPONENTIAL)
        stream->service_ns = spread->kind == PS_SPREAD_CONSTANT
                                 ? spread->whole
                                 : spread_draw(spread, sfc_of(stream));
}

/* ---- Arrivals: the gap is drawn first, then the service time of the job behind it ---- */

static void draw_poisson(const struct ps_source *source, struct ps_stream *stream)
{
    struct sfc sfc = *sfc_of(stream);
    stream->next_ns = ps_later(stream->next_ns, exponential(&sfc, source->gap.a));
    draw_service(source, stream, sfc);
}

static void draw_periodic(const struct ps_source *source, struct ps_stream *stream)
{
    const int64_t left_ns = (PS_NEVER_NS - source->phase_ns) / source->period_ns;
    if (stream->count > (uint64_t)left_ns) {
        stream->next_ns = PS_NEVER_NS;
        return;
    }
    const int64_t due_ns = source->phase_ns + (int64_t)stream->count * source->period_ns;
    const int64_t at_ns = ps_later(due_ns, spread_draw(&source->gap, sfc_of(stream)));
    /* A tick that jitter put behind the next one keeps its turn. */
    stream->next_ns = at_ns > stream->next_ns ? at_ns : stream->next_ns;
    stream->count++;
    draw_service(source, stream, *sfc_of(stream));
}

/* Poisson has no memory, so what is left of a gap when a spell ends is drawn anew. */
static void draw_onoff(const struct ps_source *source, struct ps_stream *stream)
{
    for (;;) {
        const unsigned off = (unsigned)(stream->count & 1u);
        const double mean_ns = off ? source->gap.b : source->gap.a;
        const int64_t at_ns =
            mean_ns > 0 ? ps_later(stream->next_ns, exponential(sfc_of(stream), mean_ns))
                        : PS_NEVER_NS;
        if (at_ns < stream->spell_ns || stream->spell_ns == PS_NEVER_NS) {
            stream->next_ns = at_ns;
            break;
        }
        stream->next_ns = stream->spell_ns;
        stream->count++;
        stream->spell_ns = ps_later(stream->spell_ns,
                                 exponential(sfc_of(stream), source->spell_ns[stream->count & 1u]));
    }
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_times(const struct ps_source *source, struct ps_stream *stream)
{
    if (stream->count == source->gap.n) {
        stream->next_ns = PS_NEVER_NS;
        return;
    }
    stream->next_ns = source->gap.values[stream->count++];
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_calls(const struct ps_source *source, struct ps_stream *stream)
{
    stream->next_ns = exponential(sfc_of(stream), source->gap.a);
    draw_service(source, stream, *sfc_of(stream));
}

static void draw_ipi(const struct ps_source *source, struct ps_stream *stream)
{
    stream->next_ns = PS_NEVER_NS;
    draw_service(source, stream, *sfc_of(stream));
}

static double draw_unit(struct ps_stream *stream)
{
    return sfc_unit(sfc_of(stream));
}

static uint32_t draw_choice(struct ps_stream *stream, uint32_t n)
{
    return (uint32_t)draw_below(sfc_of(stream), n);
}

static int64_t draw_time(const struct ps_spread *spread, struct ps_stream *stream)
{
    return spread_draw(spread, sfc_of(stream));
}

static void begin_stream(struct ps_stream *stream, const struct ps_source *source,
                         const struct ps_seed *seed, uint32_t vcpu, uint32_t number)
{
    seed_stream(stream->random, seed, vcpu, number);
    stream->next_ns = source ? source->start_ns : PS_NEVER_NS;
    stream->service_ns = 0;
    stream->count = 0;
    stream->spell_ns = PS_NEVER_NS;
    if (!source)
        return;
    if (source->arrivals == PS_ARRIVALS_ONOFF) {
        /* Begin as one finds it at any time: on with the share of time that it is on. */
        stream->count = draw_unit(stream) * (source->spell_ns[0] + source->spell_ns[1]) >=
                        source->spell_ns[0];
        const double mean_ns = source->spell_ns[stream->count & 1u];
        stream->spell_ns = ps_later(stream->next_ns, exponential(sfc_of(stream), mean_ns));
    }
    source->draw(source, stream);
}

/* The table of these draws. */
#define PS_DRAWS_HERE \
    { \
        begin_stream, draw_unit, draw_choice, draw_time, \
        { \
            draw_poisson, draw_periodic, draw_onoff, draw_times, draw_calls, draw_ipi \
        } \
    }

#endif


const struct ps_draws ps_library_draws = PS_DRAWS_HERE;

/* ---- csrc/engine/input.c ---- */
/* What an engine is fed: jobs, checked before any is taken in. */

static struct ps_fed fed_key(const struct ps_job *job)
{
    const struct ps_fed key = {job->time_ns, job->source, job->plane};
    return key;
}

static enum ps_job_mistake job_mistake(const struct ps_engine *engine, const struct ps_job *job)
{
    if (job->vcpu >= engine->n_vcpus)
        return PS_JOB_BAD_VCPU;
    const struct ps_guest *guest = &engine->guests[job->vcpu];
    const struct ps_fed last = guest->batch == engine->batch ? guest->tried : guest->fed;
    if (job->time_ns < guest->now_ns || job->time_ns < last.time_ns || job->time_ns == PS_NEVER_NS)
        return PS_JOB_BAD_TIME;
    if (job->time_ns == last.time_ns &&
        (job->plane < last.plane || (job->plane == last.plane && job->source < last.source)))
        return PS_JOB_BAD_ORDER;
    if (job->service_ns < 0)
        return PS_JOB_BAD_SERVICE;
    if (job->plane >= engine->config.n_planes || !ps_has(engine->boot.online, job->plane))
        return PS_JOB_BAD_PLANE;
    return job->kind == PS_JOB_INTERRUPT ? PS_JOB_FINE : PS_JOB_BAD_KIND;
}

static void take_in(struct ps_engine *engine, const struct ps_job *job)
{
    struct ps_guest *guest = &engine->guests[job->vcpu];
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = job->time_ns;
    node->left_ns = node->service_ns = job->service_ns;
    node->source = job->source;
    node->plane = job->plane;
    node->kind = PS_JOB_INTERRUPT;
    ps_queue_push(&engine->pool, &guest->input, index);
    guest->fed = fed_key(job);
    if (guest->input.head == index)
        ps_vcpu_find_arrival(engine, job->vcpu);
}

int ps_engine_feed(struct ps_engine *engine, const struct ps_job *jobs, uint64_t n,
                   uint64_t *index, enum ps_job_mistake *mistake)
{
    engine->batch++; /* forgets what an earlier call tried */
    for (uint64_t i = 0; i < n; i++) {
        *mistake = job_mistake(engine, &jobs[i]);
        if (*mistake != PS_JOB_FINE) {
            *index = i;
            return PS_ENGINE_BAD_JOB;
        }
        struct ps_guest *guest = &engine->guests[jobs[i].vcpu];
        guest->tried = fed_key(&jobs[i]);
        guest->batch = engine->batch;
    }
    if (ps_pool_reserve(&engine->pool, n))
        return PS_ENGINE_NO_MEMORY;
    for (uint64_t i = 0; i < n; i++)
        take_in(engine, &jobs[i]);
    return 0;
}

/* ---- csrc/engine/ipi.c ---- */
/* vCPUs that send each other interrupts: their events in one order, by (time, rank, vCPU). */

struct due {
    int64_t time_ns;
    unsigned rank;
    uint32_t vcpu;
};

static struct due due_of(const struct ps_engine *engine, uint32_t vcpu)
{
    struct due due = {0, 0, vcpu};
    due.time_ns = ps_vcpu_next_ns(engine, vcpu, &due.rank);
    return due;
}

static int comes_before(struct due a, struct due b)
{
    if (a.time_ns != b.time_ns)
        return a.time_ns < b.time_ns;
    return a.rank != b.rank ? a.rank < b.rank : a.vcpu < b.vcpu;
}

/* A tree of matches: leaf n + v is vCPU v, node i holds the winner of 2i and 2i + 1. */
static void play_match(struct ps_engine *engine, uint32_t i)
{
    const uint32_t a = engine->tree[2 * i], b = engine->tree[2 * i + 1];
    engine->tree[i] = comes_before(due_of(engine, a), due_of(engine, b)) ? a : b;
}

static void replay_matches(struct ps_engine *engine, uint32_t vcpu)
{
    for (uint32_t i = (engine->n_vcpus + vcpu) / 2; i >= 1; i /= 2)
        play_match(engine, i);
}

static uint32_t choose_target(const struct ps_engine *engine, const struct ps_source *source,
                              struct ps_stream *stream, uint32_t sender)
{
    const struct ps_draws *draws = engine->config.workload->draws;
    if (source->targets)
        return source->targets[draws->choose(stream, source->n_targets)];
    const uint32_t other = draws->choose(stream, engine->n_vcpus - 1u);
    return other < sender ? other : other + 1u;
}

/* Put a job into the input, which is in order of (time, plane, source). */
static void insert_sent(struct ps_engine *engine, uint32_t vcpu, uint32_t index)
{
    struct ps_node *nodes = engine->pool.nodes;
    struct ps_queue *input = &engine->guests[vcpu].input;
    const struct ps_node *job = &nodes[index];
    uint32_t before = PS_NIL;
    for (uint32_t i = input->head; i != PS_NIL; before = i, i = nodes[i].next)
        if (nodes[i].arrival_ns > job->arrival_ns ||
            (nodes[i].arrival_ns == job->arrival_ns &&
             (nodes[i].plane > job->plane ||
              (nodes[i].plane == job->plane && nodes[i].source > job->source))))
            break;
    if (before == PS_NIL) {
        ps_queue_push_front(&engine->pool, input, index);
    } else {
        nodes[index].next = nodes[before].next;
        nodes[before].next = index;
        if (input->tail == before)
            input->tail = index;
    }
    ps_vcpu_find_arrival(engine, vcpu);
    replay_matches(engine, vcpu);
}

static void send_one(struct ps_engine *engine, uint32_t vcpu, uint32_t number)
{
    const struct ps_source *source = &engine->sources[number];
    struct ps_stream *stream = ps_streams(engine, vcpu) + number;
    const double chance = engine->config.workload->draws->unit(stream);
    const uint32_t target = choose_target(engine, source, stream, vcpu);
    const int64_t service_ns = stream->service_ns;
    source->draw(source, stream);
    if (chance >= source->chance)
        return;
    if (ps_pool_empty(&engine->pool) && ps_pool_reserve(&engine->pool, 1)) {
        engine->failed = 1;
        return;
    }
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = engine->guests[vcpu].now_ns;
    node->left_ns = node->service_ns = service_ns;
    node->source = (uint16_t)number;
    node->plane = source->plane;
    node->kind = PS_JOB_IPI;
    insert_sent(engine, target, index);
}

/* What the end of a job of a source sends. */
static void send_from(struct ps_engine *engine, uint32_t vcpu, uint32_t origin)
{
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        const struct ps_source *source = &engine->sources[i];
        if (source->arrivals == PS_ARRIVALS_IPIS && source->origin == origin &&
            (!source->members || source->members[vcpu]))
            send_one(engine, vcpu, i);
    }
}

/* The jobs that ended in the last event of a vCPU send, in the order in which they ended. */
static void send_ended(struct ps_engine *engine, uint32_t vcpu)
{
    while (engine->ended.head != PS_NIL) {
        const uint32_t index = ps_queue_pop(&engine->pool, &engine->ended);
        const uint32_t origin = engine->pool.nodes[index].source;
        ps_pool_give(&engine->pool, index);
        send_from(engine, vcpu, origin);
    }
}

int ps_engine_advance_together(struct ps_engine *engine, int64_t until_ns, uint64_t *patience)
{
    const uint32_t n = engine->n_vcpus;
    for (uint32_t vcpu = 0; vcpu < n; vcpu++)
        engine->tree[n + vcpu] = vcpu;
    for (uint32_t i = n - 1; i >= 1; i--)
        play_match(engine, i);
    for (;;) {
        const uint32_t first = n > 1 ? engine->tree[1] : 0;
        if (due_of(engine, first).time_ns > until_ns)
            break;
        if (!*patience || engine->failed)
            return 1;
        --*patience;
        ps_vcpu_do_next_event(engine, first);
        send_ended(engine, first);
        if (n > 1)
            replay_matches(engine, first);
    }
    for (uint32_t vcpu = 0; vcpu < n; vcpu++)
        if (engine->guests[vcpu].now_ns < until_ns)
            ps_vcpu_pass_time(engine, vcpu, until_ns);
    return 0;
}

/* ---- csrc/engine/layouts.c ---- */
/* The structs and enums of the engine that Python reads too. */

#define F(name) PS_LAYOUT_FIELD(ps_job, name)
static const struct ps_layout_field job_fields[] = {
    F(time_ns), F(service_ns), F(vcpu), F(source), F(plane), F(kind), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_totals, name)
static const struct ps_layout_field totals_fields[] = {
    F(arrived), F(finished), F(queued_before), F(queued), F(sojourn_ns), F(sojourn_min_ns),
    F(sojourn_max_ns), F(woken), F(forwarded), F(starved_ns), F(oldest_ns), F(load_ns), F(age_ns),
    F(age_before_ns), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_row, name)
static const struct ps_layout_field row_fields[] = {
    F(arrived), F(finished), F(injected), F(queued_before), F(queued), F(latency_ns),
    F(response_ns), F(sojourn_ns), F(latency_min_ns), F(latency_max_ns), F(response_min_ns),
    F(response_max_ns), F(sojourn_min_ns), F(sojourn_max_ns), {0}
};
#undef F

const struct ps_layout ps_engine_layouts[] = {
    PS_LAYOUT(ps_job, job_fields),
    PS_LAYOUT(ps_totals, totals_fields),
    PS_LAYOUT(ps_row, row_fields),
    {0}
};

#define JOB(name) {"JobKind", #name, PS_JOB_##name}
#define MISTAKE(name) {"JobMistake", #name, PS_JOB_##name}
#define ARRIVALS(name) {"Arrivals", #name, PS_ARRIVALS_##name}
#define DRAW(name) {"Draw", #name, PS_SPREAD_##name}
const struct ps_number ps_engine_numbers[] = {
    JOB(INTERRUPT), JOB(CALL), JOB(FORWARD), {"JobKind", NULL, PS_N_JOB_KINDS},
    MISTAKE(FINE), MISTAKE(BAD_VCPU), MISTAKE(BAD_TIME), MISTAKE(BAD_ORDER), MISTAKE(BAD_SERVICE),
    MISTAKE(BAD_PLANE), MISTAKE(BAD_KIND),
    ARRIVALS(POISSON), ARRIVALS(PERIODIC), ARRIVALS(ONOFF), ARRIVALS(TIMES), ARRIVALS(CALLS),
    ARRIVALS(IPIS), {"Arrivals", NULL, PS_N_ARRIVALS},
    DRAW(CONSTANT), DRAW(UNIFORM), DRAW(EXPONENTIAL), DRAW(LOGNORMAL), DRAW(GAMMA),
    DRAW(EMPIRICAL), {"Draw", NULL, PS_N_SPREADS},
    {0}
};
#undef JOB
#undef MISTAKE
#undef ARRIVALS
#undef DRAW

/* ---- csrc/engine/life.c ---- */
/* An engine's life and its clock. */

#include <stdlib.h>


static int config_valid(const struct ps_engine_config *config)
{
    const struct ps_policy *policy = config->policy;
    if (!policy || !ps_policy_valid(policy) || config->n_planes < 1 ||
        config->n_planes > PS_MAX_PLANES || config->n_vcpus < 1 || config->start_ns < 0 ||
        config->start_ns == PS_NEVER_NS || config->exit_ns < 0 || config->forward_ns < 0)
        return 0;
    for (unsigned reason = 0; reason < PS_N_REASONS; reason++)
        if (config->cost_ns[reason] < 0)
            return 0;
    const uint32_t all = (2u << (config->n_planes - 1u)) - 1u;
    const uint16_t online = config->initial ? config->initial->online : config->online;
    if (online & ~all || config->busy & ~all || !ps_has(online, policy->boot) ||
        (policy->marker_bit & ~all) ||
        (config->initial && ps_states_check(config->initial, 1, config->n_planes) != 1))
        return 0;
    if (config->main_plane != PS_NO_PLANE &&
        (config->main_plane >= config->n_planes || !ps_has(online, config->main_plane)))
        return 0;
    /* The marker calls the plane it forwards to: it needs to exist, and a call to name a plane. */
    return config->route == PS_ROUTE_OWN ||
           (config->route == PS_ROUTE_MARKER && policy->marker_bit & online &&
            policy->call != PS_CALL_NEXT);
}

/* ---- Life ---- */

static unsigned serving_plane(const struct ps_engine *engine, uint32_t row)
{
    if (row >= engine->n_sources)
        return row - engine->n_sources;
    const struct ps_source *source = &engine->sources[row];
    if (source->arrivals != PS_ARRIVALS_CALLS)
        return source->plane;
    if (engine->policy.call != PS_CALL_NEXT)
        return source->callee;
    const struct ps_state *s = &engine->boot;
    const uint16_t above = ps_outranking(&engine->policy, s, source->plane);
    return above ? ps_last(&engine->policy, s->locked, above) : source->plane;
}

static int take_workload(struct ps_engine *engine)
{
    const struct ps_workload *workload = engine->config.workload;
    engine->n_sources = workload ? workload->n_sources : 0;
    engine->sources = workload ? workload->sources : NULL;
    engine->n_streams = workload ? workload->n_sources + 1 : 0;
    const size_t n_rows = (size_t)engine->n_sources + engine->config.n_planes;
    engine->rows = (struct ps_row *)calloc(n_rows, sizeof *engine->rows);
    engine->row_planes = (uint8_t *)calloc(n_rows, 1);
    engine->arriving = (uint32_t *)calloc(n_rows, sizeof *engine->arriving);
    engine->latency = (uint64_t *)calloc(n_rows * PS_N_BUCKETS, sizeof *engine->latency);
    engine->response = (uint64_t *)calloc(n_rows * PS_N_BUCKETS, sizeof *engine->response);
    engine->sojourn = (uint64_t *)calloc(n_rows * PS_N_BUCKETS, sizeof *engine->sojourn);
    if (!engine->rows || !engine->row_planes || !engine->arriving ||
        !engine->latency || !engine->response || !engine->sojourn)
        return PS_ENGINE_NO_MEMORY;
    ps_engine_clear(engine);
    for (uint32_t row = 0; row < n_rows; row++)
        engine->row_planes[row] = (uint8_t)serving_plane(engine, row);
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        if (engine->sources[i].arrivals < PS_ARRIVALS_CALLS)
            engine->arriving[engine->n_arriving++] = i;
        engine->talks |= engine->sources[i].arrivals == PS_ARRIVALS_IPIS;
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS)
            engine->callers = (uint16_t)(engine->callers | ps_bit(engine->sources[i].plane));
    }
    for (unsigned reason = 0; reason < PS_N_REASONS; reason++)
        engine->costly |= engine->config.cost_ns[reason] > 0;
    engine->costly |= engine->config.exit_ns > 0 ||
                      (workload && (workload->costs || workload->exit_cost));
    engine->plain = !engine->costly && !engine->callers && !engine->talks &&
                    !engine->config.busy && engine->config.route == PS_ROUTE_OWN;
    return 0;
}

int ps_engine_create(const struct ps_engine_config *config, struct ps_engine **out)
{
    if (!config_valid(config))
        return PS_ENGINE_BAD_CONFIG;
    struct ps_engine *engine = (struct ps_engine *)calloc(1, sizeof *engine);
    if (!engine)
        return PS_ENGINE_NO_MEMORY;
    engine->config = *config;
    engine->policy = *config->policy;
    engine->boot = config->initial ? *config->initial : ps_boot(config->policy, config->online);
    engine->config.policy = &engine->policy;
    engine->config.initial = &engine->boot;
    if (config->main_plane == PS_NO_PLANE)
        engine->config.main_plane = (uint8_t)ps_highest(engine->boot.online);
    engine->now_ns = engine->until_ns = engine->counted_ns = config->start_ns;
    engine->pool.free = engine->ended.head = PS_NIL;
    engine->ledger.figures = &engine->figures;
    engine->ledger.n_planes = config->n_planes;
    engine->automaton = ps_automaton_create(&engine->policy, config->n_planes, PS_ENGINE_EVENTS,
                                            PS_AUTOMATON_BYTES);
    if (!engine->automaton || take_workload(engine) ||
        ps_engine_grow(engine, config->n_vcpus)) {
        ps_engine_destroy(engine);
        return PS_ENGINE_NO_MEMORY;
    }
    *out = engine;
    return 0;
}

void ps_engine_destroy(struct ps_engine *engine)
{
    if (!engine)
        return;
    ps_automaton_destroy(engine->automaton);
    free(engine->states);
    free(engine->guests);
    free(engine->clocks);
    free(engine->streams);
    free(engine->tree);
    free(engine->pool.nodes);
    free(engine->rows);
    free(engine->row_planes);
    free(engine->arriving);
    free(engine->latency);
    free(engine->response);
    free(engine->sojourn);
    free(engine);
}

static void begin_streams(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_workload *workload = engine->config.workload;
    const uint32_t id = workload->ids ? workload->ids[vcpu] : vcpu;
    struct ps_stream *streams = ps_streams(engine, vcpu);
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        const struct ps_source *source = &engine->sources[i];
        workload->draws->begin(&streams[i], source, &workload->seed, id, source->number);
        if (source->members && !source->members[vcpu])
            streams[i].next_ns = PS_NEVER_NS;
    }
    workload->draws->begin(&streams[engine->n_sources], NULL, &workload->seed, id,
                           engine->n_sources);
}

static void begin_vcpu(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const int64_t start_ns = engine->config.start_ns;
    memset(guest, 0, sizeof *guest);
    guest->now_ns = guest->ready_ns = start_ns;
    guest->left = PS_NO_PLANE;
    guest->fed.time_ns = -1;
    guest->input.head = PS_NIL;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        guest->queues[plane].head = PS_NIL;
    engine->states[vcpu] = engine->boot;
    guest->current = (uint8_t)engine->boot.current;
    guest->status = engine->boot.status;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        guest->posted[PS_CLOCK_POSTED + plane] = (uint16_t)ps_plane_row(engine, plane);
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    for (unsigned slot = 0; slot < PS_CLOCK_SLOTS(engine->ledger.n_planes); slot++)
        clock[slot] = PS_UNKNOWN_NS;
    ps_figures_join(&engine->ledger, &engine->boot, clock, start_ns);
    clock[PS_CLOCK_ROW] = PS_NO_STATE;
    ps_figures_begin_time(&engine->ledger, &engine->boot, 1, start_ns);
    ps_vcpu_set_state(engine, vcpu, &engine->boot);
    if (engine->n_streams)
        begin_streams(engine, vcpu);
    ps_vcpu_find_arrival(engine, vcpu);
    ps_vcpu_act_until_busy(engine, vcpu);
}

/* Give one array room for n items; what is there stays. */
static int give_room(void **array, size_t n, size_t size)
{
    void *wider = n > SIZE_MAX / (size + !size) ? NULL : realloc(*array, n * size + !size);
    if (!wider)
        return PS_ENGINE_NO_MEMORY;
    *array = wider;
    return 0;
}

int ps_engine_grow(struct ps_engine *engine, uint32_t n_vcpus)
{
    void *states = engine->states, *guests = engine->guests, *clocks = engine->clocks;
    void *streams = engine->streams, *tree = engine->tree;
    const uint32_t before = engine->n_vcpus;
    if (n_vcpus <= before)
        return 0;
    if (engine->talks && engine->now_ns > engine->config.start_ns)
        return PS_ENGINE_BAD_TIME; /* what they would have sent the others is past */
    const size_t slots = PS_CLOCK_SLOTS(engine->ledger.n_planes);
    const int failed = give_room(&states, n_vcpus, sizeof *engine->states) ||
                       give_room(&guests, n_vcpus, sizeof *engine->guests) ||
                       give_room(&clocks, n_vcpus, slots * sizeof *engine->clocks) ||
                       give_room(&streams, n_vcpus, engine->n_streams * sizeof *engine->streams) ||
                       give_room(&tree, n_vcpus, engine->talks ? 2 * sizeof *engine->tree : 0);
    engine->states = (struct ps_state *)states;
    engine->guests = (struct ps_guest *)guests;
    engine->clocks = engine->ledger.clocks = (int64_t *)clocks;
    engine->streams = (struct ps_stream *)streams;
    engine->tree = (uint32_t *)tree;
    if (failed)
        return PS_ENGINE_NO_MEMORY;
    engine->n_vcpus = n_vcpus;
    for (uint32_t vcpu = before; vcpu < n_vcpus; vcpu++)
        begin_vcpu(engine, vcpu);
    return 0;
}

/* ---- The clock ---- */

/* Go so far that the time spent in a state, summed over all vCPUs, still fits the automaton. */
static int advance_counted(struct ps_engine *engine, int64_t until_ns, uint64_t *patience)
{
    if (engine->talks)
        return ps_engine_advance_together(engine, until_ns, patience);
    if (until_ns != engine->until_ns)
        engine->cursor = 0;
    engine->until_ns = until_ns;
    for (; engine->cursor < engine->n_vcpus; engine->cursor++)
        if (ps_vcpu_advance(engine, engine->cursor, until_ns, patience))
            return 1;
    engine->cursor = 0;
    return 0;
}

int ps_engine_advance(struct ps_engine *engine, int64_t until_ns, uint64_t patience)
{
    if (until_ns < engine->now_ns || until_ns == PS_NEVER_NS)
        return PS_ENGINE_BAD_TIME;
    const int64_t most_ns = PS_NEVER_NS / engine->n_vcpus;
    do {
        const int64_t limit_ns = ps_later(engine->counted_ns, most_ns);
        const int64_t to_ns = until_ns < limit_ns ? until_ns : limit_ns;
        const int more = advance_counted(engine, to_ns, &patience);
        const int stopped = engine->stopped;
        engine->stopped = 0;
        if (engine->failed)
            return PS_ENGINE_NO_MEMORY;
        if (stopped || more)
            return stopped ? PS_ENGINE_STOPPED : 1;
        engine->now_ns = to_ns;
        if (to_ns == limit_ns)
            ps_engine_fold(engine);
    } while (engine->now_ns < until_ns);
    return 0;
}

int64_t ps_engine_next_event_ns(const struct ps_engine *engine)
{
    int64_t next = PS_NEVER_NS;
    unsigned rank;
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const int64_t its = ps_vcpu_next_ns(engine, vcpu, &rank);
        next = its < next ? its : next;
    }
    return next;
}

int64_t ps_engine_now_ns(const struct ps_engine *engine)
{
    return engine->now_ns;
}

uint32_t ps_engine_n_vcpus(const struct ps_engine *engine)
{
    return engine->n_vcpus;
}

uint32_t ps_engine_n_rows(const struct ps_engine *engine)
{
    return ps_n_rows(engine);
}

unsigned ps_engine_row_plane(const struct ps_engine *engine, uint32_t row)
{
    assert(row < ps_n_rows(engine));
    return engine->row_planes[row];
}

const struct ps_state *ps_engine_state(const struct ps_engine *engine, uint32_t vcpu)
{
    return ps_vcpu_state(engine, vcpu);
}

/* ---- csrc/engine/livelock.c ---- */
/* Livelocks: a vCPU whose planes hand it round and round and never work. */

static void note_livelock(struct ps_guest *guest)
{
    if (!guest->livelocks)
        guest->livelock_ns = guest->seen_ns;
    guest->livelocks++;
    guest->livelock_planes = (uint16_t)(guest->livelock_planes | guest->seen_planes);
    guest->idle_steps = PS_NOTED;
    guest->stuck = guest->seen_ns == guest->now_ns;
}

/* A step without progress. If the same state comes again before anything arrives, works or ends,
 * then it comes for ever: what follows depends on nothing else. Where the circle takes no time
 * either, the vCPU stays in it until something arrives. */
void ps_guest_watch(struct ps_guest *guest, const struct ps_state *s)
{
    if (guest->idle_steps == PS_NOTED || ++guest->idle_steps < PS_PATIENT_STEPS)
        return;
    if (guest->idle_steps == PS_PATIENT_STEPS) {
        guest->lap = PS_PATIENT_STEPS;
    } else {
        guest->seen_planes = (uint16_t)(guest->seen_planes | ps_bit((unsigned)s->current));
        if (guest->left == guest->seen_left && !memcmp(&guest->seen, s, sizeof *s)) {
            note_livelock(guest);
            return;
        }
        if (guest->idle_steps - guest->seen_at < guest->lap)
            return;
        guest->lap *= 2;
    }
    guest->seen = *s;
    guest->seen_ns = guest->now_ns;
    guest->seen_at = guest->idle_steps;
    guest->seen_left = guest->left;
    guest->seen_planes = 0;
}

/* ---- csrc/engine/log.c ---- */
/* The log of steps: outcomes that are worth it, until there is no room left. */

void ps_engine_log_step(struct ps_engine *engine, uint32_t vcpu, unsigned event, unsigned plane,
                        struct ps_outcome out, uint8_t before)
{
    struct ps_outcome_record *record = engine->log.next++;
    engine->log.left--;
    memset(record, 0, sizeof *record);
    record->record = -1; /* of no array of events */
    record->time_ns = engine->guests[vcpu].now_ns;
    record->vcpu = vcpu;
    record->kind = (uint8_t)event;
    record->plane = ps_takes_plane(&engine->policy, event) ? (uint8_t)plane : PS_NO_PLANE;
    record->was = out.was;
    record->now = out.now;
    record->reason = out.reason;
    record->fault = out.fault;
    record->flags = out.flags;
    record->status = before;
    engine->log.costs = out.flags & PS_FLAG_SWITCHED || ps_exits(out) ? record : NULL;
}

void ps_engine_log_took(struct ps_engine *engine, int64_t took_ns)
{
    engine->log.costs->took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
    engine->log.costs = NULL;
}

void ps_engine_log(struct ps_engine *engine, struct ps_outcome_record *records, uint64_t n)
{
    engine->log.next = records;
    engine->log.costs = NULL;
    engine->log.left = n;
}

uint64_t ps_engine_log_left(const struct ps_engine *engine)
{
    return engine->log.left;
}

/* ---- csrc/engine/queue.c ---- */

#include <stdlib.h>

/* Count nodes that were given back, as far as `enough`. */
static uint64_t given_back(const struct ps_pool *pool, uint64_t enough)
{
    uint64_t n = 0;
    for (uint32_t node = pool->free; node != PS_NIL && n < enough; node = pool->nodes[node].next)
        n++;
    return n;
}

int ps_pool_reserve(struct ps_pool *pool, uint64_t n)
{
    const uint64_t room = (uint64_t)pool->capacity - pool->used + given_back(pool, n);
    if (n <= room)
        return 0;
    const uint64_t needed = (uint64_t)pool->capacity + (n - room);
    if (n > PS_NIL || needed > PS_NIL)
        return -1;
    uint64_t capacity = pool->capacity + (uint64_t)pool->capacity / 2 + 64;
    capacity = capacity < needed ? needed : capacity;
    capacity = capacity < PS_NIL ? capacity : PS_NIL;
    if (capacity > SIZE_MAX / sizeof *pool->nodes)
        return -1;
    struct ps_node *nodes =
        (struct ps_node *)realloc(pool->nodes, (size_t)capacity * sizeof *nodes);
    if (!nodes)
        return -1;
    pool->nodes = nodes;
    pool->capacity = (uint32_t)capacity;
    return 0;
}

/* ---- csrc/engine/snapshot.c ---- */
/* Snapshots: an engine that goes on as another would have. */

int ps_engine_clone(const struct ps_engine *engine, struct ps_engine **out)
{
    int failed = 0;
    struct ps_engine *copy = (struct ps_engine *)ps_copied(engine, 1, sizeof *engine);
    if (!copy)
        return PS_ENGINE_NO_MEMORY;
    const size_t n = engine->n_vcpus, n_rows = ps_n_rows(engine);
    const size_t slots = n * PS_CLOCK_SLOTS(engine->ledger.n_planes);
    const size_t buckets = n_rows * PS_N_BUCKETS;
    const size_t streams = n * engine->n_streams, leaves = engine->talks ? 2 * n : 0;
#define PS_COPY(type, field, count) \
    copy->field = (type *)ps_copied(engine->field, count, sizeof(type)); \
    failed += !copy->field
    PS_COPY(struct ps_state, states, n);
    PS_COPY(struct ps_guest, guests, n);
    PS_COPY(int64_t, clocks, slots);
    PS_COPY(struct ps_node, pool.nodes, engine->pool.used);
    PS_COPY(struct ps_stream, streams, streams);
    PS_COPY(uint32_t, tree, leaves);
    PS_COPY(uint32_t, arriving, engine->n_arriving);
    PS_COPY(struct ps_row, rows, n_rows);
    PS_COPY(uint8_t, row_planes, n_rows);
    PS_COPY(uint64_t, latency, buckets);
    PS_COPY(uint64_t, response, buckets);
    PS_COPY(uint64_t, sojourn, buckets);
#undef PS_COPY
    copy->automaton = ps_automaton_clone(engine->automaton);
    failed += !copy->automaton;
    copy->pool.capacity = engine->pool.used;
    copy->ledger.clocks = copy->clocks;
    copy->ledger.figures = &copy->figures;
    copy->config.policy = &copy->policy;
    copy->config.initial = &copy->boot;
    ps_engine_log(copy, NULL, 0); /* two do not write to one log */
    if (failed) {
        ps_engine_destroy(copy);
        return PS_ENGINE_NO_MEMORY;
    }
    *out = copy;
    return 0;
}

int ps_engine_restore(struct ps_engine *engine, const struct ps_engine *snapshot)
{
    struct ps_engine *copy;
    if (engine == snapshot)
        return 0;
    if (ps_engine_clone(snapshot, &copy))
        return PS_ENGINE_NO_MEMORY;
    const struct ps_engine before = *engine;
    *engine = *copy;
    *copy = before;
    engine->ledger.figures = &engine->figures;
    engine->config.policy = &engine->policy;
    engine->config.initial = &engine->boot;
    ps_engine_destroy(copy);
    return 0;
}

/* ---- csrc/engine/vcpu.c ---- */
/* What happens on one vCPU, in order of time. Sections are those of the rules. */
/* ---- csrc/engine/vcpu_jobs.h ---- */
/* Jobs and time on one vCPU: a part of vcpu.c, whose loop wants it inlined. */
#ifndef PLANESCHED_VCPU_JOBS_H
#define PLANESCHED_VCPU_JOBS_H


/* ---- Time passes ---- */

/* Running time brings the next calls of the current plane nearer. */
static inline void shorten_calls(const struct ps_vcpu v, unsigned plane, int64_t length)
{
    const struct ps_engine *engine = v.engine;
    for (uint32_t i = 0; i < engine->n_sources; i++)
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS && engine->sources[i].plane == plane)
            v.streams[i].next_ns -= v.streams[i].next_ns == PS_NEVER_NS ? 0 : length;
}

/* The source of calls, of those of the current plane, that calls next. */
static inline uint32_t next_call(const struct ps_vcpu v, unsigned plane)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_stream *streams = v.streams;
    uint32_t first = engine->n_sources;
    for (uint32_t i = 0; i < engine->n_sources; i++)
        if (engine->sources[i].arrivals == PS_ARRIVALS_CALLS && engine->sources[i].plane == plane &&
            streams[i].next_ns != PS_NEVER_NS &&
            (first == engine->n_sources || streams[i].next_ns < streams[first].next_ns))
            first = i;
    return first;
}

static inline void pass_transition(struct ps_engine *engine, struct ps_guest *guest, int64_t length)
{
    struct ps_figures *f = &engine->figures;
    guest->time_ns[PS_TIME_TRANSITION] += length;
    /* The figures count by spells of a state; this part of the spell was a switch. */
    ps_wide_sub(&f->time_ns[guest->status][guest->current], (uint64_t)length);
    ps_wide_add(&f->time_ns[PS_TIME_TRANSITION][guest->current], (uint64_t)length);
}

/* Time passes up to `to_ns`; `job`: what the current plane works on, or NULL. */
PS_INLINE void pass_time(const struct ps_vcpu v, struct ps_node *job, int64_t to_ns)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const int64_t length = to_ns - guest->now_ns;
    assert(length >= 0);
    ps_wide_add(&engine->totals.load_ns, (uint64_t)length * guest->n_jobs);
    if (ps_vcpu_in_transition(v)) {
        pass_transition(engine, guest, length);
    } else {
        guest->time_ns[guest->status] += length;
        if (job)
            job->left_ns -= length;
        if (ps_vcpu_calls(v) && ps_vcpu_computes(v))
            shorten_calls(v, guest->current, length);
    }
    guest->now_ns = to_ns;
}

static inline void note_progress(struct ps_guest *guest)
{
    guest->idle_steps = 0;
    guest->stuck = 0;
}

/* ---- Jobs ---- */

static inline void mark_queued(struct ps_guest *guest, unsigned plane, int64_t since_ns)
{
    int64_t *idle_since_ns = &guest->idle_since_ns[plane];
    *idle_since_ns = ps_has(guest->work, plane) ? *idle_since_ns : since_ns;
    guest->work = (uint16_t)(guest->work | ps_bit(plane));
}

/* Find what arrives next. Sources stand by plane, so at equal times the first is the right one. */
PS_INLINE void find_arrival(const struct ps_vcpu v)
{
    const struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const struct ps_stream *streams = v.streams;
    int64_t first_ns = PS_NEVER_NS;
    uint32_t first = engine->n_sources;
    for (uint32_t k = 0; k < engine->n_arriving; k++) {
        const uint32_t i = v.plain ? k : engine->arriving[k];
        const int64_t at_ns = streams[i].next_ns;
        first = at_ns < first_ns ? i : first;
        first_ns = at_ns < first_ns ? at_ns : first_ns;
    }
    if (PS_RARELY(guest->input.head != PS_NIL)) {
        const struct ps_node *node = &engine->pool.nodes[guest->input.head];
        if (node->arrival_ns < first_ns ||
            (node->arrival_ns == first_ns && node->plane < engine->sources[first].plane)) {
            first_ns = node->arrival_ns;
            first = engine->n_sources;
        }
    }
    guest->arrival_ns = first_ns;
    guest->arrival = first;
}

/* The next job of a source, or of the input, as a node. */
PS_INLINE uint32_t take_arrival(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    if (PS_RARELY(guest->arrival == engine->n_sources)) {
        const uint32_t index = ps_queue_pop(&engine->pool, &v.guest->input);
        struct ps_node *node = &engine->pool.nodes[index];
        const uint32_t row = ps_input_row(engine, node);
        engine->totals.woken[node->plane] +=
            node->kind != PS_JOB_IPI && node->source == PS_SOURCE_WAKE;
        node->source = (uint16_t)row;
        node->kind = PS_JOB_INTERRUPT;
        return index;
    }
    const struct ps_source *source = &engine->sources[guest->arrival];
    struct ps_stream *stream = v.streams + guest->arrival;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = stream->next_ns;
    node->left_ns = node->service_ns = stream->service_ns;
    node->source = (uint16_t)guest->arrival;
    node->plane = source->plane;
    node->kind = PS_JOB_INTERRUPT;
    source->draw(source, stream);
    return index;
}

/* Whether there is a node for one more job; if not, the engine is at its end. */
static inline int has_room(struct ps_engine *engine)
{
    if (PS_RARELY(ps_pool_empty(&engine->pool)) && ps_pool_reserve(&engine->pool, 1))
        engine->failed = 1;
    return !engine->failed;
}

/* The job that comes next arrives. */
PS_INLINE void let_arrive(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    if (!has_room(engine))
        return;
    const uint32_t index = take_arrival(v);
    struct ps_node *node = &engine->pool.nodes[index];
    uint32_t row = node->source;
    unsigned plane = node->plane;
    engine->rows[row].arrived++;
    if (!v.plain && engine->config.route == PS_ROUTE_MARKER && plane != engine->policy.marker) {
        node->kind = PS_JOB_FORWARD;
        node->left_ns = engine->config.forward_ns;
        plane = engine->policy.marker;
        row = ps_plane_row(engine, plane); /* it is not this source's latency that begins */
    }
    const int64_t arrival_ns = node->arrival_ns;
    if (!v.plain)
        ps_wide_add(&engine->totals.load_ns, (uint64_t)(guest->now_ns - arrival_ns));
    guest->n_jobs++;
    note_progress(guest);
    mark_queued(guest, plane, arrival_ns);
    ps_queue_push(&engine->pool, &guest->queues[plane], index);
    ps_vcpu_act(v, PS_EVENT_IRQ, plane, arrival_ns, row);
    find_arrival(v);
}

static inline void count_finished(struct ps_engine *engine, uint32_t number, uint64_t sojourn_ns)
{
    struct ps_row *row = &engine->rows[number];
    row->finished++;
    ps_wide_add(&row->sojourn_ns, sojourn_ns);
    ps_extend_range(&row->sojourn_min_ns, &row->sojourn_max_ns, sojourn_ns);
    engine->sojourn[(size_t)number * PS_N_BUCKETS + ps_bucket(sojourn_ns)]++;
}

/* The marker has handled an interrupt for another plane: that plane gets it, and the vCPU. */
static inline void forward_job(const struct ps_vcpu v, uint32_t index)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    struct ps_node *node = &engine->pool.nodes[index];
    const unsigned plane = node->plane;
    node->kind = PS_JOB_INTERRUPT;
    node->left_ns = node->service_ns;
    engine->totals.forwarded[plane]++;
    mark_queued(guest, plane, guest->now_ns);
    ps_queue_push(&engine->pool, &guest->queues[plane], index);
    ps_vcpu_act(v, PS_EVENT_IRQ, plane, node->arrival_ns, node->source);
    if (!guest->status && guest->current == engine->policy.marker && !ps_vcpu_in_transition(v))
        ps_vcpu_act(v, PS_EVENT_CALL, plane, 0, 0);
}

/* The job at the head of the current plane's queue ends. */
PS_INLINE void finish_job(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const unsigned current = guest->current;
    const uint32_t index = ps_queue_pop(&engine->pool, &guest->queues[current]);
    const struct ps_node *node = &engine->pool.nodes[index];
    if (guest->queues[current].head == PS_NIL)
        guest->work = (uint16_t)(guest->work & ~ps_bit(current));
    note_progress(guest);
    if (!v.plain && node->kind == PS_JOB_FORWARD) {
        forward_job(v, index);
        return;
    }
    if (!v.plain && node->kind == PS_JOB_CALL)
        guest->waiting = (uint16_t)(guest->waiting & ~ps_bit((unsigned)node->service_ns));
    const uint32_t row = node->source;
    guest->n_jobs--;
    count_finished(engine, row, (uint64_t)(guest->now_ns - node->arrival_ns));
    if (!v.plain && engine->talks)
        ps_queue_push(&engine->pool, &engine->ended, index);
    else
        ps_pool_give(&engine->pool, index);
}

/* The current plane calls; if that is accepted, its own job waits for that of the call. */
static inline void make_call(const struct ps_vcpu v, uint32_t number)
{
    struct ps_engine *engine = v.engine;
    struct ps_guest *guest = v.guest;
    const struct ps_source *source = &engine->sources[number];
    struct ps_stream *stream = v.streams + number;
    const unsigned caller = guest->current;
    const unsigned callee = engine->row_planes[number];
    const int64_t service_ns = stream->service_ns;
    if (!has_room(engine))
        return;
    source->draw(source, stream);
    note_progress(guest);
    if (ps_vcpu_act(v, PS_EVENT_CALL, source->callee, 0, 0))
        return;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = guest->now_ns;
    node->left_ns = service_ns;
    node->service_ns = (int64_t)caller;
    node->source = (uint16_t)number;
    node->plane = (uint8_t)callee;
    node->kind = PS_JOB_CALL;
    mark_queued(guest, callee, guest->now_ns);
    ps_queue_push_front(&engine->pool, &guest->queues[callee], index);
    guest->waiting = (uint16_t)(guest->waiting | ps_bit(caller));
    guest->n_jobs++;
    engine->rows[number].arrived++;
}

#endif


/* ---- Nothing to do ---- */

/* The plane that an idle marker hands the vCPU to, or PS_NO_PLANE where it halts. */
static unsigned plane_to_hand_to(const struct ps_vcpu v)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    const struct ps_state *s = ps_vcpu_state(engine, v.number);
    const struct ps_policy *policy = &engine->policy;
    const uint16_t work = (uint16_t)(ps_vcpu_eager(v) & s->online & ~policy->marker_bit);
    if (work)
        return ps_first(policy, s->locked, work);
    if (policy->idle != PS_IDLE_KEEP)
        return PS_NO_PLANE;
    return guest->left != PS_NO_PLANE ? guest->left : engine->config.main_plane;
}

/* The current plane has nothing to do. Where what it tries is refused, it halts. */
PS_INLINE void give_up(const struct ps_vcpu v)
{
    const struct ps_policy *policy = &v.engine->policy;
    if (policy->call == PS_CALL_NEXT) {
        if (!ps_vcpu_act(v, PS_EVENT_RETURN, 0, 0, 0))
            return;
    } else if (v.guest->current == policy->marker) {
        const unsigned plane = plane_to_hand_to(v);
        if (plane != PS_NO_PLANE && !ps_vcpu_act(v, PS_EVENT_CALL, plane, 0, 0))
            return;
    }
    ps_vcpu_act(v, PS_EVENT_HALT, 0, 0, 0);
}

/* Userspace looks at a vCPU that exited (3.5). Returns 0 where it finds no plane and waits. */
static int answer_exit(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    const uint32_t vcpu = v.number;
    const struct ps_workload *workload = engine->config.workload;
    const uint32_t id = workload && workload->ids ? workload->ids[vcpu] : vcpu;
    struct ps_state s = *ps_vcpu_state(engine, vcpu);
    if (engine->stopped)
        return 0;
    const int plane = ps_userspace_ask(&engine->config.userspace, &engine->policy, &s,
                                       guest->now_ns, id, guest->exit_reason, &s.req_exit);
    engine->stopped = plane != PS_SCHEDULER_WAIT && (plane < 0 || plane >= engine->config.n_planes);
    if (engine->stopped || plane == PS_SCHEDULER_WAIT)
        return 0;
    ps_vcpu_set_state(engine, vcpu, &s);
    ps_vcpu_act(v, PS_EVENT_ENTER, (unsigned)plane, 0, 0);
    return 1;
}

/* ---- The order of things (7) ---- */

/* Do what takes no time. Gives the job that the current plane works on then, or NULL. */
PS_INLINE struct ps_node *act_until_busy(const struct ps_vcpu v)
{
    struct ps_guest *guest = v.guest;
    while (!ps_vcpu_in_transition(v) && !guest->stuck) {
        if (guest->status) {
            if (guest->status == PS_STATUS_BLOCKED || !answer_exit(v))
                return NULL;
        } else if (ps_has(ps_vcpu_able(v), guest->current)) {
            struct ps_node *job = ps_vcpu_job(v);
            if (job->left_ns)
                return job;
            finish_job(v);
            continue;
        } else if (ps_has(ps_vcpu_eager(v), guest->current)) {
            return NULL;
        } else {
            give_up(v);
        }
        /* What ps_guest_watch begins with, without the call. */
        if (PS_RARELY(guest->idle_steps >= PS_PATIENT_STEPS - 1u))
            ps_guest_watch(guest, ps_vcpu_state(v.engine, v.number));
        else
            guest->idle_steps++;
    }
    return ps_vcpu_job(v);
}

void ps_vcpu_pass_time(struct ps_engine *engine, uint32_t vcpu, int64_t to_ns)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu, 0);
    pass_time(v, ps_vcpu_job(v), to_ns);
}

void ps_vcpu_find_arrival(struct ps_engine *engine, uint32_t vcpu)
{
    find_arrival(ps_vcpu_of(engine, vcpu, 0));
}

void ps_vcpu_act_until_busy(struct ps_engine *engine, uint32_t vcpu)
{
    act_until_busy(ps_vcpu_of(engine, vcpu, 0));
}

/* How long until the current plane calls if it runs on, and from which source; or never. */
static inline int64_t time_to_call(const struct ps_vcpu v, uint32_t *number)
{
    if (!ps_vcpu_calls(v) || !ps_vcpu_computes(v))
        return PS_NEVER_NS;
    *number = next_call(v, v.guest->current);
    return *number == v.engine->n_sources ? PS_NEVER_NS : v.streams[*number].next_ns;
}

/* The end of a transition: what arrived during it happens now, unless it begins another one. */
static void end_transition(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    pass_time(v, NULL, guest->ready_ns);
    while (!ps_vcpu_in_transition(v) && guest->arrival_ns < guest->now_ns && !v.engine->failed)
        let_arrive(v);
}

/* Let the next event happen if it is not later than `until_ns`. Returns whether it did. `*job` is
 * what the current plane works on, before and after. */
PS_INLINE int do_next_event(const struct ps_vcpu v, struct ps_node **job, int64_t until_ns)
{
    const struct ps_guest *guest = v.guest;
    if (ps_vcpu_in_transition(v)) {
        if (guest->ready_ns > until_ns)
            return 0;
        end_transition(v);
    } else {
        uint32_t number = 0;
        const int64_t now_ns = guest->now_ns;
        const int64_t end = *job ? (*job)->left_ns : PS_NEVER_NS;
        const int64_t calls = time_to_call(v, &number);
        const int64_t own = end <= calls ? end : calls;
        const int64_t arrival = guest->arrival_ns - now_ns;
        const int64_t next = own <= arrival ? own : arrival;
        if (next > until_ns - now_ns)
            return 0;
        pass_time(v, *job, now_ns + next);
        if (own > arrival)
            let_arrive(v);
        else if (end > calls)
            make_call(v, number);
        else
            finish_job(v);
    }
    *job = act_until_busy(v);
    return 1;
}

void ps_vcpu_do_next_event(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu, 0);
    struct ps_node *job = ps_vcpu_job(v);
    do_next_event(v, &job, PS_NEVER_NS - 1);
}

PS_INLINE int advance_one(const struct ps_vcpu v, int64_t until_ns, uint64_t *patience)
{
    uint64_t left = *patience;
    struct ps_node *job = ps_vcpu_job(v);
    while (left && do_next_event(v, &job, until_ns))
        left--;
    *patience = left;
    if (!left)
        return 1;
    if (v.guest->now_ns < until_ns)
        pass_time(v, job, until_ns);
    return 0;
}

int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience)
{
    return engine->plain ? advance_one(ps_vcpu_of(engine, vcpu, 1), until_ns, patience)
                         : advance_one(ps_vcpu_of(engine, vcpu, 0), until_ns, patience);
}

int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned *rank)
{
    /* Nothing is written to through it. */
    const struct ps_vcpu v = ps_vcpu_of((struct ps_engine *)(uintptr_t)engine, vcpu, 0);
    const struct ps_guest *guest = v.guest;
    uint32_t number;
    *rank = 0;
    if (ps_vcpu_in_transition(v))
        return guest->ready_ns;
    const struct ps_node *job = ps_vcpu_job(v);
    const int64_t end = job ? job->left_ns : PS_NEVER_NS;
    const int64_t calls = time_to_call(v, &number);
    const int64_t own = ps_later(guest->now_ns, end <= calls ? end : calls);
    *rank = own <= guest->arrival_ns ? 1 : 2;
    return own <= guest->arrival_ns ? own : guest->arrival_ns;
}

/* ---- csrc/engine/vcpu_step.c ---- */
/* Steps that the automaton has no room for. */

/* From now on the state stands in `states`, and spells of time are counted as figures.h does. */
static void leave_automaton(struct ps_engine *engine, uint32_t vcpu)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const uint32_t row = (uint32_t)clock[PS_CLOCK_ROW];
    const uint64_t now_ns = (uint64_t)engine->guests[vcpu].now_ns;
    engine->states[vcpu] = *ps_automaton_state(engine->automaton, row);
    ps_automaton_leave(engine->automaton, row, now_ns);
    ps_figures_begin_time(&engine->ledger, &engine->states[vcpu], 1, (int64_t)now_ns);
    clock[PS_CLOCK_ROW] = PS_NO_STATE;
}

struct ps_done ps_vcpu_step_slowly(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                   unsigned plane, int64_t posted_ns, uint32_t row)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu, 0);
    if ((uint32_t)v.clock[PS_CLOCK_ROW] != PS_NO_STATE)
        leave_automaton(engine, vcpu);
    struct ps_state *s = &engine->states[vcpu];
    const struct ps_before before = ps_look(s);
    const struct ps_outcome out = ps_step(&engine->policy, s, event, plane);
    const struct ps_mark mark = ps_count_step(&engine->figures, &before, s, out, event, plane,
                                              PS_MARK_ALL, posted_ns, (uint64_t)v.guest->now_ns,
                                              v.clock);
    struct ps_done done = ps_vcpu_follow(v, event, mark, row);
    done.reason = out.reason;
    if (engine->log.left && mark.bits & PS_MARK_LOGGED)
        ps_engine_log_step(engine, vcpu, event, plane, out, before.status);
    return done;
}

void ps_vcpu_set_state(struct ps_engine *engine, uint32_t vcpu, const struct ps_state *s)
{
    int64_t *clock = ps_clock(&engine->ledger, vcpu);
    const struct ps_state wanted = *s; /* it may stand in the automaton, which may move */
    const int64_t now_ns = engine->guests[vcpu].now_ns;
    if ((uint32_t)clock[PS_CLOCK_ROW] != PS_NO_STATE)
        leave_automaton(engine, vcpu);
    ps_figures_end_time(&engine->ledger, &engine->states[vcpu], 1, now_ns);
    engine->states[vcpu] = wanted;
    ps_figures_begin_time(&engine->ledger, &wanted, 1, now_ns);
    const uint32_t row = ps_automaton_row(engine->automaton, &wanted);
    if (row == PS_NO_STATE)
        return;
    ps_figures_end_time(&engine->ledger, &wanted, 1, now_ns);
    ps_automaton_join(engine->automaton, row, (uint64_t)now_ns);
    clock[PS_CLOCK_ROW] = row;
}

