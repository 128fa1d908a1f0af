/* A timer that ends a KVM_RUN: its signal comes to the thread, and its handler has the run left.
 *
 * A signal alone would be lost where it comes just before the ioctl; KVM looks at immediate_exit as
 * it begins. */
#define _GNU_SOURCE
#include "live/parts.h"

#if PS_LIVE

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
#define TIMER_SIGNAL (SIGRTMAX - 3)

static _Thread_local struct kvm_run *volatile armed;

static void leave_run(int signal)
{
    struct kvm_run *run = armed;
    (void)signal;
    if (run)
        run->immediate_exit = 1;
}

int ps_live_timer_open(struct ps_live_timer *timer)
{
    const int thread = (int)syscall(SYS_gettid);
    struct sigaction action;
    struct sigevent event;
    timer_t id;
    if (timer->thread == thread)
        return 0;
    ps_live_timer_close(timer);
    memset(&action, 0, sizeof action);
    action.sa_handler = leave_run;
    if (sigaction(TIMER_SIGNAL, &action, NULL))
        return -1;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = TIMER_SIGNAL;
    event.sigev_notify_thread_id = thread;
    if (timer_create(CLOCK_MONOTONIC, &event, &id))
        return -1;
    timer->id = id;
    __atomic_store_n(&timer->thread, thread, __ATOMIC_RELEASE);
    return 0;
}

void ps_live_timer_close(struct ps_live_timer *timer)
{
    if (timer->thread)
        timer_delete(timer->id);
    __atomic_store_n(&timer->thread, 0, __ATOMIC_RELEASE);
}

static void set_timer(const struct ps_live_timer *timer, struct kvm_run *run, int flags, int64_t ns)
{
    struct itimerspec when;
    memset(&when, 0, sizeof when);
    when.it_value.tv_sec = ns / 1000000000;
    when.it_value.tv_nsec = ns % 1000000000;
    armed = run;
    timer_settime(timer->id, flags, &when, NULL);
}

void ps_live_timer_arm(const struct ps_live_timer *timer, struct kvm_run *run, int64_t ns)
{
    set_timer(timer, run, 0, ns);
}

void ps_live_timer_at(const struct ps_live_timer *timer, struct kvm_run *run, int64_t at_ns)
{
    set_timer(timer, run, TIMER_ABSTIME, at_ns);
}

void ps_live_timer_kick(const struct ps_live_timer *timer)
{
    const int thread = __atomic_load_n(&timer->thread, __ATOMIC_ACQUIRE);
    if (thread)
        (void)syscall(SYS_tgkill, getpid(), thread, TIMER_SIGNAL);
}

void ps_live_timer_sleep(int64_t ns, const unsigned *unless)
{
    const struct timespec length = {ns / 1000000000, ns % 1000000000};
    sigset_t kick, before;
    sigemptyset(&kick);
    sigaddset(&kick, TIMER_SIGNAL);
    /* Or one that comes between the look and the sleep would end neither. */
    pthread_sigmask(SIG_BLOCK, &kick, &before);
    if (ns > 0 && !__atomic_load_n(unless, __ATOMIC_ACQUIRE))
        (void)ppoll(NULL, 0, &length, &before);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void ps_live_timer_point(struct kvm_run *run)
{
    armed = run;
}

#endif
