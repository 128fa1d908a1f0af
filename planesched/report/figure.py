"""A figure that notebooks show, made without pyplot."""

import io
from functools import cache
from typing import Any

from ..errors import Mistake, Words

__all__ = ["figure_class", "matplotlib"]


def matplotlib() -> Any:
    """Return the package, which is an extra."""
    try:
        import matplotlib.figure
    except ImportError:
        expected = "matplotlib: pip install 'planesched[plot]'"
        raise Mistake("plot", Words("it needs a package"), expected) from None
    return matplotlib


def figure_class() -> Any:
    """Return matplotlib's figure, as a notebook shows it."""
    return _shown(matplotlib().figure.Figure)


@cache
def _shown(base: Any) -> Any:
    class Figure(base):  # type: ignore[misc]
        """One that a notebook shows as it is: pyplot, which would tell it how, is not there."""

        def _repr_svg_(self) -> str:
            out = io.StringIO()
            self.savefig(out, format="svg")
            return out.getvalue()

    return Figure
