/* What happens on one vCPU, in order of time. Sections are those of the rules. Longer than 300
 * lines because the loops want all of it inlined. */
#include "engine/vcpu_jobs.h"

/* ---- Nothing to do ---- */

/* The plane that an idle marker hands the vCPU to, or PS_NO_PLANE where it halts. */
static unsigned plane_to_hand_to(const struct ps_vcpu v)
{
    const struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    const struct ps_state *s = ps_vcpu_state(engine, v.number);
    const struct ps_policy *policy = &engine->policy;
    uint16_t eager = ps_vcpu_eager(v);
    if (ps_chipped(v)) /* it takes what is pending where it is entered */
        eager = (uint16_t)(eager | ps_injectable(s));
    const uint16_t work = (uint16_t)(eager & s->online & ~policy->marker_bit);
    if (work)
        return ps_first(policy, s->locked, work);
    if (policy->idle != PS_IDLE_KEEP)
        return PS_NO_PLANE;
    const unsigned heir = guest->left != PS_NO_PLANE ? guest->left : engine->config.main_plane;
    return heir != policy->marker ? heir : PS_NO_PLANE; /* no idle plane calls itself */
}

/* The current plane has nothing to do. Where what it tries is refused, it halts. */
PS_INLINE void give_up(const struct ps_vcpu v)
{
    const struct ps_policy *policy = &v.engine->policy;
    if (policy->call == PS_CALL_NEXT) {
        if (!ps_vcpu_act(v, PS_EVENT_RETURN, 0, 0, 0))
            return;
    } else if (v.guest->current == policy->marker) {
        const unsigned plane = plane_to_hand_to(v);
        if (plane != PS_NO_PLANE && !ps_vcpu_act(v, PS_EVENT_CALL, plane, 0, 0))
            return;
    }
    ps_vcpu_act(v, PS_EVENT_HALT, 0, 0, 0);
}

/* Userspace looks at a vCPU that exited (3.5). Returns 0 where it finds no plane and waits. */
static int answer_exit(const struct ps_vcpu v)
{
    struct ps_engine *engine = v.engine;
    const struct ps_guest *guest = v.guest;
    const uint32_t vcpu = v.number;
    const struct ps_workload *workload = engine->config.workload;
    const uint32_t id = workload && workload->ids ? workload->ids[vcpu] : vcpu;
    struct ps_state s = *ps_vcpu_state(engine, vcpu);
    if (engine->stopped)
        return 0;
    const int plane = ps_userspace_ask(&engine->config.userspace, &engine->policy, &s,
                                       guest->now_ns, id, guest->exit_reason, &s.req_exit);
    engine->stopped = plane != PS_SCHEDULER_WAIT && (plane < 0 || plane >= engine->config.n_planes);
    if (engine->stopped || plane == PS_SCHEDULER_WAIT)
        return 0;
    ps_vcpu_set_state(engine, vcpu, &s);
    ps_vcpu_act(v, PS_EVENT_ENTER, (unsigned)plane, 0, 0);
    return 1;
}

/* ---- The order of things (7) ---- */

/* With its interrupts disabled and one pending, a plane that has no job goes on until it takes it:
 * guests do not halt so. */
static unsigned holds_off(const struct ps_vcpu v)
{
    const struct ps_state *s = ps_vcpu_state(v.engine, v.number);
    return ps_has((uint16_t)(s->noint & s->irq), v.guest->current);
}

/* Another vector follows the one that was just injected, or VINA's is taken. */
static void take_more(const struct ps_vcpu v)
{
    v.guest->more = 0;
    if (ps_has(ps_injectable(ps_vcpu_state(v.engine, v.number)), v.guest->current))
        ps_vcpu_act(v, PS_EVENT_RESCHED, 0, 0, 0);
}

/* Do what takes no time. Gives the job that the current plane works on then, or NULL. */
PS_INLINE struct ps_node *act_until_busy(const struct ps_vcpu v)
{
    struct ps_guest *guest = v.guest;
    while (!ps_vcpu_in_transition(v) && !guest->stuck) {
        if (ps_chipped(v) && guest->more) {
            take_more(v);
        } else if (guest->status) {
            if (v.is == PS_RECORDED && guest->status != PS_STATUS_BLOCKED)
                ps_leap_fail(v.engine->leaps); /* userspace may say another thing each time */
            if (guest->status == PS_STATUS_BLOCKED || !answer_exit(v))
                return NULL;
        } else if (ps_has(ps_vcpu_able(v), guest->current)) {
            struct ps_node *job = ps_vcpu_job(v);
            if (job->left_ns)
                return job;
            if (v.is == PS_RECORDED)
                ps_vcpu_end_leap(v);
            finish_job(v);
            continue;
        } else if (ps_has(ps_vcpu_eager(v), guest->current) ||
                   (ps_chipped(v) && holds_off(v))) {
            return NULL;
        } else {
            if (v.is == PS_RECORDED)
                ps_leap_try(v.engine->leaps);
            give_up(v);
        }
        /* What ps_guest_watch begins with, without the call. */
        if (PS_RARELY(guest->idle_steps >= PS_PATIENT_STEPS - 1u))
            ps_guest_watch(guest, ps_vcpu_state(v.engine, v.number),
                           v.engine->looks_up ? 0 : PS_ALGORITHM_STEPS);
        else
            guest->idle_steps++;
    }
    return ps_vcpu_job(v);
}

void ps_vcpu_pass_time(struct ps_engine *engine, uint32_t vcpu, int64_t to_ns)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    pass_time(v, ps_vcpu_job(v), to_ns);
}

void ps_vcpu_find_arrival(struct ps_engine *engine, uint32_t vcpu)
{
    find_arrival(ps_vcpu_of(engine, vcpu));
}

void ps_vcpu_act_until_busy(struct ps_engine *engine, uint32_t vcpu)
{
    act_until_busy(ps_vcpu_of(engine, vcpu));
}

/* How long until the current plane calls if it runs on, and from which source; or never. */
static inline int64_t time_to_call(const struct ps_vcpu v, uint32_t *number)
{
    if (!ps_vcpu_calls(v) || !ps_vcpu_computes(v))
        return PS_NEVER_NS;
    *number = next_call(v, v.guest->current);
    return *number == v.engine->n_sources ? PS_NEVER_NS : v.streams[*number].next_ns;
}

/* How long until the current plane's slice ends if it runs on, or never. */
static inline int64_t time_to_slice(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    if (!v.sliced || guest->status || guest->stuck)
        return PS_NEVER_NS;
    const int64_t left_ns = v.engine->config.slice_ns - guest->ran_ns;
    return left_ns > 0 ? left_ns : 0; /* a vCPU that was stuck ran on past its slice */
}

/* A slice ends: whoever picks may choose otherwise. */
static void end_slice(const struct ps_vcpu v)
{
    v.guest->ran_ns = 0;
    note_progress(v.guest);
    ps_vcpu_act(v, PS_EVENT_RESCHED, 0, 0, 0);
}

/* ---- One by one, in real time ---- */

void ps_vcpu_give_up(struct ps_engine *engine, uint32_t vcpu)
{
    give_up(ps_vcpu_of(engine, vcpu));
}

int ps_vcpu_answer_exit(struct ps_engine *engine, uint32_t vcpu)
{
    return answer_exit(ps_vcpu_of(engine, vcpu));
}

void ps_vcpu_finish_job(struct ps_engine *engine, uint32_t vcpu)
{
    finish_job(ps_vcpu_of(engine, vcpu));
}

void ps_vcpu_let_arrive(struct ps_engine *engine, uint32_t vcpu)
{
    let_arrive(ps_vcpu_of(engine, vcpu));
}

void ps_vcpu_make_call(struct ps_engine *engine, uint32_t vcpu, uint32_t number)
{
    make_call(ps_vcpu_of(engine, vcpu), number);
}

void ps_vcpu_end_slice(struct ps_engine *engine, uint32_t vcpu)
{
    end_slice(ps_vcpu_of(engine, vcpu));
}

int64_t ps_vcpu_time_to_slice(const struct ps_engine *engine, uint32_t vcpu)
{
    /* Nothing is written to through it. */
    return time_to_slice(ps_vcpu_of((struct ps_engine *)(uintptr_t)engine, vcpu));
}

int64_t ps_vcpu_time_to_call(struct ps_engine *engine, uint32_t vcpu, uint32_t *number)
{
    return time_to_call(ps_vcpu_of(engine, vcpu), number);
}

void ps_engine_respond(struct ps_engine *engine, uint32_t row, uint64_t response_ns)
{
    ps_row_respond(engine, row, response_ns);
}

/* The end of a transition: what arrived during it happens now, unless it begins another one. */
static void catch_up(const struct ps_vcpu v)
{
    const struct ps_guest *guest = v.guest;
    while (!ps_vcpu_in_transition(v) && guest->arrival_ns < guest->now_ns)
        let_arrive(v);
}

/* Let the next event happen if it is not later than `until_ns`. Returns whether it did. `*job` is
 * what the current plane works on, before and after. */
PS_INLINE int do_next_event(const struct ps_vcpu v, struct ps_node **job, int64_t until_ns)
{
    const struct ps_guest *guest = v.guest;
    if (ps_vcpu_in_transition(v)) {
        if (guest->ready_ns > until_ns)
            return 0;
        pass_time(v, NULL, guest->ready_ns);
        catch_up(v);
    } else {
        uint32_t number = 0;
        const int64_t now_ns = guest->now_ns;
        const int64_t end = *job ? (*job)->left_ns : PS_NEVER_NS;
        const int64_t calls = time_to_call(v, &number);
        const int64_t own = end <= calls ? end : calls;
        const int64_t slice = time_to_slice(v);
        const int64_t arrival = guest->arrival_ns - now_ns;
        const int64_t mine = own <= slice ? own : slice;
        const int64_t next = mine <= arrival ? mine : arrival;
        if (next > until_ns - now_ns)
            return 0;
        pass_time(v, *job, now_ns + next);
        if (mine > arrival)
            let_arrive(v);
        else if (own > slice)
            end_slice(v);
        else if (end > calls)
            make_call(v, number);
        else
            finish_job(v);
    }
    *job = act_until_busy(v);
    return 1;
}

void ps_vcpu_do_next_event(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    struct ps_node *job = ps_vcpu_job(v);
    do_next_event(v, &job, PS_NEVER_NS - 1);
}

PS_INLINE int advance_one(const struct ps_vcpu v, int64_t until_ns, uint64_t *patience)
{
    uint64_t left = *patience;
    struct ps_node *job = ps_vcpu_job(v);
    while (left && do_next_event(v, &job, until_ns))
        left--;
    *patience = left;
    if (!left)
        return 1;
    if (v.guest->now_ns < until_ns)
        pass_time(v, job, until_ns);
    return 0;
}

int ps_vectors_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                       uint64_t *patience)
{
    struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    if (engine->plain) {
        v.is = PS_CHIPPED_PLAIN;
        v.sliced = 0;
        return advance_one(v, until_ns, patience);
    }
    v.is = PS_CHIPPED;
    return advance_one(v, until_ns, patience);
}

void ps_vcpu_catch_up(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    catch_up(v);
    act_until_busy(v);
}

void ps_vcpu_make_leap(struct ps_engine *engine, uint32_t vcpu, uint32_t at, unsigned event,
                       int64_t posted_ns, uint32_t row)
{
    struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    struct ps_guest *guest = v.guest;
    struct ps_leaps *leaps = engine->leaps;
    const uint16_t before = guest->work;
    v.is = PS_USUAL;
    if (!(leaps->leaps[at].bits & PS_LEAP_NEVER)) {
        v.is = PS_RECORDED;
        ps_leap_begin(leaps, guest->status);
    }
    if (event == ps_leap_ended(engine->config.n_planes))
        guest->work = (uint16_t)(guest->work & ~ps_bit(guest->current));
    if (event < engine->config.n_planes) {
        mark_queued(guest, event, posted_ns);
        leaps->made.queued = (uint8_t)(guest->work == before ? PS_LEAP_NOWHERE : event);
        ps_vcpu_act(v, PS_EVENT_IRQ, event, posted_ns, row);
    }
    act_until_busy(v);
    if (v.is == PS_RECORDED) {
        ps_vcpu_end_leap(v);
        ps_leap_keep(leaps, at);
    }
}

int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience)
{
    if (engine->leaps && !ps_leaps_full(engine->leaps) && engine->looks_up && !engine->log.left)
        return ps_vcpu_advance_by_leaps(engine, vcpu, until_ns, patience);
    return ps_vcpu_advance_by_steps(engine, vcpu, until_ns, patience);
}

int ps_vcpu_advance_by_steps(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns,
                             uint64_t *patience)
{
    if (engine->chipped)
        return ps_vectors_advance(engine, vcpu, until_ns, patience);
    struct ps_vcpu v = ps_vcpu_of(engine, vcpu);
    /* A loop each, in which what its engine never does is not looked for. */
    if (engine->plain) {
        v.is = PS_PLAIN;
        v.sliced = 0;
        return advance_one(v, until_ns, patience);
    }
    v.is = PS_USUAL;
    if (!v.sliced) {
        v.sliced = 0;
        return advance_one(v, until_ns, patience);
    }
    v.sliced = 1;
    return advance_one(v, until_ns, patience);
}

int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu, unsigned *rank)
{
    /* Nothing is written to through it. */
    const struct ps_vcpu v = ps_vcpu_of((struct ps_engine *)(uintptr_t)engine, vcpu);
    const struct ps_guest *guest = v.guest;
    uint32_t number;
    *rank = 0;
    if (ps_vcpu_in_transition(v))
        return guest->ready_ns;
    const struct ps_node *job = ps_vcpu_job(v);
    const int64_t end = job ? job->left_ns : PS_NEVER_NS;
    const int64_t calls = time_to_call(v, &number);
    const int64_t own = ps_later(guest->now_ns, end <= calls ? end : calls);
    const int64_t slice = ps_later(guest->now_ns, time_to_slice(v));
    const int64_t mine = own <= slice ? own : slice;
    *rank = mine > guest->arrival_ns ? 3 : own <= slice ? 1 : 2;
    return mine <= guest->arrival_ns ? mine : guest->arrival_ns;
}
