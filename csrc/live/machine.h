/* Planes on a real KVM (rules, section 9): one KVM vCPU for each plane, of which only that runs
 * which the caller runs.
 *
 * A seat is the KVM vCPU of one plane of one vCPU. A machine belongs to one thread at a time, but
 * for seats that different threads run. Linux on x86-64 alone; elsewhere PS_LIVE is 0 and nothing
 * is defined.
 */
#ifndef PS_LIVE_MACHINE_H
#define PS_LIVE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__linux__) && defined(__x86_64__)
#define PS_LIVE 1
#else
#define PS_LIVE 0
#endif

struct kvm_run;

enum { PS_LIVE_SEATS = 64, PS_LIVE_TOOK = 16, PS_LIVE_WORDS = 8, PS_LIVE_LINES = 3 };

/* Of each plane, the vectors that a level-triggered line may bring. */
extern const uint8_t ps_live_lines[PS_LIVE_LINES];

/* The guest's commands; the argument has 24 bits. */
enum ps_live_command {
    PS_DO_NOTHING,
    PS_DO_COMPUTE,
    PS_DO_HALT,
    PS_DO_CALL,
    PS_DO_RETURN,
    PS_DO_CLI,
    PS_DO_STI,
    PS_DO_TPR,
    PS_DO_EOI,
    PS_DO_IPI,
    PS_DO_FILL,  /* registers that planes share: ESI, EDI, EBP, CR2, XMM0, from the argument */
    PS_DO_STORE, /* put them into memory: ps_machine_stored */
    PS_DO_SVR
};

/* Why a plane stopped running. */
enum ps_live_stop {
    PS_STOP_ASKS,   /* it asks for its next command */
    PS_STOP_VECTOR, /* it took a vector, and is in its handler */
    PS_STOP_CALL,
    PS_STOP_RETURN,
    PS_STOP_TIME,   /* the time was over: it is halted, or computes */
    PS_STOP_SIGNAL, /* a signal of somebody else's came: Ctrl-C, say */
    PS_STOP_IPI,    /* it sends another vCPU an interrupt, which the host posts */
    PS_STOP_EOI     /* it ended a vector that a line may bring: userspace's I/O APIC looks */
};

#define PS_LIVE_FAILED (-1)

/* What failed: the call or exit, errno where it was a call, else what KVM said. */
struct ps_live_fault {
    const char *what;
    int error;
    uint64_t detail;
};

struct ps_live_timer {
    void *id;
    int thread; /* whose it is; 0 is nobody's */
};

struct ps_live_seat {
    int fd;
    int asks; /* whether its last exit asked for a command that was not given yet */
    uint8_t vector; /* the one that it took, or ended */
    struct kvm_run *run;
};

struct ps_machine {
    int kvm, vm, n_seats;
    int passes_eoi; /* no PS_STOP_EOI: for a KVM that writes EOI itself as it injects */
    size_t run_bytes;
    uint8_t *memory;
    struct ps_live_timer timer;
    struct ps_live_fault fault;
    struct ps_live_seat seats[PS_LIVE_SEATS];
};

/* The registers of a local APIC, as KVM_GET_LAPIC gives them. */
struct ps_live_apic {
    uint32_t irr[PS_LIVE_WORDS], isr[PS_LIVE_WORDS];
    uint32_t tpr, ppr;
};

/* What was seen while a plane ran until it had nothing more to do. */
struct ps_live_seen {
    int stop; /* PS_STOP_ASKS: it has settled */
    unsigned n_took;
    uint8_t took[PS_LIVE_TOOK];
};

/* Open /dev/kvm and make the VM and its vCPUs, interrupts enabled: 0, or PS_LIVE_FAILED, which is
 * in `fault`. Close it in any case. */
int ps_machine_open(struct ps_machine *machine, int n_seats);
void ps_machine_close(struct ps_machine *machine);

/* Make a seat as it was when it was opened: 0, or PS_LIVE_FAILED. */
int ps_machine_reset(struct ps_machine *machine, int seat);

/* Post a vector into a seat's APIC by KVM_SIGNAL_MSI: 1 taken, 0 blocked, PS_LIVE_FAILED. May be
 * called from any thread. */
int ps_machine_post(struct ps_machine *machine, int seat, unsigned vector);

/* The same for a line that is up: level-triggered, one of ps_live_lines. */
int ps_machine_line(struct ps_machine *machine, int seat, unsigned vector);

/* Post an NMI to a seat, by KVM_NMI: 0, or PS_LIVE_FAILED. It is taken as vector 2. */
int ps_machine_nmi(struct ps_machine *machine, int seat);

/* Give a seat that asks its command; one that does not ask goes on with what it does. */
void ps_machine_give(struct ps_machine *machine, int seat, unsigned command, unsigned argument);

/* Run a seat once, until its next exit: a stop, or PS_LIVE_FAILED. */
int ps_machine_run(struct ps_machine *machine, int seat);

/* Run a seat until it asks twice in a row, has taken `most` vectors, calls, returns, ends a vector
 * of a line, or `ns` are over: 0, or PS_LIVE_FAILED. */
int ps_machine_settle(struct ps_machine *machine, int seat, unsigned most, int64_t ns,
                      struct ps_live_seen *seen);

/* Read the APIC of a seat. */
int ps_machine_apic(struct ps_machine *machine, int seat, struct ps_live_apic *apic);

/* Tell whether a seat sleeps in HLT: 1, 0 or PS_LIVE_FAILED. */
int ps_machine_is_halted(struct ps_machine *machine, int seat);

/* End a seat's HLT as a host does, without an interrupt. */
int ps_machine_unhalt(struct ps_machine *machine, int seat);

/* Tell of the seat's last exit whether it had interrupts enabled. */
int ps_machine_takes_interrupts(const struct ps_machine *machine, int seat);

/* How the host copies what planes share. */
enum ps_live_copy {
    PS_COPY_NONE,
    PS_COPY_IOCTLS,
    PS_COPY_SHARED /* by struct kvm_run, but for the FPU (KVM_CAP_SYNC_REGS) */
};

/* Copy it from one seat to another: 0, or PS_LIVE_FAILED. A seat that does not ask gets its own
 * general registers back. */
int ps_machine_share(struct ps_machine *machine, int from, int to, int copy);

/* What a guest stored: ESI, EDI, EBP, CR2, and XMM0 in four. */
enum { PS_LIVE_STORED = 8 };
void ps_machine_stored(const struct ps_machine *machine, uint32_t words[PS_LIVE_STORED]);

/* Have a seat's exits show its registers in struct kvm_run, or not any more. */
void ps_machine_shows_registers(struct ps_machine *machine, int seat, int shows);

/* Memory to write to before each sample, so that caches are cold; none of it: warm. */
struct ps_live_sweep {
    uint8_t *bytes;
    size_t n_bytes;
};

/* What follows measures: it fills `n` times in ns, and returns how many, fewer if a signal came, or
 * PS_LIVE_FAILED. */

int64_t ps_live_now_ns(void);

/* Two readings of the clock, one after the other. */
void ps_sample_clock(int64_t *ns, size_t n);

/* From a seat's exit by port I/O, through userspace, to its next one. */
int64_t ps_sample_exit(struct ps_machine *machine, int seat, int64_t *ns, size_t n);

/* The same with the other of two seats run each time. */
int64_t ps_sample_switch(struct ps_machine *machine, const int seats[2], int copy,
                         struct ps_live_sweep sweep, int64_t *ns, size_t n);

/* From a posting into a seat that is not run, asking or halted, to its handler: by this thread. */
int64_t ps_sample_post(struct ps_machine *machine, int seat, int halted, unsigned vector,
                       int64_t *ns, size_t n);

/* From a posting by another thread, on `core` unless that is negative, to the handler of a seat
 * that meanwhile computes, so many turns at a time, or (0) sleeps in HLT. */
int64_t ps_sample_posted(struct ps_machine *machine, int seat, unsigned turns, int core,
                         unsigned vector, int64_t *ns, size_t n);

/* So many turns of the guest's computing loop, exit included. */
int64_t ps_sample_compute(struct ps_machine *machine, int seat, unsigned turns, int64_t *ns,
                          size_t n);

/* What KVM says of itself: KVM_CHECK_EXTENSION on the system, or on the VM of an open machine. */
int ps_live_extension(int fd, int capability);

#endif
