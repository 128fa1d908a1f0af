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

__all__ = ["EXPECTED"]

EXPECTED = {
    b"kvm_vmgexit_enter": "'vcpu N, exit_reason HEX, exit_info1 HEX, exit_info2 HEX'",
    b"kvm_hv_hypercall": "'code 0xN fast' or 'code 0xN slow'",
    b"mshv_vtl_enter_vtl0": "'cpu_ctx=POINTER'",
    b"mshv_vtl_exit_vtl0": "'vtl2 entry reason N, cpu_ctx=POINTER', N 1 to 3",
    b"kvm_vcpu_select_plane": "'(PLACE) plane=N', N below 16",
    b"kvm_vcpu_set_plane_runnable": "'(PLACE) plane=N', N below 16",
    b"kvm_vcpu_set_plane_stopped": "'(PLACE) plane=N', N below 16",
}
"""How a line of each event that shows switches, or may, should go on after its name."""
