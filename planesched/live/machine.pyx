"""One KVM vCPU a plane, run by hand: what runs in it, what it took, what its APIC holds.

Linux on x86-64 alone. A machine belongs to the thread that made it. Longer than 300 lines because a
class stands in one file.
"""

import numpy as np

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t

from planesched.live cimport _cmachine as c
from planesched.live cimport _crun as r
from planesched.simulation.engine cimport Engine

from ..checks import whole
from ..errors import Mistake, unknown
from .faults import fault

__all__ = ["LiveVcpu", "Machine"]

MAX_SEATS = c.PS_LIVE_SEATS
MAX_ARGUMENT = 0xffffff
COMMANDS = {
    "nothing": c.PS_DO_NOTHING, "compute": c.PS_DO_COMPUTE, "halt": c.PS_DO_HALT,
    "call": c.PS_DO_CALL, "return": c.PS_DO_RETURN, "cli": c.PS_DO_CLI, "sti": c.PS_DO_STI,
    "tpr": c.PS_DO_TPR, "eoi": c.PS_DO_EOI, "ipi": c.PS_DO_IPI,
    "fill": c.PS_DO_FILL, "store": c.PS_DO_STORE, "svr": c.PS_DO_SVR,
}
STOPS = {
    c.PS_STOP_ASKS: "asks", c.PS_STOP_VECTOR: "vector", c.PS_STOP_CALL: "call",
    c.PS_STOP_RETURN: "return", c.PS_STOP_TIME: "time", c.PS_STOP_IPI: "ipi",
    c.PS_STOP_EOI: "eoi",
}
LINES = tuple([c.ps_live_lines[i] for i in range(c.PS_LIVE_LINES)])
COPIES = {"none": c.PS_COPY_NONE, "ioctls": c.PS_COPY_IOCTLS, "shared": c.PS_COPY_SHARED}
SAMPLES = ("clock", "exit", "switch", "post", "post_halted", "running", "wakeup", "compute")
# Between batches Ctrl-C is looked for, which must not take long.
_BATCH, _SLOW_BATCH = 200, 4


cdef class Machine:
    """A VM of our own, on which only that plane runs which is told to.

    Parameters
    ----------
    planes : int
        How many KVM vCPUs it has, 1..64.
    passes_eoi : bool
        Whether no EOI has a plane left: for a KVM that writes it itself as it injects.

    Raises
    ------
    LiveError
        If this host's KVM cannot do that; which says what to do about it.
    """

    cdef c.ps_machine machine
    cdef readonly int planes

    def __cinit__(self, planes, *, passes_eoi=False):
        cdef int failed
        self.machine.kvm = self.machine.vm = -1
        self.planes = whole("planes", planes, 1, MAX_SEATS)
        with nogil:
            failed = c.ps_machine_open(&self.machine, self.planes)
        self.machine.passes_eoi = passes_eoi
        if failed:
            error = self._fault()
            self.close()
            raise error

    def __dealloc__(self):
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.close()

    cpdef close(self):
        """End the VM; a second time does nothing."""
        if self.machine.kvm >= 0 or self.machine.vm >= 0:
            with nogil:
                c.ps_machine_close(&self.machine)

    cdef object _fault(self):
        cdef c.ps_live_fault *found = &self.machine.fault
        return fault(found.what.decode(), found.error, found.detail)

    cdef int _seat(self, plane) except -1:
        if self.machine.vm < 0:
            raise Mistake("machine", "closed", "one that is open")
        return whole("plane", plane, 0, self.planes - 1)

    cdef int _did(self, int returned) except -1:
        if returned < 0:
            raise self._fault()
        return returned

    def reset(self, plane=None):
        """Make a plane, or all, as when the machine was made."""
        cdef int first = 0 if plane is None else self._seat(plane)
        cdef int end = self.planes if plane is None else first + 1
        cdef int seat, failed = 0
        self._seat(0)
        with nogil:
            for seat in range(first, end):
                failed = failed or c.ps_machine_reset(&self.machine, seat)
        self._did(failed)

    def nmi(self, plane):
        """Post an NMI to a plane, which takes it as vector 2."""
        self._did(c.ps_machine_nmi(&self.machine, self._seat(plane)))

    def post(self, plane, vector):
        """Post a vector into a plane's APIC; tell whether it was taken.

        Parameters
        ----------
        plane : int
            Whose APIC.
        vector : int
            16..255.

        Returns
        -------
        bool
            False where it was there already, or the APIC is off.
        """
        cdef int seat = self._seat(plane)
        cdef unsigned number = whole("vector", vector, 16, 255)
        return bool(self._did(c.ps_machine_post(&self.machine, seat, number)))

    def line(self, plane, vector):
        """Post a vector of ``LINES`` for a line that is up, level-triggered; tell as `post` does.

        Where its EOI ends it, the plane is left (``"eoi"``): to post it again is the caller's.
        """
        cdef int seat = self._seat(plane)
        if vector not in LINES:
            raise Mistake("vector", vector, "one of " + ", ".join(map(str, LINES)))
        return bool(self._did(c.ps_machine_line(&self.machine, seat, vector)))

    def ended(self, plane):
        """Return the vector that a plane ended when it was last left, for its EOI."""
        return self.machine.seats[self._seat(plane)].vector

    def give(self, plane, command, argument=0):
        """Give a plane that asks its next command; it does it when it is run."""
        cdef int seat = self._seat(plane)
        if command not in COMMANDS:
            raise unknown("command", command, COMMANDS)
        c.ps_machine_give(
            &self.machine, seat, COMMANDS[command], whole("argument", argument, 0, MAX_ARGUMENT)
        )

    def settle(self, plane, most=16, time_ns=1_000_000_000):
        """Run a plane until it has nothing more to do.

        Parameters
        ----------
        plane : int
            Which one.
        most : int
            Return as soon as it has taken so many vectors, 1..16; it is in its handler then.
        time_ns : int
            For how long at most.

        Returns
        -------
        stop : str
            ``"asks"`` for a command, twice in a row; ``"vector"``, ``"call"`` or ``"return"`` if
            that was the last thing; ``"eoi"`` of a vector of ``LINES``; ``"time"`` if it still
            runs, or sleeps.
        took : tuple of int
            The vectors that it took, in order.
        """
        cdef int seat = self._seat(plane)
        cdef unsigned up_to = whole("most", most, 1, c.PS_LIVE_TOOK)
        cdef int64_t ns = whole("time_ns", time_ns, 1, 2**62)
        cdef c.ps_live_seen seen
        cdef int failed
        took = ()
        while True:
            with nogil:
                failed = c.ps_machine_settle(&self.machine, seat, up_to, ns, &seen)
            self._did(failed)
            took += tuple([seen.took[i] for i in range(seen.n_took)])
            if seen.stop != c.PS_STOP_SIGNAL:
                return STOPS[seen.stop], took
            PyErr_CheckSignals()
            up_to -= seen.n_took

    def apic(self, plane):
        """Return what a plane's APIC holds: IRR and ISR, rising, TPR and PPR."""
        cdef c.ps_live_apic apic
        self._did(c.ps_machine_apic(&self.machine, self._seat(plane), &apic))
        return _vectors(apic.irr), _vectors(apic.isr), apic.tpr, apic.ppr

    def is_halted(self, plane):
        """Tell whether a plane sleeps in HLT."""
        return bool(self._did(c.ps_machine_is_halted(&self.machine, self._seat(plane))))

    def unhalt(self, plane):
        """End a plane's HLT as a host does, without an interrupt."""
        self._did(c.ps_machine_unhalt(&self.machine, self._seat(plane)))

    def takes_interrupts(self, plane):
        """Tell whether a plane had interrupts enabled when it was last left."""
        return bool(c.ps_machine_takes_interrupts(&self.machine, self._seat(plane)))

    def share(self, plane, to, copy):
        """Copy what planes share to another plane: ``ioctls``, ``shared`` or ``none`` of it."""
        if copy not in COPIES:
            raise unknown("copy", copy, COPIES)
        self._did(c.ps_machine_share(
            &self.machine, self._seat(plane), self._seat(to), COPIES[copy]
        ))

    def stored(self):
        """Return what the guest stored last: ESI, EDI, EBP, CR2, and XMM0 in four parts."""
        cdef c.uint32_t[8] words
        self._seat(0)
        c.ps_machine_stored(&self.machine, words)
        return tuple([words[i] for i in range(c.PS_LIVE_STORED)])

    def shows_registers(self, shows):
        """Have exits of all planes show their registers, which copying by ``shared`` needs."""
        self._seat(0)
        for seat in range(self.planes):
            c.ps_machine_shows_registers(&self.machine, seat, bool(shows))

    def extension(self, capability):
        """Return what KVM_CHECK_EXTENSION of the VM says; 0 is not there."""
        self._seat(0)
        return max(0, c.ps_live_extension(self.machine.vm, capability))

    def sample(self, what, n, *, copy="none", sweep_bytes=0, core=-1, vector=0x41, turns=1):
        """Measure something again and again.

        Parameters
        ----------
        what : str
            The ``clock`` alone; an ``exit`` of plane 0 and back; a ``switch`` between planes 0 and
            1; from a ``post`` into plane 0 while it is not run to its handler, or
            ``post_halted`` while it is halted besides; from a posting by another thread into plane
            0 ``running`` and computing, or asleep until its ``wakeup``; to ``compute`` so many
            `turns`.
        n : int
            How often.
        copy : str
            How a switch copies what planes share: ``none``, ``ioctls``, ``shared``.
        sweep_bytes : int
            How much memory to write to before each switch.
        core : int
            Where the other thread runs; anywhere if negative.
        vector : int
            What is posted.
        turns : int
            Of the guest's loop: all there are, or at a time while it is ``running``.

        Returns
        -------
        ndarray of int64, shape (n,)
            In ns.
        """
        if what not in SAMPLES:
            raise unknown("what", what, SAMPLES)
        if copy not in COPIES:
            raise unknown("copy", copy, COPIES)
        if what == "switch" and self.planes < 2:
            raise Mistake("planes", self.planes, "2 or more, to switch between")
        self._seat(0)
        cdef int kind = SAMPLES.index(what), how = COPIES[copy], other = core
        cdef unsigned number = whole("vector", vector, 16, 255)
        cdef unsigned n_turns = whole("turns", turns, 1, MAX_ARGUMENT)
        cdef bint quick = kind < 4 and not sweep_bytes
        cdef int[2] seats = [0, 1]
        out = np.zeros(n, np.int64)
        swept = np.zeros(sweep_bytes, np.uint8)
        cdef c.ps_live_sweep sweep
        sweep.bytes = <c.uint8_t *><size_t>swept.ctypes.data
        sweep.n_bytes = sweep_bytes
        cdef int64_t *ns = <int64_t *><size_t>out.ctypes.data
        cdef size_t done = 0, wanted = n, part
        cdef int64_t got = 0
        while done < wanted:
            part = min(<size_t>(_BATCH if quick else _SLOW_BATCH), wanted - done)
            with nogil:
                if kind == 0:
                    c.ps_sample_clock(ns + done, part)
                    got = <int64_t>part
                elif kind == 1:
                    got = c.ps_sample_exit(&self.machine, 0, ns + done, part)
                elif kind == 2:
                    got = c.ps_sample_switch(&self.machine, seats, how, sweep, ns + done, part)
                elif kind == 3 or kind == 4:
                    got = c.ps_sample_post(&self.machine, 0, kind == 4, number, ns + done, part)
                elif kind == 5 or kind == 6:
                    got = c.ps_sample_posted(
                        &self.machine, 0, n_turns if kind == 5 else 0, other, number, ns + done,
                        part,
                    )
                else:
                    got = c.ps_sample_compute(&self.machine, 0, n_turns, ns + done, part)
            if got < 0:
                raise self._fault()
            done += <size_t>got
            PyErr_CheckSignals()
        return out


include "machine_vcpu.pxi"
