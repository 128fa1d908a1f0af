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
from ..figures.budget import percent
from ..figures.equal import Alike
from ..figures.likeness import apart
from ..figures.notes import starves
from ..figures.result import Result
from ..figures.written import html, write, written_by
from ..irqchip import Controller
from ..policy import Policy
from ..policytext import Given, as_policy
from ..scenarios import Scenario
from ..text import counted, duration_ns, fill, fitted, format_ns, rate_hz, width
from ..workload import Costs, Recorded, Workload
from ..workload.costs import Given as GivenCosts
from .curves import curves, findings, named, said
from .run import settings_of, simulate
from .store import Store

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = ["SCHEMA", "Sweep", "sweep"]

SCHEMA = "planesched.sweep/1"
"""Changes when what `Sweep.as_dict` gives changes its form."""

_PLAIN = (
    *("planes", "vcpus", "seed", "duration", "jobs", "warmup", "until_precision", "costs"),
    *("slice_ns", "controller"),
)
_MOST = 6
"""Points that a block to cite shows."""
_FIELDS = ("policy.FIELD", "costs.REASON", "workload.FIELD", "workload.SOURCE.FIELD")
_SETTINGS = ("policy", *_FIELDS, "workload.scale", *_PLAIN)


class Sweep(Alike):
    """The rows of a sweep, one a point of the grid and policy, plane or source.

    Parameters
    ----------
    columns : mapping of str to list
        The settings (times in ns and rates a second, with ``_ns`` and ``_hz`` in their names), then
        what `Result.table` has.
    ran, skipped : int
        Points that were simulated now, and that were there before.
    settings : tuple of str
        The columns that are settings.
    partial : bool
        Whether it was stopped before its end.
    given : mapping, optional
        What all points rest on: duration, costs, seed and the digest of the workload.
    policies : mapping of str to Policy, optional
        The policies of the points, by what the grid says of them.

    Examples
    --------
    >>> from planesched import Scenario
    >>> print(sweep(Scenario.load("exit-cost"), duration="200 ms").findings()[0])
    Of the guest OS's time, scheduler user costs 1 % from ... us of exit cost on, ...
    """

    def __init__(
        self,
        columns: Mapping[str, list[Any]],
        ran: int,
        skipped: int,
        settings: tuple[str, ...] = (),
        *,
        partial: bool = False,
        given: Mapping[str, Any] | None = None,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        self.columns = dict(columns)
        self.ran = ran
        self.skipped = skipped
        self.settings = settings
        self.partial = partial
        self.given = dict(given or {})
        self.policies = dict(policies or {})

    def table(self) -> dict[str, list[Any]]:
        """Return the rows as columns."""
        return dict(self.columns)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows, each by the names of its columns."""
        cells = zip(*self.columns.values(), strict=True)
        return [dict(zip(self.columns, row, strict=True)) for row in cells]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def findings(self) -> list[str]:
        """Return in words from where on a line loses the guest OS's time, and where lines cross.

        Without a setting of numbers there is none.
        """
        try:
            return findings(curves(self))
        except Mistake:
            return []

    def likeness(self) -> list[str]:
        """Return in which fields the policies of a grid differ from its first; none of one."""
        found = apart(self.policies) if "policy_given" in self.settings else []
        alone = "planesched compare shows what each of these fields does alone"
        return [*found, *([alone] if any("not like for like" in each for each in found) else [])]

    def rests(self) -> str:
        """Say what all points rest on, in one line."""
        named = ", ".join(f"{name} {value}" for name, value in self.given.items() if value != "")
        return f"{named}, response to the plane's first instruction"

    def cited(self, command: str) -> str:
        """Return the block for a mail, 72 columns wide; `command` is what makes it again."""
        from ..figures.cite import CITED

        version = f"planesched {written_by()['version']}"
        foot = [*self.likeness(), version, self.rests(), command]
        said = [line for text in self.findings() or [_range(self)] for line in fill(text, CITED)]
        shown = [line for text in foot for line in fill(text, CITED, hang=2)]
        try:
            table = curves(self).text(CITED)
        except Mistake:  # no setting is a number
            table = _table(self, CITED, cited=True)
        return "\n".join([*said, "", table, "", *shown])

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the rows, as the name ends: .csv, .parquet, .arrow, .json; or a page: .html."""
        write(path, self.columns, self.as_dict, self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        return {
            "schema": SCHEMA,
            **written_by(),
            "partial": self.partial,
            "settings": list(self.settings),
            "given": self.given,
            "policies": {label: policy.as_dict() for label, policy in self.policies.items()},
            "findings": self.findings(),
            "rows": self.rows(),
        }

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the rows to whoever speaks the Arrow C stream interface (needs pyarrow)."""
        from ..figures.arrow import arrow_stream

        return arrow_stream(self.columns, requested_schema)

    def text(self, columns: int | None = 0) -> str:
        """Return a line for each point: where the time went, and how long each source waited."""
        return _text(self, width() if columns == 0 else columns)

    def __str__(self) -> str:
        return self.text()

    def plot(self, title: str = "") -> Any:
        """Draw the response, or a guest OS's share of time, over what was swept.

        Returns
        -------
        matplotlib.figure.Figure
            It needs matplotlib; see `planesched.report.sweepplot.sweep_plot`.
        """
        from ..figures.drawn import swept

        return swept(self, title)

    def _repr_html_(self) -> str:
        return html(self.columns)

    def __repr__(self) -> str:
        return f"<Sweep of {len(self)} rows: {self.ran} points ran, {self.skipped} were there>"


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
    points = list(_points(grid))
    policies: dict[str, Policy] = {}
    for point in points:
        found = _arguments(base, point)
        wanted: Any = found.get("policy")
        policies.setdefault(_called(point, found), as_policy(wanted, found.get("planes", 2)))
    _told_apart(points)
    names = {name: _column(name, [point[name] for point in points]) for name in grid}
    settings = tuple(names.values())
    store = Store(out, settings) if out is not None else None
    have = store.have() if store is not None else set()
    left = [point for point in points if _key(point) not in have]
    columns: dict[str, list[Any]] = {}
    ran, partial = 0, False
    try:
        for point, rows in _results(left, base, executor):
            made = _labelled(point, rows, names)
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


def _called(point: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return what a point says of its policy; where it says nothing, what that is called."""
    parts = [
        str(value) if name == "policy" else f"{name.removeprefix('policy.')}={value}"
        for name, value in point.items()
        if name.partition(".")[0] == "policy"
    ]
    return ", ".join(parts) or str(found.get("label") or found.get("policy"))


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


def _labelled(
    point: Mapping[str, Any], rows: Mapping[str, list[Any]], names: Mapping[str, str]
) -> dict[str, list[Any]]:
    """Put the settings before the rows of a point."""
    count = len(next(iter(rows.values())))
    settings = {names[name]: [_cell(names[name], value)] * count for name, value in point.items()}
    return settings | dict(rows) | {"point": [_key(point)] * count}


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


def _cell(column: str, value: Any) -> Any:
    if isinstance(value, str) and column.endswith("_ns"):
        return duration_ns(value)
    if isinstance(value, str) and column.endswith("_hz"):
        return rate_hz(value)
    plain = _plain(value)
    return json.dumps(plain, sort_keys=True) if isinstance(plain, dict) else plain


def _text(swept: Sweep, columns: int | None) -> str:
    partial = " (partial: stopped before its end)" if swept.partial else ""
    count = sum(kind == "policy" for kind in swept.columns.get("kind", []))
    head = f"{counted(count, 'point')}: {swept.ran} ran, {swept.skipped} were there{partial}"
    found = swept.findings() or ([_range(swept)] if count else [])
    said = [line for text in [*found, head] for line in fill(text, columns, hang=2)]
    like = [line for text in swept.likeness() for line in fill(text, columns, hang=2)]
    foot = fill(swept.rests(), columns, hang=2)
    parts = [said, *([like] if like else []), [_table(swept, columns)], foot]
    return "\n\n".join("\n".join(part) for part in parts) if count else head


def _range(swept: Sweep) -> str:
    """Say in what range the points lie, where no curve says more."""
    rates = [row["switches_hz"] for row in swept.rows() if row["kind"] == "policy"]
    if len(rates) == 1:
        return f"One point, with {rates[0]:,.0f} switches/s a vCPU."
    return f"{len(rates)} points, with {min(rates):,.0f} to {max(rates):,.0f} switches/s a vCPU."


def _table(swept: Sweep, columns: int | None, *, cited: bool = False) -> str:
    """Lay out a line a point; to cite, some points and figures of most weight."""
    rows = swept.rows()
    points = [row for row in rows if row["kind"] == "policy"]
    sources = list(dict.fromkeys(row["name"] for row in rows if row["kind"] == "source"))
    labels = {row["policy"] for row in points}
    several = len(labels) > 1 and "policy_given" not in swept.settings
    if cited:
        points, sources = points[:_MOST], sources[-1:]
    keys = [*map(named, swept.settings), *(["policy"] if several else [])] or ["point"]
    what = ["running_share", "switching_share", "userspace_share"][: 1 if cited else None]
    header = [*keys, *["guest OS", "switching", "userspace"][: len(what)], "switches/s", "exits/s"]
    header += [f"{'p99' if cited else 'response p99'}, {source}" for source in sources]
    lines = []
    for point in points:
        mine = [row for row in rows if row["point"] == point["point"]]
        guest = [row for row in mine if row["kind"] == "plane" and row["level"] == "level0"]
        cells = [_shown(name, point[name]) for name in swept.settings]
        cells += [point["policy"]] if several else []
        cells = cells or ["all"]
        shares = [guest[0]["running_share"] if guest else None, *(point[name] for name in what[1:])]
        cells += ["-" if share is None else percent(share) for share in shares]
        cells += [f"{point['switches_hz']:,.0f}", f"{point['exits_hz']:,.0f}"]
        for source in sources:
            cells += [_answered(row) for row in mine if row["name"] == source]
        lines.append(cells)
    return fitted(header, lines, columns, len(keys))


def _answered(row: Mapping[str, Any]) -> str:
    """Write how long a source waits; of one that starves, that alone."""
    if row["kind"] == "source" and starves(row["arrived"], row["finished"], row["queued"]):
        return f"starved: {row['finished']} of {row['arrived']}"
    return format_ns(row["response_p99_ns"])


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "-"
    return said(name, value) if name.endswith(("_ns", "_hz")) else str(value)
