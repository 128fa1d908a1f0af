#include "core/chiprun.h"

uint64_t ps_chip_events_check(const struct ps_event_record *events, uint64_t n,
                              const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                              int64_t start_ns, enum ps_mistake *mistake)
{
    int64_t earliest_ns = start_ns < 0 ? 0 : start_ns;
    for (uint64_t i = 0; i < n; i++) {
        struct ps_event_record event = events[i];
        const unsigned kind = event.kind;
        const int ours = kind >= PS_CHIP_EOI && kind < PS_CHIP_N_EVENTS;
        if (ours)
            event.kind = PS_EVENT_IRQ; /* an event that names a plane */
        *mistake = ps_event_mistake(&event, policy, n_planes, n_vcpus, earliest_ns);
        if (*mistake == PS_MISTAKE_NONE && (kind == PS_EVENT_MASK || kind == PS_EVENT_UNMASK))
            *mistake = PS_MISTAKE_KIND;
        if (*mistake == PS_MISTAKE_NONE && (ours || kind == PS_EVENT_IRQ) &&
            event.arg >= PS_N_VECTORS)
            *mistake = PS_MISTAKE_ARG;
        if (*mistake != PS_MISTAKE_NONE)
            return i;
        earliest_ns = event.time_ns;
    }
    return n;
}

uint64_t ps_chips_check(const struct ps_chips *chips, const struct ps_state *states, uint64_t n,
                        unsigned n_planes)
{
    for (uint64_t vcpu = 0; vcpu < n; vcpu++)
        if (!ps_chip_agrees(chips->policy, &states[vcpu], &chips->apics[vcpu * n_planes], n_planes))
            return vcpu;
    return n;
}

void ps_chips_pending(const struct ps_chips *chips, const struct ps_state *states,
                      uint64_t n_vcpus, unsigned n_planes,
                      uint64_t counts[PS_N_PENDING][PS_MAX_PLANES])
{
    const struct ps_apic *apic = chips->apics;
    for (uint64_t vcpu = 0; vcpu < n_vcpus; vcpu++)
        for (unsigned plane = 0; plane < n_planes; plane++, apic++) {
            const unsigned pending = ps_apic_n_pending(apic);
            counts[PS_PENDING_IRQ][plane] += pending ? pending - 1u : 0u;
            counts[PS_PENDING_NMI][plane] += ps_apic_nmi_outside(apic, &states[vcpu], plane);
        }
}

void ps_chip_count_unstepped(struct ps_figures *f, unsigned event, unsigned plane,
                             struct ps_outcome out)
{
    const unsigned came = event == PS_EVENT_NMI ? (unsigned)PS_EVENT_NMI : (unsigned)PS_EVENT_IRQ;
    const unsigned lost = out.notes & PS_NOTE_DROPPED;
    const unsigned again = out.notes & PS_NOTE_QUEUED && out.flags & PS_FLAG_COALESCED;
    if (event != PS_EVENT_NMI && !lost && !again)
        return;
    f->steps[came][plane]++;
    f->dropped[came - PS_EVENT_IRQ][plane] += lost != 0;
    f->coalesced[came - PS_EVENT_IRQ][plane] += (out.flags & PS_FLAG_COALESCED) != 0;
}

/* One record: what it does, and what of it is counted. */
static struct ps_outcome run_one(struct ps_run *run, const struct ps_chips *chips,
                                 const struct ps_event_record *record,
                                 const struct ps_algorithm *algorithm)
{
    const unsigned n_planes = run->ledger.n_planes, event = record->kind;
    const unsigned takes = event >= PS_CHIP_EOI || ps_takes_plane(run->policy, event);
    const unsigned plane = takes ? record->plane : 0u;
    struct ps_state *s = &run->states[record->vcpu];
    struct ps_apic *apics = &chips->apics[(uint64_t)record->vcpu * n_planes];
    int64_t *posted = &chips->posted[(uint64_t)record->vcpu * n_planes * PS_N_VECTORS];
    int64_t *clock = ps_clock(&run->ledger, record->vcpu);
    struct ps_figures *f = run->ledger.figures;

    const struct ps_before before = ps_look(s);
    const unsigned pending = ps_apic_n_pending(&apics[plane]);
    const unsigned kept = ps_apic_nmi_outside(&apics[plane], s, plane);
    const struct ps_chip_act act =
        ps_chip_act_on(chips->policy, s, &apics[plane], event, plane, record->arg);
    const struct ps_outcome out =
        ps_chip_follow(run->policy, algorithm, chips->policy, s, apics, &act, plane);
    if (out.fault == PS_NO_ANSWER)
        return out;
    if (act.event == PS_NO_STEP) {
        ps_chip_count_unstepped(f, event, plane, out);
        return out;
    }
    const unsigned now = (unsigned)out.now;
    const unsigned vina_set = ps_chip_note_posted(chips->policy, posted, out, event, plane,
                                                  record->arg, record->time_ns);
    if (out.vector && posted[now * PS_N_VECTORS + out.vector] != PS_UNKNOWN_NS)
        clock[PS_CLOCK_POSTED + now] = posted[now * PS_N_VECTORS + out.vector];
    const uint64_t vina_before = f->vina_set[now];
    ps_count(&run->ledger, &before, s, out, act.event, plane, (uint64_t)record->time_ns, clock);
    if (out.fault)
        return out;
    f->vina_set[now] = vina_before + vina_set;
    if (event == PS_CHIP_IRET) /* the NMI that is taken now came before */
        f->steps[PS_EVENT_NMI][plane]--;
    if (ps_among(PS_CHIP_RESETS, act.event)) {
        f->dropped[PS_PENDING_IRQ][plane] += pending ? pending - 1u : 0u;
        f->dropped[PS_PENDING_NMI][plane] += kept;
    }
    return out;
}

int ps_run_chips(struct ps_run *run, const struct ps_chips *chips, uint64_t end)
{
    struct ps_algorithm algorithm;
    uint64_t i = run->done;
    if (run->algorithm)
        algorithm = *run->algorithm;
    for (; i < end; i++) {
        const struct ps_event_record *record = &run->records[i];
        const uint8_t status = run->states[record->vcpu].status;
        if (run->algorithm)
            algorithm.memory = ps_memory_of(run->algorithm, record->vcpu);
        const struct ps_outcome out =
            run_one(run, chips, record, run->algorithm ? &algorithm : NULL);
        if (out.fault == PS_NO_ANSWER)
            break;
        if (run->log && ps_worth_logging(out, status, run->states[record->vcpu].status))
            ps_run_log(run, record, out, status);
    }
    run->done = i;
    return i < end ? -1 : 0;
}
