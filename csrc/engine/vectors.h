/* Where planes have interrupt controllers (vectors.c, vector_figures.c). */
#ifndef PLANESCHED_ENGINE_VECTORS_H
#define PLANESCHED_ENGINE_VECTORS_H

#include "engine/vcpu.h"

/* Events that controllers take no part in, unless something is taken at them. */
static inline int ps_vectors_pass(unsigned event)
{
    return event != PS_EVENT_IRQ && event < PS_N_EVENTS && ps_among(PS_ENGINE_EVENTS, event);
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

/* A vCPU begins with its controllers as after reset. */
void ps_vectors_begin(struct ps_engine *engine, uint32_t vcpu);
/* A node of the input arrives: what its job says of a vector is noted. */
void ps_vectors_name(struct ps_engine *engine, uint32_t index);
/* One step, with what it does to the controllers and to the jobs that their vectors brought: of an
 * irq, of an EOI, of any other event. */
struct ps_done ps_vectors_post(struct ps_engine *engine, uint32_t vcpu, unsigned plane,
                               int64_t posted_ns);
struct ps_done ps_vectors_end(struct ps_engine *engine, uint32_t vcpu, unsigned plane);
struct ps_done ps_vectors_step(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                               unsigned plane, int64_t posted_ns);
/* As ps_vcpu_advance. */
int ps_vectors_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                       uint64_t *patience);
/* What is injected has been responded to. */
void ps_vectors_respond(struct ps_engine *engine, uint32_t vcpu, uint64_t response_ns);
/* Counting begins; what is pending beside that which the 32 bytes know of is added to figures. */
void ps_vectors_clear(struct ps_engine *engine);
void ps_vectors_count_pending(const struct ps_engine *engine,
                            uint64_t counts[PS_N_PENDING][PS_MAX_PLANES]);

#endif
