"""When a simulation counts, when its batches end, and where its end is."""

import numpy as np
from numpy.typing import NDArray

from ..checks import whole, whole_ns
from ..errors import Mistake
from ..text import duration_ns
from ..workload.numbered import Resolved, alike

__all__ = ["BATCHES", "Plan"]

BATCHES = 32
"""How many batches there are, or are at least where the end is not known beforehand."""

# Where batches in time had fewer events of a vCPU than that, coming to it would take as long as
# they do; where there are so many vCPUs for each batch, batches are of vCPUs instead.
_EVENTS_OF_A_VCPU = 200
_VCPUS_OF_A_BATCH = 256

# Where it is not: batches at first, and between two looks.
_LOOKS = 512
_ROUND = 16


class Plan:
    """When counting begins, when batches end, and when it is enough."""

    def __init__(
        self,
        resolved: Resolved,
        ids: NDArray[np.uint32],
        duration: str | int | None,
        jobs: int | None,
        warmup: str | int,
        precision: float | None,
    ) -> None:
        self.start_ns = duration_ns(warmup, "warmup")
        # Batches of a round, where the end is known; fewer where several runs take turns.
        self.at_once = BATCHES
        self.jobs = jobs
        self.precision = precision
        if jobs is not None:
            whole("jobs", jobs, 1)
        if precision is not None and not 0 < precision < 1:
            raise Mistake("until_precision", precision, "a part, above 0 and below 1")
        if duration is None and jobs is None:
            raise Mistake("duration", None, "a time, or jobs=: when is the end?")
        length_ns = None if duration is None else duration_ns(duration, "duration")
        self.end_ns = None if length_ns is None else self.start_ns + length_ns
        if length_ns == 0:
            raise Mistake("duration", duration, "a time above 0")
        if jobs is None and self.end_ns is not None:
            expected_ns = self.end_ns - self.start_ns
        else:
            expected_ns = _expected_ns(resolved, ids, int(jobs or 1))
            if self.end_ns is not None:
                expected_ns = min(expected_ns, self.end_ns - self.start_ns)
        self.expected_ns = max(expected_ns, BATCHES)
        self.each_ns = max(1, self.expected_ns // _LOOKS)
        self.by_vcpus = self.whole and self._by_vcpus(resolved, ids)
        whole_ns("duration + warmup", self.end_ns or self.start_ns + 4 * self.expected_ns)

    def _by_vcpus(self, resolved: Resolved, ids: NDArray[np.uint32]) -> bool:
        """Whether batches are equal parts of the vCPUs: many that are alike, each for a short time.

        By their numbers, so that parts of them which are merged give the batches of all.
        """
        jobs = sum(source.rate_hz for source in resolved.sources()) * self.expected_ns / 1e9
        if 2 * jobs >= _EVENTS_OF_A_VCPU * BATCHES or not alike(resolved.workload):
            return False
        counts = np.bincount(ids % BATCHES, minlength=BATCHES)
        return bool(counts.min() >= _VCPUS_OF_A_BATCH)

    @property
    def whole(self) -> bool:
        """Whether it is known beforehand when to stop."""
        return self.jobs is None and self.precision is None

    def parts(self, ids: NDArray[np.uint32]) -> list[NDArray[np.uint32]]:
        """Give the vCPUs of each batch; all of them where batches are stretches of time."""
        if not self.by_vcpus:
            return [ids]
        batch_of = ids % BATCHES
        ends = np.cumsum(np.bincount(batch_of, minlength=BATCHES))
        return np.split(ids[np.argsort(batch_of, kind="stable")], ends[:-1])

    def last(self, end_ns: int) -> bool:
        """Return whether this is known to be the end."""
        return self.whole and end_ns == self.end_ns

    def boundaries(self, done: int) -> list[int]:
        """Give when the next batches end, after `done` of them; none at the end."""
        if self.by_vcpus:
            return [] if done >= BATCHES or self.end_ns is None else [self.end_ns]
        if self.whole and self.end_ns is not None:
            length = self.end_ns - self.start_ns
            count = min(BATCHES, length)
            ends = [self.start_ns + length * (i + 1) // count for i in range(count)]
            return ends[done : done + self.at_once]
        ends = [self.start_ns + self.each_ns * (done + i + 1) for i in range(_ROUND)]
        return [end for end in ends if self.end_ns is None or end <= self.end_ns]


def _expected_ns(resolved: Resolved, ids: NDArray[np.uint32], jobs: int) -> int:
    rate = 0.0
    for source in resolved.sources():
        has = len(ids) if source.vcpus is None else int(np.isin(ids, list(source.vcpus)).sum())
        rate += source.rate_hz * has
    if not rate:
        raise Mistake("jobs", jobs, "a source that has a rate: none of the workload's has one")
    return int(jobs / rate * 1e9) + 1
