# Posting, kick and look on one vCPU: acts that are done on it one by one, each around ps_step.

KICK_KINDS = {
    "test": kick.PS_KICK_TEST,
    "post": kick.PS_KICK_POST,
    "kick": kick.PS_KICK_KICK,
    "look": kick.PS_KICK_LOOK,
    "take": kick.PS_KICK_TAKE,
    "end": kick.PS_KICK_END,
    "check": kick.PS_KICK_CHECK,
    "enter": kick.PS_KICK_ENTER,
    "sleep": kick.PS_KICK_SLEEP,
    "answer": kick.PS_KICK_ANSWER,
    "poll": kick.PS_KICK_POLL,
    "restore": kick.PS_KICK_RESTORE,
    "guest": kick.PS_KICK_GUEST,
}
KICK_SELF = kick.PS_KICK_SELF
MAX_SENDS = kick.PS_KICK_SENDS


cdef int fill_kick(void *system, policy, unsigned planes, protocol, sends, bint repeat) except -1:
    """Translate what was validated before: 12 numbers of a protocol, 4 of each send."""
    cdef kick.ps_kick_system *sys = <kick.ps_kick_system *>system
    if len(protocol) != sizeof(kick.ps_protocol):
        raise Mistake("protocol", protocol, f"{sizeof(kick.ps_protocol)} numbers")
    if len(sends) > kick.PS_KICK_SENDS:
        raise Mistake("sends", sends, f"at most {kick.PS_KICK_SENDS}")
    memset(sys, 0, sizeof(kick.ps_kick_system))
    fill_policy(&sys.policy, policy)
    cdef uint8_t *fields = <uint8_t *>&sys.protocol
    for i, value in enumerate(protocol):
        fields[i] = value
    for i, (nmi, plane, kicks, posts) in enumerate(sends):
        sys.sends[i] = kick.ps_send(nmi, plane, kicks, posts)
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

    cdef kick.ps_kick_system sys
    cdef kick.ps_kicked now

    def __init__(self, policy, unsigned planes, protocol, sends, state, bint repeat=False):
        fill_kick(&self.sys, policy, planes, protocol, sends, repeat)
        raw = np.require(state, dtype=STATE).tobytes()
        cdef ps_state s
        memcpy(&s, <const char *>raw, sizeof(s))
        self.now = kick.ps_kick_start(&self.sys, &s)

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
        cdef kick.ps_kicked after = self.now
        cdef unsigned broken = 0
        cdef kick.ps_kick_act act = kick.ps_kick_act(kind, number, event)
        if kick.ps_kick_do(&self.sys, &after, act, &broken):
            return None
        self.now = after
        return broken | kick.ps_kick_broken(&self.sys, &after)

    def heals(self):
        """Return whether one more complete send is looked at."""
        return bool(kick.ps_kick_heals(&self.sys, &self.now))

    @property
    def masks(self):
        """The layer's masks: posted, pnmi, kick, mute, look, seen."""
        return layer_masks(&self.now)

    @property
    def state(self):
        """The 32 bytes: shape (), dtype STATE."""
        return state_record(&self.now.s)


cdef tuple layer_masks(const void *kicked):
    cdef const kick.ps_kicked *now = <const kick.ps_kicked *>kicked
    return now.posted, now.pnmi, now.kick, now.mute, now.look, now.seen


cdef object state_record(const ps_state *s):
    return np.frombuffer(bytearray((<const char *>s)[:sizeof(ps_state)]), dtype=STATE)[0]
