/* The bodies of the events that are read: what each says, whoever printed it. */
#ifndef PLANESCHED_TRACE_BODIES_H
#define PLANESCHED_TRACE_BODIES_H

#include <stdint.h>

/* The events, each with its name; those up to KVM_VCPU_WAKEUP are the ones that a replay uses. */
#define PS_TRACE_EVENTS(X) \
    X(KVM_ENTRY, "kvm_entry") \
    X(KVM_EXIT, "kvm_exit") \
    X(KVM_APIC_ACCEPT_IRQ, "kvm_apic_accept_irq") \
    X(KVM_APICV_ACCEPT_IRQ, "kvm_apicv_accept_irq") \
    X(KVM_INJ_VIRQ, "kvm_inj_virq") \
    X(KVM_EOI, "kvm_eoi") \
    X(KVM_PV_EOI, "kvm_pv_eoi") \
    X(KVM_VCPU_WAKEUP, "kvm_vcpu_wakeup") \
    X(KVM_HALT_POLL_NS, "kvm_halt_poll_ns") \
    X(KVM_WAIT_LAPIC_EXPIRE, "kvm_wait_lapic_expire") \
    X(KVM_PLE_WINDOW, "kvm_ple_window") \
    X(KVM_PLE_WINDOW_UPDATE, "kvm_ple_window_update") \
    X(KVM_VMGEXIT_ENTER, "kvm_vmgexit_enter") \
    X(KVM_HV_HYPERCALL, "kvm_hv_hypercall") \
    X(MSHV_VTL_ENTER_VTL0, "mshv_vtl_enter_vtl0") \
    X(MSHV_VTL_EXIT_VTL0, "mshv_vtl_exit_vtl0") \
    X(KVM_VCPU_SELECT_PLANE, "kvm_vcpu_select_plane") \
    X(KVM_VCPU_SET_PLANE_RUNNABLE, "kvm_vcpu_set_plane_runnable") \
    X(KVM_VCPU_SET_PLANE_STOPPED, "kvm_vcpu_set_plane_stopped")

enum ps_trace_event {
#define PS_TRACE_EVENT(name, text) PS_TRACE_##name,
    PS_TRACE_EVENTS(PS_TRACE_EVENT)
#undef PS_TRACE_EVENT
    PS_TRACE_N_EVENTS,
    PS_TRACE_OTHER = PS_TRACE_N_EVENTS
};

/* Which event a name is, PS_TRACE_OTHER if none that is read; and its name. */
enum ps_trace_event ps_trace_event_of(const char *name, const char *end);
const char *ps_trace_event_name(enum ps_trace_event event);

/* What an exit shows. */
enum ps_trace_reason {
    PS_EXIT_OTHER,
    PS_EXIT_HALT,
    PS_EXIT_UNNAMED, /* UNKNOWN: a halt if the rest of the line says so */
    PS_EXIT_HARDWARE /* there is one only where the hardware delivers interrupts */
};

/* What a body says; each event fills in what it has. */
struct ps_trace_body {
    uint64_t vcpu, vector, number, info;
    int shows_vcpu; /* an exit may not */
    int reason;     /* of an exit */
    int marked;     /* accepted: it is a vector; injected: a re-injection; EOI: of no vector */
    int decimal;    /* injected: as kernels up to 5.19 print it */
};

/* Returns whether a body has a form that is known, wide enough for every kernel since 4.8 and for
 * trace-cmd's own decoding, and narrow enough that a damaged line does not pass. */
int ps_trace_body_read(enum ps_trace_event event, const char *at, const char *end,
                       struct ps_trace_body *body);

#endif
