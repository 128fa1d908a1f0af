"""Results of several policies on the same input: a sequence that can be looked up by label."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from ..errors import Mistake, unknown
from ..policy import Policy
from .equal import Alike
from .interval import Interval
from .likeness import steps
from .result import Result, difference
from .table import result_columns
from .written import html, write, written_by

__all__ = ["METRICS", "SCHEMA", "Results"]

SCHEMA = "planesched.results/1"
"""Changes when what `Results.as_dict` gives changes its form."""

METRICS = (
    "switches", "exits", "response_mean", "response_p99", "latency_mean", "latency_p99",
    "sojourn_mean", "sojourn_p99", "switches_hz", "exits_hz", "utilisation", "switching",
    "userspace", "blocked",
)  # fmt: skip


class Results(Alike):
    """Results of several policies on the same arrivals and service times.

    A sequence of `Result`, but of no such type: ``polars.DataFrame(results)`` takes it by Arrow.

    Parameters
    ----------
    results : iterable of Result
        One a policy; the first one is what the others are compared with.
    partial : bool
        Whether it was stopped: results may be partial, and policies be missing.
    between : mapping of str to sequence of Result, optional
        By label, the policies on the way there from the first, a field changed at each (`stepped`).

    Examples
    --------
    >>> from planesched import Workload, compare
    >>> from planesched.workload import Periodic
    >>> timer = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    >>> found = compare(["vsm", "vsm:scheduler=user"], 2, 1, timer, duration="1 s", costs="any=3us")
    >>> found.labels, found["vsm"].stats.switches, found.difference("exits").value
    (('vsm', 'vsm:scheduler=user'), 2001, 2.001)
    """

    def __init__(
        self,
        results: Iterable[Result],
        partial: bool = False,
        between: Mapping[str, Sequence[Result]] | None = None,
    ) -> None:
        self.results = tuple(results)
        self.partial = partial
        self.between = {label: tuple(found) for label, found in (between or {}).items()}

    @overload
    def __getitem__(self, which: int | str) -> Result: ...
    @overload
    def __getitem__(self, which: slice) -> "Results": ...
    def __getitem__(self, which: int | str | slice) -> "Result | Results":
        if isinstance(which, slice):
            return Results(self.results[which], self.partial, self.between)
        if isinstance(which, str):
            if which not in self.labels:
                raise unknown("label", which, self.labels)
            return self.results[self.labels.index(which)]
        return self.results[which]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the policies are called."""
        return tuple(result.label for result in self.results)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources; of a replay, the levels that its map names."""
        first = self.results[0]
        return first.sources or tuple(sorted(first.levels))

    def difference(
        self,
        metric: str,
        where: int | str | None = None,
        *,
        label: str | None = None,
        against: str | None = None,
        confidence: float = 0.95,
    ) -> Interval:
        """Return by how much a policy differs from another, with a confidence interval.

        The batches of both have the same arrivals (common random numbers), so what is random in
        these cancels out. Of a replay, which is one batch, the interval is not known.

        Parameters
        ----------
        metric : str
            As in `Result.interval`.
        where : int, str or None
            A plane, its level, the name of a source, or all. A source's plane may differ between
            policies.
        label, against : str, optional
            The policies, by default the second and the first.
        confidence : float
            In 0..1.
        """
        if label is None and len(self) < 2:
            raise Mistake("label", None, f"a policy beside {self.labels[0]} to compare with")
        one = self.results[1] if label is None else self[label]
        other = self.results[0] if against is None else self[against]
        return difference(one, other, metric, where, confidence)

    def stepped(self, run: "Callable[[dict[str, Policy]], Results]") -> "Results":
        """Return the same with the steps between: like for like, what each field does alone.

        Parameters
        ----------
        run : callable
            Gives the results of policies by label, on the same input as these.
        """
        between = {}
        for result in self.results[1:]:
            wanted = steps(self.labels[0], self.results[0].policy, result.policy)
            if wanted:
                between[result.label] = run(wanted).results
        return Results(self.results, self.partial, between)

    @property
    def notes(self) -> list[str]:
        """What a reader must know, by policy."""
        return [f"{result.label}: {'; '.join(result.notes)}" for result in self if result.notes]

    def table(self) -> dict[str, list[Any]]:
        """Return one row a policy, and one a plane and source of each, as columns."""
        return result_columns(self.results)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write `table` or `as_dict`, as the name ends: .csv, .parquet, .arrow, .json; or .html."""
        write(path, self.table(), self.as_dict, self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give `table` to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from .arrow import arrow_stream

        return arrow_stream(self.table(), requested_schema)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        return {
            "schema": SCHEMA,
            **written_by(),
            "partial": self.partial,
            "given": self.results[0].given if self.results else {},
            "results": [result.as_dict() for result in self],
            "steps": {
                label: [result.as_dict() for result in found]
                for label, found in self.between.items()
            },
            "differences": [
                {"policy": label, "against": self.labels[0], "metric": metric, "where": where}
                | _numbers(self.difference(metric, where, label=label))
                for label in self.labels[1:]
                for metric in METRICS
                for where in (None, *self._parts(metric))
            ],
        }

    def _parts(self, metric: str) -> tuple[str, ...]:
        """Return what a metric is a figure of, beside all."""
        if metric == "utilisation":
            return tuple(sorted(self.results[0].levels))
        return self.sources if "_" in metric and not metric.endswith("_hz") else ()

    def to_json(self) -> str:
        """Return `as_dict` as JSON."""
        return json.dumps(self.as_dict(), indent=2)

    def text(self, columns: int | None = 0) -> str:
        """Return what str() gives, at most `columns` wide; None: as wide as tables are."""
        from .show import results_text

        return results_text(self, columns)

    def cited(self, command: str) -> str:
        """Return the block for a mail, 72 columns wide; `command` is what makes it again."""
        from .cite import cited

        return cited(self, command)

    def __str__(self) -> str:
        return self.text()

    def plot(self, title: str = "") -> Any:
        """Draw what `Result.plot` does, of all policies beside each other."""
        from .drawn import overview

        return overview(self, title)

    def _repr_html_(self) -> str:
        return html(self.table())

    def __repr__(self) -> str:
        return f"<Results of {', '.join(self.labels)}{', partial' if self.partial else ''}>"


def _numbers(interval: Interval) -> dict[str, float | None]:
    values = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
