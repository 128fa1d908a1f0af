# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The core and the slow model side by side: the same step on both, every byte compared.

Longer than 300 lines by a few, for it is one module that is compiled when the tests run.
"""

cimport cython
from libc.stdint cimport int8_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memset

from slow cimport Numbers, Rules

from planesched.policy import field_names

FIELDS = [name for name in field_names() if name != "algorithm"]


cdef extern from "planesched/step.h" nogil:
    struct ps_policy:
        pass

    struct ps_state:
        uint16_t online, runnable, halted, irq, masked, noint, nmi, trap
        uint16_t held, edge, locked, vina, vina_asserted, req_exit, unstarted
        int8_t current
        uint8_t status

    struct ps_outcome:
        int8_t was, now
        uint8_t reason, fault, flags

    ps_policy ps_policy_default()
    int ps_policy_set(ps_policy *policy, unsigned field, unsigned value)
    int ps_policy_prepare(ps_policy *policy)
    ps_outcome ps_step(const ps_policy *policy, ps_state *state, unsigned event, unsigned plane)

    ctypedef int (*ps_algorithm_fn)(
        void *memory, const ps_policy *policy, const ps_state *state, uint32_t base, uint32_t pre,
        uint32_t event
    ) noexcept
    struct ps_algorithm:
        ps_algorithm_fn pick
    int ps_pick_round_robin(
        void *, const ps_policy *, const ps_state *, uint32_t, uint32_t, uint32_t
    ) noexcept
    ps_outcome ps_step_by(
        const ps_policy *policy, const ps_algorithm *algorithm, ps_state *state, unsigned event,
        unsigned plane
    )


cdef enum:
    HALT = 8
    CALL = 9
    RETURN = 10
    LOCK = 15
    VINA_ON = 20
    INIT = 23
    N_EVENTS = 24
    N_MASKS = 15
    NO_MARKER = 255


@cython.final
cdef class Pair:
    """One policy on both models; to see that a difference is found, `other` on the slow one."""

    cdef ps_policy core
    cdef ps_algorithm algorithm
    cdef bint asks
    cdef Rules slow
    cdef bint hands_over
    cdef readonly object difference
    cdef readonly uint64_t states, steps

    def __init__(self, policy, other=None):
        core = self._core(policy)
        if ps_policy_prepare(&core) != 0:
            raise ValueError(f"the core refuses {policy}")
        self.core = core
        memset(&self.algorithm, 0, sizeof(self.algorithm))
        self.asks = policy.algorithm == "round_robin"
        if self.asks:
            self.algorithm.pick = ps_pick_round_robin
        self.slow = Rules(Numbers(other or policy))
        self.hands_over = policy.hands_over

    cdef ps_policy _core(self, policy):
        cdef ps_policy core = ps_policy_default()
        for field, name in enumerate(FIELDS):
            value = getattr(policy, name)
            if name == "accelerated":
                value = sum(1 << reason for reason in value)
            ps_policy_set(&core, field, NO_MARKER if value is None else value)
        return core

    cdef bint takes_plane(self, unsigned event) noexcept:
        return event not in (0, HALT, RETURN) and (event != CALL or self.hands_over)

    cdef bint step(self, ps_state *s, unsigned event, unsigned plane):
        """Step both from `s`, leave the core's next state there; tell whether they agree."""
        cdef ps_state before = s[0]
        cdef Rules r = self.slow
        load(r, s)
        r.step(event, <int>plane if self.takes_plane(event) else -1)
        cdef ps_outcome o
        if self.asks:
            o = ps_step_by(&self.core, &self.algorithm, s, event, plane)
        else:
            o = ps_step(&self.core, s, event, plane)
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

    def slow_step(self, values, unsigned event, unsigned plane):
        """Step the compiled slow model from a state given as values."""
        cdef ps_state s = from_values(values)
        cdef Rules r = self.slow
        load(r, &s)
        r.step(event, <int>plane if self.takes_plane(event) else -1)
        return r.values(), (r.was, r.current, r.reason, r.fault, r.flags)

    def same_core(self, Pair other, uint64_t n_steps, uint64_t seed):
        """Tell whether the core does the same under both policies, from random states."""
        cdef uint64_t random = seed * 2 + 1
        cdef uint64_t i
        cdef unsigned event, plane
        cdef ps_state s, t
        cdef ps_outcome o, p
        for i in range(n_steps):
            any_state(&s, 2, &random)
            t = s
            event = draw(&random) % N_EVENTS
            plane = draw(&random) % 2
            o = ps_step(&self.core, &s, event, plane)
            p = ps_step(&other.core, &t, event, plane)
            if memcmp(&s, &t, sizeof(s)) != 0 or memcmp(&o, &p, 5) != 0:
                return False
        return True

    def exhaust(self, seeds, unsigned lock, unsigned vina, unsigned init):
        """Compare every event in every state that is reached from `seeds`, with 2 planes.

        `lock`, `vina_on` and `init` too are compared everywhere, but the states behind them
        are followed for the planes in the sets `lock`, `vina` and `init` only.
        """
        cdef Seen seen = Seen()
        cdef ps_state s, t
        cdef unsigned event, plane, n
        for values in seeds:
            s = from_values(values)
            seen.add(packed(&s))
        while seen.take(&s):
            for event in range(<unsigned>N_EVENTS):
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
                    if event == INIT and not init >> plane & 1:
                        continue
                    # Most events change nothing, or what they change is undone in the step.
                    if memcmp(&t, &s, sizeof(s)) != 0:
                        seen.add(packed(&t))
        self.states = seen.found
        return True

    def wander(self, unsigned planes, uint64_t n_steps, uint64_t seed):
        """Compare random steps from random states, each a short walk, by hand and unreachable."""
        cdef uint64_t random = seed * 2 + 1
        cdef uint64_t i
        cdef unsigned event, plane
        cdef ps_state s
        for i in range(n_steps):
            if i % 4 == 0:
                any_state(&s, planes, &random)
            event = draw(&random) % N_EVENTS
            plane = draw(&random) % planes
            if not self.step(&s, event, plane):
                return False
        return True


@cython.final
cdef class Seen:
    """The states of 2 planes found so far, a bit for each possible one, and those to take."""

    cdef uint64_t *bits
    cdef uint64_t *waiting
    cdef uint64_t size, n_waiting, found

    def __cinit__(self):
        self.size = 1 << 12
        # Zeroed by the kernel page by page, as they are touched: few of them ever are.
        self.bits = <uint64_t *>calloc(1 << 27, sizeof(uint64_t))
        self.waiting = <uint64_t *>malloc(self.size * sizeof(uint64_t))
        if self.bits == NULL or self.waiting == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.bits)
        free(self.waiting)

    cdef int add(self, uint64_t key) except -1:
        cdef uint64_t bit = <uint64_t>1 << (key & 63)
        cdef uint64_t *more
        if self.bits[key >> 6] & bit:
            return 0
        self.bits[key >> 6] |= bit
        self.found += 1
        if self.n_waiting == self.size:
            more = <uint64_t *>realloc(self.waiting, 2 * self.size * sizeof(uint64_t))
            if more == NULL:
                raise MemoryError
            self.waiting = more
            self.size *= 2
        self.waiting[self.n_waiting] = key
        self.n_waiting += 1
        return 0

    cdef bint take(self, ps_state *s) noexcept:
        if self.n_waiting == 0:
            return False
        self.n_waiting -= 1
        unpack(self.waiting[self.n_waiting], s)
        return True


# Which bits of a key hold what: masks that few policies look at stand highest, so that the states
# of the others lie close together.
cdef uint64_t packed(const ps_state *s) noexcept nogil:
    return (
        s.status | <uint64_t>s.current << 2 | <uint64_t>s.irq << 3 | <uint64_t>s.masked << 5
        | <uint64_t>s.noint << 7 | <uint64_t>s.nmi << 9 | <uint64_t>s.trap << 11
        | <uint64_t>s.halted << 13 | <uint64_t>s.runnable << 15 | <uint64_t>s.held << 17
        | <uint64_t>s.online << 19 | <uint64_t>s.edge << 21 | <uint64_t>s.req_exit << 23
        | <uint64_t>s.vina << 25 | <uint64_t>s.vina_asserted << 27 | <uint64_t>s.locked << 29
        | <uint64_t>s.unstarted << 31
    )


cdef void unpack(uint64_t key, ps_state *s) noexcept nogil:
    s.status, s.current, s.irq, s.masked = key & 3, key >> 2 & 1, key >> 3 & 3, key >> 5 & 3
    s.noint, s.nmi, s.trap = key >> 7 & 3, key >> 9 & 3, key >> 11 & 3
    s.halted, s.runnable, s.held = key >> 13 & 3, key >> 15 & 3, key >> 17 & 3
    s.online, s.edge, s.req_exit = key >> 19 & 3, key >> 21 & 3, key >> 23 & 3
    s.vina, s.vina_asserted, s.locked = key >> 25 & 3, key >> 27 & 3, key >> 29 & 3
    s.unstarted = key >> 31 & 3


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
    memset(s, 0, sizeof(ps_state))
    for i in range(N_MASKS):
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
    r.vina_asserted, r.req_exit, r.unstarted = s.vina_asserted, s.req_exit, s.unstarted
    r.current = s.current
    r.user, r.blocked = s.status & 1, s.status >> 1 & 1


cdef bint equal(Rules r, const ps_state *s) noexcept:
    return (
        r.online == s.online and r.runnable == s.runnable and r.halted == s.halted
        and r.irq == s.irq and r.masked == s.masked and r.noint == s.noint and r.nmi == s.nmi
        and r.trap == s.trap and r.held == s.held and r.edge == s.edge and r.locked == s.locked
        and r.vina == s.vina and r.vina_asserted == s.vina_asserted and r.req_exit == s.req_exit
        and r.current == s.current and s.status == r.user + 2 * r.blocked
        and r.unstarted == s.unstarted
    )


cdef tuple as_tuple(const ps_state *s):
    cdef const uint16_t *masks = <const uint16_t *>s
    return (*[masks[i] for i in range(N_MASKS)], s.current, s.status)


cdef ps_state from_values(values):
    cdef ps_state s
    cdef uint16_t *masks = <uint16_t *>&s
    memset(&s, 0, sizeof(s))
    for i in range(N_MASKS):
        masks[i] = values[i]
    s.current, s.status = values[N_MASKS], values[N_MASKS + 1]
    return s
