"""What a reader of a result must know before its figures: nothing that is dead may look good."""

from typing import TYPE_CHECKING

from ..policy import Rank
from ..text import counted, format_ns

if TYPE_CHECKING:
    from .jobs import JobStats
    from .result import Result

__all__ = ["notes", "starved", "starves", "warnings"]

_MANY = 10
_PART = 0.05


def starved(result: "Result", plane: int) -> bool:
    """Whether a plane had work and hardly got any of it done: quantiles then say nothing."""
    jobs = result.jobs
    return starves(_came(jobs, plane), int(jobs.finished[plane]), int(jobs.queued[plane]))


def starves(came: int, done: int, left: int) -> bool:
    """Whether so few of the jobs that came were done, and so many left, that one starves."""
    return bool(left) and (not done or (left >= _MANY and left > _PART * came))


def warnings(result: "Result") -> list[str]:
    """Return what makes figures misleading: livelocks, planes that never ran or starved."""
    out = []
    for vcpu, count, first_ns, planes in result.livelocks:
        among = ", ".join(map(str, planes))
        out.append(
            f"vCPU {vcpu}: livelock at {format_ns(first_ns)} among planes {among} "
            f"({counted(count, 'time')})"
        )
    policy = result.policy
    if policy.rank is Rank.locked and policy.marker is None:
        level0 = result.levels.get("level0")
        whose = "" if level0 is None else f"; the guest OS is plane {level0}"
        out.append(
            f"rank=locked, and no plane is locked in here: plane {policy.boot}, where vCPUs boot, "
            f"outranks all others{whose}"
        )
    stats, jobs = result.stats, result.jobs
    for plane in range(result.planes):
        if not starved(result, plane):
            continue
        left, came = int(jobs.queued[plane]), _came(jobs, plane)
        how = "starved" if stats.running_ns[plane] else "never ran"
        out.append(
            f"{result.called(plane)} {how}: "
            + ", ".join([f"{left} of {counted(came, 'job')} undone", *_pending(result, plane)])
        )
    return out


def notes(result: "Result") -> list[str]:
    """Return `warnings`, and then what is pending or unfinished elsewhere at the end."""
    out = warnings(result)
    stats, jobs = result.stats, result.jobs
    for plane in range(result.planes):
        if starved(result, plane):
            continue
        out += [f"{result.called(plane)}: {pending}" for pending in _pending(result, plane)]
        merged = int(stats.coalesced[plane])
        if merged:
            out.append(
                f"{result.called(plane)}: {counted(merged, 'interrupt')} coalesced; latency and "
                "response count from the first, once"
            )
        left = int(jobs.queued[plane])
        if left:
            out.append(f"{result.called(plane)}: {counted(left, 'job')} unfinished at the end")
    return out


def _came(jobs: "JobStats", plane: int) -> int:
    """Return how many jobs a plane had to do, with those that were there before counting began."""
    return int(jobs.arrived[plane]) + int(jobs.queued_before[plane])


def _pending(result: "Result", plane: int) -> list[str]:
    count = int(result.stats.pending[plane])
    if not count:
        return []
    age = format_ns(int(result.jobs.oldest_pending_ns[plane]))
    return [f"{counted(count, 'interrupt')} pending at the end, the oldest for {age}"]
