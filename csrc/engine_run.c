/* What happens on one vCPU, in order of time. Sections are those of the rules. */
#include "engine_parts.h"

/* ---- Time passes ---- */

static inline void pass(struct ps_engine *engine, struct ps_guest *guest, const struct ps_state *s,
                        int64_t to_ns)
{
    const int64_t length = to_ns - guest->now_ns;
    assert(length >= 0);
    if (ps_in_transition(guest)) {
        struct ps_figures *f = &engine->figures;
        guest->time_ns[PS_TIME_TRANSITION] += length;
        /* The figures count by spells of a state; this part of the spell was a switch. */
        ps_wide_sub(&f->time_ns[s->status][s->current], (uint64_t)length);
        ps_wide_add(&f->time_ns[PS_TIME_TRANSITION][s->current], (uint64_t)length);
    } else {
        guest->time_ns[s->status] += length;
        if (length && ps_works(guest, s)) {
            struct ps_queue *queue = &guest->queues[s->current];
            engine->pool.nodes[queue->head].left_ns -= length;
            guest->idle_steps = 0;
        }
    }
    guest->now_ns = to_ns;
}

/* ---- One step, its count and its cost ---- */

static inline struct ps_outcome act(struct ps_engine *engine, uint32_t vcpu, unsigned event,
                                    unsigned plane, int64_t posted_ns)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    struct ps_state *s = &engine->states[vcpu];
    const struct ps_before before = ps_look(s);
    const struct ps_outcome out = ps_step(&engine->policy, s, event, plane);
    ps_count_posted(&engine->ledger, &before, s, out, event, plane, posted_ns,
                    (uint64_t)guest->now_ns, ps_clock(&engine->ledger, vcpu));
    int64_t cost_ns = 0;
    if (out.flags & PS_FLAG_SWITCHED) {
        cost_ns = engine->config.cost_ns[out.reason];
        if ((unsigned)out.now == engine->policy.marker)
            guest->left = (uint8_t)out.was;
    }
    /* In userspace nothing has a reason, so a reason beside the flag is an exit. */
    if (out.flags & PS_FLAG_USER && out.reason)
        cost_ns = ps_later(cost_ns, engine->config.exit_ns);
    guest->ready_ns = ps_later(guest->now_ns, cost_ns);
    return out;
}

static inline void progress(struct ps_guest *guest)
{
    guest->idle_steps = 0;
    guest->stuck = 0;
}

static void queue_at(struct ps_engine *engine, struct ps_guest *guest, unsigned plane,
                     uint32_t node)
{
    ps_queue_push(&engine->pool, &guest->queues[plane], node);
    guest->work = (uint16_t)(guest->work | ps_bit(plane));
}

/* ---- Jobs ---- */

/* The first job of the input arrives. */
static void arrive(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const uint32_t index = ps_queue_pop(&engine->pool, &guest->input);
    struct ps_node *node = &engine->pool.nodes[index];
    unsigned plane = node->plane;
    engine->totals.arrived[plane]++;
    engine->totals.woken[plane] += node->source == PS_SOURCE_WAKE;
    if (engine->config.route == PS_ROUTE_MARKER && plane != engine->policy.marker) {
        node->kind = PS_JOB_FORWARD;
        node->left_ns = engine->config.forward_ns;
        plane = engine->policy.marker;
    }
    progress(guest);
    queue_at(engine, guest, plane, index);
    act(engine, vcpu, PS_EVENT_IRQ, plane, node->arrival_ns);
}

static inline void count_sojourn(struct ps_engine *engine, unsigned plane, uint64_t sojourn_ns)
{
    struct ps_totals *t = &engine->totals;
    t->finished[plane]++;
    ps_wide_add(&t->sojourn_ns[plane], sojourn_ns);
    if (sojourn_ns < t->sojourn_min_ns[plane])
        t->sojourn_min_ns[plane] = sojourn_ns;
    if (sojourn_ns > t->sojourn_max_ns[plane])
        t->sojourn_max_ns[plane] = sojourn_ns;
    engine->sojourn[plane * PS_N_BUCKETS + ps_bucket(sojourn_ns)]++;
}

/* The marker has handled an interrupt for another plane: that plane gets it, and the vCPU. */
static void pass_on(struct ps_engine *engine, uint32_t vcpu, uint32_t index)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const struct ps_state *s = &engine->states[vcpu];
    struct ps_node *node = &engine->pool.nodes[index];
    const unsigned plane = node->plane;
    node->kind = PS_JOB_INTERRUPT;
    node->left_ns = node->service_ns;
    engine->totals.forwarded[plane]++;
    queue_at(engine, guest, plane, index);
    act(engine, vcpu, PS_EVENT_IRQ, plane, node->arrival_ns);
    if (!s->status && (unsigned)s->current == engine->policy.marker && !ps_in_transition(guest))
        act(engine, vcpu, PS_EVENT_CALL, plane, 0);
}

/* The job at the head of the current plane's queue ends. */
static void end_job(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const unsigned current = (unsigned)engine->states[vcpu].current;
    const uint32_t index = ps_queue_pop(&engine->pool, &guest->queues[current]);
    const struct ps_node *node = &engine->pool.nodes[index];
    if (guest->queues[current].head == PS_NIL)
        guest->work = (uint16_t)(guest->work & ~ps_bit(current));
    progress(guest);
    if (node->kind == PS_JOB_FORWARD) {
        pass_on(engine, vcpu, index);
        return;
    }
    count_sojourn(engine, current, (uint64_t)(guest->now_ns - node->arrival_ns));
    ps_pool_give(&engine->pool, index);
}

/* ---- Nothing to do ---- */

/* The plane that an idle marker hands the vCPU to, or PS_NO_PLANE where it halts. */
static unsigned handed_to(const struct ps_engine *engine, const struct ps_guest *guest,
                          const struct ps_state *s)
{
    const struct ps_policy *policy = &engine->policy;
    const uint16_t work = (uint16_t)((guest->work | engine->config.busy) & s->online &
                                     ~policy->marker_bit);
    if (work)
        return ps_first(policy, s->locked, work);
    if (policy->idle != PS_IDLE_KEEP)
        return PS_NO_PLANE;
    return guest->left != PS_NO_PLANE ? guest->left : engine->config.main_plane;
}

/* The current plane has nothing to do. Where what it tries is refused, it halts. */
static void give_up(struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_policy *policy = &engine->policy;
    const struct ps_state *s = &engine->states[vcpu];
    if (policy->call == PS_CALL_NEXT) {
        if (!act(engine, vcpu, PS_EVENT_RETURN, 0, 0).fault)
            return;
    } else if ((unsigned)s->current == policy->marker) {
        const unsigned plane = handed_to(engine, &engine->guests[vcpu], s);
        if (plane != PS_NO_PLANE && !act(engine, vcpu, PS_EVENT_CALL, plane, 0).fault)
            return;
    }
    act(engine, vcpu, PS_EVENT_HALT, 0, 0);
}

/* Userspace looks at a vCPU that exited (3.5). Returns 0 where it finds no plane and waits. */
static int answer(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_state *s = &engine->states[vcpu];
    const unsigned plane = ps_default_pick(&engine->policy, s);
    if (plane == PS_NO_PLANE)
        return 0;
    s->req_exit = ps_requests(&engine->policy, s, plane);
    act(engine, vcpu, PS_EVENT_ENTER, plane, 0);
    return 1;
}

/* ---- The order of things (7) ---- */

void ps_vcpu_settle(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const struct ps_state *s = &engine->states[vcpu];
    while (!ps_in_transition(guest) && !guest->stuck && s->status != PS_STATUS_BLOCKED) {
        const unsigned current = (unsigned)s->current;
        if (s->status == PS_STATUS_USER) {
            if (!answer(engine, vcpu))
                return;
        } else if (ps_has(guest->work, current)) {
            if (engine->pool.nodes[guest->queues[current].head].left_ns)
                return;
            end_job(engine, vcpu);
            continue;
        } else if (ps_has(engine->config.busy, current)) {
            return;
        } else {
            give_up(engine, vcpu);
        }
        ps_guest_watch(guest, s);
    }
}

static inline int64_t arrival_ns(const struct ps_engine *engine, const struct ps_guest *guest)
{
    const uint32_t head = guest->input.head;
    return head == PS_NIL ? PS_NEVER_NS : engine->pool.nodes[head].arrival_ns;
}

static inline int64_t end_ns(const struct ps_engine *engine, const struct ps_guest *guest,
                             const struct ps_state *s)
{
    if (!ps_works(guest, s))
        return PS_NEVER_NS;
    return ps_later(guest->now_ns,
                    engine->pool.nodes[guest->queues[s->current].head].left_ns);
}

/* The end of a transition: what arrived during it happens now, unless it begins another one. */
static void end_transition(struct ps_engine *engine, uint32_t vcpu)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    pass(engine, guest, &engine->states[vcpu], guest->ready_ns);
    while (!ps_in_transition(guest) && arrival_ns(engine, guest) < guest->now_ns)
        arrive(engine, vcpu);
}

int ps_vcpu_advance(struct ps_engine *engine, uint32_t vcpu, int64_t until_ns, uint64_t *patience)
{
    struct ps_guest *guest = &engine->guests[vcpu];
    const struct ps_state *s = &engine->states[vcpu];
    while (guest->now_ns <= until_ns) {
        if (!*patience)
            return 1;
        --*patience;
        if (ps_in_transition(guest)) {
            if (guest->ready_ns > until_ns) {
                pass(engine, guest, s, until_ns);
                return 0;
            }
            end_transition(engine, vcpu);
        } else {
            const int64_t end = end_ns(engine, guest, s);
            const int64_t arrival = arrival_ns(engine, guest);
            const int64_t next = end <= arrival ? end : arrival;
            if (next > until_ns) {
                pass(engine, guest, s, until_ns);
                return 0;
            }
            pass(engine, guest, s, next);
            if (end > arrival)
                arrive(engine, vcpu);
        }
        ps_vcpu_settle(engine, vcpu);
    }
    return 0;
}

int64_t ps_vcpu_next_ns(const struct ps_engine *engine, uint32_t vcpu)
{
    const struct ps_guest *guest = &engine->guests[vcpu];
    if (ps_in_transition(guest))
        return guest->ready_ns;
    const int64_t end = end_ns(engine, guest, &engine->states[vcpu]);
    const int64_t arrival = arrival_ns(engine, guest);
    return end < arrival ? end : arrival;
}
