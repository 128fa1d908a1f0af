from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from typing_extensions import disjoint_base

__all__ = ["Decoder", "Found", "match"]

END: Final[int]
FULL: Final[int]
LINE: Final[int]
TIME: Final[int]
BODY: Final[int]
WHOSE: Final[int]
FINE: Final[int]
FORM: Final[int]
VCPU: Final[int]
TWO_VMS: Final[int]
PERF_PROF: Final[int]
TRACEFS: Final[int]
TRACE_CMD: Final[int]
PERF_SCRIPT: Final[int]
PERF_COLUMNS: Final[int]
PERF_TID_FIRST: Final[int]
PERF_TIME_FIRST: Final[int]
N_FORMATS: Final[int]
MAX_LINE: Final[int]

class Found(NamedTuple):
    thread: int
    seconds: bytes
    fraction: bytes
    event: bytes
    end: int

def match(number: int, line: bytes) -> Found | None: ...

@disjoint_base
class Decoder:
    format: int
    def __new__(cls, one_vm: bool = ...) -> Self: ...
    def feed(self, block: bytes) -> None: ...
    def advance(self) -> int: ...
    def take(self) -> NDArray[np.void]: ...
    @property
    def counts(self) -> dict[bytes, int]: ...
    @property
    def line(self) -> bytes: ...
    @property
    def number(self) -> int: ...
    @property
    def found(self) -> Found: ...
    @property
    def before_ns(self) -> int: ...
    @property
    def fault(self) -> tuple[int, int, int]: ...
    def again(self, body: bytes) -> bool: ...
    def count(self) -> None: ...
    def settle(self, of_vm: bool) -> None: ...
    @property
    def first_ns(self) -> int: ...
    @property
    def last_ns(self) -> int: ...
    @property
    def n_records(self) -> int: ...
    @property
    def n_vcpus(self) -> int: ...
    @property
    def reinjected(self) -> int: ...
    @property
    def hardware(self) -> bool: ...
    @property
    def shown(self) -> list[str]: ...
