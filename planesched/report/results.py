"""Results as columns and as text."""

from collections.abc import Sequence
from typing import Any

from ..figures.distribution import QUANTILES, histogram_quantile
from ..text import counted, format_ns, table

__all__ = ["result_columns", "result_text"]

_TITLES = {
    "name": "",
    "finished": "jobs",
    "queued": "left",
    "response_mean_ns": "response mean",
    "response_p50_ns": "p50",
    "response_p99_ns": "p99",
    "response_max_ns": "max",
    "latency_p99_ns": "latency p99",
    "sojourn_mean_ns": "sojourn mean",
    "sojourn_p99_ns": "p99",
    "utilisation": "runs",
    "starved_ns": "longest without",
}
_COUNTS = ("arrived", "finished", "queued", "injected")
_NAN = float("nan")


def result_columns(results: Sequence[Any]) -> dict[str, list[Any]]:
    """Give one row a plane and one a source of each result, as columns.

    Times are in ns; what there is none of is NaN.
    """
    rows = [row for result in results for row in _rows(result)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _rows(result: Any) -> list[dict[str, Any]]:
    n_sources = len(result.names) - result.planes
    whole = [
        _row(result, "plane", f"plane {plane}", plane, result._rows(plane))
        for plane in range(result.planes)
    ]
    sources = [
        _row(result, "source", result.names[row], result.row_planes[row], [row])
        for row in range(n_sources)
    ]
    return whole + sources


def _row(result: Any, kind: str, name: str, plane: int, rows: list[int]) -> dict[str, Any]:
    counts = result.rows[rows]
    out: dict[str, Any] = {"policy": result.label, "kind": kind, "name": name, "plane": plane}
    out |= {key: int(counts[key].sum()) for key in _COUNTS}
    for what, count in (("response", "injected"), ("latency", "injected"), ("sojourn", "finished")):
        out |= _times(what, counts[counts[count] > 0], count, getattr(result, what)[rows])
    is_plane = kind == "plane"
    time_ns = result.elapsed_ns * result.vcpus
    out["utilisation"] = result.stats.running_ns[plane] / time_ns if is_plane else _NAN
    out["starved_ns"] = int(result.jobs.starved_ns[plane]) if is_plane else 0
    return out


def _times(what: str, used: Any, count: str, histograms: Any) -> dict[str, Any]:
    names = ["mean", *QUANTILES, "max"]
    if not len(used):
        return {f"{what}_{name}_ns": _NAN for name in names}
    low, high = int(used[f"{what}_min_ns"].min()), int(used[f"{what}_max_ns"].max())
    sums = used[f"{what}_ns"]
    total = sum(int(lo) + (int(hi) << 64) for lo, hi in zip(sums["lo"], sums["hi"], strict=True))
    summed = histograms.sum(axis=0)
    found = {name: histogram_quantile(summed, q, low, high) for name, q in QUANTILES.items()}
    values = [total / int(used[count].sum()), *found.values(), float(high)]
    return {f"{what}_{name}_ns": value for name, value in zip(names, values, strict=True)}


def result_text(result: Any) -> str:
    """Give a result as a table with a heading."""
    stats = result.stats
    head = (
        f"{result.label}: {counted(result.vcpus, 'vCPU')} with {counted(result.planes, 'plane')}, "
        f"{format_ns(result.elapsed_ns)}, {counted(int(result.rows['finished'].sum()), 'job')}, "
        f"{counted(stats.switches, 'switch')}, "
        f"{counted(stats.exits, 'exit')}"
        + (" (partial: stopped before its end)" if result.partial else "")
    )
    columns = result_columns([result])
    cells = [
        tuple(_cell(name, columns[name][i]) for name in _TITLES)
        for i in range(len(columns["name"]))
    ]
    return f"{head}\n\n{table(tuple(_TITLES.values()), cells)}"


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float) and value != value:
        return "-"
    if name == "utilisation":
        return f"{100 * value:.1f} %"
    return format_ns(value) if name.endswith("_ns") else str(value)


_SHOWN = (
    ("switches", None, "switches a job"),
    ("exits", None, "exits a job"),
    ("response_mean", "source", "response mean"),
    ("response_p99", "source", "response p99"),
    ("latency_p99", "source", "latency p99"),
    ("sojourn_mean", "source", "sojourn mean"),
    ("sojourn_p99", "source", "sojourn p99"),
)


def comparison_text(comparison: Any) -> str:
    """Give a table of what policies give, and by how much they differ from the first."""
    first = comparison.results[0]
    head = (
        f"{counted(first.vcpus, 'vCPU')} with {counted(first.planes, 'plane')}, "
        f"{format_ns(first.elapsed_ns)} after {format_ns(first.start_ns)} of warm-up, seed "
        f"{first.seed}; the same arrivals for all; in brackets: the difference to {first.label}, "
        "and its 95 % confidence interval"
        + (" (partial: stopped before its end)" if comparison.partial else "")
    )
    rows = []
    for metric, per, title in _SHOWN:
        for where in comparison.sources if per else (None,):
            name = f"{title}, {where}" if where else title
            rows.append((name, *_compared(comparison, metric, where)))
    for where in comparison.sources:
        left = [int(result.rows["queued"][result._rows(where)[0]]) for result in comparison.results]
        if any(left):
            rows.append((f"jobs left, {where}", *map(str, left)))
    return f"{head}\n\n{table(('', *comparison.labels), rows)}"


def _compared(comparison: Any, metric: str, where: str | None) -> list[str]:
    first = comparison.results[0]
    cells = [_value(metric, first.interval(metric, where).value)]
    for result in comparison.results[1:]:
        value = result.interval(metric, where).value
        apart = comparison.difference(metric, where, label=result.label)
        cells.append(f"{_value(metric, value)} {_apart(metric, apart)}")
    return cells


def _value(metric: str, value: float) -> str:
    if value != value:
        return "-"
    return format_ns(value) if "_" in metric else f"{value:.3f}"


def _apart(metric: str, apart: Any) -> str:
    if apart.value != apart.value:
        return ""
    if apart.low == apart.high == 0:
        return "[same]"
    signed = [_signed(metric, value) for value in (apart.value, apart.low, apart.high)]
    return f"[{signed[0]}: {signed[1]} to {signed[2]}]"


def _signed(metric: str, value: float) -> str:
    if value in (float("inf"), float("-inf")):
        return "?"
    return ("-" if value < 0 else "+") + _value(metric, abs(value))
