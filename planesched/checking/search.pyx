"""The state search: every state that can be reached, found by ps_step, in C and without the GIL.

`Search` is the machine; what is asked of it, and in which words its answers are given, is
`planesched.checking`. One search belongs to one thread, but for `join`, `look` and `stop`.

Longer than 300 lines because each call that the search has is documented here.
"""

import numpy as np

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from planesched._clayouts cimport hold_layouts, ps_checker_layouts
from planesched cimport _ckick as kick
from planesched.checking cimport _ckick as k
from planesched.checking cimport _csearch as c
from planesched.core cimport (
    Outcome, Picker, chip_of, fill_algorithm, fill_chip_policy, fill_kick,
    layer_masks, state_record,
)
from planesched.csched cimport ps_apic, ps_boot, ps_outcome, ps_policy, ps_state

from ..errors import Mistake, Words
from ..layouts import ACT, STATE

__all__ = ["KickSearch", "Search"]

hold_layouts(ps_checker_layouts)

# The numbers of csrc/checker/: properties, acts beside the rules' events, and when an act can be.
PRIORITY, WAKEUP, WORK_CONSERVING = c.PS_PRIORITY, c.PS_WAKEUP, c.PS_WORK_CONSERVING
NOTHING_LOST, FEASIBLE, SAME_CHOICE = c.PS_NOTHING_LOST, c.PS_FEASIBLE, c.PS_SAME_CHOICE
DELIVERY, PROGRESS = c.PS_DELIVERY, c.PS_PROGRESS
N_LOCAL = c.PS_N_LOCAL
STARTED, FORCED, SPURIOUS = c.PS_STARTED, c.PS_FORCED, c.PS_SPURIOUS
SETTLES = c.PS_SETTLES
ANSWER, IPI, IPI_WAIT = c.PS_ACT_ANSWER, c.PS_ACT_IPI, c.PS_ACT_IPI_WAIT
TLB_LOCK, TLB_UNLOCK, TLB_FLUSH = c.PS_ACT_LOCK, c.PS_ACT_UNLOCK, c.PS_ACT_FLUSH
RUNS, USER, OPEN = c.PS_WHEN_RUNS, c.PS_WHEN_USER, c.PS_WHEN_OPEN
SELF, INSIDE, DONE = c.PS_OF_SELF, c.PS_INSIDE, c.PS_WHEN_DONE
MORE = c.PS_WHEN_MORE
MAX_NAMED, MAX_TPRS = c.PS_CHIP_NAMED, c.PS_CHIP_TPRS
MOST_FINDS = 64
MAX_ACTS = c.PS_MAX_ACTS
MAX_VCPUS = c.PS_WORLD_VCPUS


cdef class Search:
    """A breadth-first search over the states of some vCPUs together.

    Parameters
    ----------
    policies : sequence of Policy
        One; or two that do everything in lockstep, each on its own vCPU.
    planes, vcpus : int
        How many planes each vCPU has, and how many vCPUs.
    acts : ndarray, shape (n,), dtype ACT
        What may happen.
    wanted : int
        The properties to look at, as bits.
    locks, asks : bool
        Whether TLB locks, and interrupts that wait for their answer, are part of the state.
    chips : Chips, optional
        How the planes' interrupt controllers are set up, where they have any; one vCPU then.
    """

    cdef c.ps_search *search
    cdef c.ps_chip_set chips
    cdef object acts
    cdef list pickers
    cdef readonly tuple controllers

    def __cinit__(self):
        self.search = <c.ps_search *>calloc(1, sizeof(c.ps_search))
        if self.search is NULL:
            raise MemoryError("no memory for a search")

    def __dealloc__(self):
        if self.search is not NULL:
            c.ps_search_close(self.search)
            free(self.search)

    def __init__(self, policies, unsigned planes, unsigned vcpus, acts, unsigned wanted,
                 bint locks=False, bint asks=False, chips=None):
        if self.acts is not None:
            raise ValueError("a search is made once")
        self.pickers = []
        self.controllers = () if chips is None else chips.controllers
        cdef c.ps_system *system = &self.search.sys
        for i, policy in enumerate(policies):
            self.pickers.append(picker_for(&system.policies[i], policy))
            system.algorithms[i] = (<Picker>self.pickers[i]).c
        system.mistakes = &self.search.mistakes
        system.lockstep = len(policies) == 2
        system.n_planes = planes
        system.n_vcpus = vcpus
        system.locks = locks
        system.asks = asks
        if chips is not None:
            self.fill_chips(chips)
        if c.ps_system_layout(system):
            expected = f"fewer: a state of planes={planes} has {8 * system.words} > 40 bytes"
            raise Mistake("vcpus", vcpus, expected)
        self.acts = np.require(acts, dtype=ACT, requirements=["C", "O"])
        if not 1 <= len(self.acts) < c.PS_MAX_ACTS:
            expected = f"1 to {c.PS_MAX_ACTS - 1} of them"
            raise Mistake("events", Words(f"{len(self.acts)} acts"), expected)
        if c.ps_search_open(self.search, self.c_acts(), <unsigned>len(self.acts), wanted):
            raise MemoryError("no memory for a search")

    cdef int fill_chips(self, chips) except -1:
        """Set the controllers up."""
        cdef unsigned planes = self.search.sys.n_planes
        memset(&self.chips, 0, sizeof(self.chips))
        for side in range(2):
            fill_chip_policy(&self.chips.policies[side], chips.controllers[side])
        for plane in range(planes):
            for i, vector in enumerate(chips.vectors[plane]):
                self.chips.vectors[plane][i] = vector
            for i, value in enumerate(chips.tprs[plane]):
                self.chips.tprs[plane][i] = value
        self.chips.has_lines = chips.lines
        self.chips.owed = chips.owed
        if c.ps_chip_set_layout(&self.chips, planes):
            raise Mistake(
                "vectors", chips, f"fewer for planes={planes}: a search packs 62 bits of them"
            )
        self.search.sys.chips = &self.chips
        return 0

    @property
    def owed(self):
        """Whether `delivery` asks after what is in service."""
        return bool(self.chips.owed)

    def chips_of(self, uint32_t state):
        """Give what the controllers of each vCPU of a state hold: (), without controllers."""
        cdef c.ps_world world
        c.ps_search_world(self.search, state, &world)
        return self.read_chips(&world)

    cdef tuple read_chips(self, const c.ps_world *world):
        cdef ps_apic apics[16]
        cdef unsigned planes = self.search.sys.n_planes, side
        out = []
        for vcpu in range(self.search.sys.n_vcpus if self.search.sys.chips is not NULL else 0):
            side = vcpu if self.search.sys.lockstep else 0
            c.ps_chips_read(&self.chips, planes, side, world.chips[vcpu], apics)
            chip = [chip_of(&self.chips.policies[side], &apics[p], p) for p in range(planes)]
            out.append(tuple(chip))
        return tuple(out)

    cdef const c.ps_act *c_acts(self):
        return <const c.ps_act *><size_t>self.acts.ctypes.data

    def boot(self):
        """Give the states at boot: shape (vcpus,), dtype STATE."""
        cdef c.ps_system *system = &self.search.sys
        states = np.zeros(system.n_vcpus, dtype=STATE)
        cdef ps_state boot
        for i in range(system.n_vcpus):
            boot = ps_boot(&system.policies[i if system.lockstep else 0], system.planes)
            states[i] = np.frombuffer((<const char *>&boot)[:sizeof(boot)], dtype=STATE)[0]
        return states

    def add_root(self, states):
        """Begin from these states, shape (vcpus,), dtype STATE; they are valid."""
        cdef c.ps_world world = world_of(states)
        if c.ps_search_root(self.search, &world):
            raise MemoryError("no memory for the states")

    def crew(self, unsigned threads, uint64_t most, bint early):
        """Say how many threads will `join`, and when the search ends.

        It ends at `most` states or a few more; with `early` also once all that is wanted is broken.
        """
        c.ps_search_crew(self.search, threads, most, early)

    def join(self):
        """Search, with the other threads of the crew, until the end."""
        with nogil:
            c.ps_search_join(self.search)

    def stop(self):
        """Have the search end after the round that is under way; any thread may say so."""
        c.ps_search_stop(self.search)

    def look(self):
        """Give the states so far. Any thread may look, at any time."""
        return c.ps_search_look(self.search).states

    @property
    def mistaken(self):
        """Whether an algorithm gave a wrong answer, after which no answer of this counts."""
        return self.search.mistakes != 0

    def raise_mistake(self):
        """Raise what an algorithm got wrong, or raised."""
        for picker in self.pickers:
            if (<Picker>picker).wrong.given:
                (<Picker>picker).raise_wrong()

    @property
    def failed(self):
        """Whether there was no memory for more states."""
        return bool(self.search.failed)

    @property
    def swept(self):
        """Whether `delivery` and `progress` are worked out."""
        return bool(self.search.swept)

    @property
    def exhausted(self):
        """Whether every state that can be reached was expanded."""
        return bool(c.ps_search_exhausted(self.search))

    @property
    def states(self):
        """How many states are stored."""
        return self.search.n_states

    @property
    def transitions(self):
        """How many acts were tried."""
        return self.search.transitions

    @property
    def differing(self):
        """From how many states some act has the two policies do different things."""
        return self.search.differing

    @property
    def depth(self):
        """How many acts the deepest state needs."""
        return c.ps_search_deepest(self.search)

    @property
    def nbytes(self):
        """How many bytes the states take, with their table."""
        return c.ps_search_bytes(self.search)

    def found(self, unsigned number):
        """Give where property `number` is broken first: state and act (or None), or None."""
        cdef c.ps_find find
        if number >= N_LOCAL:
            find.id = c.ps_search_first(self.search, number)
            find.act = c.PS_MAX_ACTS
        else:
            find = self.search.finds[number]
        if find.id == c.PS_NO_ID:
            return None
        return int(find.id), None if find.act == c.PS_MAX_ACTS else int(find.act)

    def all_found(self, unsigned number):
        """Give what breaks property `number`, one for each distinct last act and plane."""
        cdef c.ps_find finds[64]
        cdef uint32_t n = c.ps_search_all(self.search, number, finds, MOST_FINDS)
        return [
            (int(finds[i].id), None if finds[i].act == c.PS_MAX_ACTS else int(finds[i].act))
            for i in range(n)
        ]

    @property
    def spurious(self):
        """How many acts entered a plane for nothing, where that was wanted."""
        return self.search.spurious

    def depth_of(self, uint32_t state):
        """Give how many acts a state needs."""
        return c.ps_search_depth(self.search, state)

    def stuck(self, uint32_t state):
        """Tell whether no guest and no userspace can change anything from a state."""
        return bool(c.ps_search_stuck(self.search, state))

    def missing(self, uint32_t state):
        """Give what is never delivered from a state: (vCPU, plane), plane None for a lock.

        With controllers it is (plane, vector).
        """
        cdef uint32_t bits = c.ps_search_missing(self.search, state)
        if self.search.sys.chips is not NULL:
            named = [divmod(i, self.chips.most_vectors) for i in range(30) if bits >> i & 1]
            return [(plane, int(self.chips.vectors[plane][i])) for plane, i in named]
        planes, vcpus = self.search.sys.n_planes, self.search.sys.n_vcpus
        pairs = [divmod(i, planes) for i in range(planes * vcpus) if bits >> i & 1]
        waits = [v for v in range(vcpus) if bits >> (planes * vcpus + v) & 1]
        return pairs + [(vcpu, None) for vcpu in waits]

    def idle_act(self, uint32_t state):
        """Give the next state and act of an endless run of switches without execution."""
        cdef c.ps_find find = c.ps_search_idle(self.search, state)
        return int(find.id), int(find.act)

    def path(self, uint32_t state):
        """Give the root that leads to a state, and the acts on the way."""
        cdef unsigned act = 0
        cdef uint32_t parent
        acts = []
        while True:
            parent = c.ps_search_parent(self.search, state, &act)
            if parent == c.PS_NO_ID:
                return int(state), acts[::-1]
            acts.append(int(act))
            state = parent

    def states_of(self, uint32_t state):
        """Give the vCPUs of a state: shape (vcpus,), dtype STATE."""
        cdef c.ps_world world
        c.ps_search_world(self.search, state, &world)
        return self.unpacked(&world)

    cdef unpacked(self, const c.ps_world *world):
        raw = (<const char *>&world.vcpus[0])[: self.search.sys.n_vcpus * sizeof(ps_state)]
        return np.frombuffer(bytearray(raw), dtype=STATE)

    def level(self, unsigned depth):
        """Give the ids of the states at a depth, in the order in which they are numbered."""
        out = []
        cdef uint32_t end
        for i in range(c.PS_SHARDS):
            begin = self.search.levels[depth][i]
            end = self.search.shards[i].n
            if depth + 1 < self.search.n_levels:
                end = self.search.levels[depth + 1][i]
            out.extend(int(c.ps_id(<unsigned>i, j)) for j in range(begin, end))
        return out

    def replay(self, uint32_t root, acts):
        """Do some acts from a root, and give what each did.

        Returns
        -------
        list of tuple
            vCPU, kind, plane, arg, Outcome, states, waits, chips. The kind is an event's number,
            or beyond those of the rules; the plane is the one that the act came to name; arg is a
            vector or the value of TPR, where there are controllers.
        """
        cdef c.ps_world world
        cdef ps_outcome out
        cdef unsigned stepped = 0
        cdef const c.ps_act *act
        cdef Outcome outcome
        c.ps_search_world(self.search, root, &world)
        cdef int n_twins = 2 if self.search.sys.lockstep else 1
        rows = []
        for number in acts:
            for twin in range(n_twins):
                row = self.acts[number : number + 1].copy()
                if twin:
                    row["vcpu"] = 1
                act = <const c.ps_act *><size_t>row.ctypes.data
                plane = act.plane
                if act.how & c.PS_OF_SELF:
                    plane = world.vcpus[act.vcpu].current
                memset(&out, 0, sizeof(out))
                if not c.ps_world_act(&self.search.sys, &world, act, &out, &stepped):
                    continue
                if act.kind == c.PS_ACT_ANSWER:
                    plane = out.now
                outcome = Outcome.__new__(Outcome)
                outcome.c = out
                waits = [int(world.waits[i]) for i in range(self.search.sys.n_vcpus)]
                rows.append((
                    int(stepped), int(act.kind), int(plane), int(act.target), outcome,
                    self.unpacked(&world), waits, self.read_chips(&world),
                ))
        return rows


cdef Picker picker_for(ps_policy *out, policy):
    """Translate a policy whose algorithm can be searched."""
    cdef Picker picker = fill_algorithm(out, policy)
    if not picker.c.pure:
        raise Mistake(
            "algorithm", policy.algorithm,
            "a pure one: a search asks about each state once, in any order. Algorithm(..., "
            "pure=True) says that it answers by what it is asked alone",
        )
    return picker


cdef c.ps_world world_of(states):
    cdef c.ps_world world
    memset(&world, 0, sizeof(world))
    states = np.require(states, dtype=STATE, requirements=["C"]).reshape(-1)
    memcpy(&world.vcpus[0], <const void *><size_t>states.ctypes.data, states.nbytes)
    return world


include "kick.pxi"
