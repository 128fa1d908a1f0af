"""What one policy did with a replay or a simulation: every figure, whole and by batches.

Longer than 300 lines because it is one class, and its figures are documented where they are.
"""

import io
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..checks import plane_id, whole
from ..errors import Mistake, TypeMistake, Words, unknown
from ..files import replacing
from ..layouts import TIMED
from ..policy import Policy
from .batches import Batches
from .budget import role
from .counts import merged
from .distribution import QUANTILES, Distribution, by_plane
from .equal import Alike
from .interval import Interval, mean_interval, ratio_interval
from .jobs import JobStats
from .planes import Stats
from .trace import TraceSummary
from .vectors import VectorTimes, vector_distribution

__all__ = ["Result", "Timed"]

_ARRAYS = ("vcpu_ids", "figures", "totals", "rows", "time_ns")
_NO_RESULT = (
    LookupError, ValueError, TypeError, AttributeError, EOFError, OverflowError, RuntimeError,
    SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What Python's and numpy's readers raise of a file that is damaged, or another's."""

_FORM = 3
_SHARES = {"userspace": 1, "blocked": 2, "switching": 3}
_RATIOS = ("switches", "exits", "utilisation", "switches_hz", "exits_hz", *_SHARES)


@dataclass(eq=False)
class Result(Alike):
    """Figures of one policy: of one replay or simulation, or of several merged.

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
        The rows: every source, then every plane (what was fed or recorded for it, and what VINA
        posted).
    row_planes : tuple of int
        The plane that serves the jobs of each row.
    vcpu_ids : ndarray of uint32, shape (vcpus,)
    figures, totals : ndarray, shape (), dtypes FIGURES and TOTALS
        The counters behind `stats` and `jobs`.
    rows : ndarray, shape (rows,), dtype ROW
    histograms : dict of str to ndarray of uint64, shape (rows, buckets)
        Of latency, response and sojourn (planesched/histogram.h).
    time_ns : ndarray of int64, shape (vcpus, 4)
        What each vCPU did: running, in userspace, blocked, in transitions; rows sum to elapsed_ns.
    batches : Batches
        The same by stretches of time, or by parts of many vCPUs; a replay is one.
    livelocks : list of tuple
        (vCPU, how often, time in ns of the first, planes that took part).
    partial : bool
        Whether it was stopped before its end.
    levels : dict of str to int
        The plane that each level (``"level0"`` is the guest OS's) is under this policy.
    given : dict
        What it rests on, as JSON holds it: costs, workload or trace, seed.
    trace : TraceSummary or None
        What was read, of a replay.
    log : ndarray of dtype OUTCOME, or None
        What was logged, by time, if there was to be a log.
    states : ndarray of dtype STATE, or None
        The state of the vCPU before each of these, if `replay` was asked for it; without a plane
        online where it is not known, for several things happened at once.
    vectors : ndarray of dtype VECTOR, shape (planes, 256), or None
        What became of each vector of each plane, where planes have controllers.
    vector_times : VectorTimes or None
        Histograms of their latency and response: ``result.latency.vector("level1", 0x31)``.

    Examples
    --------
    >>> from planesched import Workload, simulate
    >>> from planesched.workload import Periodic
    >>> timer = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    >>> result = simulate("vsm", 2, 1, timer, duration="1 s", costs="any=3us")
    >>> result.stats.switches, result.levels, result.sojourn["level1"].max_ns
    (2001, {'level0': 0, 'level1': 1}, 5000)
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
    histograms: dict[str, NDArray[np.uint64]]
    time_ns: NDArray[np.int64]
    batches: Batches
    livelocks: list[tuple[int, int, int, tuple[int, ...]]] = field(default_factory=list)
    partial: bool = False
    levels: dict[str, int] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    trace: TraceSummary | None = None
    log: NDArray[np.void] | None = None
    states: NDArray[np.void] | None = None
    vectors: NDArray[np.void] | None = None
    vector_times: VectorTimes | None = None

    @property
    def vcpus(self) -> int:
        """How many vCPUs there are."""
        return len(self.vcpu_ids)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources."""
        return self.names[: len(self.names) - self.planes]

    @property
    def stats(self) -> Stats:
        """Switches, entries, exits, latency and time per plane."""
        latency = by_plane(self.histograms["latency"], self.row_planes, self.planes)
        return Stats(self.figures, latency, elapsed_ns=self.elapsed_ns, vcpus=self.vcpus)

    @property
    def jobs(self) -> JobStats:
        """Jobs and sojourn times per plane."""
        return JobStats(
            self.totals, by_plane(self.histograms["sojourn"], self.row_planes, self.planes)
        )

    @property
    def events(self) -> int:
        """Arrivals and ends of jobs."""
        return int(self.rows["arrived"].sum() + self.rows["finished"].sum())

    @property
    def latency(self) -> "Timed":
        """From arrival to injection, by source or plane: ``result.latency["timer"]``."""
        return Timed(self, "latency")

    @property
    def response(self) -> "Timed":
        """From arrival to the first instruction of the plane that takes it, by source or plane.

        That is the latency and the switch, and exit, that brought the plane in.
        """
        return Timed(self, "response")

    @property
    def sojourn(self) -> "Timed":
        """From arrival to the end of service, by source or plane: ``result.sojourn[1]``."""
        return Timed(self, "sojourn")

    def rows_of(self, where: int | str | None) -> list[int]:
        """Return the rows of a source, of a plane, which a level may name, or all.

        Raises
        ------
        Mistake
            If there is no such plane or source.
        """
        if where is None:
            return list(range(len(self.names)))
        if isinstance(where, str):
            if where in self.names[: len(self.names) - self.planes]:
                return [self.names.index(where)]
            if where not in self.levels and where not in self.names:
                raise unknown("where", where, (*self.names, *self.levels))
            row = self.names.index(where) if where in self.names else 0
            where = self.levels.get(where, self.row_planes[row])
        if not 0 <= where < self.planes:
            raise Mistake("where", where, f"a plane below planes={self.planes}")
        return [row for row, plane in enumerate(self.row_planes) if plane == where]

    def plane_of(self, where: int | str) -> int:
        """Return the plane that serves a source, or that a level names."""
        if isinstance(where, str) and where in self.levels:
            return self.levels[where]
        return where if isinstance(where, int) else self.row_planes[self.rows_of(where)[0]]

    def called(self, plane: int) -> str:
        """Return what a plane is called: by its level where it has one; level0 is the guest OS."""
        names = [level for level, number in self.levels.items() if number == plane]
        return f"{role(names[0])} (plane {plane})" if names else f"plane {plane}"

    def interval(
        self, metric: str, where: int | str | None = None, confidence: float = 0.95
    ) -> Interval:
        """Return a figure with its confidence interval, by batch means.

        Parameters
        ----------
        metric : str
            ``"latency_mean"``, ``"latency_p99"`` and so on (`QUANTILES`), the same for
            ``"response"`` and ``"sojourn"``; ``"switches"`` and ``"exits"`` per finished job;
            ``"switches_hz"`` and ``"exits_hz"`` per second of one vCPU; ``"utilisation"``, the
            share of time that a plane, or any, runs; ``"switching"``, ``"userspace"`` and
            ``"blocked"``, the shares of those.
        where : int, str or None
            A plane, its level, the name of a source, or all.
        confidence : float
            In 0..1.

        Raises
        ------
        Mistake
            If there is no such metric, source or plane.
        """
        what, figure = _metric(metric)
        if figure:
            return Timed(self, what)[where].interval(figure, confidence)
        return ratio_interval(*self._ratio(metric, where), confidence)

    def batch_values(self, metric: str, where: int | str | None = None) -> NDArray[np.float64]:
        """Return a metric of `interval` in each batch; NaN where it has none."""
        what, figure = _metric(metric)
        if figure:
            parts = self.batches.parts(what, self.rows_of(where))
            return parts.means() if figure == "mean" else parts.quantiles(QUANTILES[figure])
        counts, sums = self._ratio(metric, where)
        shares: NDArray[np.float64] = np.full(len(sums), np.nan)
        return np.divide(sums, counts, out=shares, where=counts > 0)

    def _ratio(
        self, metric: str, where: int | str | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a metric is a ratio of, by batches."""
        batches = self.batches
        all_time = batches.planes.sum(axis=(1, 2)).astype(float)
        if metric.startswith(("switches", "exits")):
            counts = batches.switches[:, int(metric.startswith("exits"))].astype(float)
            if metric.endswith("_hz"):
                return all_time / 1e9, counts
            return batches.parts("sojourn", self.rows_of(where)).counts, counts
        if metric in _SHARES:
            return all_time, batches.planes[:, :, _SHARES[metric]].sum(axis=1).astype(float)
        ran = batches.planes[:, :, 0]
        share = ran.sum(axis=1) if where is None else ran[:, self.plane_of(where)]
        return all_time, share.astype(float)

    def merge(self, other: "Result") -> "Result":
        """Return the figures of both together.

        Results of other vCPUs under the same seed lie beside each other: merged they are what one
        run of all of them gives, byte for byte. Others come one after the other, as more batches.

        Raises
        ------
        Mistake
            If they differ in policy, rows or, with the same seed, overlap.
        """
        if not isinstance(other, Result):
            raise TypeMistake("other", other, "a Result")
        if (self.policy, self.names, self.planes) != (other.policy, other.names, other.planes):
            raise Mistake("other", other, "a result of the same policy and workload")
        window = (self.seed, self.start_ns, self.elapsed_ns, len(self.batches))
        beside = window == (other.seed, other.start_ns, other.elapsed_ns, len(other.batches))
        if self.seed == other.seed and np.intersect1d(self.vcpu_ids, other.vcpu_ids).size:
            expected = "another seed, or other vCPUs: these are not independent"
            raise Mistake("seed", self.seed, expected)
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
            ids[order], stats.figures, jobs.totals, merged(self.rows, other.rows),
            {what: self.histograms[what] + other.histograms[what] for what in TIMED}, times[order],
            batches.trimmed(), sorted([*self.livelocks, *other.livelocks]),
            self.partial or other.partial, self.levels, self.given,
            vectors=None if self.vectors is None or other.vectors is None
            else merged(self.vectors, other.vectors),
            vector_times=None if self.vector_times is None or other.vector_times is None
            else self.vector_times.merge(other.vector_times),
        )  # fmt: skip

    @property
    def notes(self) -> list[str]:
        """What a reader must know: livelocks, planes that starved, what was left undone."""
        from .notes import notes

        return notes(self)

    def table(self) -> dict[str, list[Any]]:
        """Return one row a plane and one a source, as columns."""
        from .table import result_columns

        return result_columns([self])

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write `table` or `as_dict`, as the name ends: .csv, .parquet, .arrow, .json.

        A name that ends with .html gets a page to read, of `planesched.report.page`.

        Raises
        ------
        Mistake
            If the name ends with none of these.
        ImportError
            If it is .parquet or .arrow and pyarrow is not installed.
        """
        from .written import write

        write(path, self.table(), self.as_dict, self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give `table` to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from .arrow import arrow_stream

        return arrow_stream(self.table(), requested_schema)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        from .written import result_dict

        return result_dict(self)

    def to_json(self) -> str:
        """Return `as_dict` as JSON."""
        return json.dumps(self.as_dict(), indent=2)

    def text(self, columns: int | None = 0) -> str:
        """Return what str() gives, at most `columns` wide; None: as wide as tables are."""
        from .show import result_text

        return result_text(self, columns)

    def cited(self, command: str) -> str:
        """Return the block for a mail, 72 columns wide; `command` is what makes it again."""
        from .results import Results

        return Results([self]).cited(command)

    def __str__(self) -> str:
        return self.text()

    def plot(self, title: str = "") -> Any:
        """Draw responses by percentile, and below them switches from plane to plane.

        Returns
        -------
        matplotlib.figure.Figure
            It needs matplotlib; see `planesched.report.plots.overview_plot`.
        """
        from .drawn import overview

        return overview(self, title)

    def _repr_html_(self) -> str:
        from .written import html

        return html(self.table())

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
            "levels": self.levels, "given": self.given,
        }  # fmt: skip
        arrays = {name: getattr(self, name) for name in _ARRAYS} | self.histograms
        if self.vectors is not None and self.vector_times is not None:
            arrays |= {"vectors": self.vectors}
            arrays |= {f"vector_{name}": it for name, it in self.vector_times.arrays().items()}
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
        Mistake
            If it is no such file.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as data:
                head = json.loads(str(data["head"]))
                arrays = {name: data[name] for name in _ARRAYS}
                if "vectors" in data.files:
                    times = (data[f"vector_{name}"] for name in ("where", "latency", "response"))
                    arrays |= {"vectors": data["vectors"], "vector_times": VectorTimes(*times)}
                histograms = {name: data[name] for name in TIMED}
                batches = {
                    name.removeprefix("batch_"): data[name]
                    for name in data.files
                    if name.startswith("batch_")
                }
            if head.pop("form") != _FORM:
                raise Mistake("form", None, str(_FORM))
            policy = Policy(**head.pop("policy"))
            batched = Batches(**batches, first=head.pop("first"))
            head["names"], head["row_planes"] = tuple(head["names"]), tuple(head["row_planes"])
            head["livelocks"] = [(*item[:3], tuple(item[3])) for item in head["livelocks"]]
            rest: Mapping[str, Any] = arrays | head
            return cls(policy=policy, histograms=histograms, batches=batched, **rest)
        except _NO_RESULT as error:
            found, expected = Words(str(error)), "a result that this version wrote"
            raise Mistake(os.fspath(path), found, expected) from None


class Timed:
    """What is timed of a result's jobs, by source, plane or level; None is all of them."""

    def __init__(self, result: Result, what: str) -> None:
        self._result = result
        self._what = what

    def __getitem__(self, where: int | str | None) -> Distribution:
        result, what = self._result, self._what
        rows = result.rows_of(where)
        count = "finished" if what == "sojourn" else "injected"
        used = result.rows[rows][result.rows[rows][count] > 0]
        sums = used[f"{what}_ns"]
        pairs = zip(sums["lo"].tolist(), sums["hi"].tolist(), strict=True)
        return Distribution(
            int(used[count].sum()),
            sum(lo + (hi << 64) for lo, hi in pairs),
            int(used[f"{what}_min_ns"].min()) if len(used) else 0,
            int(used[f"{what}_max_ns"].max()) if len(used) else 0,
            result.histograms[what][rows].sum(axis=0),
            result.batches.parts(what, rows),
        )

    def vector(self, where: int | str, vector: int) -> Distribution:
        """Return the same of one vector of a plane, where planes have controllers.

        Raises
        ------
        Mistake
            If they have none, if there is no such plane or vector, or for sojourn: jobs of one
            vector that coalesced have one injection.
        """
        result, what = self._result, self._what
        if result.vectors is None or what == "sojourn":
            expected = "latency or response, of a result with controllers"
            raise Mistake("vector", vector, expected)
        plane = plane_id("where", result.plane_of(where), result.planes)
        number = whole("vector", vector, 0, result.vectors.shape[1] - 1)
        return vector_distribution(result, what, plane, number)

    def __repr__(self) -> str:
        return f"<{self._what} of {self._result!r}>"


def difference(
    one: Result, other: Result, metric: str, where: int | str | None, confidence: float
) -> Interval:
    """Return by how much a policy differs from another: paired batches of the same arrivals."""
    count = min(len(one.batches), len(other.batches))
    mine = one.batch_values(metric, where)[:count]
    theirs = other.batch_values(metric, where)[:count]
    whole = one.interval(metric, where).value - other.interval(metric, where).value
    return mean_interval(mine - theirs, confidence, whole, signed=True)


def _metric(metric: str) -> tuple[str, str]:
    """Return what is timed and its figure; the second is empty for a ratio."""
    if metric in _RATIOS:
        return metric, ""
    what, _, figure = metric.partition("_") if isinstance(metric, str) else ("", "", "")
    if what not in TIMED or figure not in ("mean", *QUANTILES):
        figures = ("mean", *QUANTILES)
        known = (*_RATIOS, *(f"{name}_{each}" for name in TIMED for each in figures))
        raise unknown("metric", metric, known)
    return what, figure
