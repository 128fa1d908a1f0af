"""When a simulation counts, when its batches end, and where its end is."""

import numpy as np
from numpy.typing import NDArray

from ..checks import whole, whole_ns
from ..errors import Mistake
from ..text import duration_ns
from ..workload.numbered import Resolved

__all__ = ["BATCHES", "Plan"]

BATCHES = 32
"""How many batches there are, or are at least where the end is not known beforehand."""

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
        whole_ns("duration + warmup", self.end_ns or self.start_ns + 4 * self.expected_ns)

    @property
    def whole(self) -> bool:
        """Whether it is known beforehand when to stop."""
        return self.jobs is None and self.precision is None

    def last(self, end_ns: int) -> bool:
        """Return whether this is known to be the end."""
        return self.whole and end_ns == self.end_ns

    def boundaries(self, done: int) -> list[int]:
        """Give when the next batches end, after `done` of them; none at the end."""
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
