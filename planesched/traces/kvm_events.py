"""How the events of ``kvm:`` should go on after their names, and what is printed raw instead.

What they say is read in C (csrc/traces/bodies.c).
"""

import re

__all__ = ["EXPECTED", "RAW", "USED", "kernel_text"]

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

USED = frozenset(EXPECTED)
"""The events that a replay uses."""

RAW = b"[FAILED TO PARSE]"
"""What trace-cmd and perf print before the raw fields when they cannot format an event."""

# The tracefs option "fields": vcpu_id=0x0 (0) vec='('(40) valid=(1).
_OPTION_FIELD = re.compile(rb"(\w{1,32})=(?:'.'|0x[0-9a-f]{1,16} )?\((-?\d{1,20})\)").findall
_FIELD = re.compile(rb"(\w{1,32})=(-?(?:0x[0-9a-f]{1,16}|\d{1,20}))(?=\s|$)").findall
_U64 = 2**64 - 1
_MODES = (b"Fixed", b"LowPrio", b"SMI", b"Res3", b"NMI", b"INIT", b"SIPI", b"ExtINT")
# EXIT_REASON_HLT (asm/vmx.h), SVM_EXIT_HLT and SVM_EXIT_IDLE_HLT (asm/svm.h), by KVM_ISA_VMX
# and KVM_ISA_SVM.
_HLT_NUMBERS = {(1, 12), (2, 0x78), (2, 0xA6)}


def kernel_text(event: bytes, body: bytes) -> bytes | None:
    """Print the fields of `event`, if `body` gives them raw, as the kernel would; else None."""
    if RAW in body:
        fields = {name: int(value, 0) for name, value in _FIELD(body) if _plain(value)}
    elif found := _OPTION_FIELD(body):
        fields = {name: int(value) for name, value in found}
    else:
        return None
    try:
        return _print(event, fields)
    except (KeyError, ValueError, IndexError):
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
        return vcpu + b"reason %s rip 0x%x" % (reason, fields[b"guest_rip"] & _U64)
    if event in (b"kvm_apic_accept_irq", b"kvm_apicv_accept_irq"):
        mode = _MODES[fields[b"dm"] >> 8 & 7]
        return b"apicid %x vec %d (%s|edge)" % (fields[b"apicid"], fields[b"vec"] & 255, mode)
    if event == b"kvm_inj_virq":
        if b"irq" in fields:
            return b"irq %d" % fields[b"irq"]
        mark = b" [reinjected]" if fields.get(b"reinjected") else b""
        return b"IRQ 0x%x%s" % (fields[b"vec"] & 255, mark)
    if event in (b"kvm_eoi", b"kvm_pv_eoi"):
        return b"apicid %x vector %d" % (fields[b"apicid"], fields[b"vector"])
    if event == b"kvm_vcpu_wakeup":
        return b"wait time %d ns" % fields[b"ns"]
    return None
