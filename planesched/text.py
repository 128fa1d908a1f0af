"""Text both ways: times and rates as people write and read them, counts, paragraphs, tables."""

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from .errors import Mistake, TypeMistake

if TYPE_CHECKING:
    from fractions import Fraction

__all__ = [
    "MAX_NS",
    "PIPE_WIDTH",
    "Cell",
    "counted",
    "duration_ns",
    "fill",
    "fitted",
    "format_ns",
    "hung",
    "listed",
    "rate_hz",
    "table",
    "width",
    "with_unit",
]

MAX_NS = 2**63 - 1
"""The longest time that the drivers hold: 292 years."""

PIPE_WIDTH = 80
"""How wide paragraphs are where no terminal says otherwise."""

Cell = str | Sequence[str]
"""What a table holds in one place: a line, or several."""

_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # micro sign
    "μs": 1_000,  # Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
}
_HZ = {"Hz": 1, "/s": 1, "kHz": 1_000, "MHz": 1_000_000, "GHz": 1_000_000_000}
_QUANTITY = re.compile(r"\s*(\d{1,30}(?:\.\d{1,30})?)\s*([a-zA-Zµμ/]*)\s*", re.ASCII)
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|[num]?s\b))")
_DURATION = 'a time with its unit (ns, us, ms, s or min), for example "20 us"'
_RATE = 'a rate with its unit (Hz, /s, kHz, MHz or GHz), for example "5 kHz"'
_NUMBER = re.compile(r"(?:[-+]?[\d,.]+(?: ?(?:ns|us|ms|s|%))?|-|)")


def duration_ns(text: str | int, name: str = "") -> int:
    """Return a time in nanoseconds, exactly.

    Parameters
    ----------
    text : str or int
        A number and a unit, as in ``"20 us"`` or ``"1.5ms"``; ``"0"`` needs none. An int is
        nanoseconds already.
    name : str
        What the caller calls it, for a mistake in it.

    Returns
    -------
    int
        Nanoseconds, 0 to 2**63 - 1.

    Raises
    ------
    Mistake
        If it is not a time, not a whole number of nanoseconds, or does not fit; a TypeError too
        if `text` is neither a str nor an int.
    """
    if isinstance(text, str):
        exact = _quantity(name, text, _NS, _DURATION)
    elif hasattr(text, "__index__") and not isinstance(text, bool):
        exact = _whole(text)
    else:
        raise TypeMistake(name, text, _DURATION)
    if exact.denominator != 1:
        raise Mistake(name, text, f"whole nanoseconds, not {float(exact)}")
    if not 0 <= exact <= MAX_NS:
        raise Mistake(name, text, "a time in 0..2**63 - 1 ns (292 years)")
    return int(exact)


def rate_hz(text: str | float, name: str = "") -> float:
    """Return a rate per second.

    Parameters
    ----------
    text : str, float or int
        A number and a unit, as in ``"5 kHz"`` or ``"200/s"``; ``"0"`` needs none. A number is
        per second already.
    name : str
        What the caller calls it, for a mistake in it.

    Returns
    -------
    float
        Per second, finite and not negative.

    Raises
    ------
    Mistake
        If it is not a rate; a TypeError too if `text` is neither a str nor a number.
    """
    if isinstance(text, str):
        return float(_quantity(name, text, _HZ, _RATE))
    if not isinstance(text, (int, float)) or isinstance(text, bool):
        raise TypeMistake(name, text, _RATE)
    try:
        rate = float(text)
    except OverflowError:  # an int of 400 digits
        rate = float("inf")
    if not 0 <= rate < float("inf"):
        raise Mistake(name, text, "a finite number a second, 0 or more")
    return rate


def with_unit(value: Any, name: str = "", *, rate: bool = False) -> Any:
    """Return what a file says where a time or a rate belongs; a bare number but 0 is refused.

    Python's own ints are nanoseconds; what a person types carries its unit.
    """
    if isinstance(value, int | float) and (value or isinstance(value, bool)):
        raise Mistake(name, value, _RATE if rate else _DURATION)
    return value


def format_ns(time_ns: float | None) -> str:
    """Return a time with three digits that count: ``"12.3 us"``; ``"-"`` for None."""
    if time_ns is None:
        return "-"
    if float(f"{abs(time_ns):.3g}") < 1000:
        whole = float(time_ns).is_integer()
        return f"{time_ns:.0f} ns" if whole else f"{_three(time_ns)} ns"
    for unit, scale in (("us", 1e3), ("ms", 1e6), ("s", 1e9)):
        # Rounded before it is compared: 999.9 us is 1.00 ms.
        if float(f"{abs(time_ns) / scale:.3g}") < 1000:
            return f"{_three(time_ns / scale)} {unit}"
    return f"{time_ns / 1e9:.0f} s"


def _three(value: float) -> str:
    """Write a number below 1000 with three digits that count."""
    rounded = float(f"{abs(value):.3g}")
    decimals = 2 if rounded < 10 else 1 if rounded < 100 else 0
    return f"{value:.{decimals}f}"


def _whole(number: Any) -> "Fraction":
    from fractions import Fraction

    return Fraction(int(number))


def _quantity(name: str, text: str, units: dict[str, int], expected: str) -> "Fraction":
    from fractions import Fraction

    found = _QUANTITY.fullmatch(text)
    if not found or (found[2] not in units and (found[2] or Fraction(found[1]))):
        raise Mistake(name, text, expected)
    return Fraction(found[1]) * units.get(found[2], 1)


def width() -> int:
    """Return how wide text may be: COLUMNS, or the terminal's width, or 80 in a pipe."""
    import shutil

    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns


def counted(count: int, noun: str) -> str:
    """Return a number of things: ``1 job``, ``2 jobs``, ``2 switches``."""
    if count == 1:
        return f"{count} {noun}"
    return f"{count} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def listed(items: Iterable[object]) -> str:
    """Return things with commas between them."""
    return ", ".join(map(str, items))


def fill(text: str, columns: int | None, indent: int = 0, hang: int | None = None) -> list[str]:
    """Break a paragraph into lines, indented, from the second by `hang`; units keep to numbers."""
    import textwrap

    rest = indent if hang is None else hang
    lines = textwrap.wrap(
        _BEFORE_UNIT.sub("\xa0", text),
        max(columns or PIPE_WIDTH, rest + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * rest,
        break_on_hyphens=False,
    )
    return [line.replace("\xa0", " ") for line in lines]


def table(header: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> str:
    """Align cells under a header; columns of numbers to the right, others to the left.

    Parameters
    ----------
    header : sequence of str or of sequences of str
        One a column.
    rows : sequence of sequences of such
        A row is as high as its highest cell. Where one has several lines, an empty line parts it
        from the next row.
    """
    split = [[_lines(cell) for cell in row] for row in (header, *rows)]
    columns = [_Column([cell[i] for cell in split]) for i in range(len(header))]
    blocks = ["\n".join(_block(columns, row)) for row in split]
    rule = "-" * max(len(line) for block in blocks for line in block.splitlines())
    tall = any("\n" in block for block in blocks[1:])
    body = ("\n\n" if tall else "\n").join(blocks[1:])
    return "\n".join((blocks[0], rule, body))


def fitted(
    header: Sequence[Cell], rows: Sequence[Sequence[str]], columns: int | None = None, keys: int = 1
) -> str:
    """Return a table; where it is too wide, several below each other, with the first column again.

    Parameters
    ----------
    header, rows
        As `table` takes them; rows of single lines.
    columns : int, optional
        How wide it may be. None: as wide as it needs to be.
    keys : int
        How many columns, from the first, stand in each.
    """
    heads = [max(map(len, _lines(cell)), default=0) for cell in header]
    widths = [max(wide, *(len(row[i]) for row in rows)) if rows else wide
              for i, wide in enumerate(heads)]  # fmt: skip
    parts = [[*range(keys)]]
    for i in range(keys, len(header)):
        wide = sum(widths[j] + 2 for j in parts[-1]) + widths[i]
        if columns is not None and wide > columns and len(parts[-1]) > keys:
            parts.append([*range(keys)])
        parts[-1].append(i)
    return "\n\n".join(
        table([header[i] for i in part], [[row[i] for i in part] for row in rows]) for part in parts
    )


def hung(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    """Return a table of two columns whose cells are broken into lines where they are too wide.

    Examples
    --------
    >>> print(hung(("name", "what"), [("a", "one two three four five six"), ("b", "seven")], 30))
    name  what
    -----------------------------
    a     one two three four five
          six
    b     seven
    """
    first, second = (max(len(row[i]) for row in (header, *rows)) for i in (0, 1))
    left = min(first, max(columns // 3, columns - 2 - second))
    out: list[tuple[str, str]] = []
    for row in rows:
        name, words = fill(row[0], left) or [""], fill(row[1], columns - 2 - left) or [""]
        out += zip_longest(name, words, fillvalue="")
    return table(header, out)


def _lines(cell: Cell) -> list[str]:
    return [cell] if isinstance(cell, str) else list(cell)


class _Column:
    """Pads the cells of one column."""

    def __init__(self, cells: Sequence[Sequence[str]]) -> None:
        self.width = max(len(line) for cell in cells for line in cell)
        self.right = all(_NUMBER.fullmatch(line) for cell in cells[1:] for line in cell)

    def pad(self, line: str) -> str:
        return line.rjust(self.width) if self.right else line.ljust(self.width)


def _block(columns: Sequence[_Column], row: Sequence[Sequence[str]]) -> list[str]:
    """Lay one row out; a header stands on the row's last lines, like all that is short of it."""
    height = max(len(cell) for cell in row)
    padded = [[*cell, *[""] * (height - len(cell))] for cell in row]
    lines = zip(*padded, strict=True)
    return ["  ".join(_pads(columns, line)).rstrip() for line in lines]


def _pads(columns: Sequence[_Column], line: Sequence[str]) -> list[str]:
    return [column.pad(text) for column, text in zip(columns, line, strict=True)]
