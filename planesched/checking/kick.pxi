# The search over posting, kick and look, of which core has one state. A part of search.pyx, as a
# module of its own would bring Cython's runtime once more.

MAX_KICK_EVENTS = kick.PS_KICK_EVENTS
N_KICK_PROPERTIES = kick.PS_N_KICK_PROPERTIES


cdef class KickSearch:
    """A breadth-first search over every interleaving of senders, looker and guests of one vCPU.

    Parameters
    ----------
    policy, planes, protocol, sends
        As of `planesched.core.KickState`.
    events : sequence of (int, int)
        What guests may do: the event, and the plane that it names or `KICK_SELF`.
    repeat : bool
        Whether a send that is over may begin again.
    wanted : int
        The properties to look at, as bits.
    """

    cdef k.ps_kick_search search

    def __cinit__(self):
        memset(&self.search, 0, sizeof(self.search))

    def __dealloc__(self):
        k.ps_kick_close(&self.search)

    def __init__(self, policy, unsigned planes, protocol, sends, events, bint repeat,
                 unsigned wanted):
        fill_kick(&self.search.sys, policy, planes, protocol, sends, repeat)
        if len(events) > kick.PS_KICK_EVENTS:
            raise Mistake("events", events, f"at most {kick.PS_KICK_EVENTS}")
        for i, (event, plane) in enumerate(events):
            self.search.sys.events[i] = kick.ps_kick_act(kick.PS_KICK_GUEST, plane, event)
        self.search.sys.n_events = <unsigned>len(events)
        self.search.wanted = wanted
        if k.ps_kick_open(&self.search):
            raise MemoryError("no memory for a search, or a state too wide for it")

    def add_root(self, state):
        """Begin from these 32 bytes; they are valid."""
        raw = np.require(state, dtype=STATE).tobytes()
        cdef ps_state s
        memcpy(&s, <const char *>raw, sizeof(s))
        cdef kick.ps_kicked start = kick.ps_kick_start(&self.search.sys, &s)
        if k.ps_kick_root(&self.search, &start):
            raise MemoryError("no memory for the states")

    def expand(self, uint32_t count, uint32_t most, bint early):
        """Expand up to `count` states; returns whether there is more to do."""
        cdef int more
        with nogil:
            more = k.ps_kick_expand(&self.search, count, most, early)
        if self.search.failed:
            raise MemoryError(f"no memory for more than {self.search.n} states")
        return bool(more)

    @property
    def states(self):
        """How many states are stored."""
        return self.search.n

    @property
    def transitions(self):
        """How many acts happened."""
        return self.search.transitions

    @property
    def exhausted(self):
        """Whether every state that can be reached was expanded."""
        return self.search.expanded == self.search.n

    @property
    def nbytes(self):
        """How many bytes the states take, with their table."""
        each = 8 * self.search.words + sizeof(uint32_t) + sizeof(kick.ps_kick_act)
        return self.search.room * each + 4 * (self.search.mask + 1)

    def found(self, unsigned number):
        """Return where property `number` is broken first: state, act or None, for good; or None."""
        if not self.search.broken >> number & 1:
            return None
        cdef k.ps_kick_find *find = &self.search.finds[number]
        act = (find.act.kind, find.act.number, find.act.event) if find.by_act else None
        return int(find.state), act, bool(find.for_good)

    def path(self, uint32_t state):
        """Return the number of the root that leads to a state, and the acts on the way."""
        acts = []
        while self.search.parents[state] != k.PS_KICK_NOWHERE:
            act = self.search.acts[state]
            acts.append((act.kind, act.number, act.event))
            state = self.search.parents[state]
        return int(state), acts[::-1]

    def state_of(self, uint32_t number):
        """Return a state: the 32 bytes, the layer's masks, and the phase."""
        cdef kick.ps_kicked now = k.ps_kick_state(&self.search, number)
        return state_record(&now.s), layer_masks(&now), now.phase

    def at_rest(self):
        """Return the 32 bytes of the states at rest: shape (n,), dtype STATE, no two equal."""
        cdef uint32_t n = k.ps_kick_at_rest(&self.search, NULL, 0)
        states = np.zeros(n, dtype=STATE)
        k.ps_kick_at_rest(&self.search, <ps_state *><size_t>states.ctypes.data, n)
        return np.unique(states.view(f"V{STATE.itemsize}")).view(STATE)
