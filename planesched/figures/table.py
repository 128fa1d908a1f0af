"""Results as columns: numbers with their units in the names, and None where nothing is known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .budget import budget, per_second
from .distribution import QUANTILES, Distribution
from .vectors import came, vector_distribution

if TYPE_CHECKING:
    from .result import Result

__all__ = ["result_columns"]

_COUNTS = ("arrived", "finished", "queued", "injected")
_SHARES = ("running_share", "switching_share", "userspace_share", "blocked_share")


def result_columns(results: "Sequence[Result]") -> dict[str, list[Any]]:
    """Return one row a policy, a plane, a source, and a vector with controllers, as columns.

    Times are in ns (``_ns``), rates a second of one vCPU (``_hz``), shares of vCPU time. Of the
    jobs that arrived, `made_up` are busy periods of a trace that no interrupt began: they are not
    among what was injected, nor in its times.
    """
    rows = [row for result in results for row in _rows(result)]
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _rows(result: "Result") -> list[dict[str, Any]]:
    n_sources = len(result.sources)
    stats = result.stats
    shares, planes = budget(result), range(result.planes)
    whole = int(result.time_ns.sum()) or 1
    named: list[tuple[str, str, int | str | None]] = [("policy", "all", None)]
    named += [("plane", f"plane {plane}", plane) for plane in planes]
    named += [("source", name, name) for name in result.sources]
    out = []
    for place, (kind, name, where) in enumerate(named):
        row = _row(result, kind, name, where)
        found: dict[str, float | int | None] = dict.fromkeys(
            (
                "switches",
                "exits",
                "idle_entries",
                "switches_hz",
                "exits_hz",
                "idle_entries_hz",
                *_SHARES,
                "starved_ns",
                "made_up",
            )
        )
        if kind == "policy":
            found["switches"], found["exits"] = stats.switches, stats.exits
            found["switches_hz"] = per_second(result, stats.switches)
            found["exits_hz"] = per_second(result, stats.exits)
            found["idle_entries"] = int(stats.idle_entries.sum())
            found["idle_entries_hz"] = per_second(result, int(stats.idle_entries.sum()))
            found["running_share"] = sum(shares[f"plane {plane}"] for plane in planes)
            for share in ("switching", "userspace", "blocked"):
                found[f"{share}_share"] = shares[share]
        elif kind == "plane":
            plane = place - 1
            found["running_share"] = shares[name]
            found["switching_share"] = stats.transition_ns[plane] / whole
            found["userspace_share"] = stats.userspace_ns[plane] / whole
            found["blocked_share"] = stats.blocked_ns[plane] / whole
            found["starved_ns"] = int(result.jobs.starved_ns[plane])
            found["idle_entries"] = int(stats.idle_entries[plane])
            found["made_up"] = int(result.jobs.woken[plane])
        out.append(row | found)
    assert len(out) == 1 + result.planes + n_sources
    nothing: dict[str, Any] = dict.fromkeys(out[0])
    return out + [nothing | _vector_row(result, *where) for where in came(result)]


def _row(result: "Result", kind: str, name: str, where: int | str | None) -> dict[str, Any]:
    counts = result.rows[result.rows_of(where)]
    plane = None if where is None else result.plane_of(where)
    levels = [level for level, number in result.levels.items() if number == plane]
    out: dict[str, Any] = {"policy": result.label, "kind": kind, "name": name, "plane": plane}
    out["level"] = levels[0] if levels else None
    out |= {key: int(counts[key].sum()) for key in _COUNTS}
    for what, timed in (
        ("response", result.response), ("latency", result.latency), ("sojourn", result.sojourn)
    ):  # fmt: skip
        out |= _times(what, timed[where])
    return out


def _vector_row(result: "Result", plane: int, vector: int) -> dict[str, Any]:
    """Return the row of a vector: what arrived was posted, what is queued pends."""
    assert result.vectors is not None
    counts = result.vectors[plane, vector]
    levels = [level for level, number in result.levels.items() if number == plane]
    out: dict[str, Any] = {"policy": result.label, "kind": "vector", "name": f"{vector:#04x}"}
    out |= {"plane": plane, "level": levels[0] if levels else None}
    out |= {"arrived": int(counts["posted"])}
    out |= {"queued": int(counts["pending"]), "injected": int(counts["injected"])}
    for what in ("response", "latency"):
        out |= _times(what, vector_distribution(result, what, plane, vector))
    return out


def _times(what: str, found: Distribution) -> dict[str, float | None]:
    times = {"mean": found.mean_ns if found.count else None}
    times |= {name: found.quantile_ns(quantile) for name, quantile in QUANTILES.items()}
    times["max"] = found.max_ns
    return {f"{what}_{name}_ns": value for name, value in times.items()}
