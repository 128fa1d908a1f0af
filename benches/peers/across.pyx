# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The core as another package's Cython module calls it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from planesched.core cimport VM, abi_version, import_planesched
from planesched.csched cimport ps_outcome, ps_step

import_planesched()


cdef packed struct record:
    int64_t time_ns
    uint32_t vcpu
    uint8_t kind, plane
    uint16_t arg


def inlined(VM vm not None, const record[::1] events):
    """Step by the header's inline function."""
    cdef uint64_t switches = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(events.shape[0]):
            switches += ps_step(
                &vm.c_policy, &vm.states[events[i].vcpu], events[i].kind, events[i].plane
            ).flags & 1
    return switches


def method(VM vm not None, const record[::1] events):
    """Step by the VM's method, which keeps its clocks as well."""
    cdef uint64_t switches = 0
    cdef Py_ssize_t i
    with nogil:
        for i in range(events.shape[0]):
            switches += vm.step_vcpu(events[i].vcpu, events[i].kind, events[i].plane).flags & 1
    return switches


def calls(int64_t n):
    """Call a function of the other module that does nothing but answer."""
    cdef int64_t i, total = 0
    with nogil:
        for i in range(n):
            total += abi_version()
    return total


cdef class Empty:
    """What a call costs when it does nothing."""

    def step(self, event, plane=None, arg=None):
        """Take what VCPU.step takes."""

    def nothing(self):
        """Take nothing."""
