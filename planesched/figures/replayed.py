"""What a replay gives: the figures of each policy, and what was read of the trace."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..policy import Policy
from ..text import counted, format_ns
from .equal import Alike
from .jobs import JobStats
from .planes import Stats

__all__ = ["ReplayResult", "TraceSummary"]


@dataclass(frozen=True)
class TraceSummary:
    """What was read of a trace.

    Attributes
    ----------
    producer : str
        Who printed it, for example ``"tracefs"``.
    vcpus : int
        How many vCPUs it shows.
    arrivals, wakes : int
        Jobs that a vector brought, and busy periods of the base plane that no arrival began.
    cuts : int
        Busy periods that were too long to be held in memory, and were cut in two.
    busy_ns : int
        How long the vCPUs were busy, in sum.
    lost, bad : int
        Events that the producer lost, and malformed lines that were skipped.
    bad_lines : tuple of str
        The first of those, with their places.
    notes : tuple of str
        What the trace lacks, and so what to know about the answer.
    unmatched : tuple of str
        Rules of the plane map that no interrupt of the trace has.
    """

    producer: str
    vcpus: int
    arrivals: int
    wakes: int
    cuts: int
    busy_ns: int
    lost: int
    bad: int
    bad_lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ReplayResult(Alike):
    """What one policy did with a trace.

    Attributes
    ----------
    label : str
        The policy's name, with ``" (userspace)"`` for its variant in userspace.
    policy : Policy
    planes : dict of str to int
        The plane that each target of the map (``"level0"``) is under this policy.
    stats : Stats
        Switches, entries, exits, latency, time per plane.
    jobs : JobStats
        Jobs arrived, finished and left; sojourn times.
    time_ns : ndarray of int64, shape (vcpus, 4)
        What each vCPU did with its time: running, in userspace, blocked, in transitions.
    livelocks : list of tuple
        (vCPU, how often, time in ns of the first, planes that took part).
    trace : TraceSummary
    log : ndarray of dtype OUTCOME
        What was logged, by time; empty unless `replay` was asked for it.
    """

    label: str
    policy: Policy
    planes: dict[str, int]
    stats: Stats
    jobs: JobStats
    time_ns: NDArray[np.int64]
    livelocks: list[tuple[int, int, int, tuple[int, ...]]]
    trace: TraceSummary
    log: NDArray[np.void]

    @property
    def elapsed_ns(self) -> int:
        """How long the trace lasted."""
        return self.stats.elapsed_ns

    @property
    def notes(self) -> list[str]:
        """What the policy left undone, in words."""
        out = []
        for plane in range(self.stats.planes):
            pending, unfinished = int(self.stats.pending[plane]), int(self.jobs.queued[plane])
            if pending:
                age = format_ns(int(self.jobs.oldest_pending_ns[plane]))
                out.append(
                    f"plane {plane}: {counted(pending, 'interrupt')} pending at the end, "
                    f"the oldest for {age}"
                )
            if unfinished:
                out.append(f"plane {plane}: {counted(unfinished, 'job')} unfinished at the end")
        for vcpu, count, first_ns, planes in self.livelocks:
            named = ", ".join(map(str, planes))
            out.append(
                f"vCPU {vcpu}: livelock at {format_ns(first_ns)} among planes {named} "
                f"({counted(count, 'time')})"
            )
        return out

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, lists and dicts, as JSON holds them."""
        return {
            "label": self.label,
            "policy": self.policy.as_dict(),
            "planes": dict(self.planes),
            "stats": self.stats.as_dict(),
            "jobs": self.jobs.as_dict(),
            "time_ns": self.time_ns.tolist(),
            "livelocks": [
                {"vcpu": vcpu, "count": count, "first_ns": first_ns, "planes": list(planes)}
                for vcpu, count, first_ns, planes in self.livelocks
            ],
            "notes": self.notes,
        }
