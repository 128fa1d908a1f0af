#include "core/ledger.h"

static void count_pending(uint64_t counts[PS_N_PENDING][PS_MAX_PLANES], const struct ps_state *s)
{
    const uint16_t pending[PS_N_PENDING] = {s->irq, s->nmi, s->trap};
    for (unsigned kind = 0; kind < PS_N_PENDING; kind++)
        for (uint16_t left = pending[kind]; left; left = (uint16_t)(left & (left - 1u)))
            counts[kind][ps_lowest(left)]++;
}

void ps_figures_join(const struct ps_ledger *ledger, const struct ps_state *s, int64_t *clock,
                     int64_t start_ns)
{
    for (unsigned slot = PS_CLOCK_ENTERED; slot < PS_CLOCK_POSTED + ledger->n_planes; slot++)
        clock[slot] = clock[slot] == PS_UNKNOWN_NS ? start_ns : clock[slot];
    if (s->irq | s->nmi | s->trap)
        count_pending(ledger->figures->pending_before, s);
}

void ps_figures_open(const struct ps_ledger *ledger, const struct ps_state *states,
                     uint64_t n_vcpus, int64_t start_ns)
{
    struct ps_figures *f = ledger->figures;
    memset(f, 0, sizeof *f);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        f->latency_min_ns[plane] = UINT64_MAX;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++)
        ps_figures_join(ledger, &states[vcpu], ps_clock(ledger, vcpu), start_ns);
}

void ps_figures_begin_time(const struct ps_ledger *ledger, const struct ps_state *states,
                           uint64_t n_vcpus, int64_t now_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        ps_wide_sub(&f->time_ns[s->status][current], (uint64_t)now_ns);
        ps_count_suspended(f, 0, (uint16_t)(s->runnable & ~ps_bit(current)), (uint64_t)now_ns);
    }
}

void ps_figures_end_time(const struct ps_ledger *ledger, const struct ps_state *states,
                         uint64_t n_vcpus, int64_t now_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        ps_wide_add(&f->time_ns[s->status][current], (uint64_t)now_ns);
        ps_count_suspended(f, (uint16_t)(s->runnable & ~ps_bit(current)), 0, (uint64_t)now_ns);
    }
}

void ps_figures_close(const struct ps_ledger *ledger, const struct ps_state *states,
                      uint64_t n_vcpus, int64_t end_ns)
{
    struct ps_figures *f = ledger->figures;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++) {
        const struct ps_state *s = &states[vcpu];
        const unsigned current = (unsigned)s->current;
        int64_t *clock = ps_clock(ledger, vcpu);
        const uint64_t age = (uint64_t)(end_ns - clock[PS_CLOCK_ENTERED]);
        f->age_ns[current] = age > f->age_ns[current] ? age : f->age_ns[current];
        for (unsigned plane = 0; plane < ledger->n_planes; plane++)
            if (!ps_has(s->irq, plane))
                clock[PS_CLOCK_POSTED + plane] = PS_UNKNOWN_NS;
        if (s->irq | s->nmi | s->trap)
            count_pending(f->pending, s);
    }
}
