# What guests do of themselves, in the form that the timed engine takes.

cdef extern from "planesched/workload.h" nogil:
    void ps_source_prepare(engine.ps_source *source, const engine.ps_draws *draws) noexcept

cdef extern from "engine/draws/numpy.h" nogil:
    const engine.ps_draws ps_numpy_draws
    void ps_numpy_prepare() noexcept

ps_numpy_prepare()


cdef size_t keep(list kept, array, dtype) except 0:
    """Return the address of an array that lives as long as `kept` does."""
    array = np.ascontiguousarray(array, dtype=dtype)
    kept.append(array)
    return array.ctypes.data


cdef int take_spread(list kept, engine.ps_spread *out, spread) except -1:
    kind, a, b, whole, values = spread
    out.kind = kind
    out.a = a
    out.b = b
    out.whole = whole
    out.n = 0
    if values is not None:
        out.values = <const int64_t *><size_t>keep(kept, values, np.int64)
        out.n = len(values)
    return 0


cdef class CostTable:
    """What `Costs` say, as a C struct that engines share."""

    def __cinit__(self):
        self.spreads = NULL

    def __init__(self, costs):
        table, exit_ns, spreads = costs.table()
        self.kept = []
        PyMem_Free(self.spreads)
        self.spreads = <engine.ps_spread *>PyMem_Calloc(len(spreads) + 1, sizeof(engine.ps_spread))
        if self.spreads is NULL:
            raise MemoryError(f"no memory for {len(spreads)} distributions")
        for i, spread in enumerate(spreads):
            take_spread(self.kept, &self.spreads[<int>i], spread)
        assert table.nbytes == sizeof(self.c.switch_ns)
        memcpy(&self.c.switch_ns, <const void *>keep(self.kept, table, np.int64), table.nbytes)
        self.c.exit_ns = exit_ns
        self.c.spreads = self.spreads
        self.c.n_spreads = <uint32_t>len(spreads)

    def __dealloc__(self):
        PyMem_Free(self.spreads)


cdef class Guests:
    """Sources and seed of some vCPUs, as C structs.

    Parameters
    ----------
    sources : sequence of dict
        Sorted by plane; the keys are the fields of ``struct ps_source`` (workload.h), a spread
        is a tuple (kind, a, b, whole, values).
    seed : sequence of int
        The seed as numpy's SeedSequence assembles it: 4 to 16 words of 32 bits.
    ids : ndarray of uint32
        The numbers that the streams of each vCPU are seeded with.

    Attributes
    ----------
    vcpus : int
        How many vCPUs they are for, at most: that of `ids`.

    Raises
    ------
    Mistake
        If there are not as many words, members or targets as expected.
    """

    def __cinit__(self):
        self.sources = NULL

    def __init__(self, sources, seed, ids):
        if self.sources is not NULL:
            raise TypeError("Guests are initialised once")
        if not 4 <= len(seed) <= engine.PS_SEED_WORDS:
            raise Mistake("seed", Words(f"{len(seed)} words"), f"4..{engine.PS_SEED_WORDS}")
        self.kept = []
        self.vcpus = <uint32_t>len(ids)
        self.sources = <engine.ps_source *>PyMem_Calloc(len(sources) + 1, sizeof(engine.ps_source))
        if self.sources is NULL:
            raise MemoryError(f"no memory for {len(sources)} sources")
        for i, fields in enumerate(sources):
            self._take_source(&self.sources[<int>i], fields)
        self.c.sources = self.sources
        self.c.n_sources = <uint32_t>len(sources)
        self.c.seed.n = <uint32_t>len(seed)
        for i, word in enumerate(seed):
            self.c.seed.words[<int>i] = <uint32_t>word
        self.c.ids = <const uint32_t *><size_t>keep(self.kept, ids, np.uint32)
        self.c.draws = &ps_numpy_draws

    def __dealloc__(self):
        PyMem_Free(self.sources)

    cdef int _take_source(self, engine.ps_source *out, fields) except -1:
        out.arrivals = fields["arrivals"]
        out.plane = fields["plane"]
        out.callee = fields.get("callee", 0)
        out.vector = fields.get("vector", 0)
        out.number = fields["number"]
        take_spread(self.kept, &out.gap, fields["gap"])
        take_spread(self.kept, &out.service, fields["service"])
        out.start_ns = fields.get("start_ns", 0)
        out.period_ns = fields.get("period_ns", 1)
        out.phase_ns = fields.get("phase_ns", 0)
        out.spell_ns[0], out.spell_ns[1] = fields.get("spell_ns", (1.0, 1.0))
        out.chance = fields.get("chance", 0.0)
        out.origin = fields.get("origin", 0)
        if fields.get("members") is not None:
            if len(fields["members"]) != self.vcpus:
                found = Words(f"{len(fields['members'])} items")
                raise Mistake("members", found, f"one for each of {self.vcpus} vCPUs")
            out.members = <const uint8_t *><size_t>keep(self.kept, fields["members"], np.uint8)
        if fields.get("targets") is not None:
            out.targets = <const uint32_t *><size_t>keep(self.kept, fields["targets"], np.uint32)
            out.n_targets = <uint32_t>len(fields["targets"])
            if not (out.n_targets and max(fields["targets"]) < self.vcpus):
                expected = f"some of the {self.vcpus} vCPUs"
                raise Mistake("targets", fields["targets"], expected)
        ps_source_prepare(out, &ps_numpy_draws)
        return 0


cdef Guests others(Guests guests, ids):
    """Give the same guests on vCPUs of other numbers."""
    cdef uint32_t i
    cdef Guests out = Guests.__new__(Guests)
    for i in range(guests.c.n_sources):
        if guests.c.sources[i].members is not NULL or guests.c.sources[i].targets is not NULL:
            raise Mistake("ids", ids, "none: these guests have sources of some vCPUs only")
    out.kept = [guests.kept[0] if guests.lent else guests]
    out.lent = True
    out.c = guests.c
    out.vcpus = <uint32_t>len(ids)
    out.c.ids = <const uint32_t *><size_t>keep(out.kept, ids, np.uint32)
    return out
