"""What the events of ``kvm:`` say, by kernel (arch/x86/kvm/trace.h of each).

One pattern an event, wide enough for every kernel since 4.8 and for trace-cmd's own decoding, and
narrow enough that a damaged line does not pass.
"""

import re

__all__ = [
    "ACCEPT",
    "ENTRY",
    "EOI",
    "EXIT",
    "EXPECTED",
    "HLT",
    "INJECT",
    "RAW",
    "VECTOR_MODES",
    "WAKEUP",
    "kernel_text",
]

# "vcpu %u" | "vcpu %u, rip 0x%lx" + what newer kernels glue on | without the comma: trace-cmd.
ENTRY = re.compile(rb" *vcpu (\d{1,10})(?:,? rip 0x[0-9a-f]{1,16}(?![0-9a-z])|\s*$)").match
# Before 4.7 and in trace-cmd's decoding without the vCPU. VMX adds flags after the reason.
EXIT = re.compile(rb" *(?:vcpu (\d{1,10}) )?reason (\S+) (?:\S+ )*?rip 0x[0-9a-f]").match
HLT = frozenset({b"hlt", b"HLT", b"EXIT_HLT"})

# apicid is hexadecimal without 0x, vec is decimal.
ACCEPT = re.compile(
    rb" *apicid ([0-9a-f]{1,8}) vec (\d{1,3}) \(([\w ]+)\|(?:edge|level)\)(?: \(coalesced\))?\s*$"
).match
VECTOR_MODES = frozenset({b"Fixed", b"LowPrio"})
"""The delivery modes that carry a vector. Res3 is a kick of a paravirtual spinlock."""

# Up to Linux 5.19 "irq %u" (decimal); since 6.0 "%s 0x%x%s".
INJECT = re.compile(
    rb" *(?:irq (\d{1,3})|(?:IRQ|Soft/INTn) 0x([0-9a-f]{1,2})( \[reinjected\])?)\s*$"
).match
EOI = re.compile(rb" *apicid ([0-9a-f]{1,8}) vector (-1|\d{1,3})\s*$").match
WAKEUP = re.compile(
    rb" *(?:wait|poll) time (\d{1,18}) ns(?:, polling (?:valid|invalid))?\s*$"
).match

EXPECTED = {
    b"kvm_entry": "'vcpu N, rip 0xN'",
    b"kvm_exit": "'vcpu N reason NAME rip 0xN'",
    b"kvm_apic_accept_irq": "'apicid HEX vec N (MODE|edge)', N below 256",
    b"kvm_apicv_accept_irq": "'apicid HEX vec N (MODE|edge)', N below 256",
    b"kvm_inj_virq": "'IRQ 0xN' or 'irq N', N below 256",
    b"kvm_eoi": "'apicid HEX vector N', N below 256",
    b"kvm_pv_eoi": "'apicid HEX vector N', N below 256",
    b"kvm_vcpu_wakeup": "'wait time N ns, polling valid'",
}
"""How a line of each event that is read should go on after its name."""

RAW = b"[FAILED TO PARSE]"
"""What trace-cmd and perf print before the raw fields when they cannot format an event."""

_FIELD = re.compile(rb"(\w{1,32})=(-?(?:0x[0-9a-f]{1,16}|\d{1,20}))(?=\s|$)").findall
_MODES = (b"Fixed", b"LowPrio", b"SMI", b"Res3", b"NMI", b"INIT", b"SIPI", b"ExtINT")
# EXIT_REASON_HLT (asm/vmx.h) and SVM_EXIT_HLT (asm/svm.h), by KVM_ISA_VMX and KVM_ISA_SVM.
_HLT_NUMBERS = {(1, 12), (2, 0x78)}


def kernel_text(event: bytes, body: bytes) -> bytes | None:
    """Print the raw fields of `event` as the kernel would; None if fields are missing."""
    fields = {name: int(value, 0) for name, value in _FIELD(body) if _plain(value)}
    try:
        return _print(event, fields)
    except (KeyError, ValueError):
        return None


def _plain(value: bytes) -> bool:
    # int(..., 0) refuses 010; the tools print no leading zeros.
    return not re.match(rb"-?0\d", value)


def _print(event: bytes, fields: dict[bytes, int]) -> bytes | None:
    if event == b"kvm_entry":
        return b"vcpu %d" % fields[b"vcpu_id"]
    if event == b"kvm_exit":
        number = fields[b"isa"], fields[b"exit_reason"] & 0xFFFF
        reason = b"hlt" if number in _HLT_NUMBERS else b"%d" % number[1]
        vcpu = b"vcpu %d " % fields[b"vcpu_id"] if b"vcpu_id" in fields else b""
        return vcpu + b"reason %s rip 0x%x" % (reason, fields[b"guest_rip"])
    if event in (b"kvm_apic_accept_irq", b"kvm_apicv_accept_irq"):
        mode = _MODES[fields[b"dm"] >> 8 & 7]
        return b"apicid %x vec %d (%s|edge)" % (fields[b"apicid"], fields[b"vec"], mode)
    if event == b"kvm_inj_virq":
        if b"irq" in fields:
            return b"irq %d" % fields[b"irq"]
        mark = b" [reinjected]" if fields.get(b"reinjected") else b""
        return b"IRQ 0x%x%s" % (fields[b"vec"], mark)
    if event in (b"kvm_eoi", b"kvm_pv_eoi"):
        return b"apicid %x vector %d" % (fields[b"apicid"], fields[b"vector"])
    if event == b"kvm_vcpu_wakeup":
        return b"wait time %d ns" % fields[b"ns"]
    return None
