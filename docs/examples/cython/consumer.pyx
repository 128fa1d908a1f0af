"""Schedules two planes of one vCPU with another package's class, and with its C functions."""

from planesched import Event

from planesched.core cimport VM, import_planesched
from planesched.csched cimport ps_boot, ps_first, ps_outcome, ps_state, ps_step

import_planesched()


def script():
    """Give the current plane after an interrupt for plane 1 and after its return, in both ways."""
    cdef VM vm = VM("vsm", planes=2, vcpus=1)
    cdef ps_state vcpu = ps_boot(&vm.c_policy, 3)
    cdef unsigned irq = Event.IRQ, leave = Event.RETURN, first
    cdef ps_outcome of_class[2]
    cdef ps_outcome of_function[2]
    with nogil:
        of_class[0] = vm.step_vcpu(0, irq, 1)
        of_class[1] = vm.step_vcpu(0, leave, 0)
        of_function[0] = ps_step(&vm.c_policy, &vcpu, irq, 1)
        of_function[1] = ps_step(&vm.c_policy, &vcpu, leave, 0)
        first = ps_first(&vm.c_policy, 0, vcpu.online)
    return of_class[0].now, of_class[1].now, of_function[0].now, of_function[1].now, first
