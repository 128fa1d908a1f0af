"""Simulation: what a policy does with generated guests (rules, section 7)."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import log_array, plane_count, thread_count, vcpu_count, whole
from ..errors import Mistake, TypeMistake
from ..figures.result import Result
from ..layouts import OUTCOME
from ..policy import Policy, Scheduler
from ..policytext import Given, as_policy
from ..workload import Costs, Workload
from ..workload.costs import Given as GivenCosts
from ..workload.numbered import Resolved, groups
from ..workload.recorded import recorded_jobs
from .group import Cell
from .rounds import Rounds
from .stopping import Plan

__all__ = ["simulate"]

_MOST_IN_A_CELL = 4096


def simulate(
    policy: Given,
    planes: int = 2,
    vcpus: int | range | Iterable[int] = 1,
    workload: Workload | None = None,
    *,
    costs: GivenCosts = None,
    duration: str | int | None = None,
    jobs: int | None = None,
    warmup: str | int = 0,
    seed: int = 0,
    threads: int | None = None,
    log: NDArray[np.void] | None = None,
    progress: Callable[[float, int], object] | None = None,
    until_precision: float | None = None,
    in_userspace: bool = False,
    userspace: object = None,
    label: str | None = None,
) -> Result:
    """Simulate guests under a policy.

    Every (vCPU, source) has a stream of random numbers of its own, so the same seed gives the same
    arrivals and service times under every policy, and the same result for any number of threads.
    Memory follows the work in queues, not the time that is simulated.

    Parameters
    ----------
    policy : Policy, str or path-like
        How planes are scheduled: ``"vsm"``, ``"vsm:ret=resume"``, a TOML file.
    planes : int
        How many planes each vCPU has, 1..16.
    vcpus : int or iterable of int
        How many vCPUs there are, or the numbers of those to simulate.
    workload : Workload
        What their guests do.
    costs : Costs, or what `Costs.of` takes, optional
        What switches take: by reason, ``"any"``, ``"exit"`` or planes; the name of a cost set; a
        TOML file; a time or distribution for any switch. Nothing by default.
    duration : str or int, optional
        How long, after `warmup`; a time with its unit, or ns.
    jobs : int, optional
        Instead of `duration`: until so many jobs have finished, or `duration` is over.
    warmup : str or int
        How long to simulate before counting begins.
    seed : int
        Of all random numbers, 0 or more.
    threads : int, optional
        How many; as many as there are processors by default.
    log : ndarray of dtype OUTCOME, optional
        Takes the outcomes after `warmup` that `VM.run` logs, an equal part of its length for each
        group of vCPUs that are simulated together, and sorted by time. What is left of it comes
        last, with ``record`` 0 where those written have -1. What vCPUs do at once, as they begin,
        is counted and not logged.
    progress : callable, optional
        Called some times a second with the part that is done, 0..1, and the arrivals and ends of
        jobs so far.
    until_precision : float, optional
        Stop before `duration` or `jobs` when every plane's mean latency and sojourn are known so
        well: the half of their 95 % interval is that part of them.
    in_userspace : bool
        Simulate the policy with ``scheduler="user"``.
    userspace : UserScheduler, or what that takes, optional
        Answers exits to userspace, in several threads at once where there are several; the default
        userspace scheduler unless given.
    label : str, optional
        What the result is called; what `policy` is given as by default.

    Returns
    -------
    Result
        On Ctrl-C, what was simulated, with ``partial``: the vCPUs that were done, or where none
        was, those that got furthest.

    Raises
    ------
    ValueError
        If a number, name or time is out of range, a plane does not exist, or there is no end.
    TypeError
        If an argument is of the wrong type.
    MemoryError
        If there is no memory for the jobs in queues: the load may be above 1.

    Examples
    --------
    >>> from planesched.workload import Exponential, Poisson
    >>> timer = Workload([Poisson("level1", Exponential("20 us"), rate="1 kHz")])
    >>> simulate("vsm", 2, 1, timer, duration="10 s", seed=1).jobs.finished.tolist()
    [0, 10025]
    """
    name = label or ("policy" if isinstance(policy, Policy) else str(policy))
    planes = plane_count(planes)
    policy = as_policy(policy, planes)
    if in_userspace and policy.scheduler != Scheduler.user:
        policy, name = policy.replace(scheduler="user"), label or f"{name} (userspace)"
    if not isinstance(workload, Workload):
        raise TypeMistake("workload", workload, "a Workload")
    resolved = Resolved(workload, policy, planes, Costs.of(costs), seed)
    ids = _ids(vcpus)
    plan = Plan(resolved, ids, duration, jobs, warmup, until_precision)
    workers = thread_count(threads)
    size = min(_MOST_IN_A_CELL, -(-len(ids) // (2 * workers)) if workers > 1 else _MOST_IN_A_CELL)
    recorded = _recorded(resolved, vcpus)
    together = groups(workload, ids, size if log is None else _MOST_IN_A_CELL)
    logs = [None] * len(together) if log is None else _shares(log, len(together))
    cells = [
        Cell(resolved, group, plan.start_ns, recorded, part, userspace)
        for group, part in zip(together, logs, strict=True)
    ]
    result = Rounds(name, resolved, cells, workers, plan, progress).result()
    if log is not None:
        log[:] = log[np.lexsort((log["vcpu"], log["time_ns"], log["record"]))]
    return result


def _ids(vcpus: int | range | Iterable[int]) -> NDArray[np.uint32]:
    if not isinstance(vcpus, Iterable):
        return np.arange(vcpu_count(vcpus), dtype=np.uint32)
    numbers = [whole(f"vcpus[{i}]", vcpu, 0, 2**32 - 1) for i, vcpu in enumerate(vcpus)]
    if not numbers or len(set(numbers)) < len(numbers):
        raise Mistake("vcpus", numbers, "one number or more, each once")
    return np.array(sorted(numbers), dtype=np.uint32)


def _recorded(resolved: Resolved, vcpus: Any) -> NDArray[np.void]:
    """Give the jobs of recorded traces. Where vCPUs are named, those of others are left out."""
    found = recorded_jobs(resolved)
    most = int(found["vcpu"].max(initial=0))
    if not isinstance(vcpus, Iterable) and most >= vcpus:
        raise Mistake("vcpus", vcpus, f"more than {most}: a recorded trace has vCPU {most}")
    return found


def _shares(log: NDArray[np.void], count: int) -> list[NDArray[np.void] | None]:
    """Zero a log, and part it."""
    log_array(log)[:] = np.zeros((), dtype=OUTCOME)
    return list(np.array_split(log, count))
