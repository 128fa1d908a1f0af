/* The algorithm that picks: what each vCPU's has of its own, and whether it is looked up. */
#include "engine/parts.h"

int ps_engine_take_algorithm(struct ps_engine *engine)
{
    const struct ps_engine_config *config = &engine->config;
    engine->algorithm = config->algorithm;
    engine->looks_up = !config->algorithm.pick || config->algorithm.pure;
    if (engine->algorithm.size) {
        engine->first_memory =
            (char *)ps_copied(config->algorithm.memory, 1, config->algorithm.size);
        if (!engine->first_memory)
            return PS_ENGINE_NO_MEMORY;
    }
    engine->automaton = ps_automaton_create(
        &engine->policy, engine->looks_up ? &engine->algorithm : NULL, config->n_planes,
        PS_ENGINE_EVENTS | (config->slice_ns ? PS_E(RESCHED) : 0u) |
            (engine->chipped ? PS_CHIPPED_EVENTS : 0u),
        PS_AUTOMATON_BYTES);
    return engine->automaton ? 0 : PS_ENGINE_NO_MEMORY;
}

void ps_engine_begin_memory(struct ps_engine *engine, uint32_t vcpu)
{
    const size_t size = engine->algorithm.size;
    if (size)
        memcpy(engine->memories + size * vcpu, engine->first_memory, size);
}

struct ps_algorithm ps_vcpu_algorithm(const struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_algorithm algorithm = engine->algorithm;
    if (algorithm.size)
        algorithm.memory = engine->memories + algorithm.size * vcpu;
    return algorithm;
}
