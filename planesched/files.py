"""Files: written whole or not at all, and TOML that is read with its lines."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import TraceError

__all__ = ["check_target", "line_of", "read_toml", "replacing"]


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


def read_toml(path: str | os.PathLike[str]) -> tuple[dict[str, Any], str]:
    """Read a TOML file: its table, and its text for `line_of`.

    Raises
    ------
    OSError
        If it cannot be read.
    TraceError
        If it is not TOML, with the line.
    """
    import tomllib

    name = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        raise TraceError(name, 0, f"bytes that are not UTF-8 ({error})", "a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise TraceError(name, int(at[1]) if at else 0, str(error), "a TOML file") from None


def line_of(text: str, key: str) -> int:
    """Give the first line, from 1, that sets `key`; tomllib does not tell. 0 if there is none."""
    sets = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    lines = enumerate(text.splitlines(), 1)
    return next((number for number, line in lines if sets.match(line)), 0)
