/* How figures are counted, in one place for every driver that has time.
 *
 * Times are summed by adding the time at which a spell ends and subtracting the one at which it
 * began, so nothing is stored per vCPU and nothing happens while nothing changes.
 */
#ifndef PLANESCHED_LEDGER_H
#define PLANESCHED_LEDGER_H

#include "planesched/compiler.h"
#include "planesched/figures.h"
#include "planesched/histogram.h"
#include "planesched/step.h"

/* Where the figures of one driver go. */
struct ps_ledger {
    struct ps_figures *figures;
    uint64_t *latency; /* [n_planes][PS_N_BUCKETS] */
    int64_t *clocks;   /* [n_vcpus][PS_CLOCK_SLOTS(n_planes)] */
    unsigned n_planes;
};

/* The slots of a vCPU's clock, which with up to five planes fill one cache line. */
enum ps_clock_slot {
    PS_CLOCK_ROW,     /* of a driver that looks transitions up */
    PS_CLOCK_ENTERED, /* when current was entered */
    PS_CLOCK_NOWHERE, /* takes what is to go nowhere, so that nobody has to ask */
    PS_CLOCK_POSTED   /* when the interrupt that is pending on plane 0 was posted, on 1, ... */
};
#define PS_CLOCK_SLOTS(n_planes) ((PS_CLOCK_POSTED + (n_planes) + 7u) / 8u * 8u)
#define PS_UNKNOWN_NS (-1)

static inline int64_t *ps_clock(const struct ps_ledger *ledger, uint64_t vcpu)
{
    return ledger->clocks + vcpu * PS_CLOCK_SLOTS(ledger->n_planes);
}

/* Fetch a clock before it is needed. */
static inline void ps_prefetch_clock(const struct ps_ledger *ledger, uint64_t vcpu)
{
    const int64_t *clock = ps_clock(ledger, vcpu);
    ps_prefetch(clock);
    if (ledger->n_planes > 5)
        ps_prefetch(clock + PS_CLOCK_POSTED + ledger->n_planes - 1u);
}

/* What has to be known of a state before its step. */
struct ps_before {
    uint16_t runnable, irq, nmi, trap;
    uint8_t status;
};

static inline struct ps_before ps_look(const struct ps_state *s)
{
    struct ps_before before = {s->runnable, s->irq, s->nmi, s->trap, s->status};
    return before;
}

/* A spell of `planes` being runnable without running begins or ends. */
static inline void ps_count_suspended(struct ps_figures *f, uint16_t ended, uint16_t begun,
                                      uint64_t now_ns)
{
    for (; ended; ended = (uint16_t)(ended & (ended - 1u)))
        ps_wide_add(&f->suspended_ns[ps_lowest(ended)], now_ns);
    for (; begun; begun = (uint16_t)(begun & (begun - 1u)))
        ps_wide_sub(&f->suspended_ns[ps_lowest(begun)], now_ns);
}

/* If `switched` (0 or 1), an interval of plane `was` ends and another plane's begins. Arithmetic,
 * because compilers make a branch of a choice here, and nobody can foretell switches. */
static inline void ps_count_interval(struct ps_figures *f, unsigned was, uint64_t switched,
                                     uint64_t now_ns, int64_t *clock)
{
    const uint64_t entered = (uint64_t)clock[PS_CLOCK_ENTERED];
    const uint64_t ended = (now_ns - entered) & (0u - switched);
    clock[PS_CLOCK_ENTERED] = (int64_t)(entered + ended);
    if (PS_RARELY(ended > f->longest_ns[was]))
        f->longest_ns[was] = ended;
}

static inline void ps_count_time(struct ps_figures *f, const struct ps_before *before,
                                 const struct ps_state *s, struct ps_outcome out, uint64_t now_ns)
{
    const unsigned was = (unsigned)out.was;
    const unsigned now = (unsigned)out.now;
    const uint16_t waited = (uint16_t)(before->runnable & ~ps_bit(was));
    const uint16_t waits = (uint16_t)(s->runnable & ~ps_bit(now));
    if (waited != waits)
        ps_count_suspended(f, (uint16_t)(waited & ~waits), (uint16_t)(waits & ~waited), now_ns);
    if (was == now && before->status == s->status)
        return;
    ps_wide_add(&f->time_ns[before->status][was], now_ns);
    ps_wide_sub(&f->time_ns[s->status][now], now_ns);
}

#define PS_DROPPING (PS_E(DISABLE) | PS_E(INIT))

/* What is pending is dropped, or an intercept is taken: seldom. */
static inline void ps_count_gone(struct ps_figures *f, const struct ps_before *before,
                                 unsigned event, unsigned plane, uint16_t traps, uint64_t n)
{
    if (ps_among(PS_DROPPING, event)) {
        f->dropped[PS_PENDING_IRQ][plane] += n * ps_has(before->irq, plane);
        f->dropped[PS_PENDING_NMI][plane] += n * ps_has(before->nmi, plane);
        f->dropped[PS_PENDING_TRAP][plane] += n * ps_has(before->trap, plane);
        traps = (uint16_t)(traps & ~ps_bit(plane));
    }
    for (; traps; traps = (uint16_t)(traps & (traps - 1u)))
        f->taken[PS_PENDING_TRAP][ps_lowest(traps)] += n;
}

/* What one step does to a vCPU's clock: worked out once from the step, kept by whoever looks steps
 * up, and counted in one place, ps_count_mark. Kept to 4 bytes. */
struct ps_mark {
    uint8_t post, notify; /* slots that take the time, for the event's irq and for VINA's */
    uint8_t planes;       /* current afterwards, and times 16 before */
    uint8_t bits;         /* PS_MARK_* */
};

#define PS_MARK_SWITCHED PS_FLAG_SWITCHED
#define PS_MARK_INJECTED PS_FLAG_INJECTED
#define PS_MARK_LOGGED 4u
#define PS_MARK_FAULT 8u
#define PS_MARK_EXIT 16u
#define PS_MARK_CHANGED 32u /* current or status is not what it was */
#define PS_MARK_ALL 255u
#define PS_MARK_STATUS_SHIFT 6u /* the two bits of ps_state.status afterwards */

static inline unsigned ps_mark_now(struct ps_mark mark)
{
    return mark.planes & 15u;
}

static inline unsigned ps_mark_was(struct ps_mark mark)
{
    return mark.planes >> 4;
}

/* The slot of an interrupt that was not pending and is posted, by the event or by VINA. */
static inline unsigned ps_slot_if(int posted, unsigned plane)
{
    return posted ? PS_CLOCK_POSTED + plane : (unsigned)PS_CLOCK_NOWHERE;
}

/* `wanted`: the bits that somebody will ask for; a constant, so that the others cost nothing. */
PS_INLINE struct ps_mark ps_mark_of(const struct ps_before *before, const struct ps_state *s,
                                    struct ps_outcome out, unsigned event, unsigned plane,
                                    unsigned wanted)
{
    const unsigned now = (unsigned)out.now;
    const int posts = event == PS_EVENT_IRQ && !ps_has(before->irq, plane) && !out.fault;
    const int notifies = out.flags & PS_FLAG_VINA && !ps_has(before->irq, now) && !out.fault &&
                         !(event == PS_EVENT_IRQ && plane == now);
    const unsigned exits = (unsigned)ps_exits(out), fault = out.fault != PS_FAULT_NONE;
    const unsigned logged = (unsigned)ps_worth_logging(out, before->status, s->status);
    const unsigned changed = out.now != out.was || s->status != before->status;
    struct ps_mark mark;
    mark.post = (uint8_t)ps_slot_if(posts, plane);
    mark.notify = (uint8_t)ps_slot_if(notifies, now);
    mark.planes = (uint8_t)(now | (unsigned)out.was << 4);
    mark.bits = (uint8_t)(out.flags & (PS_MARK_SWITCHED | PS_MARK_INJECTED));
    if (wanted == PS_MARK_ALL)
        mark.bits = (uint8_t)(mark.bits | logged * PS_MARK_LOGGED | fault * PS_MARK_FAULT |
                              exits * PS_MARK_EXIT | changed * PS_MARK_CHANGED |
                              (unsigned)s->status << PS_MARK_STATUS_SHIFT);
    return mark;
}

/* What a caller of ps_count_mark knows of a step when it is compiled. */
#define PS_MARK_MAY_POST 1u /* the event may be an irq */
#define PS_MARK_FORETOLD 2u /* whether it switches can be foretold: a branch is cheaper */

/* What was posted is noted, an interval ends. Latency of what was injected goes where the caller
 * keeps it, by plane or by source; it counts from `posted_ns`, which may be earlier than now. */
PS_INLINE void ps_count_mark(struct ps_figures *f, struct ps_mark mark, unsigned known,
                             int64_t posted_ns, uint64_t now_ns, int64_t *clock)
{
    const uint64_t switched = mark.bits / PS_MARK_SWITCHED & 1u;
    if (known & PS_MARK_MAY_POST)
        clock[mark.post] = posted_ns;
    clock[mark.notify] = (int64_t)now_ns;
    if (!(known & PS_MARK_FORETOLD) || switched)
        ps_count_interval(f, ps_mark_was(mark), switched, now_ns, clock);
}

/* Latency from the first delivery of what is pending to its injection. */
static inline void ps_count_latency(const struct ps_ledger *ledger, struct ps_mark mark,
                                    uint64_t now_ns, const int64_t *clock)
{
    struct ps_figures *f = ledger->figures;
    const unsigned plane = ps_mark_now(mark);
    const uint64_t injected = mark.bits / PS_MARK_INJECTED & 1u;
    const uint64_t all = 0u - injected;
    const uint64_t latency = (now_ns - (uint64_t)clock[PS_CLOCK_POSTED + plane]) & all;
    ledger->latency[plane * PS_N_BUCKETS + ps_bucket(latency)] += injected;
    ps_wide_add(&f->latency_ns[plane], latency);
    const uint64_t low = latency | ~all;
    if (low < f->latency_min_ns[plane])
        f->latency_min_ns[plane] = low;
    if (latency > f->latency_max_ns[plane])
        f->latency_max_ns[plane] = latency;
}

/* Count `n` equal steps: everything but time. */
static inline void ps_count_steps(struct ps_figures *f, const struct ps_before *before,
                                  const struct ps_state *s, struct ps_outcome out,
                                  struct ps_mark mark, unsigned event, unsigned plane, uint64_t n)
{
    if (out.fault) {
        f->faults[event][out.fault] += n;
        return;
    }
    const unsigned was = (unsigned)out.was;
    const unsigned now = (unsigned)out.now;
    const unsigned flags = out.flags;
    const uint64_t entered = n * ((flags | flags >> 7) & 1u); /* switched or bounced */
    f->steps[event][plane] += n;
    f->entries[was][now] += entered;
    f->reasons[out.reason] += entered;
    f->idle_entries[now] += n * ps_entry_idles(before->runnable | before->trap, out);
    /* In userspace nothing has a reason, so a reason beside the flag is an exit. */
    f->exits[out.reason] += n * (flags >> 5 & 1u);
    f->taken[PS_PENDING_IRQ][now] += n * (flags >> 1 & 1u);
    f->taken[PS_PENDING_NMI][now] += n * (flags >> 2 & 1u);
    if (ps_among(PS_COALESCING, event))
        f->coalesced[event - PS_EVENT_IRQ][plane] += n * (flags >> 6 & 1u);
    if (flags & PS_FLAG_VINA) {
        f->vina[now] += n;
        f->vina_set[now] += n * (mark.notify != PS_CLOCK_NOWHERE);
    }
    const uint16_t trapped =
        (uint16_t)(before->trap | (event == PS_EVENT_INTERCEPT ? ps_bit(plane) : 0u));
    const uint16_t gone = (uint16_t)(trapped & ~s->trap);
    if (gone || ps_among(PS_DROPPING, event))
        ps_count_gone(f, before, event, plane, gone, n);
}

/* Count one step, all but latency. `now_ns` is not negative and not before that of the vCPU's last
 * step. */
PS_INLINE struct ps_mark ps_count_step(struct ps_figures *f, const struct ps_before *before,
                                       const struct ps_state *s, struct ps_outcome out,
                                       unsigned event, unsigned plane, unsigned wanted,
                                       int64_t posted_ns, uint64_t now_ns, int64_t *clock)
{
    const struct ps_mark mark = ps_mark_of(before, s, out, event, plane, wanted);
    ps_count_steps(f, before, s, out, mark, event, plane, 1);
    if (out.fault)
        return mark; /* nothing has changed */
    ps_count_mark(f, mark, PS_MARK_MAY_POST | PS_MARK_FORETOLD, posted_ns, now_ns, clock);
    ps_count_time(f, before, s, out, now_ns);
    return mark;
}

/* The same with the latency of what was injected, by plane. */
static inline void ps_count(const struct ps_ledger *ledger, const struct ps_before *before,
                            const struct ps_state *s, struct ps_outcome out, unsigned event,
                            unsigned plane, uint64_t now_ns, int64_t *clock)
{
    const struct ps_mark mark = ps_count_step(ledger->figures, before, s, out, event, plane,
                                              PS_MARK_INJECTED, (int64_t)now_ns, now_ns, clock);
    if (!out.fault)
        ps_count_latency(ledger, mark, now_ns, clock);
}

/* Begin counting: figures are zeroed, what is pending is noted, and a clock slot of PS_UNKNOWN_NS
 * is taken for `start_ns`. */
void ps_figures_open(const struct ps_ledger *ledger, const struct ps_state *states,
                     uint64_t n_vcpus, int64_t start_ns);

/* The same for one more vCPU, without zeroing. */
void ps_figures_join(const struct ps_ledger *ledger, const struct ps_state *s, int64_t *clock,
                     int64_t start_ns);

/* Spells of time begin, or end so far, for every vCPU. */
void ps_figures_begin_time(const struct ps_ledger *ledger, const struct ps_state *states,
                           uint64_t n_vcpus, int64_t now_ns);
void ps_figures_end_time(const struct ps_ledger *ledger, const struct ps_state *states,
                         uint64_t n_vcpus, int64_t now_ns);

/* End counting: what is still pending and how long the present intervals last. */
void ps_figures_close(const struct ps_ledger *ledger, const struct ps_state *states,
                      uint64_t n_vcpus, int64_t end_ns);

#endif
