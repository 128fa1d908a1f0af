/* Worlds packed into words and back, by the layout that ps_system_layout worked out. */
#ifndef PLANESCHED_CHECKER_PACK_H
#define PLANESCHED_CHECKER_PACK_H

#include "checker/world.h"

#define PS_N_BESIDE 4u /* PS_FIELD_LOCKS to PS_FIELD_CHIPS */

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

/* Current and status. */
static inline uint64_t ps_pack_tail(const struct ps_state *s)
{
    return (uint64_t)s->status | (uint64_t)(unsigned)s->current << 2;
}

/* A vCPU whose masks and tail are one word. */
static inline uint64_t ps_pack_word(const struct ps_system *sys, const struct ps_state *s)
{
    return ps_pack_masks(s, sys->n_planes) | ps_pack_tail(s) << sys->shift[PS_FIELD_TAIL];
}

static inline void ps_pack_vcpu(const struct ps_system *sys, const struct ps_world *world,
                                unsigned vcpu, uint64_t *key)
{
    const struct ps_state *s = &world->vcpus[vcpu];
    const unsigned tail = PS_FIELD_TAIL;
    key += vcpu * sys->vcpu_words;
    if (sys->vcpu_words == 1) {
        key[0] = ps_pack_word(sys, s);
    } else {
        uint16_t masks[PS_N_MASKS];
        memcpy(masks, s, sizeof masks);
        for (unsigned i = 0; i < sys->vcpu_words; i++)
            key[i] = 0;
        for (unsigned i = 0; i < PS_N_MASKS; i++)
            key[sys->word[i]] |= (uint64_t)masks[i] << sys->shift[i];
        key[sys->word[tail]] |= ps_pack_tail(s) << sys->shift[tail];
    }
    if (sys->beside) {
        const uint64_t extra[PS_N_BESIDE] = {world->locks[vcpu], world->waits[vcpu],
                                             world->asks[vcpu], world->chips[vcpu]};
        for (unsigned i = 0; i < PS_N_BESIDE; i++)
            key[sys->word[PS_FIELD_LOCKS + i]] |= extra[i] << sys->shift[PS_FIELD_LOCKS + i];
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
    const unsigned tail = PS_FIELD_TAIL;
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
    world->asks[vcpu] = 0;
    world->chips[vcpu] = 0;
    if (sys->beside) {
        uint64_t extra[PS_N_BESIDE];
        for (unsigned i = 0; i < PS_N_BESIDE; i++) {
            const unsigned field = PS_FIELD_LOCKS + i;
            extra[i] = key[sys->word[field]] >> sys->shift[field] &
                       ((UINT64_C(1) << ps_width(sys, field)) - 1u);
        }
        world->locks[vcpu] = (uint16_t)extra[0];
        world->waits[vcpu] = (uint16_t)extra[1];
        world->asks[vcpu] = (uint8_t)extra[2];
        world->chips[vcpu] = extra[3];
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

#endif
