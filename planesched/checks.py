"""Checks of what a caller gives a driver: records, counts, times, costs, routes."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from .events import Reason
from .layouts import JOB, OUTCOME
from .policy import Policy, plane_id

__all__ = [
    "MAX_NS",
    "cost_table",
    "job_mistake",
    "job_route",
    "log_array",
    "plane_mask",
    "record_array",
    "thread_count",
    "vcpu_count",
    "whole_ns",
]

MAX_NS = 2**63 - 2
"""The last moment there is; what would be later never happens."""

_MAX_VCPUS = 2**32 - 1
_ROUTES = ("own", "marker")
# By number, as enum ps_job_mistake has them.
_JOB_MISTAKES = (
    "",
    "vcpu={vcpu} is not the number of a vCPU",
    "time_ns={time_ns} is before its vCPU's last job or its present, or beyond the end of time",
    "plane={plane}, source={source} come after greater ones at time_ns={time_ns}: "
    "at equal times the order is plane, then source",
    "service_ns={service_ns} is negative",
    "plane={plane} is not online",
    "kind={kind} is not 0: only interrupts arrive from outside",
)


def record_array(name: str, value: Any, dtype: "np.dtype[np.void]") -> NDArray[np.void]:
    """Give records that a caller calls `name` as C reads them: one after the other, aligned."""
    _of_dtype(name, value, dtype)
    if value.ndim != 1:
        raise ValueError(f"{name} has {value.ndim} dimensions, expected 1")
    records: NDArray[np.void] = np.ascontiguousarray(value)
    # Of a packed dtype, numpy would call any address aligned.
    return records.copy() if records.ctypes.data % 8 else records


def log_array(log: Any) -> NDArray[np.void]:
    """Check that C can write outcomes to an array: there, for a copy is of no use to the caller."""
    records = _of_dtype("log", log, OUTCOME)
    if records.ndim != 1 or not records.flags.c_contiguous or records.ctypes.data % 8:
        raise ValueError("log is not a contiguous array of one dimension at a multiple of 8 bytes")
    if not records.flags.writeable:
        raise TypeError("log cannot be written")
    return records


def vcpu_count(vcpus: SupportsIndex) -> int:
    """Check a number of vCPUs, 1 to 2**32 - 1."""
    count = _whole("vcpus", vcpus)
    if not 1 <= count <= _MAX_VCPUS:
        raise ValueError(f"vcpus={vcpus} is not in 1..{_MAX_VCPUS}")
    return count


def thread_count(threads: int | None) -> int:
    """Check a number of threads; None is as many as the process may use.

    Raises
    ------
    TypeError
        If it is no whole number.
    ValueError
        If it is below 1.
    """
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    count = _whole("threads", threads)
    if count < 1:
        raise ValueError(f"threads={threads} is below 1")
    return count


def whole_ns(name: str, value: SupportsIndex) -> int:
    """Check a time in ns that the caller calls `name`."""
    time_ns = _whole(name, value)
    if not 0 <= time_ns <= MAX_NS:
        raise ValueError(f"{name}={value} ns is not in 0..{MAX_NS}")
    return time_ns


def plane_mask(name: str, planes: Iterable[int], n_planes: int) -> int:
    """Give a set of planes below `n_planes`, which the caller calls `name`, as a mask."""
    mask = 0
    for plane in planes:
        if plane_id(name, plane) >= n_planes:
            raise ValueError(f"{name} holds {plane}, which is not below planes={n_planes}")
        mask |= 1 << plane
    return mask


def job_mistake(mistake: int, job: np.void) -> str:
    """Say what is wrong with a job, a record of dtype JOB."""
    fields: Any = zip(JOB.names or (), job.tolist(), strict=True)
    return _JOB_MISTAKES[mistake].format(**dict(fields))


def job_route(route: str, policy: Policy) -> int:
    """Give the number of a route: 0 a job goes to its plane, 1 to the marker first."""
    if route not in _ROUTES:
        raise ValueError(f"route={route!r} is none of {', '.join(_ROUTES)}")
    if route == "marker" and (policy.marker is None or not policy.hands_over):
        raise ValueError(
            f"route='marker' needs a marker that calls planes by name: marker={policy.marker}, "
            f"call={policy.as_dict()['call']!r}"
        )
    return _ROUTES.index(route)


def cost_table(costs: Mapping[str, SupportsIndex] | None) -> tuple[list[int], int]:
    """Give the cost in ns of a switch for each reason, and of an exit to userspace."""
    names = {reason.name.lower(): int(reason) for reason in Reason if reason}
    table, exit_ns = [0] * len(Reason), 0
    for name, value in (costs or {}).items():
        cost_ns = whole_ns(f"costs[{name!r}]", value)
        if name == "exit":
            exit_ns = cost_ns
        elif name in names:
            table[names[name]] = cost_ns
        else:
            raise ValueError(f"costs: {name!r} is none of {', '.join([*names, 'exit'])}")
    return table, exit_ns


def _of_dtype(name: str, value: Any, dtype: "np.dtype[np.void]") -> NDArray[np.void]:
    if isinstance(value, np.ndarray) and value.dtype == dtype:
        return value
    array = isinstance(value, np.ndarray)
    found = f"an ndarray of dtype {value.dtype}" if array else f"a {type(value).__name__}"
    wanted = {JOB: "JOB", OUTCOME: "OUTCOME"}.get(dtype, "EVENT")
    raise TypeError(f"{name} is {found}, expected an ndarray of dtype {wanted}")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}={value!r} is not a whole number")
    return int(value)
