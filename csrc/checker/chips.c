/* Controllers around the one step: their registers are unfolded, stepped, and packed again. */
#include "checker/chips.h"

#include "checker/world.h"

#define MORE_BIT UINT64_C(1) /* the plane that is current could take another: a resched follows */
#define FLAG_BITS 4u     /* of ps_apic.flags */
#define TPR_BITS 3u

/* ---- Packed registers: of each plane IRR, ISR, slots, queued, lines; TPR; flags ---- */

int ps_chip_set_layout(struct ps_chip_set *set, unsigned n_planes)
{
    set->has_slots = set->policies[0].has_messages || set->policies[1].has_messages;
    const unsigned rows = 2u + (set->has_slots ? 2u : 0u) + (set->has_lines ? 1u : 0u);
    set->bits = 1;
    set->most_vectors = 1;
    for (unsigned plane = 0; plane < n_planes; plane++) {
        unsigned n = 0;
        while (n < PS_CHIP_NAMED && set->vectors[plane][n])
            n++;
        set->n_vectors[plane] = (uint8_t)n;
        set->shifts[plane] = (uint8_t)(set->bits < 64u ? set->bits : 0u); /* beyond: refused */
        set->most_vectors = n > set->most_vectors ? n : set->most_vectors;
        set->bits += rows * n + TPR_BITS + FLAG_BITS;
    }
    return set->bits <= PS_CHIP_BITS && n_planes * set->most_vectors <= 30u &&
                   ps_chip_policy_valid(&set->policies[0]) &&
                   ps_chip_policy_valid(&set->policies[1])
               ? 0 : -1;
}

static unsigned side_of(const struct ps_system *sys, unsigned vcpu)
{
    return sys->lockstep ? vcpu : 0u;
}

struct reader {
    uint64_t word;
};

static unsigned take_bits(struct reader *reader, unsigned n)
{
    const unsigned bits = (unsigned)reader->word & ((1u << n) - 1u);
    reader->word >>= n;
    return bits;
}

/* The slots of the vectors that are among `named`, as ps_apic has them. */
static uint8_t slots_of(const struct ps_chip_set *set, unsigned side, unsigned plane,
                        unsigned named)
{
    unsigned slots = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        if (named >> i & 1u)
            slots |= ps_chip_slot(&set->policies[side], plane, set->vectors[plane][i]);
    return (uint8_t)slots;
}

static unsigned named_slots(const struct ps_chip_set *set, unsigned side, unsigned plane,
                         unsigned slots)
{
    unsigned named = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        if (slots & ps_chip_slot(&set->policies[side], plane, set->vectors[plane][i]))
            named |= 1u << i;
    return named;
}

static void read_vectors(const struct ps_chip_set *set, unsigned plane, struct reader *reader,
                         struct ps_apic *apic)
{
    const unsigned n = set->n_vectors[plane];
    const unsigned irr = take_bits(reader, n), isr = take_bits(reader, n);
    const unsigned lines = set->has_lines ? take_bits(reader, n) : 0u;
    for (unsigned i = 0; i < n; i++) {
        const unsigned vector = set->vectors[plane][i], cls = vector >> 4;
        if (irr >> i & 1u)
            (void)ps_apic_post(apic, vector);
        if (lines >> i & 1u)
            apic->lines[cls] = (uint16_t)(apic->lines[cls] | ps_vector_bit(vector));
        if (isr >> i & 1u) {
            apic->isr_classes = (uint16_t)(apic->isr_classes | ps_bit(cls));
            apic->serving |= (uint64_t)(vector & 15u) << 4 * cls;
        }
    }
}

void ps_chips_read(const struct ps_chip_set *set, unsigned n_planes, unsigned side, uint64_t word,
                   struct ps_apic *apics)
{
    struct reader reader = {word >> 1};
    memset(apics, 0, n_planes * sizeof *apics);
    for (unsigned plane = 0; plane < n_planes; plane++) {
        struct ps_apic *apic = &apics[plane];
        const unsigned n = set->n_vectors[plane];
        read_vectors(set, plane, &reader, apic);
        if (set->has_slots) {
            apic->slots = slots_of(set, side, plane, take_bits(&reader, n));
            apic->queued = slots_of(set, side, plane, take_bits(&reader, n));
        }
        apic->tpr = set->tprs[plane][take_bits(&reader, TPR_BITS)];
        apic->flags = (uint8_t)take_bits(&reader, FLAG_BITS);
    }
}

struct writer {
    uint64_t word;
    unsigned at;
};

static void put_bits(struct writer *writer, unsigned bits, unsigned n)
{
    writer->word |= (uint64_t)bits << writer->at;
    writer->at += n;
}

static unsigned number_of_tpr(const struct ps_chip_set *set, unsigned plane, unsigned tpr)
{
    unsigned number = 0;
    while (set->tprs[plane][number] != tpr) {
        number++;
        PS_ASSERT(number < PS_CHIP_TPRS); /* no act gives it another */
    }
    return number;
}

/* Which of the named vectors are pending, are in service, have a line that is up. */
static unsigned named_pending(const struct ps_chip_set *set, const struct ps_apic *apic,
                           unsigned plane)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        bits |= ps_vectors_have(apic->irr, set->vectors[plane][i]) << i;
    return bits;
}

static unsigned named_served(const struct ps_chip_set *set, const struct ps_apic *apic,
                          unsigned plane)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        bits |= (unsigned)(ps_apic_serves(apic, set->vectors[plane][i]) != 0) << i;
    return bits;
}

static unsigned named_raised(const struct ps_chip_set *set, const struct ps_apic *apic,
                          unsigned plane)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        bits |= ps_vectors_have(apic->lines, set->vectors[plane][i]) << i;
    return bits;
}

/* Pack the registers of one plane anew, in the word of its vCPU. */
static uint64_t write_plane(const struct ps_chip_set *set, unsigned side, unsigned plane,
                            const struct ps_apic *apic, uint64_t word)
{
    struct writer writer = {0, set->shifts[plane]};
    const unsigned n = set->n_vectors[plane];
    put_bits(&writer, named_pending(set, apic, plane), n);
    put_bits(&writer, named_served(set, apic, plane), n);
    if (set->has_lines)
        put_bits(&writer, named_raised(set, apic, plane), n);
    if (set->has_slots) {
        put_bits(&writer, named_slots(set, side, plane, apic->slots), n);
        put_bits(&writer, named_slots(set, side, plane, apic->queued), n);
    }
    put_bits(&writer, number_of_tpr(set, plane, apic->tpr), TPR_BITS);
    put_bits(&writer, apic->flags, FLAG_BITS);
    const uint64_t mine =
        ((UINT64_C(1) << writer.at) - 1u) & ~((UINT64_C(1) << set->shifts[plane]) - 1u);
    return (word & ~mine) | writer.word;
}

static void chips_of(const struct ps_system *sys, const struct ps_world *world, unsigned vcpu,
                     struct ps_apic *apics)
{
    ps_chips_read(sys->chips, sys->n_planes, side_of(sys, vcpu), world->chips[vcpu], apics);
}

/* ---- Acts ---- */

int ps_chips_allow(const struct ps_system *sys, const struct ps_world *world,
                   const struct ps_act *act)
{
    const uint64_t more = world->chips[act->vcpu] & MORE_BIT;
    if (!more != !(act->how & PS_WHEN_MORE))
        return 0;
    if (!(act->how & PS_WHEN_OPEN))
        return 1;
    struct ps_apic apics[PS_MAX_PLANES];
    chips_of(sys, world, act->vcpu, apics);
    const struct ps_apic *apic = &apics[(unsigned)world->vcpus[act->vcpu].current];
    return !apic->tpr && !apic->isr_classes;
}

struct ps_outcome ps_chips_step(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                                const struct ps_algorithm *algorithm, unsigned event,
                                unsigned plane, unsigned arg)
{
    const unsigned side = side_of(sys, vcpu);
    struct ps_apic apics[PS_MAX_PLANES];
    chips_of(sys, world, vcpu, apics);
    const struct ps_outcome out =
        ps_chip_step_by(ps_policy_of(sys, vcpu), algorithm->pick ? algorithm : NULL,
                        &sys->chips->policies[side], &world->vcpus[vcpu], apics, event, plane, arg);
    /* Of an event that names none, plane 0 is packed as it was. */
    const unsigned now = (unsigned)out.now;
    uint64_t word = write_plane(sys->chips, side, plane, &apics[plane],
                                world->chips[vcpu] & ~MORE_BIT);
    if (now != plane)
        word = write_plane(sys->chips, side, now, &apics[now], word);
    world->chips[vcpu] = word | (out.notes & PS_NOTE_MORE ? MORE_BIT : 0u);
    return out;
}

/* ---- Properties ---- */

static unsigned number_of_vector(const struct ps_chip_set *set, unsigned plane, unsigned vector)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < set->n_vectors[plane]; i++)
        bits |= (unsigned)(set->vectors[plane][i] == vector) << i;
    return vector ? bits : 0u;
}

int ps_chips_lose(const struct ps_system *sys, const struct ps_world *before,
                  const struct ps_world *after, unsigned vcpu, const struct ps_act *act,
                  struct ps_outcome out)
{
    const struct ps_chip_set *set = sys->chips;
    const struct ps_state *had = &before->vcpus[vcpu], *has = &after->vcpus[vcpu];
    const int resets = (act->kind == PS_EVENT_DISABLE || act->kind == PS_EVENT_INIT) && !out.fault;
    struct ps_apic was[PS_MAX_PLANES], is[PS_MAX_PLANES];
    chips_of(sys, before, vcpu, was);
    chips_of(sys, after, vcpu, is);
    for (unsigned plane = 0; plane < sys->n_planes; plane++) {
        const int named = plane == act->plane && !(act->how & PS_OF_SELF) && !out.fault;
        const int now = plane == (unsigned)out.now;
        unsigned gone = named_pending(set, &was[plane], plane);
        if (named && act->kind == PS_EVENT_IRQ && !(out.notes & (PS_NOTE_DROPPED | PS_NOTE_QUEUED)))
            gone |= number_of_vector(set, plane, act->target);
        gone &= ~named_pending(set, &is[plane], plane);
        gone &= ~(now ? number_of_vector(set, plane, out.vector) : 0u);
        const int nmi = ps_has(had->nmi, plane) || was[plane].flags & PS_APIC_NMI_KEPT ||
                        (named && act->kind == PS_EVENT_NMI);
        const int kept = ps_has(has->nmi, plane) || is[plane].flags & PS_APIC_NMI_KEPT;
        const int taken = now && out.flags & PS_FLAG_NMI;
        if ((gone || (nmi && !kept && !taken)) && !(resets && named))
            return 1;
    }
    return 0;
}

/* What is asked after: what is pending, or what is in service. */
static uint32_t asked_after(const struct ps_system *sys, const struct ps_world *world)
{
    const struct ps_chip_set *set = sys->chips;
    struct ps_apic apics[PS_MAX_PLANES];
    uint32_t bits = 0;
    chips_of(sys, world, 0, apics);
    for (unsigned plane = 0; plane < sys->n_planes; plane++) {
        const unsigned found = set->owed ? named_served(set, &apics[plane], plane)
                                         : named_pending(set, &apics[plane], plane);
        if (ps_has((uint16_t)(world->vcpus[0].online & ~world->vcpus[0].held), plane))
            bits |= (uint32_t)found << plane * set->most_vectors;
    }
    return bits;
}

uint32_t ps_chips_undelivered(const struct ps_system *sys, const struct ps_world *world)
{
    return asked_after(sys, world);
}

uint32_t ps_chips_delivered(const struct ps_system *sys, const struct ps_world *before,
                            const struct ps_world *after, struct ps_outcome out)
{
    const struct ps_chip_set *set = sys->chips;
    const uint32_t gone = asked_after(sys, before) & ~asked_after(sys, after);
    if (set->owed || !out.vector)
        return gone;
    const unsigned plane = (unsigned)out.now;
    return gone | (uint32_t)number_of_vector(set, plane, out.vector) << plane * set->most_vectors;
}
