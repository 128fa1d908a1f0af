/* The structs and enums of the core that Python reads too. */
#include "core/layouts.h"
#include "planesched/figures.h"
#include "planesched/irqchip.h"
#include "planesched/records.h"
#include "planesched/state.h"

#define F(name) PS_LAYOUT_FIELD(ps_state, name)
static const struct ps_layout_field state_fields[] = {
    F(online), F(runnable), F(halted), F(irq), F(masked), F(noint), F(nmi), F(trap), F(held),
    F(edge), F(locked), F(vina), F(vina_asserted), F(req_exit), F(unstarted), F(current), F(status),
    {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_apic, name)
static const struct ps_layout_field apic_fields[] = {
    F(serving), F(irr), F(lines), F(irr_classes), F(isr_classes), F(tpr), F(flags), F(slots),
    F(queued), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_event_record, name)
static const struct ps_layout_field event_record_fields[] = {
    F(time_ns), F(vcpu), F(kind), F(plane), F(arg), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_outcome_record, name)
static const struct ps_layout_field outcome_record_fields[] = {
    F(record), F(time_ns), F(vcpu), F(kind), F(plane), F(was), F(now), F(reason), F(fault),
    F(flags), F(status), F(took_ns), {0}
};
#undef F

#define F(name) PS_LAYOUT_FIELD(ps_figures, name)
static const struct ps_layout_field figures_fields[] = {
    F(steps), F(faults), F(entries), F(reasons), F(exits), F(coalesced), F(taken), F(dropped),
    F(pending_before), F(pending), F(vina), F(vina_set), F(idle_entries), F(time_ns),
    F(suspended_ns), F(latency_ns), F(latency_min_ns), F(latency_max_ns), F(longest_ns),
    F(age_ns), {0}
};
#undef F

const struct ps_layout ps_core_layouts[] = {
    PS_LAYOUT(ps_state, state_fields),
    PS_LAYOUT(ps_apic, apic_fields),
    PS_LAYOUT(ps_event_record, event_record_fields),
    PS_LAYOUT(ps_outcome_record, outcome_record_fields),
    PS_LAYOUT(ps_figures, figures_fields),
    {0}
};

#define EVENT(name) {"Event", #name, PS_EVENT_##name}
#define REASON(name) {"Reason", #name, PS_REASON_##name}
#define FAULT(name) {"Fault", #name, PS_FAULT_##name}
#define FLAG(name) {"Flags", #name, (int)PS_FLAG_##name}
#define CHIP(name) {"ChipEvent", #name, PS_CHIP_##name}
#define NOTE(name) {"Notes", #name, (int)PS_NOTE_##name}
#define PENDING(name) {"Pending", #name, PS_PENDING_##name}
const struct ps_number ps_core_numbers[] = {
    EVENT(RESCHED), EVENT(IRQ), EVENT(NMI), EVENT(INTERCEPT), EVENT(MASK), EVENT(UNMASK),
    EVENT(CLI), EVENT(STI), EVENT(HALT), EVENT(CALL), EVENT(RETURN), EVENT(START), EVENT(STOP),
    EVENT(ENABLE), EVENT(DISABLE), EVENT(LOCK), EVENT(FORCE), EVENT(HOLD), EVENT(RELEASE),
    EVENT(ENTER), EVENT(VINA_ON), EVENT(VINA_OFF), EVENT(VINA_CLEAR), EVENT(INIT),
    {"Event", NULL, PS_N_EVENTS},
    REASON(NONE), REASON(CALL), REASON(INTERRUPT), REASON(INTERCEPT), REASON(RETURN), REASON(HALT),
    REASON(STOP), REASON(START), REASON(FORCE), REASON(USER), REASON(RELAY), REASON(RESCHED),
    {"Reason", NULL, PS_N_REASONS},
    FAULT(NONE), FAULT(UD), FAULT(INVAL), FAULT(PERM), FAULT(PENDING), FAULT(OFFLINE),
    FAULT(EXISTS), FAULT(BUSY), FAULT(USER), FAULT(BLOCKED),
    {"Fault", NULL, PS_N_FAULTS},
    FLAG(SWITCHED), FLAG(INJECTED), FLAG(NMI), FLAG(VINA), FLAG(BLOCKED), FLAG(USER),
    FLAG(COALESCED), FLAG(BOUNCED),
    CHIP(EOI), CHIP(TPR), CHIP(IRET), CHIP(LINE_UP), CHIP(LINE_DOWN), CHIP(APIC_ON),
    CHIP(APIC_OFF), CHIP(EMPTY), CHIP(EOM),
    {"ChipEvent", NULL, PS_CHIP_N_EVENTS - PS_CHIP_EOI},
    NOTE(DROPPED), NOTE(REPOSTED), NOTE(MORE), NOTE(VINA_DROPPED), NOTE(VINA_PENDING),
    NOTE(QUEUED),
    PENDING(IRQ), PENDING(NMI), PENDING(TRAP),
    {"Pending", NULL, PS_N_PENDING},
    {0}
};
#undef EVENT
#undef REASON
#undef FAULT
#undef FLAG
#undef CHIP
#undef NOTE
#undef PENDING
