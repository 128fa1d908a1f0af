# An engine owns its C engine; one thread at a time may work with it.

from libc.stdint cimport int64_t, uint32_t

from planesched.simulation._cengine cimport (
    ps_costs, ps_engine, ps_source, ps_spread, ps_workload,
)
from planesched.core cimport Picker, UserScheduler


# What switches and exits take, as the engine takes it.
cdef class CostTable:
    cdef ps_costs c
    cdef ps_spread *spreads
    cdef list kept


# A workload as the engine takes it, with everything that its pointers lead to.
cdef class Guests:
    cdef ps_workload c
    cdef ps_source *sources
    cdef list kept
    cdef bint lent  # its sources are those of other guests, which it keeps
    cdef readonly uint32_t vcpus
    cdef int _take_source(self, ps_source *out, fields) except -1


cdef class Engine:
    cdef ps_engine *c
    cdef readonly unsigned planes
    cdef object _policy, _start_ns, _costs, _guests, _began_ns, _log
    cdef object _controller, _vector_log
    cdef UserScheduler _userspace
    cdef Picker _picker
    cdef bint busy
    cdef bint _advance(self, int64_t until, stop) except *
    cdef int _share(self, Engine other) except -1
    cdef int _check_picks(self) except -1
    cdef ps_engine *_made(self) except NULL
