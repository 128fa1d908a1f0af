from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from .jobstats import JobStats
from .policy import Policy
from .stats import Stats

__all__ = ["Engine"]

@disjoint_base
class Engine:
    def __init__(
        self,
        policy: Policy | str,
        planes: int = 2,
        vcpus: int = 1,
        *,
        online: Iterable[int] | None = None,
        costs: Mapping[str, int] | None = None,
        route: Literal["own", "marker"] = "own",
        forward_ns: int = 0,
        main: int | None = None,
        busy: Iterable[int] = (),
        initial: NDArray[np.void] | np.void | None = None,
        start_ns: int = 0,
    ) -> None: ...
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
    def advance(self, until_ns: int) -> None: ...
    def stats(self) -> Stats: ...
    def jobs(self) -> JobStats: ...
    def time_ns(self) -> NDArray[np.int64]: ...
    def livelocks(self) -> list[tuple[int, int, int, tuple[int, ...]]]: ...
