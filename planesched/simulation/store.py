"""Where a sweep keeps its points: a Parquet file, and a folder beside it while it goes on."""

import os
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..figures.arrow import arrow_table
from ..files import check_target, replacing

__all__ = ["Store"]


class Store:
    """A Parquet file, and beside it a folder with the points that are not in it yet."""

    def __init__(self, out: str | os.PathLike[str], settings: tuple[str, ...]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa, self._pq = pa, pq
        check_target(out)
        self.settings = settings
        self.path = Path(out)
        self.folder = self.path.with_name(f".{self.path.name}.parts")

    def _parts(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else []

    def _tables(self) -> list[Any]:
        files = [self.path] if self.path.exists() else []
        return [self._pq.read_table(file) for file in [*files, *self._parts()]]

    def have(self) -> set[str]:
        """Return the keys of the points that are there."""
        try:
            return {key for table in self._tables() for key in table["point"].to_pylist()}
        except (KeyError, self._pa.ArrowException) as error:
            found = f"no rows of a sweep ({error})"
            raise InputError(str(self.path), 0, found, "what sweep wrote") from None

    def add(self, key: str, columns: dict[str, list[Any]]) -> None:
        """Write the rows of a point to a file of their own."""
        import hashlib

        self.folder.mkdir(exist_ok=True)
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        self._write(arrow_table(columns), self.folder / f"{name}.parquet")

    def _write(self, table: Any, path: Path) -> None:
        with replacing(path, "wb") as file:
            self._pq.write_table(table, file)

    def join(self) -> None:
        """Make one file of everything; sorted, so that it does not matter what was done first."""
        if not self._parts():
            return
        table = self._pa.concat_tables(self._tables(), promote_options="permissive")
        names = (*self.settings, "point", "kind", "name")
        keys = [(name, "ascending") for name in names]
        self._write(table.sort_by(keys), self.path)
        for part in self._parts():
            part.unlink()
        self.folder.rmdir()

    def columns(self) -> dict[str, list[Any]]:
        """Return all rows that are in the file."""
        if not self.path.exists():
            return {}
        found: dict[str, list[Any]] = self._pq.read_table(self.path).to_pydict()
        return found
