# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The core and the slow model side by side: the same step on both, every byte compared."""

from libc.stdint cimport int8_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from slow cimport Numbers, Rules


cdef extern from "planesched/step.h" nogil:
    struct ps_policy:
        uint8_t direction, marker, rank, preempt, gate, trigger, rearm, call
        uint8_t refuse_pending, ret, idle, empty, wake, force, force_self, vina
        uint8_t vina_auto_reset, scheduler, boot
        uint16_t accelerated

    struct ps_state:
        uint16_t online, runnable, halted, irq, masked, noint, nmi, trap
        uint16_t held, edge, locked, vina, vina_asserted, req_exit
        int8_t current
        uint8_t status
        uint8_t pad[2]

    struct ps_outcome:
        int8_t was, now
        uint8_t reason, fault, flags

    ps_policy ps_policy_default()
    int ps_policy_prepare(ps_policy *policy)
    ps_outcome ps_step(const ps_policy *policy, ps_state *state, unsigned event, unsigned plane)


cdef enum:
    HALT = 8
    CALL = 9
    RETURN = 10
    LOCK = 15
    VINA_ON = 20
    N_EVENTS = 23
    NO_MARKER = 255


cdef class Pair:
    """One policy on both models."""

    cdef ps_policy core
    cdef Rules slow
    cdef bint hands_over
    cdef readonly object difference
    cdef readonly uint64_t states, steps

    def __init__(self, policy):
        core = self._core(policy)
        if ps_policy_prepare(&core) != 0:
            raise ValueError(f"the core refuses {policy}")
        self.core = core
        self.slow = Rules(Numbers(policy))
        self.hands_over = policy.hands_over

    cdef ps_policy _core(self, policy):
        cdef ps_policy core = ps_policy_default()
        core.direction, core.rank, core.preempt = policy.direction, policy.rank, policy.preempt
        core.marker = NO_MARKER if policy.marker is None else policy.marker
        core.gate, core.trigger, core.rearm = policy.gate, policy.trigger, policy.rearm
        core.call, core.ret, core.idle = policy.call, policy.ret, policy.idle
        core.refuse_pending, core.empty, core.wake = policy.refuse_pending, policy.empty, policy.wake
        core.force, core.force_self, core.vina = policy.force, policy.force_self, policy.vina
        core.vina_auto_reset, core.scheduler = policy.vina_auto_reset, policy.scheduler
        core.boot = policy.boot
        core.accelerated = sum(1 << reason for reason in policy.accelerated)
        return core

    cdef bint takes_plane(self, unsigned event) noexcept:
        return event not in (0, HALT, RETURN) and (event != CALL or self.hands_over)

    cdef bint step(self, ps_state *s, unsigned event, unsigned plane):
        """Step both from `s`, leave the core's next state there; tell whether they agree."""
        cdef ps_state before = s[0]
        cdef Rules r = self.slow
        load(r, s)
        r.step(event, <int>plane if self.takes_plane(event) else -1)
        cdef ps_outcome o = ps_step(&self.core, s, event, plane)
        self.steps += 1
        if (o.was == r.was and o.now == r.current and o.reason == r.reason and o.fault == r.fault
                and o.flags == r.flags and equal(r, s)):
            return True
        core = (o.was, o.now, o.reason, o.fault, o.flags)
        slow = (r.was, r.current, r.reason, r.fault, r.flags)
        self.difference = {
            "before": as_tuple(&before), "event": event,
            "plane": plane if self.takes_plane(event) else None,
            "core": (as_tuple(s), core), "reference": (r.values(), slow),
        }
        return False

    def one(self, values, unsigned event, unsigned plane):
        """Compare one step from a state given as values; tell whether the models agree."""
        cdef ps_state s = from_values(values)
        return self.step(&s, event, plane)

    def exhaust(self, seeds, unsigned lock, unsigned vina):
        """Compare every event in every state that is reached from `seeds`, with 2 planes.

        `lock` and `vina_on` too are compared everywhere, but the states behind them are
        followed for the planes in the sets `lock` and `vina` only.
        """
        cdef Seen seen = Seen()
        cdef ps_state s, t
        cdef unsigned event, plane, n
        for values in seeds:
            s = from_values(values)
            seen.add(packed(&s))
        while seen.take(&s):
            for event in range(N_EVENTS):
                n = 2 if self.takes_plane(event) else 1
                for plane in range(n):
                    t = s
                    if not self.step(&t, event, plane):
                        self.states = seen.found
                        return False
                    if event == LOCK and not lock >> plane & 1:
                        continue
                    if event == VINA_ON and not vina >> plane & 1:
                        continue
                    seen.add(packed(&t))
        self.states = seen.found
        return True

    def wander(self, unsigned planes, uint64_t n_steps, uint64_t seed):
        """Compare random steps from random states, each a short walk, by hand and unreachable."""
        cdef uint64_t random = seed * 2 + 1
        cdef uint64_t i
        cdef unsigned event, plane
        cdef ps_state s
        memset(&s, 0, sizeof(s))
        for i in range(n_steps):
            if i % 4 == 0:
                any_state(&s, planes, &random)
            event = draw(&random) % N_EVENTS
            plane = draw(&random) % planes
            if not self.step(&s, event, plane):
                return False
        return True


cdef class Seen:
    """The states of 2 planes found so far, packed, and those of them not yet taken."""

    cdef uint32_t *table
    cdef uint32_t *order
    cdef uint64_t size, found, taken

    def __cinit__(self):
        self.size = 1 << 16
        self.table = <uint32_t *>calloc(self.size, sizeof(uint32_t))
        self.order = <uint32_t *>malloc(self.size * sizeof(uint32_t))
        if self.table == NULL or self.order == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.table)
        free(self.order)

    cdef int grow(self) except -1:
        cdef uint64_t i
        free(self.table)
        self.size *= 2
        self.table = <uint32_t *>calloc(self.size, sizeof(uint32_t))
        self.order = <uint32_t *>realloc(self.order, self.size * sizeof(uint32_t))
        if self.table == NULL or self.order == NULL:
            raise MemoryError
        for i in range(self.found):
            self.table[self.slot(self.order[i])] = self.order[i]
        return 0

    cdef uint64_t slot(self, uint32_t key) noexcept nogil:
        cdef uint64_t at = (key * <uint64_t>0x9E3779B97F4A7C15) >> 20 & (self.size - 1)
        while self.table[at] != 0 and self.table[at] != key:
            at = (at + 1) & (self.size - 1)
        return at

    cdef int add(self, uint32_t key) except -1:
        """Add a state; its key is never 0, because a plane is always online."""
        cdef uint64_t at = self.slot(key)
        if self.table[at] == key:
            return 0
        self.table[at] = key
        self.order[self.found] = key
        self.found += 1
        if self.found * 2 > self.size:
            self.grow()
        return 0

    cdef bint take(self, ps_state *s) noexcept:
        if self.taken == self.found:
            return False
        unpack(self.order[self.taken], s)
        self.taken += 1
        return True


cdef uint32_t packed(const ps_state *s) noexcept nogil:
    cdef const uint16_t *masks = <const uint16_t *>s
    cdef uint32_t key = 0
    cdef int i
    for i in range(14):
        key = key << 2 | masks[i]
    return key << 3 | <uint32_t>s.current << 2 | s.status


cdef void unpack(uint32_t key, ps_state *s) noexcept nogil:
    cdef uint16_t *masks = <uint16_t *>s
    cdef int i
    memset(s, 0, sizeof(ps_state))
    s.status = key & 3
    s.current = key >> 2 & 1
    key >>= 3
    for i in range(13, -1, -1):
        masks[i] = key & 3
        key >>= 2


cdef uint64_t draw(uint64_t *random) noexcept nogil:
    """SplitMix64."""
    random[0] += <uint64_t>0x9E3779B97F4A7C15
    cdef uint64_t z = random[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return (z ^ (z >> 31)) >> 7


cdef void any_state(ps_state *s, unsigned planes, uint64_t *random) noexcept nogil:
    """Draw masks from empty to full, a current plane, and a status."""
    cdef uint16_t *masks = <uint16_t *>s
    cdef uint16_t every = <uint16_t>((1 << planes) - 1)
    cdef unsigned i, how
    for i in range(14):
        masks[i] = draw(random) & every
        how = draw(random) % 4
        if how == 0:
            masks[i] &= draw(random)
        elif how == 1:
            masks[i] &= draw(random) & draw(random)
    if draw(random) % 4:
        masks[0] = every
    if masks[0] == 0:
        masks[0] = 1 << draw(random) % planes
    s.current = draw(random) % planes
    s.status = draw(random) % 3


cdef void load(Rules r, const ps_state *s) noexcept:
    r.online, r.runnable, r.halted, r.irq = s.online, s.runnable, s.halted, s.irq
    r.masked, r.noint, r.nmi, r.trap = s.masked, s.noint, s.nmi, s.trap
    r.held, r.edge, r.locked, r.vina = s.held, s.edge, s.locked, s.vina
    r.vina_asserted, r.req_exit, r.current = s.vina_asserted, s.req_exit, s.current
    r.user, r.blocked = s.status & 1, s.status >> 1 & 1


cdef bint equal(Rules r, const ps_state *s) noexcept:
    return (
        r.online == s.online and r.runnable == s.runnable and r.halted == s.halted
        and r.irq == s.irq and r.masked == s.masked and r.noint == s.noint and r.nmi == s.nmi
        and r.trap == s.trap and r.held == s.held and r.edge == s.edge and r.locked == s.locked
        and r.vina == s.vina and r.vina_asserted == s.vina_asserted and r.req_exit == s.req_exit
        and r.current == s.current and s.status == r.user + 2 * r.blocked
        and s.pad[0] == 0 and s.pad[1] == 0
    )


cdef tuple as_tuple(const ps_state *s):
    cdef const uint16_t *masks = <const uint16_t *>s
    return (*[masks[i] for i in range(14)], s.current, s.status)


cdef ps_state from_values(values):
    cdef ps_state s
    cdef uint16_t *masks = <uint16_t *>&s
    memset(&s, 0, sizeof(s))
    for i in range(14):
        masks[i] = values[i]
    s.current, s.status = values[14], values[15]
    return s
