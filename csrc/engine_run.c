/* What happens on one vCPU, in order of time. Sections are those of the rules. */
#include "engine_jobs.h"

/* ---- Nothing to do ---- */

/* The plane that an idle marker hands the vCPU to, or PS_NO_PLANE where it halts. */
static unsigned handed_to(const struct ps_engine *engine, const struct ps_guest *guest,
                          const struct ps_state *s)
{
    const struct ps_policy *policy = &engine->policy;
    const uint16_t work = (uint16_t)(ps_eager(engine, guest) & s->online & ~policy->marker_bit);
    if (work)
        return ps_first(policy, s->locked, work);
    if (policy->idle != PS_IDLE_KEEP)
        return PS_NO_PLANE;
    return guest->left != PS_NO_PLANE ? guest->left : engine->config.main_plane;
}

/* The current plane has nothing to do. Where what it tries is refused, it halts. */
static inline void give_up(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_policy *policy = &engine->policy;
    const struct ps_guest *guest = &engine->guests[vcpu];
    if (policy->call == PS_CALL_NEXT) {
        if (!ps_act(engine, vcpu, PS_EVENT_RETURN, 0, 0, 0))
            return;
    } else if (guest->current == policy->marker) {
        const unsigned plane = handed_to(engine, guest, ps_engine_state(engine, vcpu));
        if (plane != PS_NO_PLANE && !ps_act(engine, vcpu, PS_EVENT_CALL, plane, 0, 0))
            return;
    }
    ps_act(engine, vcpu, PS_EVENT_HALT, 0, 0, 0);
}

/* Userspace looks at a vCPU that exited (3.5). Returns 0 where it finds no plane and waits. */
static int answer(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    const struct ps_workload *workload = engine->config.workload;
    const uint32_t id = workload && workload->ids ? workload->ids[vcpu] : vcpu;
    struct ps_state s = *ps_engine_state(engine, vcpu);
    if (engine->stopped)
        return 0;
    const int plane = ps_userspace_ask(&engine->config.userspace, &engine->policy, &s,
                                       guest->now_ns, id, guest->exit_reason, &s.req_exit);
    engine->stopped = plane != PS_SCHEDULER_WAIT && (plane < 0 || plane >= engine->config.n_planes);
    if (engine->stopped || plane == PS_SCHEDULER_WAIT)
        return 0;
    ps_vcpu_set_state(engine, vcpu, &s);
    ps_act(engine, vcpu, PS_EVENT_ENTER, (unsigned)plane, 0, 0);
    return 1;
}

/* ---- The order of things (7) ---- */

static inline void settle(struct ps_engine *engine, struct ps_guest *guest, uint32_t vcpu)
{
    while (!ps_in_transition(guest) && !guest->stuck && guest->status != PS_STATUS_BLOCKED) {
        const unsigned current = guest->current;
        if (guest->status == PS_STATUS_USER) {
            if (!answer(engine, vcpu))
                return;
        } else if (ps_has(ps_able(guest), current)) {
            if (engine->pool.nodes[guest->queues[current].head].left_ns)
                return;
            end_job(engine, vcpu);
            continue;
        } else if (ps_has(ps_eager(engine, guest), current)) {
            return;
        } else {
            give_up(engine, vcpu);
        }
        /* What ps_guest_watch begins with, without the call. */
        if (guest->idle_steps < PS_PATIENT_STEPS - 1u)
            guest->idle_steps++;
        else
            ps_guest_watch(guest, ps_engine_state(engine, vcpu));
    }
}

void ps_vcpu_pass(struct ps_engine *engine, uint32_t vcpu, int64_t to_ns)
{
    pass(engine, &engine->guests[vcpu], vcpu, to_ns);
}

void ps_vcpu_look_ahead(struct ps_engine *engine, uint32_t vcpu)
{
    look_ahead(engine, &engine->guests[vcpu], vcpu);
}

void ps_vcpu_settle(struct ps_engine *engine, uint32_t vcpu)
{
    settle(engine, &engine->guests[vcpu], vcpu);
}

static inline int64_t end_ns(const struct ps_engine *engine, const struct ps_guest *guest)
{
    if (!ps_works(guest))
        return PS_NEVER_NS;
    return ps_later(guest->now_ns,
                    engine->pool.nodes[guest->queues[guest->current].head].left_ns);
}

static inline int64_t call_ns(const struct ps_engine *engine, const struct ps_guest *guest,
                              uint32_t vcpu, uint32_t *number)
{
    if (!ps_has(engine->callers, guest->current) || !ps_computes(engine, guest))
        return PS_NEVER_NS;
    *number = next_call(engine, vcpu, guest->current);
    return *number == engine->n_sources
               ? PS_NEVER_NS
               : ps_later(guest->now_ns, ps_streams(engine, vcpu)[*number].next_ns);
}

/* The end of a transition: what arrived during it happens now, unless it begins another one. */
static void end_transition(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    pass(engine, guest, vcpu, guest->ready_ns);
    while (!ps_in_transition(guest) && guest->arrival_ns < guest->now_ns && !engine->failed)
        arrive(engine, vcpu);
}

/* Let the next event happen if it is not later than `until_ns`. Returns whether it did. */
static inline int happen(struct ps_engine *engine, struct ps_guest *guest, uint32_t vcpu,
                         int64_t until_ns)
{
    if (ps_in_transition(guest)) {
        if (guest->ready_ns > until_ns)
            return 0;
        end_transition(engine, vcpu);
    } else {
        uint32_t number = 0;
        const int64_t end = end_ns(engine, guest);
        const int64_t calls = call_ns(engine, guest, vcpu, &number);
        const int64_t own = end <= calls ? end : calls;
        const int64_t next = own <= guest->arrival_ns ? own : guest->arrival_ns;
        if (next > until_ns)
            return 0;
        pass(engine, guest, vcpu, next);
        if (own > guest->arrival_ns)
            arrive(engine, vcpu);
        else if (end > calls)
            call(engine, vcpu, number);
    }
    settle(engine, guest, vcpu);
    return 1;
}

void ps_vcpu_happen(struct ps_engine *engine, uint32_t vcpu)
{
    happen(engine, &engine->guests[vcpu], vcpu, PS_NEVER_NS - 1);
}

int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    uint64_t left = *patience;
    while (left && happen(engine, guest, vcpu, until_ns))
        left--;
    *patience = left;
    if (!left)
        return 1;
    if (guest->now_ns < until_ns)
        pass(engine, guest, vcpu, until_ns);
    return 0;
}

int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned *rank)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    uint32_t number;
    *rank = 0;
    if (ps_in_transition(guest))
        return guest->ready_ns;
    const int64_t end = end_ns(engine, guest);
    const int64_t calls = call_ns(engine, guest, vcpu, &number);
    const int64_t own = end <= calls ? end : calls;
    *rank = own <= guest->arrival_ns ? 1 : 2;
    return own <= guest->arrival_ns ? own : guest->arrival_ns;
}
