"""What each policy made of the same input: one table, a row a policy, and its notes."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..figures.planes import Stats
from ..text import Cell, fill, format_ns, table

__all__ = ["Row", "policy_table"]

_HEADER: tuple[Cell, ...] = (
    ("", "policy"),
    ("", "switches"),
    ("", "exits"),
    ("", "bounces"),
    ("entries", "by reason"),
    ("", ""),
    ("", "plane"),
    ("", "injected"),
    ("latency", "p50"),
    ("", "p99"),
    ("", "max"),
    ("time", "running"),
)


@dataclass(frozen=True)
class Row:
    """One policy's figures.

    Parameters
    ----------
    label : str
        What the policy is called.
    stats : Stats
        What it did.
    planes : sequence of int
        The planes, from level 0 (the guest OS's) up, so that rows can be compared.
    notes : sequence of str
        What a reader of the figures must know.
    """

    label: str
    stats: Stats
    planes: Sequence[int]
    notes: Sequence[str] = ()


def policy_table(rows: Sequence[Row], columns: int | None = None) -> str:
    """Lay out the figures and the notes.

    Parameters
    ----------
    rows : sequence of Row
        At least one.
    columns : int, optional
        How wide it may be. Where a table does not fit, each policy stands as a paragraph of its
        own. None: as wide as it needs to be, paragraphs as in a pipe.
    """
    text = table(_HEADER, [_row(row) for row in rows])
    if columns is not None and max(map(len, text.splitlines())) > columns:
        text = "\n\n".join(_paragraph(row) for row in rows)
    notes = [f"{row.label}: {'; '.join(row.notes)}" for row in rows if row.notes]
    filled = ["\n".join(fill(note, columns, hang=2)) for note in notes]
    return "\n".join([text, *(["", *filled] if notes else [])])


def _row(row: Row) -> tuple[Cell, ...]:
    stats = row.stats
    reasons = stats.entries_by_reason or {"none": 0}
    return (
        row.label,
        str(stats.switches),
        str(stats.exits),
        str(stats.bounces),
        list(reasons),
        [str(count) for count in reasons.values()],
        [str(plane) for plane in row.planes],
        *([_plane(row, plane)[i] for plane in row.planes] for i in range(5)),
    )


def _plane(row: Row, plane: int) -> tuple[str, ...]:
    """Give a plane's injections, p50, p99 and max latency, and time running."""
    quantiles = (row.stats.latency_quantile_ns(plane, quantile) for quantile in (0.5, 0.99))
    return (
        str(int(row.stats.injected[plane])),
        *map(format_ns, quantiles),
        format_ns(row.stats.latency_max_ns(plane)),
        format_ns(row.stats.running_ns[plane]),
    )


def _paragraph(row: Row) -> str:
    stats = row.stats
    lines = [
        row.label,
        f"  {stats.switches} switches, {stats.exits} exits, {stats.bounces} bounces",
        *(f"  {count} by {reason}" for reason, count in stats.entries_by_reason.items()),
    ]
    names = ("injected", "p50", "p99", "max", "running")
    for plane in row.planes:
        lines.append(f"  plane {plane}")
        figures = zip(names, _plane(row, plane), strict=True)
        lines += [f"    {name:<9}{value:>8}" for name, value in figures]
    return "\n".join(lines)
