/* The loop of vm.run where planes have interrupt controllers: figures count what step was given,
 * and of vectors what became of each. */
#ifndef PLANESCHED_CHIPRUN_H
#define PLANESCHED_CHIPRUN_H

#include "core/run.h"
#include "planesched/irqchip.h"

/* The controllers of a VM's vCPUs: `n_planes` of them for each, one vCPU after the other. */
struct ps_chips {
    const struct ps_chip_policy *policy;
    struct ps_apic *apics;
    int64_t *posted; /* when what is pending was posted: PS_N_VECTORS for each controller */
};

/* How many vectors are pending. */
static inline unsigned ps_apic_n_pending(const struct ps_apic *apic)
{
    unsigned pending = 0;
    for (unsigned cls = 1; cls < PS_N_CLASSES; cls++)
        pending += (unsigned)__builtin_popcount(apic->irr[cls]);
    return pending;
}

/* An NMI that is kept where the 32 bytes do not know of it. */
static inline unsigned ps_apic_nmi_outside(const struct ps_apic *apic, const struct ps_state *s,
                                           unsigned plane)
{
    return (apic->flags & PS_APIC_NMI_KEPT) != 0 && !ps_has(s->nmi, plane);
}

/* Count what came and led to no step: it was dropped, or waits behind an NMI, or coalesced with
 * one. */
void ps_chip_count_unstepped(struct ps_figures *f, unsigned event, unsigned plane,
                             struct ps_outcome out);

/* Note when what was posted in a step was: the event's vector, a line's, that of VINA. `posted` is
 * that of the vCPU. Returns whether the VINA vector was not pending before. */
static inline unsigned ps_chip_note_posted(const struct ps_chip_policy *policy, int64_t *posted,
                                           struct ps_outcome out, unsigned event, unsigned plane,
                                           unsigned arg, int64_t now_ns)
{
    const unsigned came = event == PS_EVENT_IRQ || out.notes & PS_NOTE_REPOSTED;
    const unsigned now = (unsigned)out.now;
    const unsigned kept = out.notes & (PS_NOTE_DROPPED | PS_NOTE_QUEUED);
    if (came && !out.fault && !kept && !(out.flags & PS_FLAG_COALESCED))
        posted[plane * PS_N_VECTORS + (out.ended ? out.ended : arg)] = now_ns;
    if (!(out.flags & PS_FLAG_VINA) ||
        out.notes & (PS_NOTE_VINA_DROPPED | PS_NOTE_VINA_PENDING))
        return 0;
    posted[now * PS_N_VECTORS + policy->vina_vector[now]] = now_ns;
    return 1;
}

/* As ps_events_check, where controllers take the event, its vector or its value. */
uint64_t ps_chip_events_check(const struct ps_event_record *events, uint64_t n,
                              const struct ps_policy *policy, unsigned n_planes, uint64_t n_vcpus,
                              int64_t start_ns, enum ps_mistake *mistake);

/* The index of the first state that its controllers do not give, or n. */
uint64_t ps_chips_check(const struct ps_chips *chips, const struct ps_state *states, uint64_t n,
                        unsigned n_planes);

/* Run the records up to `end`. Returns 0, or -1 where the algorithm gave a wrong answer, as
 * ps_run_plain. */
int ps_run_chips(struct ps_run *run, const struct ps_chips *chips, uint64_t end);

/* Every vector that is pending beyond the first of its plane is added to `counts`, and so is every
 * NMI that is kept outside the 32 bytes; counts of pending things know of one a plane. */
void ps_chips_pending(const struct ps_chips *chips, const struct ps_state *states,
                      uint64_t n_vcpus, unsigned n_planes,
                      uint64_t counts[PS_N_PENDING][PS_MAX_PLANES]);

#endif
