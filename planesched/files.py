"""Files: written whole or not at all, and TOML that is read with its lines."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import InputError, Mistake, Words, unknown

__all__ = ["Toml", "check_target", "replacing"]

_TAKERS = {
    "scenario": ("a scenario file", "planesched simulate, compare and sweep take it"),
    "case": ("a case file", "planesched conform takes it"),
    "map": ("a plane map", "planesched replay --map-file takes it"),
    "policy": ("a policy", "--policy takes it"),
    "costs": ("a cost set", "--cost takes it"),
}
# Keys at the top that only one kind of file has; the first that is there tells.
_TELLING = {
    "case": "case", "scenario": "case", "policies": "scenario", "source": "scenario",
    "workload": "scenario", "map": "map", "policy": "policy", "preset": "policy", "costs": "costs",
}  # fmt: skip


@contextmanager
def replacing(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file beside `path` that takes its place when all went well.

    Whatever goes wrong, Ctrl-C too, `path` is as it was, and nothing is left beside it.

    Parameters
    ----------
    path : str or path-like
        Where the file is to be.
    mode : {"w", "wb"}
        For text (UTF-8) or bytes.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with beside.open(mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise OSError if `path` could not be written, before the work that fills it is done."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target}: is a folder, expected a file to write")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"{target}: the folder {target.parent} cannot be written")


class Toml:
    """A TOML file: its table, and where in it each key stands, which tomllib does not tell.

    Parameters
    ----------
    path : str or path-like
        The file; a byte order mark at its begin is skipped.
    arrays : iterable of str
        Names of tables of which there may be several, ``[[name]]``.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is not TOML, or has a table ``[name]`` that should be ``[[name]]``; with the line.
    """

    def __init__(self, path: str | os.PathLike[str], arrays: Iterable[str] = ()) -> None:
        import tomllib

        self.path = os.fspath(path)
        try:
            self.text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            found = f"bytes that are not UTF-8 ({error.reason} at byte {error.start})"
            raise InputError(self.path, 0, found, "a TOML file") from None
        for name in arrays:
            single = self._head(rf"\[\s*{re.escape(name)}\s*\]")
            if single:
                raise InputError(self.path, single, f"[{name}]", f"[[{name}]], for there are more")
        try:
            self.table: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"at line (\d+)", str(error))
            line = int(at[1]) if at else 0
            why = re.sub(r" \(at line \d+, (.*)\)", r", \1", str(error))
            raise InputError(self.path, line, f"no TOML ({why})", "a TOML file") from None
        except ValueError:  # Python's own: it reads no int of over 4300 digits
            found = "a whole number of thousands of digits"
            raise InputError(self.path, 0, found, "numbers below 2^63") from None
        except RecursionError:
            found = "lists or tables in each other, too deep to be read"
            raise InputError(self.path, 0, found, "a TOML file") from None

    def _head(self, pattern: str) -> int:
        head = re.compile(rf"\s*{pattern}\s*(#.*)?")
        lines = enumerate(self.text.splitlines(), 1)
        return next((number for number, line in lines if head.fullmatch(line)), 0)

    def check_kind(self, kind: str) -> None:
        """Raise InputError if the file shows itself to be of another kind, and say who takes it."""
        told = next((found for key, found in _TELLING.items() if key in self.table), kind)
        if told != kind:
            what, taker = _TAKERS[told]
            raise InputError(self.path, 0, f"{what} ({taker})", _TAKERS[kind][0])

    def line(self, key: str, table: str = "", index: int = 0) -> int:
        """Return the line of a key in the `index`-th table of a name, or of that table's head."""
        inside, seen, head = table == "", -1, 0
        for number, text in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]\]?", text)
            if header:
                found = header[1].replace('"', "")
                seen += found == table
                inside = found == table and seen == index
                head = number if inside else head
            elif inside and key and re.match(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]""", text):
                return number
        return head

    def error(
        self, found: str, expected: str, key: str = "", table: str = "", index: int = 0
    ) -> InputError:
        """Return what is wrong with a key, with its line."""
        return InputError(self.path, self.line(key, table, index), found, expected)

    def placed(self, mistake: Mistake, key: str, table: str = "", index: int = 0) -> InputError:
        """Return a mistake in the value of a key, with its line."""
        told = mistake.within(key) if key else mistake
        return self.error(told.what, told.expected, key, table, index)

    def read(
        self, read: Callable[..., Any], *given: Any, key: str, table: str = "", index: int = 0
    ) -> Any:
        """Return what `read` makes of the value of a key; a mistake in it gets its line."""
        try:
            return read(*given)
        except Mistake as mistake:
            raise self.placed(mistake, key, table, index) from None

    def known(
        self, given: Mapping[str, Any], keys: Iterable[str], table: str = "", index: int = 0
    ) -> None:
        """Raise InputError unless every key of a table is one of `keys`."""
        keys = list(keys)
        for key in given:
            if key not in keys:
                line = self.line(key, table, index) or self.line("", key)
                expected = unknown("", key, keys).expected
                raise InputError(self.path, line, f"the key {key!r}", expected)

    def subtable(self, name: str) -> dict[str, Any]:
        """Return the table of a name, empty if there is none."""
        table = self.table.get(name, {})
        if not isinstance(table, dict):
            raise self.placed(Mistake(name, table, f"a table [{name}]"), name)
        return table

    def subtables(self, name: str) -> list[dict[str, Any]]:
        """Return the tables of a name, none if there is none."""
        tables = self.table.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(item, dict) for item in tables):
            raise self.placed(Mistake(name, Words("no tables"), f"tables [[{name}]]"), name)
        return tables
