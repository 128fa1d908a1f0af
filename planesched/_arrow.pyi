from collections.abc import Mapping
from typing import Any

__all__ = ["stream"]

def stream(columns: Mapping[str, list[Any]]) -> object: ...
