"""Plain text: aligned tables, filled paragraphs, and how wide they may be."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence

__all__ = ["PIPE_WIDTH", "Cell", "counted", "fill", "table", "width"]

PIPE_WIDTH = 100
"""How wide paragraphs are where no terminal says otherwise."""

Cell = str | Sequence[str]
"""What a table holds in one place: a line, or several."""

_NUMBER = re.compile(r"(?:[-+]?[\d,.]+(?: ?(?:ns|us|ms|s|%))?|-|)")


def width() -> int | None:
    """Give the terminal's width, or None: in a pipe text is the same whatever COLUMNS says."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def counted(count: int, noun: str) -> str:
    """Write a number of things: ``1 job``, ``2 jobs``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def fill(text: str, columns: int | None, indent: int = 0, hang: int | None = None) -> list[str]:
    """Break a paragraph into lines, indented, from the second by `hang`."""
    rest = indent if hang is None else hang
    return textwrap.wrap(
        text,
        max(columns or PIPE_WIDTH, rest + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * rest,
        break_on_hyphens=False,
    )


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
