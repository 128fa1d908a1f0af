"""What figures of planes and of jobs have in common: counters by plane, and how two are merged."""

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake, TypeMistake
from ..layouts import WIDE
from .distribution import Distribution
from .equal import Alike

__all__ = ["Counts", "PerPlane", "merged", "wide"]


class PerPlane:
    """A counter by plane, as an attribute of `Counts`: the first planes of a field of its record.

    Parameters
    ----------
    doc : str
        What it counts.
    field : str
        In the record; unless given, as the attribute is called.
    index : tuple of int
        What goes before the plane.
    """

    def __init__(self, doc: str, field: str = "", *index: int) -> None:
        self.__doc__ = doc
        self.field = field
        self.index = index

    def __set_name__(self, owner: type, name: str) -> None:
        self.field = self.field or name

    @overload
    def __get__(self, counts: None, owner: type) -> "PerPlane": ...
    @overload
    def __get__(self, counts: "Counts", owner: type) -> NDArray[np.uint64]: ...
    def __get__(self, counts: "Counts | None", owner: type) -> "PerPlane | NDArray[np.uint64]":
        return self if counts is None else counts.by_plane(self.field, *self.index)


class Counts(Alike, ABC):
    """Counters by plane, and one histogram of times a plane.

    Parameters
    ----------
    record : ndarray, shape (), dtype FIGURES or TOTALS
        The counters.
    buckets : ndarray of uint64, shape (planes, buckets)
        How many times there are in each bucket (planesched/histogram.h), by plane.
    """

    def __init__(self, record: NDArray[np.void], buckets: NDArray[np.uint64]) -> None:
        self.record = record
        self.buckets = buckets

    @property
    def planes(self) -> int:
        """How many planes each vCPU has."""
        return int(self.buckets.shape[0])

    def by_plane(self, name: str, *index: int) -> NDArray[np.uint64]:
        """Return a field of the record for the planes that there are."""
        array: NDArray[np.uint64] = self.record[name][index]
        return array[..., : self.planes]

    def wide_by_plane(self, name: str, *index: int) -> tuple[int, ...]:
        """Return a field of sums of 128 bits for the planes that there are."""
        words = self.record[name][index][: self.planes]
        return tuple(wide(lo, hi) for lo, hi in words.tolist())

    def timed(self, what: str, counts: NDArray[np.uint64]) -> tuple[Distribution, ...]:
        """Return the times of each plane that are in the histograms; `what` names their fields."""
        sums = self.wide_by_plane(f"{what}_ns")
        low, high = (self.by_plane(f"{what}_{end}_ns").tolist() for end in ("min", "max"))
        return tuple(
            Distribution(int(counts[plane]), sums[plane], low[plane], high[plane], buckets)
            for plane, buckets in enumerate(self.buckets)
        )

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""

    def table(self) -> dict[str, list[Any]]:
        """Return one row a plane, as columns."""
        columns = {
            name: found
            for name, found in self.as_dict().items()
            if isinstance(found, list) and all(isinstance(value, int) for value in found)
        }
        return {"plane": list(range(self.planes)), **columns}

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give `table` to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from .arrow import arrow_stream

        return arrow_stream(self.table(), requested_schema)

    def _repr_html_(self) -> str:
        from .written import html

        return html(self.table())

    def same_planes(self, other: "Counts") -> None:
        """Raise a `Mistake` if another has other figures or planes: they cannot be merged."""
        if not isinstance(other, type(self)):
            raise TypeMistake("other", other, f"figures of the same kind: {type(self).__name__}")
        if self.planes != other.planes:
            raise Mistake("planes", other.planes, f"{self.planes}, as in what it is merged with")


def merged(mine: NDArray[np.void], theirs: NDArray[np.void]) -> NDArray[np.void]:
    """Return two records of one dtype together: FIGURES, TOTALS, ROW or VECTOR.

    Counts and sums add up, of extremes the farther one is kept: by the names of the fields, which
    end in ``_ns`` for times, and then are the greatest or, with ``_min_ns``, the least.
    """
    # A record in each row, of words.
    one, other = (
        np.ascontiguousarray(each).view(np.uint64).reshape(-1, mine.dtype.itemsize // 8)
        for each in (mine, theirs)
    )
    out = one + other
    for how, words in _runs(mine.dtype):
        if how == "wide":
            low, high = (slice(words.start + half, words.stop, 2) for half in (0, 1))
            out[:, high] += out[:, low] < one[:, low]
        else:
            _EXTREMES[how](one[:, words], other[:, words], out=out[:, words])
    return out.view(mine.dtype).reshape(mine.shape)


_EXTREMES = {"least": np.minimum, "most": np.maximum}


@cache
def _runs(dtype: np.dtype[Any]) -> list[tuple[str, slice]]:
    """List the runs of a record's words that do not just add up, and what becomes of them."""
    found: list[tuple[str, slice]] = []
    for name, (field, offset, *_) in (dtype.fields or {}).items():
        assert field.base in (WIDE, np.dtype("u8")), "all are words, or two"
        kind = "wide" if field.base == WIDE else "least" if name.endswith("_min_ns") else "most"
        if kind == "most" and not name.endswith("_ns"):
            continue
        start, stop = offset // 8, (offset + field.itemsize) // 8
        if found and found[-1][0] == kind and found[-1][1].stop == start:
            start = found.pop()[1].start
        found.append((kind, slice(start, stop)))
    return found


def wide(lo: int, hi: int) -> int:
    """Return the number that two words of 64 bits hold."""
    value = hi << 64 | lo
    return value - (1 << 128) if value >> 127 else value
