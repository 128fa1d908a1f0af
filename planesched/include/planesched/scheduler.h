/* A userspace scheduler as a function that its owner wrote, in C or whatever compiles to it. */
#ifndef PLANESCHED_SCHEDULER_H
#define PLANESCHED_SCHEDULER_H

#include "step.h"

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
