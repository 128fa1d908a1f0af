"""What results rest on: the trace that was read, which plane is whose, and what switches cost."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..text import counted, format_ns
from .steps import foremost
from .trace import TraceSummary

if TYPE_CHECKING:
    from .result import Result

__all__ = [
    "ENOUGH", "QUANTILES", "RESPONSE", "costs_text", "levels_text", "rests_on", "sure_text",
    "trace_lacks", "trace_text",
]  # fmt: skip

QUANTILES = "quantiles to 0.8 %"
"""The middle of a bucket (planesched/histogram.h) is off by at most 1/128 of a value."""

ENOUGH = 100
"""Of fewer responses the 99th percentile is no more than the longest."""

RESPONSE = f"response to the plane's first instruction, {QUANTILES}"
"""What a block to cite says of its times."""


def trace_text(result: "Result") -> str:
    """Say what was read of a trace; busy periods that no interrupt began are jobs of level 0."""
    trace = result.trace
    if trace is None:
        return ""
    named = result.given.get("trace", {}).get("path", "trace")
    parts = [
        f"{named}: {trace.producer}, {format_ns(result.elapsed_ns)}, "
        f"{counted(trace.vcpus, 'vCPU')}, {counted(trace.arrivals, 'interrupt')}"
    ]
    if trace.wakes:
        parts.append(
            f"{counted(trace.wakes, 'busy period')} that no interrupt began: jobs of the guest OS, "
            "but no interrupts, so not in response and latency"
        )
    parts += _missing(trace)
    if trace.cuts:
        parts.append(f"{counted(trace.cuts, 'long busy period')} cut in two")
    notes = [f"note: {note}" for note in trace.notes]
    none = [] if trace.arrivals else ["no interrupt, so no table"]
    return ". ".join(["; ".join(parts), *notes, *none])


def trace_lacks(result: "Result") -> list[str]:
    """Say what a trace does not show, a line each; whoever cites figures of it has to."""
    if result.trace is None:
        return []
    return [f"note: {note}" for note in (*_missing(result.trace), *result.trace.notes)]


def _missing(trace: TraceSummary) -> list[str]:
    out = []
    if trace.bad:
        out.append(f"{counted(trace.bad, 'malformed line')} skipped (first: {trace.bad_lines[0]})")
    if trace.lost:
        out.append(f"{counted(trace.lost, 'event')} lost by the producer")
    return out


def rests_on(results: "Sequence[Result]") -> list[str]:
    """Say which plane is whose, and what switches and, in a replay, interrupts take."""
    first = results[0]
    out = [
        levels_text(results),
        f"{QUANTILES}, for they come of histograms; counts, means and extremes are exact",
        costs_text(str(first.given.get("costs", ""))),
    ]
    out += _pairs(results) + sure_text(results)
    if first.trace is not None and not first.given.get("service_ns"):
        out.append(
            "service: none, interrupts take their planes no time here, so hardly anything waits "
            "(--service sets it)"
        )
    return out


def _pairs(results: "Sequence[Result]") -> list[str]:
    """Say of costs from plane to plane which cost nothing, and whose planes these are."""
    first = results[0]
    pairs = [name for name in first.given.get("costs_ns", {}) if name[0].isdecimal()]
    absent = [pair for pair in pairs if max(map(int, pair.split("-"))) >= first.planes]
    out = [f"costs of {pair} never arise: {first.planes} planes" for pair in absent]
    if pairs and any(each.levels != first.levels for each in results):
        out.append("costs from plane to plane go by numbers: not the same levels under each policy")
    return out


def sure_text(results: "Sequence[Result]") -> list[str]:
    """Say how sure the p99 is that sentences tell: of how few it is, or its interval."""
    name = foremost(results)
    if name is None:
        return []
    few, spans = [], []
    for result in results:
        found = result.response[name]
        if 0 < found.count < ENOUGH:
            few.append(f"{result.label} {found.count}")
        elif found.count and result.trace is None:
            sure = found.interval("p99")
            if math.isinf(sure.high):
                spans.append(f"{result.label} not known of so short a time")
            elif sure.low < sure.high:
                spans.append(f"{result.label} {format_ns(sure.low)} to {format_ns(sure.high)}")
    out = [f"p99 response of {name} is of few responses: {', '.join(few)}"] if few else []
    if spans:
        out.append(f"p99 response of {name} with 95 % confidence: {', '.join(spans)}")
    return out


def levels_text(results: "Sequence[Result]") -> str:
    """Say which plane is whose: level by level, where policies differ for each."""
    found: dict[str, list[str]] = {}
    for result in results:
        planes = ", ".join(
            f"{level}{' (guest OS)' * (level == 'level0')} = plane {n}"
            for level, n in sorted(result.levels.items())
        )
        found.setdefault(planes, []).append(result.label)
    if len(found) == 1:
        return f"levels: {next(iter(found)) or 'not known'}"
    parts = [f"{', '.join(labels)}: {planes}" for planes, labels in found.items()]
    return f"levels: {'; '.join(parts)}"


def costs_text(costs: str) -> str:
    """Say what switches and exits were taken to cost, and so what response is."""
    if not costs:
        return (
            "costs: none, switches and exits take no time here, so response is latency "
            "(--cost sets them)"
        )
    return f"costs: {costs}; response is to the plane's first instruction, latency to the injection"
