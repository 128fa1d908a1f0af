"""Equality of values that hold arrays."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

__all__ = ["Alike"]


class Alike:
    """Equal to another of its type with the same values: of arrays, shape, dtype and every item.

    Not hashable, as arrays are not.
    """

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _alike(vars(self), vars(other))


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return getattr(one, "dtype", None) == getattr(other, "dtype", None) and np.array_equal(
            one, other
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and type(one) is type(other):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other or (one != one and other != other))  # NaN is alike NaN
