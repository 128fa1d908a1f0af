"""What a guest of ours does on this host's KVM; where there is none, what is said of that.

Longer than 300 lines because all of it is one machine's.
"""

import errno
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from planesched.live import LiveError
from planesched.live.faults import fault
from planesched.live.host import open_machine, probe
from planesched.live.planes import LINES


def left():
    """What a process has that a machine could leave behind, but for what waits to be collected."""
    gc.collect()
    return [len(list(Path(f"/proc/self/{what}").iterdir())) for what in ("fd", "task")]


@pytest.fixture
def machine(kvm):
    """A machine of three planes; None where there is no KVM, which has said so."""
    if not kvm:
        with pytest.raises(LiveError, match="/dev/kvm"):
            open_machine(3)
        yield None
        return
    before = left()
    with open_machine(3) as made:
        yield made
    assert left() == before


def test_a_plane_takes_what_it_may_highest_first(machine):
    if machine is None:
        return
    assert machine.settle(1) == ("asks", ())
    machine.give(1, "cli")
    assert machine.settle(1) == ("asks", ())
    assert not machine.takes_interrupts(1)
    assert [machine.post(1, vector) for vector in (0x31, 0x93, 0x52)] == [True] * 3
    assert machine.settle(1) == ("asks", ())
    assert machine.apic(1) == ((0x31, 0x52, 0x93), (), 0, 0)
    machine.give(1, "tpr", 0x50)
    machine.settle(1)
    assert machine.apic(1)[2:] == (0x50, 0x50)
    machine.give(1, "sti")
    stop, took = machine.settle(1, most=1)
    assert (stop, took) == ("vector", (0x93,))
    assert machine.settle(1) == ("asks", ())
    assert machine.apic(1)[0] == (0x31, 0x52)
    # Another plane has an APIC of its own.
    assert machine.settle(0) == ("asks", ())
    assert machine.apic(0) == ((), (), 0, 0)


def test_a_halted_plane_sleeps_until_an_interrupt_or_the_host_wakes_it(machine):
    if machine is None:
        return
    for wake in (lambda: machine.post(2, 0x41), lambda: machine.unhalt(2)):
        machine.settle(2)
        machine.give(2, "halt")
        assert machine.settle(2, time_ns=500_000) == ("time", ())
        assert machine.is_halted(2)
        wake()
        assert machine.settle(2)[0] == "asks"
        assert not machine.is_halted(2)
    machine.give(2, "call")
    assert machine.settle(2) == ("call", ())
    machine.settle(2)
    machine.give(2, "return")
    assert machine.settle(2) == ("return", ())


def test_an_nmi_is_taken_with_interrupts_disabled_and_ends_a_halt(machine):
    if machine is None:
        return
    machine.settle(0)
    for command in ("cli", "halt"):
        machine.give(0, command)
        machine.settle(0, time_ns=500_000)
        machine.nmi(0)
        assert machine.settle(0) == ("asks", (2,))
        assert not machine.takes_interrupts(0)
    # One that is pending goes with what else the plane had.
    machine.nmi(1)
    machine.post(1, 0x31)
    machine.reset(1)
    assert machine.settle(1) == ("asks", ())
    assert machine.takes_interrupts(1)


def test_an_apic_that_is_disabled_by_software_delivers_what_it_has_and_takes_no_more(machine):
    if machine is None:
        return
    machine.settle(0)
    machine.give(0, "cli")
    machine.settle(0)
    machine.post(0, 0x41)
    machine.give(0, "svr", 0xFF)
    machine.settle(0)
    assert machine.apic(0)[0] == (0x41,)
    machine.give(0, "sti")
    assert machine.settle(0) == ("asks", (0x41,))
    assert not machine.post(0, 0x51)
    assert machine.apic(0)[0] == ()
    machine.give(0, "svr", 0x1FF)
    assert machine.settle(0) == ("asks", ())
    assert machine.post(0, 0x31)
    assert machine.settle(0) == ("asks", (0x31,))


def test_the_eoi_of_what_a_line_brought_has_the_plane_left(machine):
    if machine is None:
        return
    machine.settle(0)
    assert tuple(LINES) == machine_lines()
    for vector in LINES:
        assert machine.line(0, vector)
        # A KVM that writes EOI as it injects leaves for it at once.
        stop, took = machine.settle(0)
        assert took == (vector,)
        if probe().auto_eoi:
            assert (stop, machine.ended(0)) == ("eoi", vector)
            continue
        assert (stop, machine.apic(0)[1]) == ("asks", (vector,))
        machine.give(0, "eoi")
        assert (machine.settle(0), machine.ended(0)) == (("eoi", ()), vector)
        assert machine.apic(0)[1] == ()
    # Another vector's has not, nor has that of none.
    machine.post(1, 0x41)
    assert machine.settle(1) == ("asks", (0x41,))
    for _ in range(2):
        machine.give(1, "eoi")
        assert machine.settle(1) == ("asks", ())
    with pytest.raises(ValueError, match="vector=65, expected one of 53, 88, 154"):
        machine.line(0, 0x41)


def machine_lines():
    from planesched.live.machine import LINES as found

    return found


@pytest.mark.parametrize("copy", ["ioctls", "shared"])
def test_what_planes_share_arrives_with_a_switch(machine, copy):
    """General registers, CR2 and an FPU register that one plane fills, the other stores."""
    if machine is None:
        return
    machine.shows_registers(copy == "shared" and probe().sync_regs)
    for value in (0x123456, 0xFEDCBA):
        for plane in (0, 1):
            machine.settle(plane)
        machine.give(0, "fill", value)
        machine.settle(0)
        machine.give(1, "store")
        machine.settle(1)
        inverse = ~value & 0xFFFFFFFF
        general = (value, inverse, inverse << 8 & 0xFFFFFFFF, value)
        assert machine.stored()[:4] != general
        machine.share(0, 1, copy)
        machine.settle(1)
        machine.give(1, "store")
        machine.settle(1)
        assert machine.stored() == (*general, value, inverse, 0, 0)


def test_pages_beside_the_guests_memory_may_not_be_touched(machine):
    """64 KiB between two pages without any permission: a write beyond it ends the process."""
    if machine is None:
        return
    there = guarded()
    machine.close()
    assert len(there - guarded()) == 1


def guarded():
    """Where 64 KiB that may be written to stand between pages that nobody may touch."""
    maps = [line.split()[:2] for line in Path("/proc/self/maps").read_text().splitlines()]
    spans = [(*(int(end, 16) for end in span.split("-")), may) for span, may in maps]
    return {
        one
        for before, one, behind in zip(spans, spans[1:], spans[2:], strict=False)
        if one[1] - one[0] == 64 << 10
        and (before[2], one[2], behind[2]) == ("---p", "rw-p", "---p")
        and (before[1], one[1]) == (one[0], behind[0])
    }


def test_samples_are_within_the_time_that_went_by(machine):
    if machine is None:
        return
    for what, given in [("exit", {}), ("switch", {"copy": "ioctls"}), ("compute", {"turns": 90})]:
        parts = []
        while len(parts) < 5 and max(parts, default=0) <= 0.5:  # the host may run others between
            began = time.perf_counter_ns()
            ns = machine.sample(what, 200, **given)
            parts.append(ns.sum() / (time.perf_counter_ns() - began))
            assert (ns > 0).all()
        assert 0.5 < max(parts) <= 1, what
    few, many = (np.median(machine.sample("compute", 20, turns=k)) for k in (200, 2000))
    assert few < many


def test_ctrl_c_ends_a_plane_that_computes(machine):
    if machine is None:
        return
    machine.settle(0)
    machine.give(0, "compute", 0xFFFFFF)
    took_s = []
    for _ in range(3):
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
        began = time.monotonic()
        timer.start()
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            while True:
                machine.settle(0)
                machine.give(0, "compute", 0xFFFFFF)
        took_s.append(time.monotonic() - began - 0.05)
        timer.join()
    assert min(took_s) < 0.1


def test_mistakes_of_a_caller(machine):
    if machine is None:
        return
    for wrong, said in [
        (lambda: machine.settle(3), "plane=3, expected a whole number in 0..2"),
        (lambda: machine.post(0, 15), "vector=15"),
        (lambda: machine.give(0, "hlat"), "did you mean halt"),
        (lambda: machine.sample("exits", 1), "did you mean exit"),
        (lambda: machine.sample("switch", 1, copy="all"), "copy='all'"),
        (lambda: open_machine(65), "planes=65, expected a whole number in 1..64"),
    ]:
        with pytest.raises(ValueError, match=said):
            wrong()
    machine.close()
    with pytest.raises(ValueError, match="machine='closed'"):
        machine.settle(0)


def test_a_user_who_may_not_open_it_is_told_what_to_do(kvm):
    """In a process that gives up root, and in one that may open no more files."""
    code = (
        "import os, resource\n"
        "from planesched.live.host import probe\n"
        "probe()\n"
        "{lose}\n"
        "print(probe().lacks)"
    )
    files = "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))"
    user = "os.getuid() or os.setuid(65534)"
    said = [
        subprocess.run(
            [sys.executable, "-c", code.format(lose=lose)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for lose in (files, user)
    ]
    open_to_all = kvm and Path("/dev/kvm").stat().st_mode & 0o006 == 0o006
    assert (said[1] == "\n") == (bool(open_to_all) or (kvm and os.getuid() != 0))
    if kvm:
        assert "Too many open files" in said[0]
        if said[1] != "\n":
            assert "may not be opened by this user: add the user to its group" in said[1]
    else:
        assert "/dev/kvm" in said[0]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (("/dev/kvm", errno.ENOENT, 0), "there is no /dev/kvm: load the module"),
        (("/dev/kvm", errno.EACCES, 0), "add the user to its group"),
        (("KVM_CREATE_VM", errno.EBUSY, 0), "KVM_CREATE_VM failed: Device or resource busy"),
        (("KVM_CAP_SPLIT_IRQCHIP", 0, 0), "no split irqchip"),
        (("KVM_CAP_MAX_VCPUS", 0, 1), "allows 1 vCPUs a VM"),
        (("KVM_EXIT_INTERNAL_ERROR", 0, 3), "suberror 3"),
        (("KVM_EXIT_SHUTDOWN", 0, 0), "a triple fault"),
        (("the guest's exit", 0, 17), "exit reason 17"),
    ],
)
def test_what_goes_wrong_is_one_sentence(found, said):
    text = str(fault(*found))
    assert said in text
    assert "\n" not in text


def test_elsewhere_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "need Linux on x86-64" in probe().lacks
    with pytest.raises(LiveError, match="need Linux on x86-64"):
        open_machine(1)
