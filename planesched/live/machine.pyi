from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

from ..simulation.engine import Engine

__all__ = ["LiveVcpu", "Machine"]

MAX_SEATS: Final[int]
MAX_ARGUMENT: Final[int]
COMMANDS: Final[dict[str, int]]
STOPS: Final[dict[int, str]]
COPIES: Final[dict[str, int]]
SAMPLES: Final[tuple[str, ...]]

@disjoint_base
class Machine:
    @property
    def planes(self) -> int: ...
    def __new__(cls, planes: int) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        raised: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def close(self) -> None: ...
    def reset(self) -> None: ...
    def post(self, plane: int, vector: int) -> bool: ...
    def give(self, plane: int, command: str, argument: int = 0) -> None: ...
    def settle(
        self, plane: int, most: int = 16, time_ns: int = ...
    ) -> tuple[str, tuple[int, ...]]: ...
    def apic(self, plane: int) -> tuple[tuple[int, ...], tuple[int, ...], int, int]: ...
    def is_halted(self, plane: int) -> bool: ...
    def unhalt(self, plane: int) -> None: ...
    def takes_interrupts(self, plane: int) -> bool: ...
    def shows_registers(self, shows: bool) -> None: ...
    def extension(self, capability: int) -> int: ...
    def sample(
        self,
        what: str,
        n: int,
        *,
        copy: str = "none",
        sweep_bytes: int = 0,
        core: int = -1,
        vector: int = 0x41,
        turns: int = 1,
    ) -> NDArray[np.int64]: ...

@disjoint_base
class LiveVcpu:
    @property
    def machine(self) -> Machine: ...
    def __new__(
        cls,
        machine: Machine,
        first: int,
        planes: int,
        *,
        keeps_isr: bool,
        turns_per_ns: float,
        exit_ns: int,
        copy: str = "none",
    ) -> Self: ...
    @property
    def switches(self) -> int: ...
    @property
    def exits(self) -> int: ...
    def advance(self, engine: Engine, until_ns: int) -> bool: ...
