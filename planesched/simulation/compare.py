"""Comparing policies on the same arrivals, by paired differences."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..checks import plane_count
from ..errors import Mistake, unknown
from ..figures.batches import Interval, mean_interval
from ..figures.equal import Alike
from ..figures.result import Result
from ..policy import Policy
from ..policytext import Several, as_policies
from ..workload import Workload
from .run import simulate

__all__ = ["Comparison", "compare"]

METRICS = ("switches", "exits", "latency_mean", "latency_p99", "sojourn_mean", "sojourn_p99")


@dataclass(frozen=True, eq=False)
class Comparison(Alike):
    """Results of several policies on the same arrivals and service times.

    Attributes
    ----------
    results : tuple of Result
        One a policy; the first one is what the others are compared with.
    partial : bool
        Whether it was stopped: the last result may be partial, and policies be missing.
    """

    results: tuple[Result, ...]
    partial: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """What the policies are called."""
        return tuple(result.label for result in self.results)

    def result(self, label: str) -> Result:
        """Give the result of one policy."""
        if label not in self.labels:
            raise unknown("label", label, self.labels)
        return self.results[self.labels.index(label)]

    def difference(
        self,
        metric: str,
        where: int | str | None = None,
        *,
        label: str | None = None,
        against: str | None = None,
        confidence: float = 0.95,
    ) -> Interval:
        """Give by how much a policy differs from another, with a confidence interval.

        The batches of both have the same arrivals, so what is random in these cancels out.

        Parameters
        ----------
        metric : str
            As in `Result.interval`.
        where : int, str or None
            A plane, the name of a source, or all. A source's plane may differ between policies.
        label, against : str, optional
            The policies, by default the second and the first.
        confidence : float
            In 0..1.
        """
        if label is None and len(self.results) < 2:
            raise Mistake("label", label, f"a second policy: there is only {self.labels[0]}")
        one = self.result(self.labels[1] if label is None else label)
        other = self.result(self.labels[0] if against is None else against)
        count = min(len(one.batches), len(other.batches))
        mine = one.batch_values(metric, where)[:count]
        theirs = other.batch_values(metric, where)[:count]
        whole = one.interval(metric, where).value - other.interval(metric, where).value
        return mean_interval(mine - theirs, confidence, whole)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, lists and dicts, as JSON holds them."""
        return {
            "partial": self.partial,
            "results": [result.as_dict() for result in self.results],
            "differences": [
                {"policy": label, "against": self.labels[0], "metric": metric, "source": source}
                | _numbers(self.difference(metric, source, label=label))
                for label in self.labels[1:]
                for metric in METRICS
                for source in (None, *self.sources)
                if source is None or metric not in ("switches", "exits")
            ],
        }

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources."""
        first = self.results[0]
        return first.names[: len(first.names) - first.planes]

    def table(self) -> dict[str, list[Any]]:
        """Give one row a policy and plane or source, as columns."""
        from ..report.results import result_columns

        return result_columns(self.results)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give `table` to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from ..figures.arrow import arrow_stream

        return arrow_stream(self.table(), requested_schema)

    def __str__(self) -> str:
        from ..report.results import comparison_text

        return comparison_text(self)


def _numbers(interval: Interval) -> dict[str, float | None]:
    values = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def compare(
    policies: Several,
    planes: int = 2,
    vcpus: int | range | Iterable[int] = 1,
    workload: Workload | None = None,
    *,
    in_userspace: bool = False,
    **options: Any,
) -> Comparison:
    """Simulate several policies on the same arrivals and service times.

    Parameters
    ----------
    policies : policy, or iterable or mapping of policies
        One or several, each as `simulate` takes it. A mapping gives labels. The first is what
        others are compared with.
    planes, vcpus, workload
        As in `simulate`.
    in_userspace : bool
        Also simulate each policy with ``scheduler="user"``.
    **options
        As in `simulate`. ``jobs`` and ``until_precision`` may stop at different times; differences
        are of the batches that both have.

    Returns
    -------
    Comparison
        On Ctrl-C, of what was simulated, with ``partial``.

    Raises
    ------
    ValueError
        If there is no policy, or two of one name; and as `simulate` does.
    """
    runs: list[tuple[Policy, dict[str, Any]]] = []
    for label, policy in as_policies(policies, plane_count(planes)).items():
        runs.append((policy, {"label": label} | options))
        if in_userspace:
            user = {"label": f"{label} (userspace)", "in_userspace": True}
            runs.append((policy, options | user))
    results: list[Result] = []
    for policy, run in runs:
        try:
            results.append(simulate(policy, planes, vcpus, workload, **run))
        except KeyboardInterrupt:
            # Nothing of this policy was simulated yet; of the others it was.
            if not results:
                raise
            return Comparison(tuple(results), partial=True)
        if results[-1].partial:
            return Comparison(tuple(results), partial=True)
    return Comparison(tuple(results))
