"""Plain text: aligned tables, filled paragraphs, and how wide they may be."""

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence

__all__ = ["PIPE_WIDTH", "fill", "table", "width"]

PIPE_WIDTH = 100
"""How wide text is where no terminal says otherwise."""

Cell = str | Sequence[str]
_NUMBER = re.compile(r"[-+]?[\d,.]+(?: ?(?:ns|us|ms|s|%))?|-|")


def width() -> int:
    """Give the terminal's width, or `PIPE_WIDTH` in a pipe, whatever COLUMNS says there."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH


def fill(text: str, columns: int, indent: int = 0) -> list[str]:
    """Break a paragraph into lines."""
    margin = " " * indent
    return textwrap.wrap(
        text, max(columns, indent + 20), initial_indent=margin, subsequent_indent=margin
    )


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], gap: int = 2) -> str:
    """Align cells under a header; columns of numbers to the right, others to the left.

    Parameters
    ----------
    header : sequence of str
        One a column.
    rows : sequence of sequence
        Cells of one line (str) or of several (sequence of str); a row is as high as its highest.
    gap : int
        Blanks between columns.
    """
    split = [[[cell] if isinstance(cell, str) else list(cell) for cell in row] for row in rows]
    columns = list(zip(*([[name] for name in header], *split), strict=True))
    aligned = [_Aligned([line for cell in column for line in cell]) for column in columns]
    lines = []
    for row in [[[name] for name in header], *split]:
        height = max(len(cell) for cell in row)
        for index in range(height):
            parts = [cell[index] if index < len(cell) else "" for cell in row]
            shown = (align(part) for align, part in zip(aligned, parts, strict=True))
            lines.append((" " * gap).join(shown).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


class _Aligned:
    """Pads the cells of one column."""

    def __init__(self, cells: Sequence[str]) -> None:
        self.width = max(map(len, cells))
        self.right = all(_NUMBER.fullmatch(cell) for cell in cells[1:])

    def __call__(self, cell: str) -> str:
        return cell.rjust(self.width) if self.right else cell.ljust(self.width)
