/* Where planes have interrupt controllers (vectors.c, vector_figures.c). */
#ifndef PLANESCHED_ENGINE_VECTORS_H
#define PLANESCHED_ENGINE_VECTORS_H

#include "engine/vcpu.h"

/* Events of the engine's that controllers take no part in, unless something is taken at them. */
static inline int ps_vectors_pass(unsigned event)
{
    const unsigned events = PS_ENGINE_EVENTS | PS_E(RESCHED) | PS_E(INTERCEPT);
    return event != PS_EVENT_IRQ && event < PS_N_EVENTS && ps_among(events, event);
}

/* What a step gives a controller to do. */
#define PS_VECTORS_TAKEN (PS_FLAG_INJECTED | PS_FLAG_NMI | PS_FLAG_VINA)

static inline struct ps_apic *ps_vcpu_apics(const struct ps_engine *engine, uint32_t vcpu)
{
    return engine->apics + (size_t)vcpu * engine->config.n_planes;
}

/* Jobs of one plane whose vector was not injected yet. */
static inline struct ps_queue *ps_posted(const struct ps_engine *engine, uint32_t vcpu,
                                         unsigned plane)
{
    return engine->posted + (size_t)vcpu * engine->config.n_planes + plane;
}

/* In a debug build, what is done in a shorter way is checked against the longer one. */
static inline int ps_vectors_end_agrees(const struct ps_engine *engine, const struct ps_state *s,
                                        const struct ps_apic *apic, unsigned plane)
{
    struct ps_state after = *s;
    struct ps_apic ended = *apic, shorter = *apic;
    const struct ps_chip_act act =
        ps_chip_act_on(&engine->chip, &after, &ended, PS_CHIP_EOI, plane, 0);
    ps_apic_end(&shorter);
    return act.event == PS_NO_STEP && !memcmp(&after, s, sizeof after) &&
           !memcmp(&ended, &shorter, sizeof ended);
}

/* A vCPU begins with its controllers as after reset. */
void ps_vectors_begin(struct ps_engine *engine, uint32_t vcpu);
/* A node of the input arrives: what its job says of a vector is noted. */
void ps_vectors_name(struct ps_engine *engine, uint32_t index);
/* One step, with what it does to the controllers and to the jobs that their vectors brought: of an
 * irq, whose job is node `index`, of an EOI, of any other event. */
struct ps_done ps_vectors_post(struct ps_engine *engine, struct ps_guest *guest, int64_t *clock,
                               uint32_t number, unsigned plane, uint32_t index);
struct ps_done ps_vectors_end(struct ps_engine *engine, struct ps_guest *guest, int64_t *clock,
                              uint32_t number, unsigned plane);
struct ps_done ps_vectors_step(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                               unsigned plane, int64_t posted_ns);
/* Whether an EOI of the current plane has been done that changes no more than what is in service,
 * which is usual; if not, it is a step. */
static inline int ps_vectors_end_alone(const struct ps_vcpu v)
{
    const struct ps_engine *engine = v.engine;
    const unsigned plane = v.guest->current;
    struct ps_apic *apic = ps_vcpu_apics(engine, v.number) + plane;
    const struct ps_state *s = ps_vcpu_state(engine, v.number);
    if (engine->vector_log_left || !ps_chip_ends_alone(&engine->chip, s, apic, plane))
        return 0;
    assert(ps_vectors_end_agrees(engine, s, apic, plane));
    ps_apic_end(apic);
    return 1;
}

/* As ps_vcpu_advance. */
int ps_vectors_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                       uint64_t *patience);
/* What is injected has been responded to. */
void ps_vectors_respond(struct ps_engine *engine, uint32_t vcpu, uint64_t response_ns);
/* One is injected that no source brought. */
void ps_vectors_count(struct ps_engine *engine, unsigned plane, unsigned vector,
                      uint64_t latency_ns);
/* Counting begins; what is pending beside that which the 32 bytes know of is added to figures. */
void ps_vectors_clear(struct ps_engine *engine);
void ps_vectors_count_pending(const struct ps_engine *engine,
                            uint64_t counts[PS_N_PENDING][PS_MAX_PLANES]);

#endif
