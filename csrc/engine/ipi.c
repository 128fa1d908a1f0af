/* vCPUs that send each other interrupts: their events in one order, by (time, rank, vCPU). */
#include "engine/vcpu.h"

struct due {
    int64_t time_ns;
    unsigned rank;
    uint32_t vcpu;
};

static struct due due_of(const struct ps_engine *engine, uint32_t vcpu)
{
    struct due due = {0, 0, vcpu};
    due.time_ns = ps_vcpu_next_ns(engine, vcpu, &due.rank);
    return due;
}

static int comes_before(struct due a, struct due b)
{
    if (a.time_ns != b.time_ns)
        return a.time_ns < b.time_ns;
    return a.rank != b.rank ? a.rank < b.rank : a.vcpu < b.vcpu;
}

/* A tree of matches: leaf n + v is vCPU v, node i holds the winner of 2i and 2i + 1. */
static void play_match(struct ps_engine *engine, uint32_t i)
{
    const uint32_t a = engine->tree[2 * i], b = engine->tree[2 * i + 1];
    engine->tree[i] = comes_before(due_of(engine, a), due_of(engine, b)) ? a : b;
}

static void replay_matches(struct ps_engine *engine, uint32_t vcpu)
{
    for (uint32_t i = (engine->n_vcpus + vcpu) / 2; i >= 1; i /= 2)
        play_match(engine, i);
}

static uint32_t choose_target(const struct ps_engine *engine, const struct ps_source *source,
                              struct ps_stream *stream, uint32_t sender)
{
    const struct ps_draws *draws = engine->config.workload->draws;
    if (source->targets)
        return source->targets[draws->choose(stream, source->n_targets)];
    const uint32_t other = draws->choose(stream, engine->n_vcpus - 1u);
    return other < sender ? other : other + 1u;
}

static void send_one(struct ps_engine *engine, uint32_t vcpu, uint32_t number)
{
    const struct ps_source *source = &engine->sources[number];
    struct ps_stream *stream = ps_streams(engine, vcpu) + number;
    const double chance = engine->config.workload->draws->unit(stream);
    const uint32_t target = choose_target(engine, source, stream, vcpu);
    const int64_t service_ns = stream->service_ns;
    source->draw(source, stream);
    if (chance >= source->chance)
        return;
    if (ps_pool_empty(&engine->pool) && ps_pool_reserve(&engine->pool, 1)) {
        ps_engine_fail(engine);
        return;
    }
    const uint32_t index = ps_pool_take(&engine->pool);
    struct ps_node *node = &engine->pool.nodes[index];
    node->arrival_ns = engine->guests[vcpu].now_ns;
    node->left_ns = node->service_ns = service_ns;
    node->source = (uint16_t)number;
    node->plane = source->plane;
    node->kind = PS_JOB_IPI;
    ps_input_insert(engine, target, index);
    replay_matches(engine, target);
}

/* What the end of a job of a source sends. */
static void send_from(struct ps_engine *engine, uint32_t vcpu, uint32_t origin)
{
    for (uint32_t i = 0; i < engine->n_sources; i++) {
        const struct ps_source *source = &engine->sources[i];
        if (source->arrivals == PS_ARRIVALS_IPIS && source->origin == origin &&
            (!source->members || source->members[vcpu]))
            send_one(engine, vcpu, i);
    }
}

/* The jobs that ended in the last event of a vCPU send, in the order in which they ended. */
static void send_ended(struct ps_engine *engine, uint32_t vcpu)
{
    while (engine->ended.head != PS_NIL) {
        const uint32_t index = ps_queue_pop(&engine->pool, &engine->ended);
        const uint32_t origin = engine->pool.nodes[index].source;
        ps_pool_give(&engine->pool, index);
        send_from(engine, vcpu, origin);
    }
}

int ps_engine_advance_together(struct ps_engine *engine, int64_t until_ns, uint64_t *patience)
{
    const uint32_t n = engine->n_vcpus;
    for (uint32_t vcpu = 0; vcpu < n; vcpu++)
        engine->tree[n + vcpu] = vcpu;
    for (uint32_t i = n - 1; i >= 1; i--)
        play_match(engine, i);
    for (;;) {
        const uint32_t first = n > 1 ? engine->tree[1] : 0;
        if (due_of(engine, first).time_ns > until_ns)
            break;
        if (!*patience || engine->failed)
            return 1;
        --*patience;
        ps_vcpu_do_next_event(engine, first);
        send_ended(engine, first);
        if (n > 1)
            replay_matches(engine, first);
    }
    for (uint32_t vcpu = 0; vcpu < n; vcpu++)
        if (engine->guests[vcpu].now_ns < until_ns)
            ps_vcpu_pass_time(engine, vcpu, until_ns);
    return 0;
}
