"""What a host's KVM cannot do, or a guest did that it should not, in one sentence each."""

import errno
import os

__all__ = ["LiveError", "fault"]

_NO_KVM = {
    errno.ENOENT: "there is no /dev/kvm: load the module kvm_intel or kvm_amd, or, in a virtual "
    "machine, have its host turn nested virtualisation on",
    errno.EACCES: "/dev/kvm may not be opened by this user: add the user to its group, kvm, or "
    "run as root",
}
_LACKS = {
    "KVM_CAP_SPLIT_IRQCHIP": "this KVM has no split irqchip (KVM_CAP_SPLIT_IRQCHIP, Linux 4.5), in "
    "which each plane has a local APIC in the kernel",
    "KVM_CAP_MAX_VCPUS": "this KVM allows {} vCPUs a VM, fewer than planes are to run",
    "KVM_EXIT_INTERNAL_ERROR": "the guest was ended by KVM_EXIT_INTERNAL_ERROR, suberror {}: this "
    "KVM could not run its code",
    "KVM_EXIT_SHUTDOWN": "the guest was ended by KVM_EXIT_SHUTDOWN: a triple fault",
    "the guest's exit": "the guest was left by exit reason {} (linux/kvm.h), which none of its "
    "commands causes",
    "the guest's port": "the guest used port {:#x}, which none of its commands does",
    "the guest did not do as it was told": "the guest did not do as it was told: it stopped for "
    "reason {} (csrc/live/machine.h)",
}


class LiveError(OSError):
    """A host on which planes cannot run, or a guest that ended otherwise than it should."""


def fault(what: str, error: int, detail: int) -> LiveError:
    """Return what failed as an exception.

    Parameters
    ----------
    what : str
        The call or the exit.
    error : int
        errno, 0 where it was no call.
    detail : int
        What KVM said besides.
    """
    if what == "/dev/kvm" and error in _NO_KVM:
        return LiveError(_NO_KVM[error])
    if what in _LACKS:
        return LiveError(_LACKS[what].format(detail))
    return LiveError(f"{what} failed: {os.strerror(error)}")
