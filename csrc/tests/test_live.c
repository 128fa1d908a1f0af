/* Planes on a real KVM, where there is one: what a guest of ours does, and that nothing is left. */
#define _GNU_SOURCE
#include "check.h"
#include "live/machine.h"

#if PS_LIVE
#include <dirent.h>
#include <string.h>
#include <unistd.h>

static int count_files(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static struct ps_live_seen settle(struct ps_machine *machine, int seat, int64_t ns)
{
    struct ps_live_seen seen;
    CHECK(ps_machine_settle(machine, seat, PS_LIVE_TOOK, ns, &seen) == 0);
    return seen;
}

static void test_vectors_come_by_priority(struct ps_machine *machine)
{
    CHECK(settle(machine, 0, 1000000000).stop == PS_STOP_ASKS);
    ps_machine_give(machine, 0, PS_DO_CLI, 0);
    CHECK(settle(machine, 0, 1000000000).n_took == 0);
    CHECK(!ps_machine_takes_interrupts(machine, 0));
    CHECK(ps_machine_post(machine, 0, 0x31) == 1);
    CHECK(ps_machine_post(machine, 0, 0x52) == 1);
    CHECK(settle(machine, 0, 1000000000).n_took == 0);
    struct ps_live_apic apic;
    CHECK(ps_machine_apic(machine, 0, &apic) == 0);
    CHECK(apic.irr[1] == 1u << 0x11 && apic.irr[2] == 1u << 0x12);
    ps_machine_give(machine, 0, PS_DO_STI, 0);
    struct ps_live_seen seen = settle(machine, 0, 1000000000);
    CHECK(seen.n_took >= 1 && seen.took[0] == 0x52);
    ps_machine_give(machine, 0, PS_DO_EOI, 0);
    CHECK(seen.n_took + settle(machine, 0, 1000000000).n_took == 2);
    CHECK(machine->seats[0].vector == 0x31);
}

static void test_halt_lasts_until_an_interrupt(struct ps_machine *machine)
{
    CHECK(settle(machine, 1, 1000000000).stop == PS_STOP_ASKS);
    ps_machine_give(machine, 1, PS_DO_HALT, 0);
    CHECK(settle(machine, 1, 1000000).stop == PS_STOP_TIME);
    CHECK(ps_machine_is_halted(machine, 1) == 1);
    CHECK(ps_machine_post(machine, 1, 0x41) == 1);
    const struct ps_live_seen seen = settle(machine, 1, 1000000000);
    CHECK(seen.n_took == 1 && seen.took[0] == 0x41 && seen.stop == PS_STOP_ASKS);
    ps_machine_give(machine, 1, PS_DO_CALL, 0);
    CHECK(settle(machine, 1, 1000000000).stop == PS_STOP_CALL);
    ps_machine_give(machine, 1, PS_DO_NOTHING, 0);
    CHECK(settle(machine, 1, 1000000000).stop == PS_STOP_ASKS);
}

int main(void)
{
    const int files = count_files();
    struct ps_machine machine;
    if (access("/dev/kvm", R_OK | W_OK)) {
        CHECK(ps_machine_open(&machine, 2) == PS_LIVE_FAILED);
        CHECK(!strcmp(machine.fault.what, "/dev/kvm") && machine.fault.error);
        ps_machine_close(&machine);
        return 0;
    }
    CHECK(ps_machine_open(&machine, 2) == 0);
    test_vectors_come_by_priority(&machine);
    test_halt_lasts_until_an_interrupt(&machine);
    ps_machine_close(&machine);
    CHECK(ps_machine_open(&machine, PS_LIVE_SEATS + 1) == PS_LIVE_FAILED);
    ps_machine_close(&machine);
    CHECK(count_files() == files);
    return 0;
}
#else
int main(void)
{
    CHECK(PS_LIVE == 0);
    return 0;
}
#endif
