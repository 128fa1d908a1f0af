"""From the records of a trace to the jobs of a replay with interrupt controllers (rules, 8).

A vector's job lasts as long as its handler ran, from the injection to the EOI but for handlers that
ran in between. What else a vCPU was busy with is a task, which is there from when it went on, and
which no event tells of; where no injection had it go on, an intercept does. Where the base plane
(level 0) could have taken a vector by priority and did not, its interrupts were off: from when the
vector arrived, or from the EOI that let it through, until its injection, the base plane has a cli.
So host delays (a kick, a wake-up) count as times in which the guest could not take one, at the
times at which they were.

Longer than 300 lines by a few, for what a record says of a vCPU's vectors is one subject.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..core import VM
from ..events import Event, JobKind
from ..irqchip import FIRST_VECTOR
from ..layouts import JOB
from .arrays import Records
from .evidence import Arrivals
from .jobs import WAKE, check_stream, in_order, service_times
from .planemap import PlaneMap
from .reader import Reader
from .record import NO_VCPU, Kind

__all__ = ["Recorded", "VectorJobs"]

_BASE = 0

_Row = tuple[int, int, int, int, int, int]


@dataclass
class Recorded:
    """What a trace says was injected and ended at the base plane.

    Attributes
    ----------
    taken : list of tuple
        Time, vCPU and vector of each injection whose arrival was recorded.
    ended : list of tuple
        Likewise of each EOI of such a one.
    unheralded : list of tuple
        Likewise of injections whose arrival was not: by the PIC, or before the trace.
    lost : list of tuple
        Likewise, with the time of arrival, of what was never injected.
    raced : int
        Injections where the controller would have given another vector.
    not_vectors : int
        Injections below vector 16: of a PIC.
    """

    taken: list[tuple[int, int, int]] = field(default_factory=list)
    ended: list[tuple[int, int, int]] = field(default_factory=list)
    unheralded: list[tuple[int, int, int]] = field(default_factory=list)
    lost: list[tuple[int, int, int]] = field(default_factory=list)
    raced: int = 0
    not_vectors: int = 0


@dataclass(eq=False, slots=True)
class _Job:
    """A job whose service time may still grow."""

    time: int
    service: int
    vcpu: int
    source: int
    plane: int
    kind: int = 0

    def row(self) -> _Row:
        return self.time, self.service, self.vcpu, self.source, self.plane, self.kind


class _Guest:
    """What is known of one vCPU.

    A controller stands beside the record, with interrupts off but where the record shows an
    injection. It says what priority would have let through.
    """

    def __init__(self, number: int, table: list[int]) -> None:
        self.number, self.table = number, table
        self.seen: set[int] = set()
        self.vcpu = VM("vsm", 1, controller="lapic").vcpus[0]
        self.vcpu.cli(_BASE)
        self.pending: dict[int, _Job] = {}
        self.serving: list[tuple[int, _Job | None]] = []
        # What it is busy with beside handlers; None while it waits.
        self.task: _Job | None = None
        self.mark = 0  # all busy time before was given to handlers or to the task
        # Since when a vector is held off that priority would let through.
        self.since: int | None = None

    def look(self, since: int) -> None:
        """See whether something is held off from now on."""
        state = self.vcpu.state
        if self.since is None and state["irq"] and not state["masked"]:
            self.since = since

    def take(self) -> int:
        """Take what the controller gives; return the vector, 0 where there is none."""
        out = self.vcpu.sti(_BASE)
        self.vcpu.cli(_BASE)
        self.since = None
        return out.vector

    def spend(self, now: int) -> int:
        """Give the busy time up to now to the handler that ran, or to the task; return it."""
        spent = max(0, now - self.mark) if self.task is not None else 0
        if spent and self.task is not None:
            running = self.serving[-1][1] if self.serving else None
            (running or self.task).service += spent
        self.mark = max(self.mark, now)
        return spent

    def oldest(self) -> int | None:
        """Give the time of the oldest job whose service or injection is not known yet."""
        held = [job.time for _, job in self.serving if job is not None]
        held += [job.time for job in self.pending.values()]
        held += [] if self.task is None else [self.task.time]
        return min(held, default=None)


class VectorJobs:
    """The jobs of a trace by vector, a chunk at a time, as `JobStream` gives them.

    ``kind`` may also be a task, or a cli or sti that the base plane is told; jobs are for an
    engine with controllers. Parameters and attributes are those of `JobStream`, and:

    Attributes
    ----------
    recorded : Recorded
        What the trace says became of the base plane's vectors.
    """

    def __init__(
        self,
        reader: Reader | Records,
        plane_map: PlaneMap,
        *,
        service: int | Mapping[str, int] = 0,
        look_ahead: int = 1 << 20,
        arrivals: Arrivals = "accepted",
    ) -> None:
        check_stream(look_ahead, arrivals)
        self.reader, self.plane_map = reader, plane_map
        self.recorded = Recorded()
        self.arrivals = self.wakes = self.cuts = self.busy_ns = 0
        self._service = service_times(plane_map, service)
        self._look_ahead = look_ahead
        self._injected = arrivals == "injected"
        self._held: deque[_Job] = deque()
        self._told: list[_Row] = []
        self._guests: dict[int, _Guest] = {}

    def seen(self) -> dict[int, set[int]]:
        """Give, by vCPU, the vectors that came so far."""
        return {number: guest.seen for number, guest in self._guests.items()}

    def __iter__(self) -> Iterator[tuple[NDArray[np.void], int]]:
        for chunk in self.reader:
            chunk["time_ns"] -= self.reader.first_ns
            for record in chunk.tolist():
                self._take(record)
                if len(self._held) > self._look_ahead:
                    self._cut(record[0])
            until = self._watermark(int(chunk["time_ns"][-1]))
            yield self._give(until), until
        end = self.reader.last_ns - self.reader.first_ns
        for guest in self._guests.values():
            self._halt(guest, end)
            for vector, job in guest.pending.items():
                self.recorded.lost.append((job.time, guest.number, vector))
            if guest.since is not None:
                self._tell(guest, guest.since, Event.CLI)
        yield self._give(end + 1), end + 1

    # What records say

    def _take(self, record: tuple[int, int, int, int, int, int, int]) -> None:
        now, wait, _, number, vector, kind, _ = record
        if number == NO_VCPU:
            return
        guest = self._guests.get(number)
        if guest is None:
            guest = self._guests[number] = _Guest(number, self.plane_map.table(number))
        if kind in (Kind.ARRIVAL, Kind.POSTED):
            if not self._injected:
                self._arrive(guest, now, vector, kind == Kind.ARRIVAL)
        elif kind == Kind.INJECT:
            self._inject(guest, now, vector)
        elif kind == Kind.EOI:
            self._end(guest, now, vector)
        elif kind == Kind.HALT:
            self._halt(guest, now)
        elif kind == Kind.WAKEUP:
            # A halt that no line told of began when the wait did.
            self._halt(guest, max(guest.mark, now - wait))
        elif kind == Kind.RUN and guest.task is None:
            self.wakes += 1
            self._begin(guest, _Job(now, 0, number, WAKE, _BASE))

    def _arrive(self, guest: _Guest, now: int, vector: int, held: bool) -> None:
        """Take an interrupt in; one that is held is injected later, as the record says."""
        plane = guest.table[vector]
        source = vector if vector >= FIRST_VECTOR else WAKE
        self._held.append(job := _Job(now, self._service[plane], guest.number, source, plane))
        self.arrivals += 1
        guest.seen.add(vector)
        if plane == _BASE and held and source == vector:
            self._post(guest, job)

    def _post(self, guest: _Guest, job: _Job) -> None:
        guest.pending.setdefault(job.source, job)
        guest.vcpu.irq(_BASE, job.source)
        guest.look(job.time)

    def _inject(self, guest: _Guest, now: int, vector: int) -> None:
        if self._injected and vector not in guest.pending:
            self._arrive(guest, now, vector, True)
        if guest.table[vector] != _BASE:
            return
        if vector < FIRST_VECTOR:
            self.recorded.not_vectors += 1
            return
        if guest.task is None:
            self._begin(guest, _Job(now, 0, guest.number, 0, _BASE, JobKind.TASK))
        self.busy_ns += guest.spend(now)
        heralded = vector in guest.pending
        if not heralded:
            self._held.append(job := _Job(now, 0, guest.number, vector, _BASE))
            self._post(guest, job)
        since, given = guest.since, guest.take()
        if since is not None and since < now:
            self._tell(guest, since, Event.CLI)
            self._tell(guest, now, Event.STI)
        job = guest.pending.pop(vector)
        guest.serving.append((vector, job if heralded else None))
        kept = self.recorded.taken if heralded else self.recorded.unheralded
        kept.append((now, guest.number, vector))
        self.recorded.raced += given != vector
        if not heralded and given == vector:  # the PIC's, or its EOI may be anybody's: it is short
            guest.vcpu.eoi(_BASE)
        guest.look(now)

    def _end(self, guest: _Guest, now: int, vector: int) -> None:
        self.busy_ns += guest.spend(now)
        for place in range(len(guest.serving) - 1, -1, -1):
            if guest.serving[place][0] != vector:
                continue
            if guest.serving.pop(place)[1] is not None:
                self.recorded.ended.append((now, guest.number, vector))
                guest.vcpu.eoi(_BASE)
                guest.look(now - 1)  # at equal times the end of a job comes before what is told
            return

    def _begin(self, guest: _Guest, task: _Job) -> None:
        self._held.append(task)
        guest.task = task
        guest.mark = max(guest.mark, task.time)

    def _halt(self, guest: _Guest, now: int) -> None:
        self.busy_ns += guest.spend(now)
        guest.task = None

    def _tell(self, guest: _Guest, time: int, event: int) -> None:
        self._told.append((time, 0, guest.number, event, _BASE, JobKind.TOLD))

    # What is given out

    def _watermark(self, now: int) -> int:
        held = (guest.oldest() for guest in self._guests.values())
        return min((now, *(time for time in held if time is not None)))

    def _cut(self, now: int) -> None:
        """Settle every job before `now`, so that all of them may be given out."""
        for guest in self._guests.values():
            guest.pending.clear()
            guest.serving = [(vector, None) for vector, _ in guest.serving]
            if guest.task is not None:
                self._halt(guest, now)
                self._begin(guest, _Job(now, 0, guest.number, 0, _BASE, JobKind.TASK))
                self.cuts += 1

    def _give(self, until: int) -> NDArray[np.void]:
        rows: list[_Row] = []
        while self._held and self._held[0].time < until:
            job = self._held.popleft()
            if job.service or job.kind != JobKind.TASK:
                rows.append(job.row())
        rows += [row for row in self._told if row[0] < until]
        self._told = [row for row in self._told if row[0] >= until]
        return in_order(np.array(rows, dtype=JOB))
