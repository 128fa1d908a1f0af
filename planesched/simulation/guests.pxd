# A workload as the engine takes it, with everything that its pointers lead to.

from libc.stdint cimport uint32_t

from planesched.simulation._cengine cimport ps_source, ps_spread, ps_workload


cdef class Guests:
    cdef ps_workload c
    cdef ps_source *sources
    cdef ps_spread *spreads
    cdef ps_spread exit_cost
    cdef list kept
    cdef readonly uint32_t vcpus
    cdef size_t _keep(self, array, dtype) except 0
    cdef int _take_spread(self, ps_spread *out, spread) except -1
    cdef int _take_source(self, ps_source *out, fields) except -1
