"""What was measured on a host: a table, and a cost set that every driver takes."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Mistake
from ..figures.written import write as write_table
from ..files import replacing
from ..markup import preformatted
from ..text import fill, fitted, format_ns, width
from ..workload import Costs
from .host import Host

__all__ = ["Measured", "Sampled"]

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, eq=False)
class Sampled:
    """One thing that was measured.

    Attributes
    ----------
    name, words : str
        What it is called, and what it is.
    ns : ndarray of int64, shape (n,)
        The samples, rising, with the clock's own cost taken off.
    """

    name: str
    words: str
    ns: NDArray[np.int64]

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.ns)

    def quantile_ns(self, quantile: float) -> float:
        """Return the sample that so large a part of all does not exceed."""
        return float(np.quantile(self.ns, quantile, method="inverted_cdf"))


@dataclass(frozen=True)
class Measured:
    """What was measured on a host; str() is the table.

    Attributes
    ----------
    host : Host
        Where.
    core : int
        The core that the planes ran on.
    clock_ns : int
        What two readings of the clock take, median; taken off every sample.
    samples : mapping of str to Sampled
        By name.
    partial : bool
        Whether Ctrl-C ended it early.
    """

    host: Host
    core: int
    clock_ns: int
    samples: Mapping[str, Sampled]
    partial: bool = False

    @property
    def copied(self) -> str:
        """The cheaper way to copy what planes share that was measured, as a sample's name."""
        found = [name for name in ("switch_shared", "switch_ioctls") if name in self.samples]
        if not found or "exit" not in self.samples:
            raise Mistake("measured", sorted(self.samples), "an exit and a switch with registers")
        return min(found, key=lambda name: self.samples[name].quantile_ns(0.5))

    def costs(self, *, copied: bool = True) -> Costs:
        """Return the cost set: what an exit takes, and a switch of planes besides.

        Parameters
        ----------
        copied : bool
            With what planes share copied, as VSM has it; or without.

        Raises
        ------
        Mistake
            If it was stopped before these were measured.
        """
        how = self.copied if copied else "switch"
        if how not in self.samples:
            raise Mistake("measured", sorted(self.samples), "an exit and a switch")
        leave = round(self.samples["exit"].quantile_ns(0.5))
        whole_ns = round(self.samples[how].quantile_ns(0.5))
        return Costs({"any": max(0, whole_ns - leave)}, exit=leave)

    def table(self) -> dict[str, list[Any]]:
        """Return one row a thing measured, as columns; times in ns."""
        rows = list(self.samples.values())
        out: dict[str, list[Any]] = {
            "name": [row.name for row in rows],
            "what": [row.words for row in rows],
            "count": [row.count for row in rows],
        }
        for name, quantile in QUANTILES.items():
            out[f"{name}_ns"] = [row.quantile_ns(quantile) for row in rows]
        return out

    def as_dict(self) -> dict[str, Any]:
        """Return all of it but the samples as plain values."""
        columns = self.table()
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return {
            "schema": "planesched.measured/1",
            "host": self.host.as_dict(),
            "core": self.core,
            "clock_ns": self.clock_ns,
            "partial": self.partial,
            "rows": rows,
        }

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write it: a ``.toml`` is a cost set for every ``--cost``; .csv, .json, .parquet, .arrow.

        Raises
        ------
        Mistake
            If the name has another ending, or there is no cost set yet.
        OSError
            If it cannot be written.
        """
        if not os.fspath(path).endswith(".toml"):
            write_table(path, self.table(), self.as_dict)
            return
        text = _cost_set(self)
        with replacing(path) as file:
            file.write(text)

    def text(self, columns: int | None = 0) -> str:
        """Return it as text, `columns` wide; 0 as the terminal is, None without an end."""
        columns = width() if columns == 0 else columns
        shown = ("", "samples", *QUANTILES)
        rows = [
            (
                row.words,
                str(row.count),
                *(format_ns(row.quantile_ns(quantile)) for quantile in QUANTILES.values()),
            )
            for row in self.samples.values()
        ]
        facts = self.host.facts()
        foot = [
            f"pinned to core {self.core}; two readings of the clock take {self.clock_ns} ns, which "
            "are taken off every sample",
            *(f"{what}: {found}" for what, found in facts.items()),
        ]
        stopped = "stopped before its end; " if self.partial else ""
        parts = [
            "\n".join(fill(stopped + _answer(self), columns)),
            fitted(shown, rows, columns) if rows else "",
            "\n".join(line for each in foot for line in fill(each, columns, hang=2)),
        ]
        return "\n\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def __str__(self) -> str:
        return self.text()


def _answer(measured: Measured) -> str:
    """Say what a switch by userspace takes here."""
    try:
        name = measured.copied
    except Mistake:
        return "nothing that makes a cost set was measured"
    leave = measured.samples["exit"].quantile_ns(0.5)
    switch = measured.samples[name].quantile_ns(0.5)
    how = "kvm_run" if name == "switch_shared" else "ioctls"
    return (
        f"A switch of planes by userspace takes {format_ns(switch)} here (median), with the "
        f"registers that planes share copied by {how}; {format_ns(leave)} of these are the exit to "
        "userspace and back, which a switch inside the kernel would save."
    )


def _cost_set(measured: Measured) -> str:
    """Write the cost set as TOML."""

    def quoted(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    costs = measured.costs()
    how = measured.samples[measured.copied].words
    lines = [
        "# What planes cost on one host when userspace schedules them; for every --cost.",
        "# Medians. A switch inside the kernel would save the exit.",
        "[costs]",
        f'any = "{costs.as_dict()["any"]} ns"  # {how}, less the exit',
        f'exit = "{costs.as_dict()["exit"]} ns"  # of port I/O, and back',
        "",
        "[host]",
        *(f"{quoted(what)} = {quoted(found)}" for what, found in measured.host.facts().items()),
        f"core = {measured.core}",
        f'"clock taken off" = "{measured.clock_ns} ns"',
    ]
    for row in measured.samples.values():
        lines += ["", f"[measured.{row.name}]", f"what = {quoted(row.words)}"]
        lines += [f"samples = {row.count}"]
        lines += [
            f'{name} = "{row.quantile_ns(quantile):.0f} ns"' for name, quantile in QUANTILES.items()
        ]
    return "\n".join(lines) + "\n"
