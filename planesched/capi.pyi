import numpy as np
from numpy.typing import NDArray

from .core import Outcome
from .policytext import Given

__all__ = ["policy_words", "unpack"]

def policy_words(policy: Given, planes: int = 2) -> NDArray[np.uint16]: ...
def unpack(packed: int) -> Outcome: ...
