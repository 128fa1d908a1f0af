"""What a scenario's guests did in real time, beside what simulation says of them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..figures.budget import budget, per_second
from ..figures.interval import Interval
from ..figures.notes import warnings
from ..figures.result import Result
from ..figures.written import write as write_table
from ..markup import preformatted
from ..text import counted, fill, fitted, format_ns, width
from .host import Host

__all__ = ["Ran"]

_FIGURES = ("p50", "p99")
_FEW = 20
"""With fewer jobs a quantile says nothing."""
_WIDE = 1000
"""An interval that reaches beyond so many times the value says nothing either."""
_NOTHING = (
    "predicted 0 ns: the plane runs already, so no switch; measured, the timer's exit, the posting "
    "and the entry come first all the same"
)


@dataclass(frozen=True)
class Ran:
    """A live run and the simulation of the same scenario, seed and duration.

    Attributes
    ----------
    live, simulated : Result
        What happened, and what was predicted with the costs of this host.
    host : Host
        Where.
    urgency : str
        Before which other threads of the host those of the vCPUs went.
    """

    live: Result
    simulated: Result
    host: Host
    urgency: str

    @property
    def partial(self) -> bool:
        """Whether Ctrl-C ended the live run early."""
        return self.live.partial

    def switches_hz(self) -> tuple[float, float]:
        """Return the switches a second of a vCPU: predicted and measured."""
        rates = (per_second(each, each.stats.switches) for each in (self.simulated, self.live))
        predicted, measured = rates
        return predicted, measured

    def table(self) -> dict[str, list[Any]]:
        """Return one row a plane and source and figure, as columns; times in ns."""
        rows = [
            {
                "name": name, "figure": figure, "predicted_ns": predicted,
                "measured_ns": found.value, "low_ns": found.low, "high_ns": found.high,
                "factor": found.value / predicted if predicted else None,
            }
            for name, figure, predicted, found in self._responses()
        ]  # fmt: skip
        names = ("name", "figure", "predicted_ns", "measured_ns", "low_ns", "high_ns", "factor")
        return {name: [row[name] for row in rows] for name in names}

    def _responses(self) -> Iterator[tuple[str, str, float | None, Interval]]:
        for where in [*self.live.levels, *self.live.sources]:
            place = self.live.levels.get(where, where)
            measured, predicted = self.live.response[place], self.simulated.response[place]
            if min(measured.count, predicted.count) < _FEW:
                continue
            for figure in _FIGURES:
                quantile = {"p50": 0.5, "p99": 0.99}[figure]
                yield where, figure, predicted.quantile_ns(quantile), measured.interval(figure)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        columns = self.table()
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        predicted, measured = self.switches_hz()
        return {
            "schema": "planesched.ran/1",
            "host": self.host.as_dict(),
            "partial": self.partial,
            "urgency": self.urgency,
            "switches_hz": {"predicted": predicted, "measured": measured},
            "responses": rows,
            "live": self.live.as_dict(),
            "simulated": self.simulated.as_dict(),
        }

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it: .json has all, .csv, .parquet and .arrow the responses.

        Raises
        ------
        Mistake
            If the name has another ending.
        OSError
            If it cannot be written.
        """
        write_table(path, self.table(), self.as_dict)

    @property
    def said(self) -> str:
        """What was measured beside what was predicted, in a sentence."""
        predicted, measured = self.switches_hz()
        stopped = " (stopped before its end)" if self.partial else ""
        return (
            f"{self.live.label}: {counted(self.live.vcpus, 'vCPU')}, "
            f"{format_ns(self.live.elapsed_ns)}{stopped}: {predicted:,.0f} switches a second "
            f"predicted, {measured:,.0f} measured ({_percent(measured, predicted)})"
        )

    def responses(self) -> list[tuple[str, ...]]:
        """Return response in words: of what, the figure, predicted, measured, and their ratio."""
        return [
            (name, figure, format_ns(said), f"{format_ns(found.value)} {_within(found)}",
             f"{found.value / said:.2f}" if said else "-")
            for name, figure, said, found in self._responses()
        ]  # fmt: skip

    def text(self, columns: int | None = 0) -> str:
        """Return it as text, `columns` wide; 0 as the terminal is, None without an end."""
        columns = width() if columns == 0 else columns
        responses = self.responses()
        shares = [budget(each) for each in (self.simulated, self.live)]
        times = [(name, *(f"{100 * share[name]:.2f} %" for share in shares)) for name in shares[0]]
        facts = self.host.facts()
        foot = [
            f"costs of the simulation: {self.simulated.given.get('costs') or 'none'}",
            f"threads of vCPUs run {self.urgency}",
            "response is to the guest's report of the vector; live, switches and exits count as "
            "the time of the plane that was picked; in brackets: 95 % confidence",
            *([_NOTHING] if any(factor == "-" for *_, factor in responses) else []),
            *(f"{what}: {facts[what]}" for what in ("processor", "kernel", "KVM", "local APIC")),
        ]
        shown = ("response", "", "predicted", "measured", "factor")
        dead = [f"WARNING: measured: {note}" for note in warnings(self.live)]
        parts = [
            "\n".join(line for each in dead for line in fill(each, columns, hang=2)),
            "\n".join(fill(self.said, columns, hang=2)),
            fitted(shown, responses, columns) if responses else "",
            fitted(("vCPU time", "predicted", "measured"), times, columns),
            "\n".join(line for each in foot for line in fill(each, columns, hang=2)),
        ]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def __str__(self) -> str:
        return self.text()


def _percent(found: float, expected: float) -> str:
    return f"{100 * (found / expected - 1):+.1f} %" if expected else "none predicted"


def _within(found: Interval) -> str:
    if not found.high <= _WIDE * found.value:
        return "[unknown]"  # of too few batches
    return f"[{format_ns(found.low)}, {format_ns(found.high)}]"
