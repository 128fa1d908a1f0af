/* ps_step on random policies and events: what holds after every step, whatever the policy. That it
 * chooses the right plane is tested against the slow model, in tests/.
 */
#include <string.h>

#include "policies.h"

static void check_state(const struct ps_state *s, unsigned n_planes)
{
    const unsigned beyond = ~((2u << (n_planes - 1)) - 1u);
    const unsigned used = (unsigned)(s->online | s->runnable | s->halted | s->irq | s->masked |
                                     s->noint | s->nmi | s->trap | s->held | s->edge | s->locked |
                                     s->vina | s->vina_asserted | s->req_exit | s->unstarted);
    CHECK((used & beyond) == 0);
    CHECK(s->online != 0);
    CHECK(s->current >= 0 && (unsigned)s->current < n_planes);
    CHECK(s->status <= PS_STATUS_BLOCKED);
}

static void check_outcome(const struct ps_state *before, const struct ps_state *after,
                          struct ps_outcome out)
{
    CHECK(out.was == before->current && out.now == after->current);
    CHECK(!(out.flags & PS_FLAG_USER) == !(after->status & PS_STATUS_USER));
    CHECK(!(out.flags & PS_FLAG_BLOCKED) == !(after->status & PS_STATUS_BLOCKED));
    CHECK(!(out.flags & PS_FLAG_SWITCHED) == (out.was == out.now));
    CHECK(!(out.flags & PS_FLAG_SWITCHED) || !(out.flags & PS_FLAG_BOUNCED));
    if (out.fault) {
        CHECK(memcmp(before, after, sizeof *before) == 0);
        CHECK((out.flags & ~(PS_FLAG_USER | PS_FLAG_BLOCKED)) == 0);
        CHECK(out.reason == PS_REASON_NONE);
    }
    if (out.flags & PS_FLAG_INJECTED)
        CHECK(!ps_has((uint16_t)(after->irq | after->masked | after->noint | after->unstarted),
                      (unsigned)out.now));
}

static void walk(uint64_t *seed, unsigned n_planes, unsigned n_steps)
{
    const struct ps_policy policy = random_policy(seed, n_planes);
    const unsigned all = (2u << (n_planes - 1)) - 1u;
    const unsigned some = random_32(seed) & all;
    struct ps_state s = ps_boot(&policy, (uint16_t)(some | ps_bit(policy.boot)));
    check_state(&s, n_planes);
    for (unsigned i = 0; i < n_steps; i++) {
        const unsigned event = random_below(seed, PS_N_EVENTS);
        const unsigned plane =
            ps_takes_plane(&policy, event) ? random_below(seed, n_planes) : 0;
        struct ps_state before = s, again = s;
        const struct ps_outcome out = ps_step(&policy, &s, event, plane);
        const struct ps_outcome same = ps_step(&policy, &again, event, plane);
        CHECK(memcmp(&out, &same, sizeof out) == 0 && memcmp(&s, &again, sizeof s) == 0);
        check_state(&s, n_planes);
        check_outcome(&before, &s, out);
    }
}

int main(void)
{
    uint64_t seed = 1;
    CHECK(sizeof(struct ps_state) == 32 && sizeof(struct ps_outcome) == 8);
    for (unsigned round = 0; round < 2000; round++)
        walk(&seed, 1 + round % PS_MAX_PLANES, 1000);
    return 0;
}
