/* What things cost on this host: each sample is the time between two readings of one clock. */
#define _GNU_SOURCE
#include "live/parts.h"

#if PS_LIVE

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#define WATCHDOG_NS INT64_C(1000000000)
#define ASLEEP_NS INT64_C(200000)      /* a guest that was told to halt mostly does, in this time */
#define BEFORE_POSTING_NS INT64_C(300000) /* longer than KVM polls for a halted vCPU (200 us) */

int64_t ps_live_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void ps_sample_clock(int64_t *ns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t began = ps_live_now_ns();
        ns[i] = ps_live_now_ns() - began;
    }
}

/* What a sample that did not end as it should returns: what was done, where a signal came. */
static int64_t unexpected(struct ps_machine *machine, int stop, size_t done)
{
    if (stop == PS_STOP_SIGNAL)
        return (int64_t)done;
    if (stop >= 0)
        return ps_machine_fail(machine, "the guest did not do as it was told", 0, (uint64_t)stop);
    return stop;
}

/* Run a seat until it asks, and takes nothing any more. */
static int to_ask(struct ps_machine *machine, int seat)
{
    struct ps_live_seen seen;
    if (ps_machine_settle(machine, seat, PS_LIVE_TOOK, WATCHDOG_NS, &seen))
        return PS_LIVE_FAILED;
    return seen.stop;
}

int64_t ps_sample_exit(struct ps_machine *machine, int seat, int64_t *ns, size_t n)
{
    int stop = to_ask(machine, seat);
    for (size_t i = 0; i < n; i++) {
        if (stop != PS_STOP_ASKS)
            return unexpected(machine, stop, i);
        const int64_t began = ps_live_now_ns();
        stop = ps_machine_run(machine, seat);
        ns[i] = ps_live_now_ns() - began;
    }
    return stop == PS_STOP_ASKS ? (int64_t)n : unexpected(machine, stop, n - 1);
}

static void sweep_caches(uint8_t *sweep, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        sweep[i]++;
}

static int64_t alternate(struct ps_machine *machine, const int seats[2], int copy,
                         struct ps_live_sweep sweep, int64_t *ns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sweep_caches(sweep.bytes, sweep.n_bytes);
        const int from = seats[i % 2], to = seats[1 - i % 2];
        const int64_t began = ps_live_now_ns();
        const int shared = ps_machine_share(machine, from, to, copy);
        const int stop = shared ? shared : ps_machine_run(machine, to);
        ns[i] = ps_live_now_ns() - began;
        if (stop != PS_STOP_ASKS)
            return unexpected(machine, stop, i);
    }
    return (int64_t)n;
}

int64_t ps_sample_switch(struct ps_machine *machine, const int seats[2], int copy,
                         struct ps_live_sweep sweep, int64_t *ns, size_t n)
{
    int stop = PS_STOP_ASKS;
    for (int i = 0; i < 2; i++)
        ps_machine_shows_registers(machine, seats[i], copy == PS_COPY_SHARED);
    for (int i = 0; i < 2 && stop == PS_STOP_ASKS; i++)
        stop = to_ask(machine, seats[i]);
    const int64_t done = stop == PS_STOP_ASKS ? alternate(machine, seats, copy, sweep, ns, n)
                                              : unexpected(machine, stop, 0);
    for (int i = 0; i < 2; i++)
        ps_machine_shows_registers(machine, seats[i], 0);
    return done;
}

/* End what is in service, and see that nothing more comes. */
static int end_service(struct ps_machine *machine, int seat)
{
    const int stop = to_ask(machine, seat);
    if (stop != PS_STOP_ASKS)
        return stop;
    ps_machine_give(machine, seat, PS_DO_EOI, 0);
    return to_ask(machine, seat);
}

static int put_to_sleep(struct ps_machine *machine, int seat)
{
    struct ps_live_seen seen;
    ps_machine_give(machine, seat, PS_DO_HALT, 0);
    do {
        if (ps_machine_settle(machine, seat, 1, ASLEEP_NS, &seen))
            return PS_LIVE_FAILED;
    } while (seen.stop == PS_STOP_TIME && !ps_machine_is_halted(machine, seat));
    return seen.stop;
}

int64_t ps_sample_post(struct ps_machine *machine, int seat, int halted, unsigned vector,
                       int64_t *ns, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int stop = end_service(machine, seat);
        if (stop == PS_STOP_ASKS && halted)
            stop = put_to_sleep(machine, seat);
        if (stop != (halted ? PS_STOP_TIME : PS_STOP_ASKS))
            return unexpected(machine, stop, i);
        const int64_t began = ps_live_now_ns();
        if (ps_machine_post(machine, seat, vector) < 0)
            return PS_LIVE_FAILED;
        stop = ps_machine_run(machine, seat);
        ns[i] = ps_live_now_ns() - began;
        if (stop != PS_STOP_VECTOR)
            return unexpected(machine, stop, i);
    }
    return (int64_t)n;
}

/* The thread that posts: it is told to, waits until the guest is surely under way, and posts. */
struct poster {
    struct ps_machine *machine;
    int seat, core;
    unsigned vector, turns;
    int told, ends; /* atomic */
    int64_t posted_ns; /* atomic; 0 is not yet */
};

static void *post_when_told(void *argument)
{
    struct poster *poster = (struct poster *)argument;
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (poster->core >= 0) {
        CPU_SET((unsigned)poster->core, &cores);
        (void)pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
    }
    uint32_t jitter = 1;
    while (!__atomic_load_n(&poster->ends, __ATOMIC_ACQUIRE)) {
        if (!__atomic_exchange_n(&poster->told, 0, __ATOMIC_ACQ_REL)) {
            sched_yield();
            continue;
        }
        jitter = jitter * 1664525u + 1013904223u; /* at no fixed place in the guest's loop */
        const int64_t due = ps_live_now_ns() + BEFORE_POSTING_NS + (jitter >> 16);
        while (ps_live_now_ns() < due)
            ;
        const int64_t now = ps_live_now_ns();
        (void)ps_machine_post(poster->machine, poster->seat, poster->vector);
        __atomic_store_n(&poster->posted_ns, now, __ATOMIC_RELEASE);
    }
    return NULL;
}

/* Have a seat compute again and again, or halt, until it takes the vector. */
static int until_vector(struct ps_machine *machine, int seat, unsigned turns)
{
    int stop;
    do {
        ps_machine_give(machine, seat, turns ? PS_DO_COMPUTE : PS_DO_HALT, turns);
        stop = ps_machine_run(machine, seat);
    } while (stop == PS_STOP_ASKS);
    return stop;
}

static int64_t sample_posted(struct poster *poster, int64_t *ns, size_t n)
{
    struct ps_machine *machine = poster->machine;
    for (size_t i = 0; i < n; i++) {
        int stop = end_service(machine, poster->seat);
        if (stop != PS_STOP_ASKS)
            return unexpected(machine, stop, i);
        poster->posted_ns = 0;
        __atomic_store_n(&poster->told, 1, __ATOMIC_RELEASE);
        ps_live_timer_arm(&machine->timer, machine->seats[poster->seat].run, WATCHDOG_NS);
        stop = until_vector(machine, poster->seat, poster->turns);
        const int64_t taken = ps_live_now_ns();
        ps_live_timer_arm(&machine->timer, NULL, 0);
        if (stop != PS_STOP_VECTOR)
            return unexpected(machine, stop, i);
        int64_t posted;
        while (!(posted = __atomic_load_n(&poster->posted_ns, __ATOMIC_ACQUIRE)))
            sched_yield();
        ns[i] = taken - posted;
    }
    return (int64_t)n;
}

int64_t ps_sample_posted(struct ps_machine *machine, int seat, unsigned turns, int core,
                         unsigned vector, int64_t *ns, size_t n)
{
    struct poster poster = {machine, seat, core, vector, turns, 0, 0, 0};
    pthread_t thread;
    if (ps_live_timer_open(&machine->timer))
        return ps_machine_fail(machine, "timer_create", errno, 0);
    const int error = pthread_create(&thread, NULL, post_when_told, &poster);
    if (error)
        return ps_machine_fail(machine, "pthread_create", error, 0);
    const int64_t done = sample_posted(&poster, ns, n);
    __atomic_store_n(&poster.ends, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    return done;
}

int64_t ps_sample_compute(struct ps_machine *machine, int seat, unsigned turns, int64_t *ns,
                          size_t n)
{
    int stop = to_ask(machine, seat);
    for (size_t i = 0; i < n; i++) {
        if (stop != PS_STOP_ASKS)
            return unexpected(machine, stop, i);
        ps_machine_give(machine, seat, PS_DO_COMPUTE, turns);
        const int64_t began = ps_live_now_ns();
        stop = ps_machine_run(machine, seat);
        ns[i] = ps_live_now_ns() - began;
    }
    return stop == PS_STOP_ASKS ? (int64_t)n : unexpected(machine, stop, n - 1);
}

#endif
