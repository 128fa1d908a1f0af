/* Carries out orders for planes on a KVM, and tells what each gave: for a host without Python.
 *
 *     orders FILE
 *
 * A line is an order (planesched/live/planes.py): N planes opens a machine; R reset, W renew, P
 * post, L line, K nmi, G give, r run, E eoi, S sleep, A asleep, U unhalt, V show; M samples; Y has
 * registers shown, X shares them with another plane, T tells what was stored. What they give goes,
 * a line each, to port 0xe9, which QEMU's isa-debugcon writes into a file. It runs as root, in a
 * guest of its own.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>

#include "live/machine.h"

enum { ROOM = 1 << 10, MOST_SAMPLES = 10000, PORT = 0xe9 };
#define TO_SETTLE_NS INT64_C(500000000)
#define STILL_ASLEEP_NS INT64_C(100000)
#define TO_SLEEP_NS INT64_C(50000000)

static struct ps_machine machine;
static char out[ROOM + 4096];
static size_t n_out;

static void flush(void)
{
    const char *from = out;
    size_t n = n_out;
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORT) : "memory");
    n_out = 0;
}

#define SAY(...) (n_out += (size_t)snprintf(out + n_out, 2048, __VA_ARGS__))

static void give_up(const char *what)
{
    const struct ps_live_fault *fault = &machine.fault;
    SAY("FAILED %s: %s, errno %d, detail %llu\n", what, fault->what ? fault->what : "",
        fault->error, (unsigned long long)fault->detail);
    flush();
    exit(1);
}

static void say_seen(const char *stop, const struct ps_live_seen *seen)
{
    SAY("%s", stop);
    for (unsigned i = 0; i < seen->n_took; i++)
        SAY(" %u", seen->took[i]);
    SAY("\n");
}

static const char *const stops[] = {
    [PS_STOP_ASKS] = "asks", [PS_STOP_VECTOR] = "vector", [PS_STOP_CALL] = "call",
    [PS_STOP_RETURN] = "return", [PS_STOP_TIME] = "time", [PS_STOP_SIGNAL] = "signal",
    [PS_STOP_IPI] = "ipi", [PS_STOP_EOI] = "eoi",
};

static void run(int plane, unsigned most)
{
    struct ps_live_seen seen;
    if (ps_machine_settle(&machine, plane, most, TO_SETTLE_NS, &seen))
        give_up("run");
    say_seen(stops[seen.stop], &seen);
}

static void end_service(int plane)
{
    struct ps_live_seen seen;
    if (ps_machine_settle(&machine, plane, 1, TO_SETTLE_NS, &seen))
        give_up("eoi");
    SAY("%s %u\n", stops[seen.stop], machine.seats[plane].vector);
}

static void fall_asleep(int plane)
{
    struct ps_live_seen seen;
    int64_t limit_ns = STILL_ASLEEP_NS;
    do {
        if (ps_machine_settle(&machine, plane, 1, limit_ns, &seen))
            give_up("sleep");
        limit_ns *= 2;
    } while (seen.stop == PS_STOP_TIME && !ps_machine_is_halted(&machine, plane) &&
             limit_ns < TO_SLEEP_NS);
    say_seen(stops[seen.stop], &seen);
}

static void stay_asleep(int plane)
{
    struct ps_live_seen seen;
    if (ps_machine_settle(&machine, plane, 1, STILL_ASLEEP_NS, &seen))
        give_up("asleep");
    const int awake = seen.stop == PS_STOP_TIME && !ps_machine_is_halted(&machine, plane);
    say_seen(awake ? "awake" : stops[seen.stop], &seen);
}

static void say_vectors(const uint32_t *words)
{
    for (unsigned vector = 0; vector < 256; vector++)
        if (words[vector / 32] >> vector % 32 & 1u)
            SAY(" %u", vector);
}

static void show(int plane)
{
    for (int each = 0; each < machine.n_seats; each++) {
        struct ps_live_apic apic;
        if (ps_machine_apic(&machine, each, &apic))
            give_up("show");
        say_vectors(apic.irr);
        SAY(" ;");
        say_vectors(apic.isr);
        SAY(" ; %u %u |", apic.tpr, apic.ppr);
    }
    SAY(" %d\n", ps_machine_takes_interrupts(&machine, plane));
}

static void say_stored(void)
{
    uint32_t words[PS_LIVE_STORED];
    ps_machine_stored(&machine, words);
    for (int i = 0; i < PS_LIVE_STORED; i++)
        SAY("%u%c", words[i], i + 1 < PS_LIVE_STORED ? ' ' : '\n');
}

static void sample(const char *what, size_t n, unsigned argument)
{
    static int64_t ns[MOST_SAMPLES];
    const int seats[2] = {0, 1};
    const struct ps_live_sweep none = {NULL, 0};
    int64_t done = (int64_t)n;
    if (!strcmp(what, "clock"))
        ps_sample_clock(ns, n);
    else if (!strcmp(what, "exit"))
        done = ps_sample_exit(&machine, 0, ns, n);
    else if (!strcmp(what, "switch"))
        done = ps_sample_switch(&machine, seats, (int)argument, none, ns, n);
    else if (!strcmp(what, "post"))
        done = ps_sample_post(&machine, 0, 0, 0x41, ns, n);
    else if (!strcmp(what, "post_halted"))
        done = ps_sample_post(&machine, 0, 1, 0x41, ns, n);
    else
        give_up(what);
    if (done != (int64_t)n)
        give_up(what);
    for (size_t i = 0; i < n; i++) {
        SAY("%lld%c", (long long)ns[i], i + 1 < n ? ' ' : '\n');
        if (n_out > ROOM)
            flush();
    }
}

static void carry_out(const char *line)
{
    char what[32];
    int plane = 0, name = 0, argument = 0;
    if (line[0] == 'M') {
        if (sscanf(line + 1, "%31s %d %d", what, &name, &argument) < 2 || name > MOST_SAMPLES)
            give_up(line);
        sample(what, (size_t)name, (unsigned)argument);
        return;
    }
    sscanf(line + 1, "%d %d %d", &plane, &name, &argument);
    int failed = 0;
    switch (line[0]) {
    case 'N':
        if (machine.n_seats)
            ps_machine_close(&machine);
        failed = ps_machine_open(&machine, plane);
        break;
    case 'R':
        for (int each = 0; each < machine.n_seats; each++)
            failed |= ps_machine_reset(&machine, each);
        break;
    case 'W': failed = ps_machine_reset(&machine, plane); break;
    case 'K': failed = ps_machine_nmi(&machine, plane); break;
    case 'P': failed = ps_machine_post(&machine, plane, (unsigned)name) < 0; break;
    case 'L': failed = ps_machine_line(&machine, plane, (unsigned)name) < 0; break;
    case 'G': ps_machine_give(&machine, plane, (unsigned)name, (unsigned)argument); break;
    case 'U': failed = ps_machine_unhalt(&machine, plane); break;
    case 'r': run(plane, (unsigned)name); break;
    case 'Y':
        for (int each = 0; each < machine.n_seats; each++)
            ps_machine_shows_registers(&machine, each, plane);
        break;
    case 'X': failed = ps_machine_share(&machine, plane, name, argument); break;
    case 'T': say_stored(); break;
    case 'E': end_service(plane); break;
    case 'S': fall_asleep(plane); break;
    case 'A': stay_asleep(plane); break;
    case 'V': show(plane); break;
    default: failed = 1;
    }
    if (failed)
        give_up(line);
}

int main(int n_words, char **words)
{
    char line[256];
    FILE *orders = n_words == 2 ? fopen(words[1], "r") : NULL;
    if (!orders || ioperm(PORT, 1, 1))
        return 1;
    while (fgets(line, sizeof line, orders)) {
        line[strcspn(line, "\n")] = '\0';
        carry_out(line);
        if (n_out > ROOM)
            flush();
    }
    SAY("DONE\n");
    flush();
    return 0;
}
