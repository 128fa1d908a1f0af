"""Text that is no trace of an x86 host's ``kvm:`` events: what it is, and what to do instead.

Looked at only where a line is not understood, so that it costs nothing to know many.
"""

import re
from collections.abc import Iterable

from .formats.tracefs import FLAGS

__all__ = ["X86", "architecture", "architecture_of_body", "host", "what_else"]

_CLOCK = (
    "time stamps without seconds (trace_clock counter, uptime, x86-tsc, or trace-cmd report with "
    "the clock boot or --raw-ts)",
    "seconds and a fraction: record with trace_clock local or mono (trace-cmd record -C mono)",
)
_SUMMARY = (
    "a summary without single events (perf kvm stat, perf report or bpftrace)",
    "the events: trace-cmd record -e kvm, or perf record -e 'kvm:*' and perf script --ns",
)
_PERF_RECORD = "perf record -e 'kvm:*' and perf script --ns"
_KVM = rb"kvm:kvm_\w+"

_TEXTS = (
    (
        rb"\s*(?:\[[\d:]+\.\d+\]|[\d:]+\.\d+) +\([+?.\d]+\) .*\{ cpu_id = "
        rb"|\s*\[[^]]{8,40}\] \([+?.\d]+\) |.*: \{ cpu_id = \d+ \}, \{",
        ("the text of babeltrace (LTTng, perf data convert --to-ctf)", f"that of {_PERF_RECORD}"),
    ),
    (
        rb"\s*\d+\.\d{3} (?:\( *[\d.]*(?: ms)?\): )?.*" + _KVM + rb"\(|.*\bkvm:kvm_\w+\(\w+: ",
        (
            "the text of perf trace, which leaves out fields that are 0, so that the vCPU is not "
            "known",
            f"that of {_PERF_RECORD}",
        ),
    ),
    (
        rb"[^\0]*?-\d{1,10} +(?:\([ \d-]{1,12}\) +)?(?:\[\d+\] *|\d{1,5})(?:" + FLAGS + rb" +)?"
        rb"\d{1,20}: +(?:\(\+\d+\) +)?[\w.]{1,64}: "
        rb"|[^\0]*?\s(?:\d+/)?\d{1,10} +\[\d+\] +\d{4,20}: +(?:\d+ +)?" + _KVM + rb": ",
        _CLOCK,
    ),
    (
        rb"Analyze events for|\s*(?:VM-EXIT|Event name) +Samples|# *(?:Overhead|Total Lost Samples)"
        rb"|# Samples: |# To display the perf\.data|Total Samples:\d|@\w*\[[^]]*\]: (?:\d|$)"
        rb"|@\w*: \d+\s*$|Attach(?:ing|ed) \d+ probes?"
        rb"|\s+\d+(?:\.\d+)?%\s| *Performance counter stats for"
        rb"|exit_reason +calls +total",
        _SUMMARY,
    ),
    (
        rb"\s*\S[^\0]*?\s(?:\d+/)?\d{1,10}(?: +\[\d+\])? +(?:\d+ +)?" + _KVM + rb": ",
        (
            "the text of perf script without times",
            "the column time: perf script -F comm,tid,cpu,time,event,trace --ns",
        ),
    ),
    (
        rb"\s*(?:\[\d+\] +)?\d+\.\d{6,9}: +(?:\d+ +)?" + _KVM + rb": ",
        (
            "the text of perf script without threads",
            "the column tid: perf script -F comm,tid,cpu,time,event,trace --ns",
        ),
    ),
    (
        rb"\s*\{|\s*\[\s*\{|\s*\"?traceEvents",
        ("JSON", "the text of trace-cmd report, perf script or tracefs"),
    ),
    (
        rb"\s*<(?:!DOCTYPE|html|\?xml)",
        ("a web page or XML", "the text of a trace (of a web page: its raw file)"),
    ),
)


def what_else(line: bytes) -> tuple[str, str] | None:
    """Name the text that a line comes from and what to do instead, or give None."""
    for pattern, refused in _TEXTS:  # re keeps what it has compiled; few traces need it
        if re.match(pattern, line):
            return refused
    return None


X86 = (
    "a trace of an x86 host (only x86 is read): kvm_apic_accept_irq, kvm_entry, kvm_exit and so on"
)

# The bodies of events that have x86's names: arch/*/kvm/trace*.h.
_BODIES = (
    ("riscv", rb" *(?:SEPC:|PC: 0x016(?:[0-9a-f]{16}|[0-9a-f]{1,12})\s*$)"),
    ("arm64", rb" *(?:\w+: )?HSR_EC: 0x"),
    ("arm64 or riscv", rb" *PC: 0x[0-9a-f]{16}\s*$"),
    ("loongarch or mips", rb" *(?:\[[^]]*\] ?PC: 0x|PC: 0x)"),
    ("ppc", rb" *(?:exit=\S+ \||VCPU \d+: |trap=0x)"),
    ("s390", rb" *\d\d\[[0-9a-f]{16}-[0-9a-f]{16}\]: "),
)
# And the names of events that only one architecture has.
_NAMES = (
    ("s390", r"kvm_s390_"),
    ("arm64", r"kvm_\w*_arm64$|vgic_|kvm_(?:arm_|sys_acc|guest_fau)|trap_reg$"),
    ("ppc", r"kvm_(?:ppc_|book3s_|guest_enter|guest_exit|hcall_|booke)"),
    ("loongarch", r"kvm_(?:exit_(?:idle|cache|gspr)|vpid_change|iocsr)$"),
    ("mips", r"kvm_(?:hwr|asid_change|guestid_change)$"),
    ("loongarch or mips", r"kvm_(?:enter|reenter|out|aux)$"),
)  # fmt: skip


def host(name: str) -> str:
    """Say whose trace it is, for an error."""
    return f"a trace of {'an' if name[0] in 'as' else 'a'} {name} host"


def architecture_of_body(body: bytes) -> str | None:
    """Name the architecture whose ``kvm_entry`` or ``kvm_exit`` has this body, or give None."""
    return next((name for name, pattern in _BODIES if re.match(pattern, body)), None)


def architecture(events: Iterable[str]) -> str | None:
    """Name the architecture that has one of these events and x86 has not, or give None."""
    events = list(events)
    found = (name for name, pattern in _NAMES for event in events if re.match(pattern, event))
    return next(found, None)
