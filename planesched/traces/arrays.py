"""Records that come from Python: a trace of another system, without a text format."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, TypeMistake, Words
from .record import MAX_VCPUS, NO_VCPU, RECORD, Kind

__all__ = ["Records"]


class Records:
    """Arrays of `RECORD`, read once like a `Reader`.

    Parameters
    ----------
    chunks : ndarray of RECORD, or iterable of such
        Sorted by time, from one array to the next too. They are not changed.

    Raises
    ------
    TypeError
        While iterating: if an array has another dtype.
    ValueError
        While iterating: if times go back, or a vCPU, vector or kind is out of range.
    """

    path = "records"
    producer = "records"
    lost = bad = 0
    cut = hardware = False
    vm = None
    part = 0.0

    def __init__(self, chunks: NDArray[np.void] | Iterable[NDArray[np.void]]) -> None:
        expected = "a file, or arrays of dtype RECORD"
        one = isinstance(chunks, np.ndarray)
        if not one and not isinstance(chunks, Iterable):
            raise TypeMistake("trace", chunks, expected)
        self._chunks = iter([chunks] if one else chunks)
        self.kinds = np.zeros(len(Kind), np.int64)
        self.first_ns = self.last_ns = self.n_vcpus = 0
        self.bad_lines: list[str] = []
        self.malformed: dict[str, int] = {}
        self._read = 0

    @property
    def counts(self) -> dict[str, int]:
        """Records by the name of their kind."""
        named = zip(Kind, self.kinds.tolist(), strict=True)
        return {kind.name: count for kind, count in named if count}

    def __iter__(self) -> Iterator[NDArray[np.void]]:
        for given in self._chunks:
            if not isinstance(given, np.ndarray) or given.dtype != RECORD or given.ndim != 1:
                found = getattr(given, "dtype", type(given).__name__)
                raise TypeMistake("records", Words(found), "1-d arrays of dtype RECORD")
            if len(given):
                self._check(given)
                yield given.copy()

    def _check(self, chunk: NDArray[np.void]) -> None:
        times = chunk["time_ns"]
        before = np.concatenate(([self.last_ns if self._read else 0], times[:-1]))
        self._refuse(times < before, "time_ns", times, "times that do not go back, from 0")
        kinds, vectors, vcpus = chunk["kind"], chunk["vector"], chunk["vcpu"]
        self._refuse(kinds >= len(Kind), "kind", kinds, f"a Kind, below {len(Kind)}")
        self._refuse((vcpus >= MAX_VCPUS) & (vcpus != NO_VCPU), "vcpu", vcpus, f"below {MAX_VCPUS}")
        carries = np.isin(kinds, (Kind.ARRIVAL, Kind.POSTED, Kind.INJECT, Kind.REINJECT))
        bad = (vectors > 255) | (vectors < np.where(carries, 0, -1))
        self._refuse(bad, "vector", vectors, "0 to 255, or -1 where there is none")
        waits = chunk["arg"]
        self._refuse((kinds == Kind.WAKEUP) & (waits < 0), "arg", waits, "a wait of 0 ns or more")
        # A later entry of the same thread tells whose the wake-up was.
        lone = (kinds == Kind.WAKEUP) & (vcpus == NO_VCPU) & (chunk["thread"] < 0)
        self._refuse(lone, "thread", chunk["thread"], "a thread, where the vCPU is not known")
        if not self._read:
            self.first_ns = int(times[0])
        self.last_ns = int(times[-1])
        self._read += len(chunk)
        self.kinds += np.bincount(kinds, minlength=len(Kind))
        seen = vcpus[vcpus != NO_VCPU]
        self.n_vcpus = max(self.n_vcpus, int(seen.max()) + 1 if len(seen) else 0)

    def _refuse(
        self, bad: NDArray[np.bool_], name: str, values: NDArray[np.void], expected: str
    ) -> None:
        if bad.any():
            at = int(bad.argmax())
            raise Mistake(f"records[{self._read + at}].{name}", int(values[at]), expected)
