# The decoder of csrc/traces, for the drivers inside this package only.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "traces/record.h" nogil:
    struct ps_trace_record:
        int64_t time_ns
        uint32_t vcpu

cdef extern from "traces/formats.h" nogil:
    enum ps_trace_format:
        PS_FORMAT_PERF_PROF
        PS_FORMAT_TRACEFS
        PS_FORMAT_TRACE_CMD
        PS_FORMAT_PERF_SCRIPT
        PS_FORMAT_PERF_COLUMNS
        PS_FORMAT_PERF_TID_FIRST
        PS_FORMAT_PERF_TIME_FIRST
        PS_N_FORMATS

    struct ps_trace_found:
        int64_t thread
        const char *seconds
        const char *seconds_end
        const char *fraction
        const char *event
        const char *event_end
        const char *body
        int digits

    int ps_trace_match(ps_trace_format format, const char *line, const char *end,
                       ps_trace_found *found)

cdef extern from "traces/bodies.h" nogil:
    enum ps_trace_event:
        PS_TRACE_N_EVENTS

    const char *ps_trace_event_name(ps_trace_event event)

cdef extern from "traces/decoder.h" nogil:
    enum ps_trace_stop:
        PS_STOPPED_END
        PS_STOPPED_FULL
        PS_STOPPED_THREADS
        PS_STOPPED_NAMES
        PS_STOPPED_LINE
        PS_STOPPED_TIME
        PS_STOPPED_BODY
        PS_STOPPED_WHOSE

    enum ps_trace_fault:
        PS_BODY_FINE
        PS_BODY_FORM
        PS_BODY_VCPU
        PS_BODY_TWO_VMS

    enum ps_trace_shown:
        PS_SHOWN_DECIMAL
        PS_SHOWN_HEXADECIMAL
        PS_SHOWN_INFO1
        PS_SHOWN_PLUGIN

    enum:
        PS_TRACE_MAX_LINE
        PS_TRACE_NAMES

    struct ps_trace_name:
        uint64_t count
        uint32_t length
        char text[1]

    struct ps_trace:
        const char *at
        const char *end
        const char *line
        const char *line_end
        ps_trace_found found
        uint64_t number
        int64_t before, previous, first_ns
        ps_trace_fault fault
        uint64_t fault_vcpu
        int64_t fault_owner
        int format, one_vm, hardware
        uint32_t n_vcpus, shown
        uint64_t reinjected
        ps_trace_record *records
        uint64_t n_records, room
        uint64_t counts[1]
        ps_trace_name *names

    int ps_trace_open(ps_trace *trace)
    void ps_trace_close(ps_trace *trace)
    int ps_trace_grow(ps_trace *trace)
    ps_trace_stop ps_trace_read(ps_trace *trace)
    ps_trace_fault ps_trace_again(ps_trace *trace, const char *text, const char *end)
    void ps_trace_count(ps_trace *trace)
    void ps_trace_settle(ps_trace *trace, int of_vm)
    void ps_trace_forget_names(ps_trace *trace)

cdef extern from "planesched/engine.h" nogil:
    struct ps_job:
        pass

cdef extern from "planesched/figures.h" nogil:
    struct ps_wide:
        uint64_t lo, hi

cdef extern from "traces/jobs.h" nogil:
    enum ps_trace_need:
        PS_NEEDS_NOTHING
        PS_NEEDS_VCPU
        PS_NEEDS_ROOM

    struct ps_trace_vcpu:
        uint32_t id
        uint64_t seen[4]

    struct ps_trace_jobs:
        int64_t released, next
        ps_trace_vcpu *vcpus
        uint32_t n_vcpus
        int64_t service_ns[1]
        int64_t look_ahead, base_ns
        int injected
        uint64_t arrivals, wakes, cuts
        ps_wide busy_ns

    int ps_trace_jobs_open(ps_trace_jobs *jobs)
    void ps_trace_jobs_close(ps_trace_jobs *jobs)
    int ps_trace_jobs_add(ps_trace_jobs *jobs, uint32_t id, const uint8_t *table)
    int ps_trace_jobs_grow(ps_trace_jobs *jobs)
    ps_trace_need ps_trace_jobs_take(
        ps_trace_jobs *jobs, const ps_trace_record *records, uint64_t n, uint64_t *taken
    )
    ps_trace_need ps_trace_jobs_end(ps_trace_jobs *jobs, int64_t end_ns)
    int64_t ps_trace_jobs_settle(ps_trace_jobs *jobs, int64_t now_ns)
    uint64_t ps_trace_jobs_ready(const ps_trace_jobs *jobs)
    void ps_trace_jobs_give(ps_trace_jobs *jobs, ps_job *out)
    int ps_trace_jobs_sort(ps_job *jobs, uint64_t n)
