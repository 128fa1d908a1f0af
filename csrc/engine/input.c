/* What an engine is fed: jobs, checked before any is taken in. */
#include "engine/parts.h"

static struct ps_fed fed_key(const struct ps_job *job)
{
    const struct ps_fed key = {job->time_ns, job->source, job->plane};
    return key;
}

static enum ps_job_mistake job_mistake(const struct ps_engine *engine, const struct ps_job *job)
{
    if (job->vcpu >= engine->n_vcpus)
        return PS_JOB_BAD_VCPU;
    const struct ps_guest *guest = &engine->guests[job->vcpu];
    const struct ps_fed last = guest->batch == engine->batch ? guest->tried : guest->fed;
    if (job->time_ns < guest->now_ns || job->time_ns < last.time_ns || job->time_ns == PS_NEVER_NS)
        return PS_JOB_BAD_TIME;
    if (job->time_ns == last.time_ns &&
        (job->plane < last.plane || (job->plane == last.plane && job->source < last.source)))
        return PS_JOB_BAD_ORDER;
    if (job->service_ns < 0)
        return PS_JOB_BAD_SERVICE;
    if (job->plane >= engine->config.n_planes || !ps_has(engine->boot.online, job->plane))
        return PS_JOB_BAD_PLANE;
    return job->kind == PS_JOB_INTERRUPT ? PS_JOB_FINE : PS_JOB_BAD_KIND;
}

static void take_in(struct ps_engine *engine, const struct ps_job *job)
{
    struct ps_guest *guest = &engine->guests[job->vcpu];
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = job->time_ns;
    node->left_ns = node->service_ns = job->service_ns;
    node->source = job->source;
    node->plane = job->plane;
    node->kind = PS_JOB_INTERRUPT;
    ps_queue_push(&engine->pool, &guest->input, index);
    guest->fed = fed_key(job);
    if (guest->input.head == index)
        ps_vcpu_find_arrival(engine, job->vcpu);
}

int ps_engine_feed(struct ps_engine *engine, const struct ps_job *jobs, uint64_t n,
                   uint64_t *index, enum ps_job_mistake *mistake)
{
    engine->batch++; /* forgets what an earlier call tried */
    for (uint64_t i = 0; i < n; i++) {
        *mistake = job_mistake(engine, &jobs[i]);
        if (*mistake != PS_JOB_FINE) {
            *index = i;
            return PS_ENGINE_BAD_JOB;
        }
        struct ps_guest *guest = &engine->guests[jobs[i].vcpu];
        guest->tried = fed_key(&jobs[i]);
        guest->batch = engine->batch;
    }
    if (ps_pool_reserve(&engine->pool, n))
        return PS_ENGINE_NO_MEMORY;
    for (uint64_t i = 0; i < n; i++)
        take_in(engine, &jobs[i]);
    return 0;
}
