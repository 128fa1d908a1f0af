# Posting, kick and look: one state that acts are done on, and the search over all of them. A part
# of search.pyx, as a module of its own would bring Cython's runtime once more.

KICK_KINDS = {
    "test": k.PS_KICK_TEST,
    "post": k.PS_KICK_POST,
    "kick": k.PS_KICK_KICK,
    "look": k.PS_KICK_LOOK,
    "take": k.PS_KICK_TAKE,
    "end": k.PS_KICK_END,
    "check": k.PS_KICK_CHECK,
    "enter": k.PS_KICK_ENTER,
    "sleep": k.PS_KICK_SLEEP,
    "answer": k.PS_KICK_ANSWER,
    "poll": k.PS_KICK_POLL,
    "restore": k.PS_KICK_RESTORE,
    "guest": k.PS_KICK_GUEST,
}
KICK_SELF = k.PS_KICK_SELF
MAX_SENDS = k.PS_KICK_SENDS
MAX_KICK_EVENTS = k.PS_KICK_EVENTS
N_KICK_PROPERTIES = k.PS_N_KICK_PROPERTIES


cdef int fill_kick(k.ps_kick_system *sys, policy, unsigned planes, protocol, sends,
                   bint repeat) except -1:
    """Translate what was validated before: 12 numbers of a protocol, 4 of each send."""
    if len(protocol) != sizeof(k.ps_protocol):
        raise Mistake("protocol", protocol, f"{sizeof(k.ps_protocol)} numbers")
    if len(sends) > k.PS_KICK_SENDS:
        raise Mistake("sends", sends, f"at most {k.PS_KICK_SENDS}")
    memset(sys, 0, sizeof(k.ps_kick_system))
    fill_policy(&sys.policy, policy)
    cdef uint8_t *fields = <uint8_t *>&sys.protocol
    for i, value in enumerate(protocol):
        fields[i] = value
    for i, (nmi, plane, kicks, posts) in enumerate(sends):
        sys.sends[i] = k.ps_send(nmi, plane, kicks, posts)
    sys.n_planes = planes
    sys.n_sends = <unsigned>len(sends)
    sys.repeat = repeat
    return 0


cdef class KickState:
    """One vCPU and its senders under a protocol, in C: acts are done on it one by one.

    Parameters
    ----------
    policy : Policy
        How the planes are scheduled.
    planes : int
        How many planes there are.
    protocol : sequence of int
        The fields as numbers, in their order; no looker plane is 255.
    sends : sequence of (nmi, plane, kicks, posts)
        The sends.
    state : ndarray, shape (), dtype STATE
        The 32 bytes at the start.
    repeat : bool
        Whether a send that is over may begin again.
    """

    cdef k.ps_kick_system sys
    cdef k.ps_kicked now

    def __init__(self, policy, unsigned planes, protocol, sends, state, bint repeat=False):
        fill_kick(&self.sys, policy, planes, protocol, sends, repeat)
        raw = np.require(state, dtype=STATE).tobytes()
        cdef ps_state s
        memcpy(&s, <const char *>raw, sizeof(s))
        self.now = k.ps_kick_start(&self.sys, &s)

    @property
    def phase(self):
        """The phase, as a number."""
        return self.now.phase

    @phase.setter
    def phase(self, unsigned phase):
        self.now.phase = <uint8_t>phase

    def do(self, unsigned kind, unsigned number=0, unsigned event=0):
        """Do one act.

        Returns
        -------
        int or None
            The properties that are broken by it and after it, as bits; None: it cannot happen.
        """
        cdef k.ps_kicked after = self.now
        cdef unsigned broken = 0
        cdef k.ps_kick_act act = k.ps_kick_act(kind, number, event)
        if k.ps_kick_do(&self.sys, &after, act, &broken):
            return None
        self.now = after
        return broken | k.ps_kick_broken(&self.sys, &after)

    def heals(self):
        """Return whether one more complete send is looked at."""
        return bool(k.ps_kick_heals(&self.sys, &self.now))

    @property
    def masks(self):
        """The layer's masks: posted, pnmi, kick, mute, look, seen."""
        return layer_masks(&self.now)

    @property
    def state(self):
        """The 32 bytes: shape (), dtype STATE."""
        return state_record(&self.now.s)


cdef tuple layer_masks(const k.ps_kicked *now):
    return now.posted, now.pnmi, now.kick, now.mute, now.look, now.seen


cdef object state_record(const ps_state *s):
    return np.frombuffer(bytearray((<const char *>s)[:sizeof(ps_state)]), dtype=STATE)[0]


cdef class KickSearch:
    """A breadth-first search over every interleaving of senders, looker and guests of one vCPU.

    Parameters
    ----------
    policy, planes, protocol, sends
        As of `KickState`.
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
        if len(events) > k.PS_KICK_EVENTS:
            raise Mistake("events", events, f"at most {k.PS_KICK_EVENTS}")
        for i, (event, plane) in enumerate(events):
            self.search.sys.events[i] = k.ps_kick_act(k.PS_KICK_GUEST, plane, event)
        self.search.sys.n_events = <unsigned>len(events)
        self.search.wanted = wanted
        if k.ps_kick_open(&self.search):
            raise MemoryError("no memory for a search, or a state too wide for it")

    def add_root(self, state):
        """Begin from these 32 bytes; they are valid."""
        raw = np.require(state, dtype=STATE).tobytes()
        cdef ps_state s
        memcpy(&s, <const char *>raw, sizeof(s))
        cdef k.ps_kicked start = k.ps_kick_start(&self.search.sys, &s)
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
        each = 8 * self.search.words + sizeof(uint32_t) + sizeof(k.ps_kick_act)
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
        cdef k.ps_kicked now = k.ps_kick_state(&self.search, number)
        return state_record(&now.s), layer_masks(&now), now.phase

    def at_rest(self):
        """Return the 32 bytes of the states at rest: shape (n,), dtype STATE, no two equal."""
        cdef uint32_t n = k.ps_kick_at_rest(&self.search, NULL, 0)
        states = np.zeros(n, dtype=STATE)
        k.ps_kick_at_rest(&self.search, <ps_state *><size_t>states.ctypes.data, n)
        return np.unique(states.view(f"V{STATE.itemsize}")).view(STATE)
