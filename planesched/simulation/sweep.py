"""Sweeps: simulations over a grid of settings, on any executor.

Longer than 300 lines because the rows that it gives are laid out here too.
"""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from ..algorithm import Algorithm, as_algorithm
from ..errors import Mistake, TypeMistake, Words, unknown
from ..figures.result import Result
from ..irqchip import Controller
from ..policy import Policy
from ..policytext import Given, as_policy, labelled
from ..scenarios import Scenario
from ..text import duration_ns, format_ns, rate_hz
from ..workload import Costs, Recorded, Workload
from ..workload.costs import Given as GivenCosts
from .curves import called
from .run import settings_of, simulate
from .store import Store
from .swept import Sweep

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["sweep"]

_PLAIN = (
    *("planes", "vcpus", "seed", "duration", "jobs", "warmup", "until_precision", "costs"),
    *("slice_ns", "controller"),
)
_FIELDS = ("policy.FIELD", "costs.REASON", "workload.FIELD", "workload.SOURCE.FIELD")
_SETTINGS = ("policy", *_FIELDS, "workload.scale", *_PLAIN)


def sweep(
    grid: Mapping[str, Iterable[Any]] | Scenario,
    policy: Given | Scenario | None = None,
    planes: int | None = None,
    vcpus: int | range | Iterable[int] | None = None,
    workload: Workload | None = None,
    *,
    costs: GivenCosts = None,
    duration: str | int | None = None,
    jobs: int | None = None,
    warmup: str | int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    progress: Callable[[float, int], object] | None = None,
    until_precision: float | None = None,
    in_userspace: bool = False,
    slice_ns: str | int | None = None,
    controller: Controller | str | None = None,
    label: str | None = None,
    executor: "Executor | None" = None,
    out: str | os.PathLike[str] | None = None,
) -> Sweep:
    """Simulate every point of a grid.

    Parameters
    ----------
    grid : mapping of str to iterable
        Values by setting: an argument of `simulate` (``"policy"``, ``"costs"``, ``"planes"``,
        ``"vcpus"``, ``"seed"`` ...), ``"policy.FIELD"``, ``"costs.REASON"`` or ``"costs.exit"``,
        ``"workload.scale"`` (times as many jobs a second), ``"workload.FIELD"``, or
        ``"workload.SOURCE.FIELD"``. Points come in the order of ``itertools.product``. A Scenario
        has its own.
    policy, planes, vcpus, workload, costs, duration, jobs, warmup, seed, threads, until_precision
        As in `simulate`, where the grid does not say otherwise. For `policy` a Scenario does.
    in_userspace, slice_ns, controller, label
        As in `simulate`.
    progress : callable, optional
        Called after each point with the part that is done and the points so far.
    executor : concurrent.futures.Executor, optional
        Where points run: threads, processes, ``dask.distributed``'s ``client.get_executor()``,
        mpi4py's ``MPIPoolExecutor``; for Ray's see docs/reference/simulation.md. By default here,
        one after the other.
    out : str or path-like, optional
        A Parquet file (needs pyarrow, the extra ``arrow``). Each point is on disk as soon as it is
        done, in a folder beside; at the end, or on Ctrl-C, they become that file. Points that the
        file or the folder has already are not run again.

    Returns
    -------
    Sweep
        On Ctrl-C, of the points that were done, with ``partial``.

    Raises
    ------
    ValueError
        If a setting does not exist, or a value is refused; before anything runs where that can be.
    ImportError
        If `out` is given and pyarrow is not installed.

    Examples
    --------
    >>> from planesched.workload import Periodic
    >>> timer = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])
    >>> found = sweep({"costs.any": ["1 us", "3 us"]}, "vsm", 2, 1, timer, duration="1 s")
    >>> [row["response_max_ns"] for row in found.rows() if row["name"] == "timer"]
    [1000, 3000]
    """
    if isinstance(grid, Scenario):
        policy, grid = grid if policy is None else policy, grid.grid
    if not isinstance(grid, Mapping):
        raise TypeMistake("grid", grid, "a mapping of settings to values")
    given = {
        "planes": planes, "vcpus": vcpus, "workload": workload, "costs": costs,
        "duration": duration, "jobs": jobs, "warmup": warmup, "seed": seed, "slice_ns": slice_ns,
        "controller": controller,
    }  # fmt: skip
    if isinstance(policy, Scenario):
        base = settings_of(policy, **given)
        base["policy"] = next(iter(policy.policies.values()))
        if "policy" not in grid:
            label = label or next(iter(policy.policies))
    else:
        base = {name: value for name, value in given.items() if value is not None}
        base |= {} if policy is None else {"policy": policy}
    base |= {"threads": threads, "until_precision": until_precision, "in_userspace": in_userspace}
    base |= {} if label is None else {"label": label}
    labels: dict[str, str] = {}
    if "policy" in grid:
        pairs = labelled(grid["policy"])
        grid = {**grid, "policy": [policy for _, policy in pairs]}
        labels = {_key({"policy": policy}): label for label, policy in pairs}
    points = list(_points(grid))
    _told_apart(points)
    names = {name: _column(name, [point[name] for point in points]) for name in grid}
    settings = tuple(names.values())
    policies: dict[str, Policy] = {}
    for point in points:
        found = _arguments(base, point, labels)
        wanted: Any = found.get("policy")
        row = _cells(point, names, labels) | {"policy": found.get("label") or wanted}
        policies.setdefault(called(row, settings), as_policy(wanted, found.get("planes", 2)))
    store = Store(out, settings) if out is not None else None
    have = store.have() if store is not None else set()
    left = [point for point in points if _key(point) not in have]
    columns: dict[str, list[Any]] = {}
    ran, partial = 0, False
    try:
        arguments = [_arguments(base, point, labels) for point in left]
        for number, rows in _results(arguments, executor):
            point = left[number]
            made = _labelled(_cells(point, names, labels), rows, _key(point))
            if store is not None:
                store.add(_key(point), made)
            for name, values in made.items():
                columns.setdefault(name, []).extend(values)
            ran += 1
            if progress is not None:
                done = len(points) - len(left) + ran
                progress(done / len(points), done)
    except KeyboardInterrupt:
        partial = True
        if not ran and not have:
            raise
    finally:
        if store is not None:
            store.join()
    if store is not None:
        columns = store.columns()
    return Sweep(
        columns, ran, len(points) - len(left), settings, partial=partial, given=_given(base),
        policies=policies,
    )  # fmt: skip


def _given(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all points rest on, where the grid does not say otherwise."""
    digest = sha256(repr(base.get("workload")).encode()).hexdigest()[:16]
    length = {"duration": base["duration"]} if base.get("duration") is not None else {}
    length = {name: format_ns(duration_ns(value)) for name, value in length.items()}
    costs = str(Costs.of(base.get("costs"))) or "none"
    return length | {"costs": costs, "seed": base.get("seed") or 0, "workload": digest}


def _points(grid: Mapping[str, Iterable[Any]]) -> Iterator[dict[str, Any]]:
    names = list(grid)
    values = [_several(grid[name]) for name in names]
    for name, found in zip(names, values, strict=True):
        if not found:
            raise Mistake(f"grid: {name}", Words("no values"), "one or more")
        seen: dict[str, Any] = {}
        for value in found:
            key = _key({name: value})
            if key in seen and seen[key] == value:
                raise Mistake(f"grid: {name}", Words(f"{value} twice"), "each value once")
            seen[key] = value
    for point in itertools.product(*values):
        yield dict(zip(names, point, strict=True))


def _several(values: Any) -> list[Any]:
    """Return the values of a setting; one does as well, and a str is one."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def _told_apart(points: list[dict[str, Any]]) -> None:
    """Raise Mistake for points that differ and would be one in a file."""
    seen: dict[str, dict[str, Any]] = {}
    for point in points:
        if seen.setdefault(_key(point), point) != point:
            found = Words(f"two algorithms of one name at {_key(point)}")
            raise Mistake("grid", found, "each by a name of its own: Algorithm(..., name=...)")


def _plain(value: Any) -> Any:
    """Write a setting as JSON holds it; policies by their fields, others as they print."""
    if isinstance(value, Policy):
        return value.as_dict()
    if isinstance(value, Algorithm) or callable(value):
        return str(as_algorithm(value))
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def _key(point: Mapping[str, Any]) -> str:
    return json.dumps({name: _plain(value) for name, value in point.items()}, sort_keys=True)


def _arguments(
    base: Mapping[str, Any], point: Mapping[str, Any], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Give the arguments of `simulate` at a point."""
    plain = {name: value for name, value in point.items() if name in ("policy", *_PLAIN)}
    out = dict(base) | plain
    if "policy" in point:
        out["label"] = labels[_key({"policy": point["policy"]})]
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
        known = [*changed.__dataclass_fields__, *([] if dot else ["scale"])]
        raise unknown(f"grid: workload.{field}", part, known)
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
    points: list[dict[str, Any]], executor: "Executor | None"
) -> Iterator[tuple[int, dict[str, list[Any]]]]:
    """Simulate points, given by their arguments; give the number of each and its rows."""
    if executor is None:
        for number, point in enumerate(points):
            yield number, _run(point)
        return
    # Where many points run at once, each needs but one thread.
    alone = [point if point["threads"] else point | {"threads": 1} for point in points]
    futures = {executor.submit(_run, point): number for number, point in enumerate(alone)}
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


def _labelled(
    cells: Mapping[str, Any], rows: Mapping[str, list[Any]], key: str
) -> dict[str, list[Any]]:
    """Put the settings before the rows of a point."""
    count = len(next(iter(rows.values())))
    settings = {name: [cell] * count for name, cell in cells.items()}
    return settings | dict(rows) | {"point": [key] * count}


def _column(name: str, values: list[Any]) -> str:
    """Return what the column of a setting is called, with its unit: ``exit_cost_ns``."""
    head, _, field = name.partition(".")
    plain = f"{field}_cost" if head == "costs" and field else name.replace(".", "_")
    plain = plain.removeprefix("workload_")
    if head in ("policy", "planes", "vcpus", "seed") or not all(isinstance(v, str) for v in values):
        if head == "costs" and all(type(value) is int for value in values):
            return f"{plain}_ns"
        return "policy_given" if plain == "policy" else plain
    for unit, read in (("ns", duration_ns), ("hz", rate_hz)):
        try:
            for value in values:
                read(value)
        except ValueError:
            continue
        return f"{plain.removesuffix('_ns')}_{unit}"
    return plain


def _cells(
    point: Mapping[str, Any], names: Mapping[str, str], labels: Mapping[str, str]
) -> dict[str, Any]:
    """Return the settings of a point by column, a policy by what it is called."""
    return {
        column: labels[_key({"policy": point[name]})] if name == "policy"
        else _cell(column, point[name])
        for name, column in names.items()
    }  # fmt: skip


def _cell(column: str, value: Any) -> Any:
    if isinstance(value, str) and column.endswith("_ns"):
        return duration_ns(value, column)
    if isinstance(value, str) and column.endswith("_hz"):
        return rate_hz(value)
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True) if isinstance(plain, dict) else plain
