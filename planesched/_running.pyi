import numpy as np
from numpy.typing import NDArray

from .core import VM
from .figures.planes import Stats

__all__ = ["run"]

def run(
    vm: VM,
    events: NDArray[np.void],
    log: NDArray[np.void] | None = None,
    lookups: bool = True,
) -> Stats: ...
