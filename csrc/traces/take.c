/* What the body of an event means: records, and which thread runs which vCPU. */
#include <assert.h>

#include "traces/decoder.h"
#include "traces/text.h"

enum {
    AP_DESTROY = 2,
    VTL_CALL = 0x11, /* HvCallVtlCall, HvCallVtlReturn: TLFS, chapter 15 */
    VTL_RETURN = 0x12,
    VTL0 = 0,
    VTL2 = 2,
    MOST_PLANES = 16
};
static const uint64_t RUN_VMPL = 0x80000018, AP_CREATION = 0x80000013;

static void emit(struct ps_trace *trace, enum ps_trace_kind kind, uint32_t vcpu, int vector)
{
    assert(trace->n_records < trace->room); /* looked at before each line, which has one */
    struct ps_trace_record *const record = &trace->records[trace->n_records++];
    record->time_ns = (int64_t)trace->found.time_ns;
    record->arg = 0;
    record->thread = trace->found.thread;
    record->vcpu = vcpu;
    record->vector = (int16_t)vector;
    record->kind = (uint8_t)kind;
    record->pad = 0;
}

/* A vCPU, which is one more if it was not seen yet. */
static enum ps_trace_fault check_vcpu(struct ps_trace *trace, uint64_t vcpu)
{
    if (vcpu >= PS_TRACE_MAX_VCPUS) {
        trace->fault_vcpu = vcpu;
        return PS_BODY_VCPU;
    }
    if (vcpu >= trace->n_vcpus)
        trace->n_vcpus = (uint32_t)vcpu + 1u;
    return PS_BODY_FINE;
}

/* The thread of the line runs a vCPU; no other one ever does. */
static enum ps_trace_fault own(struct ps_trace *trace, uint64_t vcpu)
{
    const enum ps_trace_fault fault = check_vcpu(trace, vcpu);
    if (fault)
        return fault;
    int64_t *const owner = &trace->owners[vcpu];
    if (*owner < 0)
        *owner = trace->found.thread;
    if (*owner == trace->found.thread)
        return PS_BODY_FINE;
    trace->fault_vcpu = vcpu;
    trace->fault_owner = *owner;
    return PS_BODY_TWO_VMS;
}

/* What a thread prints of its own vCPU. */
static enum ps_trace_fault own_of(struct ps_trace *trace, uint64_t vcpu)
{
    const enum ps_trace_fault fault = own(trace, vcpu);
    if (!fault) {
        struct ps_trace_thread *const thread = ps_trace_thread_of(trace, trace->found.thread);
        if (thread->vcpu < 0)
            thread->vcpu = (int32_t)vcpu;
    }
    return fault;
}

static enum ps_trace_fault learn(struct ps_trace *trace, struct ps_trace_thread *thread,
                                 uint64_t vcpu)
{
    const enum ps_trace_fault fault = own(trace, vcpu);
    if (!fault)
        thread->vcpu = thread->shown = (int32_t)vcpu;
    return fault;
}

static uint32_t vcpu_of(const struct ps_trace_thread *thread)
{
    return thread->vcpu < 0 ? PS_TRACE_NO_VCPU : (uint32_t)thread->vcpu;
}

/* Nearly every entry and exit ends here: the thread runs the vCPU that it ran before. */
static enum ps_trace_fault runs(struct ps_trace *trace, struct ps_trace_thread *thread, int shows,
                                uint64_t vcpu)
{
    if (shows && (thread->shown < 0 || (uint64_t)thread->shown != vcpu)) {
        const enum ps_trace_fault fault = learn(trace, thread, vcpu);
        if (fault)
            return fault;
    } else if (!thread->waiting) {
        return PS_BODY_FINE;
    }
    thread->waiting = 0;
    emit(trace, PS_KIND_RUN, vcpu_of(thread), -1);
    return PS_BODY_FINE;
}

static enum ps_trace_fault take_exit(struct ps_trace *trace, const struct ps_trace_body *body,
                                     const char *line, const char *end)
{
    struct ps_trace_thread *const thread = ps_trace_thread_of(trace, trace->found.thread);
    if (body->reason == PS_EXIT_HARDWARE)
        trace->hardware = 1;
    if (body->reason != PS_EXIT_HALT &&
        !(body->reason == PS_EXIT_UNNAMED && ps_text_has(line, end, " UNKNOWN (166) ", 15)))
        return body->shows_vcpu || thread->vcpu >= 0
                   ? runs(trace, thread, body->shows_vcpu, body->vcpu)
                   : PS_BODY_FINE;
    if (body->shows_vcpu && (thread->shown < 0 || (uint64_t)thread->shown != body->vcpu)) {
        const enum ps_trace_fault fault = learn(trace, thread, body->vcpu);
        if (fault)
            return fault;
    }
    thread->waiting = 1;
    if (ps_text_has(line, end, " info1 ", 7))
        trace->shown |= PS_SHOWN_INFO1;
    else if (ps_text_has(line, end, "EXIT_HLT", 8))
        trace->shown |= PS_SHOWN_PLUGIN;
    emit(trace, PS_KIND_HALT, vcpu_of(thread), -1);
    return PS_BODY_FINE;
}

static enum ps_trace_fault take_accept(struct ps_trace *trace, const struct ps_trace_body *body)
{
    if (body->vector > 255)
        return PS_BODY_FORM;
    const enum ps_trace_fault fault = check_vcpu(trace, body->vcpu);
    if (fault)
        return fault;
    const enum ps_trace_kind kind =
        trace->event == PS_TRACE_KVM_APIC_ACCEPT_IRQ ? PS_KIND_ARRIVAL : PS_KIND_POSTED;
    emit(trace, body->marked ? kind : PS_KIND_KICK, (uint32_t)body->vcpu, (int)body->vector);
    return PS_BODY_FINE;
}

static enum ps_trace_fault take_inject(struct ps_trace *trace, const struct ps_trace_body *body)
{
    if (body->vector > 255)
        return PS_BODY_FORM;
    struct ps_trace_thread *const thread = ps_trace_thread_of(trace, trace->found.thread);
    int again = body->marked;
    if (body->decimal) {
        /* These kernels do not mark a re-injection: it is one that no EOI went before. */
        uint64_t *const word = &thread->in_service[body->vector >> 6];
        const uint64_t bit = UINT64_C(1) << (body->vector & 63u);
        again = (*word & bit) != 0;
        *word |= bit;
    }
    trace->shown |= body->decimal ? PS_SHOWN_DECIMAL : PS_SHOWN_HEXADECIMAL;
    trace->reinjected += again ? 1u : 0u;
    emit(trace, again ? PS_KIND_REINJECT : PS_KIND_INJECT, vcpu_of(thread), (int)body->vector);
    return PS_BODY_FINE;
}

/* The field that is called apicid holds the vCPU's id here, and its own thread prints it. */
static enum ps_trace_fault take_eoi(struct ps_trace *trace, const struct ps_trace_body *body)
{
    const int ends = trace->event == PS_TRACE_KVM_EOI;
    if (ends && body->vector > 255)
        return PS_BODY_FORM;
    if (ends && !body->marked) {
        struct ps_trace_thread *const thread = ps_trace_thread_of(trace, trace->found.thread);
        thread->in_service[body->vector >> 6] &= ~(UINT64_C(1) << (body->vector & 63u));
    }
    const enum ps_trace_fault fault = own_of(trace, body->vcpu);
    /* Of kvm_pv_eoi nothing else: the kernel prints kvm_eoi for the same EOI. */
    if (!fault && ends)
        emit(trace, PS_KIND_EOI, (uint32_t)body->vcpu, body->marked ? -1 : (int)body->vector);
    return fault;
}

/* GHCB specification, section 4.1: RUN_VMPL has the VMPL that shall run in exit_info1, AP creation
 * the VMPL in its bits 19:16, in 15:0 what (0 create at INIT, 1 create, 2 destroy), and in 63:32
 * whose it is, by its APIC id. Preemptions by VMPL 0 are not in it. */
static enum ps_trace_fault take_vmgexit(struct ps_trace *trace, const struct ps_trace_body *body)
{
    enum ps_trace_fault fault = own_of(trace, body->vcpu);
    const uint64_t info = body->info;
    if (fault)
        return fault;
    if (body->number == RUN_VMPL) {
        if (info >= MOST_PLANES)
            return PS_BODY_FORM;
        emit(trace, PS_KIND_CALL, (uint32_t)body->vcpu, (int)info);
    } else if (body->number == AP_CREATION) {
        if ((fault = check_vcpu(trace, info >> 32)) != PS_BODY_FINE)
            return fault;
        emit(trace, (info & 0xffffu) == AP_DESTROY ? PS_KIND_STOP : PS_KIND_START,
             (uint32_t)(info >> 32), (int)(info >> 16 & 15u));
    }
    return PS_BODY_FINE;
}

static enum ps_trace_fault take_hypercall(struct ps_trace *trace, const struct ps_trace_body *body)
{
    if (body->number == VTL_CALL || body->number == VTL_RETURN)
        emit(trace, body->number == VTL_CALL ? PS_KIND_CALL : PS_KIND_RETURN,
             vcpu_of(ps_trace_thread_of(trace, trace->found.thread)), -1);
    return PS_BODY_FINE;
}

/* OpenHCL's driver tells of the CPU that it runs on, which is the vCPU: `[5] ` before the body. */
static enum ps_trace_fault take_vtl(struct ps_trace *trace, const struct ps_trace_body *body,
                                    const char *line, const char *at)
{
    static const enum ps_trace_kind why[] = {PS_KIND_RETURN, PS_KIND_CALL, PS_KIND_PREEMPT,
                                             PS_KIND_INTERCEPT};
    const int leaves = trace->event == PS_TRACE_MSHV_VTL_EXIT_VTL0;
    while (line < at && (line = (const char *)memchr(line, '[', (size_t)(at - line))) != NULL) {
        uint64_t cpu;
        const char *const digits = ps_text_number(++line, at, 5, &cpu);
        if (!digits || !PS_TEXT_AFTER(digits, at, "] "))
            continue;
        if (cpu >= PS_TRACE_MAX_VCPUS || check_vcpu(trace, cpu))
            return PS_BODY_FORM;
        emit(trace, why[leaves ? body->number : 0], (uint32_t)cpu, leaves ? VTL2 : VTL0);
        return PS_BODY_FINE;
    }
    return PS_BODY_FORM;
}

static enum ps_trace_fault take_probe(struct ps_trace *trace, const struct ps_trace_body *body)
{
    if (body->number >= MOST_PLANES)
        return PS_BODY_FORM;
    const enum ps_trace_kind kind =
        trace->event == PS_TRACE_KVM_VCPU_SELECT_PLANE         ? PS_KIND_PICK
        : trace->event == PS_TRACE_KVM_VCPU_SET_PLANE_RUNNABLE ? PS_KIND_START
                                                               : PS_KIND_STOP;
    emit(trace, kind, vcpu_of(ps_trace_thread_of(trace, trace->found.thread)), (int)body->number);
    return PS_BODY_FINE;
}

static void take_wakeup(struct ps_trace *trace, const struct ps_trace_body *body)
{
    struct ps_trace_thread *const thread = ps_trace_thread_of(trace, trace->found.thread);
    thread->waiting = 1;
    emit(trace, PS_KIND_WAKEUP, vcpu_of(thread), -1);
    trace->records[trace->n_records - 1].arg = (int64_t)body->number;
}

enum ps_trace_fault ps_trace_take(struct ps_trace *trace, const struct ps_trace_body *body,
                                  const char *line, const char *at, const char *end)
{
    switch (trace->event) {
    case PS_TRACE_KVM_ENTRY:
        return runs(trace, ps_trace_thread_of(trace, trace->found.thread), 1, body->vcpu);
    case PS_TRACE_KVM_EXIT:
        return take_exit(trace, body, line, end);
    case PS_TRACE_KVM_APIC_ACCEPT_IRQ:
    case PS_TRACE_KVM_APICV_ACCEPT_IRQ:
        return take_accept(trace, body);
    case PS_TRACE_KVM_INJ_VIRQ:
        return take_inject(trace, body);
    case PS_TRACE_KVM_EOI:
    case PS_TRACE_KVM_PV_EOI:
        return take_eoi(trace, body);
    case PS_TRACE_KVM_VCPU_WAKEUP:
        take_wakeup(trace, body);
        return PS_BODY_FINE;
    case PS_TRACE_KVM_HALT_POLL_NS:
    case PS_TRACE_KVM_WAIT_LAPIC_EXPIRE:
    case PS_TRACE_KVM_PLE_WINDOW:
    case PS_TRACE_KVM_PLE_WINDOW_UPDATE:
        return own_of(trace, body->vcpu);
    case PS_TRACE_KVM_VMGEXIT_ENTER:
        return take_vmgexit(trace, body);
    case PS_TRACE_KVM_HV_HYPERCALL:
        return take_hypercall(trace, body);
    case PS_TRACE_MSHV_VTL_ENTER_VTL0:
    case PS_TRACE_MSHV_VTL_EXIT_VTL0:
        return take_vtl(trace, body, line, at);
    case PS_TRACE_KVM_VCPU_SELECT_PLANE:
    case PS_TRACE_KVM_VCPU_SET_PLANE_RUNNABLE:
    case PS_TRACE_KVM_VCPU_SET_PLANE_STOPPED:
        return take_probe(trace, body);
    case PS_TRACE_N_EVENTS:
        break;
    }
    return PS_BODY_FORM;
}
