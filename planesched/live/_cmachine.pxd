# The VM of csrc/live/machine.h, for planesched.live.machine only.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "live/machine.h" nogil:
    enum:
        PS_LIVE_SEATS
        PS_LIVE_TOOK
        PS_LIVE_WORDS
        PS_LIVE_FAILED
        PS_LIVE_LINES
        PS_LIVE_STORED

    const uint8_t *ps_live_lines

    enum ps_live_command:
        PS_DO_NOTHING
        PS_DO_COMPUTE
        PS_DO_HALT
        PS_DO_CALL
        PS_DO_RETURN
        PS_DO_CLI
        PS_DO_STI
        PS_DO_TPR
        PS_DO_EOI
        PS_DO_IPI
        PS_DO_FILL
        PS_DO_STORE
        PS_DO_SVR

    enum ps_live_stop:
        PS_STOP_ASKS
        PS_STOP_VECTOR
        PS_STOP_CALL
        PS_STOP_RETURN
        PS_STOP_TIME
        PS_STOP_SIGNAL
        PS_STOP_IPI
        PS_STOP_EOI

    enum ps_live_copy:
        PS_COPY_NONE
        PS_COPY_IOCTLS
        PS_COPY_SHARED

    struct ps_live_fault:
        const char *what
        int error
        uint64_t detail

    struct ps_live_seat:
        uint8_t vector

    struct ps_machine:
        int kvm, vm, n_seats, passes_eoi
        ps_live_fault fault
        ps_live_seat seats[64]

    struct ps_live_apic:
        uint32_t irr[8]
        uint32_t isr[8]
        uint32_t tpr, ppr

    struct ps_live_seen:
        int stop
        unsigned n_took
        uint8_t took[16]

    struct ps_live_sweep:
        uint8_t *bytes
        size_t n_bytes

    int ps_machine_open(ps_machine *machine, int n_seats) noexcept
    void ps_machine_close(ps_machine *machine) noexcept
    int ps_machine_reset(ps_machine *machine, int seat) noexcept
    int ps_machine_post(ps_machine *machine, int seat, unsigned vector) noexcept
    int ps_machine_line(ps_machine *machine, int seat, unsigned vector) noexcept
    int ps_machine_nmi(ps_machine *machine, int seat) noexcept
    void ps_machine_give(
        ps_machine *machine, int seat, unsigned command, unsigned argument
    ) noexcept
    int ps_machine_settle(
        ps_machine *machine, int seat, unsigned most, int64_t ns, ps_live_seen *seen
    ) noexcept
    int ps_machine_apic(ps_machine *machine, int seat, ps_live_apic *apic) noexcept
    int ps_machine_is_halted(ps_machine *machine, int seat) noexcept
    int ps_machine_unhalt(ps_machine *machine, int seat) noexcept
    int ps_machine_takes_interrupts(const ps_machine *machine, int seat) noexcept
    int ps_machine_share(ps_machine *machine, int seat, int to, int copy) noexcept
    void ps_machine_stored(const ps_machine *machine, uint32_t *words) noexcept
    void ps_machine_shows_registers(ps_machine *machine, int seat, int shows) noexcept
    int ps_live_extension(int fd, int capability) noexcept

    void ps_sample_clock(int64_t *ns, size_t n) noexcept
    int64_t ps_sample_exit(ps_machine *machine, int seat, int64_t *ns, size_t n) noexcept
    int64_t ps_sample_switch(
        ps_machine *machine, const int *seats, int copy, ps_live_sweep sweep, int64_t *ns, size_t n
    ) noexcept
    int64_t ps_sample_post(
        ps_machine *machine, int seat, int halted, unsigned vector, int64_t *ns, size_t n
    ) noexcept
    int64_t ps_sample_posted(
        ps_machine *machine, int seat, unsigned turns, int core, unsigned vector, int64_t *ns,
        size_t n
    ) noexcept
    int64_t ps_sample_compute(
        ps_machine *machine, int seat, unsigned turns, int64_t *ns, size_t n
    ) noexcept
