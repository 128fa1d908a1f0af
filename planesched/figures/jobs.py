"""What became of the jobs that a driver with guests served: counts and sojourn times."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layouts import TIMED, TOTALS
from .distribution import Distribution
from .equal import Alike
from .planes import _to_int, _wide_sum

__all__ = ["TIMED", "JobStats", "merge_rows", "merge_totals"]

_COUNTS = ("arrived", "woken", "finished", "queued_before", "queued", "forwarded")

_WIDE_SUMS = ("sojourn_ns", "load_ns", "age_ns", "age_before_ns")


class JobStats(Alike):
    """Jobs by the plane that they are for: queued_before + arrived = finished + queued, always.

    Sojourn is the time from a job's arrival to the end of its service.

    Parameters
    ----------
    totals : ndarray, shape (), dtype TOTALS
        The counters.
    sojourn : ndarray of uint64, shape (planes, buckets)
        Finished jobs by plane and sojourn bucket (planesched/histogram.h).
    """

    def __init__(self, totals: NDArray[np.void], sojourn: NDArray[np.uint64]) -> None:
        self.totals = totals
        self.sojourn = sojourn

    @property
    def planes(self) -> int:
        """How many planes each vCPU has."""
        return int(self.sojourn.shape[0])

    def _counts(self, name: str) -> NDArray[np.uint64]:
        array: NDArray[np.uint64] = self.totals[name]
        return array[: self.planes]

    @property
    def arrived(self) -> NDArray[np.uint64]:
        """Jobs that arrived for each plane."""
        return self._counts("arrived")

    @property
    def woken(self) -> NDArray[np.uint64]:
        """Of the jobs that arrived, those that no vector brought (source 256)."""
        return self._counts("woken")

    @property
    def finished(self) -> NDArray[np.uint64]:
        """Jobs whose service has ended."""
        return self._counts("finished")

    @property
    def queued(self) -> NDArray[np.uint64]:
        """Jobs that have arrived and not finished; also those still with the marker."""
        return self._counts("queued")

    @property
    def forwarded(self) -> NDArray[np.uint64]:
        """Jobs that the marker has passed on to the plane that they are for."""
        return self._counts("forwarded")

    @property
    def oldest_pending_ns(self) -> NDArray[np.uint64]:
        """Age of the oldest interrupt of each plane that is pending at the end; 0 without one."""
        return self._counts("oldest_ns")

    @property
    def starved_ns(self) -> NDArray[np.uint64]:
        """The longest time per plane that it had a job and did not run."""
        return self._counts("starved_ns")

    def _sojourn(self, plane: int) -> Distribution:
        low, high = (int(self._counts(f"sojourn_{end}_ns")[plane]) for end in ("min", "max"))
        sum_ns = _to_int(*self.totals["sojourn_ns"][plane].tolist())
        return Distribution(int(self.finished[plane]), sum_ns, low, high, self.sojourn[plane])

    def sojourn_mean_ns(self, plane: int) -> float:
        """Give the mean sojourn time; NaN where no job finished."""
        return self._sojourn(plane).mean_ns

    def sojourn_min_ns(self, plane: int) -> int | None:
        """Give the least sojourn time; None where no job finished."""
        return self._sojourn(plane).min_ns

    def sojourn_max_ns(self, plane: int) -> int | None:
        """Give the greatest sojourn time; None where no job finished."""
        return self._sojourn(plane).max_ns

    def sojourn_quantile_ns(self, plane: int, quantile: float) -> float | None:
        """Give a quantile of a plane's sojourn time, off by at most 1/128 of itself.

        Parameters
        ----------
        plane : int
            Which plane.
        quantile : float
            In 0..1; 0 and 1 give the exact extremes.

        Returns
        -------
        float or None
            Nanoseconds; None where no job finished.

        Raises
        ------
        ValueError
            If `quantile` is not in 0..1.
        """
        return self._sojourn(plane).quantile_ns(quantile)

    def merge(self, other: "JobStats") -> "JobStats":
        """Give the figures of both together.

        Raises
        ------
        ValueError
            If the two have different numbers of planes.
        """
        if self.planes != other.planes:
            raise ValueError(f"planes={other.planes} cannot be merged with planes={self.planes}")
        return JobStats(merge_totals(self.totals, other.totals), self.sojourn + other.sojourn)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, lists and dicts, as JSON holds them."""
        out: dict[str, Any] = {
            name: [int(count) for count in self._counts(name)] for name in _COUNTS
        }
        out["oldest_pending_ns"] = [int(age) for age in self.oldest_pending_ns]
        out["sojourn_ns"] = [self._sojourn(plane).as_dict() for plane in range(self.planes)]
        return out

    def __repr__(self) -> str:
        counts = {name: int(self._counts(name).sum()) for name in ("arrived", "finished")}
        return f"<JobStats: {counts['arrived']} jobs arrived, {counts['finished']} finished>"


def merge_totals(mine: NDArray[np.void], theirs: NDArray[np.void]) -> NDArray[np.void]:
    """Give totals of dtype TOTALS, both together: sums, but extremes are kept."""
    merged = np.zeros((), dtype=TOTALS)
    for name in _COUNTS:
        merged[name] = mine[name] + theirs[name]
    merged["sojourn_min_ns"] = np.minimum(mine["sojourn_min_ns"], theirs["sojourn_min_ns"])
    for name in _WIDE_SUMS:
        merged[name] = _wide_sum(mine[name], theirs[name])
    for name in ("sojourn_max_ns", "starved_ns", "oldest_ns"):
        merged[name] = np.maximum(mine[name], theirs[name])
    return merged


def merge_rows(mine: NDArray[np.void], theirs: NDArray[np.void]) -> NDArray[np.void]:
    """Give rows of dtype ROW, both together."""
    merged = np.zeros_like(mine)
    for name in ("arrived", "finished", "injected", "queued_before", "queued"):
        merged[name] = mine[name] + theirs[name]
    for name in (f"{what}_ns" for what in TIMED):
        merged[name] = _wide_sum(mine[name], theirs[name])
    for what in TIMED:
        low, high = f"{what}_min_ns", f"{what}_max_ns"
        merged[low] = np.minimum(mine[low], theirs[low])
        merged[high] = np.maximum(mine[high], theirs[high])
    return merged
