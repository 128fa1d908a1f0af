/* The first half of a round: what every act leads to from the states of a piece. */
#include "checker/search.h"

#define PS_OF_ACTS \
    (1u << PS_NOTHING_LOST | 1u << PS_FEASIBLE | 1u << PS_FORCED | 1u << PS_SPURIOUS)

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

/* Keep a packed world of so many words, unless this piece has it already. */
static inline void keep_found(struct ps_piece *piece, const uint64_t *key, unsigned words,
                              uint32_t parent, unsigned act)
{
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
                keep_found(piece, key, search->sys.words, id, i);
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
    if (search->wanted >> PS_SETTLES & 1u)
        note_broken(search, piece, ps_breaks_settling(&search->sys, &origin->world), id,
                    PS_MAX_ACTS);
    if (search->sys.lockstep)
        expand_lockstep(search, piece, id, &origin->world, key);
}

static inline void copy_world(struct ps_world *to, const struct ps_world *from, unsigned n)
{
    for (unsigned vcpu = 0; vcpu < n; vcpu++) {
        to->vcpus[vcpu] = from->vcpus[vcpu];
        to->locks[vcpu] = from->locks[vcpu];
        to->waits[vcpu] = from->waits[vcpu];
        to->asks[vcpu] = from->asks[vcpu];
        to->chips[vcpu] = from->chips[vcpu];
    }
}

/* What one act, that happened, did to one state. Returns whether it may have changed anything. */
PS_INLINE int judge_act(const struct ps_search *search, struct ps_piece *piece, uint32_t id,
                        unsigned number, struct origin *origin, const struct ps_world *next,
                        unsigned stepped, struct ps_outcome out)
{
    const struct ps_system *sys = &search->sys;
    const struct ps_act *act = &search->acts[number];
    const struct ps_world *world = &origin->world;
    piece->transitions++;
    if (PS_RARELY(out.fault)) {
        if (act->kind == PS_EVENT_FORCE && search->wanted >> PS_FORCED & 1u)
            note_broken(search, piece, ps_breaks_act(sys, world, next, act, stepped, out), id,
                        number);
        if (act->kind != PS_ACT_IPI_WAIT)
            return 0; /* what is refused changes nothing (rules, 4) */
    }
    if (search->wanted & PS_OF_ACTS) {
        const unsigned broken = ps_breaks_act(sys, world, next, act, stepped, out);
        piece->spurious += broken >> PS_SPURIOUS & 1u;
        if (broken)
            note_broken(search, piece, broken, id, number);
    }
    if (act->how & PS_INSIDE && search->wanted >> PS_N_LOCAL) {
        origin->delivered |= ps_delivered(sys, world, next, stepped, out);
        origin->idles |= (unsigned)ps_is_idle(act, out);
    }
    return 1;
}

/* What an act that happened left of a state: kept where it is another one. */
PS_INLINE void take_world(const struct ps_search *search, struct ps_piece *piece, uint32_t id,
                          unsigned number, const struct ps_world *next, unsigned touched)
{
    const struct ps_system *sys = &search->sys;
    const uint64_t *from = ps_key_of(search, id);
    uint64_t key[PS_KEY_WORDS];
    ps_copy_key(key, from, sys->words);
    for (unsigned vcpu = 0; touched; vcpu++, touched >>= 1)
        if (touched & 1u)
            ps_pack_vcpu(sys, next, vcpu, key);
    if (!ps_same_key(key, from, sys->words))
        keep_found(piece, key, sys->words, id, number);
}

/* An act from every state of a piece. */
static void expand_any(const struct ps_search *search, struct ps_piece *piece, unsigned number,
                       struct origin *origins, struct ps_world *next)
{
    const struct ps_system *sys = &search->sys;
    for (uint32_t i = 0; i < piece->end - piece->begin; i++) {
        const uint32_t id = ps_id(piece->shard, piece->begin + i);
        struct ps_outcome out;
        unsigned stepped;
        copy_world(next, &origins[i].world, sys->n_vcpus);
        const unsigned touched = ps_world_act(sys, next, &search->acts[number], &out, &stepped);
        if (touched && judge_act(search, piece, id, number, &origins[i], next, stepped, out))
            take_world(search, piece, id, number, next, touched);
    }
}

/* The same where the act is one step, as most are. `alone`: of the only vCPU, which is packed in
 * one word. */
PS_INLINE void expand_steps(const struct ps_search *search, struct ps_piece *piece,
                            unsigned number, struct origin *origins, struct ps_world *next,
                            int alone)
{
    const struct ps_system *sys = &search->sys;
    const struct ps_act act = search->acts[number];
    const uint32_t n = piece->end - piece->begin;
    const unsigned vcpu = alone ? 0 : act.vcpu;
    struct ps_state *s = &next->vcpus[vcpu];
    for (uint32_t i = 0; i < n; i++) {
        const struct ps_world *world = &origins[i].world;
        if (!ps_can_happen(sys, world, &act))
            continue;
        if (alone)
            *s = world->vcpus[0];
        else
            copy_world(next, world, sys->n_vcpus);
        const unsigned plane = ps_plane_of(s, &act);
        const struct ps_outcome out = ps_step(ps_policy_of(sys, vcpu), s, act.kind, plane);
        const uint32_t id = ps_id(piece->shard, piece->begin + i);
        if (!judge_act(search, piece, id, number, &origins[i], next, vcpu, out))
            continue;
        /* Many an act changes nothing; that is seen before anything is packed. */
        if (!memcmp(s, &world->vcpus[vcpu], sizeof *s))
            continue;
        if (alone) {
            const uint64_t key = ps_pack_word(sys, s);
            keep_found(piece, &key, 1, id, number);
        } else {
            take_world(search, piece, id, number, next, 1u << vcpu);
        }
    }
}

PS_FLATTEN static void expand_alone(const struct ps_search *search, struct ps_piece *piece,
                                    unsigned number, struct origin *origins,
                                    struct ps_world *next)
{
    expand_steps(search, piece, number, origins, next, 1);
}

PS_FLATTEN static void expand_several(const struct ps_search *search, struct ps_piece *piece,
                                      unsigned number, struct origin *origins,
                                      struct ps_world *next)
{
    expand_steps(search, piece, number, origins, next, 0);
}

static void expand_act(const struct ps_search *search, struct ps_piece *piece, unsigned number,
                       struct origin *origins, struct ps_world *next)
{
    if (!ps_is_step(&search->sys, &search->acts[number]))
        expand_any(search, piece, number, origins, next);
    else if (search->sys.words > 1)
        expand_several(search, piece, number, origins, next);
    else
        expand_alone(search, piece, number, origins, next);
}

/* Act by act, not state by state: what the processor has learned of an event stays true. */
static void expand_piece(const struct ps_search *search, struct ps_piece *piece)
{
    struct origin origins[PS_PIECE];
    struct ps_world next;
    const uint32_t n = piece->end - piece->begin;
    memset(&next, 0, sizeof next);
    for (uint32_t i = 0; i < n; i++)
        load_origin(search, piece, ps_id(piece->shard, piece->begin + i), &origins[i]);
    for (unsigned act = 0; act < search->n_acts && !search->sys.lockstep; act++)
        expand_act(search, piece, act, origins, &next);
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
    piece->transitions = piece->differing = piece->spurious = 0;
    for (unsigned i = 0; i < PS_N_LOCAL; i++)
        piece->finds[i].id = PS_NO_ID;
    memset(piece->recent, 0, PS_RECENT * search->sys.words * sizeof *piece->recent);
    expand_piece(search, piece);
    sort_piece(piece);
}
