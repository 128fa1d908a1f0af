"""The block for a mail: a sentence, a small table and what it rests on, 72 columns wide."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..text import counted, fill, fitted, format_ns, listed
from .budget import change, per_second, percent, running_share
from .likeness import likeness
from .notes import starved, warnings
from .rests import RESPONSE, sure_text, trace_lacks
from .steps import foremost, steps_said
from .written import written_by

if TYPE_CHECKING:
    from .result import Result
    from .results import Results

__all__ = ["CITED", "block", "cited", "verdict", "verdicts"]

CITED = 72
"""Columns that a mail has."""

_MOST = 6


def verdict(results: "Results") -> str:
    """Return what the figures say of each policy beside the first, in one sentence or two."""
    return " ".join(verdicts(results))


def verdicts(results: "Results") -> list[str]:
    """Return what the figures say of each policy beside the first, or of a single one."""
    first, name = results[0], foremost(list(results))
    base = per_second(first, first.stats.switches)
    out = []
    for result in results[1:]:
        rate = per_second(result, result.stats.switches)
        more = f" ({change(rate / base - 1)})" if base else ""
        instead = f"{_answered(result, name)}, with {first.label} {_answered(first, name)}"
        out.append(
            f"{result.label} makes {rate:,.0f} switches/s a vCPU{more}"
            f"{steps_said(results, result.label)} and "
            f"{per_second(result, result.stats.exits):,.0f} exits/s, where {first.label} makes "
            f"{base:,.0f} and {per_second(first, first.stats.exits):,.0f}"
            + (f"; p99 response of {name} {instead}" if name else "")
        )
    if out:
        return [f"{said}." for said in out]
    said = f"; p99 response of {name} {_answered(first, name)}" if name else ""
    return [
        f"{first.label} makes {base:,.0f} switches/s a vCPU and "
        f"{per_second(first, first.stats.exits):,.0f} exits/s, and the guest OS runs "
        f"{percent(running_share(first), 1)} of the time{said}."
    ]


def _answered(result: "Result", name: str | None) -> str:
    """Say how long a source waits for its first instruction."""
    if name is None:
        return ""
    if starved(result, result.plane_of(name)):
        return "starved"
    found = result.response[name]
    if not found.count:
        return "nothing injected"
    return format_ns(found.quantile_ns(0.99))


def cited(results: "Results", command: str, sentence: str | None = None) -> str:
    """Return the block: warnings and the verdict, a line a policy, and a footer.

    Parameters
    ----------
    results : Results
    command : str
        What makes them again.
    sentence : str, optional
        The verdict, where there is a better one than `verdict`.
    """
    first = results[0]
    dead = [f"WARNING: {each.label}: {note}" for each in results for note in warnings(each)]
    middle = foremost(list(results))
    header = ["policy", "switches/s", "exits/s", "guest OS"]
    header += [f"p99 {middle}", "undone"] if middle is not None else ["undone"]
    base = per_second(first, first.stats.switches)
    rows = []
    for place, result in enumerate(results[:_MOST]):
        rate = per_second(result, result.stats.switches)
        more = f" {change(rate / base - 1)}" if place and base else ""
        cells = [result.label, f"{rate:,.0f}{more}"]
        cells.append(f"{per_second(result, result.stats.exits):,.0f}")
        cells.append(percent(running_share(result), 1))
        if middle is not None:
            found = result.response[middle]
            alive = not starved(result, result.plane_of(middle))
            cells.append(format_ns(found.quantile_ns(0.99)) if alive else "starved")
        rows.append([*cells, str(int(result.jobs.queued.sum()))])
    foot = [
        *likeness(results),
        *trace_lacks(first),
        *sure_text(list(results)[:_MOST]),
        f"planesched {written_by()['version']}",
        _rests_on(results),
        command,
    ]
    return block([*dead, sentence or verdict(results)], fitted(header, rows, CITED), foot)


def block(sentences: Sequence[str], table: str, foot: Sequence[str]) -> str:
    """Lay out a block for a mail: sentences, a table that fits, and a footer."""
    lines = [line for text in sentences for line in fill(text, CITED)]
    shown = [line for text in foot for line in fill(text, CITED, hang=2)]
    return "\n".join([*lines, "", table, "", *shown])


def _rests_on(results: "Results") -> str:
    given = results[0].given
    trace = given.get("trace", {})
    digest = trace.get("digest") or given.get("digest")
    parts = [f"{trace['path']} sha256 {digest}" if "path" in trace else f"input {digest}"]
    parts.append(f"{format_ns(results[0].elapsed_ns)} of {counted(results[0].vcpus, 'vCPU')}")
    parts.append(f"costs {given.get('costs') or 'none'}")
    if trace and not given.get("service_ns"):
        parts.append("service none")
    if "seed" in given:
        parts.append(f"seed {given['seed']}")
    return listed([*parts, RESPONSE])
