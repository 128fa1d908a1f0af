"""The slow model of the timed driver where planes have interrupt controllers (rules, 7 and 8).

What a controller does is `planesched.reference_irqchip`'s to say; here stands what becomes of jobs:
they wait for their vector, nest by class, and the end of a vector's last one is its EOI.
"""

from collections import Counter

from slow_engine import Arrival, Guests, Job, SlowVcpu

from planesched import reference
from planesched.events import ChipEvent, Event, Flags, JobKind, Notes
from planesched.policy import Policy
from planesched.reference import NOBODY, Outcome
from planesched.reference_irqchip import ReferenceChip
from planesched.traces import WAKE


class VectorJob(Job):
    """A job that a vector brings, or none; `notice`: no job, but a vector that VINA posted."""

    vector = 0
    ends = notice = False


class SlowVectorVcpu(SlowVcpu):
    """One vCPU, its guests and its controllers."""

    def __init__(
        self, policy: Policy, planes: int, guests: Guests, vcpu: int = 0, *, controller: str
    ) -> None:
        super().__init__(policy, planes, guests, vcpu)
        self.chip = ReferenceChip(policy, planes, controller)
        self.chip.vcpu._rules.load(self.values)
        self.posted: dict[int, list[VectorJob]] = {p: [] for p in range(planes)}
        self.more = False
        self.vectors: Counter[tuple[int, int, str]] = Counter()  # plane, vector, what

    def irr(self, plane: int) -> set[int]:
        return self.chip.apics[plane].irr

    def do(
        self,
        event: Event | ChipEvent,
        plane: int = NOBODY,
        arrival: int | None = None,
        job: VectorJob | None = None,
    ) -> Outcome:
        """Do one step with what it does to vectors, and begin the transition that it asks for."""
        self.count_step()
        if job is not None:
            (self.posted if job.vector else self.queues)[plane].append(job)
        was_user, waited = self.state("status") == 1, self.state("runnable") | self.state("trap")
        lost = set(self.irr(plane)) if plane != NOBODY else set()
        vector = job.vector if job is not None else 0
        done = self.chip.step(event, None if plane == NOBODY else plane, vector)
        self.values = self.chip.vcpu._rules.values()
        out = Outcome(*done[:5])
        self.timeline.append((self.now, self.vcpu, event, plane, out))
        if event == Event.IRQ and not out.fault:
            self.count(plane, vector, out.flags & Flags.COALESCED, done.notes & Notes.DROPPED)
        if event == Event.INIT and not out.fault:
            for each in self.queues[plane]:
                each.ends = False
            self.vectors.update((plane, each, "dropped") for each in lost)
        if out.flags & Flags.VINA:
            self.notify(out.now, done.notes)
        cost = self.cost_of(event, out, was_user, waited)
        if out.flags & Flags.INJECTED:
            self.inject(out.now, done.vector, cost)
        self.more = self.more or bool(done.notes & Notes.MORE)
        if cost:
            self.until = self.now + cost
        return out

    def count(self, plane: int, vector: int, coalesced: object, dropped: object) -> None:
        self.vectors[plane, vector, "posted"] += 1
        self.vectors[plane, vector, "coalesced"] += bool(coalesced)
        self.vectors[plane, vector, "dropped"] += bool(dropped)

    def notify(self, plane: int, notes: Notes) -> None:
        """Post what tells a plane of interrupts for others: nothing to do, but to end."""
        vina = self.chip.controller.vina_vector_of(plane)
        self.count(plane, vina, notes & Notes.VINA_PENDING, notes & Notes.VINA_DROPPED)
        if not notes & (Notes.VINA_PENDING | Notes.VINA_DROPPED):
            notice = VectorJob(self.now, 0, JobKind.INTERRUPT, plane)
            notice.vector, notice.notice = vina, True
            self.posted[plane].append(notice)

    def inject(self, plane: int, vector: int, cost: int) -> None:
        """Have the jobs of a vector done before all others."""
        mine = [job for job in self.posted[plane] if job.vector == vector]
        self.posted[plane] = [job for job in self.posted[plane] if job.vector != vector]
        self.queues[plane].extendleft(reversed(mine))
        mine[-1].ends = vector not in self.chip.controller.auto_eoi_of(plane)
        self.vectors[plane, vector, "injected"] += 1
        self.latencies[plane].append(self.now - mine[0].arrival)
        self.responses[plane].append(self.now - mine[0].arrival + cost)

    def act(self) -> None:
        """Let everything happen that takes no more time, in the order of ties."""
        while self.until is None or self.until <= self.now:
            self.until = None
            if self.waiting:
                self.do(*self.waiting.popleft())
            elif self.more:
                self.more = False
                if self.chip.ready(self.current):
                    self.do(Event.RESCHED)
            elif self.what() == "userspace":
                if not self.enter():
                    return
            elif self.what() != "running" or not (self.act_in_guest() or self.end_slice()):
                return

    def enter(self) -> bool:
        """Let the default userspace scheduler enter a plane, if it finds one."""
        pick = reference.default_pick(self.policy, self.values)
        if pick is not None:
            self.chip.vcpu._rules.load(reference.prepare(self.policy, self.values, pick))
            self.do(Event.ENTER, pick)
        return pick is not None

    def deliver(self, event: Event, plane: int, arrival: int, job: VectorJob | None = None) -> None:
        """Apply an event now, or at the end of the transition that is under way."""
        if self.until is not None:
            self.waiting.append((event, plane, arrival, job))  # type: ignore[arg-type]
        else:
            self.do(event, plane, arrival, job)

    def arrive(self, it: Arrival) -> None:
        """Post the vector of a job that arrives, or tell of work that none brings."""
        if it.event is not None:
            self.deliver(it.event, it.plane, it.time)
            return
        vector = 0 if it.source == WAKE else it.source
        job = VectorJob(it.time, it.service, JobKind.INTERRUPT, it.plane)
        job.vector = vector
        marker = self.policy.marker
        if self.guests.route == "marker" and marker is not None and it.plane != marker:
            job = VectorJob(it.time, it.forward, JobKind.FORWARD, marker, behind=job)
            job.vector = vector
        self.deliver(Event.IRQ if vector else Event.INTERCEPT, job.plane, it.time, job)

    def has_work(self, plane: int) -> bool:
        """Tell whether a plane has something to do, or would take something if it ran."""
        return super().has_work(plane) or (plane != self.current and self.chip.ready(plane))

    def act_in_guest(self) -> bool:
        """Have a plane with interrupts off, and one pending, go on."""
        off = self.state("noint") & self.state("irq") >> 0
        if not self.has_work(self.current) and off >> self.current & 1:
            return False
        return super().act_in_guest()

    def end_job(self, job: Job) -> None:
        """Finish the current plane's job, and with it its vector."""
        assert isinstance(job, VectorJob)
        plane = self.current
        self.queues[plane].popleft()
        if job.ends:
            job.ends = False
            self.do(ChipEvent.EOI, plane)
        if job.notice:
            return
        self.sojourns[plane, job.kind].append(self.now - job.arrival)
        if not job.behind:
            return
        behind = job.behind
        assert isinstance(behind, VectorJob)
        self.forwarded.append(behind.plane)
        event = Event.IRQ if behind.vector else Event.INTERCEPT
        self.deliver(event, behind.plane, job.arrival, behind)
        if self.policy.hands_over and self.what() == "running" and self.current == plane:
            self.do(Event.CALL, behind.plane)
