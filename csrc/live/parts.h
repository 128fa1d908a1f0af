/* What the files of csrc/live/ share, and nobody else sees. */
#ifndef PS_LIVE_PARTS_H
#define PS_LIVE_PARTS_H

#include <string.h>

#include "live/machine.h"

/* The guest's memory: 64 KiB at address 0, with a stack for each seat. */
enum {
    PS_LIVE_BYTES = 0x10000,
    PS_LIVE_CODE = 0x1000,
    PS_LIVE_HANDLERS = 0x2000,
    PS_LIVE_HANDLER_BYTES = 8,
    PS_LIVE_DATA = 0x3000, /* what PS_DO_STORE puts there, and behind it what XMM0 is filled from */
    PS_LIVE_STACKS = 0x4000,
    PS_LIVE_STACK_BYTES = 512
};

/* Where the APIC's registers stand in struct kvm_lapic_state; IRR and ISR are eight words each. */
enum { APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_STRIDE = 0x10 };

/* A message to the local APIC of the seat that stands at bit 12; data: the vector, and, for a line,
 * bits 14 and 15: assert, level. */
#define PS_MSI_ADDRESS 0xfee00000u
#define PS_MSI_LEVEL 0xc000u

enum { PS_PORT_VECTOR = 0x10, PS_PORT_CALL = 0x11, PS_PORT_RETURN = 0x12 };
enum { PS_PORT_IPI = 0x13, PS_PORT_ASK = 0x20 };

extern const uint8_t ps_live_guest[], ps_live_guest_end[];

/* Write the guest's code, handlers and vector table into its memory. */
void ps_live_load_guest(uint8_t *memory);

/* Note what went wrong; return the negative code. */
int ps_machine_fail(struct ps_machine *machine, const char *what, int error, uint64_t detail);
int ps_machine_fail_call(struct ps_machine *machine, const char *what); /* by errno */

/* Give the calling thread the timer: 0, or -1 with errno. */
int ps_live_timer_open(struct ps_live_timer *timer);
void ps_live_timer_close(struct ps_live_timer *timer);
/* After so long, have KVM_RUN of `run` in this thread return; 0 disarms. */
void ps_live_timer_at(const struct ps_live_timer *timer, struct kvm_run *run, int64_t at_ns);
void ps_live_timer_point(struct kvm_run *run); /* it stays as it is armed, for another run */
void ps_live_timer_kick(const struct ps_live_timer *timer); /* now; from any thread */
void ps_live_timer_sleep(int64_t ns, const unsigned *unless); /* until a signal, or at once */
void ps_live_timer_arm(const struct ps_live_timer *timer, struct kvm_run *run, int64_t ns);

#endif
