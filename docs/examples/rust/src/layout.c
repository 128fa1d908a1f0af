/* SPDX-License-Identifier: MIT */
/* Prints how C lays out the structs, as Rust constants: build.rs runs it. */
#include <planesched/step.h>
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
    SAY("SIZEOF_POLICY", sizeof(struct ps_policy));
    SAY("ALIGNOF_POLICY", _Alignof(struct ps_policy));
    SAY("N_FIELDS", PS_N_POLICY_FIELDS);
    SAY("N_EVENTS", PS_N_EVENTS);
    SAY("N_REASONS", PS_N_REASONS);
    SAY("N_FAULTS", PS_N_FAULTS);
    return 0;
}
