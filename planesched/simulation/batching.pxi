# What adds up of an engine, at the ends of batches.

# An octave of buckets: what is kept of histograms grows by so many, as times do.
cdef enum:
    OCTAVE = 64


cdef class Sums:
    """What adds up of an engine, kept at the ends of batches; a batch is the difference of two.

    Parameters
    ----------
    owner : Engine
    order : sequence of int
        The engine's row of each row that is kept.

    Attributes
    ----------
    arrays : tuple of ndarray
        The last reading, as `Engine.read` gives it.
    finished, arrived : int
        Jobs, in that reading.
    """

    cdef Engine owner
    cdef engine.ps_reading now  # into `arrays`
    cdef readonly object arrays
    cdef readonly uint64_t finished, arrived
    cdef object order, kept
    cdef const uint32_t *rows_of
    # Of what is kept: how many there are and room for; the buckets; where the arrays are.
    cdef uint32_t count, room, n_rows, n_planes, first, width
    cdef bint clean  # behind those that are kept everything is zero
    cdef uint64_t *counts
    cdef int64_t *times
    cdef int64_t *switches
    cdef uint64_t *timed[3]

    def __init__(self, Engine owner not None, order):
        self.owner = owner
        self.arrays = _room(engine.ps_engine_n_rows(owner._made()), None)
        point_to(&self.now, self.arrays)
        self.order = np.ascontiguousarray(order, dtype=np.uint32)
        self.rows_of = <const uint32_t *><size_t>self.order.ctypes.data
        self.n_rows = <uint32_t>len(order)
        self.n_planes = owner.planes
        self.count = self.room = self.first = self.width = 0
        self.kept = None

    def __len__(self):
        return self.count

    cdef int _made(self, bint kept) except -1:
        """Raise an error where `__init__` was not called, or nothing is kept."""
        if self.owner is None:
            raise TypeError("Sums that were not initialised")
        if kept and not self.count:
            raise RuntimeError("nothing is kept yet")
        return 0

    def clear(self):
        """Forget what was kept: the engine begins again."""
        self.count = 0
        self.clean = False

    def look(self):
        """Read what there is now, and keep nothing."""
        cdef uint32_t row
        self._made(False)
        with Turn(self.owner):
            with nogil:
                engine.ps_engine_read_sums(self.owner.c, &self.now)
        self.finished = self.arrived = 0
        for row in range(engine.ps_engine_n_rows(self.owner.c)):
            self.finished += self.now.rows[row].finished
            self.arrived += self.now.rows[row].arrived

    def keep(self):
        """Read what there is now: the end of a batch, or where the first begins."""
        cdef unsigned first, end
        self.look()
        self._used(&first, &end)
        if (
            self.count == self.room or first < self.first
            or end > <unsigned>self.first + self.width
        ):
            self._widen(first, end)
        with nogil:
            self._put()
        self.count += 1

    def pair(self):
        """Make batches twice as long: every other end is forgotten."""
        cdef object array
        self._made(True)
        kept = (self.count - 1) // 2
        for array in self.kept:
            array[1 : kept + 1] = array[2 : 2 * kept + 1 : 2].copy()
        self.count = kept + 1
        self.clean = False

    def batches(self):
        """Give the batches: counts of rows, times, switches, three histograms; the first bucket."""
        cdef object array
        first, end = self._kept_span()
        counts, times, switches, *timed = (array[: self.count] for array in self.kept)
        cut = [array[..., first - self.first : end - self.first] for array in timed]
        # Of a few numbers np.diff takes longer than the difference.
        return [array[1:] - array[:-1] for array in (counts, times, switches, *cut)], first

    def last_batches(self):
        """Give the same, made of what was kept, which is gone then."""
        cdef object array
        first, end = self._kept_span()
        self._take_differences(self.counts, 6 * <size_t>self.n_rows)
        self._take_differences(<uint64_t *>self.times, 4 * <size_t>self.n_planes)
        self._take_differences(<uint64_t *>self.switches, 2)
        for kind in range(3):
            self._take_differences(self.timed[<int>kind], <size_t>self.n_rows * self.width)
        counts, times, switches, *timed = (array[1 : self.count] for array in self.kept)
        cut = [array[..., first - self.first : end - self.first] for array in timed]
        self.kept = None
        self.count = self.room = self.width = 0
        return [counts, times, switches, *cut], first

    cdef void _take_differences(self, uint64_t *array, size_t size) noexcept nogil:
        """Of sums, `size` words at each end, make what was added since the end before."""
        cdef size_t i
        for i in range(self.count * size - 1, size - 1, -1):
            array[i] -= array[i - size]

    def _kept_span(self):
        """Give the first bucket that is used, and the one after the last, among those kept."""
        self._made(True)
        # The last reading may be later than what is kept, and lie beyond all of its buckets.
        low, high = self.span()
        first = max(self.first, min(low, self.first + self.width - 1))
        return first, max(first + 1, min(self.first + self.width, high))

    def span(self):
        """Give the first bucket that the last reading uses, and the one after the last."""
        cdef unsigned first, end
        self._made(False)
        self._used(&first, &end)
        return int(first), int(end)

    cdef void _used(self, unsigned *first, unsigned *end) noexcept:
        """Find the buckets that the extremes of all rows span; where nothing is, the first one."""
        cdef uint64_t low = <uint64_t>-1, high = 0
        cdef const engine.ps_row *row
        cdef uint32_t i
        for i in range(engine.ps_engine_n_rows(self.owner.c)):
            row = &self.now.rows[i]
            low = min(low, row.latency_min_ns, row.response_min_ns, row.sojourn_min_ns)
            high = max(high, row.latency_max_ns, row.response_max_ns, row.sojourn_max_ns)
        first[0] = ps_bucket(low) if low <= high else 0
        end[0] = ps_bucket(high) + 1 if low <= high else 1

    cdef int _widen(self, unsigned first, unsigned end) except -1:
        """Make room for one more, and for these buckets."""
        cdef unsigned kind
        old = self.kept
        if self.width:
            first, end = min(first, self.first), max(end, self.first + self.width)
        first = first // OCTAVE * OCTAVE
        width = (end + OCTAVE - 1) // OCTAVE * OCTAVE - first
        room = self.room if self.count < self.room else max(2 * self.room, 33)
        histograms = (room, self.n_rows, width)
        new = [
            np.zeros((room, self.n_rows, 6), np.uint64),
            np.zeros((room, self.n_planes, 4), np.int64),
            np.zeros((room, 2), np.int64),
            *(np.zeros(histograms, np.uint64) for _ in range(3)),
        ]
        if old is not None:
            shift = self.first - first
            for one, other in zip(new[:3], old[:3]):
                one[: self.count] = other[: self.count]
            for one, other in zip(new[3:], old[3:]):
                one[: self.count, :, shift : shift + self.width] = other[: self.count]
        self.kept, self.room, self.first, self.width = new, room, first, width
        self.clean = True
        self.counts = <uint64_t *><size_t>new[0].ctypes.data
        self.times = <int64_t *><size_t>new[1].ctypes.data
        self.switches = <int64_t *><size_t>new[2].ctypes.data
        for kind in range(3):
            self.timed[kind] = <uint64_t *><size_t>new[3 + kind].ctypes.data
        return 0

    cdef void _put(self) noexcept nogil:
        """Write the last reading behind those that are kept."""
        cdef const ps_figures *figures = self.now.figures
        cdef const engine.ps_row *row
        cdef uint64_t *counts = self.counts + <size_t>self.count * self.n_rows * 6
        cdef int64_t *times = self.times + <size_t>self.count * self.n_planes * 4
        cdef int64_t *switches = self.switches + <size_t>self.count * 2
        cdef uint32_t i, plane, other, kind
        for i in range(self.n_rows):
            row = &self.now.rows[self.rows_of[i]]
            counts[6 * i] = row.arrived
            counts[6 * i + 1] = row.finished
            counts[6 * i + 2] = row.injected
            counts[6 * i + 3] = row.latency_ns.lo
            counts[6 * i + 4] = row.response_ns.lo
            counts[6 * i + 5] = row.sojourn_ns.lo
            if (
                self.clean and row.latency_min_ns > row.latency_max_ns
                and row.response_min_ns > row.response_max_ns
                and row.sojourn_min_ns > row.sojourn_max_ns
            ):
                continue  # nothing of it was timed
            self._put_timed(0, i, self.now.latency)
            self._put_timed(1, i, self.now.response)
            self._put_timed(2, i, self.now.sojourn)
        for plane in range(self.n_planes):
            for kind in range(4):
                times[4 * plane + kind] = <int64_t>figures.time_ns[kind][plane].lo
        switches[0] = switches[1] = 0
        for plane in range(PS_MAX_PLANES):
            for other in range(PS_MAX_PLANES):
                if other != plane:
                    switches[0] += <int64_t>figures.entries[plane][other]
        for kind in range(1, PS_N_REASONS):  # an exit has a reason
            switches[1] += <int64_t>figures.exits[kind]

    cdef void _put_timed(self, unsigned kind, uint32_t i, const uint64_t *all) noexcept nogil:
        cdef uint64_t *to = self.timed[kind] + (<size_t>self.count * self.n_rows + i) * self.width
        cdef const uint64_t *from_ = all + <size_t>self.rows_of[i] * PS_N_BUCKETS + self.first
        memcpy(to, from_, self.width * sizeof(uint64_t))
