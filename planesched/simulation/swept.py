"""What a sweep gives: a row for each point of its grid and policy, plane or source.

Longer than 300 lines by a few, for what rows hold and how they print is one subject.
"""

import os
from collections.abc import Mapping
from typing import Any

from ..errors import Mistake, unknown
from ..figures.budget import percent
from ..figures.equal import Alike
from ..figures.likeness import apart
from ..figures.notes import starves
from ..figures.rests import ENOUGH, RESPONSE
from ..figures.written import html, write, written_by
from ..policy import Policy
from ..text import counted, fill, fitted, format_ns, width
from .curves import called, curves, findings, named, said

__all__ = ["SCHEMA", "Sweep"]

SCHEMA = "planesched.sweep/1"
"""Changes when what `Sweep.as_dict` gives changes its form."""

_MOST = 6
"""Points that a block to cite shows."""


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
    >>> from planesched import Scenario, sweep
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

    @property
    def labels(self) -> tuple[str, ...]:
        """What the policies of the points are called."""
        return tuple(dict.fromkeys(self._called()))

    def __getitem__(self, label: str) -> "Sweep":
        """Return the points of one policy."""
        labels = self._called()
        if label not in labels:
            raise unknown("label", label, tuple(dict.fromkeys(labels)))
        kept = [number for number, its in enumerate(labels) if its == label]
        columns = {name: [cells[number] for number in kept] for name, cells in self.columns.items()}
        policies = {name: policy for name, policy in self.policies.items() if name == label}
        points = len(set(columns["point"]))
        return Sweep(
            columns, points, 0, self.settings, partial=self.partial, given=self.given,
            policies=policies,
        )  # fmt: skip

    def difference(
        self,
        metric: str,
        where: str | None = None,
        *,
        label: str | None = None,
        against: str | None = None,
    ) -> dict[str, list[Any]]:
        """Return by how much a policy differs from another, at each point that both have.

        All points have the same seed, so that what is random in arrivals is alike; of a single
        point `compare` gives an interval too.

        Parameters
        ----------
        metric : str
            A column of numbers: ``"switches_hz"``, ``"response_p99_ns"``, ``"running_share"``.
        where : str, optional
            The name of a plane or source, as the column ``name`` has it; the policy as a whole.
        label, against : str, optional
            The policies, by default the second and the first of `labels`.

        Returns
        -------
        dict of str to list
            Columns: the settings that are not the policy's, then `metric`.

        Raises
        ------
        Mistake
            If there is no such column, row or policy.
        """
        labels = self.labels
        if label is None and len(labels) < 2:
            raise Mistake("label", None, "a policy beside another to compare with")
        if metric not in self.columns:
            raise unknown("metric", metric, tuple(self.columns))
        one = self[labels[1] if label is None else label]._figures(metric, where)
        other = self[labels[0] if against is None else against]._figures(metric, where)
        points = [point for point in one if point in other]
        columns = {
            name: [point[place] for point in points] for place, name in enumerate(self._axes())
        }
        return columns | {metric: [one[point] - other[point] for point in points]}

    def _called(self) -> list[str]:
        """Return, row by row, what its policy is called."""
        return [called(row, self.settings) for row in self.rows()]

    def _axes(self) -> list[str]:
        """Return the settings that are not the policy's."""
        return [name for name in self.settings if not name.startswith("policy_")]

    def _figures(self, metric: str, where: str | None) -> dict[tuple[Any, ...], Any]:
        """Return a column by the point's settings; rows where it is not known are left out."""
        rows = self.rows()
        if where is None:
            rows = [row for row in rows if row["kind"] == "policy"]
        else:
            names = {row["name"] for row in rows if row["kind"] != "policy"}
            if where not in names:
                raise unknown("where", where, sorted(names))
            rows = [row for row in rows if row["name"] == where]
        axes = self._axes()
        return {
            tuple(row[name] for name in axes): row[metric]
            for row in rows
            if row[metric] is not None
        }

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
        counts = (row["injected"] for row in self.rows() if row["kind"] == "source")
        least = min((count for count in counts if count), default=ENOUGH)
        few = f", p99 of as few as {least} responses" if least < ENOUGH else ""
        return f"{named}, {RESPONSE}{few}"

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
