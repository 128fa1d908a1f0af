/* Events one after the other through ps_chip_step, each irq with a vector of its plane; as in
 * step_loop.c, which has no controllers. With EOI each vector that is taken is ended at once, as an
 * event of its own. Returns the switches; *taken is how many vectors were. */
#include "planesched/irqchip.h"

#include "core/record_checks.h"

uint64_t chip_loop(const struct ps_policy *policy, struct ps_state *s,
                   const struct ps_event_record *events, uint64_t n, uint64_t *taken)
{
    struct ps_chip_policy chip = ps_chip_policy_default();
    struct ps_apic apics[PS_MAX_PLANES];
    uint64_t switches = 0;
    memset(apics, 0, sizeof apics);
#ifndef EOI
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        for (unsigned cls = 1; cls < PS_N_CLASSES; cls++)
            chip.auto_eoi[plane][cls] = 0xffff;
#endif
    for (uint64_t i = 0; i < n; i++) {
        const unsigned kind = events[i].kind, plane = events[i].plane;
        const struct ps_outcome out =
            ps_chip_step(policy, &chip, s, apics, kind, plane, 0x31u + 16u * plane);
        switches += out.flags & PS_FLAG_SWITCHED;
        *taken += out.vector != 0;
#ifdef EOI
        if (out.vector)
            (void)ps_chip_step(policy, &chip, s, apics, PS_CHIP_EOI, (unsigned)out.now, 0);
#endif
    }
    return switches;
}
