import numpy as np
from numpy.typing import ArrayLike, NDArray

from .policy import Policy

__all__ = ["pick_many"]

def pick_many(
    candidates: ArrayLike,
    policy: Policy,
    locked: ArrayLike | None = None,
    out: NDArray[np.int8] | None = None,
) -> NDArray[np.int8]: ...
