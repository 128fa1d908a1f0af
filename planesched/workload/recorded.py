"""The jobs of recorded traces, for the engine that is to run them."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..layouts import JOB
from ..traces import PlaneMap, jobs, read, resolve
from .numbered import Resolved
from .sources import Recorded

__all__ = ["recorded_jobs"]


def recorded_jobs(resolved: Resolved) -> NDArray[np.void]:
    """Give the jobs of all recorded traces of a workload, each vCPU's in their order."""
    policy, planes, main = resolved.policy, resolved.planes, resolved.workload.main
    chunks: list[NDArray[np.void]] = [np.zeros(0, JOB)]
    for source in resolved.workload.sources:
        if isinstance(source, Recorded):
            table = source.plane_map.planes(policy, planes, main=main)
            chunks.append(resolve(_jobs(source), table))
    found = np.concatenate(chunks)
    return found[np.lexsort((found["source"], found["plane"], found["time_ns"]))]


def _jobs(source: Recorded) -> NDArray[np.void]:
    """Decode a trace once, however many policies and points of a sweep are to run it.

    A file is the same as before while nothing has written to it; a pipe never is.
    """
    service: Any = source.service
    if isinstance(service, Mapping):
        service = tuple(sorted(service.items()))
    path = Path(source.trace)
    if source.trace == "-" or not path.is_file():
        return _decode(source.trace, source.plane_map, service)
    now = path.stat()
    written = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)
    return _decode_file(source.trace, source.plane_map, service, written)


@lru_cache(maxsize=4)
def _decode_file(
    trace: str, plane_map: PlaneMap, service: Any, _written: tuple[int, ...]
) -> NDArray[np.void]:
    found = _decode(trace, plane_map, service)
    found.flags.writeable = False
    return found


def _decode(trace: str, plane_map: PlaneMap, service: Any) -> NDArray[np.void]:
    times = service if isinstance(service, int) else dict(service)
    stream = jobs(read(trace), plane_map, service=times)
    return np.concatenate([np.zeros(0, JOB), *(chunk for chunk, _ in stream)])
