/* Longer than 300 lines by a few, for each event has a function of its own.
 *
 * By kernel, arch/x86/kvm/trace.h of each; what today's kernels print of switches between planes:
 *
 * - kvm_vmgexit_enter of an SEV-SNP guest: `vcpu %u, exit_reason %llx, exit_info1 %llx, exit_info2
 *   %llx`, hexadecimal without 0x.
 * - kvm_hv_hypercall: `code 0x%x %s`, fast or slow.
 * - mshv_vtl_enter_vtl0, mshv_vtl_exit_vtl0 of OpenHCL's mshv_vtl driver.
 * - Probes of a kernel with KVM planes, each with the argument `plane` (docs/how-to/capture.md). */
#include "traces/bodies.h"

#include "traces/text.h"

static const char *const EVENT_NAMES[] = {
#define PS_TRACE_EVENT(name, text) text,
    PS_TRACE_EVENTS(PS_TRACE_EVENT)
#undef PS_TRACE_EVENT
};
static const uint8_t EVENT_LENGTHS[] = {
#define PS_TRACE_EVENT(name, text) sizeof(text) - 1,
    PS_TRACE_EVENTS(PS_TRACE_EVENT)
#undef PS_TRACE_EVENT
};

enum ps_trace_event ps_trace_event_of(const char *name, const char *end)
{
    for (int event = 0; event < PS_TRACE_N_EVENTS; event++)
        if (ps_text_equals(name, end, EVENT_NAMES[event], EVENT_LENGTHS[event]))
            return (enum ps_trace_event)event;
    return PS_TRACE_OTHER;
}

const char *ps_trace_event_name(enum ps_trace_event event)
{
    return EVENT_NAMES[event];
}

#define REASON(name, shows) {name, sizeof(name) - 1, shows}
static const struct {
    const char *name;
    size_t length;
    int shows;
} REASONS[] = {
    REASON("hlt", PS_EXIT_HALT),
    REASON("HLT", PS_EXIT_HALT),
    REASON("EXIT_HLT", PS_EXIT_HALT),
    /* The Idle HLT intercept of AMD (SVM_EXIT_IDLE_HLT, Linux 6.15); a kernel or trace-cmd that
     * has no name for it prints its number. */
    REASON("idle-halt", PS_EXIT_HALT),
    REASON("EXIT_IDLE_HLT", PS_EXIT_HALT),
    REASON("0xa6", PS_EXIT_HALT),
    REASON("UNKNOWN", PS_EXIT_UNNAMED),
    REASON("APIC_WRITE", PS_EXIT_HARDWARE),
    REASON("EOI_INDUCED", PS_EXIT_HARDWARE),
    REASON("avic_incomplete_ipi", PS_EXIT_HARDWARE),
    REASON("avic_unaccelerated_access", PS_EXIT_HARDWARE),
    REASON("EXIT_AVIC_INCOMPLETE_IPI", PS_EXIT_HARDWARE),
    REASON("EXIT_AVIC_UNACCELERATED_ACCESS", PS_EXIT_HARDWARE),
};
#undef REASON

/* Whether a body ends here. perf script -F +ip puts the address of the tracepoint behind it, and
 * perhaps what that is. */
static int is_end(const char *at, const char *end)
{
    if (ps_text_spaces(at, end) == end)
        return 1;
    uint64_t address;
    const char *const from = ps_text_some_blanks(at, end);
    at = from ? ps_text_hex(from, end, 16, &address) : NULL;
    if (!at || at - from < 12)
        return 0;
    if (ps_text_spaces(at, end) == end)
        return 1;
    return *at == ' ' && !memchr(at, '\0', (size_t)(end - at));
}

/* `vcpu N`, `vcpu N, rip 0xN` and what newer kernels glue on; trace-cmd's without the comma. */
static int read_entry(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!(at = PS_TEXT_AFTER(at, end, "vcpu ")) ||
        !(at = ps_text_number(at, end, 10, &body->vcpu)))
        return 0;
    const char *rip = at + ps_text_here(at, end, ',');
    if ((rip = PS_TEXT_AFTER(rip, end, " rip 0x")) != NULL &&
        (rip = ps_text_hex(rip, end, 16, &body->number)) != NULL &&
        !(rip < end && (ps_text_is_digit(*rip) || (*rip >= 'a' && *rip <= 'z'))))
        return 1;
    return is_end(at, end);
}

/* Before 4.7 and in trace-cmd's decoding without the vCPU. VMX adds flags after the reason. */
static int read_exit(const char *at, const char *end, struct ps_trace_body *body)
{
    const char *const vcpu = PS_TEXT_AFTER(at, end, "vcpu ");
    body->shows_vcpu = vcpu != NULL;
    if (vcpu && (!(at = ps_text_number(vcpu, end, 10, &body->vcpu)) ||
                 !(at = PS_TEXT_AFTER(at, end, " "))))
        return 0;
    if (!(at = PS_TEXT_AFTER(at, end, "reason ")))
        return 0;
    const char *const reason = at;
    at = ps_text_token(at, end);
    body->reason = PS_EXIT_OTHER;
    for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++)
        if (ps_text_equals(reason, at, REASONS[i].name, REASONS[i].length)) {
            body->reason = REASONS[i].shows;
            break;
        }
    const char *word = reason;
    while (at > word && ps_text_here(at, end, ' ')) {
        word = at + 1;
        const char *const rip = PS_TEXT_AFTER(word, end, "rip 0x");
        if (rip && rip < end && ps_text_is_hex(*rip))
            return 1;
        at = ps_text_token(word, end);
    }
    return 0;
}

/* apicid is hexadecimal without 0x, vec is decimal. */
static int read_accept(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!(at = PS_TEXT_AFTER(at, end, "apicid ")) ||
        !(at = ps_text_hex(at, end, 8, &body->vcpu)) || !(at = PS_TEXT_AFTER(at, end, " vec ")) ||
        !(at = ps_text_number(at, end, 3, &body->vector)) || !(at = PS_TEXT_AFTER(at, end, " (")))
        return 0;
    const char *const mode = at;
    while (at < end && (ps_text_is_word(*at) || *at == ' '))
        at++;
    /* The delivery modes that carry a vector. Res3 is a kick of a paravirtual spinlock. */
    body->marked = ps_text_equals(mode, at, "Fixed", 5) || ps_text_equals(mode, at, "LowPrio", 7);
    if (at == mode || !ps_text_here(at, end, '|'))
        return 0;
    const char *const trigger = PS_TEXT_AFTER(at + 1, end, "edge)");
    at = trigger ? trigger : PS_TEXT_AFTER(at + 1, end, "level)");
    if (!at)
        return 0;
    const char *const coalesced = PS_TEXT_AFTER(at, end, " (coalesced)");
    return is_end(coalesced ? coalesced : at, end);
}

/* Up to Linux 5.19 "irq %u" (decimal); since 6.0 "%s 0x%x%s". */
static int read_inject(const char *at, const char *end, struct ps_trace_body *body)
{
    const char *const old = PS_TEXT_AFTER(at, end, "irq ");
    body->decimal = old != NULL;
    body->marked = 0;
    if (old) {
        at = ps_text_number(old, end, 3, &body->vector);
        return at && is_end(at, end);
    }
    const char *const irq = PS_TEXT_AFTER(at, end, "IRQ 0x");
    at = irq ? irq : PS_TEXT_AFTER(at, end, "Soft/INTn 0x");
    if (!at || !(at = ps_text_hex(at, end, 2, &body->vector)))
        return 0;
    const char *const again = PS_TEXT_AFTER(at, end, " [reinjected]");
    body->marked = again != NULL;
    return is_end(again ? again : at, end);
}

static int read_eoi(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!(at = PS_TEXT_AFTER(at, end, "apicid ")) ||
        !(at = ps_text_hex(at, end, 8, &body->vcpu)) || !(at = PS_TEXT_AFTER(at, end, " vector ")))
        return 0;
    const char *const none = PS_TEXT_AFTER(at, end, "-1");
    body->marked = none != NULL;
    body->vector = 0;
    at = none ? none : ps_text_number(at, end, 3, &body->vector);
    return at && is_end(at, end);
}

static int read_wakeup(const char *at, const char *end, struct ps_trace_body *body)
{
    const char *const wait = PS_TEXT_AFTER(at, end, "wait time ");
    at = wait ? wait : PS_TEXT_AFTER(at, end, "poll time ");
    if (!at || !(at = ps_text_number(at, end, 18, &body->number)) ||
        !(at = PS_TEXT_AFTER(at, end, " ns")))
        return 0;
    const char *const valid = PS_TEXT_AFTER(at, end, ", polling valid");
    const char *const polling = valid ? valid : PS_TEXT_AFTER(at, end, ", polling invalid");
    return is_end(polling ? polling : at, end);
}

static int read_vmgexit(const char *at, const char *end, struct ps_trace_body *body)
{
    return (at = PS_TEXT_AFTER(at, end, "vcpu ")) != NULL &&
           (at = ps_text_number(at, end, 5, &body->vcpu)) != NULL &&
           (at = PS_TEXT_AFTER(at, end, ", exit_reason ")) != NULL &&
           (at = ps_text_hex(at, end, 16, &body->number)) != NULL &&
           (at = PS_TEXT_AFTER(at, end, ", exit_info1 ")) != NULL &&
           (at = ps_text_hex(at, end, 16, &body->info)) != NULL &&
           (at = PS_TEXT_AFTER(at, end, ", exit_info2 ")) != NULL && at < end &&
           ps_text_is_hex(*at);
}

static int read_hypercall(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!(at = PS_TEXT_AFTER(at, end, "code 0x")) ||
        !(at = ps_text_hex(at, end, 8, &body->number)))
        return 0;
    const char *const fast = PS_TEXT_AFTER(at, end, " fast");
    at = fast ? fast : PS_TEXT_AFTER(at, end, " slow");
    return at && (at == end || !ps_text_is_word(*at));
}

static int read_pointer(const char *at, const char *end)
{
    at = PS_TEXT_AFTER(at, end, "cpu_ctx=");
    return at && at < end && !ps_text_is_space(*at);
}

/* Why VTL2 came back: 1 a call, 2 an interrupt, 3 an intercept. */
static int read_vtl_exit(const char *at, const char *end, struct ps_trace_body *body)
{
    at = PS_TEXT_AFTER(at, end, "vtl2 entry reason ");
    if (!at || at == end || *at < '1' || *at > '3')
        return 0;
    body->number = (uint64_t)(*at - '0');
    at = PS_TEXT_AFTER(at + 1, end, ", ");
    return at && read_pointer(at, end);
}

/* ` plane=N`, hexadecimal with 0x or decimal, and nothing that goes on from it. */
static int read_plane(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!(at = PS_TEXT_AFTER(at, end, " plane=")))
        return 0;
    const char *const hex = PS_TEXT_AFTER(at, end, "0x");
    at = hex ? ps_text_hex(hex, end, 2, &body->number) : ps_text_number(at, end, 2, &body->number);
    return at && !(at < end && (ps_text_is_word(*at) || *at == '.'));
}

/* A probe: where it is, in brackets, and arguments, of which one is the plane. */
static int read_probe(const char *at, const char *end, struct ps_trace_body *body)
{
    if (!ps_text_here(at, end, '(') ||
        !(at = (const char *)memchr(at, ')', (size_t)(end - at))))
        return 0;
    at++;
    while (!read_plane(at, end, body)) {
        if (!ps_text_here(at, end, ' '))
            return 0;
        const char *const word = at + 1;
        for (at = word; at < end && ps_text_is_word(*at);)
            at++;
        if (at == word || !ps_text_here(at, end, '='))
            return 0;
        const char *const value = at + 1;
        at = ps_text_token(value, end);
        if (at == value)
            return 0;
    }
    return 1;
}

static int read_own_vcpu(const char *at, const char *end, struct ps_trace_body *body)
{
    return (at = PS_TEXT_AFTER(at, end, "vcpu ")) != NULL &&
           (at = ps_text_number(at, end, 5, &body->vcpu)) != NULL && PS_TEXT_AFTER(at, end, ": ");
}

int ps_trace_body_read(enum ps_trace_event event, const char *at, const char *end,
                       struct ps_trace_body *body)
{
    at = ps_text_blanks(at, end);
    switch (event) {
    case PS_TRACE_KVM_ENTRY:
        return read_entry(at, end, body);
    case PS_TRACE_KVM_EXIT:
        return read_exit(at, end, body);
    case PS_TRACE_KVM_APIC_ACCEPT_IRQ:
    case PS_TRACE_KVM_APICV_ACCEPT_IRQ:
        return read_accept(at, end, body);
    case PS_TRACE_KVM_INJ_VIRQ:
        return read_inject(at, end, body);
    case PS_TRACE_KVM_EOI:
    case PS_TRACE_KVM_PV_EOI:
        return read_eoi(at, end, body);
    case PS_TRACE_KVM_VCPU_WAKEUP:
        return read_wakeup(at, end, body);
    case PS_TRACE_KVM_HALT_POLL_NS:
    case PS_TRACE_KVM_WAIT_LAPIC_EXPIRE:
    case PS_TRACE_KVM_PLE_WINDOW:
    case PS_TRACE_KVM_PLE_WINDOW_UPDATE:
        return read_own_vcpu(at, end, body);
    case PS_TRACE_KVM_VMGEXIT_ENTER:
        return read_vmgexit(at, end, body);
    case PS_TRACE_KVM_HV_HYPERCALL:
        return read_hypercall(at, end, body);
    case PS_TRACE_MSHV_VTL_ENTER_VTL0:
        return read_pointer(at, end);
    case PS_TRACE_MSHV_VTL_EXIT_VTL0:
        return read_vtl_exit(at, end, body);
    case PS_TRACE_KVM_VCPU_SELECT_PLANE:
    case PS_TRACE_KVM_VCPU_SET_PLANE_RUNNABLE:
    case PS_TRACE_KVM_VCPU_SET_PLANE_STOPPED:
        return read_probe(at, end, body);
    case PS_TRACE_N_EVENTS:
        break;
    }
    return 0;
}
