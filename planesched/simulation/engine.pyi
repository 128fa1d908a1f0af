from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from ..figures.jobs import JobStats
from ..figures.planes import Stats
from ..policy import Policy
from ..policytext import Given
from ..workload.costs import Given as GivenCosts

__all__ = ["Engine", "Guests"]

_Arrays: TypeAlias = tuple[
    NDArray[np.void],
    NDArray[np.void],
    NDArray[np.void],
    NDArray[np.uint64],
    NDArray[np.uint64],
    NDArray[np.uint64],
]

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

@disjoint_base
class Engine:
    def __init__(
        self,
        policy: Given,
        planes: int = 2,
        vcpus: int = 1,
        *,
        online: Iterable[int] | None = None,
        costs: GivenCosts = None,
        route: Literal["own", "marker"] = "own",
        forward_ns: int = 0,
        main: int | None = None,
        busy: Iterable[int] = (),
        initial: NDArray[np.void] | np.void | None = None,
        start_ns: int = 0,
        guests: Guests | None = None,
        userspace: object = None,
    ) -> None: ...
    def copy(self) -> Self: ...
    def restore(self, snapshot: Engine) -> None: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, memo: dict[int, Any]) -> Self: ...
    @property
    def planes(self) -> int: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def now_ns(self) -> int: ...
    @property
    def vcpus(self) -> int: ...
    @property
    def next_event_ns(self) -> int | None: ...
    @property
    def state(self) -> NDArray[np.void]: ...
    def grow(self, vcpus: int) -> None: ...
    def feed(self, jobs: NDArray[np.void]) -> None: ...
    def advance(self, until_ns: int, stop: Callable[[], bool] | None = None) -> bool: ...
    def restart(self) -> None: ...
    def log_to(self, log: NDArray[np.void] | None) -> None: ...
    @property
    def logged(self) -> int: ...
    @property
    def row_planes(self) -> list[int]: ...
    def read(self, into: _Arrays | None = None) -> _Arrays: ...
    def stats(self) -> Stats: ...
    def jobs(self) -> JobStats: ...
    def time_ns(self) -> NDArray[np.int64]: ...
    def livelocks(self) -> list[tuple[int, int, int, tuple[int, ...]]]: ...
