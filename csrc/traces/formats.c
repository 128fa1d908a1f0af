/* Longer than 300 lines by a few, for each format is a function of its own.
 *
 * A comm may hold anything, blanks and dashes and numbers too. It is the rest of the line that says
 * where it ends: the first place from which all the rest fits. No rest fits at two places in two
 * ways, for each of its parts begins with a letter that those before it cannot hold; so nothing is
 * tried twice, and a hostile line takes no longer than another one of its length. */
#include "traces/formats.h"

#include "traces/text.h"

enum {
    COMM = 16, /* what a kernel and perf pad a comm to */
    MOST_NAME = 64
};

typedef const char *rest_of_line(const char *at, const char *end, struct ps_trace_found *found);

static int is_flag(char c)
{
    return ps_text_is_digit(c) || ps_text_is_letter(c) || c == '.' || c == '#';
}

static const char *flags_end(const char *at, const char *end)
{
    while (at < end && is_flag(*at))
        at++;
    return at;
}

/* The column of flags, 4 to 8 letters, and the blanks behind it; NULL if there is none. */
static const char *after_flags(const char *at, const char *end)
{
    const char *const flags = flags_end(at, end);
    if (flags - at < 4 || flags - at > 8)
        return NULL;
    return ps_text_some_blanks(flags, end);
}

/* The CPU in brackets and the blanks behind it. */
static const char *after_cpu(const char *at, const char *end)
{
    if (!ps_text_here(at, end, '['))
        return NULL;
    const char *const digits = ps_text_digits(at + 1, end);
    if (digits == at + 1 || !ps_text_here(digits, end, ']'))
        return NULL;
    return ps_text_some_blanks(digits + 1, end);
}

/* `after`, or `at` where there is nothing of the kind. */
static const char *optional(const char *at, const char *after)
{
    return after ? after : at;
}

static const char *thread_number(const char *at, const char *end, struct ps_trace_found *found)
{
    uint64_t thread;
    at = ps_text_number(at, end, 10, &thread);
    found->thread = (int64_t)thread;
    return at;
}

/* Seconds, a point, 6 or 9 digits, a colon. */
static const char *read_stamp(const char *at, const char *end, struct ps_trace_found *found)
{
    uint64_t seconds = 0, fraction = 0;
    int over = 0;
    found->seconds = at;
    for (; at < end && ps_text_is_digit(*at); at++) {
        if (at - found->seconds == 20)
            return NULL;
        over |= seconds > UINT64_C(99999999999);
        seconds = seconds * 10u + (uint64_t)(*at - '0');
    }
    found->seconds_end = at;
    if (at == found->seconds || !ps_text_here(at, end, '.'))
        return NULL;
    found->fraction = ++at;
    at = ps_text_number(at, end, 9, &fraction);
    if (!at || !ps_text_here(at, end, ':'))
        return NULL;
    found->digits = (int)(at - found->fraction);
    if (found->digits != 6 && found->digits != 9)
        return NULL;
    if (found->digits == 6)
        fraction *= 1000u;
    over |= seconds > UINT64_C(18446744072);
    found->time_ns = over ? UINT64_MAX : seconds * 1000000000u + fraction;
    return at + 1;
}

static const char *name_end(const char *at, const char *end)
{
    const char *const from = at;
    while (at < end && (ps_text_is_word(*at) || *at == '.' || *at == '-'))
        at++;
    const int fits = at > from && at - from <= MOST_NAME && ps_text_here(at, end, ':');
    return fits ? at : NULL;
}

/* A name, or a group and a name, up to the body. */
static const char *read_name(const char *at, const char *end, struct ps_trace_found *found)
{
    const char *colon = name_end(at, end);
    if (!colon)
        return NULL;
    if (!ps_text_here(colon + 1, end, ' ')) {
        const char *const second = name_end(colon + 1, end);
        colon = second ? second : colon;
    }
    found->event = at;
    found->event_end = colon;
    found->body = colon + 1 + ps_text_here(colon + 1, end, ' ');
    return found->body;
}

static const char *read_kvm_event(const char *at, const char *end, struct ps_trace_found *found)
{
    at = PS_TEXT_AFTER(at, end, "kvm:");
    return at ? read_name(at, end, found) : NULL;
}

static const char *read_event(const char *at, const char *end, struct ps_trace_found *found)
{
    const char *const after = read_kvm_event(at, end, found);
    return after ? after : read_name(at, end, found);
}

/* tracefs, trace-cmd: `134  (   130) ` behind the comm's dash, the process only if asked for. */
static const char *read_task(const char *at, const char *end, struct ps_trace_found *found)
{
    at = thread_number(at, end, found);
    if (!at || !(at = ps_text_some_blanks(at, end)) || !ps_text_here(at, end, '('))
        return at;
    const char *close = at + 1;
    while (close < end && (*close == ' ' || *close == '-' || ps_text_is_digit(*close)))
        close++;
    if (close == at + 1 || close - at > 13 || !ps_text_here(close, end, ')'))
        return NULL;
    return ps_text_some_blanks(close + 1, end);
}

static const char *cpu_and_flags(const char *at, const char *end)
{
    at = after_cpu(at, end);
    return at ? optional(at, after_flags(at, end)) : NULL;
}

static const char *tracefs(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = read_task(at, end, found)) || !(at = cpu_and_flags(at, end)) ||
        !(at = read_stamp(at, end, found)) || !ps_text_here(at, end, ' '))
        return NULL;
    return read_event(at + 1, end, found);
}

/* trace-cmd report -l: the CPU, 1 to 5 digits, is glued to the flags, which may begin with some. */
static const char *after_glued(const char *at, const char *end)
{
    const char *const word = flags_end(at, end), *const digits = ps_text_digits(at, word);
    const ptrdiff_t length = word - at;
    ptrdiff_t most = digits - at < 5 ? digits - at : 5;
    if (length - 4 < most)
        most = length - 4;
    if (most < 1 || length - 8 > most)
        return NULL;
    return ps_text_some_blanks(word, end);
}

static const char *trace_cmd(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = read_task(at, end, found)))
        return NULL;
    at = ps_text_here(at, end, '[') ? cpu_and_flags(at, end) : after_glued(at, end);
    if (!at || !(at = read_stamp(at, end, found)) || !(at = ps_text_some_blanks(at, end)))
        return NULL;
    /* --ts-diff: the time since the line before. */
    const char *diff = PS_TEXT_AFTER(at, end, "(+");
    if (diff) {
        const char *const digits = ps_text_digits(diff, end);
        if (digits == diff || !ps_text_here(digits, end, ')') ||
            !(at = ps_text_some_blanks(digits + 1, end)))
            return NULL;
    }
    return read_event(at, end, found);
}

/* A process and its thread, `130/134` or `130/ 134`, or the thread. */
static const char *read_tid(const char *at, const char *end, struct ps_trace_found *found)
{
    at = thread_number(at, end, found);
    if (at && ps_text_here(at, end, '/'))
        at = thread_number(ps_text_blanks(at + 1, end), end, found);
    return at;
}

static const char *perf_script(const char *at, const char *end, struct ps_trace_found *found)
{
    const char *const process = ps_text_digits(at, end);
    if (process > at && ps_text_here(process, end, '/'))
        at = process + 1;
    if (!(at = thread_number(at, end, found)) || !(at = ps_text_some_blanks(at, end)) ||
        !(at = cpu_and_flags(at, end)) || !(at = read_stamp(at, end, found)) ||
        !(at = ps_text_some_blanks(at, end)))
        return NULL;
    return read_event(at, end, found);
}

static const char *perf_prof(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = thread_number(at, end, found)) || !(at = ps_text_some_blanks(at, end)) ||
        !(at = after_flags(at, end)) || !(at = after_cpu(at, end)) ||
        !(at = read_stamp(at, end, found)) || !(at = ps_text_some_blanks(at, end)))
        return NULL;
    return read_event(at, end, found);
}

/* Behind the time of perf script -F: the number of a period may stand before the event. */
static const char *period_and_event(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = ps_text_some_blanks(at, end)))
        return NULL;
    const char *const digits = ps_text_digits(at, end);
    if (digits > at && digits - at <= 20)
        at = optional(at, ps_text_some_blanks(digits, end));
    return read_event(at, end, found);
}

static const char *columns(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = read_tid(at, end, found)) || !(at = ps_text_some_blanks(at, end)))
        return NULL;
    at = optional(at, after_cpu(at, end));
    at = optional(at, after_flags(at, end));
    return (at = read_stamp(at, end, found)) ? period_and_event(at, end, found) : NULL;
}

/* The rest behind a comm that ends with a space: at the first place where it fits. */
static const char *after_comm(const char *at, const char *end, rest_of_line *rest,
                              struct ps_trace_found *found)
{
    if (at == end || ps_text_is_space(*at))
        return NULL;
    while (++at < end && *at != '\0') {
        if (!ps_text_is_space(*at))
            continue;
        const char *const after = rest(at + 1, end, found);
        if (after)
            return after;
    }
    return NULL;
}

/* The same behind a dash. Comms are padded to 16 letters, which is looked at first. */
static const char *after_dash(const char *at, const char *end, rest_of_line *rest,
                              struct ps_trace_found *found)
{
    const char *after;
    if (end - at > COMM && at[COMM] == '-' && !memchr(at, '\0', COMM) &&
        (after = rest(at + COMM + 1, end, found)) != NULL)
        return after;
    for (; at < end && *at != '\0'; at++)
        if (*at == '-' && (after = rest(at + 1, end, found)) != NULL)
            return after;
    return NULL;
}

static const char *script_line(const char *at, const char *end, struct ps_trace_found *found)
{
    const char *after;
    if (end - at > COMM && at[COMM] == ' ' && !memchr(at, '\0', COMM) &&
        (after = perf_script(ps_text_blanks(at + COMM, end), end, found)) != NULL)
        return after;
    return after_comm(ps_text_spaces(at, end), end, perf_script, found);
}

static const char *columns_line(const char *at, const char *end, struct ps_trace_found *found)
{
    at = ps_text_spaces(at, end);
    const char *const after = after_comm(at, end, columns, found);
    return after ? after : columns(at, end, found);
}

static const char *tid_first_line(const char *at, const char *end, struct ps_trace_found *found)
{
    at = ps_text_spaces(at, end);
    at = optional(at, after_cpu(at, end));
    if (!(at = read_tid(at, end, found)))
        return NULL;
    const char *const comm = ps_text_spaces(at, end);
    if (comm == at || comm == end || ps_text_is_digit(*comm))
        return NULL;
    for (at = comm + 1; at < end; at++) {
        const char *const time = optional(at, after_cpu(at, end));
        const char *const stamped = read_stamp(time, end, found);
        const char *const after = stamped ? period_and_event(stamped, end, found) : NULL;
        if (after)
            return after;
        if (*at == '\0')
            break;
    }
    return NULL;
}

/* What stands behind the time, up to the group of the event; it says which is the thread. */
static const char *thread_and_kvm(const char *at, const char *end, struct ps_trace_found *found)
{
    if (!(at = read_tid(at, end, found)) || !(at = ps_text_some_blanks(at, end)))
        return NULL;
    at = optional(at, after_cpu(at, end));
    const char *const digits = ps_text_digits(at, end);
    if (digits > at)
        at = optional(at, ps_text_some_blanks(digits, end));
    return PS_TEXT_AFTER(at, end, "kvm:");
}

static const char *time_first_line(const char *at, const char *end, struct ps_trace_found *found)
{
    at = ps_text_spaces(at, end);
    const char *const time = ps_text_token(at, end);
    const char *const behind = time > at ? ps_text_some_blanks(time, end) : NULL;
    if (!behind || (!after_comm(behind, end, thread_and_kvm, found) &&
                    !thread_and_kvm(behind, end, found)))
        return NULL;
    if (!(at = read_stamp(at, end, found)) || !ps_text_here(at, end, ' '))
        return NULL;
    for (at++; at < end && *at != '\0'; at++) {
        const char *const after = *at == ' ' ? read_kvm_event(at + 1, end, found) : NULL;
        if (after)
            return after;
    }
    return NULL;
}

/* The date of perf-prof: a 0 stands for any digit. */
static const char *after_date(const char *at, const char *end)
{
    for (const char *shape = "0000-00-00 00:00:00."; *shape; shape++, at++)
        if (at == end || (*shape == '0' ? !ps_text_is_digit(*at) : *at != *shape))
            return NULL;
    const char *const digits = ps_text_digits(at, end);
    return digits > at ? ps_text_some_blanks(digits, end) : NULL;
}

int ps_trace_match(enum ps_trace_format format, const char *line, const char *end,
                   struct ps_trace_found *found)
{
    const char *at;
    switch (format) {
    case PS_FORMAT_TRACEFS:
        return after_dash(line, end, tracefs, found) != NULL;
    case PS_FORMAT_TRACE_CMD:
        return after_dash(line, end, trace_cmd, found) != NULL;
    case PS_FORMAT_PERF_SCRIPT:
        return script_line(line, end, found) != NULL;
    case PS_FORMAT_PERF_PROF:
        at = after_date(ps_text_spaces(line, end), end);
        return at && after_comm(at, end, perf_prof, found) != NULL;
    case PS_FORMAT_PERF_COLUMNS:
        return columns_line(line, end, found) != NULL;
    case PS_FORMAT_PERF_TID_FIRST:
        return tid_first_line(line, end, found) != NULL;
    case PS_FORMAT_PERF_TIME_FIRST:
        return time_first_line(line, end, found) != NULL;
    case PS_N_FORMATS:
        break;
    }
    return 0;
}
