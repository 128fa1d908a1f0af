/* The table of states and the search over them. Longer than 300 lines because packing, finding
 * and expanding a state are one loop's work, and inline. */
#include "checker/kick_search.h"

#include <stdlib.h>

#include "planesched/compiler.h"

/* The masks of a state, those of the rules and then those of the layer, as two halves. */
#define LOW(X) \
    X(s.online) X(s.runnable) X(s.halted) X(s.irq) X(s.masked) X(s.noint) X(s.nmi) X(s.trap) \
    X(s.held) X(s.edge) X(s.locked)
#define HIGH(X) \
    X(s.vina) X(s.vina_asserted) X(s.req_exit) X(s.unstarted) \
    X(posted) X(pnmi) X(kick) X(mute) X(look) X(seen)
#define N_LOW 11u
#define N_HIGH 10u
#define NARROW 5u /* planes at most with which each half fits a word */

/* Current, status, phase and restored; then the places of senders, so many bits each. */
#define REST_BITS 10u
#define PLACE_BITS 5u

/* ---- Packed states ---- */

struct pen {
    uint64_t *words;
    unsigned at;
};

static inline void put(struct pen *pen, uint64_t value, unsigned width)
{
    const unsigned word = pen->at >> 6, shift = pen->at & 63u;
    pen->words[word] = shift ? pen->words[word] | value << shift : value;
    if (shift + width > 64u)
        pen->words[word + 1u] = value >> (64u - shift);
    pen->at += width;
}

static inline uint64_t get(struct pen *pen, unsigned width)
{
    const unsigned word = pen->at >> 6, shift = pen->at & 63u;
    uint64_t value = pen->words[word] >> shift;
    if (shift + width > 64u)
        value |= pen->words[word + 1u] << (64u - shift);
    pen->at += width;
    return value & ((UINT64_C(1) << width) - 1u);
}

/* Field by field: some have just been written, and a wider load would wait for those stores. */
#define PUT_NEXT(field) half |= (uint64_t)k->field << at, at += n;
#define GET_NEXT(field) k->field = (uint16_t)(half >> at & all), at += n;
#define PUT_MASK(field) put(pen, k->field, n);
#define GET_MASK(field) k->field = (uint16_t)get(pen, n);

static inline void put_halves(struct pen *pen, const struct ps_kicked *k, unsigned n)
{
    uint64_t half = 0;
    unsigned at = 0;
    LOW(PUT_NEXT)
    put(pen, half, at);
    half = at = 0;
    HIGH(PUT_NEXT)
    put(pen, half, at);
}

static inline void get_halves(struct pen *pen, struct ps_kicked *k, unsigned n)
{
    const uint64_t all = (UINT64_C(1) << n) - 1u;
    uint64_t half = get(pen, N_LOW * n);
    unsigned at = 0;
    LOW(GET_NEXT)
    half = get(pen, N_HIGH * n);
    at = 0;
    HIGH(GET_NEXT)
}

static void put_masks(struct pen *pen, const struct ps_kicked *k, unsigned n)
{
    LOW(PUT_MASK)
    HIGH(PUT_MASK)
}

static void get_masks(struct pen *pen, struct ps_kicked *k, unsigned n)
{
    LOW(GET_MASK)
    HIGH(GET_MASK)
}

static inline void pack(const struct ps_kick_search *search, const struct ps_kicked *k,
                        uint64_t *key)
{
    const unsigned n = search->sys.n_planes, n_sends = search->sys.n_sends;
    struct pen pen = {key, 0};
    uint64_t rest = (uint64_t)(unsigned)k->s.current | (uint64_t)k->s.status << 4 |
                    (uint64_t)k->phase << 6 | (uint64_t)k->restored << 9;
    for (unsigned i = 0; i < n_sends; i++)
        rest |= (uint64_t)k->places[i] << (REST_BITS + PLACE_BITS * i);
    if (n == 3u) /* the usual one, with shifts known beforehand */
        put_halves(&pen, k, 3u);
    else if (n <= NARROW)
        put_halves(&pen, k, n);
    else
        put_masks(&pen, k, n);
    put(&pen, rest, REST_BITS + PLACE_BITS * n_sends);
}

static struct ps_kicked unpack(const struct ps_kick_search *search, uint64_t *key)
{
    const unsigned n = search->sys.n_planes, n_sends = search->sys.n_sends;
    struct ps_kicked k;
    struct pen pen = {key, 0};
    memset(&k, 0, sizeof k);
    if (n == 3u)
        get_halves(&pen, &k, 3u);
    else if (n <= NARROW)
        get_halves(&pen, &k, n);
    else
        get_masks(&pen, &k, n);
    const uint64_t rest = get(&pen, REST_BITS + PLACE_BITS * n_sends);
    k.s.current = (int8_t)(rest & 15u);
    k.s.status = (uint8_t)(rest >> 4 & 3u);
    k.phase = (uint8_t)(rest >> 6 & 7u);
    k.restored = (uint8_t)(rest >> 9 & 1u);
    for (unsigned i = 0; i < n_sends; i++)
        k.places[i] = (uint8_t)(rest >> (REST_BITS + PLACE_BITS * i) & 31u);
    return k;
}

struct ps_kicked ps_kick_state(const struct ps_kick_search *search, uint32_t number)
{
    return unpack(search, search->keys + (size_t)number * search->words);
}

/* ---- The table ---- */

static inline uint64_t hash_of(const uint64_t *key, unsigned words)
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (unsigned i = 0; i < words; i++) {
        hash = (hash ^ key[i]) * UINT64_C(0xbf58476d1ce4e5b9);
        hash ^= hash >> 29;
    }
    return hash ^ hash >> 32;
}

static int same_key(const uint64_t *a, const uint64_t *b, unsigned words)
{
    for (unsigned i = 0; i < words; i++)
        if (a[i] != b[i])
            return 0;
    return 1;
}

static int grow_kick_slots(struct ps_kick_search *search)
{
    const uint32_t size = search->mask ? (search->mask + 1u) * 2u : 1u << 12;
    uint32_t *slots = malloc((size_t)size * sizeof *slots);
    if (!slots)
        return -1;
    memset(slots, 0xff, (size_t)size * sizeof *slots);
    for (uint32_t i = 0; i < search->n; i++) {
        const uint64_t *key = search->keys + (size_t)i * search->words;
        uint32_t at = (uint32_t)hash_of(key, search->words) & (size - 1u);
        while (slots[at] != PS_KICK_NOWHERE)
            at = (at + 1u) & (size - 1u);
        slots[at] = i;
    }
    free(search->slots);
    search->slots = slots;
    search->mask = size - 1u;
    return 0;
}

static int grow_states(struct ps_kick_search *search)
{
    const uint32_t room = search->room ? search->room + search->room / 2u : 1u << 11;
    uint64_t *keys = realloc(search->keys, (size_t)room * search->words * sizeof *keys);
    search->keys = keys ? keys : search->keys;
    uint32_t *parents = realloc(search->parents, (size_t)room * sizeof *parents);
    search->parents = parents ? parents : search->parents;
    struct ps_kick_act *acts = realloc(search->acts, (size_t)room * sizeof *acts);
    search->acts = acts ? acts : search->acts;
    if (!keys || !parents || !acts)
        return -1;
    search->room = room;
    return 0;
}

/* Store a state unless it is known. Returns 1 where it is new, 0, or -1 (no memory). */
static int store(struct ps_kick_search *search, const struct ps_kick_waiting *reached)
{
    const unsigned words = search->words;
    uint32_t at = (uint32_t)reached->hash & search->mask;
    for (; search->slots[at] != PS_KICK_NOWHERE; at = (at + 1u) & search->mask)
        if (same_key(search->keys + (size_t)search->slots[at] * words, reached->key, words))
            return 0;
    if (search->n == search->room && grow_states(search) != 0)
        return -1;
    for (unsigned i = 0; i < words; i++)
        search->keys[(size_t)search->n * words + i] = reached->key[i];
    search->parents[search->n] = reached->parent;
    search->acts[search->n] = reached->act;
    search->slots[at] = search->n++;
    if ((uint64_t)search->n * 2u > search->mask && grow_kick_slots(search) != 0)
        return -1;
    return 1;
}

/* ---- The search ---- */

int ps_kick_open(struct ps_kick_search *search)
{
    const unsigned bits = (N_LOW + N_HIGH) * search->sys.n_planes + REST_BITS +
                          PLACE_BITS * search->sys.n_sends;
    search->words = (bits + 63u) / 64u;
    search->waiting = malloc(PS_KICK_WAITING * sizeof *search->waiting);
    return search->words <= PS_KICK_WORDS && search->waiting && grow_kick_slots(search) == 0 &&
                   grow_states(search) == 0
               ? 0 : -1;
}

void ps_kick_close(struct ps_kick_search *search)
{
    free(search->keys);
    free(search->parents);
    free(search->acts);
    free(search->slots);
    free(search->waiting);
    search->waiting = NULL;
    search->keys = NULL;
    search->parents = NULL;
    search->acts = NULL;
    search->slots = NULL;
}

static void find(struct ps_kick_search *search, unsigned broken, uint32_t state, int by_act,
                 struct ps_kick_act act, const struct ps_kicked *k)
{
    broken &= search->wanted & ~search->broken;
    for (unsigned i = 0; i < PS_N_KICK_PROPERTIES; i++) {
        if (!(broken >> i & 1u))
            continue;
        const unsigned lost = PS_BROKEN_LOST_ASLEEP | PS_BROKEN_LOST_RUNNING;
        struct ps_kick_find *found = &search->finds[i];
        found->state = state;
        found->by_act = by_act;
        found->act = act;
        found->for_good = (1u << i & lost) && !ps_kick_heals(&search->sys, k);
    }
    search->broken |= broken;
}

/* The state that was made in the next free place is one that was reached. */
static inline void reach(struct ps_kick_search *search, uint32_t parent, struct ps_kick_act act)
{
    struct ps_kick_waiting *reached = &search->waiting[search->n_waiting++];
    pack(search, &reached->k, reached->key);
    reached->hash = hash_of(reached->key, search->words);
    reached->parent = parent;
    reached->act = act;
    ps_prefetch(&search->slots[(uint32_t)reached->hash & search->mask]);
}

/* Look all of them up, in the order in which they were reached. */
static int settle(struct ps_kick_search *search)
{
    for (unsigned i = 0; i < search->n_waiting; i++) {
        const uint32_t first = search->slots[(uint32_t)search->waiting[i].hash & search->mask];
        if (first != PS_KICK_NOWHERE)
            ps_prefetch(search->keys + (size_t)first * search->words);
    }
    for (unsigned i = 0; i < search->n_waiting; i++) {
        const struct ps_kick_waiting *reached = &search->waiting[i];
        const int new = store(search, reached);
        if (new < 0) {
            search->failed = 1;
            return -1;
        }
        if (!new || !(search->wanted & ~search->broken))
            continue;
        const unsigned broken = ps_kick_broken_after(&search->sys, &reached->k, reached->act);
        if (broken)
            find(search, broken, search->n - 1u, 0, reached->act, &reached->k);
    }
    search->n_waiting = 0;
    return 0;
}

int ps_kick_root(struct ps_kick_search *search, const struct ps_kicked *k)
{
    const struct ps_kick_act none = {0, 0, 0};
    search->waiting[search->n_waiting].k = *k;
    reach(search, PS_KICK_NOWHERE, none);
    return settle(search);
}

static void try_act(struct ps_kick_search *search, const struct ps_kicked *from, uint32_t number,
                    struct ps_kick_act act)
{
    struct ps_kicked *k = &search->waiting[search->n_waiting].k;
    unsigned broken = 0;
    *k = *from;
    if (ps_kick_do(&search->sys, k, act, &broken) != 0)
        return;
    search->transitions++;
    if (broken)
        find(search, broken, number, 1, act, k);
    reach(search, number, act);
}

static void expand(struct ps_kick_search *search, uint32_t number)
{
    const struct ps_kick_system *sys = &search->sys;
    const struct ps_kicked k = ps_kick_state(search, number);
    for (unsigned i = 0; i < sys->n_sends; i++) {
        const int kind = ps_kick_next(sys, &k, i);
        const struct ps_kick_act act = {(uint8_t)kind, (uint8_t)i, 0};
        if (kind >= 0)
            try_act(search, &k, number, act);
    }
    const int own[3] = {
        ps_kick_looker_next(sys, &k),
        k.phase == PS_PHASE_IN && sys->protocol.poll != PS_POLL_OFF ? PS_KICK_POLL : -1,
        k.phase == PS_PHASE_OUT && sys->protocol.restore != PS_RESTORE_KEPT ? PS_KICK_RESTORE : -1,
    };
    for (unsigned i = 0; i < 3; i++) {
        const struct ps_kick_act act = {(uint8_t)own[i], 0, 0};
        if (own[i] >= 0)
            try_act(search, &k, number, act);
    }
    if (k.s.status || (sys->protocol.looker == PS_NO_PLANE && k.phase != PS_PHASE_IN))
        return; /* no guest runs */
    for (unsigned i = 0; i < sys->n_events; i++)
        try_act(search, &k, number, sys->events[i]);
}

#define MOST_ACTS (PS_KICK_SENDS + 3u + PS_KICK_EVENTS) /* of one state */

int ps_kick_expand(struct ps_kick_search *search, uint32_t count, uint32_t most, int early)
{
    while (count && search->expanded < search->n) {
        if (search->n >= most || (early && !(search->wanted & ~search->broken)))
            return 0;
        const uint32_t end = search->n; /* those beyond are not known before all is looked up */
        for (; count && search->expanded < end &&
               search->n_waiting + MOST_ACTS <= PS_KICK_WAITING; count--)
            expand(search, search->expanded++);
        if (settle(search) != 0)
            return 0;
    }
    return search->expanded < search->n;
}

uint32_t ps_kick_at_rest(const struct ps_kick_search *search, struct ps_state *out, uint32_t room)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < search->n; i++) {
        const struct ps_kicked k = ps_kick_state(search, i);
        int half_way = 0;
        for (unsigned send = 0; send < search->sys.n_sends; send++)
            half_way |= k.places[send] && ps_kick_next(&search->sys, &k, send) >= 0;
        if (k.phase != PS_PHASE_IN || k.posted || k.pnmi || k.kick || half_way)
            continue;
        if (n < room)
            out[n] = k.s;
        n++;
    }
    return n;
}
