"""What the modules of the formats share; the lines themselves are read in C.

csrc/traces/formats.c says what stands before an event's body in each format.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..decoder import Found, match

__all__ = ["Family", "digits"]


@dataclass(frozen=True)
class Family:
    """One way in which lines are printed.

    Attributes
    ----------
    format : int
        Its number in `planesched.traces.decoder`.
    producer : callable
        Names the producer from the first event line and what was found in it, or gives None when
        the line only looks like this family's.
    """

    format: int
    producer: Callable[[bytes, Found], str | None]

    def match(self, line: bytes) -> Found | None:
        """Return what stands before the body of a line's event; None if it has none."""
        return match(self.format, line)


def digits(name: str, found: Found, long: str) -> str:
    """Give the producer's name, with the option `long` when it printed nanoseconds."""
    return f"{name} {long}" if len(found.fraction) == 9 else name
