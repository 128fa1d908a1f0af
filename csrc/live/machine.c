/* The VM: posted to, run and read by ioctls (Documentation/virt/kvm/api.rst). */
#define _GNU_SOURCE
#include "live/parts.h"

#if PS_LIVE

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>


int ps_machine_fail(struct ps_machine *machine, const char *what, int error, uint64_t detail)
{
    machine->fault.what = what;
    machine->fault.error = error;
    machine->fault.detail = detail;
    return PS_LIVE_FAILED;
}

int ps_machine_fail_call(struct ps_machine *machine, const char *what)
{
    return ps_machine_fail(machine, what, errno, 0);
}

int ps_live_extension(int fd, int capability)
{
    return ioctl(fd, KVM_CHECK_EXTENSION, capability);
}

static int signal_msi(struct ps_machine *machine, int seat, unsigned data)
{
    struct kvm_msi msi = {.address_lo = PS_MSI_ADDRESS | (uint32_t)seat << 12, .data = data};
    const int taken = ioctl(machine->vm, KVM_SIGNAL_MSI, &msi);
    if (taken < 0)
        return ps_machine_fail_call(machine, "KVM_SIGNAL_MSI");
    return taken > 0;
}

int ps_machine_post(struct ps_machine *machine, int seat, unsigned vector)
{
    return signal_msi(machine, seat, vector);
}

int ps_machine_line(struct ps_machine *machine, int seat, unsigned vector)
{
    return signal_msi(machine, seat, vector | PS_MSI_LEVEL);
}

int ps_machine_nmi(struct ps_machine *machine, int seat)
{
    if (ioctl(machine->seats[seat].fd, KVM_NMI, 0) < 0)
        return ps_machine_fail_call(machine, "KVM_NMI");
    return 0;
}

void ps_machine_give(struct ps_machine *machine, int number, unsigned command, unsigned argument)
{
    struct ps_live_seat *seat = &machine->seats[number];
    const uint32_t word = (command & 0xffu) | argument << 8;
    if (!seat->asks)
        return;
    memcpy((uint8_t *)seat->run + seat->run->io.data_offset, &word, sizeof word);
    /* A KVM that emulates the guest forgets what `in` gives if registers are written before it. */
    seat->run->s.regs.regs.rax = word;
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
    if (run->io.direction == KVM_EXIT_IO_OUT && run->io.port == PS_PORT_IPI)
        return PS_STOP_IPI;
    return ps_machine_fail(machine, "the guest's port", 0, run->io.port);
}

int ps_machine_run(struct ps_machine *machine, int number)
{
    struct ps_live_seat *seat = &machine->seats[number];
    ps_machine_give(machine, number, PS_DO_NOTHING, 0);
    do {
        if (ioctl(seat->fd, KVM_RUN, 0) < 0) {
            if (errno != EINTR && errno != EAGAIN)
                return ps_machine_fail_call(machine, "KVM_RUN");
            const int timed = seat->run->immediate_exit;
            seat->run->immediate_exit = 0;
            return timed ? PS_STOP_TIME : PS_STOP_SIGNAL;
        }
    } while (machine->passes_eoi && seat->run->exit_reason == KVM_EXIT_IOAPIC_EOI);
    if (seat->run->exit_reason == KVM_EXIT_IO)
        return read_port(machine, seat);
    if (seat->run->exit_reason == KVM_EXIT_IOAPIC_EOI) {
        seat->vector = seat->run->eoi.vector;
        return PS_STOP_EOI;
    }
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
        return ps_machine_fail_call(machine, "timer_create");
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
        return ps_machine_fail_call(machine, "KVM_GET_LAPIC");
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
        return ps_machine_fail_call(machine, "KVM_GET_MP_STATE");
    return state.mp_state == KVM_MP_STATE_HALTED;
}

int ps_machine_unhalt(struct ps_machine *machine, int seat)
{
    struct kvm_mp_state state = {KVM_MP_STATE_RUNNABLE};
    if (ioctl(machine->seats[seat].fd, KVM_SET_MP_STATE, &state) < 0)
        return ps_machine_fail_call(machine, "KVM_SET_MP_STATE");
    return 0;
}

int ps_machine_takes_interrupts(const struct ps_machine *machine, int seat)
{
    return machine->seats[seat].run->if_flag;
}

#endif
