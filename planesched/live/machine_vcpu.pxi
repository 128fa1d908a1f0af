# A part of planesched.live.machine: a vCPU of an engine, in real time.


cdef tuple _vectors(const c.uint32_t *words):
    return tuple([
        32 * i + bit for i in range(c.PS_LIVE_WORDS) for bit in range(32) if words[i] >> bit & 1
    ])


cdef class LiveVcpu:
    """One vCPU of an engine whose planes run on a machine.

    Parameters
    ----------
    machine : Machine
        Of which the planes from `first` on are this vCPU's.
    first, planes : int
        Which.
    keeps_isr : bool
        Whether a vector stays in service until its EOI.
    turns_per_ns : float
        How fast the guest's loop is.
    exit_ns : int
        What an exit takes.
    copy : str
        How a switch copies what planes share: ``none``, ``ioctls``, ``shared``.
    """

    cdef r.ps_live_vcpu live
    cdef readonly Machine machine
    cdef list kept

    def __cinit__(
        self, Machine machine, first, planes, *, keeps_isr, turns_per_ns, exit_ns, copy="none"
    ):
        if copy not in COPIES:
            raise unknown("copy", copy, COPIES)
        self.machine = machine
        r.ps_live_vcpu_init(&self.live)
        self.live.machine = &machine.machine
        self.live.first_seat = machine._seat(first)
        self.live.n_planes = whole("planes", planes, 1, machine.planes - first)
        self.live.keeps_isr = keeps_isr
        self.live.turns_per_ns = turns_per_ns
        self.live.exit_ns = exit_ns
        self.live.last = -1
        self.live.copy = COPIES[copy]
        for seat in range(first, first + planes):
            machine.settle(seat)

    def __dealloc__(self):
        r.ps_live_vcpu_close(&self.live)

    def talk(self, vcpus, senders):
        """Have it send the others IPIs, and take theirs.

        Parameters
        ----------
        vcpus : sequence of LiveVcpu
            All that do, this one too. They are to live until all of them have ended.
        senders : sequence of (int, int, float, sequence of int)
            Of each source of IPIs its place in the workload, that of the source whose jobs send,
            the chance, and the places of the targets in `vcpus`.
        """
        cdef size_t n = len(senders)
        cdef LiveVcpu other
        pointers = np.zeros(len(vcpus), np.uintp)
        table = np.zeros(max(1, n) * sizeof(r.ps_live_sender), np.uint8)
        cdef r.ps_live_sender *rows = <r.ps_live_sender *><size_t>table.ctypes.data
        self.kept = [pointers, table]
        for place, other in enumerate(vcpus):
            pointers[place] = <size_t>&other.live
        for place, (source, origin, chance, targets) in enumerate(senders):
            places = np.ascontiguousarray(targets, np.uint32)
            if not len(places) or places.max() >= len(vcpus):
                raise Mistake("targets", places.tolist(), f"one or more of 0..{len(vcpus) - 1}")
            self.kept.append(places)
            rows[place].source, rows[place].origin = source, origin
            rows[place].chance = chance
            rows[place].targets = <const c.uint32_t *><size_t>places.ctypes.data
            rows[place].n_targets = len(places)
        if r.ps_live_talk(
            &self.live, <r.ps_live_vcpu **><size_t>pointers.ctypes.data, rows, n
        ):
            raise MemoryError

    @property
    def switches(self):
        """How often another plane than before was run."""
        return self.live.switches

    @property
    def exits(self):
        """How often KVM_RUN returned."""
        return self.live.exits

    def advance(self, Engine engine not None, until_ns):
        """Bring an engine of one vCPU, for which nothing costs, to a time, in real time.

        Returns
        -------
        bool
            Whether it came there; False where a signal ended it.
        """
        cdef int64_t until = whole("until_ns", until_ns, 0, 2**62)
        cdef int ended
        if engine.vcpus != 1:
            raise Mistake("engine.vcpus", engine.vcpus, "1")
        self.machine._seat(0)
        with nogil:
            ended = r.ps_live_advance(&self.live, engine.c, until)
        if ended < 0:
            raise self.machine._fault()
        return ended == 0
