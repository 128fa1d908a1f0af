/* From lines to records, a block of text at a time; what is known of threads and vCPUs.
 *
 * What is no event, or malformed, is not decided here: reading stops there and says where, and goes
 * on behind it when it is called again. Nothing is allocated but by ps_trace_open and
 * ps_trace_grow. */
#ifndef PLANESCHED_TRACE_DECODER_H
#define PLANESCHED_TRACE_DECODER_H

#include <stdint.h>

#include "traces/bodies.h"
#include "traces/formats.h"
#include "traces/record.h"

enum ps_trace_stop {
    PS_STOPPED_END,     /* the block was read */
    PS_STOPPED_FULL,    /* there is no room for another record */
    PS_STOPPED_THREADS, /* ps_trace_grow is to be called */
    PS_STOPPED_NAMES,   /* the names are to be taken and forgotten */
    PS_STOPPED_LINE,    /* a line that is no event of the format, or too long for one */
    PS_STOPPED_TIME,    /* one whose time goes back or beyond 2^63 - 1 ns */
    PS_STOPPED_BODY,    /* one whose body is malformed: see `fault` */
    PS_STOPPED_WHOSE    /* whether its thread is of the VM is not known; it is read again */
};

enum ps_trace_fault {
    PS_BODY_FINE,
    PS_BODY_FORM,   /* no known form */
    PS_BODY_VCPU,   /* `vcpu` is none that can be */
    PS_BODY_TWO_VMS /* `vcpu` is `owner`'s already */
};

enum ps_trace_shown { /* what the lines show of the kernel's age */
    PS_SHOWN_DECIMAL = 1,
    PS_SHOWN_HEXADECIMAL = 2,
    PS_SHOWN_INFO1 = 4,
    PS_SHOWN_PLUGIN = 8
};

enum {
    PS_TRACE_MAX_LINE = 1 << 14,
    PS_TRACE_MAX_NAME = 2 * 64 + 1,
    PS_TRACE_NAMES = 1 << 10,
    PS_TRACE_NAMES_FULL = 1 << 9
};

struct ps_trace_thread {
    uint64_t in_service[4];       /* by vector: injected, and not ended yet */
    int64_t thread;               /* -1 where the slot is free */
    int32_t vcpu;                 /* -1 while that is not known */
    int32_t shown;                /* the vCPU that an entry or exit showed, or -1 */
    uint8_t waiting;              /* its next entry is told: the vCPU halted or was woken */
    uint8_t whose;                /* 0 not known, 1 of the VM that is read, 2 of another */
};

struct ps_trace_name {
    uint64_t count;
    uint32_t hash;
    uint32_t length; /* 0 where the slot is free */
    char text[PS_TRACE_MAX_NAME + 7];
};

struct ps_trace {
    /* The block, and the line that was stopped at. */
    const char *at, *end;
    const char *line, *line_end;
    struct ps_trace_found found;
    enum ps_trace_event event;
    uint64_t number;  /* lines so far */
    int64_t before;   /* the time of the event before the line, -1 if it is the first */
    enum ps_trace_fault fault;
    uint64_t fault_vcpu;
    int64_t fault_owner;

    int format;       /* enum ps_trace_format, -1 while it is not known */
    int one_vm;       /* lines are looked at of those threads only whose `whose` is 1 */
    int64_t previous, used; /* time of the last event, and of the last that is read; -1 */
    int64_t first_ns;
    uint32_t n_vcpus;
    uint32_t shown;   /* enum ps_trace_shown */
    int hardware;     /* an exit was seen that exists only where hardware delivers interrupts */
    uint64_t reinjected;

    struct ps_trace_record *records;
    uint64_t n_records, room;

    struct ps_trace_thread *threads; /* a hash table, at most half of it in use */
    uint64_t n_threads, thread_slots;
    int64_t *owners;                 /* by vCPU: its thread, or -1 */

    uint64_t counts[PS_TRACE_N_EVENTS];
    struct ps_trace_name *names;     /* a hash table of the other events */
    uint32_t n_names;
};

/* Begin a trace; records go where `records` and `room` say. Returns 0, or -1 without memory. Ends
 * with ps_trace_close, which may be called for what is all zeros, too. */
int ps_trace_open(struct ps_trace *trace);
void ps_trace_close(struct ps_trace *trace);

/* Make room for more threads. Returns 0, or -1 without memory. */
int ps_trace_grow(struct ps_trace *trace);

/* Read on in the block between `at` and `end`, up to a stop. */
enum ps_trace_stop ps_trace_read(struct ps_trace *trace);

/* Read the body of the line that was stopped at once more, from another text. */
enum ps_trace_fault ps_trace_again(struct ps_trace *trace, const char *text, const char *end);

/* Count the event of the line that was stopped at. */
void ps_trace_count(struct ps_trace *trace);

/* Say whether the thread of the line that was stopped at is of the VM that is read. */
void ps_trace_settle(struct ps_trace *trace, int of_vm);

/* Forget the names, which were taken. */
void ps_trace_forget_names(struct ps_trace *trace);

/* ---- For the parts of the decoder ---- */

/* What is known of a thread. The pointer is good until another one is asked for. */
struct ps_trace_thread *ps_trace_thread_of(struct ps_trace *trace, int64_t thread);

/* Take what a body says. `line` to `end` is where it was read from. */
enum ps_trace_fault ps_trace_take(struct ps_trace *trace, const struct ps_trace_body *body,
                                  const char *line, const char *at, const char *end);

#endif
