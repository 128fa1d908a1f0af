"""Simulation: what a policy does with generated guests (rules, section 7)."""

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import plane_count, slice_of, thread_count, vcpu_count, whole
from ..errors import Mistake, TypeMistake
from ..figures.result import Result
from ..irqchip import Controller, as_controller
from ..layouts import OUTCOME
from ..policy import Policy, Scheduler, check_userspace
from ..policytext import Given, as_policy
from ..scenarios import Scenario
from ..workload import Costs, Workload
from ..workload.costs import Given as GivenCosts
from ..workload.numbered import Resolved, alike, groups
from ..workload.recorded import recorded_jobs
from .group import Cell, Crew
from .rounds import Rounds
from .stopping import Plan

__all__ = ["prepare", "settings_of", "simulate"]

_MOST_IN_A_CELL = 4096
_BYTES = 128
"""What each vCPU takes at least: where memory ends the kernel kills, and no MemoryError comes."""


def simulate(
    policy: Given | Scenario,
    planes: int | None = None,
    vcpus: int | range | Iterable[int] | None = None,
    workload: Workload | None = None,
    *,
    costs: GivenCosts = None,
    duration: str | int | None = None,
    jobs: int | None = None,
    warmup: str | int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    log: int = 0,
    progress: Callable[[float, int], object] | None = None,
    until_precision: float | None = None,
    in_userspace: bool = False,
    userspace: object = None,
    slice_ns: str | int | None = None,
    controller: Controller | str | None = None,
    label: str | None = None,
) -> Result:
    """Simulate guests under a policy.

    Every (vCPU, source) has a stream of random numbers of its own, so the same seed gives the same
    arrivals and service times under every policy, and the same result for any number of threads.
    Memory follows the work in queues, not the time that is simulated.

    Parameters
    ----------
    policy : Policy, str, path-like or Scenario
        How planes are scheduled: ``"vsm"``, ``"vsm:ret=resume"``, a TOML file. Of a scenario, its
        first policy; what else it says holds where nothing is given here.
    planes : int, optional
        How many planes each vCPU has, 1..16; 2 by default.
    vcpus : int or iterable of int, optional
        How many vCPUs there are, or the numbers of those to simulate; 1 by default.
    workload : Workload
        What their guests do.
    costs : Costs, or what `Costs.of` takes, optional
        What switches take: by reason, ``"any"``, ``"exit"`` or planes; the name of a cost set; a
        TOML file; a time or distribution for any switch. Nothing by default.
    duration : str or int, optional
        How long, after `warmup`; a time with its unit, or ns.
    jobs : int, optional
        Instead of `duration`: until so many jobs have finished, or `duration` is over.
    warmup : str or int, optional
        How long to simulate before counting begins.
    seed : int, optional
        Of all random numbers, 0 or more; 0 by default.
    threads : int, optional
        How many; as many as there are processors by default.
    log : int
        How many outcomes `Result.log` has room for, 32 bytes each, an equal part for each group of
        vCPUs that are simulated together; the first ones after `warmup`, as `VM.run` logs them;
        with 0 it is None.
        What vCPUs do at once, as they begin, is counted and not logged.
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
    slice_ns : str or int, optional
        After so much running time since a plane was entered, or since its last slice ended, it
        gets a resched, at which the policy's algorithm may choose another. Never by default.
    controller : Controller or str, optional
        Planes have interrupt controllers: ``"lapic"``, or what `irqchip.as_controller` takes. Each
        source has a vector then, handlers nest by class, and the end of a job is its EOI.
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
    [0, 9941]
    """
    if isinstance(policy, Scenario):
        first, scheduled = next(iter(policy.policies.items()))
        label = label or (None if in_userspace else first)
        settings = settings_of(
            policy, planes=planes, vcpus=vcpus, workload=workload, costs=costs, duration=duration,
            jobs=jobs, warmup=warmup, seed=seed, slice_ns=slice_ns, controller=controller,
        )  # fmt: skip
        return simulate(
            scheduled, threads=threads, log=log, progress=progress, label=label or first,
            until_precision=until_precision, in_userspace=in_userspace, userspace=userspace,
            **settings,
        )  # fmt: skip
    name = label or ("policy" if isinstance(policy, Policy) else str(policy))
    n_planes = plane_count(2 if planes is None else planes)
    policy = as_policy(policy, n_planes)
    if in_userspace and policy.scheduler != Scheduler.user:
        policy, name = policy.replace(scheduler="user"), label or f"{name} (userspace)"
    room = new_log(log)
    run = prepare(
        name, policy, n_planes, 1 if vcpus is None else vcpus, workload, costs=costs,
        duration=duration, jobs=jobs, warmup=warmup or 0, seed=seed or 0, threads=threads, log=room,
        progress=progress, until_precision=until_precision, userspace=userspace,
        slice_ns=slice_ns, controller=controller,
    )  # fmt: skip
    return replace(run.result(), log=written_log(room))


def new_log(room: int) -> NDArray[np.void] | None:
    """Return a log with room for so many outcomes; None for none."""
    return np.zeros(room, OUTCOME) if whole("log", room, 0) else None


def written_log(log: NDArray[np.void] | None) -> NDArray[np.void] | None:
    """Return what engines wrote to the parts of a log, by time."""
    if log is None:
        return None
    written = log[log["record"] == -1]
    order = np.lexsort((written["vcpu"], written["time_ns"]))
    by_time: NDArray[np.void] = written[order]
    return by_time


def settings_of(scenario: Scenario, **given: Any) -> dict[str, Any]:
    """Return a scenario's arguments, but for those that are given."""
    said = {name: value for name, value in given.items() if value is not None}
    out = scenario.arguments | said
    if "jobs" in said and "duration" not in said:
        out.pop("duration", None)
    return out


def prepare(
    name: str,
    policy: Policy,
    planes: int,
    vcpus: int | range | Iterable[int],
    workload: Workload | None,
    *,
    costs: GivenCosts,
    duration: str | int | None,
    jobs: int | None,
    warmup: str | int,
    seed: int,
    threads: int | None,
    progress: Callable[[float, int], object] | None,
    until_precision: float | None,
    userspace: object,
    slice_ns: str | int | None,
    controller: Controller | str | None = None,
    log: NDArray[np.void] | None = None,
    stop: threading.Event | None = None,
    cell: type[Cell] = Cell,
) -> Rounds:
    """Return a simulation that is ready to go, of cells of this kind."""
    if not isinstance(workload, Workload):
        raise TypeMistake("workload", workload, "a Workload")
    check_userspace(userspace, [policy])
    resolved = Resolved(
        workload, policy, planes, Costs.of(costs), seed, slice_of(slice_ns),
        as_controller(controller),
    )  # fmt: skip
    ids = _ids(vcpus)
    plan = Plan(resolved, ids, duration, jobs, warmup, until_precision)
    workers = thread_count(threads)
    size = min(_MOST_IN_A_CELL, -(-len(ids) // (2 * workers)) if workers > 1 else _MOST_IN_A_CELL)
    recorded = _recorded(resolved, vcpus)
    together = [
        (batch if plan.by_vcpus else None, group)
        for batch, part in enumerate(plan.parts(ids))
        for group in groups(workload, part, size if log is None else _MOST_IN_A_CELL)
    ]
    logs = [None] * len(together) if log is None else list(np.array_split(log, len(together)))
    # Who logs begins with short strides.
    crew = Crew(reuse=cell is Cell and alike(workload)) if log is None else None
    cells = [
        cell(resolved, group, plan.start_ns, recorded, its, userspace, batch, crew)
        for (batch, group), its in zip(together, logs, strict=True)
    ]
    return Rounds(name, resolved, cells, workers, plan, progress, stop)


def cells(
    policy: Policy,
    planes: int,
    vcpus: int | Iterable[int],
    workload: Workload,
    *,
    costs: GivenCosts = None,
    duration: str | int | None = None,
    jobs: int | None = None,
    warmup: str | int = 0,
    seed: int = 0,
    threads: int | None = None,
    until_precision: float | None = None,
    slice_ns: str | int | None = None,
    controller: Controller | str | None = None,
) -> list[Cell]:
    """Return the groups of vCPUs that `simulate` would simulate together, none of them begun."""
    return prepare(
        "", policy, planes, vcpus, workload, costs=costs, duration=duration, jobs=jobs,
        warmup=warmup, seed=seed, threads=threads, progress=None, until_precision=until_precision,
        userspace=None, slice_ns=slice_ns, controller=controller,
    ).cells  # fmt: skip


def _ids(vcpus: int | range | Iterable[int]) -> NDArray[np.uint32]:
    if not isinstance(vcpus, Iterable):
        count = vcpu_count(vcpus)
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _BYTES
        if count > most:
            raise Mistake("vcpus", count, f"at most {most:,}: this machine's memory has no more")
        return np.arange(count, dtype=np.uint32)
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
