"""Protocols of known systems, each with its source and with what is not known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .errors import unknown
from .protocol import Protocol

__all__ = ["KnownProtocol", "as_protocol", "protocols"]


@dataclass(frozen=True)
class KnownProtocol:
    """A protocol, where it was read, and what is not known."""

    name: str
    protocol: Protocol
    source: str
    unknown: str


_ALL = (
    KnownProtocol(
        "correct",
        Protocol(),
        "the first value of every field",
        "no system: what the others are measured against",
    ),
    KnownProtocol(
        "kvm_requests",
        Protocol(scope="vcpu"),
        "Linux KVM: kvm_make_request and kvm_vcpu_kick set bits of vcpu->requests and take the "
        "vCPU out; vcpu_enter_guest publishes IN_GUEST_MODE and then tests requests once more; "
        "kvm_vcpu_check_block tests them before sleep",
        "c112b5f50232 kicks only a vCPU that rests (when=resting); which other paths do is not "
        "looked at. The IRR that posted interrupts fill without a request is kvm_pir",
    ),
    KnownProtocol(
        "kvm_pir",
        Protocol(scope="vcpu", suppress="latch"),
        "Intel posted interrupts as KVM uses them: PIR bit, then ON, a notification only where ON "
        "was clear; the receiver clears ON and merges PIR into IRR",
        "hardware's delivery into a running guest without an exit: here every look is the thread's",
    ),
    KnownProtocol(
        "kvm_planes",
        Protocol(),
        "KVM planes v1 (J. Roedel, 2026-06-08): EVENT, NMI and SMI are requests of each plane, the "
        "kick goes to the rcuwait that all share",
        "whether a newer branch has changed it; its wake rule is the policy's (wake=own), not here",
    ),
    KnownProtocol(
        "kvm_planes_rfc",
        Protocol(when="other"),
        "KVM planes RFC (P. Bonzini, 2025-04-01): no kick for the plane that runs, running_plane "
        "!= p",
        "how running_plane is ordered against the entry",
    ),
    KnownProtocol(
        "openvmm_whp",
        Protocol(when="first"),
        "OpenVMM on WHP (virt_whp) after PRs 3746, 3829, 3945, 4033: a kick for the first posting "
        "alone, a flag for each VTL, tested again before the run",
        "PR 3917 was seen as a thread only; the hypervisor's own side of the run is not visible",
    ),
    KnownProtocol(
        "openhcl_snp",
        Protocol(when="first", suppress="latch"),
        "OpenHCL on SNP: the VP's thread in VTL2 looks on behalf of VTL0 and VTL1; its wake is "
        "latched (vtl2_wake.swap); an NMI wakes since PR 3511",
        "what the host does with a wake while the VP is in the kernel's fast path",
    ),
    KnownProtocol(
        "openhcl_tdx",
        Protocol(scope="vcpu", suppress="latch"),
        "OpenHCL on TDX: posted interrupts with the ON bit, merged by the VP's thread",
        "exits that the kernel handles itself (mshv_vtl) do not look at everything",
    ),
    KnownProtocol(
        "coconut_svsm",
        Protocol(looker=0, suppress="latch"),
        "COCONUT-SVSM: VMPL0 looks on behalf of the guest's VMPL; the doorbell's NoFurtherSignal "
        "is the latch; used up before the APIC is looked at since PR 393, tested again before HLT "
        "since bd193cfb and f9b1121a",
        "what the host does with a doorbell that rings while VMPL0 is not current",
    ),
)  # fmt: skip


def protocols() -> Mapping[str, KnownProtocol]:
    """Return the known protocols by name."""
    return MappingProxyType({known.name: known for known in _ALL})


def as_protocol(value: Protocol | str) -> Protocol:
    """Return a protocol from itself, the name of one, or ``"name:field=value,..."``.

    Raises
    ------
    Mistake
        If a name, field or value is not known.
    """
    if isinstance(value, Protocol):
        return value
    name, colon, changes = value.partition(":")
    if not colon and "=" in name:
        name, changes = "correct", name
    if name not in protocols():
        raise unknown("protocol", name, protocols())
    known = protocols()[name].protocol
    changed = Protocol.parse(changes)
    said = {part.partition("=")[0].strip() for part in changes.split(",") if part.strip()}
    fields = {**{n: getattr(known, n) for n in known.__dataclass_fields__}}
    return Protocol(**{**fields, **{n: getattr(changed, n) for n in said}})
