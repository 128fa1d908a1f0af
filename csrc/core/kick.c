/* The acts of posting, kick and look. A set of flags is a mask as a set of planes is; where there
 * is one flag for the vCPU, it is bit 0.
 *
 * Longer than 300 lines because it is one text: every act and property stands here once.
 */
#include "core/kick.h"

/* ---- What the acts ask ---- */

static int by_host(const struct ps_kick_system *sys)
{
    return sys->protocol.looker == PS_NO_PLANE;
}

static int looker_runs(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    return (unsigned)k->s.current == sys->protocol.looker && k->s.status == 0;
}

static uint16_t flag_of(const struct ps_kick_system *sys, unsigned plane)
{
    return sys->protocol.scope == PS_SCOPE_PLANE ? ps_bit(plane) : (uint16_t)1;
}

/* The flag that a kick raises; where it raises none, the latch that it shuts is the target's. */
static uint16_t booked(const struct ps_kick_system *sys, const struct ps_kicked *k, unsigned plane)
{
    const int current = sys->protocol.book == PS_BOOK_CURRENT;
    return flag_of(sys, current ? (unsigned)k->s.current : plane);
}

static uint16_t flags_of(const struct ps_kick_system *sys, uint16_t cover)
{
    return sys->protocol.scope == PS_SCOPE_PLANE ? cover : (uint16_t)(cover != 0);
}

static unsigned recheck_of(const struct ps_kick_system *sys, int asleep)
{
    return asleep ? sys->protocol.recheck_sleep : sys->protocol.recheck_entry;
}

static int is_blocked(const struct ps_kicked *k)
{
    return (k->s.status & PS_STATUS_BLOCKED) != 0;
}

static int is_user(const struct ps_kicked *k)
{
    return (k->s.status & PS_STATUS_USER) != 0;
}

static void use_up(const struct ps_kick_system *sys, struct ps_kicked *k, uint16_t cover)
{
    const uint16_t flags = flags_of(sys, cover);
    const uint16_t opened = sys->protocol.suppress == PS_SUPPRESS_CURRENT
                                ? flag_of(sys, (unsigned)k->s.current) : flags;
    k->kick = (uint16_t)(k->kick & ~flags);
    k->mute = (uint16_t)(k->mute & ~opened);
}

/* ---- Senders ---- */

/* The acts of a send in order, by order, whether it kicks, and whether it posts. */
struct program {
    uint8_t n, acts[3];
};

static const struct program programs[3][2][2] = {
    {{{0, {0}}, {1, {PS_KICK_POST}}},
     {{1, {PS_KICK_KICK}}, {2, {PS_KICK_POST, PS_KICK_KICK}}}},
    {{{0, {0}}, {1, {PS_KICK_POST}}},
     {{1, {PS_KICK_KICK}}, {2, {PS_KICK_KICK, PS_KICK_POST}}}},
    {{{0, {0}}, {1, {PS_KICK_POST}}},
     {{2, {PS_KICK_TEST, PS_KICK_KICK}}, {3, {PS_KICK_TEST, PS_KICK_POST, PS_KICK_KICK}}}},
};

static const struct program *program_of(const struct ps_kick_system *sys, unsigned send)
{
    return &programs[sys->protocol.order][sys->sends[send].kicks != 0]
                    [sys->sends[send].posts != 0];
}

int ps_kick_next(const struct ps_kick_system *sys, const struct ps_kicked *k, unsigned send)
{
    const struct program *program = program_of(sys, send);
    const unsigned done = k->places[send] & PS_PLACE_DONE;
    return done < program->n ? program->acts[done] : -1;
}

static int half_way(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    for (unsigned i = 0; i < sys->n_sends; i++)
        if (k->places[i] & PS_PLACE_DONE && ps_kick_next(sys, k, i) >= 0)
            return 1;
    return 0;
}

static int is_posted(const struct ps_kicked *k, const struct ps_send *send)
{
    return ps_has(send->nmi ? k->pnmi : k->posted, send->plane) != 0;
}

/* What is due of a kick now: PS_PLACE_KICK, PS_PLACE_SIGNAL. */
static unsigned due(const struct ps_kick_system *sys, const struct ps_kicked *k,
                    const struct ps_send *send)
{
    const struct ps_protocol *protocol = &sys->protocol;
    const int resting = k->phase == PS_PHASE_IN;
    const int runs = (unsigned)k->s.current == send->plane && k->s.status == 0 &&
                     (resting || !by_host(sys));
    unsigned found = 0;
    if (!((protocol->when == PS_WHEN_FIRST && protocol->order == PS_KICK_FIRST &&
           is_posted(k, send)) ||
          (protocol->when == PS_WHEN_OTHER && runs) ||
          (protocol->when == PS_WHEN_RESTING && !resting) ||
          k->mute & booked(sys, k, send->plane)))
        found |= PS_PLACE_KICK;
    if (!(protocol->signal == PS_SIGNAL_NONE ||
          (protocol->signal == PS_SIGNAL_EXIT && is_blocked(k)) ||
          (protocol->signal == PS_SIGNAL_WAKE && !is_blocked(k)) || (by_host(sys) && !resting)))
        found |= PS_PLACE_SIGNAL;
    return found;
}

/* A sender goes on; one that is over and may repeat stands at its beginning. */
static void advance(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned send, int over)
{
    const unsigned n = program_of(sys, send)->n;
    const unsigned done = over ? n : (k->places[send] & PS_PLACE_DONE) + 1u;
    if (done < n)
        k->places[send] = (uint8_t)((k->places[send] & ~PS_PLACE_DONE) | done);
    else
        k->places[send] = (uint8_t)(sys->repeat ? 0u : done);
}

static void do_post(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned number)
{
    const struct ps_send *send = &sys->sends[number];
    if (!by_host(sys) &&
        !ps_has(ps_below(&sys->policy, k->s.locked, sys->protocol.looker), send->plane)) {
        ps_step(&sys->policy, &k->s, send->nmi ? PS_EVENT_NMI : PS_EVENT_IRQ, send->plane);
        advance(sys, k, number, 1);
        return;
    }
    const int over = is_posted(k, send) && sys->protocol.when == PS_WHEN_FIRST &&
                     sys->protocol.order != PS_KICK_FIRST;
    uint16_t *mask = send->nmi ? &k->pnmi : &k->posted;
    *mask = (uint16_t)(*mask | ps_bit(send->plane));
    advance(sys, k, number, over);
}

static void do_kick(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned number)
{
    const struct ps_send *send = &sys->sends[number];
    const unsigned place = k->places[number];
    const unsigned now = place & PS_PLACE_TESTED ? place : due(sys, k, send);
    k->places[number] = (uint8_t)(place & PS_PLACE_DONE);
    advance(sys, k, number, 0);
    if (!(now & PS_PLACE_KICK))
        return;
    const uint16_t flag = booked(sys, k, send->plane);
    if (sys->protocol.suppress != PS_SUPPRESS_OFF)
        k->mute = (uint16_t)(k->mute | flag);
    if (sys->protocol.book != PS_BOOK_NONE) {
        k->kick = (uint16_t)(k->kick | flag);
        k->seen = (uint16_t)(k->seen & ~flag);
    }
    if (!(now & PS_PLACE_SIGNAL))
        return;
    if (!by_host(sys))
        ps_step(&sys->policy, &k->s, PS_EVENT_IRQ, sys->protocol.looker);
    else if (k->phase == PS_PHASE_IN)
        k->phase = PS_PHASE_OUT;
}

static int do_send(const struct ps_kick_system *sys, struct ps_kicked *k, struct ps_kick_act act)
{
    if (act.number >= sys->n_sends || ps_kick_next(sys, k, act.number) != act.kind)
        return -1;
    if (act.kind == PS_KICK_POST) {
        do_post(sys, k, act.number);
    } else if (act.kind == PS_KICK_KICK) {
        do_kick(sys, k, act.number);
    } else {
        const unsigned found = due(sys, k, &sys->sends[act.number]);
        k->places[act.number] = (uint8_t)(1u | PS_PLACE_TESTED | found);
    }
    return 0;
}

/* ---- The looker ---- */

static uint16_t covered(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    if (sys->protocol.scope == PS_SCOPE_PLANE || !k->kick)
        return k->kick;
    if (sys->protocol.scope == PS_SCOPE_VCPU)
        return k->s.online;
    return ps_bit(ps_first(&sys->policy, k->s.locked, k->s.online));
}

static int do_look(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned *broken)
{
    const uint16_t cover = covered(sys, k);
    if (k->phase != PS_PHASE_OUT)
        return -1;
    k->phase = cover ? PS_PHASE_LOOKING : PS_PHASE_LOOKED;
    k->look = cover;
    if (!cover)
        return 0;
    if (flags_of(sys, cover) & k->seen)
        *broken |= PS_BROKEN_TWICE;
    if (sys->protocol.consume == PS_CONSUME_BEFORE)
        use_up(sys, k, cover);
    else if (sys->protocol.consume == PS_CONSUME_NEVER)
        k->seen = (uint16_t)(k->seen | flags_of(sys, cover));
    return 0;
}

/* Take the posted events of some planes in order of rank, an NMI before an interrupt. Returns the
 * flags of all outcomes together. */
static unsigned take_posted(const struct ps_kick_system *sys, struct ps_kicked *k, uint16_t planes)
{
    unsigned flags = 0;
    uint16_t waiting;
    while ((waiting = (uint16_t)(planes & (k->posted | k->pnmi))) != 0) {
        const unsigned plane = ps_first(&sys->policy, k->s.locked, waiting);
        const unsigned nmi = ps_has(k->pnmi, plane);
        uint16_t *mask = nmi ? &k->pnmi : &k->posted;
        *mask = (uint16_t)(*mask & ~ps_bit(plane));
        flags |= ps_step(&sys->policy, &k->s, nmi ? PS_EVENT_NMI : PS_EVENT_IRQ, plane).flags;
    }
    return flags;
}

static int do_take(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    if (k->phase != PS_PHASE_LOOKING)
        return -1;
    take_posted(sys, k, k->look);
    k->phase = PS_PHASE_TAKEN;
    if (sys->protocol.consume != PS_CONSUME_AFTER) {
        k->look = 0;
        k->phase = PS_PHASE_LOOKED;
    }
    return 0;
}

static int do_end(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    if (k->phase != PS_PHASE_TAKEN)
        return -1;
    use_up(sys, k, k->look);
    k->look = 0;
    k->phase = PS_PHASE_LOOKED;
    return 0;
}

static int do_check(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    const int early = by_host(sys) ? recheck_of(sys, is_blocked(k)) == PS_RECHECK_EARLY
                                   : recheck_of(sys, 0) == PS_RECHECK_EARLY ||
                                         recheck_of(sys, 1) == PS_RECHECK_EARLY;
    if (k->phase != PS_PHASE_LOOKED || !early)
        return -1;
    k->phase = k->kick ? PS_PHASE_OUT : PS_PHASE_COMMITTED;
    return 0;
}

/* The host enters, or sleeps. */
static int do_rest(const struct ps_kick_system *sys, struct ps_kicked *k, int asleep,
                   unsigned *broken)
{
    const unsigned when = recheck_of(sys, asleep);
    const unsigned from = when == PS_RECHECK_EARLY ? PS_PHASE_COMMITTED : PS_PHASE_LOOKED;
    if (!by_host(sys) || is_blocked(k) != asleep || k->phase != from)
        return -1;
    if (when == PS_RECHECK_LAST && k->kick) {
        k->phase = PS_PHASE_OUT;
        return 0;
    }
    *broken |= k->kick ? PS_BROKEN_OWED : 0u;
    k->phase = PS_PHASE_IN;
    return 0;
}

static int do_looker(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned kind,
                     unsigned *broken)
{
    if (is_user(k) || !(by_host(sys) || looker_runs(sys, k)))
        return -1;
    switch (kind) {
    case PS_KICK_LOOK:
        return do_look(sys, k, broken);
    case PS_KICK_TAKE:
        return do_take(sys, k);
    case PS_KICK_END:
        return do_end(sys, k);
    case PS_KICK_CHECK:
        return do_check(sys, k);
    default:
        return do_rest(sys, k, kind == PS_KICK_SLEEP, broken);
    }
}

static int do_answer(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    const int host = by_host(sys);
    if (!is_user(k) || (host && k->phase != PS_PHASE_OUT && k->phase != PS_PHASE_LOOKED))
        return -1;
    const unsigned plane = ps_default_pick(&sys->policy, &k->s);
    if (plane == PS_NO_PLANE)
        return -1;
    const struct ps_state before = k->s;
    if (sys->policy.scheduler == PS_SCHEDULER_USER)
        k->s.req_exit = ps_requests(&sys->policy, &k->s, plane);
    if (ps_step(&sys->policy, &k->s, PS_EVENT_ENTER, plane).fault) {
        k->s = before;
        return -1;
    }
    if (host)
        k->phase = PS_PHASE_OUT;
    return 0;
}

/* ---- Everything else ---- */

static int do_poll(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    const unsigned how = sys->protocol.poll;
    if (!by_host(sys) || how == PS_POLL_OFF || k->phase != PS_PHASE_IN ||
        !(how == PS_POLL_REST || is_blocked(k)))
        return -1;
    k->kick = (uint16_t)(k->kick | flags_of(sys, k->s.online));
    k->phase = PS_PHASE_OUT;
    return 0;
}

static int do_restore(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    if (sys->protocol.restore != PS_RESTORE_LOST || k->phase != PS_PHASE_OUT || k->restored ||
        half_way(sys, k))
        return -1;
    k->kick = k->mute = k->seen = 0;
    k->restored = 1;
    return 0;
}

/* The re-check of a looker plane's halt, call or return in this phase, or -1: not possible. */
static int may_leave(const struct ps_kick_system *sys, const struct ps_kicked *k, unsigned event)
{
    const unsigned when = recheck_of(sys, event == PS_EVENT_HALT);
    if (by_host(sys) || !looker_runs(sys, k))
        return -1;
    if (k->phase != PS_PHASE_COMMITTED &&
        (k->phase != PS_PHASE_LOOKED || when == PS_RECHECK_EARLY))
        return -1;
    return (int)when;
}

static int do_leave(const struct ps_kick_system *sys, struct ps_kicked *k, unsigned event,
                    unsigned plane, unsigned *broken)
{
    const int when = may_leave(sys, k, event);
    const uint16_t below = ps_below(&sys->policy, k->s.locked, sys->protocol.looker);
    const int names = event == PS_EVENT_CALL && sys->policy.call != PS_CALL_NEXT;
    if (when < 0 || (names && plane == sys->protocol.looker) ||
        (event == PS_EVENT_HALT && ps_deliverable(&sys->policy, &k->s) & below))
        return -1;
    const struct ps_state before = k->s;
    if (ps_step(&sys->policy, &k->s, event, plane).fault)
        return -1;
    if (when == PS_RECHECK_LAST && k->kick) {
        k->s = before;
        k->phase = PS_PHASE_OUT;
        return 0;
    }
    *broken |= k->kick ? PS_BROKEN_OWED : 0u;
    k->phase = PS_PHASE_IN;
    return 0;
}

static int do_guest(const struct ps_kick_system *sys, struct ps_kicked *k, struct ps_kick_act act,
                    unsigned *broken)
{
    const unsigned plane = act.number == PS_KICK_SELF ? (unsigned)k->s.current : act.number;
    const int leaves = ps_among(PS_GUEST_EVENTS, act.event) != 0;
    if (k->s.status)
        return -1;
    if (!by_host(sys) && looker_runs(sys, k))
        return leaves ? do_leave(sys, k, act.event, plane, broken) : -1;
    if (by_host(sys) && k->phase != PS_PHASE_IN)
        return -1;
    if (ps_step(&sys->policy, &k->s, act.event, plane).fault)
        return -1;
    if (by_host(sys) && (leaves || is_user(k)))
        k->phase = PS_PHASE_OUT;
    return 0;
}

int ps_kick_do(const struct ps_kick_system *sys, struct ps_kicked *k, struct ps_kick_act act,
               unsigned *broken)
{
    int result;
    if (act.kind <= PS_KICK_KICK)
        result = do_send(sys, k, act);
    else if (act.kind <= PS_KICK_SLEEP)
        result = do_looker(sys, k, act.kind, broken);
    else if (act.kind == PS_KICK_ANSWER)
        result = do_answer(sys, k);
    else if (act.kind == PS_KICK_POLL)
        result = do_poll(sys, k);
    else if (act.kind == PS_KICK_RESTORE)
        result = do_restore(sys, k);
    else
        result = do_guest(sys, k, act, broken);
    if (result == 0 && k->phase == PS_PHASE_IN && looker_runs(sys, k))
        k->phase = PS_PHASE_OUT; /* a looker plane that runs again is no longer away */
    return result;
}

struct ps_kicked ps_kick_start(const struct ps_kick_system *sys, const struct ps_state *s)
{
    struct ps_kicked k;
    memset(&k, 0, sizeof k);
    k.s = *s;
    if (!by_host(sys) && sys->protocol.looker != (unsigned)s->current)
        k.phase = PS_PHASE_IN;
    return k;
}

/* ---- Properties ---- */

/* A look matters: the posted events would change something if they were taken now. */
static int matters(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    const uint16_t waiting = (uint16_t)(k->posted | k->pnmi);
    if (!waiting)
        return 0;
    struct ps_kicked trial = *k;
    if (!by_host(sys)) {
        ps_step(&sys->policy, &trial.s, PS_EVENT_IRQ, sys->protocol.looker);
        if (!looker_runs(sys, &trial))
            return 0;
        take_posted(sys, &trial, waiting);
        return (ps_deliverable(&sys->policy, &trial.s) & waiting) != 0;
    }
    const unsigned flags = take_posted(sys, &trial, waiting);
    const unsigned noticed = PS_FLAG_SWITCHED | PS_FLAG_INJECTED | PS_FLAG_NMI | PS_FLAG_VINA;
    return (flags & noticed) != 0 || (is_blocked(k) && !is_blocked(&trial)) ||
           (is_user(&trial) && !is_user(k));
}

static int polled(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    struct ps_kicked trial = *k;
    return do_poll(sys, &trial) == 0;
}

static unsigned lost(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    if (k->phase != PS_PHASE_IN || is_user(k) || half_way(sys, k) || polled(sys, k) ||
        !matters(sys, k))
        return 0;
    return is_blocked(k) ? PS_BROKEN_LOST_ASLEEP : PS_BROKEN_LOST_RUNNING;
}

/* A looker plane stands where it may leave and would not be refused. */
static int free_to_leave(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    const int halt = may_leave(sys, k, PS_EVENT_HALT), other = may_leave(sys, k, PS_EVENT_RETURN);
    return (halt >= 0 && !(halt == PS_RECHECK_LAST && k->kick)) ||
           (other >= 0 && !(other == PS_RECHECK_LAST && k->kick));
}

int ps_kick_looker_next(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    if (is_user(k))
        return by_host(sys) && k->phase != PS_PHASE_OUT && k->phase != PS_PHASE_LOOKED
                   ? -1 : PS_KICK_ANSWER;
    if (!by_host(sys) && !looker_runs(sys, k))
        return -1;
    const int early = recheck_of(sys, is_blocked(k)) == PS_RECHECK_EARLY ||
                      (!by_host(sys) && recheck_of(sys, 1) == PS_RECHECK_EARLY);
    switch (k->phase) {
    case PS_PHASE_OUT:
        return PS_KICK_LOOK;
    case PS_PHASE_LOOKING:
        return PS_KICK_TAKE;
    case PS_PHASE_TAKEN:
        return PS_KICK_END;
    case PS_PHASE_LOOKED:
        if (early)
            return PS_KICK_CHECK;
        break;
    case PS_PHASE_COMMITTED:
        break;
    default:
        return -1;
    }
    return !by_host(sys) ? -1 : is_blocked(k) ? PS_KICK_SLEEP : PS_KICK_ENTER;
}

/* The looker does the one thing that it can; one that cannot happen changes nothing. Returns -1
 * where that is nothing. */
static int go_on(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    const int kind = ps_kick_looker_next(sys, k);
    unsigned broken = 0;
    if (kind >= 0) {
        const struct ps_kick_act act = {(uint8_t)kind, 0, 0};
        if (ps_kick_do(sys, k, act, &broken) == 0)
            return 0;
    }
    if (may_leave(sys, k, PS_EVENT_RETURN) != PS_RECHECK_LAST || !k->kick)
        return -1;
    k->phase = PS_PHASE_OUT; /* its attempt to leave is refused */
    return 0;
}

static int rests(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    return k->phase == PS_PHASE_IN || free_to_leave(sys, k);
}

/* Follow the looker until it rests. Returns 0, or -1 where it never does: its acts are determined,
 * so it is enough to meet one state twice (Brent). Most rest after a few acts. */
static int come_to_rest(const struct ps_kick_system *sys, struct ps_kicked *k)
{
    for (unsigned i = 0; i < 16u; i++)
        if (rests(sys, k) || go_on(sys, k) != 0)
            return 0;
    struct ps_kicked mark = *k;
    unsigned power = 1, length = 0;
    while (!rests(sys, k)) {
        if (go_on(sys, k) != 0)
            return 0;
        if (memcmp(&mark, k, sizeof mark) == 0)
            return -1;
        if (++length == power) {
            mark = *k;
            power *= 2;
            length = 0;
        }
    }
    return 0;
}

unsigned ps_kick_broken(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    struct ps_kicked trial = *k;
    return lost(sys, k) | (come_to_rest(sys, &trial) != 0 ? PS_BROKEN_LOOP : 0u);
}

unsigned ps_kick_broken_after(const struct ps_kick_system *sys, const struct ps_kicked *k,
                              struct ps_kick_act act)
{
    const unsigned last = by_host(sys) ? PS_KICK_ANSWER : PS_KICK_END;
    return act.kind >= PS_KICK_LOOK && act.kind <= last ? lost(sys, k) : ps_kick_broken(sys, k);
}

int ps_kick_heals(const struct ps_kick_system *sys, const struct ps_kicked *k)
{
    const uint16_t waiting = (uint16_t)(k->posted | k->pnmi);
    for (unsigned plane = 0; plane < PS_MAX_PLANES; plane++) {
        if (!ps_has(waiting, plane))
            continue;
        struct ps_kick_system one = *sys;
        struct ps_kicked trial = *k;
        unsigned broken = 0;
        one.n_sends = 1;
        one.repeat = 0;
        one.sends[0] = (struct ps_send){ps_has(k->pnmi, plane) != 0, (uint8_t)plane, 1, 1};
        memset(trial.places, 0, sizeof trial.places);
        for (int kind; (kind = ps_kick_next(&one, &trial, 0)) >= 0;) {
            const struct ps_kick_act act = {(uint8_t)kind, 0, 0};
            (void)ps_kick_do(&one, &trial, act, &broken);
        }
        if (come_to_rest(&one, &trial) == 0 && !lost(&one, &trial))
            return 1;
    }
    return 0;
}
