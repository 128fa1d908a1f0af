/* What every format is turned into: one record a line that says something. */
#ifndef PLANESCHED_TRACE_RECORD_H
#define PLANESCHED_TRACE_RECORD_H

#include <stdint.h>

#define PS_TRACE_KINDS(X) \
    X(ARRIVAL) X(POSTED) X(KICK) X(INJECT) X(REINJECT) X(EOI) X(HALT) X(WAKEUP) X(RUN) \
    X(CALL) X(RETURN) X(PREEMPT) X(INTERCEPT) X(PICK) X(START) X(STOP)

/* planesched.traces.Kind says what each is. */
enum ps_trace_kind {
#define PS_TRACE_KIND(name) PS_KIND_##name,
    PS_TRACE_KINDS(PS_TRACE_KIND)
#undef PS_TRACE_KIND
    PS_N_KINDS
};

/* planesched.traces.RECORD: 32 bytes. */
struct ps_trace_record {
    int64_t time_ns, arg, thread;
    uint32_t vcpu;
    int16_t vector;
    uint8_t kind, pad;
};

#define PS_TRACE_NO_VCPU UINT32_MAX
/* vCPU ids lie below: KVM_MAX_VCPUS (4096) times KVM_VCPU_ID_RATIO (4), asm/kvm_host.h. */
#define PS_TRACE_MAX_VCPUS 16384u

#endif
