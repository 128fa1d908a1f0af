/* Interrupt controllers in the worlds of a search (rules, 8): a few named vectors a plane, and what
 * its registers say of them in some bits of one word a vCPU. What an act does is ps_chip_step's. */
#ifndef PLANESCHED_CHECKER_CHIPS_H
#define PLANESCHED_CHECKER_CHIPS_H

#include "planesched/irqchip.h"

#define PS_CHIP_NAMED 4u /* vectors of a plane at most: three, and that of VINA */
#define PS_CHIP_TPRS 5u  /* values that its TPR takes at most */
#define PS_CHIP_BITS 62u /* bits of the word at most */

struct ps_act;
struct ps_system;
struct ps_world;

/* How the controllers of a search are set up, and packed. */
struct ps_chip_set {
    struct ps_chip_policy policies[2]; /* of each policy that is searched */
    uint8_t vectors[PS_MAX_PLANES][PS_CHIP_NAMED]; /* rising, then zeros */
    uint8_t tprs[PS_MAX_PLANES][PS_CHIP_TPRS];     /* rising, the first is 0; then zeros */
    int has_lines;
    int owed; /* `delivery` asks whether what is in service ends, not whether it is injected */
    /* Worked out by ps_chip_set_layout. */
    uint8_t n_vectors[PS_MAX_PLANES], shifts[PS_MAX_PLANES];
    int has_slots;
    unsigned most_vectors;
    unsigned bits; /* of the word */
};

/* Work out the packed form. Returns 0, or -1 where it is too wide, or a policy is invalid. */
int ps_chip_set_layout(struct ps_chip_set *set, unsigned n_planes);

/* The registers of the planes of one vCPU; `side` says under which policy. */
void ps_chips_read(const struct ps_chip_set *set, unsigned n_planes, unsigned side, uint64_t word,
                   struct ps_apic *apics);

/* Whether an act can happen, as far as the controllers have a say: after a step that left more to
 * take, only its resched; what is done `open`, only with TPR 0 and nothing in service. */
int ps_chips_allow(const struct ps_system *sys, const struct ps_world *world,
                   const struct ps_act *act);

/* One event on one vCPU, by its algorithm where there is one. */
struct ps_outcome ps_chips_step(const struct ps_system *sys, struct ps_world *world, unsigned vcpu,
                                const struct ps_algorithm *algorithm, unsigned event,
                                unsigned plane, unsigned arg);

/* Whether a vector, or an NMI, is gone that nobody took. */
int ps_chips_lose(const struct ps_system *sys, const struct ps_world *before,
                  const struct ps_world *after, unsigned vcpu, const struct ps_act *act,
                  struct ps_outcome out);

/* As ps_undelivered and ps_delivered: bit plane * most_vectors + the vector's number. */
uint32_t ps_chips_undelivered(const struct ps_system *sys, const struct ps_world *world);
uint32_t ps_chips_delivered(const struct ps_system *sys, const struct ps_world *before,
                            const struct ps_world *after, struct ps_outcome out);

#endif
