# An engine owns its C engine; one thread at a time may work with it.

from libc.stdint cimport int64_t

from planesched.simulation._cengine cimport ps_engine
from planesched.userspace cimport UserScheduler


cdef class Engine:
    cdef ps_engine *c
    cdef readonly unsigned planes
    cdef object _policy, _start_ns, _guests, _began_ns, _log
    cdef UserScheduler _userspace
    cdef bint busy
    cdef bint _advance(self, int64_t until, stop) except *
    cdef int _share(self, Engine other) except -1
