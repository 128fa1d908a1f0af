#include "traces/decoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "traces/text.h"

enum { FIRST_SLOTS = 1 << 8 };

static uint64_t slot_of(int64_t thread, uint64_t slots)
{
    return ((uint64_t)thread * UINT64_C(0x9e3779b97f4a7c15)) >> 32 & (slots - 1u);
}

/* Where a thread is, or the free slot where it would be. */
static struct ps_trace_thread *find_thread(struct ps_trace_thread *threads, uint64_t slots,
                                           int64_t thread)
{
    uint64_t slot = slot_of(thread, slots);
    while (threads[slot].thread >= 0 && threads[slot].thread != thread)
        slot = (slot + 1u) & (slots - 1u);
    return &threads[slot];
}

static struct ps_trace_thread *new_threads(uint64_t slots)
{
    struct ps_trace_thread *const threads =
        (struct ps_trace_thread *)calloc(slots, sizeof threads[0]);
    for (uint64_t i = 0; threads && i < slots; i++)
        threads[i].thread = -1;
    return threads;
}

struct ps_trace_thread *ps_trace_thread_of(struct ps_trace *trace, int64_t thread)
{
    struct ps_trace_thread *const found =
        find_thread(trace->threads, trace->thread_slots, thread);
    if (found->thread < 0) {
        found->thread = thread;
        found->vcpu = found->shown = -1;
        trace->n_threads++;
        assert(trace->n_threads < trace->thread_slots);
    }
    return found;
}

int ps_trace_grow(struct ps_trace *trace)
{
    const uint64_t slots = trace->thread_slots * 2u;
    struct ps_trace_thread *const threads = new_threads(slots);
    if (!threads)
        return -1;
    for (uint64_t i = 0; i < trace->thread_slots; i++)
        if (trace->threads[i].thread >= 0)
            *find_thread(threads, slots, trace->threads[i].thread) = trace->threads[i];
    free(trace->threads);
    trace->threads = threads;
    trace->thread_slots = slots;
    return 0;
}

int ps_trace_open(struct ps_trace *trace)
{
    memset(trace, 0, sizeof *trace);
    trace->format = -1;
    trace->previous = trace->used = trace->before = -1;
    trace->thread_slots = FIRST_SLOTS;
    trace->threads = new_threads(FIRST_SLOTS);
    trace->owners = (int64_t *)malloc(PS_TRACE_MAX_VCPUS * sizeof trace->owners[0]);
    trace->names = (struct ps_trace_name *)calloc(PS_TRACE_NAMES, sizeof trace->names[0]);
    if (!trace->threads || !trace->owners || !trace->names) {
        ps_trace_close(trace);
        return -1;
    }
    for (uint32_t vcpu = 0; vcpu < PS_TRACE_MAX_VCPUS; vcpu++)
        trace->owners[vcpu] = -1;
    return 0;
}

void ps_trace_close(struct ps_trace *trace)
{
    free(trace->threads);
    free(trace->owners);
    free(trace->names);
    trace->threads = NULL;
    trace->owners = NULL;
    trace->names = NULL;
}

static void count_name(struct ps_trace *trace, const char *name, uint32_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (uint32_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * 16777619u;
    uint32_t slot = hash & (PS_TRACE_NAMES - 1u);
    struct ps_trace_name *found = &trace->names[slot];
    while (found->length && !(found->hash == hash && found->length == length &&
                              memcmp(found->text, name, length) == 0)) {
        slot = (slot + 1u) & (PS_TRACE_NAMES - 1u);
        found = &trace->names[slot];
    }
    if (!found->length) {
        assert(length <= PS_TRACE_MAX_NAME);
        memcpy(found->text, name, length);
        found->hash = hash;
        found->length = length;
        trace->n_names++;
    }
    found->count++;
}

void ps_trace_count(struct ps_trace *trace)
{
    const struct ps_trace_found *const found = &trace->found;
    if (trace->event != PS_TRACE_OTHER)
        trace->counts[trace->event]++;
    else
        count_name(trace, found->event, (uint32_t)(found->event_end - found->event));
}

void ps_trace_forget_names(struct ps_trace *trace)
{
    memset(trace->names, 0, PS_TRACE_NAMES * sizeof trace->names[0]);
    trace->n_names = 0;
}

void ps_trace_settle(struct ps_trace *trace, int of_vm)
{
    ps_trace_thread_of(trace, trace->found.thread)->whose = of_vm ? 1 : 2;
}

/* Whose the line is, where one VM is read: as `whose`. */
static int whose(struct ps_trace *trace)
{
    switch (trace->event) {
    case PS_TRACE_KVM_APIC_ACCEPT_IRQ:
    case PS_TRACE_KVM_APICV_ACCEPT_IRQ:
        return 2; /* the line does not say for which VM it is */
    case PS_TRACE_MSHV_VTL_ENTER_VTL0:
    case PS_TRACE_MSHV_VTL_EXIT_VTL0:
        return 1; /* printed by the VM itself, so that there is only one */
    default:
        return ps_trace_thread_of(trace, trace->found.thread)->whose;
    }
}

/* Whether the time of the line is one that may come now. What is not read may come from another
 * file, with another clock: it may go back, and is only counted. */
static int time_fits(struct ps_trace *trace)
{
    const int64_t now = (int64_t)trace->found.time_ns;
    if (PS_RARELY(trace->found.time_ns > INT64_MAX))
        return 0;
    if (PS_RARELY(now < trace->previous)) {
        if (trace->event == PS_TRACE_OTHER)
            return 1;
        if (now < trace->used)
            return 0;
        if (now < trace->first_ns)
            trace->first_ns = now;
    }
    if (PS_RARELY(trace->previous < 0))
        trace->first_ns = now;
    trace->previous = now;
    return 1;
}

static enum ps_trace_fault read_body(struct ps_trace *trace, const char *line, const char *at,
                                     const char *end)
{
    struct ps_trace_body body;
    if (ps_trace_body_read(trace->event, at, end, &body))
        return trace->fault = ps_trace_take(trace, &body, line, at, end);
    /* What only names the thread's vCPU may have any form. */
    const int names = trace->event >= PS_TRACE_KVM_HALT_POLL_NS &&
                      trace->event <= PS_TRACE_KVM_PLE_WINDOW_UPDATE;
    return trace->fault = names ? PS_BODY_FINE : PS_BODY_FORM;
}

enum ps_trace_fault ps_trace_again(struct ps_trace *trace, const char *text, const char *end)
{
    return read_body(trace, text, text, end);
}

/* Returns PS_STOPPED_END where all is well with the line. */
static enum ps_trace_stop read_line(struct ps_trace *trace)
{
    struct ps_trace_found *const found = &trace->found;
    trace->before = trace->previous;
    if (PS_RARELY(trace->line_end - trace->line > PS_TRACE_MAX_LINE || trace->format < 0 ||
                  !ps_trace_match((enum ps_trace_format)trace->format, trace->line,
                                  trace->line_end, found)))
        return PS_STOPPED_LINE;
    trace->event = ps_trace_event_of(found->event, found->event_end);
    const int read = trace->event != PS_TRACE_OTHER;
    const int is_whose = read && trace->one_vm ? whose(trace) : 1;
    if (!is_whose)
        return PS_STOPPED_WHOSE;
    if (!time_fits(trace))
        return PS_STOPPED_TIME;
    if (read) {
        trace->used = trace->previous;
        if (is_whose == 1 && read_body(trace, trace->line, found->body, trace->line_end))
            return PS_STOPPED_BODY;
    }
    ps_trace_count(trace);
    return PS_STOPPED_END;
}

enum ps_trace_stop ps_trace_read(struct ps_trace *trace)
{
    while (trace->at < trace->end) {
        if (trace->n_records == trace->room)
            return PS_STOPPED_FULL;
        if (trace->n_threads * 2u >= trace->thread_slots)
            return PS_STOPPED_THREADS;
        if (trace->n_names == PS_TRACE_NAMES_FULL)
            return PS_STOPPED_NAMES;
        trace->line = trace->at;
        trace->line_end =
            (const char *)memchr(trace->at, '\n', (size_t)(trace->end - trace->at));
        const int ended = trace->line_end != NULL;
        if (!ended)
            trace->line_end = trace->end;
        const enum ps_trace_stop stop = read_line(trace);
        if (stop != PS_STOPPED_WHOSE) {
            trace->at = trace->line_end + ended;
            trace->number++;
        }
        if (stop != PS_STOPPED_END)
            return stop;
    }
    return PS_STOPPED_END;
}
