"""What a simulation gives: every figure, whole and by batches.

Longer than 300 lines because it is one class, and its figures are documented where they are.
"""

import io
import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..files import replacing
from ..policy import Policy
from .batches import Batches, Interval, mean_interval, ratio_interval
from .distribution import QUANTILES, by_plane, histogram_quantile
from .equal import Alike
from .jobs import TIMED, JobStats, merge_rows
from .planes import Stats

__all__ = ["Result"]

"""The quantiles of tables, by name."""

_ARRAYS = ("vcpu_ids", "figures", "totals", "rows", *TIMED, "time_ns")
_FORM = 2


@dataclass(eq=False)
class Result(Alike):
    """Figures of one simulation, or of several merged.

    Attributes
    ----------
    label : str
        What the policy is called.
    policy : Policy
    planes : int
    seed : int
    start_ns, elapsed_ns : int
        When counting began, and how long it lasted.
    names : tuple of str
        The rows: every source, then every plane (what was recorded for it, and what VINA posted).
    row_planes : tuple of int
        The plane that serves the jobs of each row.
    vcpu_ids : ndarray of uint32, shape (vcpus,)
    figures, totals : ndarray, shape (), dtypes FIGURES and TOTALS
        The counters behind `stats` and `jobs`.
    rows : ndarray, shape (rows,), dtype ROW
    latency, response, sojourn : ndarray of uint64, shape (rows, buckets)
        Histograms (planesched/histogram.h): from arrival to injection, to the first instruction of
        the plane that takes it, to the end of service.
    time_ns : ndarray of int64, shape (vcpus, 4)
        What each vCPU did: running, in userspace, blocked, in transitions; rows sum to elapsed_ns.
    batches : Batches
        The same by stretches of time.
    livelocks : list of tuple
        (vCPU, how often, time in ns of the first, planes that took part).
    partial : bool
        Whether it was stopped before its end.
    """

    label: str
    policy: Policy
    planes: int
    seed: int
    start_ns: int
    elapsed_ns: int
    names: tuple[str, ...]
    row_planes: tuple[int, ...]
    vcpu_ids: NDArray[np.uint32]
    figures: NDArray[np.void]
    totals: NDArray[np.void]
    rows: NDArray[np.void]
    latency: NDArray[np.uint64]
    response: NDArray[np.uint64]
    sojourn: NDArray[np.uint64]
    time_ns: NDArray[np.int64]
    batches: Batches
    livelocks: list[tuple[int, int, int, tuple[int, ...]]] = field(default_factory=list)
    partial: bool = False

    @property
    def vcpus(self) -> int:
        """How many vCPUs were simulated."""
        return len(self.vcpu_ids)

    @property
    def stats(self) -> Stats:
        """Switches, entries, exits, latency and time per plane."""
        latency = by_plane(self.latency, self.row_planes, self.planes)
        return Stats(self.figures, latency, elapsed_ns=self.elapsed_ns, vcpus=self.vcpus)

    @property
    def jobs(self) -> JobStats:
        """Jobs and sojourn times per plane."""
        return JobStats(self.totals, by_plane(self.sojourn, self.row_planes, self.planes))

    @property
    def events(self) -> int:
        """Arrivals and ends of jobs."""
        return int(self.rows["arrived"].sum() + self.rows["finished"].sum())

    def _rows(self, where: int | str | None) -> list[int]:
        """Give the rows of a source, of a plane, or all."""
        if where is None:
            return list(range(len(self.names)))
        if isinstance(where, str):
            if where not in self.names:
                raise ValueError(f"{where!r} is none of {', '.join(self.names)}")
            return [self.names.index(where)]
        if not 0 <= where < self.planes:
            raise ValueError(f"plane {where} is not below planes={self.planes}")
        return [row for row, plane in enumerate(self.row_planes) if plane == where]

    def quantile_ns(self, what: str, where: int | str | None, quantile: float) -> float | None:
        """Give a quantile of what is timed, off by at most 1/128 of itself.

        Parameters
        ----------
        what : {"latency", "response", "sojourn"}
            Arrival to injection, to the first instruction, or to the end of service.
        where : int, str or None
            A plane, the name of a source, or all.
        quantile : float
            In 0..1.

        Returns
        -------
        float or None
            Nanoseconds; None where there is none.
        """
        if what not in TIMED:
            raise ValueError(f"{what!r} is none of {', '.join(TIMED)}")
        rows = self._rows(where)
        count = "finished" if what == "sojourn" else "injected"
        used = self.rows[rows][self.rows[rows][count] > 0]
        low = int(used[f"{what}_min_ns"].min()) if len(used) else None
        high = int(used[f"{what}_max_ns"].max()) if len(used) else None
        return histogram_quantile(getattr(self, what)[rows].sum(axis=0), quantile, low, high)

    def interval(
        self, metric: str, where: int | str | None = None, confidence: float = 0.95
    ) -> Interval:
        """Give a figure with its confidence interval, by batch means.

        Parameters
        ----------
        metric : str
            ``"latency_mean"``, ``"latency_p99"`` and so on (`QUANTILES`), the same for
            ``"response"`` and ``"sojourn"``; ``"switches"`` and ``"exits"`` per finished job;
            ``"utilisation"``, the share of time that a plane, or any, runs.
        where : int, str or None
            A plane, the name of a source, or all.
        confidence : float
            In 0..1.

        Raises
        ------
        ValueError
            If there is no such metric, source or plane.
        """
        counts, sums = self._ratio(metric, where)
        if counts is not None and sums is not None:
            return ratio_interval(counts, sums, confidence)
        what, _, quantile = metric.partition("_")
        value = self.quantile_ns(what, where, QUANTILES[quantile])
        return mean_interval(self.batch_values(metric, where), confidence, value)

    def batch_values(self, metric: str, where: int | str | None = None) -> NDArray[np.float64]:
        """Give a metric of `interval` in each batch; NaN where it has none."""
        counts, sums = self._ratio(metric, where)
        if counts is not None and sums is not None:
            shares: NDArray[np.float64] = np.full(len(sums), np.nan)
            return np.divide(sums, counts, out=shares, where=counts > 0)
        what, _, quantile = metric.partition("_")
        return self.batches.quantiles(what, self._rows(where), QUANTILES[quantile])

    def _ratio(
        self, metric: str, where: int | str | None
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Give what a metric is a ratio of, by batches; None for a quantile."""
        batches = self.batches
        if metric in ("switches", "exits"):
            finished, _ = batches.means("sojourn", self._rows(where))
            return finished, batches.switches[:, int(metric == "exits")].astype(float)
        if metric == "utilisation":
            all_time = batches.planes.sum(axis=(1, 2)).astype(float)
            ran = batches.planes[:, :, 0]
            share = ran.sum(axis=1) if where is None else ran[:, self._one_plane(where)]
            return all_time, share.astype(float)
        what, _, figure = metric.partition("_")
        if what not in TIMED or figure not in ("mean", *QUANTILES):
            known = ", ".join(("mean", *QUANTILES))
            raise ValueError(
                f"metric={metric!r} is none of switches, exits, utilisation, latency_X, "
                f"response_X, sojourn_X with X of {known}"
            )
        return batches.means(what, self._rows(where)) if figure == "mean" else (None, None)

    def _one_plane(self, where: int | str) -> int:
        return self.row_planes[self._rows(where)[0]]

    def merge(self, other: "Result") -> "Result":
        """Give the figures of both together.

        Results of other vCPUs under the same seed lie beside each other: merged they are what one
        run of all of them gives, byte for byte. Others come one after the other, as more batches.

        Raises
        ------
        ValueError
            If they differ in policy, rows or, with the same seed, overlap.
        """
        if (self.policy, self.names, self.planes) != (other.policy, other.names, other.planes):
            raise ValueError("results of different policies or workloads cannot be merged")
        window = (self.seed, self.start_ns, self.elapsed_ns, len(self.batches))
        beside = window == (other.seed, other.start_ns, other.elapsed_ns, len(other.batches))
        if self.seed == other.seed and np.intersect1d(self.vcpu_ids, other.vcpu_ids).size:
            raise ValueError(
                f"both results hold vCPUs of seed={self.seed}: they are not independent"
            )
        stats, jobs = self.stats.merge(other.stats), self.jobs.merge(other.jobs)
        ids = np.concatenate((self.vcpu_ids, other.vcpu_ids))
        times = np.concatenate((self.time_ns, other.time_ns))
        order = np.argsort(ids, kind="stable") if beside else np.arange(len(ids))
        batches = (
            self.batches.beside(other.batches) if beside else self.batches.after(other.batches)
        )
        return Result(
            self.label, self.policy, self.planes, self.seed, self.start_ns,
            max(self.elapsed_ns, other.elapsed_ns), self.names, self.row_planes,
            ids[order], stats.figures, jobs.totals, merge_rows(self.rows, other.rows),
            self.latency + other.latency, self.response + other.response,
            self.sojourn + other.sojourn, times[order],
            batches.trimmed(), sorted([*self.livelocks, *other.livelocks]),
            self.partial or other.partial,
        )  # fmt: skip

    def table(self) -> dict[str, list[Any]]:
        """Give one row a plane and one a source, as columns."""
        from ..report.results import result_columns

        return result_columns([self])

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give `table` to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from .arrow import arrow_stream

        return arrow_stream(self.table(), requested_schema)

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, lists and dicts, as JSON holds them."""
        columns = self.table()
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return {
            "label": self.label,
            "policy": self.policy.as_dict(),
            "planes": self.planes,
            "vcpus": self.vcpus,
            "seed": self.seed,
            "start_ns": self.start_ns,
            "elapsed_ns": self.elapsed_ns,
            "partial": self.partial,
            "rows": [{name: _plain(value) for name, value in row.items()} for row in rows],
            "stats": self.stats.as_dict(),
            "jobs": self.jobs.as_dict(),
            "livelocks": [list(item) for item in self.livelocks],
        }

    def to_json(self) -> str:
        """Give `as_dict` as JSON."""
        return json.dumps(self.as_dict(), indent=2)

    def __str__(self) -> str:
        from ..report.results import result_text

        return result_text(self)

    def __repr__(self) -> str:
        return (
            f"<Result of {self.label}: {self.vcpus} vCPUs, {self.elapsed_ns} ns, "
            f"{int(self.rows['finished'].sum())} jobs{', partial' if self.partial else ''}>"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to a file (numpy's .npz), whole or not at all."""
        head = {
            "form": _FORM, "label": self.label, "policy": self.policy.as_dict(),
            "planes": self.planes, "seed": self.seed, "start_ns": self.start_ns,
            "elapsed_ns": self.elapsed_ns, "names": self.names, "row_planes": self.row_planes,
            "livelocks": self.livelocks, "partial": self.partial, "first": self.batches.first,
        }  # fmt: skip
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"batch_{name}": array for name, array in self.batches.arrays().items()}
        with replacing(path, "wb") as file:
            np.savez_compressed(file, head=np.array(json.dumps(head)), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is no such file.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as data:
                head = json.loads(str(data["head"]))
                arrays = {name: data[name] for name in _ARRAYS}
                batches = {
                    name.removeprefix("batch_"): data[name]
                    for name in data.files
                    if name.startswith("batch_")
                }
            if head.pop("form") != _FORM:
                raise ValueError("form")
            policy = Policy(**head.pop("policy"))
            first = head.pop("first")
        except (KeyError, ValueError, TypeError, EOFError) as error:
            raise ValueError(f"{path}: holds no result of this version ({error})") from None
        head["names"], head["row_planes"] = tuple(head["names"]), tuple(head["row_planes"])
        head["livelocks"] = [(*item[:3], tuple(item[3])) for item in head["livelocks"]]
        return cls(policy=policy, **arrays, batches=Batches(**batches, first=first), **head)


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
