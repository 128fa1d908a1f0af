/* What an engine is fed, jobs and events: checked before any is taken in. */
#include "engine/parts.h"

/* Of one time, what is told and tasks come before jobs, as they were fed. */
static int is_first(unsigned kind)
{
    return kind == PS_JOB_TOLD || kind == PS_JOB_TASK;
}

static struct ps_fed fed_key(const struct ps_job *job)
{
    const int told = is_first(job->kind);
    const struct ps_fed key = {job->time_ns, told ? (uint16_t)0 : job->source,
                               told ? (uint8_t)0 : job->plane, (uint8_t)told};
    return key;
}

/* What may only be fed where planes have controllers, or what only then must be right. */
static enum ps_job_mistake chipped_mistake(const struct ps_job *job)
{
    if (job->kind == PS_JOB_TASK)
        return PS_JOB_FINE;
    if (job->kind == PS_JOB_TOLD)
        return job->source == PS_EVENT_CLI || job->source == PS_EVENT_STI ? PS_JOB_FINE
                                                                          : PS_JOB_BAD_KIND;
    if (job->kind != PS_JOB_INTERRUPT)
        return PS_JOB_BAD_KIND;
    return job->source == PS_SOURCE_WAKE ||
                   (job->source >= PS_FIRST_VECTOR && job->source < PS_N_VECTORS)
               ? PS_JOB_FINE
               : PS_JOB_BAD_VECTOR;
}

static enum ps_job_mistake job_mistake(const struct ps_engine *engine, const struct ps_job *job)
{
    if (job->vcpu >= engine->n_vcpus)
        return PS_JOB_BAD_VCPU;
    const struct ps_guest *guest = &engine->guests[job->vcpu];
    const struct ps_fed last = guest->batch == engine->batch ? guest->tried : guest->fed;
    if (job->time_ns < guest->now_ns || job->time_ns < last.time_ns || job->time_ns == PS_NEVER_NS)
        return PS_JOB_BAD_TIME;
    const struct ps_fed key = fed_key(job);
    if (key.time_ns == last.time_ns &&
        (key.told > last.told || key.plane < last.plane ||
         (key.plane == last.plane && key.source < last.source)))
        return PS_JOB_BAD_ORDER;
    if (job->service_ns < 0)
        return PS_JOB_BAD_SERVICE;
    if (job->plane >= engine->config.n_planes || !ps_has(engine->boot.online, job->plane))
        return PS_JOB_BAD_PLANE;
    if (engine->chipped)
        return chipped_mistake(job);
    return job->kind == PS_JOB_INTERRUPT ? PS_JOB_FINE : PS_JOB_BAD_KIND;
}

/* Whether one comes before another; of two that were told for one time, the first one told. */
static int comes_first(const struct ps_node *a, const struct ps_node *b)
{
    const int told = is_first(a->kind);
    if (a->arrival_ns != b->arrival_ns)
        return a->arrival_ns < b->arrival_ns;
    if (told || is_first(b->kind))
        return told && !is_first(b->kind);
    return a->plane != b->plane ? a->plane < b->plane : a->source < b->source;
}

void ps_input_insert(struct ps_engine *engine, uint32_t vcpu, uint32_t index)
{
    struct ps_node *nodes = engine->pool.nodes;
    struct ps_queue *input = &engine->guests[vcpu].input;
    engine->had_input = 1;
    uint32_t before = PS_NIL;
    for (uint32_t i = input->head; i != PS_NIL; before = i, i = nodes[i].next)
        if (comes_first(&nodes[index], &nodes[i]))
            break;
    if (before == PS_NIL) {
        ps_queue_push_front(&engine->pool, input, index);
    } else {
        nodes[index].next = nodes[before].next;
        nodes[before].next = index;
        if (input->tail == before)
            input->tail = index;
    }
    ps_vcpu_find_arrival(engine, vcpu);
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
    node->kind = job->kind;
    guest->fed = fed_key(job);
    if (guest->input.head != PS_NIL &&
        engine->pool.nodes[guest->input.tail].kind == PS_JOB_TOLD &&
        comes_first(node, &engine->pool.nodes[guest->input.tail])) {
        ps_input_insert(engine, job->vcpu, index);
        return;
    }
    engine->had_input = 1;
    ps_queue_push(&engine->pool, &guest->input, index);
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

int ps_engine_at(struct ps_engine *engine, int64_t time_ns, uint32_t vcpu, unsigned event,
                 unsigned plane)
{
    if (vcpu >= engine->n_vcpus || event >= PS_N_EVENTS || !ps_among(PS_TOLD, event))
        return PS_ENGINE_BAD_EVENT;
    if (engine->chipped && (event == PS_EVENT_MASK || event == PS_EVENT_UNMASK))
        return PS_ENGINE_BAD_EVENT;
    const unsigned takes = ps_takes_plane(&engine->policy, event);
    if (takes && plane >= engine->config.n_planes)
        return PS_ENGINE_BAD_EVENT;
    if (time_ns < engine->guests[vcpu].now_ns || time_ns == PS_NEVER_NS)
        return PS_ENGINE_BAD_TIME;
    if (ps_pool_reserve(&engine->pool, 1))
        return PS_ENGINE_NO_MEMORY;
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = time_ns;
    node->left_ns = node->service_ns = 0;
    node->source = (uint16_t)event;
    node->plane = (uint8_t)(takes ? plane : 0u);
    node->kind = PS_JOB_TOLD;
    ps_input_insert(engine, vcpu, index);
    return 0;
}
