/* Longer than 300 lines by a few, for memory and rules of one thing stand together. */
#include "traces/jobs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_TARGET = 0, NO_JOB = -1, FIRST_ROOM = 1 << 10, FIRST_WOKEN = 1 << 6, LONGEST_TIE = 64 };

static struct ps_trace_woken *new_woken(uint64_t slots)
{
    struct ps_trace_woken *const woken =
        (struct ps_trace_woken *)malloc(slots * sizeof woken[0]);
    for (uint64_t i = 0; woken && i < slots; i++)
        woken[i].thread = woken[i].job = -1;
    return woken;
}

static struct ps_trace_woken *find_woken(struct ps_trace_woken *woken, uint64_t slots,
                                         int64_t thread)
{
    uint64_t slot = ((uint64_t)thread * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (slots - 1u);
    while (woken[slot].thread >= 0 && woken[slot].thread != thread)
        slot = (slot + 1u) & (slots - 1u);
    return &woken[slot];
}

int ps_trace_jobs_open(struct ps_trace_jobs *jobs)
{
    memset(jobs, 0, sizeof *jobs);
    jobs->room = FIRST_ROOM;
    jobs->woken_slots = FIRST_WOKEN;
    jobs->ring = (struct ps_trace_held *)malloc(FIRST_ROOM * sizeof jobs->ring[0]);
    jobs->index = (int32_t *)malloc(PS_TRACE_MAX_VCPUS * sizeof jobs->index[0]);
    jobs->woken = new_woken(FIRST_WOKEN);
    if (!jobs->ring || !jobs->index || !jobs->woken) {
        ps_trace_jobs_close(jobs);
        return -1;
    }
    for (uint32_t id = 0; id < PS_TRACE_MAX_VCPUS; id++)
        jobs->index[id] = -1;
    return 0;
}

void ps_trace_jobs_close(struct ps_trace_jobs *jobs)
{
    free(jobs->ring);
    free(jobs->index);
    free(jobs->woken);
    free(jobs->vcpus);
    memset(jobs, 0, sizeof *jobs);
}

int ps_trace_jobs_add(struct ps_trace_jobs *jobs, uint32_t id, const uint8_t *table)
{
    assert(id < PS_TRACE_MAX_VCPUS && jobs->index[id] < 0);
    if (jobs->n_vcpus == jobs->vcpu_room) {
        const uint32_t room = jobs->vcpu_room ? jobs->vcpu_room * 2u : 4u;
        void *const vcpus = realloc(jobs->vcpus, room * sizeof jobs->vcpus[0]);
        if (!vcpus)
            return -1;
        jobs->vcpus = (struct ps_trace_vcpu *)vcpus;
        jobs->vcpu_room = room;
    }
    struct ps_trace_vcpu *const vcpu = &jobs->vcpus[jobs->n_vcpus];
    memset(vcpu, 0, sizeof *vcpu);
    memcpy(vcpu->table, table, sizeof vcpu->table);
    vcpu->id = id;
    vcpu->carrier = vcpu->wake = vcpu->first = vcpu->left = NO_JOB;
    jobs->index[id] = (int32_t)jobs->n_vcpus++;
    return 0;
}

/* A record adds a job at most, and where it makes room two for each vCPU. */
static int fits_one(const struct ps_trace_jobs *jobs)
{
    return (uint64_t)(jobs->next - jobs->given) + 2u * jobs->n_vcpus + 1u <= jobs->room &&
           jobs->n_woken * 2u < jobs->woken_slots;
}

static struct ps_trace_held *held_at(const struct ps_trace_jobs *jobs, int64_t job)
{
    assert(job >= jobs->given && job < jobs->next);
    return &jobs->ring[(uint64_t)job & (jobs->room - 1u)];
}

static int grow_ring(struct ps_trace_jobs *jobs)
{
    const uint64_t room = jobs->room * 2u;
    struct ps_trace_held *const ring = (struct ps_trace_held *)malloc(room * sizeof ring[0]);
    if (!ring)
        return -1;
    for (int64_t job = jobs->given; job < jobs->next; job++)
        ring[(uint64_t)job & (room - 1u)] = *held_at(jobs, job);
    free(jobs->ring);
    jobs->ring = ring;
    jobs->room = room;
    return 0;
}

static int grow_woken(struct ps_trace_jobs *jobs)
{
    const uint64_t slots = jobs->woken_slots * 2u;
    struct ps_trace_woken *const woken = new_woken(slots);
    if (!woken)
        return -1;
    for (uint64_t i = 0; i < jobs->woken_slots; i++)
        if (jobs->woken[i].thread >= 0)
            *find_woken(woken, slots, jobs->woken[i].thread) = jobs->woken[i];
    free(jobs->woken);
    jobs->woken = woken;
    jobs->woken_slots = slots;
    return 0;
}

int ps_trace_jobs_grow(struct ps_trace_jobs *jobs)
{
    if (jobs->n_woken * 2u >= jobs->woken_slots && grow_woken(jobs))
        return -1;
    while (!fits_one(jobs))
        if (grow_ring(jobs))
            return -1;
    return 0;
}

static int64_t hold(struct ps_trace_jobs *jobs, const struct ps_job *job, int live)
{
    const int64_t number = jobs->next++;
    assert((uint64_t)(jobs->next - jobs->given) <= jobs->room); /* fits_one has been asked */
    struct ps_trace_held *const held = held_at(jobs, number);
    held->job = *job;
    held->live = live;
    return number;
}

/* Hold a place for a job without a vector, so that what is held stays sorted by time. */
static int64_t hold_place(struct ps_trace_jobs *jobs, int64_t now, uint32_t vcpu)
{
    const struct ps_job job = {now, 0, vcpu, PS_TRACE_WAKE, BASE_TARGET, 0};
    return hold(jobs, &job, 0);
}

static void close_work(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t now)
{
    const int64_t busy = now - vcpu->begin_ns;
    int64_t *const service = &held_at(jobs, vcpu->carrier)->job.service_ns;
    assert(busy >= 0);
    *service = *service > INT64_MAX - busy ? INT64_MAX : *service + busy;
    jobs->busy_ns.lo += (uint64_t)busy;
    jobs->busy_ns.hi += jobs->busy_ns.lo < (uint64_t)busy;
    vcpu->carrier = NO_JOB;
}

static void begin_work(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t now)
{
    if (vcpu->state == PS_VCPU_BUSY)
        return;
    jobs->ran = 1;
    int64_t carrier = NO_JOB;
    if (vcpu->state == PS_VCPU_WOKEN)
        carrier = vcpu->first >= 0 ? vcpu->first : vcpu->left;
    else if (vcpu->state == PS_VCPU_HALTED)
        carrier = vcpu->left >= 0 ? vcpu->left : vcpu->first;
    if (vcpu->state != PS_VCPU_WOKEN)
        vcpu->begin_ns = now;
    if (carrier < 0) {
        carrier = vcpu->wake >= 0 ? vcpu->wake : hold_place(jobs, now, vcpu->id);
        held_at(jobs, carrier)->live = 1;
        jobs->wakes++;
    }
    vcpu->state = PS_VCPU_BUSY;
    vcpu->carrier = carrier;
    vcpu->first = vcpu->left = vcpu->wake = NO_JOB;
}

/* Begin a halt: the oldest that is pending and was not given out may end it at once. */
static void rest(const struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu)
{
    vcpu->first = vcpu->left = NO_JOB;
    for (unsigned word = 0; word < 4; word++)
        for (unsigned bit = 0; bit < 64 && vcpu->is_pending[word] >> bit; bit++) {
            const int64_t job = vcpu->pending[word * 64u + bit];
            if ((vcpu->is_pending[word] >> bit & 1u) && job >= jobs->released &&
                (vcpu->left < 0 || job < vcpu->left))
                vcpu->left = job;
        }
}

static void arrive(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t now,
                   unsigned vector, int stays)
{
    const uint8_t target = vcpu->table[vector];
    const uint64_t bit = UINT64_C(1) << (vector & 63u);
    const struct ps_job job = {now, jobs->service_ns[target], vcpu->id, (uint16_t)vector, target,
                               0};
    const int64_t number = hold(jobs, &job, 1);
    jobs->arrivals++;
    vcpu->seen[vector >> 6] |= bit;
    if (target != BASE_TARGET)
        return;
    if (vcpu->first < 0 && vcpu->state != PS_VCPU_BUSY)
        vcpu->first = number;
    if (stays && !(vcpu->is_pending[vector >> 6] & bit)) {
        vcpu->is_pending[vector >> 6] |= bit;
        vcpu->pending[vector] = number;
    }
}

static void halt(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t now)
{
    /* A wake-up and then HLT again: the entry between them was lost. */
    if (vcpu->state == PS_VCPU_WOKEN)
        begin_work(jobs, vcpu, now);
    if (vcpu->state == PS_VCPU_BUSY)
        close_work(jobs, vcpu, now);
    vcpu->state = PS_VCPU_HALTED;
    rest(jobs, vcpu);
}

static void wake_up(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t now,
                    int64_t wait)
{
    /* A halt that no line told of (the line was lost, or the vCPU waited for its SIPI) began when
     * the wait did. A second wake-up without an entry between: the first was for nothing. */
    if (vcpu->state == PS_VCPU_BUSY) {
        close_work(jobs, vcpu, now - wait > vcpu->begin_ns ? now - wait : vcpu->begin_ns);
        rest(jobs, vcpu);
    }
    vcpu->state = PS_VCPU_WOKEN;
    vcpu->begin_ns = now;
    vcpu->wake = hold_place(jobs, now, vcpu->id);
}

static void wake_unknown(struct ps_trace_jobs *jobs, int64_t thread, int64_t now)
{
    struct ps_trace_woken *const woken = find_woken(jobs->woken, jobs->woken_slots, thread);
    jobs->n_woken += woken->thread < 0;
    jobs->n_open += woken->job < 0;
    woken->thread = thread;
    woken->job = hold_place(jobs, now, PS_TRACE_NO_VCPU);
}

/* The thread that runs the vCPU may be one that was woken. */
static void tell(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu, int64_t thread)
{
    struct ps_trace_woken *const woken = find_woken(jobs->woken, jobs->woken_slots, thread);
    const int64_t wake = woken->job;
    if (wake < 0)
        return;
    woken->job = -1;
    jobs->n_open--;
    if (vcpu->state != PS_VCPU_UNSEEN)
        return;
    struct ps_trace_held *const held = held_at(jobs, wake);
    held->job.vcpu = vcpu->id;
    vcpu->state = PS_VCPU_WOKEN;
    vcpu->begin_ns = held->job.time_ns;
    vcpu->wake = wake;
}

static void take_record(struct ps_trace_jobs *jobs, struct ps_trace_vcpu *vcpu,
                        const struct ps_trace_record *record, int64_t now)
{
    const unsigned vector = (unsigned)record->vector & 255u;
    switch (record->kind) {
    case PS_KIND_ARRIVAL:
    case PS_KIND_POSTED:
        if (!jobs->injected)
            arrive(jobs, vcpu, now, vector, record->kind == PS_KIND_ARRIVAL);
        break;
    case PS_KIND_INJECT:
    case PS_KIND_REINJECT:
        if (!jobs->injected)
            vcpu->is_pending[vector >> 6] &= ~(UINT64_C(1) << (vector & 63u));
        else if (record->kind == PS_KIND_INJECT)
            arrive(jobs, vcpu, now, vector, 0); /* what arrives so is never left pending */
        break;
    case PS_KIND_HALT:
        halt(jobs, vcpu, now);
        break;
    case PS_KIND_WAKEUP:
        wake_up(jobs, vcpu, now, record->arg);
        break;
    case PS_KIND_RUN:
        if (jobs->n_open)
            tell(jobs, vcpu, record->thread);
        begin_work(jobs, vcpu, now);
        break;
    default:
        break;
    }
}

static void keep_least(int64_t *least, int64_t job)
{
    if (job >= 0 && job < *least)
        *least = job;
}

/* The time from which on something is not known yet: of the oldest job that is still open. */
static int64_t watermark(const struct ps_trace_jobs *jobs, int64_t now)
{
    int64_t least = jobs->next;
    for (uint32_t i = 0; i < jobs->n_vcpus; i++) {
        const struct ps_trace_vcpu *const vcpu = &jobs->vcpus[i];
        keep_least(&least, vcpu->carrier);
        keep_least(&least, vcpu->first);
        keep_least(&least, vcpu->left);
        keep_least(&least, vcpu->wake);
    }
    for (uint64_t i = 0; jobs->n_open && i < jobs->woken_slots; i++)
        keep_least(&least, jobs->woken[i].job);
    if (least == jobs->next)
        return now;
    const int64_t time = held_at(jobs, least)->job.time_ns;
    return time < now ? time : now;
}

static void release(struct ps_trace_jobs *jobs, int64_t until)
{
    while (jobs->released < jobs->next && held_at(jobs, jobs->released)->job.time_ns < until)
        jobs->released++;
    jobs->until_ns = until;
}

/* Settle every job before `now`, so that all of them may be given out. */
static void cut(struct ps_trace_jobs *jobs, int64_t now)
{
    for (uint64_t i = 0; i < jobs->woken_slots; i++)
        jobs->woken[i].thread = jobs->woken[i].job = -1;
    jobs->n_woken = jobs->n_open = 0;
    for (uint32_t i = 0; i < jobs->n_vcpus; i++) {
        struct ps_trace_vcpu *const vcpu = &jobs->vcpus[i];
        if (vcpu->wake >= 0 && held_at(jobs, vcpu->wake)->job.time_ns < now)
            vcpu->wake = hold_place(jobs, now, vcpu->id);
        if (vcpu->carrier >= 0 && held_at(jobs, vcpu->carrier)->job.time_ns < now) {
            close_work(jobs, vcpu, now);
            vcpu->carrier = hold_place(jobs, now, vcpu->id);
            held_at(jobs, vcpu->carrier)->live = 1;
            vcpu->begin_ns = now;
            jobs->cuts++;
        }
        vcpu->first = vcpu->left = NO_JOB;
        memset(vcpu->is_pending, 0, sizeof vcpu->is_pending);
    }
}

static void make_room(struct ps_trace_jobs *jobs, int64_t now)
{
    release(jobs, watermark(jobs, now));
    if (jobs->next - jobs->released > jobs->look_ahead) {
        cut(jobs, now);
        release(jobs, now);
    }
}

enum ps_trace_need ps_trace_jobs_take(struct ps_trace_jobs *jobs,
                                      const struct ps_trace_record *records, uint64_t n,
                                      uint64_t *taken)
{
    for (*taken = 0; *taken < n; ++*taken) {
        const struct ps_trace_record *const record = &records[*taken];
        const int64_t now = record->time_ns - jobs->base_ns;
        if (!fits_one(jobs))
            return PS_NEEDS_ROOM;
        if (record->vcpu == PS_TRACE_NO_VCPU) {
            if (record->kind == PS_KIND_WAKEUP)
                wake_unknown(jobs, record->thread, now);
        } else if (jobs->index[record->vcpu] < 0) {
            return PS_NEEDS_VCPU;
        } else {
            take_record(jobs, &jobs->vcpus[jobs->index[record->vcpu]], record, now);
        }
        if (jobs->next - jobs->released > jobs->look_ahead)
            make_room(jobs, now);
    }
    return PS_NEEDS_NOTHING;
}

enum ps_trace_need ps_trace_jobs_end(struct ps_trace_jobs *jobs, int64_t end_ns)
{
    if (!fits_one(jobs))
        return PS_NEEDS_ROOM;
    for (uint32_t i = 0; i < jobs->n_vcpus; i++) {
        struct ps_trace_vcpu *const vcpu = &jobs->vcpus[i];
        /* Where no vCPU was ever seen to run, it is not known that a woken one did. */
        if (vcpu->state == PS_VCPU_WOKEN && jobs->ran)
            begin_work(jobs, vcpu, end_ns);
        if (vcpu->state == PS_VCPU_BUSY)
            close_work(jobs, vcpu, end_ns);
    }
    jobs->released = jobs->next;
    return PS_NEEDS_NOTHING;
}

int64_t ps_trace_jobs_settle(struct ps_trace_jobs *jobs, int64_t now_ns)
{
    release(jobs, watermark(jobs, now_ns));
    return jobs->until_ns;
}

uint64_t ps_trace_jobs_ready(const struct ps_trace_jobs *jobs)
{
    uint64_t n = 0;
    for (int64_t job = jobs->given; job < jobs->released; job++)
        n += held_at(jobs, job)->live != 0;
    return n;
}

void ps_trace_jobs_give(struct ps_trace_jobs *jobs, struct ps_job *out)
{
    for (; jobs->given < jobs->released; jobs->given++) {
        const struct ps_trace_held *const held = held_at(jobs, jobs->given);
        if (held->live)
            *out++ = held->job;
    }
}

static int is_sorted_before(const struct ps_job *a, const struct ps_job *b)
{
    if (a->vcpu != b->vcpu)
        return a->vcpu < b->vcpu;
    return a->plane != b->plane ? a->plane < b->plane : a->source < b->source;
}

int ps_trace_jobs_sort(struct ps_job *jobs, uint64_t n)
{
    for (uint64_t i = 1, first = 0; i < n; i++) {
        if (jobs[i].time_ns != jobs[first].time_ns)
            first = i;
        if (i - first > LONGEST_TIE)
            return 0;
        const struct ps_job job = jobs[i];
        uint64_t at = i;
        for (; at > first && is_sorted_before(&job, &jobs[at - 1u]); at--)
            jobs[at] = jobs[at - 1u];
        jobs[at] = job;
    }
    return 1;
}
