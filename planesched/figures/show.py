"""Results as people read them: warnings first, then tables that fit, then what they rest on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..text import counted, fill, fitted, format_ns, width
from .budget import per_second, percent, role, running_share, spent
from .cite import verdict
from .likeness import likeness
from .notes import notes, starved, warnings
from .rests import rests_on, trace_text
from .scores import Score, injected_of, rate, scores
from .steps import steps_text
from .vectors import vectors_compared, vectors_text

if TYPE_CHECKING:
    from .result import Result
    from .results import Results

__all__ = ["result_text", "results_text"]

_TITLES = (
    "", "jobs", "left", "injected", "response p50", "p99", "max", "latency p99", "sojourn mean",
    "p99", "runs",
)  # fmt: skip


def result_text(result: "Result", columns: int | None = 0) -> str:
    """Return a result as text; `columns` is how wide, None as wide as it likes, 0 as it fits."""
    columns = width() if columns == 0 else columns
    if _says_nothing(result):
        return "\n".join(_filled([trace_text(result)], columns))
    from .results import Results

    whole, said = warnings(result), verdict(Results([result]))
    head = (
        f"{result.label}: {_run(result)}, "
        f"{counted(int(result.rows['finished'].sum()), 'job')}, "
        f"{counted(result.stats.switches, 'switch')}, {counted(result.stats.exits, 'exit')}"
        + _partial(result.partial)
    )
    rest = [note for note in notes(result) if note not in whole]
    read = [text for text in [trace_text(result)] if text]
    parts = [
        "\n".join(
            _filled(
                [*(f"WARNING: {note}" for note in whole), said, *read, head],
                columns,
            )
        ),
        _sources(result, columns),
        *(text for text in [vectors_text(result, columns)] if text),
        _budget(result, columns),
        "\n".join(_filled([*rest, *rests_on([result])], columns)),
    ]
    return "\n\n".join(parts)


def results_text(results: "Results", columns: int | None = 0) -> str:
    """Return results of several policies side by side, as `result_text` does one."""
    columns = width() if columns == 0 else columns
    if len(results) == 1 or _says_nothing(results[0]):
        return result_text(results[0], columns)
    first = results[0]
    whole = [f"WARNING: {each.label}: {note}" for each in results for note in warnings(each)]
    # A replay is one batch: by how much another trace would differ is not known.
    half = ", +- half of its 95 % confidence interval" if len(first.batches) > 1 else ""
    head = (
        f"{_run(first)}; the same arrivals for all; in brackets: by how much it differs from "
        f"{first.label}{half}" + _partial(results.partial)
    )
    rest = [
        f"{each.label}: {note}"
        for each in results
        for note in notes(each)
        if note not in warnings(each)
    ]
    read = [text for text in [trace_text(first)] if text]
    parts = [
        "\n".join(_filled([*whole, verdict(results), *read, head], columns)),
        "\n".join(_filled(likeness(results), columns)),
        *([steps_text(results, columns)] if results.between else []),
        fitted(("", *results.labels), [_scored(score) for score in scores(results)], columns),
        *(text for text in [vectors_compared(list(results), columns)] if text),
        "\n".join(_filled([*rest, *rests_on(list(results))], columns)),
    ]
    return "\n\n".join(parts)


def _says_nothing(result: "Result") -> bool:
    """Whether a trace had no interrupt: a table of zeros would look like an answer."""
    return result.trace is not None and not result.trace.arrivals


def _filled(texts: Sequence[str], columns: int | None) -> list[str]:
    return [line for text in texts for line in fill(text, columns, hang=2)]


def _run(result: "Result") -> str:
    seed = "" if result.trace else f", seed {result.seed}"
    warm = f" after {format_ns(result.start_ns)} of warm-up" if result.start_ns else ""
    return (
        f"{counted(result.vcpus, 'vCPU')} with {counted(result.planes, 'plane')}, "
        f"{format_ns(result.elapsed_ns)}{warm}{seed}"
    )


def _partial(partial: bool) -> str:
    return " (partial: stopped before its end)" if partial else ""


# ---- One policy ----


def _sources(result: "Result", columns: int | None) -> str:
    planes = list(dict.fromkeys([*result.levels.values(), *range(result.planes)]))
    rows = [_source(result, result.called(plane), plane) for plane in planes]
    rows += [
        _source(result, f"{name} (plane {result.plane_of(name)})", name) for name in result.sources
    ]
    return fitted(_TITLES, rows, columns)


def _source(result: "Result", title: str, where: int | str) -> tuple[str, ...]:
    counts = result.rows[result.rows_of(where)]
    plane = result.plane_of(where)
    left, injected = int(counts["queued"].sum()), int(counts["injected"].sum())
    dead = starved(result, plane)
    response, latency = result.response[where], result.latency[where]
    times = [response.quantile_ns(0.5), response.quantile_ns(0.99), response.max_ns]
    shown = [format_ns(ns) for ns in (*times, latency.quantile_ns(0.99))]
    sojourn = result.sojourn[where]
    return (
        title,
        str(int(counts["finished"].sum())),
        str(left),
        injected_of(result, where) if injected or dead else "0",
        *(["starved"] * len(shown) if dead else shown),
        format_ns(sojourn.mean_ns if sojourn.count else None),
        format_ns(sojourn.quantile_ns(0.99)),
        percent(running_share(result, plane), 1) if isinstance(where, int) else "",
    )


# ---- Where the time went ----


def _budget(result: "Result", columns: int | None) -> str:
    """Return the shares of vCPU time, which add up to 100 %, and what happened a second."""
    shares = spent(result)
    counts = (result.stats.switches, result.stats.exits, int(result.stats.idle_entries.sum()))
    header = ["vCPU time", *map(role, shares), "sum", "switches/s", "exits/s", "idle entries/s"]
    cells = [*map(percent, shares.values()), "100 %"]
    cells += [rate(per_second(result, count)) for count in counts]
    return fitted(header, [(result.label, *cells)], columns)


# ---- Several policies ----


def _scored(score: Score) -> tuple[str, ...]:
    return (score.title, *(f"{cell.value} {cell.apart}".rstrip() for cell in score.cells))
