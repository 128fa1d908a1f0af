"""Sweeps: simulations over a grid of settings, on any executor, into one Parquet file."""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, Mistake, TypeMistake, Words, unknown
from ..figures.equal import Alike
from ..figures.result import Result
from ..files import check_target
from ..policy import Policy
from ..policytext import as_policy
from ..workload import Costs, Recorded, Workload
from .run import simulate

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["Sweep", "sweep"]

_PLAIN = ("planes", "vcpus", "seed", "duration", "jobs", "warmup", "until_precision", "costs")
_FIELDS = ("policy.FIELD", "costs.REASON", "workload.FIELD", "workload.SOURCE.FIELD")
_SETTINGS = ("policy", *_FIELDS, "workload.scale", *_PLAIN)


class Sweep(Alike):
    """The rows of a sweep, one a point of the grid and plane or source.

    Parameters
    ----------
    columns : mapping of str to list
        The settings, then what `Result.table` has.
    ran, skipped : int
        Points that were simulated now, and that were there before.
    """

    def __init__(self, columns: Mapping[str, list[Any]], ran: int, skipped: int) -> None:
        self.columns = dict(columns)
        self.ran = ran
        self.skipped = skipped

    def table(self) -> dict[str, list[Any]]:
        """Give the rows as columns."""
        return dict(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from ..figures.arrow import arrow_stream

        return arrow_stream(self.columns, requested_schema)

    def __repr__(self) -> str:
        return f"<Sweep of {len(self)} rows: {self.ran} points ran, {self.skipped} were there>"


def sweep(
    grid: Mapping[str, Iterable[Any]],
    *,
    executor: "Executor | None" = None,
    out: str | os.PathLike[str] | None = None,
    progress: Callable[[float, int], object] | None = None,
    **base: Any,
) -> Sweep:
    """Simulate every point of a grid.

    Parameters
    ----------
    grid : mapping of str to iterable
        Values by setting: an argument of `simulate` (``"policy"``, ``"costs"``, ``"planes"``,
        ``"vcpus"``, ``"seed"`` ...), ``"policy.FIELD"``, ``"costs.REASON"`` or ``"costs.exit"``,
        ``"workload.scale"`` (times as many jobs a second), ``"workload.FIELD"``, or
        ``"workload.SOURCE.FIELD"``. Points come in the order of ``itertools.product``.
    executor : concurrent.futures.Executor, optional
        Where points run: threads, processes, ``dask.distributed``'s ``client.get_executor()``,
        mpi4py's ``MPIPoolExecutor``; for Ray's see docs/simulation.md. By default here, one after
        the other.
    out : str or path-like, optional
        A Parquet file (needs pyarrow, the extra ``arrow``). Each point is on disk as soon as it is
        done, in a folder beside; at the end, or on Ctrl-C, they become that file. Points that the
        file or the folder has already are not run again.
    progress : callable, optional
        Called after each point with the part that is done and the points so far.
    **base
        The other arguments of `simulate`.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        If a setting does not exist, or a value is refused; before anything runs where that can be.
    ImportError
        If `out` is given and pyarrow is not installed.
    """
    points = list(_points(grid))
    for point in points:
        found = _arguments(base, point)
        as_policy(found.get("policy", ""), found.get("planes", 2))
    store = _Store(out) if out is not None else None
    have = store.have() if store is not None else set()
    left = [point for point in points if _key(point) not in have]
    columns: dict[str, list[Any]] = {}
    done = len(points) - len(left)
    try:
        for point, rows in _results(left, base, executor):
            made = _labelled(point, rows)
            if store is not None:
                store.add(_key(point), made)
            for name, values in made.items():
                columns.setdefault(name, []).extend(values)
            done += 1
            if progress is not None:
                progress(done / len(points), done)
    finally:
        if store is not None:
            store.join()
    if store is not None:
        columns = store.columns()
    return Sweep(columns, len(left), len(points) - len(left))


def _points(grid: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    names = list(grid)
    values = [_several(grid[name]) for name in names]
    for name, found in zip(names, values, strict=True):
        if not found:
            raise Mistake(f"grid: {name}", Words("no values"), "one or more")
    for point in itertools.product(*values):
        yield dict(zip(names, point, strict=True))


def _several(values: Any) -> list[Any]:
    """Return the values of a setting; one does as well, and a str is one."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def _plain(value: Any) -> Any:
    """Write a setting as JSON holds it; policies by their fields, others as they print."""
    if isinstance(value, Policy):
        return value.as_dict()
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _key(point: Mapping[str, Any]) -> str:
    return json.dumps({name: _plain(value) for name, value in point.items()}, sort_keys=True)


def _arguments(base: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of `simulate` at a point."""
    plain = {name: value for name, value in point.items() if name in ("policy", *_PLAIN)}
    out = dict(base) | plain
    for name, value in point.items():
        head, _, field = name.partition(".")
        if head == "policy" and field:
            policy: Any = out.get("policy")
            if not isinstance(policy, Policy):
                out.setdefault("label", str(policy))
            out["policy"] = as_policy(policy, out.get("planes", 2)).replace(**{field: value})
        elif head == "costs" and field:
            out["costs"] = Costs.of(out.get("costs")).changed({field: value})
        elif head == "workload" and field:
            out["workload"] = _with_work(out.get("workload"), field, value)
        elif name not in ("policy", *_PLAIN):
            raise unknown("grid", name, _SETTINGS)
    return out


def _with_work(workload: Any, field: str, value: Any) -> Workload:
    if not isinstance(workload, Workload):
        raise TypeMistake("workload", workload, f"a workload, for the grid's workload.{field}")
    if field == "scale":
        return workload.scaled(value)
    name, dot, part = field.rpartition(".")
    changed: Any = workload.source(name) if dot else workload
    if part not in changed.__dataclass_fields__:
        raise unknown(f"grid: workload.{field}", part, changed.__dataclass_fields__)
    made: Any = replace(changed, **{part: value})
    if isinstance(made, Workload):
        return made
    if isinstance(made, Recorded):
        raise Mistake(f"grid: workload.{field}", value, "another source: a recorded one stays")
    sources = [made if source.name == name else source for source in workload.sources]
    return workload.replace(sources=sources)


def _run(arguments: dict[str, Any]) -> dict[str, list[Any]]:
    """Simulate one point, somewhere; rows are small, so they are what comes back."""
    result: Result = simulate(**arguments)
    if result.partial:
        raise KeyboardInterrupt
    return result.table()


def _results(
    points: list[dict[str, Any]], base: Mapping[str, Any], executor: "Executor | None"
) -> Iterator[tuple[dict[str, Any], dict[str, list[Any]]]]:
    if executor is None:
        for point in points:
            yield point, _run(_arguments(base, point))
        return
    # Where many points run at once, each needs but one thread.
    base = {"threads": 1} | dict(base)
    futures = {executor.submit(_run, _arguments(base, point)): point for point in points}
    try:
        for future in _completed(list(futures)):
            yield futures[future], future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _completed(futures: list[Any]) -> Iterator[Any]:
    """Give futures as they complete; those of dask and others bring their own way to wait."""
    from concurrent.futures import as_completed

    try:
        yield from as_completed(futures)
    except AttributeError:
        yield from futures


def _labelled(point: Mapping[str, Any], rows: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Put the settings before the rows of a point."""
    count = len(next(iter(rows.values())))
    settings = {f"set_{name}": [_scalar(value)] * count for name, value in point.items()}
    return {"point": [_key(point)] * count, **settings, **rows}


def _scalar(value: Any) -> Any:
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True) if isinstance(plain, dict) else str(plain)


class _Store:
    """A Parquet file, and beside it a folder with the points that are not in it yet."""

    def __init__(self, out: str | os.PathLike[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._pq = pa, pq
        check_target(out)
        self.path = Path(out)
        self.folder = self.path.with_name(f".{self.path.name}.parts")

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else []

    def _tables(self) -> list[Any]:
        files = [self.path] if self.path.exists() else []
        return [self._pq.read_table(file) for file in [*files, *self._parts()]]

    def have(self) -> set[str]:
        try:
            return {key for table in self._tables() for key in table["point"].to_pylist()}
        except (KeyError, self._pa.ArrowException) as error:
            found = f"no rows of a sweep ({error})"
            raise InputError(str(self.path), 0, found, "what sweep wrote") from None

    def add(self, key: str, columns: dict[str, list[Any]]) -> None:
        import hashlib

        self.folder.mkdir(exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        self._write(self._pa.table(columns), self.folder / f"{name}.parquet")

    def _write(self, table: Any, path: Path) -> None:
        from ..files import replacing

        with replacing(path, "wb") as file:
            self._pq.write_table(table, file)

    def join(self) -> None:
        """Make one file of everything; sorted, so that it does not matter what was done first."""
        if not self._parts():
            return
        table = self._pa.concat_tables(self._tables(), promote_options="default")
        keys = [("point", "ascending"), ("kind", "ascending"), ("name", "ascending")]
        self._write(table.sort_by(keys), self.path)
        for part in self._parts():
            part.unlink()
        self.folder.rmdir()

    def columns(self) -> dict[str, list[Any]]:
        if not self.path.exists():
            return {}
        found: dict[str, list[Any]] = self._pq.read_table(self.path).to_pydict()
        return found
