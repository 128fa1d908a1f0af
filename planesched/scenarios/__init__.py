"""Scenario files: a workload, its machine and some policies in TOML."""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import unknown
from ..policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Scenario", "load_scenario", "scenarios"]


@dataclass(frozen=True)
class Scenario:
    """What a scenario file holds.

    Attributes
    ----------
    name, title, origin : str
        `origin` says which real situation it is, with its source, and what in it is assumed.
    policies : dict of str to Policy
        By their names in the file; the first is what others are compared with.
    arguments : dict
        The other arguments of `planesched.simulate`.
    grid : dict of str to list
        What `planesched.sweep` goes over; empty where the file has no table ``[grid]``.

    Examples
    --------
    >>> from planesched import simulate
    >>> scenario = Scenario.load("vsm-boot")
    >>> simulate(scenario, duration="1 ms", warmup="0").label == next(iter(scenario.policies))
    True
    """

    name: str
    title: str
    origin: str
    policies: dict[str, Policy]
    arguments: dict[str, Any]
    grid: dict[str, list[Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Scenario":
        """Read a scenario file, or one of the package's by its name; raises as `load_scenario`."""
        return load_scenario(path)

    @staticmethod
    def shipped() -> tuple[str, ...]:
        """Return the names of the scenarios that come with planesched."""
        return tuple(scenarios())


def scenarios() -> "dict[str, Path]":
    """Give the scenario files of the package by their names."""
    from pathlib import Path

    folder = Path(__file__).parents[1] / "data" / "scenarios"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario file, or one of the package's by its name.

    Raises
    ------
    OSError
        If it cannot be read.
    InputError
        If it is not TOML, or a key, unit or value is wrong: file, line, what stands there and what
        was expected.
    """
    from pathlib import Path

    from .reader import read_scenario

    name = os.fspath(path)
    known = scenarios()
    if not name.endswith(".toml") and os.sep not in name:
        if name not in known:
            raise unknown("scenario", name, [*known, "FILE.toml"])
        path = known[name]
    return Scenario(Path(path).stem, **read_scenario(path))
