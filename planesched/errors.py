"""The exceptions that planesched adds to Python's own."""

__all__ = ["TraceError"]


class TraceError(ValueError):
    """A trace, plane map or other input file that does not hold what it should.

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
    """

    def __init__(self, path: str, line: int, found: str, expected: str) -> None:
        self.path = path
        self.line = line
        self.found = found
        self.expected = expected
        super().__init__(path, line, found, expected)

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: found {self.found}, expected {self.expected}"
