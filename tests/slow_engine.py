"""The slow model of the timed driver: section 7 of the rules in plain Python, read beside them.

Which plane runs is `planesched.reference.step`'s decision alone; this module says when things
happen and what the guests do. vCPUs do not talk to each other here, so each is run by itself.
Over 300 lines, for it is one model.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from planesched import reference
from planesched.events import MASKS, Event, Flags, JobKind, Reason
from planesched.policy import Call, Idle, Policy
from planesched.reference import NOBODY, Outcome, Rules, Values

# A plane that is brought in for these, and takes nothing, is entered for nothing.
FETCHED = (Reason.INTERRUPT, Reason.RELAY, Reason.FORCE, Reason.USER)

ZERO_TIME_STEPS = 1000  # at one instant, after which a vCPU is taken to be in a livelock


class LivelockError(Exception):
    """A vCPU stepped on and on while no time passed: time in ns, vCPU."""


@dataclass(eq=False)
class Job:
    """A piece of work in the queue of a plane."""

    arrival: int
    left: int
    kind: JobKind
    plane: int
    behind: "Job | None" = None  # forward: the job that the marker passes on
    waits: "Job | None" = None  # the call job that must end first


@dataclass(frozen=True)
class CallAt:
    """A call once a plane has run so long: what the target does for it; target by `handover`."""

    running_ns: int
    service: int
    target: int = NOBODY


@dataclass(frozen=True)
class Arrival:
    """A job for a plane or, where `event` is given, a bare event; `source` breaks ties."""

    time: int
    plane: int
    service: int = 0
    forward: int = 0
    source: int = 0
    event: Event | None = None
    vcpu: int = 0


@dataclass(frozen=True, kw_only=True)
class Guests:
    """What the guests do and what it costs, in ns: `costs` by name of a reason, and "exit"."""

    arrivals: Iterable[Arrival] = ()
    calls: Mapping[int, Sequence[CallAt]] = field(default_factory=dict)
    busy: Iterable[int] = ()
    route: str = "own"
    main: int | None = None
    costs: Mapping[str, int] = field(default_factory=dict)
    initial: Values | None = None
    slice_ns: int | None = None


class SlowVcpu:
    """One vCPU and its guests."""

    def __init__(self, policy: Policy, planes: int, guests: Guests, vcpu: int = 0) -> None:
        self.policy, self.vcpu, self.guests = policy, vcpu, guests
        self.values: Values = guests.initial or reference.boot_state(policy, planes)
        mine = [it for it in guests.arrivals if it.vcpu == vcpu]
        mine.sort(key=lambda it: (it.time, it.event is None, it.plane, it.source))
        self.arrivals = deque(mine)
        self.own = reference.own_of(policy)
        self.ran = 0  # since the current plane was entered, or its last slice ended
        self.calls = defaultdict(deque, {p: deque(at) for p, at in guests.calls.items()})
        highest = self.state("online").bit_length() - 1
        self.main = highest if guests.main is None else guests.main
        self.queues: dict[int, deque[Job]] = {p: deque() for p in range(planes)}
        self.now = self.steps_now = self.fruitless = self.most_fruitless = 0
        self.until: int | None = None  # the end of the transition that is under way
        self.waiting: deque[tuple[Event, int, int]] = deque()  # event, plane, arrival
        self.took_from = NOBODY  # the plane that the marker last took the vCPU from
        self.pending_since = dict.fromkeys(range(planes), 0)
        self.timeline: list[tuple[int, int, Event, int, Outcome]] = []  # time, vCPU, step
        self.times: Counter[tuple[str, int]] = Counter()  # by what and the current plane
        self.stretches: list[tuple[int, str, int]] = []  # begin, what, current plane
        self.suspended: Counter[int] = Counter()  # runnable, while another is current
        self.latencies: dict[int, list[int]] = defaultdict(list)
        self.responses: dict[int, list[int]] = defaultdict(list)  # to the first instruction
        self.sojourns: dict[tuple[int, JobKind], list[int]] = defaultdict(list)
        self.exits: Counter[Reason] = Counter()
        self.idle_entries: Counter[int] = Counter()
        self.forwarded: list[int] = []  # the planes that jobs were passed on to

    def state(self, name: str) -> int:
        """Give a mask of the state, or `current` or `status`."""
        return self.values[(*MASKS, "current", "status").index(name)]

    @property
    def current(self) -> int:
        return self.state("current")

    def what(self) -> str:
        """Say what the time now goes to."""
        if self.until is not None:
            return "transition"
        return ("running", "userspace", "blocked")[self.state("status")]

    def run(self, end: int) -> None:
        """Simulate until `end`, what happens at that instant included."""
        self.act()
        while True:
            times = [*self.next_deadline(), *(it.time for it in list(self.arrivals)[:1])]
            if not times or min(times) > end:
                break
            self.pass_time(min(times))
            self.act()
            while self.arrivals and self.arrivals[0].time == self.now:
                self.arrive(self.arrivals.popleft())
                self.act()
        self.pass_time(end)

    def next_deadline(self) -> list[int]:
        """Say when the transition ends, or else the current plane's job or run up to a call."""
        if self.until is not None:
            return [self.until]
        if self.what() != "running":
            return []
        after = [job.left] if (job := self.head(self.current)) else []
        if self.calls[self.current]:
            after.append(
                self.calls[self.current][0].running_ns - self.times["running", self.current]
            )
        if self.guests.slice_ns is not None:
            after.append(self.guests.slice_ns - self.ran)
        return [self.now + gap for gap in after]

    def pass_time(self, until: int) -> None:
        """Let the clock go on; the current plane works."""
        began, gone, self.now = self.now, until - self.now, until
        if gone:
            if not self.stretches or self.stretches[-1][1:] != (self.what(), self.current):
                self.stretches.append((began, self.what(), self.current))
            self.steps_now = 0
            self.fruitless *= self.what() == "transition"
        self.times[self.what(), self.current] += gone
        for plane in self.queues:
            if plane != self.current and self.state("runnable") & 1 << plane:
                self.suspended[plane] += gone
        if self.what() == "running":
            self.ran += gone
            if job := self.head(self.current):
                job.left -= gone

    # Steps and transitions

    def count_step(self) -> None:
        self.steps_now += 1
        self.fruitless += 1
        self.most_fruitless = max(self.most_fruitless, self.fruitless)
        if self.steps_now > ZERO_TIME_STEPS:
            raise LivelockError(self.now, self.vcpu)

    def cost_of(self, event: int, out: Outcome, was_user: bool, waited: int) -> int:
        """Give how long what a step did takes, and count the exit and the idle entry."""
        cost = 0
        if out.flags & Flags.SWITCHED:
            cost = self.guests.costs.get(out.reason.name.lower(), 0)
            self.ran = 0
            if out.now == self.policy.marker:
                self.took_from = out.was
            effects = Flags.INJECTED | Flags.NMI | Flags.VINA | Flags.USER
            if out.reason in FETCHED and not (out.flags & effects or waited & 1 << out.now):
                self.idle_entries[out.now] += 1
        if out.flags & Flags.USER and (not was_user or event == Event.ENTER):
            self.exits[out.reason] += 1
            cost += self.guests.costs.get("exit", 0)
        return cost

    def do(self, event: Event, plane: int = NOBODY, arrival: int | None = None) -> Outcome:
        """Do one step, and begin the transition that it asks for."""
        self.count_step()
        was_user, irq = self.state("status") == 1, self.state("irq")
        waited = self.state("runnable") | self.state("trap")
        self.values, out = reference.step(self.policy, self.values, event, plane, self.own)
        self.timeline.append((self.now, self.vcpu, event, plane, out))
        if event == Event.IRQ and not out.flags & Flags.COALESCED:
            self.pending_since[plane] = self.now if arrival is None else arrival
        posted = event == Event.IRQ and plane == out.now  # first, so VINA found it pending
        if out.flags & Flags.VINA and not irq & 1 << out.now and not posted:
            self.pending_since[out.now] = self.now
        cost = self.cost_of(event, out, was_user, waited)
        if out.flags & Flags.INJECTED:
            latency = self.now - self.pending_since.pop(out.now)
            self.latencies[out.now].append(latency)
            self.responses[out.now].append(latency + cost)
        if cost:
            self.until = self.now + cost
        return out

    def act(self) -> None:
        """Let everything happen that takes no more time, in the order of ties."""
        while self.until is None or self.until <= self.now:
            self.until = None
            if self.waiting:
                self.do(*self.waiting.popleft())
            elif self.what() == "userspace":
                if not self.enter():
                    return
            elif self.what() != "running" or not (self.act_in_guest() or self.end_slice()):
                return

    def end_slice(self) -> bool:
        """Let a slice end that is over, when the plane has done what takes no time."""
        if self.guests.slice_ns is None or self.ran < self.guests.slice_ns:
            return False
        self.ran = 0
        self.do(Event.RESCHED)
        return True

    def enter(self) -> bool:
        """Let the default userspace scheduler enter a plane, if it finds one."""
        pick = reference.default_pick(self.policy, self.values)
        if pick is not None:
            self.values = reference.prepare(self.policy, self.values, pick)
            self.do(Event.ENTER, pick)
        return pick is not None

    def deliver(self, event: Event, plane: int, arrival: int) -> None:
        """Apply an event now, or at the end of the transition that is under way."""
        if self.until is not None:
            self.waiting.append((event, plane, arrival))
        else:
            self.do(event, plane, arrival)

    # Jobs

    def arrive(self, it: Arrival) -> None:
        """Queue a job that arrives, at its plane or first at the marker, and deliver it."""
        if it.event is not None:
            self.deliver(it.event, it.plane, it.time)
            return
        job = Job(it.time, it.service, JobKind.INTERRUPT, it.plane)
        marker = self.policy.marker
        if self.guests.route == "marker" and marker is not None and it.plane != marker:
            job = Job(it.time, it.forward, JobKind.FORWARD, marker, behind=job)
        self.queues[job.plane].append(job)
        self.deliver(Event.IRQ, job.plane, it.time)

    def head(self, plane: int) -> Job | None:
        """Give the job that a plane can work on now; one that waits for a call holds up all."""
        queue = self.queues[plane]
        return queue[0] if queue and not queue[0].waits else None

    def has_work(self, plane: int) -> bool:
        """Tell whether a plane has something to do: a job, or computing of its own."""
        return bool(self.head(plane)) or (plane in self.guests.busy and not self.queues[plane])

    def act_in_guest(self) -> bool:
        """Let the current plane end a job, give up, or call; False if it needs time instead."""
        plane, job = self.current, self.head(self.current)
        if job and not job.left:
            self.end_job(job)
        elif not self.has_work(plane):
            self.give_up()
        elif self.calls[plane] and self.calls[plane][0].running_ns <= self.times["running", plane]:
            self.call(self.calls[plane].popleft())
        else:
            return False
        return True

    def end_job(self, job: Job) -> None:
        """Finish the current plane's job; who waited for it may go on."""
        self.queues[job.plane].popleft()
        self.sojourns[job.plane, job.kind].append(self.now - job.arrival)
        for other in (it for queue in self.queues.values() for it in queue if it.waits is job):
            other.waits = None
        if not job.behind:
            return
        target = job.behind.plane
        self.forwarded.append(target)
        self.queues[target].append(job.behind)
        self.deliver(Event.IRQ, target, job.arrival)
        if self.policy.hands_over and self.what() == "running" and self.current == job.plane:
            self.do(Event.CALL, target)

    def call(self, at: CallAt) -> None:
        """Call; the target works on it first, and the caller's job waits."""
        target, before = at.target, self.head(self.current)
        if self.policy.call == Call.next:
            rules = Rules(self.policy)
            rules.load(self.values)
            target = rules.last(rules.online & rules.outranking(self.current))
        job = Job(self.now, at.service, JobKind.CALL, target)
        out = self.do(Event.CALL, at.target if self.policy.hands_over else NOBODY)
        if not out.fault:
            self.queues[target].appendleft(job)
            if before:
                before.waits = job

    def give_up(self) -> None:
        """Give the vCPU away: the current plane has nothing to do."""
        at_marker, refused = self.current == self.policy.marker, True
        if not self.policy.hands_over:
            refused = self.do(Event.RETURN).fault
        elif at_marker and (plane := self.successor()) != NOBODY:
            refused = self.do(Event.CALL, plane).fault
        if refused:
            self.do(Event.HALT)

    def successor(self) -> int:
        """Give the plane that the marker calls when it has nothing to do."""
        online = [p for p in self.queues if self.state("online") & 1 << p]
        locked = [p for p in self.queues if self.state("locked") & 1 << p]
        below = [p for p in self.policy.order(online, locked) if p != self.policy.marker]
        working = [p for p in below if self.has_work(p)]
        if working:
            return working[0]
        if self.policy.idle in (Idle.leave, Idle.fall_through):
            return NOBODY
        heir = self.took_from if self.took_from in below else self.main
        return NOBODY if heir == self.policy.marker else heir


def simulate(policy, planes, end, *, vcpus=1, **guests) -> list[SlowVcpu]:
    """Run every vCPU to `end`; keywords as the fields of `Guests`."""
    policy = Policy.preset(policy, planes) if isinstance(policy, str) else policy
    runs = [SlowVcpu(policy, planes, Guests(**guests), vcpu) for vcpu in range(vcpus)]
    for run in runs:
        run.run(end)
    return runs
