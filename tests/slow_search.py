"""The checker once more, as a plain breadth-first search over the slow model: one vCPU only."""

from dataclasses import dataclass, field

from planesched.checking.alphabet import guest_os
from planesched.events import MASKS, Event, Fault, Flags, Reason
from planesched.policy import Call, Force, Policy, Rank
from planesched.reference import (
    NOBODY,
    USER,
    Rules,
    Values,
    boot_state,
    default_pick,
    own_of,
    prepare,
    step,
)

IRQ, NMI, TRAP = MASKS.index("irq"), MASKS.index("nmi"), MASKS.index("trap")
OF_SELF = {"cli", "sti", "mask", "unmask"}
GUEST = {"halt", "call", "return"} | OF_SELF
# As plain ints: the `&` of an enum takes as long as a step.
INJECTED, TOOK_NMI, VINA = int(Flags.INJECTED), int(Flags.NMI), int(Flags.VINA)
SWITCHED, BOUNCED, LEFT = int(Flags.SWITCHED), int(Flags.BOUNCED), int(Flags.USER)
BROUGHT_IN = {Reason.INTERRUPT, Reason.RELAY, Reason.FORCE, Reason.USER}


@dataclass
class Found:
    """States, transitions, and for each broken property the length of a shortest way there."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    stuck: set[Values] = field(default_factory=set)
    undelivered: set[Values] = field(default_factory=set)
    stuck_unaided: set[Values] = field(default_factory=set)
    unaided: set[Values] = field(default_factory=set)
    endless: set[Values] = field(default_factory=set)


class SlowSearch:
    def __init__(self, policy: Policy, planes: int, events: tuple[str, ...]) -> None:
        self.policy, self.planes, self.events = policy, planes, events
        self.idlers = guest_os(policy, planes)
        self.rules = Rules(policy, own_of(policy))
        self.boot = boot_state(policy, planes)

    def acts(self, state: Values):
        """What can happen in a state: (event, plane, whether guest or userspace does it)."""
        rules = self.rules
        rules.load(state)
        runs = not rules.user and not rules.blocked
        here = rules.current
        shut = (rules.masked | rules.noint) >> here & 1
        user = rules.user
        for word in self.events:
            doer, _, name = word.rpartition(":")
            doers = self.idlers if doer == "os" else [int(doer)] if doer else [here]
            tame, name = name.startswith("safe_"), name.removeprefix("safe_")
            if name in GUEST:
                busy = doer == "os" and rules.online & rules.below(here) & rules.deliverable()
                if not runs or (tame and shut) or here not in doers or busy:
                    continue
                event = Event[name.upper()]
                if name in OF_SELF:
                    yield event, here, True
                elif name == "call" and self.policy.hands_over:
                    yield from ((event, plane, True) for plane in range(self.planes))
                else:
                    yield event, NOBODY, True
            elif name == "answer":
                plane = default_pick(self.policy, state) if user else None
                if plane is not None:
                    yield "answer", plane, True
            elif name == "enter":
                if user:
                    yield from ((Event.ENTER, plane, True) for plane in range(self.planes))
            elif name == "resched":
                yield Event.RESCHED, NOBODY, False
            elif name == "arrival" and self.policy.call == Call.descend:
                yield Event.IRQ, self.policy.marker, False
            elif name in ("hold os", "release os"):
                yield Event[name.removesuffix(" os").upper()], self.idlers[-1], False
            elif name != "lock" or self.policy.rank == Rank.locked:
                event = Event.IRQ if name == "arrival" else Event[name.upper()]
                yield from ((event, plane, False) for plane in range(self.planes))

    def step(self, state: Values, event, plane: int) -> Values:
        if event == "answer":
            state, event = prepare(self.policy, state, plane), Event.ENTER
        self.rules.load(state)
        self.rules.step(event, plane)
        return self.rules.values()

    def run(self) -> Found:
        found = Found()
        depth = {self.boot: 0}
        edges: dict[Values, list] = {}
        unaided: dict[Values, list] = {}  # without the calls that only help another plane
        queue = [self.boot]
        for state in queue:  # it grows while we go through it
            self.note(found, self.wrong_state(state), depth[state])
            edges[state], unaided[state] = [], []
            for event, plane, inside in list(self.acts(state)):
                after = self.step(state, event, plane)
                found.transitions += 1
                self.note(found, self.wrong_step(state, after, event, plane), depth[state] + 1)
                if inside:
                    edge = (after, self.injected(), self.idle(event, plane))
                    edges[state].append(edge)
                    if event != Event.CALL or self.policy.hands_over:
                        unaided[state].append(edge)
                if after not in depth:
                    depth[after] = depth[state] + 1
                    queue.append(after)
        found.states, found.depth = len(depth), max(depth.values())
        found.undelivered, found.stuck = self.delivery(depth, edges)
        found.unaided, found.stuck_unaided = self.delivery(depth, unaided)
        for name, states in (("delivery", found.undelivered), ("unaided", found.unaided)):
            if states:
                found.broken[name] = min(depth[state] for state in states)
        self.progress(found, depth, edges)
        return found

    @staticmethod
    def note(found: Found, names: list[str], depth: int) -> None:
        for name in names:
            found.broken.setdefault(name, depth)

    def wrong_state(self, state: Values) -> list[str]:
        rules = self.rules
        rules.load(state)
        able = rules.online & ~rules.held
        above = rules.outranking(rules.current)
        wrong = []
        if not rules.user and not rules.blocked and able & above & rules.deliverable():
            wrong.append("priority")
        if rules.blocked and able & (rules.runnable | above) & rules.woken():
            wrong.append("wakeup")
        if rules.blocked and able & rules.runnable & ~rules.halted & ~rules.unstarted:
            wrong.append("work_conserving")
        if not rules.user and not rules.blocked and rules.unstarted >> rules.current & 1:
            wrong.append("started")
        return wrong if self.settles(state) else [*wrong, "settles"]

    def settles(self, state: Values) -> bool:
        """Tell whether five answers of userspace do, if it has any."""
        for _ in range(5):
            plane = default_pick(self.policy, state) if state[-1] & USER else None
            if plane is None:
                return True
            asked = prepare(self.policy, state, plane)
            state, _ = step(self.policy, asked, Event.ENTER, plane)
        return not state[-1] & USER

    def wrong_step(self, before: Values, after: Values, event, plane: int) -> list[str]:
        rules, flags, wrong = self.rules, int(self.rules.flags), []
        named = 0 if plane == NOBODY or rules.fault else 1 << plane
        posted = {Event.IRQ: IRQ, Event.NMI: NMI, Event.INTERCEPT: TRAP}.get(event)
        now = 1 << rules.current
        taken = {
            IRQ: now if flags & INJECTED else 0,
            NMI: now if flags & TOOK_NMI else 0,
            TRAP: 0 if rules.user else now,
        }
        for mask, allowed in taken.items():
            pending = before[mask] | (named if posted == mask else 0)
            gone = pending & ~after[mask] & ~allowed
            if gone & ~(named if event in (Event.DISABLE, Event.INIT) else 0):
                wrong.append("nothing_lost")
        policy = self.policy
        may = policy.force == Force.any or (policy.force == Force.marker and now == rules.marker)
        if flags & SWITCHED and not may:
            asked = before[MASKS.index("runnable")] & now
            if rules.reason == Reason.FORCE or (rules.reason == Reason.USER and not asked):
                wrong.append("feasible")
        return wrong + self.wrong_entry(before, event, plane)

    def wrong_entry(self, before: Values, event, plane: int) -> list[str]:
        rules, flags, wrong = self.rules, int(self.rules.flags), []
        if event == Event.FORCE and rules.fault == Fault.PERM and 1 << plane == rules.marker:
            wrong.append("forced")
        if event == Event.FORCE and not (rules.fault or rules.held >> plane & 1 or rules.user):
            taken = rules.current == plane or rules.outranking(plane) >> rules.current & 1
            wrong += [] if taken else ["forced"]
        waited = before[MASKS.index("runnable")] | before[TRAP]
        effects = INJECTED | TOOK_NMI | VINA | LEFT
        moved = flags & SWITCHED and rules.reason in BROUGHT_IN
        if moved and not flags & effects and not waited >> rules.current & 1:
            wrong.append("spurious")
        return wrong

    def injected(self) -> int:
        return 1 << self.rules.current if int(self.rules.flags) & INJECTED else 0

    def idle(self, event, plane: int) -> bool:
        flags = int(self.rules.flags)
        enters = (event == Event.ENTER and not self.rules.fault) or event == "answer"
        away = self.rules.user or self.rules.blocked
        itself = event == Event.CALL and plane == self.rules.was
        bounced = flags & BOUNCED and not itself
        return bool(bounced) or bool((flags & SWITCHED or enters) and away)

    def pending(self, state: Values) -> int:
        self.rules.load(state)
        return self.rules.irq & self.rules.online & ~self.rules.held

    def delivery(self, depth: dict, edges: dict) -> tuple[set[Values], set[Values]]:
        """Work backwards: which pending interrupts can still be injected from each state.

        Give the states in which one cannot, and those of them that nothing leads away from.
        """
        pending = {state: self.pending(state) for state in depth}
        able = dict.fromkeys(depth, 0)
        changed = True
        while changed:
            changed = False
            for state, steps in reversed(edges.items()):  # the later ones first, that others ask
                new = able[state]
                for after, injected, _ in steps:
                    new |= (injected | able[after]) & pending[state]
                if new != able[state]:
                    able[state], changed = new, True
        undelivered = {state for state in depth if pending[state] & ~able[state]}
        moving = {s for s, steps in edges.items() if any(after != s for after, _, _ in steps)}
        return undelivered, undelivered - moving

    def progress(self, found: Found, depth: dict, edges: dict) -> None:
        """Take away states from which no idle step leads on, until every one left has one."""
        idle = {s: {after for after, _, idle in steps if idle} for s, steps in edges.items()}
        left = {state for state, after in idle.items() if after}
        while gone := {state for state in left if not idle[state] & left}:
            left -= gone
        found.endless = left
        if left:
            found.broken["progress"] = min(depth[state] for state in left)
