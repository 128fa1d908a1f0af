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

The rules are csrc/traces/jobs.c.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, unknown
from ..events import JobKind
from ..text import MAX_NS
from .arrays import Records
from .decoder import JobMaker, sort_jobs
from .evidence import Arrivals
from .planemap import PlaneMap
from .reader import Reader

__all__ = ["WAKE", "JobStream", "in_order", "jobs", "resolve", "service_times"]

WAKE = 256
"""The source of a job that no vector brought."""


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


def check_stream(look_ahead: int, arrivals: str) -> None:
    """Raise Mistake unless a stream of jobs can be made so."""
    if look_ahead < 1:
        raise Mistake("look_ahead", look_ahead, "1 or more")
    if arrivals not in ("accepted", "injected"):
        raise Mistake("arrivals", arrivals, "accepted or injected")


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
    n_held : int
        Jobs that are held back.
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
        self.reader = reader
        self.plane_map = plane_map
        times = service_times(plane_map, service)
        self._maker = JobMaker(times, min(look_ahead, MAX_NS), arrivals == "injected")

    @property
    def arrivals(self) -> int:
        """Jobs that a vector brought."""
        return self._maker.arrivals

    @property
    def wakes(self) -> int:
        """Busy periods that no arrival for the base plane began."""
        return self._maker.wakes

    @property
    def cuts(self) -> int:
        """Busy periods that were cut because too many jobs were held."""
        return self._maker.cuts

    @property
    def busy_ns(self) -> int:
        """How long the vCPUs were busy, in sum."""
        return self._maker.busy_ns

    @property
    def n_held(self) -> int:
        """Jobs that are held back."""
        return self._maker.n_held

    def seen(self) -> dict[int, set[int]]:
        """Give, by vCPU, the vectors that came so far."""
        return self._maker.seen()

    def __iter__(self) -> Iterator[tuple[NDArray[np.void], int]]:
        maker, table = self._maker, self.plane_map.table
        for chunk in self.reader:
            until = maker.take(chunk, self.reader.first_ns, table)
            yield maker.give(), until
        end = self.reader.last_ns - self.reader.first_ns
        maker.end(end)
        yield maker.give(), end + 1


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
    return in_order(out) if out["kind"].any() else sort_jobs(out)


def in_order(rows: NDArray[np.void]) -> NDArray[np.void]:
    """Sort jobs as an engine with controllers wants: of one time tasks, what is told, jobs."""
    first = np.isin(rows["kind"], (JobKind.TASK, JobKind.TOLD))
    task = rows["kind"] == JobKind.TASK
    plane, source = np.where(first, 0, rows["plane"]), np.where(first, 0, rows["source"])
    return rows[np.lexsort((source, plane, ~task, ~first, rows["vcpu"], rows["time_ns"]))]


def service_times(plane_map: PlaneMap, service: int | Mapping[str, int]) -> list[int]:
    """Return how long an interrupt takes each target of a map, in ns."""
    names = [str(target) for target in plane_map.targets]
    if not isinstance(service, Mapping):
        service = dict.fromkeys(names[1:], service)
    for name, value in service.items():
        if name not in names:
            raise unknown("service", name, names)
        if not 0 <= value <= MAX_NS:
            raise Mistake(f"service.{name}", value, "ns, 0 or more, below 2^63")
    return [service.get(name, 0) for name in names]
