/* What planes of one vCPU share, copied by the host from one KVM vCPU to another: the general
 * registers but RSP, RIP and RFLAGS, CR2 and the FPU (TLFS, "Private State": the rest is each VTL's
 * own). */
#include "live/parts.h"

#if PS_LIVE

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

/* A plane that asks keeps nothing in registers. One that was left within a command gets its own
 * back, as if the other plane had saved them and restored them, which a VTL's entry code does. */
static void take_general(const struct ps_live_seat *seat, struct kvm_regs *to,
                         const struct kvm_regs *from)
{
    const struct kvm_regs own = *to;
    if (!seat->asks)
        return;
    *to = *from;
    to->rsp = own.rsp;
    to->rip = own.rip;
    to->rflags = own.rflags;
}

/* KVM_SET_FPU alone does not do: what the other plane's XSTATE_BV calls unused stays unused. */
static int share_fpu(struct ps_machine *machine, int from, int to)
{
    struct kvm_xsave fpu;
    if (ioctl(machine->seats[from].fd, KVM_GET_XSAVE, &fpu) < 0)
        return ps_machine_fail(machine, "KVM_GET_XSAVE", errno, 0);
    if (ioctl(machine->seats[to].fd, KVM_SET_XSAVE, &fpu) < 0)
        return ps_machine_fail(machine, "KVM_SET_XSAVE", errno, 0);
    return 0;
}

static int share_by_ioctls(struct ps_machine *machine, int from, int to)
{
    struct kvm_regs regs, own;
    struct kvm_sregs sregs, own_sregs;
    const int a = machine->seats[from].fd, b = machine->seats[to].fd;
    if (ioctl(a, KVM_GET_REGS, &regs) < 0 || ioctl(b, KVM_GET_REGS, &own) < 0)
        return ps_machine_fail(machine, "KVM_GET_REGS", errno, 0);
    take_general(&machine->seats[to], &own, &regs);
    if (ioctl(b, KVM_SET_REGS, &own) < 0)
        return ps_machine_fail(machine, "KVM_SET_REGS", errno, 0);
    if (ioctl(a, KVM_GET_SREGS, &sregs) < 0 || ioctl(b, KVM_GET_SREGS, &own_sregs) < 0)
        return ps_machine_fail(machine, "KVM_GET_SREGS", errno, 0);
    own_sregs.cr2 = sregs.cr2;
    if (ioctl(b, KVM_SET_SREGS, &own_sregs) < 0)
        return ps_machine_fail(machine, "KVM_SET_SREGS", errno, 0);
    return 0;
}

/* The kernel writes and reads them as part of KVM_RUN (KVM_CAP_SYNC_REGS). */
static void share_by_run(struct ps_machine *machine, int from, int to)
{
    struct kvm_run *a = machine->seats[from].run, *b = machine->seats[to].run;
    take_general(&machine->seats[to], &b->s.regs.regs, &a->s.regs.regs);
    b->s.regs.sregs.cr2 = a->s.regs.sregs.cr2;
    b->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

void ps_machine_stored(const struct ps_machine *machine, uint32_t words[PS_LIVE_STORED])
{
    memcpy(words, machine->memory + PS_LIVE_DATA, PS_LIVE_STORED * sizeof *words);
}

void ps_machine_shows_registers(struct ps_machine *machine, int seat, int shows)
{
    machine->seats[seat].run->kvm_valid_regs =
        shows ? KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS : 0;
}

int ps_machine_share(struct ps_machine *machine, int from, int to, int copy)
{
    if (copy == PS_COPY_NONE)
        return 0;
    if (copy == PS_COPY_SHARED)
        share_by_run(machine, from, to);
    else if (share_by_ioctls(machine, from, to))
        return PS_LIVE_FAILED;
    return share_fpu(machine, from, to);
}

#endif
