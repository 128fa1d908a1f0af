/* Guests in real time: the engine says what they are to do, the machine how long that took.
 *
 * Arrivals come by a timer of the vCPU's own thread, and not by one thread for all: userspace is to
 * look who runs next at each of them, so KVM_RUN has to be left anyway, and a thread beside would
 * have to be run first, post, and signal this one; state would have to be locked between them. */
#define _GNU_SOURCE
#include "live/spell.h"

#if PS_LIVE

#include <errno.h>
#include <linux/kvm.h>

enum { VECTOR = 0x41, MOST_TURNS = 0xffffff };
#define BUSY_NS INT64_C(100000) /* what a busy plane computes at a time */
#define SLICE_NS INT64_C(1000000)
#define A_MOMENT_NS INT64_C(20000) /* in which a guest comes to its HLT */

/* An interrupt for a plane: its vector goes into its APIC. */
static int post(const struct spell *s, unsigned plane, uint32_t row, int64_t due_ns)
{
    struct ps_live_plane *its = &s->live->planes[plane];
    if (!its->waits) {
        its->waits = 1;
        its->row = row;
        its->due_ns = due_ns;
    }
    return ps_machine_post(s->live->machine, number_of(s, plane), VECTOR) < 0 ? PS_LIVE_FAILED : 0;
}

static int let_one_arrive(const struct spell *s)
{
    const struct ps_engine *engine = s->engine;
    const struct ps_guest *guest = s->guest;
    const int64_t due_ns = guest->arrival_ns;
    uint32_t row = guest->arrival;
    unsigned plane;
    if (row == engine->n_sources) {
        const struct ps_node *node = &engine->pool.nodes[guest->input.head];
        plane = node->plane;
        row = ps_input_row(engine, node);
    } else {
        plane = engine->sources[row].plane;
    }
    if (engine->config.route == PS_ROUTE_MARKER && plane != engine->policy.marker) {
        plane = engine->policy.marker;
        row = ps_plane_row(engine, plane);
    }
    ps_vcpu_let_arrive(s->engine, 0);
    return post(s, plane, row, due_ns);
}

static int let_arrive_until_now(const struct spell *s)
{
    int failed = ps_live_receive(s);
    catch_up(s);
    if (ps_vcpu_time_to_slice(s->engine, 0) <= 0)
        ps_vcpu_end_slice(s->engine, 0);
    while (!failed && s->guest->arrival_ns <= s->guest->now_ns && !s->engine->failed)
        failed = let_one_arrive(s);
    return failed;
}

static int64_t deadline(const struct spell *s)
{
    const int64_t slice_ns = ps_later(s->guest->now_ns, ps_vcpu_time_to_slice(s->engine, 0));
    const int64_t next_ns = s->guest->arrival_ns < slice_ns ? s->guest->arrival_ns : slice_ns;
    return next_ns < s->until_ns ? next_ns : s->until_ns;
}

/* Run a plane; KVM_RUN returns at the next arrival or end of a slice, or at the end, if not
 * before. */
static int run_until_deadline(struct spell *s, unsigned plane)
{
    const int64_t at_ns = deadline(s);
    if (at_ns != s->armed_ns)
        ps_live_timer_at(&s->live->timer, seat_of(s, plane)->run, at_ns + s->origin_ns);
    else
        ps_live_timer_point(seat_of(s, plane)->run);
    s->armed_ns = at_ns;
    /* Its signal, or a letter's, may have come while another plane's run was the one to leave. */
    if (__atomic_load_n(&s->live->mail.n, __ATOMIC_ACQUIRE))
        return PS_STOP_TIME;
    return now_of(s) < at_ns ? ps_machine_run(s->live->machine, number_of(s, plane)) : PS_STOP_TIME;
}

/* A plane is to run. */
static int bring_in(const struct spell *s, unsigned plane)
{
    struct ps_live_vcpu *live = s->live;
    struct ps_live_plane *its = &live->planes[plane];
    const int from = live->last;
    const int wake = its->sleeps == PS_ASLEEP && !its->waits;
    live->last = (int)plane;
    its->sleeps = PS_AWAKE;
    if (from != (int)plane) {
        live->switches++;
        if (from >= 0 && ps_machine_share(live->machine, number_of(s, (unsigned)from),
                                          number_of(s, plane), live->copy))
            return PS_LIVE_FAILED;
    }
    return wake ? ps_machine_unhalt(live->machine, number_of(s, plane)) : 0;
}

/* Turns of the guest's loop that take so long, with the exit that ends them. */
static unsigned turns_for(struct spell *s, unsigned plane, int64_t ns)
{
    struct ps_live_plane *its = &s->live->planes[plane];
    const int64_t of_it = ns - s->live->exit_ns - its->spent_ns;
    const double turns = of_it > 0 ? (double)of_it * s->live->turns_per_ns : 0;
    its->spent_ns = of_it < 0 ? -of_it : 0; /* it was shorter than its exits: the next one pays */
    return turns < 1 ? 1u : turns > MOST_TURNS ? (unsigned)MOST_TURNS : (unsigned)turns;
}

/* A plane has nothing to do: the guest leaves by a command, or will halt. */
static int give_up_for_real(struct spell *s, unsigned plane)
{
    const struct ps_guest *guest = s->guest;
    ps_vcpu_give_up(s->engine, 0);
    if (guest->status == PS_STATUS_BLOCKED && guest->current == plane) {
        s->live->planes[plane].sleeps = PS_TO_SLEEP;
        return 0;
    }
    ps_machine_give(s->live->machine, number_of(s, plane), PS_DO_RETURN, 0);
    return 1;
}

static int end_job(struct spell *s, unsigned plane)
{
    const struct ps_engine *engine = s->engine;
    const struct ps_node node = engine->pool.nodes[s->guest->queues[plane].head];
    ps_vcpu_finish_job(s->engine, 0);
    ps_live_note_ended(s, plane);
    return node.kind == PS_JOB_FORWARD ? post(s, node.plane, node.source, node.arrival_ns) : 0;
}

/* The plane that runs asks: give it a command. Returns 1 to run it, 0 to look again. */
static int command(struct spell *s, unsigned plane)
{
    struct ps_engine *engine = s->engine;
    struct ps_live_plane *its = &s->live->planes[plane];
    struct ps_machine *machine = s->live->machine;
    const struct ps_vcpu v = vcpu_of(s);
    uint32_t number = 0;
    const int64_t calls_ns = ps_vcpu_time_to_call(engine, 0, &number);
    if (its->serves && s->live->keeps_isr) {
        its->serves = 0;
        ps_machine_give(machine, number_of(s, plane), PS_DO_EOI, 0);
        return 1;
    }
    if (its->n_to_send || calls_ns <= 0) {
        const unsigned leaves = its->n_to_send ? PS_DO_IPI : PS_DO_CALL;
        ps_machine_give(machine, number_of(s, plane), leaves, 0);
        return 1;
    }
    int64_t slice_ns = calls_ns < SLICE_NS ? calls_ns : SLICE_NS;
    if (ps_has(ps_vcpu_able(v), plane)) {
        struct ps_node *job = &engine->pool.nodes[s->guest->queues[plane].head];
        if (job->left_ns <= 0)
            return end_job(s, plane);
        slice_ns = job->left_ns < slice_ns ? job->left_ns : slice_ns;
        job->left_ns -= slice_ns;
    } else if (ps_has(ps_vcpu_eager(v), plane)) {
        slice_ns = BUSY_NS < slice_ns ? BUSY_NS : slice_ns;
    } else {
        return give_up_for_real(s, plane);
    }
    ps_machine_give(machine, number_of(s, plane), PS_DO_COMPUTE, turns_for(s, plane, slice_ns));
    return 1;
}

static void take_vector(struct spell *s, unsigned plane)
{
    struct ps_live_plane *its = &s->live->planes[plane];
    const int64_t now_ns = now_of(s);
    its->serves = 1;
    its->spent_ns += s->live->exit_ns;
    if (its->waits)
        ps_engine_respond(s->engine, its->row, (uint64_t)(now_ns - its->due_ns));
    its->waits = 0;
}

/* What a plane did until its exit is known to the engine. */
static int follow(struct spell *s, unsigned plane, int stop)
{
    uint32_t number = 0;
    s->live->exits++;
    catch_up(s);
    if (stop == PS_STOP_VECTOR)
        take_vector(s, plane);
    /* What came meanwhile may have brought another plane in, whose call it is not. */
    if (stop == PS_STOP_CALL && s->guest->current == plane &&
        ps_vcpu_time_to_call(s->engine, 0, &number) <= 0)
        ps_vcpu_make_call(s->engine, 0, number);
    if (stop == PS_STOP_IPI) {
        s->live->planes[plane].spent_ns += s->live->exit_ns;
        return ps_live_send(s, plane);
    }
    return stop < 0 ? stop : stop == PS_STOP_SIGNAL;
}

static int run_plane(struct spell *s, unsigned plane)
{
    struct ps_live_seat *seat = seat_of(s, plane);
    if (bring_in(s, plane))
        return PS_LIVE_FAILED;
    if (seat->asks) {
        const int go = command(s, plane);
        if (go <= 0)
            return go;
    }
    return follow(s, plane, run_until_deadline(s, plane));
}

/* Have a plane sleep in HLT until the next arrival; it does not count as asleep before it is. */
static int sleep_in_kvm(struct spell *s, unsigned plane)
{
    struct ps_live_vcpu *live = s->live;
    const int seat = number_of(s, plane);
    if (live->planes[plane].sleeps == PS_TO_SLEEP)
        ps_machine_give(live->machine, seat, PS_DO_HALT, 0);
    live->planes[plane].sleeps = PS_ASLEEP;
    int stop = run_until_deadline(s, plane);
    int halted = 0;
    while (stop == PS_STOP_TIME && !(halted = ps_machine_is_halted(live->machine, seat))) {
        ps_live_timer_arm(&live->timer, seat_of(s, plane)->run, A_MOMENT_NS);
        s->armed_ns = -1;
        stop = ps_machine_run(live->machine, seat);
    }
    return halted < 0 ? PS_LIVE_FAILED : follow(s, plane, stop);
}

/* Nothing runs until the next arrival. */
static int wait_for_arrival(struct spell *s)
{
    const unsigned plane = s->guest->current;
    if (s->live->planes[plane].sleeps)
        return sleep_in_kvm(s, plane);
    ps_live_timer_sleep(deadline(s) - now_of(s), &s->live->mail.n);
    return 0;
}

static int one_turn(struct spell *s)
{
    if (let_arrive_until_now(s))
        return PS_LIVE_FAILED;
    if (s->guest->now_ns >= s->until_ns || s->engine->failed)
        return 0;
    if (s->guest->status & PS_STATUS_USER && ps_vcpu_answer_exit(s->engine, 0))
        return 0;
    if (s->guest->status)
        return wait_for_arrival(s);
    return run_plane(s, s->guest->current);
}

int ps_live_advance(struct ps_live_vcpu *live, struct ps_engine *engine, int64_t until_ns)
{
    struct spell s = {live, engine, &engine->guests[0], 0, until_ns, -1};
    int ended = 0;
    if (ps_live_timer_open(&live->timer))
        return ps_machine_fail(live->machine, "timer_create", errno, 0);
    engine->told = 1;
    /* Between two advances no time passes for guests; what the last one took too long, did. */
    s.origin_ns = ps_live_now_ns() - engine->now_ns - live->late_ns;
    while (!ended && s.guest->now_ns < until_ns && !engine->failed)
        ended = one_turn(&s);
    /* What is due by then has arrived, as in a simulation. */
    if (!ended && let_arrive_until_now(&s))
        ended = PS_LIVE_FAILED;
    ps_live_timer_arm(&live->timer, NULL, 0);
    engine->now_ns = s.guest->now_ns;
    live->late_ns = now_of(&s) - engine->now_ns;
    return engine->failed ? ps_machine_fail(live->machine, "memory", ENOMEM, 0) : ended;
}

#endif
