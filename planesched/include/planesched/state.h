/* One vCPU in 32 bytes, and the numbers of events, reasons, faults and flags (rules, 1 and 4). */
#ifndef PLANESCHED_STATE_H
#define PLANESCHED_STATE_H

#include "policy.h"

/* Changes whenever struct ps_state, ps_policy or ps_outcome does. */
#define PS_ABI_VERSION 2

/* One vCPU (1). Equal bytes behave alike for ever. */
struct ps_state {
    uint16_t online, runnable, halted, irq, masked, noint, nmi, trap;
    uint16_t held, edge, locked, vina, vina_asserted, req_exit, unstarted;
    int8_t current;
    uint8_t status;
};

#define PS_STATUS_USER 1u
#define PS_STATUS_BLOCKED 2u

enum ps_event {
    PS_EVENT_RESCHED, PS_EVENT_IRQ, PS_EVENT_NMI, PS_EVENT_INTERCEPT, PS_EVENT_MASK,
    PS_EVENT_UNMASK, PS_EVENT_CLI, PS_EVENT_STI, PS_EVENT_HALT, PS_EVENT_CALL, PS_EVENT_RETURN,
    PS_EVENT_START, PS_EVENT_STOP, PS_EVENT_ENABLE, PS_EVENT_DISABLE, PS_EVENT_LOCK,
    PS_EVENT_FORCE, PS_EVENT_HOLD, PS_EVENT_RELEASE, PS_EVENT_ENTER, PS_EVENT_VINA_ON,
    PS_EVENT_VINA_OFF, PS_EVENT_VINA_CLEAR, PS_EVENT_INIT, PS_N_EVENTS
};

enum ps_reason {
    PS_REASON_NONE, PS_REASON_CALL, PS_REASON_INTERRUPT, PS_REASON_INTERCEPT, PS_REASON_RETURN,
    PS_REASON_HALT, PS_REASON_STOP, PS_REASON_START, PS_REASON_FORCE, PS_REASON_USER,
    PS_REASON_RELAY, PS_REASON_RESCHED, PS_N_REASONS
};

enum ps_fault {
    PS_FAULT_NONE, PS_FAULT_UD, PS_FAULT_INVAL, PS_FAULT_PERM, PS_FAULT_PENDING, PS_FAULT_OFFLINE,
    PS_FAULT_EXISTS, PS_FAULT_BUSY, PS_FAULT_USER, PS_FAULT_BLOCKED, PS_N_FAULTS
};

#define PS_FLAG_SWITCHED 1u
#define PS_FLAG_INJECTED 2u
#define PS_FLAG_NMI 4u
#define PS_FLAG_VINA 8u
#define PS_FLAG_BLOCKED 16u
#define PS_FLAG_USER 32u
#define PS_FLAG_COALESCED 64u
#define PS_FLAG_BOUNCED 128u

/* Eight bytes, so that it travels in one register. The last three are those of an interrupt
 * controller (irqchip.h), zero without one. */
struct ps_outcome {
    int8_t was, now;
    uint8_t reason, fault, flags;
    uint8_t vector, ended; /* the vector injected, and the one that an EOI ended; or zero */
    uint8_t notes;
};

/* Whether a step brought a plane in for nothing (rules, section 6): by an interrupt, a relay, a
 * force or userspace, when it neither ran before nor was called (`waiting`: the planes that were
 * runnable or had an intercept) and takes nothing. OpenHCL counts these as spurious_exits. */
static inline unsigned ps_entry_idles(unsigned waiting, struct ps_outcome out)
{
    const unsigned reasons = 1u << PS_REASON_INTERRUPT | 1u << PS_REASON_RELAY |
                             1u << PS_REASON_FORCE | 1u << PS_REASON_USER;
    const unsigned effects = PS_FLAG_INJECTED | PS_FLAG_NMI | PS_FLAG_VINA | PS_FLAG_USER;
    return out.flags & PS_FLAG_SWITCHED && reasons >> out.reason & 1u && !(out.flags & effects) &&
           !(waiting >> (unsigned)out.now & 1u);
}

/* Whether the vCPU left for userspace: nothing that happens there has a reason. */
static inline int ps_exits(struct ps_outcome out)
{
    return (out.flags & PS_FLAG_USER) != 0 && out.reason != PS_REASON_NONE;
}

/* What a log of outcomes holds: those that faulted, notified, entered a plane, exited, or changed
 * the status from `before` to `after`. So from one to the next a vCPU does one thing. */
static inline int ps_worth_logging(struct ps_outcome out, unsigned before, unsigned after)
{
    const unsigned flags = PS_FLAG_SWITCHED | PS_FLAG_BOUNCED | PS_FLAG_VINA;
    return out.fault != PS_FAULT_NONE || (out.flags & flags) != 0 || ps_exits(out) ||
           before != after;
}

/* Bit e of each word speaks of event e. */
#define PS_E(event) (1u << PS_EVENT_##event)
#define PS_GUEST_EVENTS (PS_E(HALT) | PS_E(CALL) | PS_E(RETURN))
#define PS_COALESCING (PS_E(IRQ) | PS_E(NMI) | PS_E(INTERCEPT))
#define PS_ALONE (PS_E(RESCHED) | PS_E(HALT) | PS_E(RETURN))
#define PS_BY_RULE \
    (PS_GUEST_EVENTS | PS_E(STOP) | PS_E(ENABLE) | PS_E(DISABLE) | PS_E(FORCE) | \
     PS_E(ENTER) | PS_E(VINA_ON) | PS_E(INIT))
/* They change only what a plane may take, and so end no block of another one (3.4.3). */
#define PS_TAKING \
    (PS_COALESCING | PS_E(MASK) | PS_E(UNMASK) | PS_E(CLI) | PS_E(STI) | PS_E(VINA_ON) | \
     PS_E(VINA_OFF) | PS_E(VINA_CLEAR))

static inline unsigned ps_among(unsigned events, unsigned event)
{
    return events >> event & 1u;
}

/* Whether an event names a plane; `call` does where the policy hands over. */
static inline unsigned ps_takes_plane(const struct ps_policy *policy, unsigned event)
{
    const unsigned alone = PS_ALONE | (policy->call == PS_CALL_NEXT ? PS_E(CALL) : 0u);
    return !ps_among(alone, event);
}

#endif
