"""A cell: some vCPUs in one engine, and its figures by batches.

Longer than 300 lines because how a cell runs and what is read of it belong together.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..figures.batches import Batches
from ..figures.counts import merged
from ..figures.vectors import VectorTimes
from ..layouts import TIMED
from ..workload import Times
from ..workload.numbered import Resolved, calm_ns
from .engine import Engine, Guests, Sums

__all__ = ["Cell", "Reading"]

# So many jobs of a source take the engine some milliseconds.
_JOBS_IN_A_STRIDE = 50_000
# Of a vCPU, so that coming to it is little of what it takes.
_JOBS_OF_A_VCPU = 100
# A stride shall take no less, and no more.
_SHORT_S, _LONG_S = 0.008, 0.024


@dataclass
class Reading:
    """The figures of some vCPUs at one time; `ids` and `time_ns` in pieces, of each cell one.

    The rows of `batches` are in the order of the result, the others in that of the engine; where
    batches are of vCPUs, there is one for each that these vCPUs belong to, otherwise all are at 0.
    Histograms are empty but for the buckets from the first of `span` to before its second.
    """

    now_ns: int
    ids: list[NDArray[np.uint32]]
    time_ns: list[NDArray[np.int64]]
    figures: NDArray[np.void]
    totals: NDArray[np.void]
    rows: NDArray[np.void]
    latency: NDArray[np.uint64]
    response: NDArray[np.uint64]
    sojourn: NDArray[np.uint64]
    row_planes: list[int]
    livelocks: list[tuple[int, int, int, tuple[int, ...]]]
    span: tuple[int, int]
    batches: dict[int, Batches] = field(default_factory=dict)
    vectors: NDArray[np.void] | None = None
    vector_times: VectorTimes | None = None

    def own(self) -> "Reading":
        """Give the same in arrays of its own: what was read is overwritten by the next reading."""
        copied = {
            name: getattr(self, name).copy() for name in ("figures", "totals", "rows", *TIMED)
        }
        return replace(self, ids=[*self.ids], time_ns=[*self.time_ns], **copied)

    def take_in(self, other: "Reading") -> None:
        """Add the figures of other vCPUs at the same time: sums of integers."""
        assert self.now_ns == other.now_ns
        self.ids += other.ids
        self.time_ns += other.time_ns
        for name in ("figures", "totals", "rows"):
            setattr(self, name, merged(getattr(self, name), getattr(other, name)))
        used = slice(*other.span)
        for name in TIMED:
            getattr(self, name)[:, used] += getattr(other, name)[:, used]
        self.livelocks = self.livelocks + other.livelocks
        for batch, theirs in other.batches.items():
            mine = self.batches.get(batch)
            self.batches[batch] = theirs if mine is None else mine.beside(theirs)
        if self.vectors is not None and other.vectors is not None:
            self.vectors = merged(self.vectors, other.vectors)
        if self.vector_times is not None and other.vector_times is not None:
            self.vector_times = self.vector_times.merge(other.vector_times)


class Crew:
    """What cells share whose vCPUs are alike: how far to go at once, and engines that are idle.

    Attributes
    ----------
    stride_ns : int
        How far an engine goes until the next look whether to stop, of all its vCPUs together: what
        one learns, others begin with.
    idle : list of (Engine, Sums), or None
        Engines whose vCPUs are done, to be used again; None where each cell is to have its own.
    """

    def __init__(self, *, reuse: bool = False) -> None:
        self.stride_ns = 64_000
        self.idle: list[tuple[Engine, Sums]] | None = [] if reuse else None

    def learn(self, took_s: float, most_ns: int, *, hurry: bool) -> None:
        """Go further the next time where that took no time, and less far where it took long.

        A log takes vCPU after vCPU in each stride, and is to begin with the first outcomes of all:
        where there is one, there is no `hurry`.
        """
        if took_s < _SHORT_S and self.stride_ns < most_ns:
            self.stride_ns *= 8 if hurry and took_s < _SHORT_S / 16 else 2
        elif took_s > _LONG_S:
            self.stride_ns = max(1, self.stride_ns // 2)


class Cell:
    """Some vCPUs that are simulated together.

    Parameters
    ----------
    resolved : Resolved
        What they do, under which policy.
    ids : ndarray of uint32
        Their numbers.
    start_ns : int
        When counting begins.
    recorded : ndarray of dtype JOB
        Jobs of recorded traces; those of other vCPUs are left alone.
    log : ndarray of dtype OUTCOME, optional
        Takes outcomes from `start_ns` on.
    userspace : UserScheduler, or what that takes, optional
    batch : int, optional
        Where batches are of vCPUs, the number of theirs.
    crew : Crew, optional
        Shared with cells whose vCPUs are like these.
    """

    def __init__(
        self,
        resolved: Resolved,
        ids: NDArray[np.uint32],
        start_ns: int,
        recorded: NDArray[np.void],
        log: NDArray[np.void] | None = None,
        userspace: object = None,
        batch: int | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.batch = batch
        self._crew = crew or Crew()
        self._log = log
        self._userspace = userspace
        self.logged = 0
        self.resolved = resolved
        self.ids = ids
        self.start_ns = start_ns
        self.now_ns = 0
        self.reading: Reading | None = None
        self.finished = self.events = 0
        self._fed = self._mine(recorded)
        jobs = _JOBS_OF_A_VCPU * len(ids) // max(1, len(resolved.sources()))
        self._calm_ns = calm_ns(resolved.workload, len(ids), max(_JOBS_IN_A_STRIDE, jobs))
        # Times that are known, and how many of them make a stride.
        self._known = [(self._fed["time_ns"].copy(), _JOBS_IN_A_STRIDE)] + [
            (source.times, max(1, _JOBS_IN_A_STRIDE // len(ids)))
            for source in resolved.workload.sources
            if isinstance(source, Times)
        ]
        self._engine: Engine | None = None
        self._unread: Engine | None = None  # at a time of which there are only sums so far
        self._sums: Sums | None = None

    def make_engine(self, *given: Any, **named: Any) -> Engine:
        """Return the engine: whose `advance` may be that of another clock."""
        return Engine(*given, **named)

    def run(
        self,
        ends: list[int],
        stop: Callable[[], bool],
        *,
        keep: bool,
        told: Callable[[], object] | None = None,
    ) -> bool:
        """Go on to the end of each of the next batches; returns whether it came there.

        Parameters
        ----------
        ends : list of int
            Times.
        stop : callable
            Asked often whether to stop; then `reading` is what was simulated so far.
        keep : bool
            Whether there will be a next time.
        told : callable, optional
            Called after each batch.
        """
        engine = self._begin(stop)
        if engine is None:
            return False
        for end_ns in ends:
            if not self._reach(engine, end_ns, stop):
                return False
            self._look(engine, keep=True)
            if told is not None:
                told()
        self._read_rest()
        self._engine = engine if keep or self._crew.idle is not None else None
        return True

    def _reach(self, engine: Engine, end_ns: int, stop: Callable[[], bool]) -> bool:
        """Go on in strides of 8 to 24 ms or so: all vCPUs are at one time when it is to stop."""
        while engine.now_ns < end_ns:
            if stop():
                self._stopped(engine)
                return False
            to_ns = self._stride_end(engine.now_ns, end_ns)
            began_s = time.perf_counter()
            try:
                engine.advance(to_ns)
            except KeyboardInterrupt:
                engine.advance(to_ns)
                self._stopped(engine)
                raise
            took_s, most_ns = time.perf_counter() - began_s, self._calm_ns * len(self.ids)
            self._crew.learn(took_s, most_ns, hurry=self._log is None)
        return True

    def _stopped(self, engine: Engine) -> None:
        """Read what there is; a batch of vCPUs ends here then, one in time has none."""
        self._look(engine, keep=self.batch is not None)

    def _stride_end(self, now_ns: int, end_ns: int) -> int:
        """Say how far to go; what grew in quiet times must not hold a burst that takes seconds."""
        stride_ns = max(1, self._crew.stride_ns // len(self.ids))
        to_ns = min(end_ns, now_ns + min(stride_ns, self._calm_ns))
        for times, count in self._known:
            last = int(np.searchsorted(times, now_ns, side="right")) + count
            if last < len(times):
                to_ns = min(to_ns, int(times[last]))
        return to_ns

    def begin(self) -> Engine:
        """Return the engine where counting begins, for who goes on alone."""
        engine = self._begin(lambda: False)
        assert engine is not None, "nothing stops it"
        return engine

    def _begin(self, stop: Callable[[], bool]) -> Engine | None:
        if stop():
            return None
        if self._engine is not None:
            return self._engine
        engine, self._sums = self._engine_for()
        if len(self._fed):
            engine.feed(self._fed)
        if self.start_ns:
            if not engine.advance(self.start_ns, stop):
                return None
            engine.restart()
        if self._log is not None:
            engine.log_to(self._log)
        self._look(engine, keep=True)
        self._engine = engine
        return engine

    def _engine_for(self) -> tuple[Engine, Sums]:
        """Return an engine for these vCPUs at the start, an idle one if there is any."""
        resolved = self.resolved
        if self._crew.idle:
            with suppress(IndexError):  # another thread may have been faster
                engine, sums = self._crew.idle.pop()
                engine.renew(self.ids)
                sums.clear()
                return engine, sums
        engine = self.make_engine(
            resolved.policy,
            resolved.planes,
            len(self.ids),
            guests=Guests(**resolved.guests(self.ids)),
            userspace=self._userspace,
            **resolved.engine(),
        )
        return engine, Sums(engine, resolved.order)

    def _mine(self, recorded: NDArray[np.void]) -> NDArray[np.void]:
        """Give the recorded jobs that are for these vCPUs, by the engine's numbers."""
        if not len(recorded):
            return recorded
        mine = recorded[np.isin(recorded["vcpu"], self.ids)]
        mine["vcpu"] = np.searchsorted(self.ids, mine["vcpu"])
        return mine

    def _look(self, engine: Engine, *, keep: bool = False) -> None:
        """Read what adds up; `keep` it as the end of a batch, or where the first begins."""
        sums = self._sums
        assert sums is not None
        if keep:
            sums.keep()
        else:
            sums.look()
        if engine.logged > self.logged and self._log is not None:
            fresh = self._log[self.logged : engine.logged]
            fresh["vcpu"] = self.ids[fresh["vcpu"]]
            self.logged = engine.logged
        self._unread = engine
        self.now_ns = engine.now_ns
        self.finished = sums.finished
        self.events = sums.finished + sums.arrived

    def _read_rest(self) -> None:
        """Read what batches do not ask for: how each vCPU stands, and each vector."""
        engine, self._unread = self._unread, None
        if engine is None:
            return
        assert self._sums is not None
        # The next reading overwrites it.
        figures, totals, rows, latency, response, sojourn = engine.read(self._sums.arrays)
        stuck = [(int(self.ids[item[0]]), *item[1:]) for item in engine.livelocks()]
        self.reading = Reading(
            engine.now_ns, [self.ids], [engine.time_ns()], figures, totals, rows, latency, response,
            sojourn, engine.row_planes, stuck, self._sums.span(),
        )  # fmt: skip
        if engine.controller is not None:
            self.reading.vectors = engine.vectors()
            self.reading.vector_times = VectorTimes(*engine.vector_times())

    def pair(self) -> None:
        """Make batches twice as long."""
        assert self._sums is not None
        self._sums.pair()

    def read(self, *, last: bool = False) -> Reading:
        """Give the figures so far, with the batches; after the last time it can only `forget`."""
        self._read_rest()
        assert self.reading is not None
        assert self._sums is not None
        gives = last and len(self._sums) > 2  # of one batch a copy takes less
        arrays, first = self._sums.last_batches() if gives else self._sums.batches()
        self.reading.batches = {self.batch or 0: Batches.of(arrays, first)}
        return self.reading

    def forget(self) -> None:
        """Keep nothing but how far it came: others have the figures."""
        if self._crew.idle is not None and self._engine is not None and self._sums is not None:
            self._crew.idle.append((self._engine, self._sums))
        self.reading = self._unread = self._sums = self._engine = None
        self._fed, self._known = self._fed[:0], []
