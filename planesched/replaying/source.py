"""What a trace may be given as: a file, the demo's, a reader, records made by hand."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import traces

__all__ = ["Source", "digest_of", "reader_of"]

Source = str | os.PathLike[str] | traces.Reader | NDArray[np.void] | Iterable[NDArray[np.void]]
_DEMO = Path(__file__).parents[1] / "data" / "demo.txt.xz"


def digest_of(trace: object) -> dict[str, str]:
    """Return which file it is, and the digest of its bytes, where it is one."""
    from hashlib import sha256

    if not isinstance(trace, str | os.PathLike):
        return {}
    path = _DEMO if trace == ":demo" else Path(trace)
    if not path.is_file():
        return {"path": os.fspath(trace)}
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return {"path": path.name, "digest": digest.hexdigest()[:16]}


def reader_of(
    trace: Source,
    skip_bad: bool,
    vm: int | Iterable[int] | None,
) -> traces.Reader | traces.Records:
    """Return the reader of a trace that is given in any of these ways."""
    if isinstance(trace, traces.Reader | traces.Records):
        return trace
    if isinstance(trace, str | os.PathLike):
        if trace == ":demo":
            trace = _DEMO
        return traces.read(trace, skip_bad=skip_bad, vm=vm)
    return traces.Records(trace)
