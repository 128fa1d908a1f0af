"""The search with vectors once more: breadth-first over the slow model of the controllers."""

import numpy as np
from slow_search import Found, SlowSearch

from planesched.events import MASKS, Event, Flags, Notes
from planesched.irqchip import as_controller
from planesched.layouts import STATE
from planesched.reference import prepare
from planesched.reference_irqchip import ReferenceChip

FIELDS = (*MASKS, "current", "status")
REGISTERS = (
    "irr", "isr", "lines", "slots", "queued", "tpr", "enabled", "nmi_in_progress", "nmi_kept",
    "interrupts_off",
)  # fmt: skip
BY_VECTOR = ("irq", "arrival", "line_up", "line_down")
BY_GUEST = (
    "eoi", "iret", "tpr", "empty", "eom", "vina_on", "vina_off", "vina_clear", "apic_off", "apic_on"
)  # fmt: skip


class SlowChips(SlowSearch):
    """One vCPU whose planes have controllers; a state is (values, registers of each, more)."""

    def __init__(self, policy, events, vectors, controller):
        planes = len(vectors)
        super().__init__(policy, planes, ())
        self.words, self.vectors = events, vectors
        self.setup = as_controller(controller)
        self.model = ReferenceChip(policy, planes, self.setup)
        self.boot = self.read(more=False)

    def read(self, *, more):
        state = self.model.vcpu.state
        chips = []
        for apic in self.model.apics:
            row = [getattr(apic, name) for name in REGISTERS]
            chips.append(tuple(frozenset(v) if isinstance(v, set) else v for v in row))
        return tuple(int(state[name]) for name in FIELDS), tuple(chips), more

    def load(self, state):
        values, chips, _ = state
        record = np.zeros((), STATE)
        for name, value in zip(FIELDS, values, strict=True):
            record[name] = value
        self.model.vcpu.state = record
        for apic, row in zip(self.model.apics, chips, strict=True):
            for name, value in zip(REGISTERS, row, strict=True):
                setattr(apic, name, set(value) if isinstance(value, frozenset) else value)

    def acts(self, state):
        """What can happen: (event, plane, argument, whether guest or userspace does it)."""
        values, chips, more = state
        if more:
            yield "resched", None, 0, True
            return
        here = values[FIELDS.index("current")]
        runs = not values[-1]
        held = dict(zip(REGISTERS, chips[here], strict=True))
        open_ = not held["tpr"] and not held["isr"]
        for word in self.words:
            if word in BY_VECTOR:
                event = "irq" if word == "arrival" else word
                for plane, named in enumerate(self.vectors):
                    yield from ((event, plane, vector, False) for vector in named)
            elif word in BY_GUEST:
                yield from ((word, here, arg, True) for arg in self.args(word, here) if runs)
            elif not word.rpartition(":")[2].startswith("safe_") or open_:
                self.events = (word,)
                for event, plane, inside in super().acts(values):
                    yield event, None if plane < 0 else plane, 0, inside

    def args(self, word, plane):
        named = self.vectors[plane]
        if word == "tpr":
            return sorted({0, *(vector & 0xF0 for vector in named)})
        if word in ("empty", "eom"):
            return [vector for vector in named if vector in self.setup.messages_of(plane)]
        return [0]

    def do(self, state, event, plane, arg):
        if event == "answer":
            state = (prepare(self.policy, state[0], plane), *state[1:])
            event = Event.ENTER
        self.load(state)
        out = self.model.step(event, plane, arg)
        return self.read(more=bool(out.notes & Notes.MORE)), out

    def run(self):
        found, depth, edges = Found(), {self.boot: 0}, {}
        queue = [self.boot]
        for state in queue:
            self.note(found, self.wrong_state(state[0]), depth[state])
            edges[state] = []
            for event, plane, arg, inside in list(self.acts(state)):
                after, out = self.do(state, event, plane, arg)
                found.transitions += 1
                if self.loses(state, after, event, plane, arg, out):
                    self.note(found, ["nothing_lost"], depth[state] + 1)
                if inside and not out.fault:
                    edges[state].append((after, out, self.is_idle(event, plane, out)))
                if after not in depth:
                    depth[after] = depth[state] + 1
                    queue.append(after)
        found.states, found.depth = len(depth), max(depth.values())
        for name, register in (("delivery", "irr"), ("eoi_owed", "isr")):
            stranded = self.never(depth, edges, REGISTERS.index(register))
            if stranded:
                found.broken[name] = min(depth[state] for state in stranded)
        plain = {s: [(after, 0, idle) for after, _, idle in steps] for s, steps in edges.items()}
        self.progress(found, depth, plain)
        return found

    @staticmethod
    def loses(before, after, event, plane, arg, out):
        """Tell whether a vector or an NMI is gone that nobody took."""
        nmi = MASKS.index("nmi")
        kept = REGISTERS.index("nmi_kept")
        for p, (was, now) in enumerate(zip(before[1], after[1], strict=True)):
            had, has = set(was[0]), set(now[0])
            if event == "irq" and p == plane and not out.fault:
                had |= set() if out.notes & (Notes.DROPPED | Notes.QUEUED) else {arg}
            gone = had - has - ({out.vector} if p == out.now else set())
            nmis = before[0][nmi] >> p & 1 or was[kept] or (event == Event.NMI and p == plane)
            still = after[0][nmi] >> p & 1 or now[kept]
            taken = p == out.now and out.flags & Flags.NMI
            reset = event in (Event.INIT, Event.DISABLE) and p == plane
            if (gone or (nmis and not still and not taken)) and not reset:
                return True
        return False

    def is_idle(self, event, plane, out):
        enters = event in (Event.ENTER, "answer")
        away = out.flags & (Flags.BLOCKED | Flags.USER)
        if out.flags & Flags.BOUNCED:
            return event != Event.CALL or plane != out.was
        return bool((enters or out.flags & Flags.SWITCHED) and away)

    def never(self, depth, edges, register):
        """Give the states in which a vector is in a register that no continuation takes out."""

        def named(state):
            able = state[0][FIELDS.index("online")] & ~state[0][FIELDS.index("held")]
            rows = enumerate(state[1])
            return {(p, v) for p, row in rows if able >> p & 1 for v in row[register]}

        def leaves(state, after, out):
            took = {(out.now, out.vector)} if register == 0 else set()
            return (named(state) - named(after)) | took

        wanted = {state: named(state) for state in depth}
        able = {state: set() for state in depth}
        changed = True
        while changed:
            changed = False
            for state, steps in edges.items():
                new = set(able[state])
                for after, out, _ in steps:
                    new |= (leaves(state, after, out) | able[after]) & wanted[state]
                if new != able[state]:
                    able[state], changed = new, True
        return {state for state in depth if wanted[state] - able[state]}
