"""Figures by vector, where planes have interrupt controllers (rules, section 8)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..text import fitted, format_ns
from .counts import wide

if TYPE_CHECKING:
    from .result import Result

__all__ = ["vector_rows", "vectors_compared", "vectors_text"]

_COUNTS = ("posted", "injected", "coalesced", "dropped", "before", "pending")
_TIMED = ("latency", "response")


def vector_rows(result: "Result") -> list[dict[str, Any]]:
    """Return what became of each vector that came, by plane: counts, latency and response in ns."""
    rows = []
    for plane, vector in np.argwhere(_came(result)).tolist():
        found = result.vectors[plane, vector]  # type: ignore[index]
        row: dict[str, Any] = {"plane": plane, "vector": vector}
        row |= {name: int(found[name]) for name in _COUNTS}
        for what in _TIMED:
            row[f"{what}_mean_ns"] = row[f"{what}_min_ns"] = row[f"{what}_max_ns"] = None
            if row["injected"]:
                total = wide(*found[f"{what}_ns"].tolist())
                row[f"{what}_mean_ns"] = total / row["injected"]
                row[f"{what}_min_ns"] = int(found[f"{what}_min_ns"])
                row[f"{what}_max_ns"] = int(found[f"{what}_max_ns"])
        rows.append(row)
    return rows


def _came(result: "Result") -> Any:
    if result.vectors is None:
        return np.zeros((0, 0), bool)
    return (result.vectors["posted"] > 0) | (result.vectors["before"] > 0)


def vectors_text(result: "Result", columns: int | None) -> str:
    """Return the table of a result's vectors; empty where there are none."""
    header = ["vector", "posted", "injected", "coalesced", "left", "latency mean", "max"]
    header += ["response mean", "max"]
    lines = []
    for row in vector_rows(result):
        left = str(row["pending"])
        times = [row[f"{what}_{figure}_ns"] for what in _TIMED for figure in ("mean", "max")]
        lines.append(
            (
                f"{row['vector']:#04x}, {result.called(row['plane'])}",
                *(str(row[name]) for name in ("posted", "injected", "coalesced")),
                f"{left}, {row['dropped']} dropped" if row["dropped"] else left,
                *map(format_ns, times),
            )
        )
    return fitted(header, lines, columns) if lines else ""


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
