/* The VM and its vCPUs: made, made as new again, and closed. */
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
enum { CR4_SSE = 0x200 };
enum { GUARD_BYTES = 0x1000, RFLAGS_IF_AND_ONE = 0x202, PINS = PS_LIVE_SEATS * PS_LIVE_LINES };
const uint8_t ps_live_lines[PS_LIVE_LINES] = {0x35, 0x58, 0x9a};

/* Three free pages, which real mode takes on old Intel processors. */
#define TSS_ADDRESS 0xfffbd000ul

static int set_up_cpuid(struct ps_machine *machine, int fd)
{
    int failed = 0;
    struct kvm_cpuid2 *cpuid =
        calloc(1, sizeof *cpuid + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2));
    if (!cpuid)
        return ps_machine_fail(machine, "memory", ENOMEM, 0);
    cpuid->nent = CPUID_ENTRIES;
    if (ioctl(machine->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
        failed = ps_machine_fail_call(machine, "KVM_GET_SUPPORTED_CPUID");
    else if (ioctl(fd, KVM_SET_CPUID2, cpuid) < 0)
        failed = ps_machine_fail_call(machine, "KVM_SET_CPUID2");
    free(cpuid);
    return failed;
}

static int set_up_apic(struct ps_machine *machine, int fd)
{
    struct kvm_lapic_state apic;
    const uint32_t on = APIC_ON;
    if (ioctl(fd, KVM_GET_LAPIC, &apic) < 0)
        return ps_machine_fail_call(machine, "KVM_GET_LAPIC");
    memcpy(apic.regs + APIC_SPURIOUS, &on, sizeof on);
    memset(apic.regs + APIC_TPR, 0, 4);
    memset(apic.regs + APIC_PPR, 0, 4);
    for (unsigned i = 0; i < PS_LIVE_WORDS; i++) {
        memset(apic.regs + APIC_IRR + APIC_STRIDE * i, 0, 4);
        memset(apic.regs + APIC_ISR + APIC_STRIDE * i, 0, 4);
    }
    /* Twice: Linux 6.1 works PPR out before it has looked at the new ISR. */
    for (int i = 0; i < 2; i++)
        if (ioctl(fd, KVM_SET_LAPIC, &apic) < 0)
            return ps_machine_fail_call(machine, "KVM_SET_LAPIC");
    return 0;
}

/* Real mode at PS_LIVE_CODE, with the APIC in x2APIC mode: its registers are MSRs. */
static int set_up_registers(struct ps_machine *machine, int fd, int number)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;
    struct kvm_mp_state state = {KVM_MP_STATE_RUNNABLE};
    if (ioctl(fd, KVM_GET_SREGS, &sregs) < 0)
        return ps_machine_fail_call(machine, "KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    sregs.apic_base |= X2APIC_ON;
    sregs.cr8 = 0;
    sregs.cr4 |= CR4_SSE;
    if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_SREGS");
    memset(&regs, 0, sizeof regs);
    regs.rip = PS_LIVE_CODE;
    regs.rsp = PS_LIVE_STACKS + PS_LIVE_STACK_BYTES * ((unsigned)number + 1u);
    regs.rflags = RFLAGS_IF_AND_ONE;
    if (ioctl(fd, KVM_SET_REGS, &regs) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_REGS");
    if (set_up_apic(machine, fd))
        return PS_LIVE_FAILED;
    if (ioctl(fd, KVM_SET_MP_STATE, &state) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_MP_STATE");
    return 0;
}

/* Finish what an exit by port I/O left to do: KVM does it as it is entered, and leaves at once. */
static void finish_exit(struct ps_live_seat *seat)
{
    seat->run->immediate_exit = 1;
    (void)ioctl(seat->fd, KVM_RUN, 0);
    seat->run->immediate_exit = 0;
    seat->asks = 0;
}

int ps_machine_reset(struct ps_machine *machine, int number)
{
    struct ps_live_seat *seat = &machine->seats[number];
    struct kvm_vcpu_events events;
    finish_exit(seat);
    memset(&events, 0, sizeof events);
    events.flags = KVM_VCPUEVENT_VALID_NMI_PENDING; /* or one that is pending stays */
    if (ioctl(seat->fd, KVM_SET_VCPU_EVENTS, &events) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_VCPU_EVENTS");
    return set_up_registers(machine, seat->fd, number);
}

static int open_seat(struct ps_machine *machine, int number)
{
    struct ps_live_seat *seat = &machine->seats[number];
    seat->fd = ioctl(machine->vm, KVM_CREATE_VCPU, number);
    if (seat->fd < 0)
        return ps_machine_fail_call(machine, "KVM_CREATE_VCPU");
    void *run = mmap(NULL, machine->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, seat->fd, 0);
    if (run == MAP_FAILED)
        return ps_machine_fail_call(machine, "mmap of a vCPU");
    seat->run = run;
    if (set_up_cpuid(machine, seat->fd))
        return PS_LIVE_FAILED;
    return set_up_registers(machine, seat->fd, number);
}

/* The guest's memory, and before and behind it a page that nobody may touch: the one that writes
 * beyond it is stopped. */
static int map_memory(struct ps_machine *machine)
{
    uint8_t *all = mmap(NULL, PS_LIVE_BYTES + 2 * GUARD_BYTES, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return ps_machine_fail_call(machine, "mmap of the guest's memory");
    machine->memory = all + GUARD_BYTES;
    if (mprotect(machine->memory, PS_LIVE_BYTES, PROT_READ | PROT_WRITE))
        return ps_machine_fail_call(machine, "mprotect of the guest's memory");
    return 0;
}

static int open_vm(struct ps_machine *machine)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {PINS}};
    struct kvm_userspace_memory_region region = {.memory_size = PS_LIVE_BYTES};
    machine->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (machine->kvm < 0)
        return ps_machine_fail_call(machine, "/dev/kvm");
    if (ps_live_extension(machine->kvm, KVM_CAP_SPLIT_IRQCHIP) <= 0)
        return ps_machine_fail(machine, "KVM_CAP_SPLIT_IRQCHIP", 0, 0);
    const int most = ps_live_extension(machine->kvm, KVM_CAP_MAX_VCPUS);
    if (most < machine->n_seats)
        return ps_machine_fail(machine, "KVM_CAP_MAX_VCPUS", 0, (uint64_t)(most < 0 ? 0 : most));
    machine->vm = ioctl(machine->kvm, KVM_CREATE_VM, 0);
    if (machine->vm < 0)
        return ps_machine_fail_call(machine, "KVM_CREATE_VM");
    if (ioctl(machine->vm, KVM_ENABLE_CAP, &split) < 0)
        return ps_machine_fail_call(machine, "KVM_ENABLE_CAP of the split irqchip");
    (void)ioctl(machine->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS); /* who lacks it does without */
    if (map_memory(machine))
        return PS_LIVE_FAILED;
    ps_live_load_guest(machine->memory);
    region.userspace_addr = (uint64_t)(uintptr_t)machine->memory;
    if (ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_USER_MEMORY_REGION");
    const int bytes = ioctl(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < 0)
        return ps_machine_fail_call(machine, "KVM_GET_VCPU_MMAP_SIZE");
    machine->run_bytes = (size_t)bytes;
    return 0;
}

/* The routes of userspace's I/O APIC: from them KVM knows for which EOIs it is to leave. */
static int set_up_routes(struct ps_machine *machine)
{
    struct kvm_irq_routing *table =
        calloc(1, sizeof *table + PINS * sizeof(struct kvm_irq_routing_entry));
    int failed = 0;
    if (!table)
        return ps_machine_fail(machine, "memory", ENOMEM, 0);
    table->nr = (uint32_t)(machine->n_seats * PS_LIVE_LINES);
    for (uint32_t i = 0; i < table->nr; i++) {
        struct kvm_irq_routing_entry *entry = &table->entries[i];
        entry->gsi = i;
        entry->type = KVM_IRQ_ROUTING_MSI;
        entry->u.msi.address_lo = PS_MSI_ADDRESS | i / PS_LIVE_LINES << 12;
        entry->u.msi.data = ps_live_lines[i % PS_LIVE_LINES] | PS_MSI_LEVEL;
    }
    if (ioctl(machine->vm, KVM_SET_GSI_ROUTING, table) < 0)
        failed = ps_machine_fail_call(machine, "KVM_SET_GSI_ROUTING");
    free(table);
    return failed;
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
    return set_up_routes(machine);
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
        munmap(machine->memory - GUARD_BYTES, PS_LIVE_BYTES + 2 * GUARD_BYTES);
    machine->vm = machine->kvm = -1;
    machine->memory = NULL;
}

#endif
