"""The policies of known systems, each with its rule in one sentence and where that stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from .checks import one_of

__all__ = ["Preset", "presets"]

HIGHEST_PLANE = "highest"
"""Stands for the highest plane that the VM has, in the fields of a preset."""


@dataclass(frozen=True)
class Preset:
    """A known system's policy: its fields, its rule in one sentence, its source."""

    name: str
    title: str
    rule: str
    source: str
    fields: Mapping[str, Any]


_KVM_PLANES = {
    "marker": 0,
    "preempt": "marker",
    "call": "handover",
    "call_self": "yield",
    "ret": "marker",
    "empty": "marker",
    "wake": "own",
    "force": "marker",
    "force_self": "ignore",
}
_TDX = {
    "marker": 0,
    "rank": "siblings",
    "preempt": "marker",
    "call": "descend",
    "refuse_pending": True,
    "ret": "marker",
    "idle": "leave",
    "nmi": "waits",
    "force": "marker",
}
_VTL = {"direction": "highest_first", "call": "next"}
_VSM = {**_VTL, "ret": "next_online", "vina": "edge"}

_PRESETS = (
    Preset(
        "kvm_planes",
        "KVM planes, series of June 2026",
        "The lowest-numbered runnable plane runs, only plane 0's events preempt, a halted plane "
        "sleeps through them, and plane 0 is forced runnable when nothing else is.",
        "KVM planes v1 (J. Roedel, 2026-06-08), patches 18, 35, 48, 50, 52, 57 and 58 of 60",
        _KVM_PLANES,
    ),
    Preset(
        "kvm_user",
        "KVM planes, RFC of April 2025: userspace schedules",
        "The kernel reports a pending event of a requested plane and userspace picks the plane.",
        "KVM planes RFC (P. Bonzini, 2025-04-01), api.rst and plane_test selftest",
        {
            "marker": 0,
            "scheduler": "user",
            "call": "handover",
            "ret": "marker",
            "empty": "user",
            "force": "any",
            "force_self": "ignore",
        },
    ),
    Preset(
        "kvm_vsm",
        "Hyper-V VSM on KVM planes, work of autumn 2026",
        "An event enters the nearest higher plane that has one, with one attempt a posting, and a "
        "plane left with its interrupt pending is armed again.",
        "D. Woodhouse, KVM VSM on planes, 2026: kvm_higher_plane_with_event and its selftests",
        {
            "direction": "highest_first",
            "preempt": "nearest",
            "trigger": "edge",
            "call": "next",
            "ret": "resume",
            "empty": "user",
        },
    ),
    Preset(
        "vsm",
        "Hyper-V VSM by the letter of the TLFS",
        "An unmasked interrupt enters the VTL that it targets at once, and of several pending the "
        "highest VTL takes precedence.",
        "Hyper-V TLFS, Virtual Secure Mode: VTL Interrupt Management, VTL Call, VTL Return, VINA",
        _VSM,
    ),
    Preset(
        "vsm_relay",
        "Hyper-V VSM with a marked highest plane that relays",
        "Every interrupt for a higher plane enters the highest plane first, which passes the vCPU "
        "on by returning.",
        "KVM planes v1 thread, June 2026 (J. Roedel): a marker for the highest-privilege plane",
        {**_VSM, "marker": HIGHEST_PLANE, "preempt": "relay"},
    ),
    Preset(
        "vsm_locked",
        "Hyper-V VSM where privilege counts once locked in",
        "A plane outranks the boot plane only after it has been locked in.",
        "KVM planes v1 thread, June 2026 (J. Roedel): VTL1 is only higher-privileged once locked",
        {**_VSM, "rank": "locked"},
    ),
    Preset(
        "openhcl",
        "OpenHCL, SNP backend",
        "A pending VTL1 interrupt raises the vCPU to VTL1 whatever its RFLAGS.IF, any interrupt "
        "ends a halt, and VINA is evaluated by level.",
        "microsoft/openvmm, virt_mshv_vtl hardware_cvm/mod.rs: cvm_handle_cross_vtl_interrupts; "
        "snp/mod.rs: handle_interrupt (with its own APIC, the TDX backend has unhalt=injectable)",
        {**_VTL, "ret": "resume", "unhalt": "any", "vina": "level"},
    ),
    Preset(
        "whp",
        "OpenVMM on the Windows hypervisor platform",
        "Any interrupt makes its VTL runnable before its priority mask is looked at and ends the "
        "halt, which is the VP's, and the highest runnable VTL runs.",
        "microsoft/openvmm, vmm_core/virt_whp/src/vp.rs: runnable_vtls.highest_set(), "
        "set_vtl_runnable, switch_vtl; apic.rs: inject_interrupt (PR 3881)",
        {**_VTL, "gate": "open", "ret": "resume", "unhalt": "any", "halt_scope": "vcpu"},
    ),
    Preset(
        "snp",
        "AMD SEV-SNP VMPLs with an SVSM on KVM planes",
        "As kvm_planes, and a VMPL switch is cancelled while the caller has an event pending.",
        "KVM planes v1, patches 52 and 58; coconut-svsm/svsm, cpu/ghcb.rs: #HV doorbell",
        {**_KVM_PLANES, "refuse_pending": True},
    ),
    Preset(
        "tdx",
        "Intel TDX partitioning",
        "L1 runs when it has an interrupt, an L2 leaves to L1 on HLT, and only L1 may enter an L2.",
        "intel/tdx-module, td_l2_interrupt.c, tdg_vp_enter.c and tdh_vp_enter.c",
        _TDX,
    ),
    Preset(
        "cca",
        "Arm CCA planes",
        "P0 runs when it has any event, masked or not, or is forced, and only P0 may enter another "
        "plane.",
        "TF-RMM, runtime/rmi/run.c, lib/gic and runtime/rsi/planes.c; cca-rmm-acs planes "
        "scenarios; WFI: Arm ARM, wake-up events",
        {
            **_TDX,
            "refuse_pending": False,
            "nmi": "preempts",
            "gate": "open",
            "unhalt": "deliverable",
            "force_self": "ignore",
        },
    ),
)


def presets() -> Mapping[str, Preset]:
    """Give every preset by name, in the order of the rules (section 2).

    Examples
    --------
    >>> presets()["tdx"].title
    'Intel TDX partitioning'
    """
    return MappingProxyType({preset.name: preset for preset in _PRESETS})


def preset_fields(name: str, planes: int) -> dict[str, Any]:
    """Give the fields of a preset for a VM of `planes` planes.

    Raises
    ------
    ValueError
        If there is no such preset.
    """
    known = presets()
    one_of("preset", name, known)
    values = dict(known[name].fields)
    if values.get("marker") == HIGHEST_PLANE:
        values["marker"] = planes - 1
    return values
