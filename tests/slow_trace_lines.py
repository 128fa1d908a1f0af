"""What lines of a trace look like, as regular expressions: the judge of csrc/traces/.

`FORMATS` has what stands before an event's body, by format; the others the bodies.
"""

import re

_STAMP = rb"(\d{1,20})\.(\d{9}|\d{6}):"
_NAME = rb"[0-9A-Za-z_.-]{1,64}"
_EVENT = rb"(?:kvm:)?(" + _NAME + rb"(?=: )|" + _NAME + rb"(?::" + _NAME + rb")?): ?"

_TASK = rb"(?:[^\0]{16}|[^\0]*?)-(\d{1,10}) +(?:\([ \d-]{1,12}\) +)?"
_FLAGS = rb"[.a-zA-Z#\d]{4,8}"
_CPU_GLUED = rb"(?:\[\d+\] +(?:" + _FLAGS + rb" +)?|\d{1,5}" + _FLAGS + rb" +)"
_DIFF = rb" +(?:\(\+\d+\) +)?"

# The number of a period (-F +period) may stand before the event.
_PERIOD_EVENT = rb" +(?:\d{1,20} +)?" + _EVENT
_CPU = rb"\[\d+\] +"
_TID = rb"(?:\d{1,10}/ *)?(\d{1,10})"
_COMM = rb"\S[^\0]*?\s"

_PATTERNS = {
    "PERF_PROF": rb"\s*\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\S[^\0]*?\s(\d{1,10}) +"
    + _FLAGS + rb" +\[\d+\] +" + _STAMP + rb" +" + _EVENT,
    "TRACEFS": _TASK + rb"\[\d+\] +(?:" + _FLAGS + rb" +)?" + _STAMP + rb" " + _EVENT,
    "TRACE_CMD": _TASK + _CPU_GLUED + _STAMP + _DIFF + _EVENT,
    "PERF_SCRIPT": rb"(?:[^\0]{16} +|\s*\S[^\0]*?\s)(?:\d+/)?(\d{1,10}) +\[\d+\] +(?:" + _FLAGS
    + rb" +)?" + _STAMP + rb" +" + _EVENT,
    "PERF_COLUMNS": rb"\s*(?:" + _COMM + rb")?" + _TID + rb" +(?:" + _CPU + rb")?(?:" + _FLAGS
    + rb" +)?" + _STAMP + _PERIOD_EVENT,
    "PERF_TID_FIRST": rb"\s*(?:" + _CPU + rb")?" + _TID + rb"\s+[^\d\s][^\0]*?(?:" + _CPU + rb")?"
    + _STAMP + _PERIOD_EVENT,
    "PERF_TIME_FIRST": rb"\s*(?=\S+ +(?:" + _COMM + rb")?" + _TID + rb" +(?:" + _CPU
    + rb")?(?:\d+ +)?kvm:)" + _STAMP + rb" [^\0]*? " + _EVENT.replace(rb"(?:kvm:)?", rb"kvm:"),
}  # fmt: skip
FORMATS = {name: re.compile(pattern).match for name, pattern in _PATTERNS.items()}
"""Groups: thread, seconds, fraction, event."""

_END = rb"(?: +[0-9a-f]{12,16}(?: [^\0]*)?)?\s*$"

ENTRY = re.compile(
    rb" *vcpu (\d{1,10})(?:,? rip 0x[0-9a-f]{1,16}(?![0-9a-z])|" + _END + rb")"
).match
EXIT = re.compile(rb" *(?:vcpu (\d{1,10}) )?reason (\S+) (?:\S+ )*?rip 0x[0-9a-f]").match
HALTS = {b"hlt", b"HLT", b"EXIT_HLT", b"idle-halt", b"EXIT_IDLE_HLT", b"0xa6"}
HARDWARE = {
    b"APIC_WRITE",
    b"EOI_INDUCED",
    b"avic_incomplete_ipi",
    b"avic_unaccelerated_access",
    b"EXIT_AVIC_INCOMPLETE_IPI",
    b"EXIT_AVIC_UNACCELERATED_ACCESS",
}
ACCEPT = re.compile(
    rb" *apicid ([0-9a-f]{1,8}) vec (\d{1,3}) \(([\w ]+)\|(?:edge|level)\)(?: \(coalesced\))?"
    + _END
).match
INJECT = re.compile(
    rb" *(?:irq (\d{1,3})|(?:IRQ|Soft/INTn) 0x([0-9a-f]{1,2})( \[reinjected\])?)" + _END
).match
EOI = re.compile(rb" *apicid ([0-9a-f]{1,8}) vector (-1|\d{1,3})" + _END).match
WAKEUP = re.compile(
    rb" *(?:wait|poll) time (\d{1,18}) ns(?:, polling (?:valid|invalid))?" + _END
).match
OF_VCPU = (
    b"kvm_halt_poll_ns",
    b"kvm_wait_lapic_expire",
    b"kvm_ple_window",
    b"kvm_ple_window_update",
)
OWN_VCPU = re.compile(rb" *vcpu (\d{1,5}): ").match
VMGEXIT = re.compile(
    rb" *vcpu (\d{1,5}), exit_reason ([0-9a-f]{1,16}), exit_info1 ([0-9a-f]{1,16}), "
    rb"exit_info2 ([0-9a-f]{1,16})"
).match
HYPERCALL = re.compile(rb" *code 0x([0-9a-f]{1,8}) (?:fast|slow)\b").match
ENTER_VTL0 = re.compile(rb" *cpu_ctx=\S+").match
EXIT_VTL0 = re.compile(rb" *vtl2 entry reason ([123]), cpu_ctx=\S+").match
PROBE = re.compile(rb" *\([^)]*\)(?: \w+=\S+)*? plane=(0x[0-9a-f]{1,2}|\d{1,2})(?![\w.])").match
CPU = re.compile(rb"\[(\d{1,5})\] ").search
