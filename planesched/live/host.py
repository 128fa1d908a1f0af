"""What this host is, and which parts of `planesched.live` it can do."""

import contextlib
import fcntl
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..text import fill, width
from .faults import LiveError, fault

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["Host", "hurry", "open_machine", "probe", "urgent"]

# linux/kvm.h; KVM_CAP_PLANES as the series of June 2026 posted it.
_CHECK_EXTENSION = 0xAE03
_MAX_VCPUS, _SYNC_REGS, _PLANES = 66, 74, 249
_SHARED = 0b11  # KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS
_VULNERABILITIES = Path("/sys/devices/system/cpu/vulnerabilities")
_CLOCKSOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_NICE = -15
DOES = ("verify", "measure", "run")

FULL = "a full local APIC: a vector is in service (ISR) until its EOI"
AUTO_EOI = "acknowledges at injection: no vector stays in service (ISR), as if each had auto-EOI"


@dataclass(frozen=True)
class Host:
    """What a host is, as far as it can be seen.

    Attributes
    ----------
    kernel, machine, cpu : str
        Its kernel's release, architecture and processor's model.
    cpus : int
        How many this process may use.
    hypervisor : bool
        Whether the processor says that it is a hypervisor's: KVM is nested, or no hardware's.
    modules : tuple of str
        Kernel modules of KVM; none where it is built in.
    lacks : str
        Why no plane can run here; empty if one can.
    max_vcpus : int
        How many a VM may have.
    lapic : str
        What its local APIC does with a vector that was taken; ``"full"`` or ``"auto-eoi"``.
    sync_regs : bool
        Whether registers can be copied by struct kvm_run.
    planes : bool
        Whether the kernel has planes of its own (KVM_CAP_PLANES).
    clock : str
        The clock that times are read from, and whether the TSC is constant.
    mitigations : mapping of str to str
        By vulnerability, for those that affect this host.
    """

    kernel: str
    machine: str
    cpu: str
    cpus: int
    hypervisor: bool
    modules: tuple[str, ...] = ()
    lacks: str = ""
    max_vcpus: int = 0
    lapic: str = ""
    sync_regs: bool = False
    planes: bool = False
    clock: str = ""
    mitigations: Mapping[str, str] = field(default_factory=dict)

    @property
    def auto_eoi(self) -> bool:
        """Whether no vector stays in service."""
        return self.lapic == "auto-eoi"

    @property
    def can(self) -> dict[str, bool]:
        """Tell which of verify, measure and run this host can do."""
        return dict.fromkeys(DOES, not self.lacks)

    def check(self) -> "Host":
        """Return it where planes can run.

        Raises
        ------
        LiveError
            Where they cannot; which says why.
        """
        if self.lacks:
            raise LiveError(self.lacks)
        return self

    def facts(self) -> dict[str, str]:
        """Return what it is, in words, by what that is about."""
        kvm = ", ".join(self.modules) or "built in"
        under = "in a virtual machine" if self.hypervisor else "on bare metal"
        found = {
            "processor": f"{self.cpu}, {self.cpus} to use, {under}",
            "kernel": f"{self.kernel}, {self.machine}",
            "clock": self.clock,
            "mitigations": "; ".join(f"{k}: {v}" for k, v in self.mitigations.items()) or "none",
        }
        if not self.lacks:
            found |= {
                "KVM": f"{kvm}; split irqchip, {self.max_vcpus} vCPUs a VM",
                "local APIC": AUTO_EOI if self.auto_eoi else FULL,
                "registers": "by ioctls"
                + (" and by struct kvm_run (KVM_CAP_SYNC_REGS)" if self.sync_regs else " alone"),
                "planes": (
                    "this kernel has planes of its own (KVM_CAP_PLANES); they are not driven here"
                    if self.planes
                    else "none in this kernel (KVM_CAP_PLANES): one KVM vCPU stands for each"
                ),
            }
        return found

    def table(self) -> dict[str, list[Any]]:
        """Return the facts as columns."""
        facts = self.facts() | {"lacks": self.lacks or "nothing"}
        return {"what": list(facts), "found": list(facts.values())}

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"schema": "planesched.host/1", **asdict(self), "can": self.can}

    def text(self, columns: int | None = 0) -> str:
        """Return it as text, `columns` wide; 0 as the terminal is, None without an end."""
        columns = width() if columns == 0 else columns
        answer = (
            f"Planes cannot run here: {self.lacks}"
            if self.lacks
            else "Planes can run here: planesched live verify, measure and run work."
        )
        lines = [*fill(answer, columns), ""]
        for what, found in self.facts().items():
            lines += fill(f"{what + ':':13}{found}", columns, hang=13)
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


def probe() -> Host:
    """Return what this host is, and what of `planesched.live` it can do.

    Nothing is raised where planes cannot run: `Host.lacks` says why.
    """
    known: dict[str, Any] = {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpu": _cpuinfo("model name") or platform.processor() or "unknown processor",
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        "hypervisor": "hypervisor" in _cpuinfo("flags").split(),
        "clock": _clock(),
        "mitigations": _mitigations(),
        "modules": _modules(),
    }
    try:
        known |= _kvm()
    except LiveError as error:
        known["lacks"] = str(error)
    return Host(**known)


def open_machine(planes: int, *, passes_eoi: bool = False) -> "Machine":
    """Return a machine of so many KVM vCPUs, as `Machine` takes it.

    Raises
    ------
    LiveError
        If this host cannot run one; which says why.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise LiveError(
            "planes on a real KVM need Linux on x86-64 with a /dev/kvm; this is "
            f"{platform.system()} on {platform.machine()}"
        )
    from .machine import Machine

    return Machine(planes, passes_eoi=passes_eoi)


@contextlib.contextmanager
def urgent(*, real_time: bool = False) -> Iterator[str]:
    """Have this thread, and those that it starts, go before others; give how, in words.

    What is measured is then less of what else the host does. `real_time`: before all others, for
    those that leave a processor to the rest of the host.
    """
    nice, policy = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)
    param = os.sched_getparam(0)
    how = "as any other thread"
    try:
        if real_time:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            how = "in the class SCHED_FIFO"
        else:
            os.setpriority(os.PRIO_PROCESS, 0, min(nice, _NICE))
            how = f"at nice {min(nice, _NICE)}"
    except OSError:  # who may not, does without
        pass
    try:
        yield how
    finally:
        os.sched_setscheduler(0, policy, param)
        if not real_time:
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def hurry(threads: Iterable[int]) -> None:
    """Have threads that are about to end go before all others, where that is allowed."""
    for thread in threads:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))


def _kvm() -> dict[str, Any]:
    with open_machine(1) as machine:
        machine.settle(0)
        machine.post(0, 0x55)
        _, took = machine.settle(0)
        _, isr, _, _ = machine.apic(0)
        if took != (0x55,):
            raise LiveError(f"a posted vector was not taken: the guest took {took or 'nothing'}")
        shared = machine.extension(_SYNC_REGS)
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    try:
        found = [fcntl.ioctl(kvm, _CHECK_EXTENSION, which) for which in (_MAX_VCPUS, _PLANES)]
    except OSError as error:
        raise fault("KVM_CHECK_EXTENSION", error.errno or 0, 0) from None
    finally:
        os.close(kvm)
    return {
        "max_vcpus": found[0],
        "planes": found[1] > 0,
        "lapic": "full" if isr else "auto-eoi",
        "sync_regs": shared & _SHARED == _SHARED,
    }


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _cpuinfo(key: str) -> str:
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _modules() -> tuple[str, ...]:
    """List them as /sys has them: also there where /proc/modules is not."""
    return tuple(sorted(path.name for path in Path("/sys/module").glob("kvm*")))


def _clock() -> str:
    flags = _cpuinfo("flags").split()
    steady = [flag for flag in ("constant_tsc", "nonstop_tsc", "tsc_known_freq") if flag in flags]
    source = _read(_CLOCKSOURCE) or "unknown"
    return f"CLOCK_MONOTONIC from {source}" + (f" ({', '.join(steady)})" if steady else "")


def _mitigations() -> dict[str, str]:
    found = {path.name: _read(path) for path in sorted(_VULNERABILITIES.glob("*"))}
    return {name: text for name, text in found.items() if text and text != "Not affected"}
