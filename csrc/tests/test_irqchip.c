/* Controllers on random events: what holds after each, against plain arrays of 256 flags. That the
 * rules are those of the text is tested against the slow model and a recording, in tests/.
 */
#include <string.h>

#include "planesched/irqchip.h"
#include "policies.h"

/* What one vector of one plane has seen, and where it is. */
struct shadow {
    uint64_t posted, injected, coalesced, dropped;
    unsigned pending, served;
};

static unsigned highest(const struct shadow *vectors, int served)
{
    for (unsigned vector = PS_N_VECTORS - 1; vector > 0; vector--)
        if (served ? vectors[vector].served : vectors[vector].pending)
            return vector;
    return 0;
}

static void check_apic(const struct ps_apic *apic, const struct shadow *vectors)
{
    for (unsigned vector = 0; vector < PS_N_VECTORS; vector++) {
        const struct shadow *seen = &vectors[vector];
        CHECK(seen->posted == seen->injected + seen->coalesced + seen->dropped + seen->pending);
        CHECK(ps_vectors_have(apic->irr, vector) == seen->pending);
        CHECK(ps_apic_serves(apic, vector) == seen->served);
        CHECK(ps_has(apic->irr_classes, vector >> 4) == (apic->irr[vector >> 4] != 0));
    }
    CHECK(ps_apic_pending(apic) == highest(vectors, 0));
    CHECK(ps_apic_in_service(apic) == highest(vectors, 1));
    CHECK(ps_apic_ppr(apic) >> 4 >= highest(vectors, 1) >> 4);
    CHECK(ps_apic_ppr(apic) >> 4 >= (unsigned)apic->tpr >> 4);
}

static void post(struct shadow *seen, unsigned dropped)
{
    seen->posted++;
    seen->dropped += dropped != 0;
    seen->coalesced += !dropped && seen->pending;
    seen->pending |= !dropped;
}

static void empty(struct shadow *vectors)
{
    for (unsigned vector = 0; vector < PS_N_VECTORS; vector++) {
        vectors[vector].dropped += vectors[vector].pending;
        vectors[vector].pending = vectors[vector].served = 0;
    }
}

/* The vectors that come with messages, in half of all walks: some, close together. */
static unsigned message_of(unsigned slot, unsigned vina)
{
    const unsigned vector = 0x30u + 3u * slot;
    return vector == vina ? 0u : vector;
}

static struct ps_chip_policy random_chip(uint64_t *seed)
{
    struct ps_chip_policy chip = ps_chip_policy_default();
    chip.mask_by = (uint8_t)random_below(seed, 2);
    chip.nmi_blocked = (uint8_t)random_below(seed, 2);
    chip.rescan = (uint8_t)random_below(seed, 2);
    chip.disabled = (uint8_t)random_below(seed, 2);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++) {
        chip.vina_vector[plane] = (uint8_t)(16 + random_below(seed, 240));
        for (unsigned cls = 1; cls < PS_N_CLASSES; cls++)
            chip.auto_eoi[plane][cls] = (uint16_t)(random_32(seed) & random_32(seed));
        for (unsigned slot = 0; slot < PS_N_SLOTS && chip.rescan; slot++)
            chip.messages[plane][slot] = (uint8_t)message_of(slot, chip.vina_vector[plane]);
    }
    chip.has_messages = chip.rescan;
    CHECK(ps_chip_policy_valid(&chip));
    return chip;
}

static unsigned random_event(uint64_t *seed)
{
    const unsigned draw = random_below(seed, 4);
    if (draw == 0)
        return PS_EVENT_IRQ;
    if (draw == 1)
        return PS_CHIP_EOI + random_below(seed, PS_CHIP_N_EVENTS - PS_CHIP_EOI);
    const unsigned event = random_below(seed, PS_N_EVENTS);
    return event == PS_EVENT_MASK || event == PS_EVENT_UNMASK ? (unsigned)PS_EVENT_RESCHED : event;
}

/* What an outcome says of vectors, kept in plain flags. */
static void follow(struct shadow shadows[][PS_N_VECTORS], const struct ps_chip_policy *chip,
                   struct ps_outcome out, unsigned event, unsigned plane, unsigned arg)
{
    struct shadow *named = shadows[plane], *now = shadows[(unsigned)out.now];
    if (out.fault)
        return;
    if (out.ended) {
        CHECK(out.ended == highest(named, 1));
        named[out.ended].served = 0;
    }
    const unsigned waits = out.notes & PS_NOTE_QUEUED;
    CHECK(!waits || (event == PS_EVENT_IRQ && out.vector == 0));
    const unsigned posts = (event == PS_EVENT_IRQ && !waits) || out.notes & PS_NOTE_REPOSTED;
    const unsigned vector = event == PS_CHIP_EOI ? out.ended : arg;
    if (posts) {
        const unsigned again = named[vector].pending;
        post(&named[vector], out.notes & PS_NOTE_DROPPED);
        CHECK(!(out.flags & PS_FLAG_COALESCED) == !(again && !(out.notes & PS_NOTE_DROPPED)));
    }
    if (event == PS_EVENT_DISABLE || event == PS_EVENT_INIT)
        empty(named);
    if (out.flags & PS_FLAG_VINA) {
        struct shadow *vina = &now[chip->vina_vector[(unsigned)out.now]];
        const unsigned dropped = out.notes & PS_NOTE_VINA_DROPPED;
        CHECK(!(vina->pending && !dropped) == !(out.notes & PS_NOTE_VINA_PENDING));
        post(vina, dropped);
    }
    CHECK(!(out.flags & PS_FLAG_INJECTED) == !out.vector);
    if (out.vector) {
        CHECK(out.vector == highest(now, 0) && out.vector >> 4 > highest(now, 1) >> 4);
        now[out.vector].pending = 0;
        now[out.vector].injected++;
        now[out.vector].served = !ps_vectors_have(chip->auto_eoi[(unsigned)out.now], out.vector);
    }
}

static void walk(uint64_t *seed, unsigned n_planes, unsigned n_steps)
{
    static struct shadow shadows[PS_MAX_PLANES][PS_N_VECTORS];
    struct ps_apic apics[PS_MAX_PLANES];
    const struct ps_policy policy = random_policy(seed, n_planes);
    const struct ps_chip_policy chip = random_chip(seed);
    const unsigned all = (2u << (n_planes - 1)) - 1u;
    struct ps_state s = ps_boot(&policy, (uint16_t)((random_32(seed) & all) | ps_bit(policy.boot)));
    memset(shadows, 0, sizeof shadows);
    memset(apics, 0, sizeof apics);
    for (unsigned i = 0; i < n_steps; i++) {
        const unsigned event = random_event(seed);
        const unsigned plane = random_below(seed, n_planes);
        const unsigned arg = random_below(seed, 4) ? random_below(seed, PS_N_VECTORS)
                                                   : message_of(random_below(seed, PS_N_SLOTS), 0);
        const struct ps_outcome out =
            ps_chip_step(&policy, &chip, &s, apics, event, plane, arg);
        follow(shadows, &chip, out, event, plane, arg);
        CHECK(ps_chip_agrees(&chip, &s, apics, n_planes));
        for (unsigned other = 0; other < n_planes; other++)
            check_apic(&apics[other], shadows[other]);
    }
}

int main(void)
{
    uint64_t seed = 1;
    CHECK(sizeof(struct ps_apic) == 80 && sizeof(struct ps_outcome) == 8);
    for (unsigned round = 0; round < 200; round++)
        walk(&seed, 1 + round % 4, 300);
    return 0;
}
