# Jobs of records, for decoder.pyx: csrc/traces/jobs.h.


cdef class JobMaker:
    """The jobs of the records that were taken, each held back until it is known.

    Parameters
    ----------
    service_ns : list of int
        How long an interrupt takes, by target.
    look_ahead : int
        How many jobs are held back at most.
    injected : bool
        Injections stand for the arrivals.
    """

    cdef c.ps_trace_jobs jobs

    def __cinit__(self, list service_ns not None, int64_t look_ahead, injected):
        cdef int i
        if c.ps_trace_jobs_open(&self.jobs):
            raise MemoryError
        for i, service in enumerate(service_ns):
            self.jobs.service_ns[i] = service
        self.jobs.look_ahead = look_ahead
        self.jobs.injected = bool(injected)

    def __dealloc__(self):
        c.ps_trace_jobs_close(&self.jobs)

    cdef int grow(self) except -1:
        if c.ps_trace_jobs_grow(&self.jobs):
            raise MemoryError
        return 0

    def take(self, records not None, int64_t first_ns, table not None):
        """Take records, in order of time; return the time up to which jobs are known.

        Parameters
        ----------
        records : ndarray of RECORD, shape (n,)
            Not empty.
        first_ns : int
            What is taken off their times.
        table : callable
            Gives the index of the target of each of the 256 vectors on a vCPU.
        """
        records = np.ascontiguousarray(records, RECORD)
        cdef uint64_t address = records.ctypes.data, n = len(records), taken = 0, done = 0
        cdef const c.ps_trace_record *at = <const c.ps_trace_record *>address
        cdef c.ps_trace_need need
        cdef bytes targets
        self.jobs.base_ns = first_ns
        while True:
            with nogil:
                need = c.ps_trace_jobs_take(&self.jobs, at + done, n - done, &taken)
            done += taken
            if need == c.PS_NEEDS_NOTHING:
                break
            if need == c.PS_NEEDS_VCPU:
                targets = bytes(table(at[done].vcpu))
                assert len(targets) == 256
                if c.ps_trace_jobs_add(&self.jobs, at[done].vcpu, targets):
                    raise MemoryError
            else:
                self.grow()
        return c.ps_trace_jobs_settle(&self.jobs, at[n - 1].time_ns - first_ns)

    def end(self, int64_t end_ns):
        """Take the end of the trace: all jobs are known then."""
        while c.ps_trace_jobs_end(&self.jobs, end_ns) == c.PS_NEEDS_ROOM:
            self.grow()

    def give(self):
        """Return the jobs that are known by now and forget them, sorted: an array of `JOB`."""
        rows = np.empty(c.ps_trace_jobs_ready(&self.jobs), JOB)
        cdef uint64_t address = rows.ctypes.data
        c.ps_trace_jobs_give(&self.jobs, <c.ps_job *>address)
        return sort_jobs(rows)

    @property
    def n_held(self):
        """Jobs that are not known yet."""
        return self.jobs.next - self.jobs.released

    @property
    def arrivals(self):
        """Jobs that a vector brought."""
        return self.jobs.arrivals

    @property
    def wakes(self):
        """Busy periods that no arrival for the base plane began."""
        return self.jobs.wakes

    @property
    def cuts(self):
        """Busy periods that were cut because too many jobs were held."""
        return self.jobs.cuts

    @property
    def busy_ns(self):
        """How long the vCPUs were busy, in sum."""
        high, low = self.jobs.busy_ns.hi, self.jobs.busy_ns.lo  # objects: it may be 128 bits
        return <object>high << 64 | <object>low

    def seen(self):
        """Return, by vCPU, the vectors that came so far."""
        cdef const c.ps_trace_vcpu *vcpu
        cdef uint32_t i
        found = {}
        for i in range(self.jobs.n_vcpus):
            vcpu = &self.jobs.vcpus[i]
            found[vcpu.id] = {
                vector for vector in range(256) if vcpu.seen[vector >> 6] >> (vector & 63) & 1
            }
        return found


def sort_jobs(jobs not None):
    """Return jobs in order of time, vCPU, plane and source.

    Parameters
    ----------
    jobs : ndarray of JOB, shape (n,)
        In order of time; they may be moved.
    """
    cdef uint64_t address = jobs.ctypes.data
    if jobs.dtype != JOB or not jobs.flags.carray:
        raise TypeMistake("jobs", Words(str(jobs.dtype)), "a writable, contiguous array of JOB")
    if c.ps_trace_jobs_sort(<c.ps_job *>address, len(jobs)):
        return jobs
    return jobs[np.lexsort((jobs["source"], jobs["plane"], jobs["vcpu"], jobs["time_ns"]))]
