/* What differs between systems (rules, section 2), and rank (3.1). Pure C11 and C++17. */
#ifndef PLANESCHED_POLICY_H
#define PLANESCHED_POLICY_H

#include "bitmap.h"

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
