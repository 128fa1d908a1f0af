from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

__all__ = ["Guests"]

@disjoint_base
class Guests:
    def __init__(
        self,
        sources: Sequence[Mapping[str, Any]],
        seed: Sequence[int],
        ids: NDArray[np.uint32],
        *,
        costs: NDArray[np.int64] | None = None,
        spreads: Sequence[tuple[int, float, float, int, NDArray[np.int64] | None]] = (),
        exit_cost: tuple[int, float, float, int, NDArray[np.int64] | None] | None = None,
    ) -> None: ...
    @property
    def vcpus(self) -> int: ...
