"""Recorded switches between planes.

All lines are made by hand from the formats (arch/x86/kvm/trace.h, OpenHCL's mshv_vtl driver, the
text of kprobes): no public recording of these exists.
"""

import numpy as np
import pytest

from planesched import InputError, traces
from planesched.traces import Kind
from planesched.traces.survey import survey

ENTRY = "kvm_entry: vcpu 1, rip 0xfff0"
PLACE = "(kvm_arch_vcpu_ioctl_run+0x1a2/0x1c80 <- kvm_vcpu_select_plane)"
LINES = [
    # RUN_VMPL: exit_info1 is the VMPL that shall run.
    ("kvm_vmgexit_enter: vcpu 1, exit_reason 80000018, exit_info1 2, exit_info2 0", "CALL", 1, 2),
    ("kvm_vmgexit_enter: vcpu 1, exit_reason 80000018, exit_info1 0, exit_info2 0", "CALL", 1, 0),
    # AP creation of VMPL 2 on the vCPU with APIC id 3; and its end.
    (
        "kvm_vmgexit_enter: vcpu 1, exit_reason 80000013, exit_info1 300020001, exit_info2 7f000",
        "START", 3, 2,
    ),
    (
        "kvm_vmgexit_enter: vcpu 1, exit_reason 80000013, exit_info1 300020002, exit_info2 0",
        "STOP", 3, 2,
    ),
    ("kvm_hv_hypercall: code 0x11 fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0x0", "CALL", 1, -1),
    ("kvm_hv_hypercall: code 0x12 fast cnt 0x0 idx 0x0 in 0x0 out 0x0", "RETURN", 1, -1),
    ("mshv_vtl_enter_vtl0: cpu_ctx=00000000a1b2c3d4", "RETURN", 5, 0),
    ("mshv_vtl_exit_vtl0: vtl2 entry reason 1, cpu_ctx=00000000a1b2c3d4", "CALL", 5, 2),
    ("mshv_vtl_exit_vtl0: vtl2 entry reason 2, cpu_ctx=00000000a1b2c3d4", "PREEMPT", 5, 2),
    ("mshv_vtl_exit_vtl0: vtl2 entry reason 3, cpu_ctx=00000000a1b2c3d4", "INTERCEPT", 5, 2),
    (f"kvm_vcpu_select_plane: {PLACE} plane=1", "PICK", 1, 1),
    (f"kvm_vcpu_select_plane: {PLACE} id=0x7 plane=0x1", "PICK", 1, 1),
    ("kvm_vcpu_set_plane_runnable: (kvm_vcpu_set_plane_runnable+0x0/0x60) plane=2", "START", 1, 2),
    ("kvm_vcpu_set_plane_stopped: (kvm_vcpu_set_plane_stopped+0x0/0x60) plane=2", "STOP", 1, 2),
]  # fmt: skip
NO_SWITCH = [
    "kvm_vmgexit_enter: vcpu 1, exit_reason 7b, exit_info1 3f8, exit_info2 0",
    "kvm_hv_hypercall: code 0xb fast var_cnt 0x0 rep_cnt 0x0 idx 0x0 in 0xfb out 0x2",
]
MALFORMED = [
    "kvm_vmgexit_enter: vcpu 1, exit_reason 80000018, exit_info1 10, exit_info2 0",
    "kvm_vmgexit_enter: vcpu 1, exit_reason 0x80000018",
    "kvm_hv_hypercall: code 11 fast",
    "mshv_vtl_exit_vtl0: vtl2 entry reason 4, cpu_ctx=0000",
    f"kvm_vcpu_select_plane: {PLACE} plane=16",
    f"kvm_vcpu_select_plane: {PLACE}",
]


def read(tmp_path, *bodies):
    path = tmp_path / "trace"
    prefix = " qemu-134     [005] .....    10.000001: "
    path.write_text("".join(f"{prefix}{body}\n" for body in (ENTRY, *bodies)))
    return traces.read(path)


@pytest.mark.parametrize(("body", "kind", "vcpu", "plane"), LINES)
def test_what_each_line_says(tmp_path, body, kind, vcpu, plane):
    record = np.concatenate(list(read(tmp_path, body)))[1]
    assert (Kind(record["kind"]).name, record["vcpu"], record["vector"]) == (kind, vcpu, plane)


@pytest.mark.parametrize("body", NO_SWITCH)
def test_lines_of_these_events_that_are_no_switch(tmp_path, body):
    assert len(np.concatenate(list(read(tmp_path, body)))) == 1


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_lines(tmp_path, body):
    with pytest.raises(InputError) as caught:
        list(read(tmp_path, body))
    assert caught.value.line == 2
    assert caught.value.expected


def test_a_survey_counts_them(tmp_path):
    found = survey(read(tmp_path, *(line[0] for line in LINES)))
    expected = {
        "call": 4,
        "return": 2,
        "preempt": 1,
        "intercept": 1,
        "pick": 2,
        "start": 2,
        "stop": 2,
    }
    assert found.switches == expected
