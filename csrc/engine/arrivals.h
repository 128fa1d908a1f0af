/* Which source of a vCPU's brings the next job. Few are looked at one by one (vcpu_jobs.h); of many
 * a tree of losers knows, and an arrival costs a match for each of its levels. */
#ifndef PLANESCHED_ENGINE_ARRIVALS_H
#define PLANESCHED_ENGINE_ARRIVALS_H

#include "engine/parts.h"

/* More sources of arrivals than this have a tree: measured, benches/README.md. */
#define PS_LOOKED_AT_MOST 20u

/* The tree of a vCPU, of n nodes, n being a power of two. The leaf of place p would be node n + p;
 * node i is above 2i and 2i + 1, and holds who lost there, or who never comes where nobody did;
 * node 0 holds who never lost. */
static inline struct ps_due *ps_dues(const struct ps_engine *engine, uint32_t vcpu)
{
    return engine->dues + (size_t)vcpu * engine->n_dues;
}

/* Who is first, and when. Only the stream of who was first may have gone on since. */
struct ps_due ps_dues_first(const struct ps_engine *engine, uint32_t vcpu);
/* Let them play for the first time, when all streams have begun. */
void ps_dues_begin(const struct ps_engine *engine, uint32_t vcpu);

#endif
