/* SPDX-License-Identifier: MIT */
/* Prints how C lays out the structs, as Rust constants: build.rs runs it. */
#include <planesched/irqchip.h>
#include <stdio.h>

#define SAY(name, value) printf("pub const " name ": usize = %zu;\n", (size_t)(value))

int main(void)
{
    SAY("ABI_VERSION", PS_ABI_VERSION);
    SAY("SIZEOF_STATE", sizeof(struct ps_state));
    SAY("STATE_UNSTARTED", offsetof(struct ps_state, unstarted));
    SAY("STATE_CURRENT", offsetof(struct ps_state, current));
    SAY("STATE_STATUS", offsetof(struct ps_state, status));
    SAY("SIZEOF_OUTCOME", sizeof(struct ps_outcome));
    SAY("OUTCOME_FAULT", offsetof(struct ps_outcome, fault));
    SAY("OUTCOME_FLAGS", offsetof(struct ps_outcome, flags));
    SAY("OUTCOME_VECTOR", offsetof(struct ps_outcome, vector));
    SAY("OUTCOME_NOTES", offsetof(struct ps_outcome, notes));
    SAY("SIZEOF_APIC", sizeof(struct ps_apic));
    SAY("APIC_IRR", offsetof(struct ps_apic, irr));
    SAY("APIC_TPR", offsetof(struct ps_apic, tpr));
    SAY("APIC_SLOTS", offsetof(struct ps_apic, slots));
    SAY("APIC_QUEUED", offsetof(struct ps_apic, queued));
    SAY("SIZEOF_CHIP_POLICY", sizeof(struct ps_chip_policy));
    SAY("CHIP_MASK_BY", offsetof(struct ps_chip_policy, mask_by));
    SAY("CHIP_AUTO_EOI", offsetof(struct ps_chip_policy, auto_eoi));
    SAY("CHIP_EVENTS_END", PS_CHIP_N_EVENTS);
    SAY("SIZEOF_POLICY", sizeof(struct ps_policy));
    SAY("ALIGNOF_POLICY", _Alignof(struct ps_policy));
    SAY("N_FIELDS", PS_N_POLICY_FIELDS);
    SAY("N_EVENTS", PS_N_EVENTS);
    SAY("N_REASONS", PS_N_REASONS);
    SAY("N_FAULTS", PS_N_FAULTS);
    return 0;
}
