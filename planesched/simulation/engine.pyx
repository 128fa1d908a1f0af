"""The timed engine (rules, section 7) as Python sees it: check, let go of the GIL, report.

What guests do of themselves, what an engine is made with and what is read of it stand in files of
their own. Longer than 300 lines because it is one class over one C struct, and each of its methods
is documented.
"""

import time

import numpy as np

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from planesched.simulation cimport _cengine as engine
from planesched._cfigures cimport PS_N_BUCKETS, ps_bucket, ps_figures
from planesched._clayouts cimport (
    hold_enums, hold_layouts, ps_engine_layouts, ps_engine_numbers,
)
from planesched.core cimport fill_algorithm, fill_chip_policy
from planesched.csched cimport (
    PS_MAX_PLANES, PS_N_REASONS, PS_N_VECTORS, PS_NO_PLANE, ps_chip_policy, ps_policy, ps_state,
)

from ..core import as_user_scheduler
from ..errors import Mistake, Words
from ..irqchip import as_controller
from ..layouts import EVENT, FIGURES, JOB, ROW, STATE, TOTALS, VECTOR
from ..figures.distribution import by_plane
from ..checks import (
    LAST_NS,
    job_mistake,
    log_array,
    online_mask,
    plane_count,
    plane_id,
    plane_mask,
    record_array,
    vcpu_count,
    whole,
    whole_ns,
)
from ..events import Event, event_number, takes_plane
from ..policy import check_userspace, job_route
from ..policytext import as_policy
from ..figures.jobs import JobStats
from ..figures.planes import Stats
from ..text import counted
from ..traces.record import MAX_VCPUS
from ..workload.costs import Costs

__all__ = ["Engine", "Guests", "Sums"]

hold_layouts(ps_engine_layouts)
hold_enums(ps_engine_numbers)

include "guests.pxi"
include "setup.pxi"
include "reading.pxi"

# Between two looks for signals; the clock says how many make up some 20 ms.
cdef uint64_t PATIENCE = 1 << 20


cdef class Engine:
    """Guests in time: vCPUs whose planes serve the jobs that arrive for them.

    Parameters
    ----------
    policy : Policy, str or path-like
        How planes are scheduled; as `policytext.as_policy` takes it: ``"vsm:ret=resume"``.
    planes : int
        How many planes each vCPU has, 1..16.
    vcpus : int
        How many vCPUs, 1 to 2**32 - 1.
    online : iterable of int, optional
        The planes that exist; all by default.
    costs : Costs, or what `Costs.of` takes, optional
        What switches and exits take; nothing by default. What is drawn from a distribution is drawn
        with the seed of `guests`, or 0.
    route : {"own", "marker"}
        Whether a job goes to its plane, or first to the marker, which forwards it.
    forward_ns : int
        How long the marker works to forward a job.
    main : int, optional
        The plane that an idle marker calls if none has work and it took the vCPU from none; the
        highest-numbered online plane by default.
    busy : iterable of int
        Planes that compute whenever they run and have no job.
    initial : ndarray, shape (), dtype STATE, optional
        The state in which every vCPU begins; `online` is then not looked at.
    start_ns : int
        The time at which everything begins.
    guests : Guests, optional
        What guests do of themselves; its sources begin at `start_ns`. It is for no fewer vCPUs.
    userspace : UserScheduler, or what that takes, optional
        Answers exits to userspace; the default userspace scheduler unless given.
    slice_ns : int, optional
        After so much running time since a plane was entered, or since its last slice ended, it
        gets a resched, at which the policy's algorithm may choose another. Never by default.
    controller : Controller or "lapic", optional
        Planes have interrupt controllers (rules, 8). What is fed has its vector as ``source``, or
        256 where none brought it, which an intercept tells of; sources have vectors. Handlers nest
        by class and the end of a job is its EOI. None by default: first in, first out.

    Raises
    ------
    ValueError
        If a number or name is out of range, the policy lacks what `route` needs, or no vCPU ever
        leaves for `userspace`.
    TypeError
        If an argument is of the wrong type.
    MemoryError
        If there is no memory for so many vCPUs.

    Examples
    --------
    >>> import numpy as np
    >>> from planesched import JOB
    >>> engine = Engine("vsm", costs={"any": 30})
    >>> engine.feed(np.array([(100, 50, 0, 0, 1, 0)], JOB))  # at 100 ns, 50 ns of work for plane 1
    >>> engine.advance(1000)
    True
    >>> engine.jobs().sojourn[1].max_ns, engine.stats().switches
    (80, 2)
    """

    def __cinit__(self):
        self.c = NULL

    def __init__(
        self, policy, planes=2, vcpus=1, *, online=None, costs=None, route="own", forward_ns=0,
        main=None, busy=(), initial=None, start_ns=0, Guests guests=None, userspace=None,
        slice_ns=None, controller=None,
    ):
        if self.c is not NULL:
            raise TypeError("an Engine is initialised once")
        cdef Setup setup
        cdef int error
        planes = plane_count(planes)
        self._policy = as_policy(policy, planes)
        self.planes = planes
        fill_planes(&setup, self, vcpus, route, busy)
        fill_beginning(&setup, self, online, initial, main)
        fill_times(&setup, self, start_ns, forward_ns, slice_ns)
        fill_guests(&setup, self, guests, costs)
        check_userspace(userspace, [self._policy])
        self._userspace = as_user_scheduler(userspace)
        setup.config.userspace = self._userspace.c
        fill_controller(&setup, self, controller)
        with nogil:
            error = engine.ps_engine_create(&setup.config, &self.c)
        if error == engine.PS_ENGINE_NO_MEMORY:
            raise MemoryError(f"no memory for vcpus={vcpus}")
        if error:
            expected = f"the state of a vCPU with {planes} planes"
            if self._controller is not None:
                expected += ", none with an interrupt: controllers give irq and masked"
            raise Mistake("initial", initial, expected)
        self._check_picks()

    cdef engine.ps_engine *_made(self) except NULL:
        """Return the engine in C; a subclass may have forgotten to call `__init__`."""
        if self.c is NULL:
            raise TypeError(f"a {type(self).__name__} that was not initialised")
        return self.c

    cdef int _check_picks(self) except -1:
        """Raise what an algorithm got wrong, or raised."""
        if self._picker.wrong.given:
            self._picker.raise_wrong()
        return 0

    def __dealloc__(self):
        engine.ps_engine_destroy(self.c)

    def copy(self):
        """Give an engine that goes on exactly as this one would: a snapshot, or a way not taken.

        It shares nothing that changes but the userspace scheduler and the algorithm's function,
        which are asked by both, and it writes to no log. The algorithm's memory is copied.

        Returns
        -------
        Engine

        Raises
        ------
        MemoryError
            If there is no memory for it.
        """
        cdef Engine other = Engine.__new__(Engine)
        cdef int error = 0
        with Turn(self):
            with nogil:
                error = engine.ps_engine_clone(self.c, &other.c)
        if error:
            raise MemoryError(f"no memory for another {self!r}")
        other._share(self)
        return other

    def restore(self, Engine snapshot not None):
        """Become what another engine is, whatever this one was before; the other stays.

        Raises
        ------
        MemoryError
            If there is no memory for it; nothing has changed then.
        """
        if snapshot is self:
            return
        cdef int error = 0
        with Turn(self), Turn(snapshot):
            with nogil:
                error = engine.ps_engine_restore(self.c, snapshot.c)
        if error:
            raise MemoryError(f"no memory for another {snapshot!r}")
        self._share(snapshot)

    cdef int _share(self, Engine other) except -1:
        """Take over what stands outside the C engine."""
        self.planes = other.planes
        self._policy = other._policy
        self._start_ns = other._start_ns
        self._costs = other._costs
        self._guests = other._guests
        self._began_ns = other._began_ns
        self._userspace = other._userspace
        self._controller = other._controller
        self._vector_log = None
        self._picker = other._picker
        self._log = None
        return 0

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        raise TypeError(f"{self!r} cannot be pickled: copy() makes another in this process")

    @property
    def policy(self):
        """The policy."""
        return self._policy

    @property
    def start_ns(self):
        """The time at which everything began."""
        return self._start_ns

    @property
    def now_ns(self):
        """The time up to which everything has happened."""
        return engine.ps_engine_now_ns(self._made())

    @property
    def vcpus(self):
        """How many vCPUs there are."""
        return engine.ps_engine_n_vcpus(self._made())

    @property
    def next_event_ns(self):
        """When something happens next, of itself or by a job that was fed; None: never."""
        cdef int64_t next_ns
        cdef engine.ps_engine *made = self._made()
        with nogil:
            next_ns = engine.ps_engine_next_event_ns(made)
        return None if next_ns == engine.PS_NEVER_NS else next_ns

    @property
    def state(self):
        """A copy of the states of all vCPUs, shape (vcpus,), dtype STATE."""
        return read_states(self)

    def grow(self, vcpus):
        """Have at least so many vCPUs; new ones have been there since the start.

        Raises
        ------
        ValueError
            If its guests are for fewer, or vCPUs send each other interrupts and time has passed.
        MemoryError
            If there is no memory for them.
        """
        cdef uint32_t count = vcpu_count(vcpus)
        cdef int code
        check_guests(self._guests, count)
        with Turn(self):
            code = engine.ps_engine_grow(self.c, count)
        self._check_picks()
        if code == engine.PS_ENGINE_BAD_TIME:
            expected = f"no more: they send each other interrupts, and are at {self.now_ns} ns"
            raise Mistake("vcpus", vcpus, expected)
        if code:
            raise MemoryError(f"no memory for vcpus={vcpus}")

    def renew(self, ids):
        """Begin again from the start with other vCPUs, on which guests do the same.

        Nothing is left of what happened, and no log; what is known of the policy's transitions is
        used again.

        Parameters
        ----------
        ids : ndarray of uint32
            Their numbers, as `Guests` takes them.

        Raises
        ------
        ValueError
            If the engine has no guests, or a source is of some vCPUs only.
        MemoryError
            If there is no memory for them; an engine is of no use after that.
        """
        cdef uint32_t count = vcpu_count(len(ids))
        cdef int error
        self._made()
        if self._guests is None:
            raise Mistake("ids", ids, "none: this engine has no guests of its own")
        cdef Guests guests = others(self._guests, ids)
        with Turn(self):
            with nogil:
                error = engine.ps_engine_renew(self.c, &guests.c, count)
            self._guests = guests
        self._began_ns = self._start_ns
        self._log = self._vector_log = None
        self._check_picks()
        if error:
            raise MemoryError(f"no memory for {count} vCPUs")

    def feed(self, jobs):
        """Take in jobs that are yet to arrive.

        Parameters
        ----------
        jobs : ndarray, shape (n,), dtype JOB
            Sorted within each vCPU by time, plane and source; not before the jobs fed earlier,
            and not before `now_ns`.

        Raises
        ------
        ValueError
            If a job is not in order, or has a vCPU, plane, kind or time that cannot be; it says
            which one, and none was taken in.
        TypeError
            If `jobs` is of another dtype.
        MemoryError
            If there is no memory for them.
        """
        jobs = record_array("jobs", jobs, JOB)
        cdef const engine.ps_job *records = <const engine.ps_job *><size_t>jobs.ctypes.data
        cdef uint64_t n = len(jobs), bad = 0
        cdef engine.ps_job_mistake mistake = engine.PS_JOB_FINE
        cdef int error
        with Turn(self):
            with nogil:
                error = engine.ps_engine_feed(self.c, records, n, &bad, &mistake)
        if error == engine.PS_ENGINE_NO_MEMORY:
            raise MemoryError(f"no memory for {n} jobs")
        if error:
            raise job_mistake(f"jobs[{bad}]", mistake, jobs[bad])

    def at(self, time_ns, vcpu, event, plane=None):
        """Have an event happen to a vCPU at a time: a plane is held, released, forced in, stopped.

        At equal times it comes before the jobs that arrive, after what was told earlier; during a
        transition it waits as jobs do. What the policy refuses is a fault in the figures.

        Parameters
        ----------
        time_ns : int
            Not before the vCPU's present.
        vcpu : int
            Which.
        event : str or int
            One that a guest does not do itself, brings no job, and leaves planes online as they
            are: ``hold``, ``release``, ``force``, ``start``, ``stop``, ``init``, ``lock``,
            ``resched``, ``nmi``, ``intercept``, and those of masks and VINA.
        plane : int, optional
            The plane that the event names.

        Raises
        ------
        ValueError
            If a number is out of range or the time past, or it is not such an event.
        TypeError
            If an argument is of the wrong type.
        MemoryError
            If there is no memory for it.
        """
        cdef int64_t at_ns = whole_ns("time_ns", time_ns)
        cdef uint32_t index = whole("vcpu", vcpu, 0, self.vcpus - 1)
        cdef unsigned number = event_number(event), target = 0
        cdef int error
        name = Event(number).name.lower()
        if self._controller is not None and number in (Event.MASK, Event.UNMASK):
            raise Mistake("event", name, "another: the mask is the controller's own")
        if not engine.PS_TOLD >> number & 1:
            able = [each.name.lower() for each in Event if engine.PS_TOLD >> each & 1]
            raise Mistake("event", name, f"one of {', '.join(able)}")
        if takes_plane(number, call_takes_plane=self._policy.hands_over):
            target = plane_id("plane", plane, self.planes)
        elif plane is not None:
            raise Mistake("plane", plane, f"None: {name} takes no plane")
        with Turn(self):
            error = engine.ps_engine_at(self.c, at_ns, index, number, target)
        if error == engine.PS_ENGINE_BAD_TIME:
            raise Mistake("time_ns", time_ns, "a time that is not past, nor the end of time")
        if error:
            raise MemoryError("no memory for one more event")

    def advance(self, until_ns, stop=None):
        """Let everything up to and including `until_ns` happen.

        Parameters
        ----------
        until_ns : int
            A time, not before `now_ns`.
        stop : callable, optional
            Asked some hundred times a second whether to stop.

        Returns
        -------
        bool
            Whether that time was reached; a later call goes on where this one stopped.

        Raises
        ------
        ValueError
            If that time is over, or is not below 2**63 - 1.
        MemoryError
            If there is no memory for the jobs in queues; an engine is of no use after that.
        Exception
            What a userspace scheduler raised, or ValueError where it answered with no plane.
            Likewise an algorithm; the engine then stays as it is.
        KeyboardInterrupt
            On Ctrl-C in the main thread; a later call goes on where this one stopped.
        RuntimeError
            If another thread is at work with this engine, or its own userspace scheduler or `stop`
            calls back. So do all methods that change something or read figures.
        """
        cdef int64_t until = whole_ns("until_ns", until_ns)
        with Turn(self):
            return self._advance(until, stop)

    cdef bint _advance(self, int64_t until, stop) except *:
        cdef uint64_t patience = 1 << 16
        cdef int more = 1
        if until < engine.ps_engine_now_ns(self.c):
            raise Mistake("until_ns", until, f"now_ns={self.now_ns} or later")
        while more > 0:
            began = time.perf_counter()
            with nogil:
                more = engine.ps_engine_advance(self.c, until, patience)
            # Steer for looks that are some 10 ms apart.
            if time.perf_counter() - began < 0.01 and patience < PATIENCE:
                patience *= 2
            PyErr_CheckSignals()
            if more > 0 and stop is not None and stop():
                return False
        if more == engine.PS_ENGINE_WRONG_ANSWER:
            self._check_picks()
            raise RuntimeError(f"{self!r} stopped at a wrong answer of its algorithm")
        if more == engine.PS_ENGINE_STOPPED:
            self._userspace.raise_stop()
        if more < 0:
            raise MemoryError("no memory for the jobs in queues")
        return True

    def log_to(self, log):
        """Write outcomes from now on to an array, until it is full: those that `VM.run` logs.

        Parameters
        ----------
        log : ndarray of dtype OUTCOME, or None
            Contiguous and writable; ``record`` is -1 in what is written. None ends it.
        """
        cdef engine.ps_outcome_record *records = NULL
        cdef uint64_t n = 0
        if log is not None:
            n = len(log_array(log))
            records = <engine.ps_outcome_record *><size_t>log.ctypes.data
        with Turn(self):
            engine.ps_engine_log(self.c, records, n)
            self._log = log

    @property
    def logged(self):
        """How many outcomes stand in the log."""
        return len(self._log) - engine.ps_engine_log_left(self.c) if self._log is not None else 0

    @property
    def controller(self):
        """How the planes' interrupt controllers are set up; None where they have none."""
        return self._controller

    def vectors(self):
        """Give what became of every vector of every plane up to now.

        Returns
        -------
        ndarray of dtype VECTOR, shape (planes, 256)

        Raises
        ------
        ValueError
            If the planes have no controllers.
        """
        if self._controller is None:
            raise Mistake("controller", None, "one: without, nothing is counted by vector")
        return read_vectors(self)

    def vector_times(self):
        """Give the histograms of the vectors that were injected up to now.

        Returns
        -------
        where : ndarray of int, shape (n, 2)
            Plane and vector of each, in ascending order.
        latency, response : ndarray of uint64, shape (n, buckets)

        Raises
        ------
        ValueError
            If the planes have no controllers.
        """
        where = np.argwhere(self.vectors()["injected"] > 0)
        places = np.full((self.planes, PS_N_VECTORS), engine.PS_NOWHERE, dtype=np.uint32)
        places[where[:, 0], where[:, 1]] = np.arange(len(where))
        latency = np.zeros((len(where), PS_N_BUCKETS), dtype=np.uint64)
        response = np.zeros_like(latency)
        cdef size_t[3] to = [places.ctypes.data, latency.ctypes.data, response.ctypes.data]
        with Turn(self):
            engine.ps_engine_read_vector_times(
                self.c, <const uint32_t *>to[0], <uint64_t *>to[1], <uint64_t *>to[2]
            )
        return where, latency, response

    def log_vectors_to(self, log):
        """Write what is injected and ended from now on to an array, until it is full.

        Parameters
        ----------
        log : ndarray of dtype EVENT, or None
            Contiguous and writable; ``kind`` is that of ``irq`` or ``eoi``, ``arg`` the vector.
            None ends it.
        """
        cdef engine.ps_event_record *records = NULL
        cdef uint64_t n = 0
        if log is not None:
            n = len(log_array(log, EVENT))
            records = <engine.ps_event_record *><size_t>log.ctypes.data
        with Turn(self):
            engine.ps_engine_log_vectors(self.c, records, n)
            self._vector_log = log

    @property
    def vectors_logged(self):
        """How many injections and ends stand in that log."""
        if self._vector_log is None:
            return 0
        return len(self._vector_log) - engine.ps_engine_log_vectors_left(self.c)

    def restart(self):
        """Forget what was counted so far: figures begin at `now_ns`."""
        with Turn(self):
            with nogil:
                engine.ps_engine_restart(self.c)
        self._began_ns = self.now_ns

    def stats(self):
        """Give the figures of planes up to now, as `planesched.Stats`."""
        figures, _, _, latency, _, _ = self.read()
        elapsed = self.now_ns - self._began_ns
        latency = by_plane(latency, self.row_planes, self.planes)
        return Stats(figures, latency, elapsed_ns=elapsed, vcpus=self.vcpus)

    def jobs(self):
        """Give the figures of jobs up to now, as `planesched.JobStats`."""
        _, totals, _, _, _, sojourn = self.read()
        return JobStats(totals, by_plane(sojourn, self.row_planes, self.planes))

    @property
    def row_planes(self):
        """The plane that serves the jobs of each row of `read`."""
        cdef uint32_t row
        n_rows = engine.ps_engine_n_rows(self._made())
        return [engine.ps_engine_row_plane(self.c, row) for row in range(n_rows)]

    def read(self, into=None, *, sums=False):
        """Give the bare figures up to now.

        There is a row for every source of the guests, then one for every plane: what was fed, and
        what VINA posted.

        Parameters
        ----------
        into : tuple of ndarray, optional
            An earlier reading, which is overwritten: so one who reads often needs no new memory.
        sums : bool
            Only what adds up: nothing that is queued, pending or under way now, nor its age. Then
            not every vCPU has to be looked at.

        Returns
        -------
        tuple of ndarray
            Figures, dtype FIGURES; totals, dtype TOTALS; rows, shape (rows,), dtype ROW; histograms
            of latency, of response and of sojourn, shape (rows, buckets), uint64.

        Raises
        ------
        ValueError
            If `into` is no reading of an engine with as many rows.
        """
        return read_figures(self, into, sums)

    def time_ns(self):
        """Give what each vCPU did with its time.

        Returns
        -------
        ndarray of int64, shape (vcpus, 4)
            Running, in userspace, blocked, in transitions; rows sum to what has elapsed.
        """
        return read_times(self)

    def livelocks(self):
        """Give the vCPUs whose planes handed them round and round and never worked.

        Returns
        -------
        list of tuple
            (vCPU, how often, time in ns of the first, planes that took part).
        """
        return read_livelocks(self)

    def __repr__(self):
        many = counted(self.vcpus, "vCPU")
        return f"<Engine of {many} with {self.planes} planes at {self.now_ns} ns>"


cdef class Turn:
    """Has an engine to itself: two threads in one, or a call back, would break its memory."""

    cdef Engine owner

    def __init__(self, Engine owner not None):
        self.owner = owner

    def __enter__(self):
        self.owner._made()
        with cython.critical_section(self.owner):
            if self.owner.busy:
                raise RuntimeError(f"{self.owner!r} is at work already, for one caller at a time")
            self.owner.busy = True

    def __exit__(self, *error):
        self.owner.busy = False


include "batching.pxi"
