"""From the records of a trace to the jobs of a replay: arrivals, and the base plane's own work.

A vCPU is busy from the end of a halt to the begin of the next. How long is the work of the base
plane (level 0), which the arrival that ended the halt brings. That arrival is

- after a wake-up, the first one for the base plane since the halt began and before the vCPU enters
  the guest: KVM accepts the interrupt of its own timer only after the wake-up;
- if the halt did not last (an interrupt was already pending, no wake-up is seen), the oldest one
  for the base plane that had not been injected when it began.

Each is also asked for where the other is missing.

Where there is none (another plane's vector, a PV kick or SIPI ended the halt, or the vCPU was busy
when it was first seen), a job with source `WAKE` at the begin of the busy period brings the work.
So the base plane's jobs last as long, in sum, as the vCPUs were busy, to the nanosecond.

Longer than 300 lines because a third of it is what the public calls promise.
"""

from collections import deque
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, unknown
from ..layouts import JOB
from .arrays import Records
from .evidence import Arrivals
from .planemap import PlaneMap
from .reader import Reader
from .record import NO_VCPU, Kind
from .vcpu import VCPU, Job, State

__all__ = ["WAKE", "JobStream", "jobs", "resolve"]

WAKE = 256
"""The source of a job that no vector brought."""

_BASE = 0
_Record = tuple[int, int, int, int, int, int, int]


def jobs(
    reader: Reader | Records,
    plane_map: PlaneMap,
    *,
    service: int | Mapping[str, int] = 0,
    look_ahead: int = 1 << 20,
    arrivals: Arrivals = "accepted",
) -> "JobStream":
    """Turn a trace into jobs.

    Parameters
    ----------
    reader : Reader or Records
        A trace that has not been read yet.
    plane_map : PlaneMap
        Which plane each vector is for.
    service : int or mapping of str to int
        How long an interrupt takes the plane that it is for, in ns: one number for every plane but
        the base plane, or by target (``{"level1": 5000}``), 0 for those not named. What the base
        plane's interrupts take is part of its busy periods.
    look_ahead : int
        How many jobs are held back at most. A busy period that is longer is cut there and goes on
        with a job of source `WAKE`; `JobStream.cuts` counts these.
    arrivals : {"accepted", "injected"}
        What stands for the arrival of an interrupt: that an APIC took it, or its injection.

    Raises
    ------
    ValueError
        If a service time is negative, `look_ahead` below 1, or a name no target of the map.
    """
    return JobStream(reader, plane_map, service=service, look_ahead=look_ahead, arrivals=arrivals)


class JobStream:
    """The jobs of a trace, a chunk at a time.

    Iterating, once, gives pairs ``(jobs, until_ns)``: an array of `planesched.JOB`, sorted by time,
    vCPU, plane and source, and the time up to which this is all: every later job has
    ``time_ns >= until_ns``, so an engine may advance to ``until_ns - 1``. Times count from the
    trace's first event. ``plane`` is an index into ``plane_map.targets``; `resolve` puts in the
    plane numbers. The attributes speak of what was given out so far.

    Attributes
    ----------
    arrivals : int
        Jobs that a vector brought.
    wakes : int
        Busy periods that no arrival for the base plane began.
    cuts : int
        Busy periods that were cut because more than `look_ahead` jobs were held.
    busy_ns : int
        How long the vCPUs were busy, in sum.
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
        if look_ahead < 1:
            raise Mistake("look_ahead", look_ahead, "1 or more")
        if arrivals not in ("accepted", "injected"):
            raise Mistake("arrivals", arrivals, "accepted or injected")
        self.reader = reader
        self.plane_map = plane_map
        self._ran = False
        self._injected = arrivals == "injected"
        self.arrivals = self.wakes = self.cuts = self.busy_ns = 0
        self._service = _service_times(plane_map, service)
        self._look_ahead = look_ahead
        self._until = 0
        self._held: deque[Job] = deque()
        self._ready: list[tuple[int, int, int, int, int, int]] = []
        self._vcpus: dict[int, VCPU] = {}
        # Wake-ups of threads whose vCPU only their next entry will tell.
        self._unknown: dict[int, Job] = {}

    def seen(self) -> dict[int, set[int]]:
        """Give, by vCPU, the vectors that came so far."""
        return {vcpu.id: vcpu.seen for vcpu in self._vcpus.values()}

    def __iter__(self) -> Iterator[tuple[NDArray[np.void], int]]:
        now = 0
        for chunk in self.reader:
            chunk["time_ns"] -= self.reader.first_ns
            for record in chunk.tolist():
                self._take(record)
                if len(self._held) > self._look_ahead:
                    self._make_room(record[0])
            now = int(chunk["time_ns"][-1])
            yield self._give(self._watermark(now))
        end = self.reader.last_ns - self.reader.first_ns
        for vcpu in self._vcpus.values():
            # Where no vCPU was ever seen to run, it is not known that a woken one did.
            if vcpu.state is State.WOKEN and self._ran:
                self._run(vcpu, end)
            if vcpu.state is State.BUSY:
                self._close(vcpu, end)
        yield self._give(end + 1)

    def _take(self, record: _Record) -> None:
        now, wait, thread, vcpu_id, vector, kind, _ = record
        if vcpu_id == NO_VCPU:
            if kind == Kind.WAKEUP:
                self._unknown[thread] = self._placeholder(now, vcpu_id)
            return
        vcpu = self._vcpus.get(vcpu_id)
        if vcpu is None:
            vcpu = self._vcpus[vcpu_id] = VCPU(vcpu_id, self.plane_map.table(vcpu_id))
        if kind in (Kind.ARRIVAL, Kind.POSTED):
            if not self._injected:
                self._arrive(vcpu, now, vector, kind)
        elif kind in (Kind.INJECT, Kind.REINJECT):
            if not self._injected:
                vcpu.pending.pop(vector, None)
            elif kind == Kind.INJECT:
                # What arrives so is never left pending.
                self._arrive(vcpu, now, vector, Kind.POSTED)
        elif kind == Kind.HALT:
            self._halt(vcpu, now)
        elif kind == Kind.WAKEUP:
            self._wakeup(vcpu, now, wait)
        elif kind == Kind.RUN:
            if self._unknown:
                self._recognise(vcpu, thread)
            self._run(vcpu, now)

    def _arrive(self, vcpu: VCPU, now: int, vector: int, kind: int) -> None:
        plane = vcpu.table[vector]
        job = Job(now, self._service[plane], vcpu.id, vector, plane)
        self._held.append(job)
        self.arrivals += 1
        vcpu.seen.add(vector)
        if plane != _BASE:
            return
        if vcpu.first is None and vcpu.state is not State.BUSY:
            vcpu.first = job
        if kind == Kind.ARRIVAL:
            vcpu.pending.setdefault(vector, job)

    def _halt(self, vcpu: VCPU, now: int) -> None:
        # A wake-up and then HLT again: the entry between them was lost.
        if vcpu.state is State.WOKEN:
            self._run(vcpu, now)
        if vcpu.state is State.BUSY:
            self._close(vcpu, now)
        vcpu.state = State.HALTED
        vcpu.rest(self._until)

    def _wakeup(self, vcpu: VCPU, now: int, wait: int) -> None:
        # A halt that no line told of (the line was lost, or the vCPU waited for its SIPI) began
        # when the wait did. A second wake-up without an entry between: the first was for nothing.
        if vcpu.state is State.BUSY:
            self._close(vcpu, max(vcpu.begin, now - wait))
            vcpu.rest(self._until)
        vcpu.state = State.WOKEN
        vcpu.begin = now
        vcpu.wake = self._placeholder(now, vcpu.id)

    def _recognise(self, vcpu: VCPU, thread: int) -> None:
        wake = self._unknown.pop(thread, None)
        if wake is not None and vcpu.state is State.UNSEEN:
            wake.vcpu = vcpu.id
            vcpu.state, vcpu.begin, vcpu.wake = State.WOKEN, wake.time, wake

    def _run(self, vcpu: VCPU, now: int) -> None:
        if vcpu.state is State.BUSY:
            return
        self._ran = True
        carrier = None
        if vcpu.state is State.WOKEN:
            carrier = vcpu.first or vcpu.left
        elif vcpu.state is State.HALTED:
            carrier = vcpu.left or vcpu.first
        if vcpu.state is not State.WOKEN:
            vcpu.begin = now
        if carrier is None:
            carrier = vcpu.wake or self._placeholder(now, vcpu.id)
            carrier.live = True
            self.wakes += 1
        vcpu.state, vcpu.carrier = State.BUSY, carrier
        vcpu.first = vcpu.left = vcpu.wake = None

    def _close(self, vcpu: VCPU, now: int) -> None:
        assert vcpu.carrier is not None
        vcpu.carrier.service += now - vcpu.begin
        self.busy_ns += now - vcpu.begin
        vcpu.carrier = None

    def _placeholder(self, now: int, vcpu: int) -> Job:
        """Hold a place for a `WAKE` job, so that what is held stays sorted by time."""
        job = Job(now, 0, vcpu, WAKE, _BASE)
        job.live = False
        self._held.append(job)
        return job

    def _make_room(self, now: int) -> None:
        self._release(self._watermark(now))
        if len(self._held) > self._look_ahead:
            self._cut(now)
            self._release(now)

    def _cut(self, now: int) -> None:
        """Settle every job before `now`, so that all of them may be given out."""
        self._unknown.clear()
        for vcpu in self._vcpus.values():
            if vcpu.wake is not None and vcpu.wake.time < now:
                vcpu.wake = self._placeholder(now, vcpu.id)
            if vcpu.carrier is not None and vcpu.carrier.time < now:
                self._close(vcpu, now)
                vcpu.carrier = self._placeholder(now, vcpu.id)
                vcpu.carrier.live = True
                vcpu.begin = now
                self.cuts += 1
            vcpu.first = vcpu.left = None
            vcpu.pending.clear()

    def _watermark(self, now: int) -> int:
        holds = (vcpu.holds() for vcpu in self._vcpus.values())
        unknown = (job.time for job in self._unknown.values())
        return min((now, *(time for time in holds if time is not None), *unknown))

    def _release(self, until: int) -> None:
        while self._held and self._held[0].time < until:
            job = self._held.popleft()
            if job.live:
                self._ready.append(job.row())
        self._until = until

    def _give(self, until: int) -> tuple[NDArray[np.void], int]:
        self._release(until)
        rows = np.array(self._ready, dtype=JOB)
        self._ready.clear()
        return _sorted(rows), until


def resolve(jobs: NDArray[np.void], planes: NDArray[np.uint8]) -> NDArray[np.void]:
    """Give a copy of a chunk of jobs with plane numbers, sorted by them where times are equal.

    Parameters
    ----------
    jobs : ndarray of JOB, shape (n,)
        As `JobStream` gives them.
    planes : ndarray of uint8
        From `PlaneMap.planes`.
    """
    out = jobs.copy()
    out["plane"] = planes[jobs["plane"]]
    return _sorted(out)


def _sorted(rows: NDArray[np.void]) -> NDArray[np.void]:
    return rows[np.lexsort((rows["source"], rows["plane"], rows["vcpu"], rows["time_ns"]))]


def _service_times(plane_map: PlaneMap, service: int | Mapping[str, int]) -> list[int]:
    names = [str(target) for target in plane_map.targets]
    if not isinstance(service, Mapping):
        service = dict.fromkeys(names[1:], service)
    for name, value in service.items():
        if name not in names:
            raise unknown("service", name, names)
        if value < 0:
            raise Mistake(f"service.{name}", value, "ns, 0 or more")
    return [service.get(name, 0) for name in names]
