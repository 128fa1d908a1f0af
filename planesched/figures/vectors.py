"""Figures by vector, where planes have interrupt controllers (rules, section 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ..text import fitted, format_ns
from .counts import wide
from .distribution import QUANTILES, Distribution
from .equal import Alike

if TYPE_CHECKING:
    from .result import Result

__all__ = ["VectorTimes", "vector_distribution", "vector_rows", "vectors_compared", "vectors_text"]

_COUNTS = ("posted", "injected", "coalesced", "dropped", "before", "pending")
_TIMED = ("latency", "response")


@dataclass(frozen=True, eq=False)
class VectorTimes(Alike):
    """Histograms of the vectors that were injected, and of no others.

    Attributes
    ----------
    where : ndarray of int, shape (n, 2)
        Plane and vector of each, in ascending order.
    latency, response : ndarray of uint64, shape (n, buckets)
        How many there are in each bucket (planesched/histogram.h).
    """

    where: NDArray[np.int64]
    latency: NDArray[np.uint64]
    response: NDArray[np.uint64]

    def merge(self, other: Self) -> Self:
        """Return the histograms of both together."""
        where = np.unique(np.concatenate((self.where, other.where)), axis=0)
        places = {tuple(pair): place for place, pair in enumerate(where.tolist())}
        out = {}
        for what in _TIMED:
            found = np.zeros((len(where), getattr(self, what).shape[1]), np.uint64)
            for each in (self, other):
                found[[places[tuple(pair)] for pair in each.where.tolist()]] += getattr(each, what)
            out[what] = found
        return type(self)(where, out["latency"], out["response"])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what makes it again, by name."""
        return {name: getattr(self, name) for name in ("where", *_TIMED)}


def vector_distribution(result: "Result", what: str, plane: int, vector: int) -> Distribution:
    """Return latency or response of one vector of one plane; empty where none was injected."""
    assert result.vectors is not None
    assert result.vector_times is not None
    found, times = result.vectors[plane, vector], result.vector_times
    at = np.flatnonzero((times.where == (plane, vector)).all(axis=1))
    histograms: NDArray[np.uint64] = getattr(times, what)
    count = int(found["injected"])
    return Distribution(
        count,
        wide(*found[f"{what}_ns"].tolist()),
        int(found[f"{what}_min_ns"]) if count else 0,
        int(found[f"{what}_max_ns"]) if count else 0,
        histograms[at].sum(axis=0, dtype=np.uint64),
    )


def came(result: "Result") -> list[tuple[int, int]]:
    """Return plane and vector of all that were posted, or pended when counting began."""
    if result.vectors is None:
        return []
    where = (result.vectors["posted"] > 0) | (result.vectors["before"] > 0)
    return [(plane, vector) for plane, vector in np.argwhere(where).tolist()]


def vector_rows(result: "Result") -> list[dict[str, Any]]:
    """Return what became of each vector that came, by plane: counts, latency and response in ns."""
    rows = []
    for plane, vector in came(result):
        found = result.vectors[plane, vector]  # type: ignore[index]
        row: dict[str, Any] = {"plane": plane, "vector": vector}
        row |= {name: int(found[name]) for name in _COUNTS}
        for what in _TIMED:
            times = vector_distribution(result, what, plane, vector)
            row[f"{what}_mean_ns"] = times.mean_ns if times.count else None
            row[f"{what}_min_ns"] = times.min_ns
            row |= {f"{what}_{name}_ns": times.quantile_ns(q) for name, q in QUANTILES.items()}
            row[f"{what}_max_ns"] = times.max_ns
        rows.append(row)
    return rows


def vectors_text(result: "Result", columns: int | None) -> str:
    """Return the tables of a result's vectors, counts and times; empty where there are none."""
    counts, times = [], []
    for row in vector_rows(result):
        name, left = f"{row['vector']:#04x}, {result.called(row['plane'])}", str(row["pending"])
        counts.append(
            (
                name,
                *(str(row[what]) for what in ("posted", "injected", "coalesced")),
                f"{left}, {row['dropped']} dropped" if row["dropped"] else left,
            )
        )
        figures = ("latency_mean", "latency_p99", "response_mean", "response_p99", "response_max")
        times.append((name, *(format_ns(row[f"{figure}_ns"]) for figure in figures)))
    if not counts:
        return ""
    header = ["vector", "posted", "injected", "coalesced", "left"]
    timed = ["vector", "latency mean", "p99", "response mean", "p99", "max"]
    return f"{fitted(header, counts, columns)}\n\n{fitted(timed, times, columns)}"


def vectors_compared(results: "Sequence[Result]", columns: int | None) -> str:
    """Return how often each vector was taken under each policy, and the mean response."""
    cells: dict[tuple[int, str], dict[str, str]] = {}
    for result in results:
        for row in vector_rows(result):
            where = result.called(row["plane"]).partition(" (")[0]
            text = f"{row['injected']} of {row['posted']}, {format_ns(row['response_mean_ns'])}"
            cells.setdefault((row["vector"], where), {})[result.label] = text
    labels = [result.label for result in results]
    header = ("injected of posted, response mean", *labels)
    lines = [
        (f"{vector:#04x}, {where}", *(found.get(label, "-") for label in labels))
        for (vector, where), found in sorted(cells.items(), key=lambda item: item[0][::-1])
    ]
    return fitted(header, lines, columns) if lines else ""
