/* Reading an engine's figures while it goes on. */
#include "engine_parts.h"

/* Jobs in a queue, by the plane that they are for: a forward job stands at the marker. */
static void count_queue(const struct ps_pool *pool, const struct ps_queue *queue,
                        uint64_t queued[PS_MAX_PLANES])
{
    for (uint32_t node = queue->head; node != PS_NIL; node = pool->nodes[node].next)
        queued[pool->nodes[node].plane]++;
}

/* What came during a switch that still goes on has arrived, though it has had no effect yet. */
static void count_waiting(const struct ps_pool *pool, const struct ps_guest *guest,
                          struct ps_totals *totals)
{
    for (uint32_t i = guest->input.head; i != PS_NIL; i = pool->nodes[i].next) {
        const struct ps_node *node = &pool->nodes[i];
        if (node->arrival_ns > guest->now_ns)
            return;
        totals->arrived[node->plane]++;
        totals->woken[node->plane] += node->source == PS_SOURCE_WAKE;
        totals->queued[node->plane]++;
    }
}

static void read_pending(const struct ps_state *s, const int64_t *clock, int64_t now_ns,
                         uint64_t oldest_ns[PS_MAX_PLANES])
{
    for (uint16_t left = s->irq; left; left = (uint16_t)(left & (left - 1u))) {
        const unsigned plane = ps_lowest(left);
        const uint64_t age = (uint64_t)(now_ns - clock[PS_CLOCK_POSTED + plane]);
        oldest_ns[plane] = age > oldest_ns[plane] ? age : oldest_ns[plane];
    }
}

void ps_engine_read(const struct ps_engine *engine, struct ps_figures *figures,
                    struct ps_totals *totals, uint64_t *latency, uint64_t *sojourn)
{
    const size_t buckets = (size_t)engine->ledger.n_planes * PS_N_BUCKETS;
    *figures = engine->figures;
    *totals = engine->totals;
    memcpy(latency, engine->latency, buckets * sizeof *latency);
    memcpy(sojourn, engine->sojourn, buckets * sizeof *sojourn);
    struct ps_ledger ledger = {figures, latency, NULL, engine->ledger.n_planes};
    for (uint32_t vcpu = 0; vcpu < engine->n_vcpus; vcpu++) {
        const struct ps_guest *guest = &engine->guests[vcpu];
        const struct ps_state *s = &engine->states[vcpu];
        /* Closing forgets when what is not pending was posted, which matters to nobody. */
        ledger.clocks = ps_clock(&engine->ledger, vcpu);
        read_pending(s, ledger.clocks, guest->now_ns, totals->oldest_ns);
        ps_figures_end_time(&ledger, s, 1, guest->now_ns);
        ps_figures_close(&ledger, s, 1, guest->now_ns);
        count_waiting(&engine->pool, guest, totals);
        for (uint16_t left = guest->work; left; left = (uint16_t)(left & (left - 1u)))
            count_queue(&engine->pool, &guest->queues[ps_lowest(left)], totals->queued);
    }
}

void ps_engine_report(const struct ps_engine *engine, uint32_t vcpu, struct ps_vcpu_report *out)
{
    assert(vcpu < engine->n_vcpus);
    const struct ps_guest *guest = &engine->guests[vcpu];
    memcpy(out->time_ns, guest->time_ns, sizeof out->time_ns);
    out->now_ns = guest->now_ns;
    out->livelock_ns = guest->livelock_ns;
    out->livelocks = guest->livelocks;
    out->livelock_planes = guest->livelock_planes;
}
