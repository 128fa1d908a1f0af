/* Livelocks: a vCPU whose planes hand it round and round and never work. */
#include "engine/parts.h"

static void note_livelock(struct ps_guest *guest)
{
    if (!guest->livelocks)
        guest->livelock_ns = guest->seen_ns;
    guest->livelocks++;
    guest->livelock_planes = (uint16_t)(guest->livelock_planes | guest->seen_planes);
    guest->idle_steps = PS_NOTED;
    guest->stuck = guest->seen_ns == guest->now_ns;
}

/* A step without progress. If the same state comes again before anything arrives, works or ends,
 * then it comes for ever: what follows depends on nothing else. Where the circle takes no time
 * either, the vCPU stays in it until something arrives. */
void ps_guest_watch(struct ps_guest *guest, const struct ps_state *s, unsigned least)
{
    if (guest->idle_steps == PS_NOTED || ++guest->idle_steps < PS_PATIENT_STEPS)
        return;
    if (guest->idle_steps == PS_PATIENT_STEPS) {
        guest->lap = PS_PATIENT_STEPS;
    } else {
        guest->seen_planes = (uint16_t)(guest->seen_planes | ps_bit((unsigned)s->current));
        if (guest->idle_steps >= least && guest->left == guest->seen_left &&
            !memcmp(&guest->seen, s, sizeof *s)) {
            note_livelock(guest);
            return;
        }
        if (guest->idle_steps - guest->seen_at < guest->lap)
            return;
        guest->lap *= 2;
    }
    guest->seen = *s;
    guest->seen_ns = guest->now_ns;
    guest->seen_at = guest->idle_steps;
    guest->seen_left = guest->left;
    guest->seen_planes = 0;
}
