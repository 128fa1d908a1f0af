"""What today's kernels print of switches between planes (VMPLs, VTLs, KVM planes).

- ``kvm_vmgexit_enter`` of an SEV-SNP guest: ``vcpu %u, exit_reason %llx, exit_info1 %llx,
  exit_info2 %llx``, hexadecimal without 0x (arch/x86/kvm/trace.h). Reason 0x80000018 is RUN_VMPL,
  exit_info1 the VMPL that shall run; 0x80000013 is AP creation, the VMPL in bits 19:16 of
  exit_info1 (GHCB specification, section 4.1). Preemptions by VMPL 0 are not in it.
- ``kvm_hv_hypercall``: code 0x11 is HvCallVtlCall, 0x12 HvCallVtlReturn (TLFS, chapter 15).
- ``mshv_vtl_enter_vtl0``, ``mshv_vtl_exit_vtl0`` of OpenHCL's mshv_vtl driver: VTL2 enters
  VTL0, and why it came back: 1 call, 2 interrupt, 3 intercept. The vCPU is the CPU.
- Probes of a kernel with KVM planes: the exported ``kvm_vcpu_select_plane`` (what it returns),
  ``kvm_vcpu_set_plane_runnable``, ``kvm_vcpu_set_plane_stopped``, each with the argument ``plane``
  (docs/how-to/capture.md sets them).
"""

import re
from collections.abc import Callable
from typing import Protocol

from .record import MAX_VCPUS, Kind

__all__ = ["EXPECTED", "SWITCHES", "handlers"]

SWITCHES = frozenset(
    {
        b"kvm_vmgexit_enter",
        b"kvm_hv_hypercall",
        b"mshv_vtl_enter_vtl0",
        b"mshv_vtl_exit_vtl0",
        b"kvm_vcpu_select_plane",
        b"kvm_vcpu_set_plane_runnable",
        b"kvm_vcpu_set_plane_stopped",
    }
)
"""The events that show switches, or may."""

EXPECTED = {
    b"kvm_vmgexit_enter": "'vcpu N, exit_reason HEX, exit_info1 HEX, exit_info2 HEX'",
    b"kvm_hv_hypercall": "'code 0xN fast' or 'code 0xN slow'",
    b"mshv_vtl_enter_vtl0": "'cpu_ctx=POINTER'",
    b"mshv_vtl_exit_vtl0": "'vtl2 entry reason N, cpu_ctx=POINTER', N 1 to 3",
    b"kvm_vcpu_select_plane": "'(PLACE) plane=N', N below 16",
    b"kvm_vcpu_set_plane_runnable": "'(PLACE) plane=N', N below 16",
    b"kvm_vcpu_set_plane_stopped": "'(PLACE) plane=N', N below 16",
}

Handler = Callable[[bytes, int, int, bytes], None]

_RUN_VMPL = 0x80000018
_AP_CREATION = 0x80000013
_AP_DESTROY = 2
_VTL_CALL, _VTL_RETURN = 0x11, 0x12
_VTL0, _VTL2 = 0, 2

_VMGEXIT = re.compile(
    rb" *vcpu (\d{1,5}), exit_reason ([0-9a-f]{1,16}), exit_info1 ([0-9a-f]{1,16}), "
    rb"exit_info2 ([0-9a-f]{1,16})"
).match
_HYPERCALL = re.compile(rb" *code 0x([0-9a-f]{1,8}) (?:fast|slow)\b").match
_ENTER = re.compile(rb" *cpu_ctx=\S+").match
_EXIT = re.compile(rb" *vtl2 entry reason ([123]), cpu_ctx=\S+").match
_PROBE = re.compile(rb" *\([^)]*\)(?: \w+=\S+)*? plane=(0x[0-9a-f]{1,2}|\d{1,2})(?![\w.])").match
_CPU = re.compile(rb"\[(\d{1,5})\] ").search
_WHY = {b"1": Kind.CALL, b"2": Kind.PREEMPT, b"3": Kind.INTERCEPT}
_MAX_PLANES = 16


class _Decoder(Protocol):
    def vcpu_of(self, text: bytes, thread: bytes, base: int = 10) -> int: ...
    def thread_vcpu(self, thread: bytes) -> int: ...
    def check_vcpu(self, vcpu: int) -> int: ...
    def emit(
        self, kind: Kind, now: int, thread: bytes, vcpu: int, vector: int = -1, arg: int = 0
    ) -> None: ...
    def bad(self) -> Exception: ...


def handlers(decoder: _Decoder) -> dict[bytes, Handler]:
    """Give the handlers of the events that show switches, which tell `decoder`."""

    def vmgexit(line: bytes, at: int, now: int, thread: bytes) -> None:
        found = _VMGEXIT(line, at)
        if found is None:
            raise decoder.bad()
        reason, info = int(found[2], 16), int(found[3], 16)
        vcpu = decoder.vcpu_of(found[1], thread)
        if reason == _RUN_VMPL:
            decoder.emit(Kind.CALL, now, thread, vcpu, _plane(decoder, info))
        elif reason == _AP_CREATION:
            # Bits 15:0: 0 create at INIT, 1 create, 2 destroy; 63:32: whose, by its APIC id.
            kind = Kind.STOP if info & 0xFFFF == _AP_DESTROY else Kind.START
            decoder.emit(kind, now, thread, decoder.check_vcpu(info >> 32), info >> 16 & 15)

    def hypercall(line: bytes, at: int, now: int, thread: bytes) -> None:
        found = _HYPERCALL(line, at)
        if found is None:
            raise decoder.bad()
        code = int(found[1], 16)
        if code in (_VTL_CALL, _VTL_RETURN):
            kind = Kind.CALL if code == _VTL_CALL else Kind.RETURN
            decoder.emit(kind, now, thread, decoder.thread_vcpu(thread))

    def enter_vtl0(line: bytes, at: int, now: int, thread: bytes) -> None:
        if _ENTER(line, at) is None:
            raise decoder.bad()
        decoder.emit(Kind.RETURN, now, thread, _cpu(decoder, line, at), _VTL0)

    def exit_vtl0(line: bytes, at: int, now: int, thread: bytes) -> None:
        found = _EXIT(line, at)
        if found is None:
            raise decoder.bad()
        decoder.emit(_WHY[found[1]], now, thread, _cpu(decoder, line, at), _VTL2)

    def probe(kind: Kind) -> Handler:
        def handler(line: bytes, at: int, now: int, thread: bytes) -> None:
            found = _PROBE(line, at)
            if found is None:
                raise decoder.bad()
            plane = _plane(decoder, int(found[1], 0))
            decoder.emit(kind, now, thread, decoder.thread_vcpu(thread), plane)

        return handler

    return {
        b"kvm_vmgexit_enter": vmgexit,
        b"kvm_hv_hypercall": hypercall,
        b"mshv_vtl_enter_vtl0": enter_vtl0,
        b"mshv_vtl_exit_vtl0": exit_vtl0,
        b"kvm_vcpu_select_plane": probe(Kind.PICK),
        b"kvm_vcpu_set_plane_runnable": probe(Kind.START),
        b"kvm_vcpu_set_plane_stopped": probe(Kind.STOP),
    }


def _plane(decoder: _Decoder, number: int) -> int:
    if number >= _MAX_PLANES:
        raise decoder.bad()
    return number


def _cpu(decoder: _Decoder, line: bytes, at: int) -> int:
    found = _CPU(line, 0, at)
    if found is None or int(found[1]) >= MAX_VCPUS:
        raise decoder.bad()
    return decoder.check_vcpu(int(found[1]))
