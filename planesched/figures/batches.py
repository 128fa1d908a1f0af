"""Batch means: figures of equal stretches of time, or of equal parts of many vCPUs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .distribution import Parts
from .equal import Alike
from .planes import exits, switches

__all__ = ["Batches"]

ROW_COUNTS = ("arrived", "finished", "injected", "latency_ns", "response_ns", "sojourn_ns")
_COUNTED = ("rows", "planes", "switches")
_TIMED = ("latency", "response", "sojourn")


@dataclass(eq=False)
class Batches(Alike):
    """Figures of equal stretches of time, one after the other, or of equal parts of many vCPUs.

    Attributes
    ----------
    rows : ndarray of uint64, shape (batches, rows, 6)
        Jobs arrived and finished, interrupts injected, sums of latency, response and sojourn.
    planes : ndarray of int64, shape (batches, planes, 4)
        Time running, in userspace, blocked, in transitions.
    switches : ndarray of int64, shape (batches, 2)
        Switches, and exits to userspace.
    latency, response, sojourn : ndarray of uint64, shape (batches, rows, buckets)
        Histograms; buckets from `first` on.
    first : int
        The bucket that their first one is.
    """

    rows: NDArray[np.uint64]
    planes: NDArray[np.int64]
    switches: NDArray[np.int64]
    latency: NDArray[np.uint64]
    response: NDArray[np.uint64]
    sojourn: NDArray[np.uint64]
    first: int = 0

    @classmethod
    def of(cls, arrays: Iterable[NDArray[Any]], first: int = 0) -> Self:
        """Make batches of arrays in the order of `arrays`."""
        rows, planes, switches, *timed = arrays
        return cls(rows, planes, switches, timed[0], timed[1], timed[2], first)

    @classmethod
    def whole(
        cls, figures: NDArray[np.void], rows: NDArray[np.void], timed: Any, planes: int
    ) -> Self:
        """Return one batch of an engine's reading: everything from its start."""
        counts = [rows[name] for name in ROW_COUNTS[:3]]
        sums = [rows[name]["lo"] for name in ROW_COUNTS[3:]]
        kinds = range(len(figures["time_ns"]))
        times = [figures["time_ns"][kind]["lo"][:planes] for kind in kinds]
        return cls(
            np.stack([*counts, *sums], axis=-1)[np.newaxis],
            np.stack(times, axis=-1).astype(np.int64)[np.newaxis],
            np.array([[switches(figures), exits(figures)]], dtype=np.int64),
            timed[0][np.newaxis],
            timed[1][np.newaxis],
            timed[2][np.newaxis],
        ).trimmed()

    def __len__(self) -> int:
        return len(self.rows)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays by name."""
        return {name: getattr(self, name) for name in (*_COUNTED, *_TIMED)}

    def trimmed(self) -> Self:
        """Give the same without the buckets at both ends that are empty everywhere."""
        used = np.flatnonzero(sum(getattr(self, name).any(axis=(0, 1)) for name in _TIMED))
        low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        if (low, high) == (0, self.latency.shape[2]):
            return self
        cut = {name: getattr(self, name)[..., low:high].copy() for name in _TIMED}
        rest = (self.rows, self.planes, self.switches)
        return type(self)(*rest, **cut, first=self.first + low)

    def widened(self, first: int, count: int) -> Self:
        """Give the same with buckets `first` to `first + count - 1`."""
        shift = self.first - first
        if not shift and self.latency.shape[2] == count:
            return self
        cut = {}
        for name in _TIMED:
            old = getattr(self, name)
            new = np.zeros((*old.shape[:2], count), dtype=np.uint64)
            new[..., shift : shift + old.shape[2]] = old
            cut[name] = new
        return type(self)(self.rows, self.planes, self.switches, **cut, first=first)

    def aligned(self, other: Self) -> tuple[Self, Self]:
        """Give both over the same buckets."""
        first = min(self.first, other.first)
        last = max(batch.first + batch.latency.shape[2] for batch in (self, other))
        return self.widened(first, last - first), other.widened(first, last - first)

    def beside(self, other: Self) -> Self:
        """Give the sum, batch by batch: of other vCPUs."""
        return self._by(np.add, other)

    def since(self, other: Self) -> Self:
        """Give what was counted after `other`, an earlier reading of the same."""
        return self._by(np.subtract, other)

    def after(self, other: Self) -> Self:
        """Give both, one after the other: further batches."""
        return self.one_after_another([self, other])

    @classmethod
    def one_after_another(cls, several: Sequence[Self]) -> Self:
        """Give all of several, over the same buckets."""
        if len(several) == 1:
            return several[0]
        first = min(batches.first for batches in several)
        count = max(batches.first + batches.latency.shape[2] for batches in several) - first
        made = [np.concatenate([getattr(each, name) for each in several]) for name in _COUNTED]
        for name in _TIMED:
            shape = (sum(map(len, several)), several[0].latency.shape[1], count)
            made.append(np.zeros(shape, dtype=np.uint64))
            at = 0
            for each in several:
                old, start = getattr(each, name), each.first - first
                made[-1][at : at + len(old), :, start : start + old.shape[2]] = old
                at += len(old)
        return cls.of(made, first)

    def _by(self, join: Callable[..., NDArray[Any]], other: Self) -> Self:
        """Join each array with the other's, over the same buckets."""
        mine, theirs = self.aligned(other)
        pairs = zip(mine.arrays().values(), theirs.arrays().values(), strict=True)
        return self.of((join(a, b) for a, b in pairs), mine.first)

    def parts(self, what: str, rows: list[int]) -> Parts:
        """Return what is timed in each batch, over some rows."""
        counted = ROW_COUNTS.index("finished" if what == "sojourn" else "injected")
        counts = self.rows[:, rows, counted].sum(axis=1).astype(float)
        sums = self.rows[:, rows, ROW_COUNTS.index(f"{what}_ns")].sum(axis=1).astype(float)
        return Parts(counts, sums, getattr(self, what)[:, rows].sum(axis=1), self.first)
