/* planesched in one header: written by csrc/amalgamate.py. SPDX-License-Identifier: MIT */
/* ---- planesched/include/planesched/bitmap.h ---- */
/* Sets of planes as 16-bit words: bit p speaks of plane p. C11 and C++17, for GCC and Clang. */
#ifndef PLANESCHED_BITMAP_H
#define PLANESCHED_BITMAP_H

#include <assert.h>
#include <stdint.h>

#define PS_MAX_PLANES 16

/* A function that is seldom called: standing apart, it leaves the rest small enough to inline. */
#if defined(__GNUC__)
#define PS_SELDOM static __attribute__((noinline, cold, unused))
#else
#define PS_SELDOM static inline
#endif

/* One contract for "no plane" wherever a plane id is stored in a byte or returned as a number. */
#define PS_NO_PLANE 255u

static inline uint16_t ps_bit(unsigned plane)
{
    assert(plane < PS_MAX_PLANES);
    return (uint16_t)(1u << plane);
}

static inline unsigned ps_has(uint16_t planes, unsigned plane)
{
    assert(plane < PS_MAX_PLANES);
    return (unsigned)planes >> plane & 1u;
}

/* The word of all ones if `condition` holds, else zero: for selecting without a branch. */
static inline uint16_t ps_when(int condition)
{
    return (uint16_t)(0u - (unsigned)(condition != 0));
}

static inline unsigned ps_lowest(uint16_t planes)
{
    assert(planes != 0); /* counting zeros of zero is undefined */
    return (unsigned)__builtin_ctz(planes);
}

static inline unsigned ps_highest(uint16_t planes)
{
    assert(planes != 0);
    return 31u - (unsigned)__builtin_clz(planes);
}

#endif

/* ---- planesched/include/planesched/compiler.h ---- */
/* What a compiler is asked for beyond C11. One that has no word for it does without. */
#ifndef PLANESCHED_COMPILER_H
#define PLANESCHED_COMPILER_H

#include <stddef.h>
#include <stdint.h>

/* A function that is worth a copy wherever it is called: its arguments are known there. */
#if defined(__GNUC__)
#define PS_INLINE static inline __attribute__((always_inline))
#else
#define PS_INLINE static inline
#endif

/* A condition that hardly ever holds: what it guards stands out of the way of the rest. */
#if defined(__GNUC__)
#define PS_RARELY(condition) __builtin_expect((condition) != 0, 0)
#else
#define PS_RARELY(condition) (condition)
#endif

/* What will be read, or written if that is not zero, is asked for ahead. */
#if defined(__GNUC__)
#define PS_PREFETCH(address, write) __builtin_prefetch(address, write, 3)
#else
#define PS_PREFETCH(address, write) ((void)(address))
#endif

/* What will be written. */
static inline void ps_prefetch(const void *address)
{
    PS_PREFETCH(address, 1);
}

/* What will be read. */
static inline void ps_prefetch_read(const void *address)
{
    PS_PREFETCH(address, 0);
}

/* What will be read, so many bytes further on; there may be nothing there any more, and no pointer
 * may be made to that. In a stream this hides what the processor's own prefetching does not. */
static inline void ps_prefetch_after(const void *address, size_t bytes)
{
    PS_PREFETCH((const void *)((uintptr_t)address + bytes), 0);
}

#endif

/* ---- planesched/include/planesched/engine.h ---- */
/* Guests in time: the driver with a clock (rules, section 7). C11 and C++17; knows no Python.
 *
 * An engine holds some vCPUs with one policy. It decides when events happen; ps_step alone decides
 * about planes. Feed it jobs, let time pass, read the figures. One engine belongs to one thread.
 */
#ifndef PLANESCHED_ENGINE_H
#define PLANESCHED_ENGINE_H

/* ---- planesched/include/planesched/figures.h ---- */
/* The figures of the rules' section 6: what planes did, counted by every driver that has time.
 *
 * Sums of times are 128 bits wide: a million vCPUs for 2^63 ns fit.
 */
#ifndef PLANESCHED_FIGURES_H
#define PLANESCHED_FIGURES_H

/* ---- planesched/include/planesched/state.h ---- */
/* One vCPU in 32 bytes, and the numbers of events, reasons, faults and flags (rules, 1 and 4). */
#ifndef PLANESCHED_STATE_H
#define PLANESCHED_STATE_H

/* ---- planesched/include/planesched/policy.h ---- */
/* What differs between systems (rules, section 2), and rank (3.1). Pure C11 and C++17. */
#ifndef PLANESCHED_POLICY_H
#define PLANESCHED_POLICY_H


/* The values of each field that has names, in the order of the rules: V(constant, "name"). */
#define PS_DIRECTIONS(V) V(PS_LOWEST_FIRST, "lowest_first") V(PS_HIGHEST_FIRST, "highest_first")
#define PS_RANKS(V) \
    V(PS_RANK_FIXED, "fixed") V(PS_RANK_LOCKED, "locked") V(PS_RANK_SIBLINGS, "siblings")
#define PS_PREEMPTS(V) \
    V(PS_PREEMPT_TARGET, "target") V(PS_PREEMPT_NEAREST, "nearest") V(PS_PREEMPT_RELAY, "relay") \
    V(PS_PREEMPT_MARKER, "marker") V(PS_PREEMPT_NONE, "none")
#define PS_GATES(V) V(PS_GATE_PRIORITY, "priority") V(PS_GATE_OPEN, "open")
#define PS_TRIGGERS(V) V(PS_TRIGGER_LEVEL, "level") V(PS_TRIGGER_EDGE, "edge")
#define PS_CALLS(V) \
    V(PS_CALL_NEXT, "next") V(PS_CALL_HANDOVER, "handover") V(PS_CALL_DESCEND, "descend")
#define PS_CALL_SELVES(V) V(PS_CALL_SELF_FAULT, "fault") V(PS_CALL_SELF_YIELD, "yield")
#define PS_RETS(V) \
    V(PS_RET_RESUME, "resume") V(PS_RET_NEXT_ONLINE, "next_online") V(PS_RET_MARKER, "marker")
#define PS_IDLES(V) \
    V(PS_IDLE_KEEP, "keep") V(PS_IDLE_FALL_THROUGH, "fall_through") V(PS_IDLE_LEAVE, "leave")
#define PS_EMPTIES(V) \
    V(PS_EMPTY_IDLE, "idle") V(PS_EMPTY_MARKER, "marker") V(PS_EMPTY_USER, "user")
#define PS_WAKES(V) V(PS_WAKE_PREEMPTORS, "preemptors") V(PS_WAKE_OWN, "own")
#define PS_UNHALTS(V) \
    V(PS_UNHALT_INJECTABLE, "injectable") V(PS_UNHALT_DELIVERABLE, "deliverable") \
    V(PS_UNHALT_ANY, "any")
#define PS_HALT_SCOPES(V) V(PS_HALT_SCOPE_PLANE, "plane") V(PS_HALT_SCOPE_VCPU, "vcpu")
#define PS_NMIS(V) V(PS_NMI_PREEMPTS, "preempts") V(PS_NMI_WAITS, "waits")
#define PS_FORCES(V) \
    V(PS_FORCE_NONE, "none") V(PS_FORCE_MARKER, "marker") V(PS_FORCE_ANY, "any")
#define PS_FORCE_SELVES(V) V(PS_FORCE_SELF_FAULT, "fault") V(PS_FORCE_SELF_IGNORE, "ignore")
#define PS_VINAS(V) V(PS_VINA_OFF, "off") V(PS_VINA_EDGE, "edge") V(PS_VINA_LEVEL, "level")
#define PS_SCHEDULERS(V) V(PS_SCHEDULER_KERNEL, "kernel") V(PS_SCHEDULER_USER, "user")

#define PS_ENUMERATOR(constant, name) constant,
enum ps_direction { PS_DIRECTIONS(PS_ENUMERATOR) PS_N_DIRECTIONS };
enum ps_rank { PS_RANKS(PS_ENUMERATOR) PS_N_RANKS };
enum ps_preempt { PS_PREEMPTS(PS_ENUMERATOR) PS_N_PREEMPTS };
enum ps_gate { PS_GATES(PS_ENUMERATOR) PS_N_GATES };
enum ps_trigger { PS_TRIGGERS(PS_ENUMERATOR) PS_N_TRIGGERS };
enum ps_call { PS_CALLS(PS_ENUMERATOR) PS_N_CALLS };
enum ps_call_self { PS_CALL_SELVES(PS_ENUMERATOR) PS_N_CALL_SELVES };
enum ps_ret { PS_RETS(PS_ENUMERATOR) PS_N_RETS };
enum ps_idle { PS_IDLES(PS_ENUMERATOR) PS_N_IDLES };
enum ps_empty { PS_EMPTIES(PS_ENUMERATOR) PS_N_EMPTIES };
enum ps_wake { PS_WAKES(PS_ENUMERATOR) PS_N_WAKES };
enum ps_unhalt { PS_UNHALTS(PS_ENUMERATOR) PS_N_UNHALTS };
enum ps_halt_scope { PS_HALT_SCOPES(PS_ENUMERATOR) PS_N_HALT_SCOPES };
enum ps_nmi { PS_NMIS(PS_ENUMERATOR) PS_N_NMIS };
enum ps_force { PS_FORCES(PS_ENUMERATOR) PS_N_FORCES };
enum ps_force_self { PS_FORCE_SELVES(PS_ENUMERATOR) PS_N_FORCE_SELVES };
enum ps_vina { PS_VINAS(PS_ENUMERATOR) PS_N_VINAS };
enum ps_scheduler { PS_SCHEDULERS(PS_ENUMERATOR) PS_N_SCHEDULERS };

/* Every field of a policy in the order of the rules: X(field, type, standard, most, names). Struct,
 * standard, limits, setter and names follow, also what Python's Policy is held against. `names` are
 * those of its values, or with a colon what they are. */
#define PS_VALUE_NAME(constant, name) name " "
#define PS_NAMED(X, field, standard, n, VALUES) \
    X(field, uint8_t, standard, n - 1u, VALUES(PS_VALUE_NAME))
#define PS_BOOL(X, field, standard) X(field, uint8_t, standard, 1u, "false true")
#define PS_POLICY_FIELDS(X) \
    PS_NAMED(X, direction, PS_LOWEST_FIRST, PS_N_DIRECTIONS, PS_DIRECTIONS) \
    X(marker, uint8_t, PS_NO_PLANE, PS_NO_PLANE, ":plane or none") \
    PS_NAMED(X, rank, PS_RANK_FIXED, PS_N_RANKS, PS_RANKS) \
    PS_NAMED(X, preempt, PS_PREEMPT_TARGET, PS_N_PREEMPTS, PS_PREEMPTS) \
    PS_NAMED(X, gate, PS_GATE_PRIORITY, PS_N_GATES, PS_GATES) \
    PS_NAMED(X, trigger, PS_TRIGGER_LEVEL, PS_N_TRIGGERS, PS_TRIGGERS) \
    PS_BOOL(X, rearm, 1) \
    PS_NAMED(X, call, PS_CALL_NEXT, PS_N_CALLS, PS_CALLS) \
    PS_BOOL(X, refuse_pending, 0) \
    PS_NAMED(X, call_self, PS_CALL_SELF_FAULT, PS_N_CALL_SELVES, PS_CALL_SELVES) \
    PS_NAMED(X, ret, PS_RET_RESUME, PS_N_RETS, PS_RETS) \
    PS_NAMED(X, idle, PS_IDLE_KEEP, PS_N_IDLES, PS_IDLES) \
    PS_NAMED(X, empty, PS_EMPTY_IDLE, PS_N_EMPTIES, PS_EMPTIES) \
    PS_NAMED(X, wake, PS_WAKE_PREEMPTORS, PS_N_WAKES, PS_WAKES) \
    PS_NAMED(X, unhalt, PS_UNHALT_INJECTABLE, PS_N_UNHALTS, PS_UNHALTS) \
    PS_NAMED(X, halt_scope, PS_HALT_SCOPE_PLANE, PS_N_HALT_SCOPES, PS_HALT_SCOPES) \
    PS_NAMED(X, nmi, PS_NMI_PREEMPTS, PS_N_NMIS, PS_NMIS) \
    PS_NAMED(X, force, PS_FORCE_NONE, PS_N_FORCES, PS_FORCES) \
    PS_NAMED(X, force_self, PS_FORCE_SELF_FAULT, PS_N_FORCE_SELVES, PS_FORCE_SELVES) \
    PS_NAMED(X, vina, PS_VINA_OFF, PS_N_VINAS, PS_VINAS) \
    PS_BOOL(X, vina_auto_reset, 0) \
    PS_NAMED(X, scheduler, PS_SCHEDULER_KERNEL, PS_N_SCHEDULERS, PS_SCHEDULERS) \
    X(accelerated, uint16_t, 0, 0xffffu, ":reasons") /* bit r: reason r */ \
    X(boot, uint8_t, 0, PS_MAX_PLANES - 1u, ":plane")

#define PS_FIELD_NUMBER(field, type, standard, most, names) PS_FIELD_##field,
enum ps_policy_field { PS_POLICY_FIELDS(PS_FIELD_NUMBER) PS_N_POLICY_FIELDS };

/* Begin with ps_policy_default(), set fields, then call ps_policy_prepare() once. */
#define PS_FIELD_MEMBER(field, type, standard, most, names) type field;
struct ps_policy {
    PS_POLICY_FIELDS(PS_FIELD_MEMBER)
    uint8_t reserved;
    /* Worked out by ps_policy_prepare. A mask is all ones where something counts, else zero. */
    uint16_t marker_bit;               /* zero without a marker */
    uint16_t demotable;                /* planes whose privilege waits for the lock */
    uint16_t gated;                    /* the priority mask holds back a forced entry */
    uint16_t unarmed;                  /* no edge has to be armed */
    uint16_t nmi_forces;               /* an nmi forces an entry */
    uint16_t unhalt_masked;            /* what the priority mask holds back ends no halt */
    uint16_t unhalt_noint;             /* nor what `noint` does */
    uint16_t brought;                  /* planes that an event may bring in */
    uint16_t on_entry;                 /* PS_ON_ENTRY_*: what entering a plane does beside that */
    uint16_t above[PS_MAX_PLANES];     /* planes that outrank p, nobody demoted */
    uint16_t below[PS_MAX_PLANES];     /* planes that p outranks, nobody demoted */
};

#define PS_ON_ENTRY_STOP 1u   /* a switch stops every other plane */
#define PS_ON_ENTRY_UNHALT 2u /* a switch ends every halt */
#define PS_ON_ENTRY_RESET 4u  /* a switch or a bounce clears vina_asserted */

#define PS_FIELD_STANDARD(field, type, standard, most, names) standard,
static inline struct ps_policy ps_policy_default(void)
{
    struct ps_policy policy = {PS_POLICY_FIELDS(PS_FIELD_STANDARD)
                               0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}};
    return policy;
}

/* The fields by number, for who reads them from elsewhere: PS_FIELD_direction and so on. */
#define PS_FIELD_NAME(field, type, standard, most, names) \
    case PS_FIELD_##field: \
        return #field;
static inline const char *ps_policy_field_name(unsigned field)
{
    switch (field) {
        PS_POLICY_FIELDS(PS_FIELD_NAME)
    default:
        return 0;
    }
}

/* The names of a field's values with a space after each, in order; with a colon, what they are. */
#define PS_FIELD_VALUES(field, type, standard, most, names) \
    case PS_FIELD_##field: \
        return names;
static inline const char *ps_policy_value_names(unsigned field)
{
    switch (field) {
        PS_POLICY_FIELDS(PS_FIELD_VALUES)
    default:
        return 0;
    }
}

#define PS_FIELD_MOST(field, type, standard, most, names) \
    case PS_FIELD_##field: \
        return most;
static inline unsigned ps_policy_most(unsigned field)
{
    switch (field) {
        PS_POLICY_FIELDS(PS_FIELD_MOST)
    default:
        return 0;
    }
}

#define PS_FIELD_GET(field, type, standard, most, names) \
    case PS_FIELD_##field: \
        return policy->field;
static inline unsigned ps_policy_get(const struct ps_policy *policy, unsigned field)
{
    switch (field) {
        PS_POLICY_FIELDS(PS_FIELD_GET)
    default:
        return 0;
    }
}

#define PS_FIELD_SET(field, type, standard, most, names) \
    case PS_FIELD_##field: \
        policy->field = (type)value; \
        return 0;
/* Returns 0, or -1 where there is no such field, or it has no such value. */
static inline int ps_policy_set(struct ps_policy *policy, unsigned field, unsigned value)
{
    if (value > ps_policy_most(field))
        return -1;
    switch (field) {
        PS_POLICY_FIELDS(PS_FIELD_SET)
    default:
        return -1;
    }
}

/* Whether every field holds one of its values and what needs a marker has one (rules, 2). */
static inline int ps_policy_valid(const struct ps_policy *policy)
{
    const int needs_marker =
        policy->preempt == PS_PREEMPT_RELAY || policy->preempt == PS_PREEMPT_MARKER ||
        policy->rank == PS_RANK_SIBLINGS || policy->ret == PS_RET_MARKER ||
        policy->idle == PS_IDLE_LEAVE || policy->call == PS_CALL_DESCEND ||
        policy->force == PS_FORCE_MARKER;
    for (unsigned field = 0; field < PS_N_POLICY_FIELDS; field++)
        if (ps_policy_get(policy, field) > ps_policy_most(field))
            return 0;
    return policy->marker < PS_MAX_PLANES || (policy->marker == PS_NO_PLANE && !needs_marker);
}

/* Fill in the derived part. Returns 0, or -1 where the policy is not valid. */
static inline int ps_policy_prepare(struct ps_policy *policy)
{
    if (!ps_policy_valid(policy))
        return -1;
    const uint16_t marker = policy->marker == PS_NO_PLANE ? (uint16_t)0 : ps_bit(policy->marker);
    policy->marker_bit = marker;
    policy->demotable =
        policy->rank == PS_RANK_LOCKED ? (uint16_t)~(ps_bit(policy->boot) | marker) : (uint16_t)0;
    policy->gated = ps_when(policy->gate == PS_GATE_PRIORITY);
    policy->unarmed = ps_when(policy->trigger == PS_TRIGGER_LEVEL);
    policy->nmi_forces = ps_when(policy->nmi == PS_NMI_PREEMPTS);
    policy->unhalt_masked = ps_when(policy->unhalt != PS_UNHALT_ANY);
    policy->unhalt_noint = ps_when(policy->unhalt == PS_UNHALT_INJECTABLE);
    policy->brought = policy->preempt == PS_PREEMPT_MARKER
                          ? marker
                          : ps_when(policy->preempt != PS_PREEMPT_NONE);
    policy->on_entry =
        (uint16_t)((policy->call == PS_CALL_DESCEND ? PS_ON_ENTRY_STOP : 0u) |
                   (policy->halt_scope == PS_HALT_SCOPE_VCPU ? PS_ON_ENTRY_UNHALT : 0u) |
                   (policy->vina_auto_reset ? PS_ON_ENTRY_RESET : 0u));
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++) {
        const uint16_t self = ps_bit(plane);
        const uint16_t lower = (uint16_t)(self - 1u);
        const uint16_t higher = (uint16_t)~(lower | self);
        const uint16_t before = policy->direction == PS_LOWEST_FIRST ? lower : higher;
        uint16_t above = policy->rank == PS_RANK_SIBLINGS ? (uint16_t)0 : before;
        above = self == marker ? (uint16_t)0 : (uint16_t)(above | marker);
        policy->above[plane] = above;
        if (policy->rank == PS_RANK_SIBLINGS)
            policy->below[plane] = self == marker ? (uint16_t)~self : (uint16_t)0;
        else
            policy->below[plane] = (uint16_t)~(above | self);
    }
    return 0;
}

/* The planes that rank below all that are not among them (3.1, rank = locked). */
static inline uint16_t ps_demoted(const struct ps_policy *policy, uint16_t locked)
{
    return (uint16_t)(policy->demotable & ~locked);
}

static inline uint16_t ps_above(const struct ps_policy *policy, uint16_t locked, unsigned plane)
{
    const uint16_t above = policy->above[plane];
    if (!policy->demotable)
        return above;
    const uint16_t demoted = ps_demoted(policy, locked);
    return ps_has(demoted, plane) ? (uint16_t)(above | (uint16_t)~demoted)
                                  : (uint16_t)(above & ~demoted);
}

static inline uint16_t ps_below(const struct ps_policy *policy, uint16_t locked, unsigned plane)
{
    const uint16_t below = policy->below[plane];
    if (!policy->demotable)
        return below;
    const uint16_t demoted = ps_demoted(policy, locked);
    return ps_has(demoted, plane) ? (uint16_t)(below & demoted) : (uint16_t)(below | demoted);
}

/* All ones where a set is empty, else zero: what a comparison gives in a vector register. */
static inline uint16_t ps_when_empty(uint16_t planes)
{
    return (uint16_t)(0u - (unsigned)(planes == 0));
}

/* Of a set, the planes between which direction decides: the marker, or those that are not demoted,
 * or all (3.1). Without a branch, so that it can be done for many sets at once. */
static inline uint16_t ps_foremost(uint16_t planes, uint16_t demoted, uint16_t marker_bit)
{
    const uint16_t kept = (uint16_t)(planes & ~demoted);
    const uint16_t group = (uint16_t)(kept | (planes & ps_when_empty(kept)));
    const uint16_t marked = (uint16_t)(planes & marker_bit);
    return (uint16_t)(marked | (group & ps_when_empty(marked)));
}

/* The plane of a set, not empty, that no other in it comes before (3.1). */
static inline unsigned ps_first(const struct ps_policy *policy, uint16_t locked, uint16_t planes)
{
    if (policy->demotable | policy->marker_bit)
        planes = ps_foremost(planes, ps_demoted(policy, locked), policy->marker_bit);
    return policy->direction == PS_LOWEST_FIRST ? ps_lowest(planes) : ps_highest(planes);
}

/* The plane of a set, not empty, that comes after every other in it. */
static inline unsigned ps_last(const struct ps_policy *policy, uint16_t locked, uint16_t planes)
{
    const uint16_t unmarked = (uint16_t)(planes & ~policy->marker_bit);
    uint16_t group = unmarked ? unmarked : planes;
    const uint16_t demoted = (uint16_t)(group & ps_demoted(policy, locked));
    group = demoted ? demoted : group;
    return policy->direction == PS_LOWEST_FIRST ? ps_highest(group) : ps_lowest(group);
}

#endif


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


struct ps_wide {
    uint64_t lo, hi;
};

static inline void ps_wide_add(struct ps_wide *sum, uint64_t value)
{
    sum->lo += value;
    sum->hi += sum->lo < value;
}

static inline void ps_wide_add_wide(struct ps_wide *sum, struct ps_wide value)
{
    ps_wide_add(sum, value.lo);
    sum->hi += value.hi;
}

static inline void ps_wide_sub(struct ps_wide *sum, uint64_t value)
{
    sum->hi -= sum->lo < value;
    sum->lo -= value;
}

/* What can be pending on a plane, and the words below that speak of each. */
enum ps_pending { PS_PENDING_IRQ, PS_PENDING_NMI, PS_PENDING_TRAP, PS_N_PENDING };

/* All vCPUs together. planesched/layouts.py holds the same layout as a numpy dtype. */
struct ps_figures {
    uint64_t steps[PS_N_EVENTS][PS_MAX_PLANES];      /* accepted events, by event and plane */
    uint64_t faults[PS_N_EVENTS][PS_N_FAULTS];       /* refused events */
    uint64_t entries[PS_MAX_PLANES][PS_MAX_PLANES];  /* from, to; the diagonal holds bounces */
    uint64_t reasons[PS_N_REASONS];                  /* entries, by reason */
    uint64_t exits[PS_N_REASONS];                    /* exits to userspace, by reason */
    uint64_t coalesced[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t taken[PS_N_PENDING][PS_MAX_PLANES];     /* injected; intercepts: delivered */
    uint64_t dropped[PS_N_PENDING][PS_MAX_PLANES];   /* by `disable`, `init` */
    uint64_t pending_before[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t pending[PS_N_PENDING][PS_MAX_PLANES];
    uint64_t vina[PS_MAX_PLANES];                    /* notifications */
    uint64_t vina_set[PS_MAX_PLANES];                /* of these, those that set a clear irq */
    struct ps_wide time_ns[4][PS_MAX_PLANES];        /* running, userspace, blocked; transition */
    struct ps_wide suspended_ns[PS_MAX_PLANES];      /* runnable, another plane is current */
    struct ps_wide latency_ns[PS_MAX_PLANES];        /* sums, delivery to injection */
    uint64_t latency_min_ns[PS_MAX_PLANES];          /* all ones before the first */
    uint64_t latency_max_ns[PS_MAX_PLANES];
    uint64_t longest_ns[PS_MAX_PLANES];              /* longest interval that ended */
    uint64_t age_ns[PS_MAX_PLANES];                  /* longest interval that has not ended */
};

/* The first three kinds of time_ns are those of ps_state.status. A switch takes time only where the
 * driver says so. */
#define PS_TIME_TRANSITION 3u

#endif

/* ---- planesched/include/planesched/jobs.h ---- */
/* The figures of jobs that an engine counts: by the source that they came from, and by plane. */
#ifndef PLANESCHED_JOBS_H
#define PLANESCHED_JOBS_H


/* Where the figures of a job go: a row for every source, and behind those one for every plane, with
 * what was fed and what VINA posted. planesched/layouts.py has the layout. */
struct ps_row {
    uint64_t arrived, finished, injected;
    uint64_t queued_before;              /* when counting began */
    uint64_t queued;                     /* arrived, not finished; on reading */
    struct ps_wide latency_ns, response_ns, sojourn_ns;
    uint64_t latency_min_ns, latency_max_ns;  /* the least: all ones before the first */
    uint64_t response_min_ns, response_max_ns;
    uint64_t sojourn_min_ns, sojourn_max_ns;
};

/* What became of the jobs, by the plane that they are for; the first ones are the sums of the rows,
 * and stand there on reading only. planesched/layouts.py has the layout. */
struct ps_totals {
    uint64_t arrived[PS_MAX_PLANES];
    uint64_t finished[PS_MAX_PLANES];
    uint64_t queued_before[PS_MAX_PLANES];
    uint64_t queued[PS_MAX_PLANES];           /* arrived, not finished */
    struct ps_wide sojourn_ns[PS_MAX_PLANES]; /* sums, arrival to end of service */
    uint64_t sojourn_min_ns[PS_MAX_PLANES];   /* all ones before the first */
    uint64_t sojourn_max_ns[PS_MAX_PLANES];
    uint64_t woken[PS_MAX_PLANES];            /* arrived, but no vector brought them */
    uint64_t forwarded[PS_MAX_PLANES];        /* passed on by the marker */
    uint64_t starved_ns[PS_MAX_PLANES];       /* longest time with work without running */
    uint64_t oldest_ns[PS_MAX_PLANES];        /* age of the oldest pending interrupt; on reading */
    /* Little's law: load = sojourn of those finished + age - age_before. */
    struct ps_wide load_ns;                   /* number of jobs in queues, integrated over time */
    struct ps_wide age_ns;                    /* time that those in queues have spent there */
    struct ps_wide age_before_ns;             /* the same, when counting began */
};

#endif

/* ---- planesched/include/planesched/records.h ---- */
/* The records that drivers read and write: timed events, and outcomes for a log. */
#ifndef PLANESCHED_RECORDS_H
#define PLANESCHED_RECORDS_H

#include <stdint.h>

/* planesched.EVENT: 16 bytes. */
struct ps_event_record {
    int64_t time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    uint16_t arg;
};

/* planesched.OUTCOME: 32 bytes. */
struct ps_outcome_record {
    int64_t record, time_ns;
    uint32_t vcpu;
    uint8_t kind, plane;
    int8_t was, now;
    uint8_t reason, fault, flags;
    uint8_t status;   /* before the step, as in ps_state */
    uint32_t took_ns; /* that the switch or exit takes, where the driver gives it time */
};

#endif

/* ---- planesched/include/planesched/scheduler.h ---- */
/* A userspace scheduler as a function that its owner wrote, in C or whatever compiles to it. */
#ifndef PLANESCHED_SCHEDULER_H
#define PLANESCHED_SCHEDULER_H

/* ---- planesched/include/planesched/step.h ---- */
/* The one transition of a vCPU. Section numbers are those of the rules.
 *
 * ps_step is a pure function of the policy and of the 32 bytes of a vCPU. It allocates nothing,
 * prints nothing and cannot fail: what a guest does wrong is an outcome, what the caller does wrong
 * is an assertion. Longer than 300 lines because it is one transition and inlines as one.
 */
#ifndef PLANESCHED_STEP_H
#define PLANESCHED_STEP_H

#include <stddef.h>
#include <string.h>

/* ---- planesched/include/planesched/pick.h ---- */
/* Which plane of a vCPU comes next, as a pure choice (rules, 3.2 to 3.5). */
#ifndef PLANESCHED_PICK_H
#define PLANESCHED_PICK_H


/* ---- Events of a plane, for all planes at once (3.2); an unstarted one has none ---- */

static inline uint16_t ps_deliverable(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned nmi = (unsigned)s->nmi & policy->nmi_forces;
    return (uint16_t)((nmi | s->trap | (s->irq & ~s->masked)) & ~s->unstarted);
}

static inline uint16_t ps_injectable(const struct ps_state *s)
{
    return (uint16_t)(s->irq & ~s->masked & ~s->noint & ~s->unstarted);
}

static inline uint16_t ps_wakes(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned shut = ((unsigned)s->masked & policy->unhalt_masked) |
                          ((unsigned)s->noint & policy->unhalt_noint);
    return (uint16_t)((s->nmi | s->trap | (s->irq & ~shut)) & ~s->unstarted);
}

/* The planes that are left out where a halted plane lets others run (3.4.2). */
static inline uint16_t ps_dead(const struct ps_policy *policy, const struct ps_state *s)
{
    if (policy->idle != PS_IDLE_FALL_THROUGH)
        return 0;
    return (uint16_t)(s->unstarted | (s->halted & ~ps_wakes(policy, s)));
}

/* The planes with an event that counts for a forced entry (3.3). */
static inline uint16_t ps_counts(const struct ps_policy *policy, const struct ps_state *s,
                                 uint16_t dead)
{
    const unsigned irq = s->irq & ~((unsigned)s->masked & policy->gated);
    const unsigned nmi = (unsigned)s->nmi & policy->nmi_forces;
    const unsigned any = nmi | s->trap | (irq & ((unsigned)s->edge | policy->unarmed));
    return (uint16_t)(any & ~((unsigned)s->unstarted | dead));
}

/* The planes that an event brings in, seen from plane `view` (3.3). */
static inline uint16_t ps_preemptors(const struct ps_policy *policy, const struct ps_state *s,
                                     unsigned view, uint16_t dead)
{
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    const uint16_t found =
        (uint16_t)(able & ps_above(policy, s->locked, view) & ps_counts(policy, s, dead));
    if (policy->preempt == PS_PREEMPT_TARGET)
        return found;
    switch (policy->preempt) {
    case PS_PREEMPT_NEAREST:
        return found ? ps_bit(ps_last(policy, s->locked, found)) : (uint16_t)0;
    case PS_PREEMPT_MARKER:
        return (uint16_t)(found & policy->marker_bit);
    case PS_PREEMPT_RELAY: {
        /* It only passes the vCPU on, and may be dead to the world itself. */
        const uint16_t relay = (uint16_t)(able & policy->marker_bit & ~ps_bit(view));
        return found && relay ? relay : found;
    }
    default:
        return 0;
    }
}

/* ---- Which plane (3.4, 2 to 5) ---- */

struct ps_choice {
    uint16_t base;     /* planes that can run of themselves */
    uint16_t pre;      /* planes that an event brings in */
    uint16_t dead;     /* planes that nothing wakes, where they do not count */
    unsigned view;     /* the plane from which events are seen */
    unsigned plane;    /* what runs, or PS_NO_PLANE */
    int unseen;        /* a blocked plane sleeps on, whatever others have (3.4.3) */
};

/* `closed`: no event brings a plane in, for userspace is asked. `taking`: the vCPU was blocked, and
 * this event only concerns what a plane may take. */
static inline struct ps_choice ps_pick(const struct ps_policy *policy, const struct ps_state *s,
                                       int closed, int taking)
{
    struct ps_choice pick;
    pick.dead = ps_dead(policy, s);
    pick.base = (uint16_t)(s->runnable & s->online & ~s->held & ~pick.dead);
    pick.view = (unsigned)s->current;
    if (!ps_has(pick.base, pick.view) && pick.base)
        pick.view = ps_first(policy, s->locked, pick.base);
    pick.unseen = policy->wake == PS_WAKE_OWN && taking &&
                  ps_has((uint16_t)(pick.base & ~ps_wakes(policy, s)), (unsigned)s->current);
    pick.pre = closed || pick.unseen ? (uint16_t)0
                                     : ps_preemptors(policy, s, pick.view, pick.dead);
    const uint16_t candidates = (uint16_t)(pick.base | pick.pre);
    pick.plane = candidates ? ps_first(policy, s->locked, candidates) : PS_NO_PLANE;
    return pick;
}

/* The plane that runs when nothing can (3.4.5, empty = marker), or PS_NO_PLANE. */
static inline unsigned ps_last_resort(const struct ps_policy *policy, const struct ps_state *s)
{
    const unsigned plane = policy->marker_bit ? policy->marker : policy->boot;
    const uint16_t able = (uint16_t)(s->online & ~s->held);
    return policy->empty == PS_EMPTY_MARKER && ps_has(able, plane) ? plane : PS_NO_PLANE;
}

/* The online planes that outrank `plane`. */
static inline uint16_t ps_outranking(const struct ps_policy *policy, const struct ps_state *s,
                                     unsigned plane)
{
    return (uint16_t)(s->online & ps_above(policy, s->locked, plane));
}

/* Of these, those that the policy could bring in: of them userspace asks to be told (3.5). */
static inline uint16_t ps_requests(const struct ps_policy *policy, const struct ps_state *s,
                                   unsigned plane)
{
    return (uint16_t)(ps_outranking(policy, s, plane) & policy->brought);
}

/* Whether a plane that userspace asked for, other than `plane`, has an event (3.4.7, 3.5). */
PS_SELDOM int ps_requested(const struct ps_policy *policy, const struct ps_state *s,
                               unsigned plane)
{
    const uint16_t others = (uint16_t)(s->online & ~s->held & ~ps_bit(plane));
    return (others & s->req_exit & ps_counts(policy, s, ps_dead(policy, s))) != 0;
}

/* The default userspace scheduler (3.5): the plane to `enter`, or PS_NO_PLANE to wait. Before it
 * enters, userspace sets req_exit to ps_requests() of that plane. */
static inline unsigned ps_default_pick(const struct ps_policy *policy, const struct ps_state *s)
{
    const struct ps_choice pick = ps_pick(policy, s, 0, 0);
    return pick.plane != PS_NO_PLANE ? pick.plane : ps_last_resort(policy, s);
}

/* How a vCPU with these planes begins: the boot plane runs (2, 3.5). */
static inline struct ps_state ps_boot(const struct ps_policy *policy, uint16_t online)
{
    struct ps_state s = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    s.online = online;
    s.runnable = ps_bit(policy->boot);
    s.current = (int8_t)policy->boot;
    if (policy->scheduler == PS_SCHEDULER_USER)
        s.req_exit = ps_requests(policy, &s, policy->boot);
    return s;
}

#endif


/* What one event means before dispatch (4). Offsets are those of masks in ps_state. */
struct ps_effect {
    uint8_t set, clear, clear_too;
    uint8_t cause;
    int8_t sets, clears; /* minus one where a mask is set, or masks are cleared, else zero */
    uint8_t again;       /* the flag if it is set already */
    uint8_t unused;
};

/* Where nothing is set or cleared, a mask that the kernel's scheduling never reads is or-ed and
 * and-ed with nothing. */
#define PS_UNUSED PS_AT(req_exit)
#define PS_AGAIN PS_FLAG_COALESCED
#define PS_AT(mask) ((uint8_t)offsetof(struct ps_state, mask))
#define PS_SETS(mask, cause, again) {PS_AT(mask), PS_UNUSED, PS_UNUSED, cause, -1, 0, again, 0}
#define PS_CLEARS(mask, too, cause) {PS_UNUSED, PS_AT(mask), PS_AT(too), cause, 0, -1, 0, 0}
#define PS_LEAVES(cause) {PS_UNUSED, PS_UNUSED, PS_UNUSED, cause, 0, 0, 0, 0}

static const struct ps_effect ps_effects[PS_N_EVENTS] = {
    /* resched    */ PS_LEAVES(PS_REASON_RESCHED),
    /* irq        */ PS_SETS(irq, PS_REASON_RESCHED, PS_AGAIN),
    /* nmi        */ PS_SETS(nmi, PS_REASON_RESCHED, PS_AGAIN),
    /* intercept  */ PS_SETS(trap, PS_REASON_RESCHED, PS_AGAIN),
    /* mask       */ PS_SETS(masked, PS_REASON_RESCHED, 0),
    /* unmask     */ PS_CLEARS(masked, masked, PS_REASON_RESCHED),
    /* cli        */ PS_SETS(noint, PS_REASON_RESCHED, 0),
    /* sti        */ PS_CLEARS(noint, noint, PS_REASON_RESCHED),
    /* halt       */ PS_LEAVES(PS_REASON_HALT),
    /* call       */ PS_LEAVES(PS_REASON_CALL),
    /* return     */ PS_LEAVES(PS_REASON_RETURN),
    /* start      */
    {PS_AT(runnable), PS_AT(halted), PS_AT(unstarted), PS_REASON_START, -1, -1, 0, 0},
    /* stop       */ PS_CLEARS(runnable, runnable, PS_REASON_STOP),
    /* enable     */ PS_SETS(online, PS_REASON_RESCHED, 0),
    /* disable    */ PS_LEAVES(PS_REASON_STOP),
    /* lock       */ PS_SETS(locked, PS_REASON_RESCHED, 0),
    /* force      */ PS_LEAVES(PS_REASON_FORCE),
    /* hold       */ PS_SETS(held, PS_REASON_STOP, 0),
    /* release    */ PS_CLEARS(held, held, PS_REASON_START),
    /* enter      */ PS_LEAVES(PS_REASON_USER),
    /* vina_on    */ PS_SETS(vina, PS_REASON_RESCHED, 0),
    /* vina_off   */ PS_CLEARS(vina, vina_asserted, PS_REASON_RESCHED),
    /* vina_clear */ PS_CLEARS(vina_asserted, vina_asserted, PS_REASON_RESCHED),
    /* init       */ PS_SETS(unstarted, PS_REASON_STOP, 0),
};

/* ---- One step under way ---- */

struct ps_stepping {
    unsigned event, plane;
    unsigned was;     /* current before the event */
    uint16_t gave_up; /* the plane that gave the vCPU up in this step, as a bit */
    uint8_t flags;
};

static inline unsigned ps_cause(const struct ps_stepping *step)
{
    return ps_effects[step->event].cause;
}

/* What a step answers, as one word: reason, fault and flags, a byte each. A struct of bytes that a
 * function returns, where it is not inlined, is written byte by byte and read as a whole. For that
 * the processor waits until the bytes have reached the cache: as long as half a step takes. */
static inline unsigned ps_answer(const struct ps_state *s, unsigned reason, unsigned fault,
                                 unsigned flags)
{
    flags |= (s->status & PS_STATUS_USER) * (PS_FLAG_USER / PS_STATUS_USER);
    flags |= (s->status & PS_STATUS_BLOCKED) * (PS_FLAG_BLOCKED / PS_STATUS_BLOCKED);
    return reason | fault << 8 | flags << 16;
}

static inline unsigned ps_exit(struct ps_state *s, const struct ps_stepping *step, unsigned reason)
{
    s->status = PS_STATUS_USER;
    return ps_answer(s, reason, PS_FAULT_NONE, step->flags);
}

/* Whether an interrupt for a less privileged plane is to be notified to `plane` (3.6). */
static inline uint16_t ps_notices(const struct ps_policy *policy, const struct ps_state *s,
                                  const struct ps_stepping *step, unsigned plane, int entered)
{
    const unsigned ready = (s->nmi & ~(unsigned)s->unstarted) | ps_injectable(s);
    uint16_t lower = (uint16_t)(s->online & ready & ps_below(policy, s->locked, plane));
    if (policy->vina == PS_VINA_EDGE && !entered) {
        const unsigned fresh = PS_E(IRQ) | PS_E(NMI) | PS_E(UNMASK) | PS_E(STI);
        lower = ps_among(fresh, step->event) ? (uint16_t)(lower & ps_bit(step->plane))
                                             : (uint16_t)0;
    }
    return lower;
}

/* What a switch to a plane or its bounce does beside that; the re-check comes in between (3.6). */
PS_SELDOM void ps_on_entry(const struct ps_policy *policy, struct ps_state *s, unsigned plane,
                               unsigned entered, int recheck)
{
    const uint16_t self = ps_bit(plane);
    if (entered == PS_FLAG_SWITCHED && policy->on_entry & PS_ON_ENTRY_STOP)
        s->runnable = self;
    if (entered == PS_FLAG_SWITCHED && policy->on_entry & PS_ON_ENTRY_UNHALT)
        s->halted = 0;
    if (policy->on_entry & PS_ON_ENTRY_RESET && !(recheck && ps_requested(policy, s, plane)))
        s->vina_asserted = (uint16_t)(s->vina_asserted & ~self);
}

/* Whether a plane that is halted or was never started goes on (3.6). */
PS_SELDOM int ps_comes_alive(const struct ps_policy *policy, const struct ps_state *s,
                                 uint16_t self, uint16_t trapped, unsigned reason)
{
    if (s->unstarted & self)
        return 0;
    return (ps_wakes(policy, s) & self) || trapped || reason == PS_REASON_RELAY;
}

/* Arrival at a plane (3.6). `recheck`: what userspace asked for may take the vCPU out again. */
static inline unsigned ps_arrive(const struct ps_policy *policy, struct ps_state *s,
                                 const struct ps_stepping *step, unsigned plane, unsigned reason,
                                 int recheck)
{
    const uint16_t self = ps_bit(plane);
    unsigned flags = step->flags;
    const unsigned entered =
        plane != step->was ? PS_FLAG_SWITCHED : step->gave_up & self ? PS_FLAG_BOUNCED : 0u;
    flags |= entered;
    reason = entered ? reason : (unsigned)PS_REASON_NONE;

    s->current = (int8_t)plane;
    s->status = 0;
    s->runnable = (uint16_t)(s->runnable | self);
    if (policy->on_entry && entered)
        ps_on_entry(policy, s, plane, entered, recheck);
    if (recheck && ps_requested(policy, s, plane)) { /* it has not run: its trap and edge stay */
        s->status = PS_STATUS_USER;
        return ps_answer(s, PS_REASON_INTERRUPT, PS_FAULT_NONE, flags);
    }
    const uint16_t taker = (uint16_t)(self & ~s->unstarted); /* what is not started takes nothing */
    const uint16_t trapped = (uint16_t)(s->trap & taker);
    s->trap = (uint16_t)(s->trap & ~taker);
    s->edge = (uint16_t)(s->edge & ~taker);
    if (s->vina & self && !(s->vina_asserted & self) && policy->vina != PS_VINA_OFF &&
        ps_notices(policy, s, step, plane, entered != 0)) {
        s->vina_asserted = (uint16_t)(s->vina_asserted | self);
        s->irq = (uint16_t)(s->irq | self);
        flags |= PS_FLAG_VINA;
    }
    if ((s->halted | s->unstarted) & self) {
        if (!ps_comes_alive(policy, s, self, trapped, reason)) {
            s->status = PS_STATUS_BLOCKED;
            return ps_answer(s, reason, PS_FAULT_NONE, flags);
        }
        s->halted = (uint16_t)(s->halted & ~self);
    }
    const unsigned irq = s->irq & ~(unsigned)s->masked & ~(unsigned)s->noint & self;
    const unsigned nmi = s->nmi & self;
    s->irq = (uint16_t)(s->irq & ~irq);
    s->nmi = (uint16_t)(s->nmi & ~nmi);
    flags |= (irq >> plane) * PS_FLAG_INJECTED | (nmi >> plane) * PS_FLAG_NMI;
    return ps_answer(s, reason, PS_FAULT_NONE, flags);
}

/* Nothing can run (3.4.5): leave for userspace or block. The marker's turn is the caller's. */
static inline unsigned ps_run_dry(const struct ps_policy *policy, struct ps_state *s,
                                  const struct ps_stepping *step)
{
    if (policy->empty == PS_EMPTY_USER)
        return ps_exit(s, step, ps_cause(step));
    s->status = PS_STATUS_BLOCKED;
    return ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, step->flags);
}

/* Dispatch (3.4). */
static inline unsigned ps_dispatch(const struct ps_policy *policy, struct ps_state *s,
                                   const struct ps_stepping *step)
{
    const int by_user = policy->scheduler == PS_SCHEDULER_USER;
    const int interrupts_exit = by_user && !ps_among(policy->accelerated, PS_REASON_INTERRUPT);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->rearm)
        s->edge = (uint16_t)(s->edge | (step->gave_up & s->irq));

    /* It is blocked until it arrives somewhere. */
    const int taking = s->status == PS_STATUS_BLOCKED && ps_among(PS_TAKING, step->event);
    const struct ps_choice pick = ps_pick(policy, s, interrupts_exit, taking);
    if (policy->trigger == PS_TRIGGER_EDGE && policy->gate == PS_GATE_PRIORITY && !pick.unseen) {
        const uint16_t above = ps_above(policy, s->locked, pick.view);
        s->edge = (uint16_t)(s->edge & ~(above & s->irq & s->masked)); /* one attempt a posting */
    }

    unsigned plane = pick.plane;
    unsigned reason = ps_cause(step);
    if (plane == PS_NO_PLANE) {
        plane = ps_last_resort(policy, s);
        if (plane == PS_NO_PLANE)
            return ps_run_dry(policy, s, step);
        s->runnable = (uint16_t)(s->runnable | ps_bit(plane));
    } else if (!ps_has(pick.base, plane)) {
        if (policy->preempt == PS_PREEMPT_RELAY && !ps_has(ps_counts(policy, s, pick.dead), plane))
            reason = PS_REASON_RELAY;
        else
            reason = ps_has(s->trap, plane) ? PS_REASON_INTERCEPT : PS_REASON_INTERRUPT;
    }

    int recheck = 0;
    if (by_user) {
        if (plane != step->was) {
            if (!ps_among(policy->accelerated, reason))
                return ps_exit(s, step, reason);
            s->req_exit = ps_requests(policy, s, plane);
            recheck = interrupts_exit;
        } else if (interrupts_exit && !pick.unseen && ps_requested(policy, s, plane)) {
            return ps_exit(s, step, PS_REASON_INTERRUPT);
        }
    }
    return ps_arrive(policy, s, step, plane, reason, recheck);
}

/* ---- Events that are more than setting and clearing a bit (4) ---- */

static inline void ps_run_mark(struct ps_state *s, uint16_t planes)
{
    s->runnable = (uint16_t)(s->runnable | planes);
    s->halted = (uint16_t)(s->halted & ~planes);
}

/* Current leaves runnable by its own event, and so gives the vCPU up. */
static inline void ps_give_up(struct ps_state *s, struct ps_stepping *step)
{
    step->gave_up = (uint16_t)(s->runnable & ps_bit(step->was));
    s->runnable = (uint16_t)(s->runnable & ~ps_bit(step->was));
}

static inline unsigned ps_halt(const struct ps_policy *policy, struct ps_state *s,
                               struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->was);
    const int leaves = policy->idle == PS_IDLE_LEAVE && self != policy->marker_bit;
    if (leaves && !(s->online & policy->marker_bit))
        return PS_FAULT_OFFLINE;
    s->halted = (uint16_t)(s->halted | self);
    if (leaves) {
        ps_give_up(s, step);
        ps_run_mark(s, policy->marker_bit);
    }
    return PS_FAULT_NONE;
}

static inline unsigned ps_call(const struct ps_policy *policy, struct ps_state *s,
                               struct ps_stepping *step)
{
    if (policy->call == PS_CALL_NEXT) {
        const uint16_t above = ps_outranking(policy, s, step->was);
        if (!above)
            return PS_FAULT_UD;
        ps_run_mark(s, ps_bit(ps_last(policy, s->locked, above)));
        return PS_FAULT_NONE;
    }
    if (policy->call == PS_CALL_DESCEND && step->was != policy->marker)
        return PS_FAULT_PERM;
    const int itself = step->plane == step->was;
    if (itself && policy->call_self == PS_CALL_SELF_FAULT)
        return PS_FAULT_INVAL;
    if (policy->refuse_pending && ps_has(ps_deliverable(policy, s), step->was))
        return PS_FAULT_PENDING;
    ps_give_up(s, step);
    if (!itself)
        ps_run_mark(s, ps_bit(step->plane));
    return PS_FAULT_NONE;
}

static inline unsigned ps_return(const struct ps_policy *policy, struct ps_state *s,
                                 struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->was);
    if (policy->ret == PS_RET_MARKER) {
        if (self == policy->marker_bit)
            return PS_FAULT_UD;
        if (!(s->online & policy->marker_bit))
            return PS_FAULT_OFFLINE;
        ps_give_up(s, step);
        ps_run_mark(s, policy->marker_bit);
        return PS_FAULT_NONE;
    }
    const uint16_t below = (uint16_t)(s->online & ps_below(policy, s->locked, step->was));
    if (!below)
        return PS_FAULT_UD;
    if (policy->ret == PS_RET_RESUME && !(s->runnable & s->online & ~s->held & ~self))
        return PS_FAULT_UD;
    ps_give_up(s, step);
    if (policy->ret == PS_RET_NEXT_ONLINE)
        s->runnable = (uint16_t)(s->runnable | ps_bit(ps_first(policy, s->locked, below)));
    if (policy->preempt == PS_PREEMPT_RELAY && self == policy->marker_bit) {
        const uint16_t waiting = (uint16_t)(below & ~s->held & ps_deliverable(policy, s));
        if (waiting)
            s->runnable = (uint16_t)(s->runnable | ps_bit(ps_first(policy, s->locked, waiting)));
    }
    return PS_FAULT_NONE;
}

static inline unsigned ps_disable(struct ps_state *s, uint16_t self)
{
    if (s->online == self)
        return PS_FAULT_INVAL;
    const uint16_t others = (uint16_t)~self;
    s->online &= others;
    s->runnable &= others;
    s->halted &= others;
    s->irq &= others;
    s->masked &= others;
    s->noint &= others;
    s->nmi &= others;
    s->trap &= others;
    s->held &= others;
    s->edge &= others;
    s->locked &= others;
    s->vina &= others;
    s->vina_asserted &= others;
    s->unstarted &= others;
    return PS_FAULT_NONE;
}

/* What a plane loses by `init`, which leaves it to wait for its start. */
static inline void ps_init(struct ps_state *s, uint16_t self)
{
    const uint16_t others = (uint16_t)~self;
    s->halted &= others;
    s->irq &= others;
    s->masked &= others;
    s->noint &= others;
    s->nmi &= others;
    s->trap &= others;
    s->edge &= others;
    s->vina_asserted &= others;
}

static inline unsigned ps_force(const struct ps_policy *policy, struct ps_state *s,
                                struct ps_stepping *step)
{
    const uint16_t self = ps_bit(step->plane);
    if (policy->force == PS_FORCE_NONE ||
        (policy->force == PS_FORCE_MARKER && self != policy->marker_bit))
        return PS_FAULT_PERM;
    if (step->plane == step->was) {
        step->event = PS_EVENT_RESCHED; /* nothing but a dispatch */
        return policy->force_self == PS_FORCE_SELF_IGNORE ? PS_FAULT_NONE : PS_FAULT_INVAL;
    }
    s->runnable = (uint16_t)(s->runnable & ~ps_above(policy, s->locked, step->plane));
    ps_run_mark(s, self);
    return PS_FAULT_NONE;
}

static inline unsigned ps_by_rule(const struct ps_policy *policy, struct ps_state *s,
                                  struct ps_stepping *step)
{
    switch (step->event) {
    case PS_EVENT_HALT:
        return ps_halt(policy, s, step);
    case PS_EVENT_CALL:
        return ps_call(policy, s, step);
    case PS_EVENT_RETURN:
        return ps_return(policy, s, step);
    case PS_EVENT_STOP: /* its bit goes with the plain effects */
        step->gave_up = (uint16_t)(s->runnable & ps_bit(step->plane) & ps_bit(step->was));
        return PS_FAULT_NONE;
    case PS_EVENT_ENABLE:
        return ps_has(s->online, step->plane) ? PS_FAULT_EXISTS : PS_FAULT_NONE;
    case PS_EVENT_DISABLE:
        return ps_disable(s, ps_bit(step->plane));
    case PS_EVENT_FORCE:
        return ps_force(policy, s, step);
    case PS_EVENT_VINA_ON:
        return ps_below(policy, s->locked, step->plane) & s->online ? PS_FAULT_NONE
                                                                    : PS_FAULT_INVAL;
    case PS_EVENT_INIT:
        ps_init(s, ps_bit(step->plane));
        return PS_FAULT_NONE;
    default: /* enter */
        if (!(s->status & PS_STATUS_USER))
            return PS_FAULT_INVAL;
        return ps_has(s->held, step->plane) ? PS_FAULT_BUSY : PS_FAULT_NONE;
    }
}

/* Faults that are looked for before those of the event itself (4). */
static inline unsigned ps_refused(const struct ps_policy *policy, const struct ps_state *s,
                                  unsigned event, unsigned plane)
{
    if (s->status && ps_among(PS_GUEST_EVENTS, event))
        return s->status & PS_STATUS_USER ? PS_FAULT_USER : PS_FAULT_BLOCKED;
    if (!ps_has(s->online, plane) && event != PS_EVENT_ENABLE && ps_takes_plane(policy, event))
        return PS_FAULT_OFFLINE;
    return PS_FAULT_NONE;
}

static inline uint16_t ps_mask_at(const struct ps_state *s, unsigned offset)
{
    uint16_t mask;
    memcpy(&mask, (const char *)s + offset, sizeof mask);
    return mask;
}

static inline void ps_mask_put(struct ps_state *s, unsigned offset, uint16_t mask)
{
    memcpy((char *)s + offset, &mask, sizeof mask);
}

/* Set and clear the bits that the table names; flag what was pending already. */
static inline void ps_plain_effects(const struct ps_policy *policy, struct ps_state *s,
                                    struct ps_stepping *step)
{
    const struct ps_effect effect = ps_effects[step->event];
    const uint16_t self = ps_bit(step->plane);
    const uint16_t before = ps_mask_at(s, effect.set);
    step->flags = before & self ? effect.again : 0;
    const unsigned cleared = self & (unsigned)effect.clears;
    ps_mask_put(s, effect.set, (uint16_t)(before | (self & (unsigned)effect.sets)));
    ps_mask_put(s, effect.clear, (uint16_t)(ps_mask_at(s, effect.clear) & ~cleared));
    ps_mask_put(s, effect.clear_too, (uint16_t)(ps_mask_at(s, effect.clear_too) & ~cleared));
    if (policy->trigger == PS_TRIGGER_EDGE && step->event == PS_EVENT_IRQ)
        s->edge = (uint16_t)(s->edge | self);
}

/* ---- The transition (5) ---- */

static inline unsigned ps_respond(const struct ps_policy *policy, struct ps_state *s,
                                  unsigned event, unsigned plane)
{
    struct ps_stepping step = {event, plane, (unsigned)s->current, 0, 0};

    unsigned fault = ps_refused(policy, s, event, plane);
    if (!fault && ps_among(PS_BY_RULE, event))
        fault = ps_by_rule(policy, s, &step);
    if (fault)
        return ps_answer(s, PS_REASON_NONE, fault, 0);
    ps_plain_effects(policy, s, &step);

    if (!(s->status & PS_STATUS_USER))
        return ps_dispatch(policy, s, &step);
    if (event != PS_EVENT_ENTER)
        return ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, step.flags);
    return ps_arrive(policy, s, &step, plane, PS_REASON_USER,
                     policy->scheduler == PS_SCHEDULER_USER);
}

/* One event on one vCPU. `plane` is looked at where the event takes one; it is below
 * PS_MAX_PLANES in any case. */
static inline struct ps_outcome ps_step(const struct ps_policy *policy, struct ps_state *s,
                                        unsigned event, unsigned plane)
{
    assert(event < PS_N_EVENTS && plane < PS_MAX_PLANES);
    assert(s->current >= 0 && s->current < PS_MAX_PLANES);
    assert(s->status != (PS_STATUS_USER | PS_STATUS_BLOCKED));
    const int8_t was = s->current;
    const unsigned answer = ps_respond(policy, s, event, plane);
    const struct ps_outcome out = {
        was, s->current, (uint8_t)answer, (uint8_t)(answer >> 8), (uint8_t)(answer >> 16), 0, 0, 0,
    };
    return out;
}

#endif


/* Answers an exit to userspace (rules, 3.5): the plane to enter, or PS_SCHEDULER_WAIT to stay in
 * userspace until the vCPU's next event, or PS_SCHEDULER_STOP: something is wrong.
 *
 * `reason` is that of the exit. `*req_exit` is PS_REQUEST_DEFAULT, for the planes that outrank the
 * one that is entered; a mask of planes written there is requested instead. */
typedef int (*ps_scheduler_fn)(void *user, const struct ps_state *state, int64_t now_ns,
                               uint32_t vcpu, uint32_t reason, int32_t *req_exit);

#define PS_SCHEDULER_WAIT (-1)
#define PS_SCHEDULER_STOP (-2)
#define PS_REQUEST_DEFAULT (-1)

/* Without a function, the default userspace scheduler. */
struct ps_userspace {
    ps_scheduler_fn fn;
    void *user;
};

/* Ask which plane a vCPU in userspace is to enter. Returns a plane, WAIT, or STOP, also for an
 * answer that is none of these. With a plane, the driver sets the vCPU's req_exit to `*requests`
 * and steps it with PS_EVENT_ENTER; that a plane is held or offline is a fault there. */
static inline int ps_userspace_ask(const struct ps_userspace *scheduler,
                                   const struct ps_policy *policy, const struct ps_state *s,
                                   int64_t now_ns, uint32_t vcpu, uint32_t reason,
                                   uint16_t *requests)
{
    int32_t wanted = PS_REQUEST_DEFAULT;
    int plane;
    assert(s->status == PS_STATUS_USER);
    if (scheduler->fn) {
        plane = scheduler->fn(scheduler->user, s, now_ns, vcpu, reason, &wanted);
    } else {
        const unsigned pick = ps_default_pick(policy, s);
        plane = pick == PS_NO_PLANE ? PS_SCHEDULER_WAIT : (int)pick;
    }
    if (plane == PS_SCHEDULER_WAIT)
        return PS_SCHEDULER_WAIT;
    if (plane < 0 || plane >= PS_MAX_PLANES || wanted < PS_REQUEST_DEFAULT || wanted > 0xffff)
        return PS_SCHEDULER_STOP;
    *requests = wanted == PS_REQUEST_DEFAULT ? ps_requests(policy, s, (unsigned)plane)
                                             : (uint16_t)wanted;
    return plane;
}

#endif


#ifdef __cplusplus
extern "C" {
#endif

/* Later than everything. A job whose end would lie here or beyond never ends. */
#define PS_NEVER_NS INT64_MAX

enum ps_job_kind { PS_JOB_INTERRUPT, PS_JOB_CALL, PS_JOB_FORWARD, PS_N_JOB_KINDS };

/* The source of work that no vector brought; vectors are 0 to 255. */
#define PS_SOURCE_WAKE 256u

/* Work that arrives for a plane. planesched.JOB is the same layout. */
struct ps_job {
    int64_t time_ns, service_ns;
    uint32_t vcpu;
    uint16_t source;
    uint8_t plane, kind;
};

/* Whether a job goes to its plane at once, or to the marker first as a forward job. */
enum ps_route { PS_ROUTE_OWN, PS_ROUTE_MARKER };

struct ps_workload;

struct ps_engine_config {
    const struct ps_policy *policy;  /* prepared; copied */
    const struct ps_state *initial;  /* every vCPU begins like this; NULL: ps_boot() */
    uint32_t n_vcpus;
    uint8_t n_planes;
    uint8_t route;
    uint8_t main_plane;              /* PS_NO_PLANE: the highest-numbered online one */
    uint16_t online;                 /* not looked at with `initial` */
    uint16_t busy;                   /* planes that compute whenever they run */
    int64_t start_ns;                /* not negative */
    int64_t cost_ns[PS_N_REASONS];   /* of a switch, by its reason */
    int64_t exit_ns;                 /* of an exit to userspace */
    int64_t forward_ns;              /* service time of a forward job */
    const struct ps_workload *workload; /* what guests do of themselves (workload.h), or NULL */
    struct ps_userspace userspace;   /* answers exits; zeroed: the default userspace scheduler */
};

enum ps_engine_error {
    PS_ENGINE_NO_MEMORY = -1,
    PS_ENGINE_BAD_CONFIG = -2,
    PS_ENGINE_BAD_JOB = -3,
    PS_ENGINE_BAD_TIME = -4,
    PS_ENGINE_STOPPED = -5 /* the userspace scheduler gave no plane; the engine has got that far */
};

/* What is wrong with a job; the order is that in which the fields are looked at. */
enum ps_job_mistake {
    PS_JOB_FINE,
    PS_JOB_BAD_VCPU,
    PS_JOB_BAD_TIME,     /* before its vCPU's last job, or before the vCPU's present */
    PS_JOB_BAD_ORDER,    /* at equal times jobs of a vCPU come by plane, then source */
    PS_JOB_BAD_SERVICE,  /* negative */
    PS_JOB_BAD_PLANE,    /* not online */
    PS_JOB_BAD_KIND      /* only interrupts arrive from outside */
};

struct ps_engine;

/* Make an engine in `*out`, which the caller destroys. `config` and its policy and initial state
 * are copied; a workload, and what the userspace scheduler's `user` leads to, stay the caller's and
 * have to outlive the engine and its clones. Returns 0; or PS_ENGINE_BAD_CONFIG or
 * PS_ENGINE_NO_MEMORY, and leaves `*out` alone. */
int ps_engine_create(const struct ps_engine_config *config, struct ps_engine **out);

/* Free an engine and all that is its own; NULL: nothing happens. */
void ps_engine_destroy(struct ps_engine *engine);

/* Have at least so many vCPUs; new ones have been there since the start. Returns 0,
 * PS_ENGINE_NO_MEMORY, or PS_ENGINE_BAD_TIME where vCPUs send each other interrupts and time has
 * passed; nothing has changed then. */
int ps_engine_grow(struct ps_engine *engine, uint32_t n_vcpus);

/* Take in jobs that are yet to come, in order of time within each vCPU; they are copied. Returns 0,
 * PS_ENGINE_NO_MEMORY, or PS_ENGINE_BAD_JOB, when `index` and `mistake` say which one is wrong and
 * why; nothing has changed then. */
int ps_engine_feed(struct ps_engine *engine, const struct ps_job *jobs, uint64_t n,
                   uint64_t *index, enum ps_job_mistake *mistake);

/* Make another engine in `*out` that goes on as this one would: a snapshot, or a way not taken. The
 * caller destroys it; it shares nothing but what the caller owns, and has no log. Returns 0 or
 * PS_ENGINE_NO_MEMORY. */
int ps_engine_clone(const struct ps_engine *engine, struct ps_engine **out);

/* Make an engine what a snapshot is, whatever it was before; the snapshot stays the caller's.
 * Returns 0, or PS_ENGINE_NO_MEMORY and has changed nothing. */
int ps_engine_restore(struct ps_engine *engine, const struct ps_engine *snapshot);

/* Let everything up to and including `until_ns` happen, or at least `patience` events of it.
 * Returns 0 when that time is reached, 1 when patience ended first (call again),
 * PS_ENGINE_STOPPED, PS_ENGINE_BAD_TIME, or PS_ENGINE_NO_MEMORY, after which it can only be
 * destroyed. */
int ps_engine_advance(struct ps_engine *engine, int64_t until_ns, uint64_t patience);

/* Return when something happens next of itself or by what was fed; PS_NEVER_NS: never. */
int64_t ps_engine_next_event_ns(const struct ps_engine *engine);

/* Return the time up to which everything has happened. */
int64_t ps_engine_now_ns(const struct ps_engine *engine);

/* Return how many vCPUs there are. */
uint32_t ps_engine_n_vcpus(const struct ps_engine *engine);

/* Return the state of a vCPU, which stays the engine's and is good until anything changes it. */
const struct ps_state *ps_engine_state(const struct ps_engine *engine, uint32_t vcpu);

/* What one vCPU did with its time, and whether it ever ran in circles. */
struct ps_vcpu_report {
    /* Running, in userspace, blocked, in a transition: their sum is now_ns - start_ns. */
    int64_t time_ns[4];
    int64_t now_ns;
    int64_t livelock_ns;       /* when the first livelock was found */
    uint32_t livelocks;
    uint16_t livelock_planes;  /* the planes that took part in any */
};

/* Fill in what is known of one vCPU. */
void ps_engine_report(const struct ps_engine *engine, uint32_t vcpu, struct ps_vcpu_report *out);

/* Where figures go: arrays of the caller. There is a row, and a histogram of PS_N_BUCKETS
 * (histogram.h), for every source of the workload, then for every plane with what was fed and what
 * VINA posted. */
struct ps_reading {
    struct ps_figures *figures; /* figures.h: of planes */
    struct ps_totals *totals;   /* jobs.h: of jobs, by plane */
    struct ps_row *rows;        /* jobs.h: [ps_engine_n_rows()] */
    uint64_t *latency, *response, *sojourn; /* [ps_engine_n_rows()][PS_N_BUCKETS] */
};

/* Write the figures up to now; the engine goes on as if they had not been read. */
void ps_engine_read(struct ps_engine *engine, const struct ps_reading *out);

/* Return how many rows a reading has. */
uint32_t ps_engine_n_rows(const struct ps_engine *engine);

/* Return the plane that serves the jobs of a row. */
unsigned ps_engine_row_plane(const struct ps_engine *engine, uint32_t row);

/* Forget what was counted: figures begin now. */
void ps_engine_restart(struct ps_engine *engine);

/* Write outcomes that are worth it (ps_worth_logging) to an array of the caller until there is no
 * room left; NULL: nowhere. Their `record` is -1. */
void ps_engine_log(struct ps_engine *engine, struct ps_outcome_record *records, uint64_t n);

/* Return how many more the log has room for. */
uint64_t ps_engine_log_left(const struct ps_engine *engine);

#ifdef __cplusplus
}
#endif

#endif

/* ---- planesched/include/planesched/histogram.h ---- */
/* A histogram of non-negative times with a stated relative error.
 *
 * Values below 64 have a bucket each; every further octave has 64 buckets of equal width, so a
 * bucket is at most 1/64 of its lower bound wide and its middle is off by at most 1/128.
 */
#ifndef PLANESCHED_HISTOGRAM_H
#define PLANESCHED_HISTOGRAM_H

#include <assert.h>
#include <stdint.h>

#define PS_SUB_BITS 6u
#define PS_SUB_BUCKETS (1u << PS_SUB_BITS)
/* Octaves 6 to 62 of a signed 64-bit number, and the 64 exact values below them. */
#define PS_N_BUCKETS ((63u - PS_SUB_BITS + 1u) * PS_SUB_BUCKETS)

static inline unsigned ps_octave(uint64_t value)
{
    assert(value != 0);
    return 63u - (unsigned)__builtin_clzll(value);
}

/* The bucket of a value in 0..2^63-1. */
static inline unsigned ps_bucket(uint64_t value)
{
    /* Below 64 the octave is that of 64, so that the shift is zero and the bucket the value. */
    const unsigned shift = ps_octave(value | PS_SUB_BUCKETS) - PS_SUB_BITS;
    const unsigned bucket = (shift << PS_SUB_BITS) + (unsigned)(value >> shift);
    assert(bucket < PS_N_BUCKETS);
    return bucket;
}

/* The least value of a bucket, 0..PS_N_BUCKETS-1; the bucket ends below that of the next one. */
static inline uint64_t ps_bucket_floor(unsigned bucket)
{
    assert(bucket < PS_N_BUCKETS);
    const unsigned octave = bucket >> PS_SUB_BITS;
    const unsigned shift = octave ? octave - 1u : 0u;
    return (uint64_t)(bucket - (shift << PS_SUB_BITS)) << shift;
}

#endif

/* ---- planesched/include/planesched/irqchip.h ---- */
/* Which interrupt a plane has: one local APIC a plane, before the step (rules, 8). Pure C11 and
 * C++17.
 *
 * The 32 bytes know that a plane has an interrupt; a ps_apic knows which, in 80 bytes. ps_chip_step
 * derives from it the bits irq and masked, which nobody else writes then, lets ps_step decide, and
 * does to the plane's registers what was decided. Of every vector: posted = injected + coalesced +
 * dropped + still in IRR.
 *
 * Longer than 300 lines because the registers, the acts on them and the step that they lead to are
 * one subject, and a header of its own for each would have to name the others' insides.
 */
#ifndef PLANESCHED_IRQCHIP_H
#define PLANESCHED_IRQCHIP_H


#define PS_N_VECTORS 256u
#define PS_FIRST_VECTOR 16u /* below it, a vector is a mistake of its sender */
#define PS_N_CLASSES 16u
#define PS_VINA_VECTOR 0xf3u /* unless the plane's register says otherwise */

/* ---- What the systems differ in ---- */

enum ps_mask_by { PS_MASK_BY_PPR, PS_MASK_BY_TPR };
enum ps_nmi_blocked { PS_NMI_BLOCKED_COUNTS, PS_NMI_BLOCKED_WAITS };

/* How the controllers of a VM are set up: the same on each vCPU, so that it costs a plane no
 * memory. */
struct ps_chip_policy {
    uint8_t mask_by;     /* what a priority is compared with: PPR, or TPR (TLFS by the letter) */
    uint8_t nmi_blocked; /* whether an NMI behind one in progress forces an entry */
    uint8_t vina_vector[PS_MAX_PLANES];
    uint16_t auto_eoi[PS_MAX_PLANES][PS_N_CLASSES]; /* bit v & 15 of word v >> 4: no ISR bit */
};

static inline struct ps_chip_policy ps_chip_policy_default(void)
{
    struct ps_chip_policy chip;
    memset(&chip, 0, sizeof chip);
    memset(chip.vina_vector, (int)PS_VINA_VECTOR, sizeof chip.vina_vector);
    return chip;
}

static inline int ps_chip_policy_valid(const struct ps_chip_policy *chip)
{
    if (chip->mask_by > PS_MASK_BY_TPR || chip->nmi_blocked > PS_NMI_BLOCKED_WAITS)
        return 0;
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++)
        if (chip->vina_vector[plane] < PS_FIRST_VECTOR || chip->auto_eoi[plane][0] != 0)
            return 0;
    return 1;
}

/* ---- The registers of one plane ---- */

/* All zero is a controller after reset. In service is at most one vector of a class, for a vector
 * is only taken when its class is above those in service: so four bits a class hold ISR. */
struct ps_apic {
    uint64_t serving;             /* bits 4c to 4c + 3: the low part of what is served of class c */
    uint16_t irr[PS_N_CLASSES];   /* bit v & 15 of word v >> 4 */
    uint16_t lines[PS_N_CLASSES]; /* level-triggered, and the line is up */
    uint16_t irr_classes, isr_classes; /* bit c: something of class c */
    uint8_t tpr, flags;
    uint8_t pad[2];
};

#define PS_APIC_OFF 1u      /* disabled by software */
#define PS_APIC_NMI 2u      /* an NMI is in progress */
#define PS_APIC_NMI_KEPT 4u /* and one waits behind it */
#define PS_APIC_NOINT 8u    /* the plane's own interrupt flag is off (mask_by = tpr alone) */

static inline unsigned ps_vector_class(unsigned vector)
{
    return vector >> 4;
}

/* The bit of a vector in the word of its class. */
static inline uint16_t ps_vector_bit(unsigned vector)
{
    return (uint16_t)(1u << (vector & 15u));
}

static inline unsigned ps_vectors_have(const uint16_t words[PS_N_CLASSES], unsigned vector)
{
    assert(vector < PS_N_VECTORS);
    return (unsigned)words[vector >> 4] >> (vector & 15u) & 1u;
}

/* The highest vector that is pending; 0 where none is. */
static inline unsigned ps_apic_pending(const struct ps_apic *apic)
{
    if (!apic->irr_classes)
        return 0;
    const unsigned top = ps_highest(apic->irr_classes);
    return top << 4 | ps_highest(apic->irr[top]);
}

/* The vector of a class that is in service, whose class must be. */
static inline unsigned ps_apic_serving(const struct ps_apic *apic, unsigned cls)
{
    assert(ps_has(apic->isr_classes, cls));
    return cls << 4 | (unsigned)(apic->serving >> 4 * cls & 15u);
}

/* The highest vector that is in service; 0 where none is. */
static inline unsigned ps_apic_in_service(const struct ps_apic *apic)
{
    return apic->isr_classes ? ps_apic_serving(apic, ps_highest(apic->isr_classes)) : 0u;
}

static inline unsigned ps_apic_serves(const struct ps_apic *apic, unsigned vector)
{
    return ps_has(apic->isr_classes, vector >> 4) && ps_apic_serving(apic, vector >> 4) == vector;
}

/* The class of the highest vector in service, 0 where there is none. */
static inline unsigned ps_apic_isr_class(const struct ps_apic *apic)
{
    return 31u - (unsigned)__builtin_clz(apic->isr_classes | 1u); /* class 0 is no vector's */
}

static inline unsigned ps_apic_ppr(const struct ps_apic *apic)
{
    const unsigned in_service = ps_apic_isr_class(apic);
    return ps_vector_class(apic->tpr) >= in_service ? apic->tpr : in_service << 4;
}

/* ---- The acts on them, which know of no step ---- */

enum ps_posted { PS_POSTED, PS_POSTED_AGAIN, PS_POSTED_IN_VAIN };

/* A vector arrives: it pends, was pending already, or is dropped. */
static inline enum ps_posted ps_apic_post(struct ps_apic *apic, unsigned vector)
{
    assert(vector < PS_N_VECTORS);
    if (vector < PS_FIRST_VECTOR || apic->flags & PS_APIC_OFF)
        return PS_POSTED_IN_VAIN;
    const unsigned cls = vector >> 4;
    const uint16_t before = apic->irr[cls];
    apic->irr[cls] = (uint16_t)(before | ps_vector_bit(vector));
    apic->irr_classes = (uint16_t)(apic->irr_classes | ps_bit(cls));
    return before & ps_vector_bit(vector) ? PS_POSTED_AGAIN : PS_POSTED;
}

/* The guest takes the highest pending vector, of which there must be one. Returns it. */
static inline unsigned ps_apic_acknowledge(struct ps_apic *apic,
                                           const uint16_t auto_eoi[PS_N_CLASSES])
{
    const unsigned vector = ps_apic_pending(apic);
    const unsigned cls = vector >> 4;
    assert(vector >= PS_FIRST_VECTOR);
    apic->irr[cls] = (uint16_t)(apic->irr[cls] & ~ps_vector_bit(vector));
    if (!apic->irr[cls])
        apic->irr_classes = (uint16_t)(apic->irr_classes & ~ps_bit(cls));
    if (!ps_vectors_have(auto_eoi, vector)) {
        assert(!ps_has(apic->isr_classes, cls)); /* its class was above all that are served */
        apic->isr_classes = (uint16_t)(apic->isr_classes | ps_bit(cls));
        apic->serving |= (uint64_t)(vector & 15u) << 4 * cls;
    }
    return vector;
}

/* The highest vector in service ends, whichever the guest meant. Returns it; 0 where none was. */
static inline unsigned ps_apic_end(struct ps_apic *apic)
{
    const unsigned vector = ps_apic_in_service(apic);
    const unsigned cls = vector >> 4;
    if (vector) {
        apic->isr_classes = (uint16_t)(apic->isr_classes & ~ps_bit(cls));
        apic->serving &= ~((uint64_t)15u << 4 * cls);
    }
    return vector;
}

/* A level-triggered line goes up or down. Returns whether that posts its vector: once while it is
 * pending or in service. */
static inline int ps_apic_line(struct ps_apic *apic, unsigned vector, int up)
{
    assert(vector < PS_N_VECTORS);
    const unsigned cls = vector >> 4;
    const uint16_t bit = ps_vector_bit(vector);
    const int was_up = (apic->lines[cls] & bit) != 0;
    if (vector >= PS_FIRST_VECTOR)
        apic->lines[cls] = (uint16_t)(up ? apic->lines[cls] | bit : apic->lines[cls] & ~bit);
    return up && !was_up && !ps_vectors_have(apic->irr, vector) && !ps_apic_serves(apic, vector);
}

/* What INIT leaves: the lines are the devices' own. */
static inline void ps_apic_reset(struct ps_apic *apic)
{
    apic->serving = 0;
    memset(apic->irr, 0, sizeof apic->irr);
    apic->irr_classes = apic->isr_classes = 0;
    apic->tpr = apic->flags = 0;
}

/* ---- The bits that the 32 bytes get (8) ---- */

/* Whether priority holds back what is pending; with nothing pending, the VINA vector. */
static inline unsigned ps_chip_masks(const struct ps_chip_policy *chip, const struct ps_apic *apic,
                                     unsigned plane)
{
    const unsigned cls = apic->irr_classes ? ps_highest(apic->irr_classes)
                                           : (unsigned)chip->vina_vector[plane] >> 4;
    const unsigned threshold =
        chip->mask_by == PS_MASK_BY_TPR ? (unsigned)apic->tpr >> 4 : ps_apic_ppr(apic) >> 4;
    return cls <= threshold || apic->flags & PS_APIC_OFF;
}

/* Whether what is in service holds back the injection alone (mask_by = tpr). */
static inline unsigned ps_chip_holds(const struct ps_chip_policy *chip, const struct ps_apic *apic,
                                     unsigned plane)
{
    const unsigned cls = apic->irr_classes ? ps_highest(apic->irr_classes)
                                           : (unsigned)chip->vina_vector[plane] >> 4;
    return chip->mask_by == PS_MASK_BY_TPR && cls <= ps_apic_isr_class(apic);
}

static inline void ps_chip_put(uint16_t *mask, unsigned plane, unsigned bit)
{
    *mask = (uint16_t)((*mask & ~(unsigned)ps_bit(plane)) | bit << plane);
}

/* What masked and noint are for a plane, as bits 0 and 1. */
static inline unsigned ps_chip_priority(const struct ps_chip_policy *chip, const struct ps_state *s,
                                        const struct ps_apic *apic, unsigned plane)
{
    const unsigned masked = ps_chip_masks(chip, apic, plane);
    if (chip->mask_by == PS_MASK_BY_PPR)
        return (masked != 0) | ps_has(s->noint, plane) << 1;
    const unsigned off = (apic->flags & PS_APIC_NOINT) != 0;
    return (masked != 0) | (off | ps_chip_holds(chip, apic, plane)) << 1;
}

static inline void ps_chip_derive(const struct ps_chip_policy *chip, struct ps_state *s,
                                  const struct ps_apic *apic, unsigned plane)
{
    const unsigned priority = ps_chip_priority(chip, s, apic, plane);
    ps_chip_put(&s->masked, plane, priority & 1u);
    ps_chip_put(&s->noint, plane, priority >> 1);
}

/* ---- One event on one vCPU ---- */

/* Events that only a controller knows, numbered apart from those of the step. `arg` is a vector or
 * the value of TPR. */
enum ps_chip_event {
    PS_CHIP_EOI = 32,
    PS_CHIP_TPR,
    PS_CHIP_IRET,
    PS_CHIP_LINE_UP,
    PS_CHIP_LINE_DOWN,
    PS_CHIP_APIC_ON, /* enabled and disabled by software (the spurious vector register) */
    PS_CHIP_APIC_OFF,
    PS_CHIP_N_EVENTS
};

/* ps_outcome.notes */
#define PS_NOTE_DROPPED 1u       /* the vector that was posted is lost */
#define PS_NOTE_REPOSTED 2u      /* a line that is up posted its vector: at line_up, or at eoi */
#define PS_NOTE_MORE 4u          /* current could take another vector at once: give a resched */
#define PS_NOTE_VINA_DROPPED 8u  /* as for a posting, for the VINA vector */
#define PS_NOTE_VINA_PENDING 16u /* it was pending already: coalesced */

#define PS_NO_STEP 0xffu

/* Events that leave a plane's controller as after reset. */
#define PS_CHIP_RESETS (PS_E(DISABLE) | PS_E(INIT))

/* What an act on a controller leads to: the event that step gets, and what the outcome adds. */
struct ps_chip_act {
    unsigned event; /* or PS_NO_STEP: nothing is dispatched */
    unsigned ended, notes;
    unsigned coalesced; /* the flag, or zero */
    unsigned counted;   /* whether `coalesced` stands in for the flag of the step */
};

/* A change of TPR or ISR: dispatched where it changes what priority holds back. */
static inline unsigned ps_chip_changed(const struct ps_chip_policy *chip, struct ps_state *s,
                                       const struct ps_apic *apic, unsigned plane)
{
    const unsigned priority = ps_chip_priority(chip, s, apic, plane);
    const unsigned noint = ps_has(s->noint, plane);
    if ((priority & 1u) != ps_has(s->masked, plane)) {
        ps_chip_put(&s->noint, plane, priority >> 1);
        return priority & 1u ? PS_EVENT_MASK : PS_EVENT_UNMASK;
    }
    if (priority >> 1 != noint)
        return noint ? PS_EVENT_STI : PS_EVENT_CLI;
    return PS_NO_STEP;
}

static inline void ps_chip_post(const struct ps_chip_policy *chip, struct ps_state *s,
                                struct ps_apic *apic, unsigned plane, unsigned vector,
                                struct ps_chip_act *act)
{
    const enum ps_posted how = ps_apic_post(apic, vector);
    if (how == PS_POSTED_IN_VAIN) {
        act->notes |= PS_NOTE_DROPPED;
        return;
    }
    act->event = PS_EVENT_IRQ;
    act->coalesced = how == PS_POSTED_AGAIN ? PS_FLAG_COALESCED : 0u;
    act->counted = 1;
    ps_chip_derive(chip, s, apic, plane);
}

static inline void ps_chip_eoi(const struct ps_chip_policy *chip, struct ps_state *s,
                               struct ps_apic *apic, unsigned plane, struct ps_chip_act *act)
{
    act->ended = ps_apic_end(apic);
    if (act->ended && ps_vectors_have(apic->lines, act->ended)) {
        act->notes |= PS_NOTE_REPOSTED;
        ps_chip_post(chip, s, apic, plane, act->ended, act);
    }
    if (act->event == PS_NO_STEP)
        act->event = ps_chip_changed(chip, s, apic, plane);
}

/* An NMI behind one in progress is kept, further ones coalesce. */
static inline void ps_chip_nmi(const struct ps_chip_policy *chip, struct ps_apic *apic,
                               struct ps_chip_act *act)
{
    if (apic->flags & PS_APIC_NMI) {
        act->counted = 1;
        act->coalesced = apic->flags & PS_APIC_NMI_KEPT ? PS_FLAG_COALESCED : 0u;
        apic->flags |= PS_APIC_NMI_KEPT;
        if (chip->nmi_blocked == PS_NMI_BLOCKED_WAITS)
            return;
    }
    act->event = PS_EVENT_NMI;
}

static inline void ps_chip_iret(struct ps_apic *apic, struct ps_chip_act *act)
{
    const unsigned kept = apic->flags & PS_APIC_NMI_KEPT;
    apic->flags = (uint8_t)(apic->flags & ~(PS_APIC_NMI | PS_APIC_NMI_KEPT));
    act->counted = 1; /* it was counted when it came */
    if (kept)
        act->event = PS_EVENT_NMI;
}

/* The interrupt flag where it is not noint alone that holds back the injection. */
static inline unsigned ps_chip_flag(const struct ps_chip_policy *chip, struct ps_apic *apic,
                                    unsigned plane, unsigned event)
{
    if (chip->mask_by == PS_MASK_BY_PPR)
        return event;
    const unsigned off = event == PS_EVENT_CLI ? PS_APIC_NOINT : 0u;
    apic->flags = (uint8_t)((apic->flags & ~PS_APIC_NOINT) | off);
    return off || ps_chip_holds(chip, apic, plane) ? PS_EVENT_CLI : PS_EVENT_STI;
}

/* What an event does to a plane's controller, and what step is then given. */
static inline struct ps_chip_act ps_chip_act_on(const struct ps_chip_policy *chip,
                                                struct ps_state *s, struct ps_apic *apic,
                                                unsigned event, unsigned plane, unsigned arg)
{
    struct ps_chip_act act = {event, 0, 0, 0, 0};
    const int ours = event >= PS_CHIP_EOI;
    if (!ours && !ps_among(PS_E(IRQ) | PS_E(NMI) | PS_E(CLI) | PS_E(STI), event))
        return act;
    if (!ps_has(s->online, plane)) { /* step says so, of any event that names a plane */
        act.event = ours ? (unsigned)PS_EVENT_UNMASK : event;
        return act;
    }
    act.event = PS_NO_STEP;
    switch (event) {
    case PS_EVENT_IRQ:
        ps_chip_post(chip, s, apic, plane, arg, &act);
        break;
    case PS_EVENT_NMI:
        ps_chip_nmi(chip, apic, &act);
        break;
    case PS_EVENT_CLI:
    case PS_EVENT_STI:
        act.event = ps_chip_flag(chip, apic, plane, event);
        break;
    case PS_CHIP_EOI:
        ps_chip_eoi(chip, s, apic, plane, &act);
        break;
    case PS_CHIP_IRET:
        ps_chip_iret(apic, &act);
        break;
    case PS_CHIP_LINE_UP:
    case PS_CHIP_LINE_DOWN:
        if (ps_apic_line(apic, arg, event == PS_CHIP_LINE_UP)) {
            act.notes |= PS_NOTE_REPOSTED;
            ps_chip_post(chip, s, apic, plane, arg, &act);
        }
        break;
    case PS_CHIP_TPR:
        apic->tpr = (uint8_t)arg;
        act.event = ps_chip_changed(chip, s, apic, plane);
        break;
    default: /* on and off */
        apic->flags = (uint8_t)((apic->flags & ~PS_APIC_OFF) |
                                (event == PS_CHIP_APIC_OFF ? PS_APIC_OFF : 0u));
        act.event = ps_chip_changed(chip, s, apic, plane);
    }
    return act;
}

/* What a step decided, done to the controller of the plane that runs. */
static inline void ps_chip_settle(const struct ps_chip_policy *chip, struct ps_state *s,
                                  struct ps_apic *apic, struct ps_outcome *out)
{
    const unsigned plane = (unsigned)out->now;
    if (out->flags & PS_FLAG_VINA) {
        const enum ps_posted how = ps_apic_post(apic, chip->vina_vector[plane]);
        out->notes = (uint8_t)(out->notes |
                               (how == PS_POSTED_AGAIN     ? PS_NOTE_VINA_PENDING
                                : how == PS_POSTED_IN_VAIN ? PS_NOTE_VINA_DROPPED
                                                           : 0u));
    }
    if (out->flags & PS_FLAG_INJECTED)
        out->vector = (uint8_t)ps_apic_acknowledge(apic, chip->auto_eoi[plane]);
    if (out->flags & PS_FLAG_NMI) {
        if (apic->flags & PS_APIC_NMI) { /* it was entered for an NMI that it cannot take yet */
            out->flags = (uint8_t)(out->flags & ~PS_FLAG_NMI);
            s->nmi = (uint16_t)(s->nmi | ps_bit(plane));
        } else {
            apic->flags |= PS_APIC_NMI;
        }
    }
    ps_chip_put(&s->irq, plane, apic->irr_classes != 0);
    ps_chip_derive(chip, s, apic, plane);
    if (!s->status && ps_has(ps_injectable(s), plane))
        out->notes |= PS_NOTE_MORE;
}

/* The step that an act leads to, and what it decides done to the controllers. */
static inline struct ps_outcome ps_chip_follow(const struct ps_policy *policy,
                                               const struct ps_chip_policy *chip,
                                               struct ps_state *s, struct ps_apic *apics,
                                               const struct ps_chip_act *act, unsigned plane)
{
    struct ps_outcome out = {s->current, s->current, 0, 0, 0, 0, 0, 0};
    if (act->event == PS_NO_STEP)
        out.flags = (uint8_t)(ps_answer(s, PS_REASON_NONE, PS_FAULT_NONE, 0) >> 16);
    else
        out = ps_step(policy, s, act->event, plane);
    if (act->counted)
        out.flags = (uint8_t)((out.flags & ~PS_FLAG_COALESCED) | act->coalesced);
    out.ended = (uint8_t)act->ended;
    out.notes = (uint8_t)act->notes;
    if (act->event < PS_N_EVENTS && ps_among(PS_CHIP_RESETS, act->event) && !out.fault)
        ps_apic_reset(&apics[plane]);
    if (out.flags & (PS_FLAG_INJECTED | PS_FLAG_NMI | PS_FLAG_VINA))
        ps_chip_settle(chip, s, &apics[out.now], &out);
    return out;
}

/* One event on one vCPU whose planes have controllers: `apics` holds one for each plane. `event` is
 * one of the step's, but for mask and unmask, or a ps_chip_event; `arg` is the vector of an irq or
 * a line, or the value of TPR. */
static inline struct ps_outcome ps_chip_step(const struct ps_policy *policy,
                                             const struct ps_chip_policy *chip, struct ps_state *s,
                                             struct ps_apic *apics, unsigned event, unsigned plane,
                                             unsigned arg)
{
    assert(event != PS_EVENT_MASK && event != PS_EVENT_UNMASK);
    assert(event < PS_N_EVENTS || (event >= PS_CHIP_EOI && event < PS_CHIP_N_EVENTS));
    const struct ps_chip_act act = ps_chip_act_on(chip, s, &apics[plane], event, plane, arg);
    return ps_chip_follow(policy, chip, s, apics, &act, plane);
}

/* Whether the bits of a state are those that its controllers give: a state that was written by hand
 * may say otherwise. */
static inline int ps_chip_agrees(const struct ps_chip_policy *chip, const struct ps_state *s,
                                 const struct ps_apic *apics, unsigned n_planes)
{
    struct ps_state derived = *s;
    for (unsigned plane = 0; plane < n_planes; plane++) {
        ps_chip_put(&derived.irq, plane, apics[plane].irr_classes != 0);
        ps_chip_derive(chip, &derived, &apics[plane], plane);
    }
    return memcmp(&derived, s, sizeof derived) == 0;
}

#endif

/* ---- planesched/include/planesched/lookup.h ---- */
/* Steps that are looked up: the answers of ps_step, each worked out once. C11 and C++17.
 *
 * Few states are reachable under one policy, so who steps the same kind of vCPU over and over may
 * keep the answers. A lookup allocates, and is part of the C library (`make lib`). It belongs to
 * one thread, which may step any number of vCPUs with it.
 */
#ifndef PLANESCHED_LOOKUP_H
#define PLANESCHED_LOOKUP_H


#ifdef __cplusplus
extern "C" {
#endif

struct ps_lookup;

#define PS_NO_ROW UINT32_MAX

/* A vCPU that is stepped by one lookup. `state` is its state after every step. Begin with
 * PS_NO_ROW, and set that again whenever you write to `state` yourself. */
struct ps_known_vcpu {
    struct ps_state state;
    uint32_t row; /* where the lookup has that state */
};

/* For a prepared policy, which is copied, and planes 0 to n_planes - 1; NULL without memory. It
 * grows to at most `bytes`, 32 for each event of each state met: 2.6 KiB a state with 4 planes. */
struct ps_lookup *ps_lookup_create(const struct ps_policy *policy, unsigned n_planes,
                                   uint64_t bytes);
void ps_lookup_destroy(struct ps_lookup *lookup);

/* What ps_step would do and answer; `plane` is below n_planes in any case. A vCPU that comes to a
 * state for which there is no room goes on with ps_step itself. */
struct ps_outcome ps_lookup_step(struct ps_lookup *lookup, struct ps_known_vcpu *vcpu,
                                 unsigned event, unsigned plane);

/* How many states are known. */
uint32_t ps_lookup_states(const struct ps_lookup *lookup);

#ifdef __cplusplus
}
#endif

#endif

/* ---- planesched/include/planesched/workload.h ---- */
/* Where generated work comes from: when the next job of a source arrives, and how long it takes.
 *
 * Every (vCPU, source) has a stream of its own, an SFC64 generator seeded from numpy's SeedSequence
 * with the spawn key (vCPU, source), so what arrives depends on nothing else: not on the policy,
 * not on other sources, not on threads. The engine knows only struct ps_source and struct ps_draws;
 * the distributions behind them are this library's, numpy's (in the Python package), or yours.
 */
#ifndef PLANESCHED_WORKLOAD_H
#define PLANESCHED_WORKLOAD_H

#include <assert.h>
#include <stdint.h>


#ifdef __cplusplus
extern "C" {
#endif

/* a + b, both not negative; never instead of overflow. */
static inline int64_t ps_later(int64_t a_ns, int64_t b_ns)
{
    const uint64_t sum_ns = (uint64_t)a_ns + (uint64_t)b_ns;
    return sum_ns > PS_NEVER_NS ? PS_NEVER_NS : (int64_t)sum_ns;
}

/* How a time is distributed. Values are in ns. */
enum ps_spread_kind {
    PS_SPREAD_CONSTANT,    /* whole */
    PS_SPREAD_UNIFORM,     /* from a to b */
    PS_SPREAD_EXPONENTIAL, /* mean a */
    PS_SPREAD_LOGNORMAL,   /* a, b: mean and deviation of the logarithm */
    PS_SPREAD_GAMMA,       /* shape a, scale b */
    PS_SPREAD_EMPIRICAL,   /* one of values[n], each as likely */
    PS_N_SPREADS
};

struct ps_spread {
    double a, b;
    int64_t whole;
    const int64_t *values;
    uint64_t n;
    uint8_t kind;
};

enum ps_arrivals {
    PS_ARRIVALS_POISSON,  /* gap.a: the mean gap */
    PS_ARRIVALS_PERIODIC, /* at phase + k * period, each later by a draw from `gap` */
    PS_ARRIVALS_ONOFF,    /* Poisson; its mean gap is gap.a for exponential spells of mean
                           * spell_ns[0], then gap.b (0: none) for others of mean spell_ns[1] */
    PS_ARRIVALS_TIMES,    /* at values[n], sorted */
    PS_ARRIVALS_CALLS,    /* not arrivals: calls after exponential running times, mean gap.a */
    PS_ARRIVALS_IPIS,     /* not arrivals: what the end of a job of another source sends */
    PS_N_ARRIVALS
};

/* What is drawn next. 64 bytes. */
struct ps_stream {
    uint64_t random[4];
    int64_t next_ns;    /* arrival; PS_NEVER_NS: never. Calls: running time left until the next */
    int64_t service_ns; /* of that job */
    int64_t spell_ns;   /* on/off: when the present spell ends */
    uint64_t count;     /* arrivals drawn; on/off: odd while off */
};

struct ps_source {
    /* Fill in next_ns and service_ns of the job after the one in the stream. */
    void (*draw)(const struct ps_source *source, struct ps_stream *stream);
    struct ps_spread gap, service;
    int64_t start_ns;          /* nothing arrives before */
    int64_t period_ns, phase_ns;
    double spell_ns[2];
    const uint8_t *members;    /* [vCPU of the engine]: has this source; NULL: all have */
    double chance;             /* IPIs: of one at the end of a job of `origin` */
    const uint32_t *targets;   /* IPIs: [n_targets] vCPUs of the engine; NULL: all but the sender */
    uint32_t n_targets;
    uint32_t number;           /* what its streams are seeded with */
    uint16_t origin;           /* IPIs: place of that source in the workload */
    uint8_t arrivals, plane;   /* `plane`: where the job is served. Calls: the plane that calls */
    uint8_t callee;            /* calls, where the policy hands over */
};

#define PS_SEED_WORDS 16u

/* The seed of a whole run, as numpy assembles it; at least four words. */
struct ps_seed {
    uint32_t words[PS_SEED_WORDS];
    uint32_t n;
};

/* Where what is random comes from: the engine knows no distribution itself. */
struct ps_draws {
    /* Begin a stream, at its first arrival; without a source, just begin. */
    void (*begin)(struct ps_stream *stream, const struct ps_source *source,
                  const struct ps_seed *seed, uint32_t vcpu, uint32_t number);
    double (*unit)(struct ps_stream *stream);                   /* in 0..1, less than 1 */
    uint32_t (*choose)(struct ps_stream *stream, uint32_t n);   /* in 0..n-1 */
    int64_t (*time)(const struct ps_spread *spread, struct ps_stream *stream);
    /* A source's next job, by enum ps_arrivals. */
    void (*draw[PS_N_ARRIVALS])(const struct ps_source *source, struct ps_stream *stream);
};

#define PS_N_COSTS (PS_N_REASONS * PS_MAX_PLANES * PS_MAX_PLANES)

/* What the guests of an engine do of themselves. What it points to has to outlive the engine. */
struct ps_workload {
    const struct ps_source *sources; /* [n_sources], prepared; by plane, then by number */
    uint32_t n_sources;
    struct ps_seed seed;
    const uint32_t *ids;         /* [n_vcpus]: what streams are seeded with; NULL: 0, 1, ... */
    const struct ps_draws *draws;
    const int64_t *costs;        /* [PS_N_COSTS] by reason, from, to; negative: spreads[-1 - c] */
    const struct ps_spread *spreads;
    const struct ps_spread *exit_cost;
};

/* The draws of this library, in plain C: the same seed gives the same jobs wherever the C library's
 * log, exp and sqrt give the same numbers. The Python package draws with numpy's distributions
 * instead, so one seed means other jobs there. */
extern const struct ps_draws ps_library_draws;

/* Choose `draw` once `arrivals` is there: the source is then ready for a workload with these
 * draws. */
static inline void ps_source_prepare(struct ps_source *source, const struct ps_draws *draws)
{
    assert(source->arrivals < PS_N_ARRIVALS);
    source->draw = draws->draw[source->arrivals];
}

/* The seed of a run from one number, as numpy.random.SeedSequence assembles it. */
static inline struct ps_seed ps_seed_of(uint64_t number)
{
    struct ps_seed seed = {{0}, 4};
    seed.words[0] = (uint32_t)number;
    seed.words[1] = (uint32_t)(number >> 32);
    return seed;
}

#ifdef __cplusplus
}
#endif

#endif

