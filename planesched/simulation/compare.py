"""Comparing policies on the same arrivals, by paired differences (common random numbers)."""

import threading
from collections.abc import Callable, Iterable

from ..checks import plane_count
from ..figures.result import Result
from ..figures.results import Results
from ..irqchip import Controller
from ..policy import Policy, Scheduler, check_userspace
from ..policytext import Several, as_policies
from ..scenarios import Scenario
from ..workload import Workload
from ..workload.costs import Given as GivenCosts
from .rounds import Rounds, ctrl_c_sets
from .run import prepare, settings_of

__all__ = ["compare"]

# Batches after which it is the next policy's turn; the first turn has one, so that who stops early
# sees them all.
_TURN = 4


def compare(
    policies: Several | Scenario,
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
    progress: Callable[[float, int], object] | None = None,
    until_precision: float | None = None,
    in_userspace: bool = False,
    userspace: object = None,
    slice_ns: str | int | None = None,
    controller: Controller | str | None = None,
) -> Results:
    """Simulate several policies on the same arrivals and service times.

    The policies take turns, so that what was simulated by Ctrl-C is of all of them.

    Parameters
    ----------
    policies : policy, iterable or mapping of policies, or Scenario
        One or several, each as `simulate` takes it. A mapping gives labels. The first is what
        others are compared with. Of a scenario, all of its policies; what else it says holds where
        nothing is given here.
    planes, vcpus, workload, costs, duration, jobs, warmup, seed, threads, userspace, slice_ns, \
    controller
        As in `simulate`. With ``jobs`` and ``until_precision``, policies may stop at different
        times; differences are of the batches that both have.
    progress : callable, optional
        Called some times a second with the part that is done, 0..1, and the arrivals and ends of
        jobs so far.
    until_precision : float, optional
        As in `simulate`, for each policy.
    in_userspace : bool
        Also simulate each policy with ``scheduler="user"``.

    Returns
    -------
    Results
        On Ctrl-C, of what was simulated, with ``partial``.

    Raises
    ------
    ValueError
        If there is no policy, or two of one name; and as `simulate` does.

    Examples
    --------
    >>> from planesched.workload import Exponential, Poisson
    >>> timer = Workload([Poisson("level1", Exponential("20 us"), rate="1 kHz", name="timer")])
    >>> found = compare(["vsm:ret=resume", "vsm_relay"], 3, 1, timer, duration="10 s", seed=1)
    >>> round(found.difference("switches").value, 1)  # relaying takes one more a job
    1.0
    """
    if isinstance(policies, Scenario):
        settings = settings_of(
            policies, planes=planes, vcpus=vcpus, workload=workload, costs=costs,
            duration=duration, jobs=jobs, warmup=warmup, seed=seed, slice_ns=slice_ns,
            controller=controller,
        )  # fmt: skip
        return compare(
            policies.policies, threads=threads, progress=progress, in_userspace=in_userspace,
            until_precision=until_precision, userspace=userspace, **settings,
        )  # fmt: skip
    n_planes = plane_count(2 if planes is None else planes)
    chosen: dict[str, Policy] = {}
    for label, policy in as_policies(policies, n_planes).items():
        chosen[label] = policy
        if in_userspace and policy.scheduler != Scheduler.user:
            chosen[f"{label} (userspace)"] = policy.replace(scheduler="user")
    check_userspace(userspace, chosen.values())
    stop = threading.Event()
    told = _Told(progress, len(chosen))
    runs = [
        prepare(
            label, policy, n_planes, 1 if vcpus is None else vcpus, workload, costs=costs,
            duration=duration, jobs=jobs, warmup=warmup or 0, seed=seed or 0, threads=threads,
            progress=told.of(number), until_precision=until_precision, slice_ns=slice_ns,
            controller=controller, userspace=userspace if policy.exits else None, stop=stop,
        )
        for number, (label, policy) in enumerate(chosen.items())
    ]  # fmt: skip
    with ctrl_c_sets(stop):
        try:
            _take_turns(runs, stop)
        except KeyboardInterrupt:
            stop.set()
        return _merged(runs)


def _take_turns(runs: list[Rounds], stop: threading.Event) -> None:
    left, turn = runs, 1
    while left and not stop.is_set():
        for run in left:
            run.plan.at_once = turn
        left, turn = [run for run in left if not stop.is_set() and run.step()], _TURN


def _merged(runs: list[Rounds]) -> Results:
    found: list[Result] = []
    for run in runs:
        try:
            found.append(run.merged())
        except KeyboardInterrupt:  # nothing of this policy was simulated yet
            continue
    if not found:
        raise KeyboardInterrupt
    return Results(found, len(found) < len(runs) or any(result.partial for result in found))


class _Told:
    """Adds up how far the policies are."""

    def __init__(self, progress: Callable[[float, int], object] | None, count: int) -> None:
        self._progress = progress
        self._parts = [(0.0, 0)] * count

    def of(self, number: int) -> Callable[[float, int], object] | None:
        """Return what one of them tells."""
        progress = self._progress
        if progress is None:
            return None

        def told(part: float, events: int) -> None:
            self._parts[number] = part, events
            parts, counts = zip(*self._parts, strict=True)
            progress(sum(parts) / len(parts), sum(counts))

        return told
