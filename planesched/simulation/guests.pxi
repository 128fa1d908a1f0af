# What guests do of themselves, in the form that the timed engine takes.

cdef extern from "planesched/workload.h" nogil:
    void ps_source_prepare(engine.ps_source *source, const engine.ps_draws *draws) noexcept

cdef extern from "engine/draws/numpy.h" nogil:
    const engine.ps_draws ps_numpy_draws
    void ps_numpy_prepare() noexcept

ps_numpy_prepare()


cdef class Guests:
    """Sources, seed and costs of some vCPUs, as C structs.

    Parameters
    ----------
    sources : sequence of dict
        Sorted by plane; the keys are the fields of ``struct ps_source`` (workload.h), a spread
        is a tuple (kind, a, b, whole, values).
    seed : sequence of int
        The seed as numpy's SeedSequence assembles it: 4 to 16 words of 32 bits.
    ids : ndarray of uint32
        The numbers that the streams of each vCPU are seeded with.
    costs : ndarray of int64, optional
        By reason, from and to; -1 - k is a draw from ``spreads[k]``.
    spreads : sequence of tuple
        What costs are drawn from.
    exit_cost : tuple, optional
        What an exit to userspace takes, a spread.

    Attributes
    ----------
    vcpus : int
        How many vCPUs they are for, at most: that of `ids`.

    Raises
    ------
    ValueError
        If there are not as many words, costs, members or targets as expected.
    """

    def __cinit__(self):
        self.sources = NULL
        self.spreads = NULL

    def __init__(self, sources, seed, ids, *, costs=None, spreads=(), exit_cost=None):
        if self.sources is not NULL:
            raise TypeError("Guests are initialised once")
        if not 4 <= len(seed) <= engine.PS_SEED_WORDS:
            raise ValueError(f"seed has {len(seed)} words, expected 4..{engine.PS_SEED_WORDS}")
        self.kept = []
        self.vcpus = <uint32_t>len(ids)
        self.sources = <engine.ps_source *>PyMem_Calloc(len(sources) + 1, sizeof(engine.ps_source))
        self.spreads = <engine.ps_spread *>PyMem_Calloc(len(spreads) + 1, sizeof(engine.ps_spread))
        if self.sources is NULL or self.spreads is NULL:
            raise MemoryError(f"no memory for {len(sources)} sources")
        for i, fields in enumerate(sources):
            self._take_source(&self.sources[<int>i], fields)
        for i, spread in enumerate(spreads):
            self._take_spread(&self.spreads[<int>i], spread)
        self.c.sources = self.sources
        self.c.n_sources = <uint32_t>len(sources)
        self.c.seed.n = <uint32_t>len(seed)
        for i, word in enumerate(seed):
            self.c.seed.words[<int>i] = <uint32_t>word
        self.c.ids = <const uint32_t *><size_t>self._keep(ids, np.uint32)
        self.c.draws = &ps_numpy_draws
        self.c.spreads = self.spreads
        self.c.costs = NULL
        if costs is not None:
            if costs.size != engine.PS_N_COSTS:
                raise ValueError(f"costs has {costs.size} items, expected {engine.PS_N_COSTS}")
            self.c.costs = <const int64_t *><size_t>self._keep(costs, np.int64)
        self.c.exit_cost = NULL
        if exit_cost is not None:
            self._take_spread(&self.exit_cost, exit_cost)
            self.c.exit_cost = &self.exit_cost

    def __dealloc__(self):
        PyMem_Free(self.sources)
        PyMem_Free(self.spreads)

    cdef size_t _keep(self, array, dtype) except 0:
        """Give the address of an array that lives as long as this does."""
        array = np.ascontiguousarray(array, dtype=dtype)
        self.kept.append(array)
        return array.ctypes.data

    cdef int _take_spread(self, engine.ps_spread *out, spread) except -1:
        kind, a, b, whole, values = spread
        out.kind = kind
        out.a = a
        out.b = b
        out.whole = whole
        out.n = 0
        if values is not None:
            out.values = <const int64_t *><size_t>self._keep(values, np.int64)
            out.n = len(values)
        return 0

    cdef int _take_source(self, engine.ps_source *out, fields) except -1:
        out.arrivals = fields["arrivals"]
        out.plane = fields["plane"]
        out.callee = fields.get("callee", 0)
        out.number = fields["number"]
        self._take_spread(&out.gap, fields["gap"])
        self._take_spread(&out.service, fields["service"])
        out.start_ns = fields.get("start_ns", 0)
        out.period_ns = fields.get("period_ns", 1)
        out.phase_ns = fields.get("phase_ns", 0)
        out.spell_ns[0], out.spell_ns[1] = fields.get("spell_ns", (1.0, 1.0))
        out.chance = fields.get("chance", 0.0)
        out.origin = fields.get("origin", 0)
        if fields.get("members") is not None:
            if len(fields["members"]) != self.vcpus:
                raise ValueError(f"members has {len(fields['members'])} items for {self.vcpus} ids")
            out.members = <const uint8_t *><size_t>self._keep(fields["members"], np.uint8)
        if fields.get("targets") is not None:
            out.targets = <const uint32_t *><size_t>self._keep(fields["targets"], np.uint32)
            out.n_targets = <uint32_t>len(fields["targets"])
            if not (out.n_targets and max(fields["targets"]) < self.vcpus):
                raise ValueError(f"targets={fields['targets']} are not of the {self.vcpus} vCPUs")
        ps_source_prepare(out, &ps_numpy_draws)
        return 0
