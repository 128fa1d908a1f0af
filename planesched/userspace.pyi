from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .core import VCPU, Outcome
from .events import Reason

__all__ = ["UserScheduler"]

@disjoint_base
class UserScheduler:
    def __init__(
        self,
        function: Callable[[np.void, int, int, Reason], int | tuple[int, int] | None]
        | object = None,
        user: int | NDArray[Any] | None = None,
    ) -> None: ...
    @property
    def kind(self) -> str: ...
    def answer(self, vcpu: VCPU, reason: Reason | int = ..., now_ns: int = 0) -> Outcome | None: ...

def as_user_scheduler(function: object) -> UserScheduler: ...
