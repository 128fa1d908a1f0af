"""Checks of arguments, each once: numbers, planes, times, names, arrays.

Every one raises `Mistake` with the name that the caller has for the argument, its value and what
was expected; a wrong type raises `TypeMistake`, which is a TypeError too.
"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from .errors import Mistake, TypeMistake, Words, unknown
from .events import MAX_PLANES, JobMistake
from .text import MAX_NS, duration_ns

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "LAST_NS",
    "job_mistake",
    "log_array",
    "number",
    "one_of",
    "online_mask",
    "plane_count",
    "plane_id",
    "plane_mask",
    "planes_of",
    "record_array",
    "seed_number",
    "several",
    "slice_of",
    "spread_over",
    "thread_count",
    "vcpu_count",
    "whole",
    "whole_ns",
]

LAST_NS = MAX_NS - 1
"""The last moment there is; what would be later never happens."""

_MAX_VCPUS = 2**32 - 1
_MAX_SEED = 2**512 - 1
# The field that each is about, and what was expected of it.
_JOB_MISTAKES = {
    JobMistake.BAD_VCPU: ("vcpu", "the number of a vCPU"),
    JobMistake.BAD_TIME: (
        "time_ns",
        "a time not before its vCPU's last job or its present, nor beyond the end of time",
    ),
    JobMistake.BAD_ORDER: ("plane", "at equal times the order plane, then source"),
    JobMistake.BAD_SERVICE: ("service_ns", "0 or more"),
    JobMistake.BAD_PLANE: ("plane", "a plane that is online"),
    JobMistake.BAD_KIND: (
        "kind",
        "0: only interrupts arrive from outside (with a controller also 3, a task, and 4, "
        "a cli or sti)",
    ),
    JobMistake.BAD_VECTOR: ("source", "a vector from 16 on, or 256: no vector brought it"),
}


def whole(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number, which the caller calls `name`, if it is in `low` to `high`.

    Raises
    ------
    Mistake
        If it is none, or out of range; a bool is none.
    """
    if low is None:
        span = "a whole number"
    elif high is None:
        span = f"a whole number, {low} or more"
    else:
        span = f"a whole number in {low}..{_power(high)}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeMistake(name, value, span)
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        raise Mistake(name, number, span)
    return number


def number(name: str, value: Any) -> float:
    """Return a finite number above 0."""
    expected = "a finite number above 0"
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeMistake(name, value, expected)
    try:
        finite = float(value)
    except OverflowError:  # an int of 400 digits
        finite = float("inf")
    if not 0 < finite < float("inf"):
        raise Mistake(name, value, expected)
    return finite


def several(name: str, values: Any, expected: str) -> list[Any]:
    """Return as a list what can be gone through one by one; a str or a mapping is not meant."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise TypeMistake(name, values, expected)
    return list(values)


def one_of(name: str, value: Any, known: Iterable[str]) -> str:
    """Return a name if it is one of those known."""
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise unknown(name, value, names)
    return value


def plane_count(planes: SupportsIndex) -> int:
    """Return a number of planes, 1..16."""
    return whole("planes", planes, 1, MAX_PLANES)


def plane_id(name: str, plane: SupportsIndex, planes: int = MAX_PLANES) -> int:
    """Return a plane's number if it is below `planes`."""
    expected = f"a plane in 0..{planes - 1}"
    if isinstance(plane, bool) or not hasattr(plane, "__index__"):
        raise TypeMistake(name, plane, expected)
    if not 0 <= int(plane) < planes:
        raise Mistake(name, int(plane), expected)
    return int(plane)


def plane_mask(name: str, planes: Iterable[SupportsIndex], n_planes: int) -> int:
    """Return a set of planes below `n_planes` as a mask."""
    mask = 0
    for plane in planes:
        mask |= 1 << plane_id(name, plane, n_planes)
    return mask


def online_mask(online: Iterable[SupportsIndex] | None, planes: int, boot: int) -> int:
    """Return the planes that are online, all by default, as a mask that holds the boot plane."""
    if online is None:
        return (1 << planes) - 1
    mask = plane_mask("online", online := list(online), planes)
    if not mask >> boot & 1:
        raise Mistake("online", online, f"the boot plane {boot} in it")
    return mask


def planes_of(mask: SupportsIndex) -> list[int]:
    """Return the planes of a mask, lowest first."""
    return [plane for plane in range(MAX_PLANES) if int(mask) >> plane & 1]


def vcpu_count(vcpus: SupportsIndex, most: int = _MAX_VCPUS) -> int:
    """Return a number of vCPUs, 1 to 2**32 - 1."""
    return whole("vcpus", vcpus, 1, most)


def thread_count(threads: SupportsIndex | None) -> int:
    """Return a number of threads; None is as many as the process may use."""
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    return whole("threads", threads, 1)


def seed_number(seed: SupportsIndex) -> int:
    """Return a seed of random numbers, 0 to 2**512 - 1."""
    return whole("seed", seed, 0, _MAX_SEED)


def whole_ns(name: str, value: SupportsIndex) -> int:
    """Return a time in ns that the engine can reach."""
    return whole(name, value, 0, LAST_NS)


def record_array(name: str, value: Any, dtype: "np.dtype[np.void]") -> "NDArray[np.void]":
    """Return records as C reads them: one after the other, aligned."""
    _of_dtype(name, value, dtype)
    if value.ndim != 1:
        raise Mistake(name, Words(f"{value.ndim} dimensions"), "one")
    records: NDArray[np.void] = np.ascontiguousarray(value)
    # Of a packed dtype, numpy would call any address aligned.
    return records.copy() if records.ctypes.data % 8 else records


def log_array(log: Any, dtype: "np.dtype[np.void] | None" = None) -> "NDArray[np.void]":
    """Return an array if C can write records there, for a copy is of no use to the caller.

    They are outcomes, unless another dtype is given.
    """
    from .layouts import OUTCOME

    records = _of_dtype("log", log, OUTCOME if dtype is None else dtype)
    if records.ndim != 1 or not records.flags.c_contiguous or records.ctypes.data % 8:
        where = Words(f"shape {records.shape}, strides {records.strides}")
        raise Mistake("log", where, "a contiguous array of one dimension at a multiple of 8 bytes")
    if not records.flags.writeable:
        raise TypeMistake("log", Words("a read-only array"), "one that can be written")
    return records


def job_mistake(where: str, mistake: int, job: np.void) -> Mistake:
    """Return what is wrong with a job, a record of dtype JOB."""
    field, expected = _JOB_MISTAKES[JobMistake(mistake)]
    return Mistake(f"{where}.{field}", int(job[field]), expected)


def _of_dtype(name: str, value: Any, dtype: "np.dtype[np.void]") -> "NDArray[np.void]":
    if isinstance(value, np.ndarray) and value.dtype == dtype:
        return value
    array = isinstance(value, np.ndarray)
    found = f"an ndarray of dtype {value.dtype}" if array else f"a {type(value).__name__}"
    from .layouts import JOB, OUTCOME

    wanted = {JOB: "JOB", OUTCOME: "OUTCOME"}.get(dtype, "EVENT")
    raise TypeMistake(name, Words(found), f"an ndarray of dtype {wanted}")


def _power(bound: int) -> str:
    """Return a bound as people know it: ``2**32 - 1``."""
    bits = bound.bit_length()
    return f"2**{bits} - 1" if bits > 31 and bound == 2**bits - 1 else str(bound)


def slice_of(given: str | int | None) -> int | None:
    """Return the length of a slice in ns, if there are slices."""
    if given is None:
        return None
    length = duration_ns(given, "slice_ns")
    if length < 1:
        raise Mistake("slice_ns", given, "a time above 0")
    return length


def spread_over(locked: "NDArray[np.uint16]", shape: tuple[int, ...]) -> "NDArray[np.uint16]":
    """Return `locked` for every mask of an array of candidates."""
    try:
        return np.broadcast_to(locked, shape)
    except ValueError:
        expected = f"what broadcasts to {shape}, as candidates have"
        raise Mistake("locked.shape", locked.shape, expected) from None
