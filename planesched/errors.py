"""The exceptions that planesched adds to Python's own: what was found, and what was expected.

A check raises `Mistake`, which knows the name of what is wrong; a reader of files makes an
`InputError` of it, which knows the place too. Nobody looks at the wording of a message.
"""

from collections.abc import Iterable
from typing import Any, Self

__all__ = ["InputError", "Mistake", "TypeMistake", "Words", "brief", "nearest", "unknown"]

_LONGEST = 80
"""No value is quoted at greater length than this."""

_LONGEST_LINE = 160


class Words(str):
    """What was found, said in words, where the value itself would say little."""


class Mistake(ValueError):
    """An argument, a field or a key that is not what it should be.

    Attributes
    ----------
    name : str
        What it is called; ``""`` where only the caller knows.
    found : object
        What it is, or `Words` about it.
    expected : str
        What it should be.
    """

    def __init__(self, name: str, found: object, expected: str) -> None:
        self.name = name
        self.found = found
        self.expected = expected
        super().__init__(name, found, expected)

    def within(self, name: str) -> Self:
        """Return the same mistake, made inside of what is called `name`."""
        inner = self.name
        if inner and inner != name and not inner.startswith((f"{name}.", f"{name}[")):
            joint = "" if inner.startswith("[") else "."
            inner = f"{name}{joint}{inner}"
        return type(self)(inner or name, self.found, self.expected)

    def named(self, name: str) -> Self:
        """Return the same mistake by another name: that of a command's option, say."""
        return type(self)(name, self.found, self.expected)

    @property
    def what(self) -> str:
        """What was found, by name: ``planes=17``."""
        if isinstance(self.found, Words):
            return f"{self.name}: {self.found}" if self.name else str(self.found)
        return f"{self.name}={brief(self.found)}" if self.name else brief(self.found)

    def __str__(self) -> str:
        return f"{self.what}, expected {self.expected}"


class TypeMistake(Mistake, TypeError):
    """A `Mistake` in the type: also a TypeError."""


class InputError(ValueError):
    """A trace, map, policy, scenario or other file that does not hold what it should.

    Attributes
    ----------
    path : str
        The file as the caller named it; ``"-"`` is standard input.
    line : int
        The line, counted from 1; 0 where the whole file is meant.
    found : str
        What stands there.
    expected : str
        What should stand there.

    Examples
    --------
    >>> print(InputError("map.toml", 3, "0x2x", "a vector, 0 to 255"))
    map.toml:3: found 0x2x, expected a vector, 0 to 255
    """

    def __init__(self, path: str, line: int, found: str, expected: str) -> None:
        self.path = path
        self.line = line
        self.found = found
        self.expected = expected
        super().__init__(path, line, found, expected)

    @classmethod
    def of(cls, path: str, line: int, mistake: Mistake) -> Self:
        """Give a mistake its place."""
        return cls(path, line, mistake.what, mistake.expected)

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        cut = len(self.found) > _LONGEST_LINE
        found = f"{self.found[:_LONGEST_LINE]} ..." if cut else self.found
        return f"{place}: found {found}, expected {self.expected}"


def brief(value: Any) -> str:
    """Return a value's repr, cut where it is long: binary junk is not quoted by the screen."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def unknown(name: str, found: object, known: Iterable[str]) -> Mistake:
    """Return the mistake of a name that is none of those known, with the nearest of them."""
    names = list(known)
    expected = f"one of {', '.join(names)}"
    if not isinstance(found, str):
        return TypeMistake(name, found, expected)
    near = nearest(found, names)
    return Mistake(name, found, expected if near is None else f"{expected}; did you mean {near}?")


def nearest(found: str, names: Iterable[str]) -> str | None:
    """Return the name that was probably meant, if there is one; case and ``-_`` do not count."""
    from difflib import get_close_matches

    folded = {_folded(name): name for name in names}
    close = get_close_matches(_folded(found), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
