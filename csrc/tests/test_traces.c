/* The decoder on damaged text, in memory that ends where the text does; many threads and names. */
#include "traces/decoder.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static const char *const LINES[] = {
    " qemu-system-x86-134     [001] d..1.    18.344982: kvm_entry: vcpu 3, rip 0xfff0",
    " qemu-system-x86-134     [001] d..1.    18.344982: kvm_exit: vcpu 3 reason hlt rip 0x0 info1",
    " qemu-system-x86-134  [002]  18.344982000: kvm_apic_accept_irq: apicid 3 vec 40 (Fixed|edge)",
    "qemu-sys-134     1d..1.    18.344982: (+35)  kvm_vcpu_wakeup: wait time 15 ns, polling valid",
    " qemu-system-x86   134 [000]    18.344982:      kvm:kvm_inj_virq: IRQ 0xec [reinjected]",
    " CPU 0/KVM  134    18.344982:          1 kvm:kvm_eoi: apicid 3 vector 236 ffffffffc0a1b2c3",
    "  134/ 135 CPU 0/KVM [001]  18.344982:  kvm:kvm_hv_hypercall: code 0x11 fast var_cnt 0x0",
    "18.344982: CPU 0/KVM 134 [001] 77 kvm:kvm_vcpu_select_plane: (a+0x1 <- b) x=1 plane=0x1",
    "2021-12-12 16:11:10.214139  <...>    134 .N.. [017] 18.344982: kvm:kvm_exit: reason HLT rip 0",
    "q-1 [1] 18.344982: kvm_vmgexit_enter: vcpu 1, exit_reason 13, exit_info1 2, exit_info2 0",
    " q-134 [001] 18.344982: mshv_vtl_exit_vtl0: vtl2 entry reason 3, cpu_ctx=00a1b2",
};
enum { N_LINES = sizeof LINES / sizeof LINES[0], ROOM = 64 };

static unsigned below(unsigned n)
{
    static uint64_t seed = 20261130;
    return random_32(&seed) % n;
}

/* Read a block to its end; returns how many lines were no good. */
static unsigned read_all(struct ps_trace *trace, const char *text, size_t length)
{
    static const char raw[] = "apicid 1 vec 40 (Fixed|edge)";
    unsigned odd = 0;
    trace->at = text;
    trace->end = text + length;
    for (;;) {
        const enum ps_trace_stop stop = ps_trace_read(trace);
        if (stop == PS_STOPPED_END)
            return odd;
        if (stop == PS_STOPPED_FULL)
            trace->n_records = 0;
        else if (stop == PS_STOPPED_THREADS)
            CHECK(ps_trace_grow(trace) == 0);
        else if (stop == PS_STOPPED_NAMES)
            ps_trace_forget_names(trace);
        else if (stop == PS_STOPPED_WHOSE)
            ps_trace_settle(trace, trace->found.thread & 1);
        else
            odd++;
        if (stop == PS_STOPPED_BODY && !ps_trace_again(trace, raw, raw + sizeof raw - 1))
            ps_trace_count(trace);
    }
}

static void open_trace(struct ps_trace *trace, int format)
{
    static struct ps_trace_record records[ROOM];
    CHECK(ps_trace_open(trace) == 0);
    trace->records = records;
    trace->room = ROOM;
    trace->format = format;
}

static void check_damaged(void)
{
    static const char pieces[] = " -1[0].:9\t\\x/()kvm:\0";
    struct ps_trace trace;
    unsigned odd = 0;
    for (int format = 0; format < PS_N_FORMATS; format++)
        for (int one_vm = 0; one_vm < 2; one_vm++) {
            open_trace(&trace, format);
            trace.one_vm = one_vm;
            for (int times = 0; times < 4000; times++) {
                const char *const line = LINES[below(N_LINES)];
                const size_t length = strlen(line) - (below(4) ? 0 : below(60));
                char *const text = (char *)malloc(length);
                CHECK(text != NULL);
                memcpy(text, line, length);
                for (unsigned change = below(4); change; change--)
                    text[below((unsigned)length)] = pieces[below(sizeof pieces)];
                odd += read_all(&trace, text, length);
                free(text);
            }
            CHECK(trace.number == 4000);
            ps_trace_close(&trace);
        }
    const unsigned lines = PS_N_FORMATS * 2 * 4000;
    CHECK(odd > lines / 4 && odd < lines - lines / 50);
}

/* As many threads and names as there are lines; and a line that is too long. */
static void check_many(void)
{
    struct ps_trace trace;
    open_trace(&trace, PS_FORMAT_TRACEFS);
    char text[256];
    for (int i = 0; i < 20000; i++) {
        const int length = snprintf(text, sizeof text,
                                    "x-%d [0] 1.000000: kvm_vcpu_wakeup: wait time 1 ns\n"
                                    "x-1 [0] 1.000000: event_%d: x\n",
                                    i, i);
        CHECK(length > 0 && read_all(&trace, text, (size_t)length) == 0);
    }
    CHECK(trace.counts[PS_TRACE_KVM_VCPU_WAKEUP] == 20000 && trace.n_threads == 20000);
    CHECK(ps_trace_thread_of(&trace, 77)->waiting && trace.number == 40000);
    ps_trace_close(&trace);

    open_trace(&trace, PS_FORMAT_TRACEFS);
    static char lengthy[PS_TRACE_MAX_LINE + 1];
    memset(lengthy, 'x', sizeof lengthy);
    memcpy(lengthy, "x-1 [0] 1.000000: kvm_mmio: ", 28);
    CHECK(read_all(&trace, lengthy, sizeof lengthy) == 1);
    CHECK(read_all(&trace, lengthy, sizeof lengthy - 1) == 0);
    ps_trace_close(&trace);
}

int main(void)
{
    check_damaged();
    check_many();
    return 0;
}
