/* The VM: made, run, posted to and read by ioctls (Documentation/virt/kvm/api.rst). */
#define _GNU_SOURCE
#include "live/parts.h"

#if PS_LIVE

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CPUID_ENTRIES = 256, X2APIC_ON = 0xc00, APIC_SPURIOUS = 0xf0, APIC_ON = 0x1ff };
enum { APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_STRIDE = 0x10 };
enum { RFLAGS_IF_AND_ONE = 0x202, IOAPIC_PINS = 24 };
#define MSI_ADDRESS 0xfee00000u
/* Three free pages, which real mode takes on old Intel processors. */
#define TSS_ADDRESS 0xfffbd000ul

int ps_machine_fail(struct ps_machine *machine, const char *what, int error, uint64_t detail)
{
    machine->fault.what = what;
    machine->fault.error = error;
    machine->fault.detail = detail;
    return PS_LIVE_FAILED;
}

static int fail_call(struct ps_machine *machine, const char *what)
{
    return ps_machine_fail(machine, what, errno, 0);
}

int ps_live_extension(int fd, int capability)
{
    return ioctl(fd, KVM_CHECK_EXTENSION, capability);
}

static int set_up_cpuid(struct ps_machine *machine, int fd)
{
    int failed = 0;
    struct kvm_cpuid2 *cpuid =
        calloc(1, sizeof *cpuid + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
    if (!cpuid)
        return ps_machine_fail(machine, "memory", ENOMEM, 0);
    cpuid->nent = CPUID_ENTRIES;
    if (ioctl(machine->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
        failed = fail_call(machine, "KVM_GET_SUPPORTED_CPUID");
    else if (ioctl(fd, KVM_SET_CPUID2, cpuid) < 0)
        failed = fail_call(machine, "KVM_SET_CPUID2");
    free(cpuid);
    return failed;
}

static int set_up_apic(struct ps_machine *machine, int fd)
{
    struct kvm_lapic_state apic;
    const uint32_t on = APIC_ON;
    if (ioctl(fd, KVM_GET_LAPIC, &apic) < 0)
        return fail_call(machine, "KVM_GET_LAPIC");
    memcpy(apic.regs + APIC_SPURIOUS, &on, sizeof on);
    if (ioctl(fd, KVM_SET_LAPIC, &apic) < 0)
        return fail_call(machine, "KVM_SET_LAPIC");
    return 0;
}

/* Real mode at PS_LIVE_CODE, with the APIC in x2APIC mode: its registers are MSRs. */
static int set_up_registers(struct ps_machine *machine, int fd, int number)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;
    struct kvm_mp_state state = {KVM_MP_STATE_RUNNABLE};
    if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
        return fail_call(machine, "KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    sregs.apic_base |= X2APIC_ON;
    if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0)
        return fail_call(machine, "KVM_SET_SREGS");
    memset(&regs, 0, sizeof regs);
    regs.rip = PS_LIVE_CODE;
    regs.rsp = PS_LIVE_STACKS + PS_LIVE_STACK_BYTES * ((unsigned)number + 1u);
    regs.rflags = RFLAGS_IF_AND_ONE;
    if (ioctl(fd, KVM_SET_REGS, &regs) < 0)
        return fail_call(machine, "KVM_SET_REGS");
    if (set_up_apic(machine, fd))
        return PS_LIVE_FAILED;
    if (ioctl(fd, KVM_SET_MP_STATE, &state) < 0)
        return fail_call(machine, "KVM_SET_MP_STATE");
    return 0;
}

static int open_seat(struct ps_machine *machine, int number)
{
    struct ps_live_seat *seat = &machine->seats[number];
    seat->fd = ioctl(machine->vm, KVM_CREATE_VCPU, number);
    if (seat->fd < 0)
        return fail_call(machine, "KVM_CREATE_VCPU");
    void *run = mmap(NULL, machine->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, seat->fd, 0);
    if (run == MAP_FAILED)
        return fail_call(machine, "mmap of a vCPU");
    seat->run = run;
    if (set_up_cpuid(machine, seat->fd))
        return PS_LIVE_FAILED;
    return set_up_registers(machine, seat->fd, number);
}

static int open_vm(struct ps_machine *machine)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {IOAPIC_PINS}};
    struct kvm_userspace_memory_region region = {.memory_size = PS_LIVE_BYTES};
    machine->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (machine->kvm < 0)
        return fail_call(machine, "/dev/kvm");
    if (ps_live_extension(machine->kvm, KVM_CAP_SPLIT_IRQCHIP) <= 0)
        return ps_machine_fail(machine, "KVM_CAP_SPLIT_IRQCHIP", 0, 0);
    const int most = ps_live_extension(machine->kvm, KVM_CAP_MAX_VCPUS);
    if (most < machine->n_seats)
        return ps_machine_fail(machine, "KVM_CAP_MAX_VCPUS", 0, (uint64_t)(most < 0 ? 0 : most));
    machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, 0);
    if (machine->vm < 0)
        return fail_call(machine, "KVM_CREATE_VM");
    if (ioctl(machine->vm, KVM_ENABLE_CAP, &split) < 0)
        return fail_call(machine, "KVM_ENABLE_CAP of the split irqchip");
    (void)ioctl(machine->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS); /* who lacks it does without */
    void *memory = mmap(NULL, PS_LIVE_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return fail_call(machine, "mmap of the guest's memory");
    machine->memory = memory;
    ps_live_load_guest(machine->memory);
    region.userspace_addr = (uint64_t)(uintptr_t)memory;
    if (ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return fail_call(machine, "KVM_SET_USER_MEMORY_REGION");
    const int bytes = ioctl(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < 0)
        return fail_call(machine, "KVM_GET_VCPU_MMAP_SIZE");
    machine->run_bytes = (size_t)bytes;
    return 0;
}

int ps_machine_open(struct ps_machine *machine, int n_seats)
{
    memset(machine, 0, sizeof *machine);
    machine->kvm = machine->vm = -1;
    for (int i = 0; i < PS_LIVE_SEATS; i++)
        machine->seats[i].fd = -1;
    machine->n_seats = n_seats;
    if (n_seats < 1 || n_seats > PS_LIVE_SEATS)
        return ps_machine_fail(machine, "seats", 0, (uint64_t)n_seats);
    if (open_vm(machine))
        return PS_LIVE_FAILED;
    for (int i = 0; i < n_seats; i++)
        if (open_seat(machine, i))
            return PS_LIVE_FAILED;
    return 0;
}

void ps_machine_close(struct ps_machine *machine)
{
    ps_live_timer_close(&machine->timer);
    for (int i = 0; i < PS_LIVE_SEATS; i++) {
        struct ps_live_seat *seat = &machine->seats[i];
        if (seat->run)
            munmap(seat->run, machine->run_bytes);
        if (seat->fd >= 0)
            close(seat->fd);
        seat->run = NULL;
        seat->fd = -1;
    }
    if (machine->vm >= 0)
        close(machine->vm);
    if (machine->kvm >= 0)
        close(machine->kvm);
    if (machine->memory)
        munmap(machine->memory, PS_LIVE_BYTES);
    machine->vm = machine->kvm = -1;
    machine->memory = NULL;
}

int ps_machine_post(struct ps_machine *machine, int seat, unsigned vector)
{
    struct kvm_msi msi = {.address_lo = MSI_ADDRESS | (uint32_t)seat << 12, .data = vector};
    const int taken = ioctl(machine->vm, KVM_SIGNAL_MSI, &msi);
    if (taken < 0)
        return fail_call(machine, "KVM_SIGNAL_MSI");
    return taken > 0;
}

void ps_machine_give(struct ps_machine *machine, int number, unsigned command, unsigned argument)
{
    struct ps_live_seat *seat = &machine->seats[number];
    const uint32_t word = (command & 0xffu) | argument << 8;
    if (!seat->asks)
        return;
    memcpy((uint8_t *)seat->run + seat->run->io.data_offset, &word, sizeof word);
    seat->asks = 0;
}

/* Read an exit by port I/O; what is none of the guest's is a failure. */
static int read_port(struct ps_machine *machine, struct ps_live_seat *seat)
{
    const struct kvm_run *run = seat->run;
    const uint8_t *data = (const uint8_t *)run + run->io.data_offset;
    if (run->io.direction == KVM_EXIT_IO_IN && run->io.port == PS_PORT_ASK && run->io.size == 4) {
        seat->asks = 1;
        return PS_STOP_ASKS;
    }
    if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == PS_PORT_VECTOR) {
        seat->vector = *data;
        return PS_STOP_VECTOR;
    }
    if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == PS_PORT_CALL)
        return PS_STOP_CALL;
    if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == PS_PORT_RETURN)
        return PS_STOP_RETURN;
    return ps_machine_fail(machine, "the guest's port", 0, run->io.port);
}

int ps_machine_run(struct ps_machine *machine, int number)
{
    struct ps_live_seat *seat = &machine->seats[number];
    ps_machine_give(machine, number, PS_DO_NOTHING, 0);
    if (ioctl(seat->fd, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN)
            return fail_call(machine, "KVM_RUN");
        const int timed = seat->run->immediate_exit;
        seat->run->immediate_exit = 0;
        return timed ? PS_STOP_TIME : PS_STOP_SIGNAL;
    }
    if (seat->run->exit_reason == KVM_EXIT_IO)
        return read_port(machine, seat);
    if (seat->run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
        return ps_machine_fail(machine, "KVM_EXIT_INTERNAL_ERROR", 0, seat->run->internal.suberror);
    if (seat->run->exit_reason == KVM_EXIT_SHUTDOWN)
        return ps_machine_fail(machine, "KVM_EXIT_SHUTDOWN", 0, 0);
    return ps_machine_fail(machine, "the guest's exit", 0, seat->run->exit_reason);
}

int ps_machine_settle(struct ps_machine *machine, int number, unsigned most, int64_t ns,
                      struct ps_live_seen *seen)
{
    struct kvm_run *run = machine->seats[number].run;
    int asked = 0;
    seen->n_took = 0;
    if (ps_live_timer_open(&machine->timer))
        return fail_call(machine, "timer_create");
    ps_live_timer_arm(&machine->timer, run, ns);
    do {
        seen->stop = ps_machine_run(machine, number);
        asked = seen->stop == PS_STOP_ASKS ? asked + 1 : 0;
        if (seen->stop == PS_STOP_VECTOR)
            seen->took[seen->n_took++] = machine->seats[number].vector;
    } while (asked == 1 || (seen->stop == PS_STOP_VECTOR && seen->n_took < most));
    ps_live_timer_arm(&machine->timer, NULL, 0);
    run->immediate_exit = 0;
    return seen->stop < 0 ? PS_LIVE_FAILED : 0;
}

int ps_machine_apic(struct ps_machine *machine, int seat, struct ps_live_apic *apic)
{
    struct kvm_lapic_state state;
    if (ioctl(machine->seats[seat].fd, KVM_GET_LAPIC, &state) < 0)
        return fail_call(machine, "KVM_GET_LAPIC");
    for (unsigned i = 0; i < PS_LIVE_WORDS; i++) {
        memcpy(&apic->irr[i], state.regs + APIC_IRR + APIC_STRIDE * i, 4);
        memcpy(&apic->isr[i], state.regs + APIC_ISR + APIC_STRIDE * i, 4);
    }
    memcpy(&apic->tpr, state.regs + APIC_TPR, 4);
    memcpy(&apic->ppr, state.regs + APIC_PPR, 4);
    return 0;
}

int ps_machine_is_halted(struct ps_machine *machine, int seat)
{
    struct kvm_mp_state state;
    if (ioctl(machine->seats[seat].fd, KVM_GET_MP_STATE, &state) < 0)
        return fail_call(machine, "KVM_GET_MP_STATE");
    return state.mp_state == KVM_MP_STATE_HALTED;
}

int ps_machine_unhalt(struct ps_machine *machine, int seat)
{
    struct kvm_mp_state state = {KVM_MP_STATE_RUNNABLE};
    if (ioctl(machine->seats[seat].fd, KVM_SET_MP_STATE, &state) < 0)
        return fail_call(machine, "KVM_SET_MP_STATE");
    return 0;
}

int ps_machine_takes_interrupts(const struct ps_machine *machine, int seat)
{
    return machine->seats[seat].run->if_flag;
}

#endif
