import numpy as np
from numpy.typing import NDArray

from .core import Outcome
from .policy import Policy

__all__ = ["policy_words", "unpack"]

def policy_words(policy: Policy | str, planes: int = 2) -> NDArray[np.uint16]: ...
def unpack(packed: int) -> Outcome: ...
