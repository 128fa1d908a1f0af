/* The formats in which kernels and tools print trace events: what stands before an event's body.
 *
 * A line is in a format if it begins as that says; the body is looked at elsewhere (bodies.h). */
#ifndef PLANESCHED_TRACE_FORMATS_H
#define PLANESCHED_TRACE_FORMATS_H

#include <stdint.h>

/* In the order in which they are tried on the first line. */
enum ps_trace_format {
    PS_FORMAT_PERF_PROF,
    PS_FORMAT_TRACEFS,
    PS_FORMAT_TRACE_CMD,
    PS_FORMAT_PERF_SCRIPT,
    PS_FORMAT_PERF_COLUMNS,    /* perf script -F, the thread behind the comm or without one */
    PS_FORMAT_PERF_TID_FIRST,  /* the thread before the comm */
    PS_FORMAT_PERF_TIME_FIRST, /* the time before both */
    PS_N_FORMATS
};

struct ps_trace_found {
    int64_t thread;
    uint64_t time_ns;                  /* UINT64_MAX where that is more than 2^64 - 2 */
    const char *seconds, *seconds_end; /* 1 to 20 digits */
    const char *fraction;              /* behind the point */
    const char *event, *event_end;     /* without the group kvm: */
    const char *body;
    int digits;                        /* of the fraction: 6 or 9 */
};

/* Returns whether a line, without its end, is in a format, and what was found if it is. Looks at
 * nothing but the line; takes a time that grows with its length. */
int ps_trace_match(enum ps_trace_format format, const char *line, const char *end,
                   struct ps_trace_found *found);

#endif
