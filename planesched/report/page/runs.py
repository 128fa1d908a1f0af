"""Logs for a page's timelines: the begin of a simulation once more, with its outcomes kept."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...figures.result import Result
from ...figures.results import Results
from ...layouts import OUTCOME
from ...simulation.engine import Engine
from ...simulation.group import Cell
from ...simulation.run import prepare
from ...simulation.watched import Watched
from ...workload.sources import Ipis
from .timelines import SLICES, VCPUS

__all__ = ["logged", "whole_until"]

_MOST = 1 << 20


def logged(results: Results, options: dict[str, Any]) -> dict[str, Any]:
    """Simulate the begin of some results again, as far as a page has room for its timelines.

    The same seed gives the same arrivals, so it is what these results counted at their begin.

    Parameters
    ----------
    results : Results
    options : dict
        What `simulate` was given, but for the policy.

    Returns
    -------
    dict
        What `page` takes: ``logs`` and ``states`` by label, in order of time, and ``end_ns``, until
        when all of them are there.
    """
    some = dict(options) | {"threads": 1}
    some.pop("jobs", None)
    talks = any(isinstance(source, Ipis) for source in some["workload"].sources)
    vcpus = some.get("vcpus", 1)
    if isinstance(vcpus, int) and not talks:  # of vCPUs that talk, one needs the others
        vcpus = some["vcpus"] = min(vcpus, VCPUS)
    count = vcpus if isinstance(vcpus, int) else len(list(vcpus))
    hz = max(map(_entries_hz, results))
    some["duration"] = max(
        1, min(_length_ns(results), int(1e9 * SLICES / len(results) / VCPUS / hz))
    )
    room = min(_MOST, int(4 * count * hz * some["duration"] / 1e9) + 4096)
    end_ns = results[0].start_ns + some["duration"]
    logs, states = {}, {}
    for result in results:
        log, states[result.label] = _watched(result, some, room)
        # A group of vCPUs, of which there are not more than vCPUs, may have had no room left.
        end_ns = whole_until(log, room // count, end_ns)
        logs[result.label] = log
    return {"logs": logs, "states": states, "end_ns": end_ns}


class _Cell(Cell):
    """A cell whose engine keeps the states before what it logs."""

    def make_engine(self, *given: Any, **named: Any) -> Engine:
        """Return such an engine."""
        self.watched = Watched(*given, **named)
        self.watched.watch()
        return self.watched

    def written(self) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Return what it has logged, and the state before each."""
        assert self._log is not None, "it was made with a log"
        return self._log[: self.logged], self.watched.before


def _watched(
    result: Result, options: dict[str, Any], room: int
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return what a policy logs, by time and vCPU, and the state before each."""
    unsaid: dict[str, Any] = dict.fromkeys(
        ("jobs", "progress", "until_precision", "userspace", "slice_ns")
    )
    settings: dict[str, Any] = (
        unsaid | {"costs": None, "warmup": 0, "seed": 0, "planes": 2, "vcpus": 1} | options
    )
    log = np.zeros(room, OUTCOME)
    run = prepare(result.label, result.policy, log=log, cell=_Cell, **settings)
    run.result()
    cells = [cell for cell in run.cells if isinstance(cell, _Cell)]
    parts = [cell.written() for cell in cells]
    log, before = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.lexsort((log["vcpu"], log["time_ns"]))
    return log[order], before[order]


def whole_until(log: NDArray[np.void], room: int, end_ns: int) -> int:
    """Return until when a log that had room for so many has all that it should."""
    if len(log) < room:
        return end_ns
    last = (int(log["time_ns"][log["vcpu"] == vcpu].max()) for vcpu in np.unique(log["vcpu"]))
    return min(end_ns, *last)


def _length_ns(results: Results) -> int:
    return min(result.elapsed_ns for result in results)


def _entries_hz(result: Result) -> float:
    """Return about how many outcomes a second of one vCPU are worth logging."""
    stats = result.stats
    entries = stats.switches + stats.bounces + stats.exits + 2 * int(result.rows["finished"].sum())
    return max(1e9 * entries / (int(result.time_ns.sum()) or 1), 1.0)
