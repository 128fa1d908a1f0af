"""The figures of the rules, section 6, of the jobs that were served."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .counts import Counts, PerPlane, merged
from .distribution import Distribution

__all__ = ["JobStats"]

_OF_JOBS = (
    "arrived", "woken", "finished", "queued_before", "queued", "forwarded", "oldest_pending_ns",
)  # fmt: skip


class JobStats(Counts):
    """Jobs by the plane that they are for: queued_before + arrived = finished + queued, always.

    Sojourn is the time from a job's arrival to the end of its service.

    Parameters
    ----------
    totals : ndarray, shape (), dtype TOTALS
        The counters.
    buckets : ndarray of uint64, shape (planes, buckets)
        Finished jobs by plane and sojourn bucket.
    """

    arrived = PerPlane("Jobs that arrived.")
    woken = PerPlane(
        "Of the jobs that arrived, those that no vector brought (source 256): no interrupts."
    )
    finished = PerPlane("Jobs whose service has ended.")
    queued_before = PerPlane("Jobs that were there when counting began.")
    queued = PerPlane("Jobs that have arrived and not finished; also those still with the marker.")
    forwarded = PerPlane("Jobs that the marker has passed on to the plane that they are for.")
    oldest_pending_ns = PerPlane(
        "Age of the oldest interrupt that is pending at the end; 0 without one.", "oldest_ns"
    )
    starved_ns = PerPlane("The longest time that the plane had a job and did not run.")

    @property
    def totals(self) -> NDArray[np.void]:
        """The counters, of dtype TOTALS."""
        return self.record

    @property
    def sojourn(self) -> tuple[Distribution, ...]:
        """From arrival to the end of service, by plane."""
        return self.timed("sojourn", self.finished)

    def merge(self, other: "JobStats") -> "JobStats":
        """Return the figures of both together.

        Raises
        ------
        Mistake
            If the two have different numbers of planes.
        """
        self.same_planes(other)
        return JobStats(merged(self.totals, other.totals), self.buckets + other.buckets)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        out: dict[str, Any] = {
            name: [int(count) for count in getattr(self, name)] for name in _OF_JOBS
        }
        out["sojourn_ns"] = [found.as_dict() for found in self.sojourn]
        return out

    def __repr__(self) -> str:
        came, done = int(self.arrived.sum()), int(self.finished.sum())
        return f"<JobStats: {came} jobs arrived, {done} finished>"
