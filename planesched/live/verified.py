"""What a verification found: all equal, or the first difference as a case."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..conformance.run import Case, as_toml, dump
from ..errors import Mistake, Words
from ..markup import preformatted
from ..text import counted, fill, table, width
from .host import Host

__all__ = ["Difference", "Verified"]


@dataclass(frozen=True)
class Difference:
    """Where a machine and the core were first not equal.

    Attributes
    ----------
    keys : tuple of str
        What differs, in the words of case files.
    odd : str
        What the machine did besides that no act asked of it.
    machine, core : mapping
        What either held, by key.
    case : Case
        The shortest way there that was found; what is expected is what the machine showed.
    """

    keys: tuple[str, ...]
    odd: str
    machine: Mapping[str, Any]
    core: Mapping[str, Any]
    case: Case

    def __str__(self) -> str:
        rows = [
            (key, _said(self.machine[key]), _said(self.core[key]), "*" if key in self.keys else "")
            for key in self.machine
        ]
        odd = [self.odd] if self.odd else []
        return "\n\n".join(
            [*odd, table(("after the last step", "machine", "core", ""), rows), as_toml(self.case)]
        )


@dataclass(frozen=True)
class Verified:
    """What `verify` found; str() is what the command prints.

    Attributes
    ----------
    policy : str
        How the core schedules, by name.
    planes, acts, seed, walks : int
        As asked for; what was done of it, and how often it began anew.
    vectors : int
        How many vectors planes took.
    difference : Difference or None
        The first, if there is one.
    partial : bool
        Whether Ctrl-C ended it early.
    host : Host
        Where.
    """

    policy: str
    planes: int
    acts: int
    seed: int
    walks: int
    vectors: int
    difference: Difference | None
    partial: bool
    host: Host

    @property
    def status(self) -> int:
        """The exit status: 0 if all was equal, 1 if not."""
        return int(self.difference is not None)

    def table(self) -> dict[str, list[Any]]:
        """Return one row as columns."""
        differs = None if self.difference is None else ", ".join(self.difference.keys) or "odd"
        row = {
            "policy": self.policy, "planes": self.planes, "acts": self.acts, "seed": self.seed,
            "walks": self.walks, "vectors": self.vectors, "differs": differs,
        }  # fmt: skip
        return {key: [value] for key, value in row.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        row = {key: values[0] for key, values in self.table().items()}
        found = self.difference
        return {
            "schema": "planesched.verified/1",
            **row,
            "status": self.status,
            "partial": self.partial,
            "machine": None if found is None else dict(found.machine),
            "core": None if found is None else dict(found.core),
            "case": None if found is None else as_toml(found.case),
            "host": self.host.as_dict(),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the difference as a case file, which ``planesched conform`` runs.

        Raises
        ------
        Mistake
            If there is none.
        OSError
            If it cannot be written.
        """
        if self.difference is None:
            raise Mistake("difference", Words("none"), "one to save")
        dump([self.difference.case], path)

    def text(self, columns: int | None = 0) -> str:
        """Return it as text, `columns` wide; 0 as the terminal is, None without an end."""
        columns = width() if columns == 0 else columns
        done = (
            f"{self.policy}, {counted(self.planes, 'plane')}: {counted(self.acts, 'act')} in "
            f"{counted(self.walks, 'walk')}, seed {self.seed}, {counted(self.vectors, 'vector')} "
            "taken"
        )
        stopped = " (stopped before its end)" if self.partial else ""
        if self.difference is None:
            return "\n".join(fill(f"{done}: machine and core are equal{stopped}", columns))
        what = ", ".join(self.difference.keys) or "what the machine did"
        head = "\n".join(fill(f"{done}: they differ in {what}", columns))
        return f"{head}\n\n{self.difference}"

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def __str__(self) -> str:
        return self.text()


def _said(value: Any) -> str:
    """Write a vector as people do."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(_said(each) if each else "-" for each in value)
    return hex(value) if value > 15 else str(value)
