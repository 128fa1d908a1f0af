"""Run a scenario's guests in real time, beside the simulation of the same."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import log_array, vcpu_count
from ..errors import Mistake, Words
from ..figures.result import Result
from ..layouts import OUTCOME
from ..policy import Scheduler
from ..policytext import Given, as_policy
from ..scenarios import Scenario, load_scenario
from ..simulation.engine import Engine
from ..simulation.group import Cell
from ..simulation.rounds import Rounds
from ..simulation.run import settings_of, simulate
from ..simulation.stopping import Plan
from ..workload import Costs, Ipis
from ..workload.costs import Given as GivenCosts
from ..workload.numbered import Resolved, groups
from ..workload.recorded import recorded_jobs
from .host import open_machine, probe, urgent
from .measuring import measure
from .ran import Ran

if TYPE_CHECKING:
    from .machine import LiveVcpu, Machine

__all__ = ["run"]

_MEASURED = 1000
_LOOK_NS = 5_000_000
"""Between two looks for Ctrl-C."""


class _Engine(Engine):
    """An engine whose time is the real one: its planes run on a machine."""

    vcpu: "LiveVcpu"

    def advance(self, until_ns: int, stop: Callable[[], bool] | None = None) -> bool:
        """Go on in real time; what guests do takes as long as it takes."""
        while self.now_ns < until_ns:
            if stop is not None and stop():
                return False
            self.vcpu.advance(self, min(until_ns, self.now_ns + _LOOK_NS))
        return True


class _Cell(Cell):
    """One vCPU, whose engine is that."""

    vcpu: "LiveVcpu"

    def make_engine(self, *given: Any, **named: Any) -> Engine:
        """Return an engine for the vCPU on the machine."""
        engine = _Engine(*given, **named)
        engine.vcpu = self.vcpu
        return engine


def run(
    scenario: Scenario | str | os.PathLike[str],
    policy: Given | None = None,
    *,
    duration: str | int | None = None,
    warmup: str | int | None = None,
    vcpus: int | None = None,
    seed: int | None = None,
    costs: GivenCosts = None,
    log: NDArray[np.void] | None = None,
    progress: Callable[[float, int], object] | None = None,
) -> Ran:
    """Run a scenario's guests on this host's KVM, and simulate the same.

    Each vCPU has a thread, which runs the plane that userspace picks. Arrivals are those of the
    simulation, at the times that the seed gives, by a timer; service is computing by the guest.

    Parameters
    ----------
    scenario : Scenario, str or path-like
        What guests do; a file, or the name of one that comes with the package.
    policy : Policy, str or path-like, optional
        How planes are scheduled, always from userspace; the scenario's first, unless given.
    duration, warmup : str or int, optional
        How long to count, and to run before; the scenario's, unless given.
    vcpus : int, optional
        How many; the scenario's, unless given.
    seed : int, optional
        Of all random numbers; the scenario's, unless given.
    costs : Costs, or what `Costs.of` takes, optional
        What the simulation takes for costs; measured here before, unless given.
    log : ndarray of dtype OUTCOME, optional
        Takes the outcomes of the live run, as `simulate` does those of a simulation.
    progress : callable, optional
        Called some times a second with the part that is done, 0..1, and the arrivals and ends of
        jobs so far.

    Returns
    -------
    Ran
        Both results. On Ctrl-C, what was run until then, with ``partial``.

    Raises
    ------
    LiveError
        If planes cannot run here, or a guest ended otherwise than by its commands.
    ValueError, TypeError, InputError, OSError
        If the scenario or a number is wrong, or asks for what a live run has not: IPIs, slices.
    """
    read = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    said = settings_of(read, vcpus=vcpus, duration=duration, warmup=warmup, seed=seed)
    planes, workload = said["planes"], said["workload"]
    n_vcpus = vcpu_count(said.get("vcpus", 1))
    if any(isinstance(source, Ipis) for source in workload.sources):
        raise Mistake("scenario", Words("a source of IPIs"), "none: a live run has no IPIs yet")
    if said.get("slice_ns") is not None:
        raise Mistake("scenario", Words("a slice"), "none: a live run has no slices")
    name, given = next(iter(read.policies.items()))
    scheduled = as_policy(given if policy is None else policy, planes)
    name = str(policy) if isinstance(policy, str) else name if policy is None else "policy"
    if scheduled.scheduler != Scheduler.user:
        scheduled = scheduled.replace(scheduler="user")
    host = probe()
    with open_machine(planes * n_vcpus) as machine:
        found = Costs.of(costs) if costs is not None else measure(_MEASURED).costs(copied=False)
        resolved = Resolved(workload, scheduled, planes, Costs.of(None), said.get("seed") or 0)
        with urgent(real_time=n_vcpus < host.cpus) as how:
            live = _live(
                machine, resolved, n_vcpus, said, full=not host.auto_eoi, log=log,
                progress=progress, name=f"{name}, live",
            )  # fmt: skip
    simulated = simulate(
        scheduled, planes, n_vcpus, workload, costs=found, seed=resolved.seed,
        duration=live.elapsed_ns, warmup=live.start_ns, label=f"{name}, simulated",
    )  # fmt: skip
    return Ran(live, simulated, host, how)


def _live(
    machine: "Machine",
    resolved: Resolved,
    n_vcpus: int,
    said: dict[str, Any],
    *,
    full: bool,
    log: NDArray[np.void] | None,
    progress: Callable[[float, int], object] | None,
    name: str,
) -> Result:
    """Run it, a thread a vCPU."""
    from .machine import LiveVcpu

    ids = np.arange(n_vcpus, dtype=np.uint32)
    plan = Plan(resolved, ids, said.get("duration"), None, said.get("warmup") or 0, None)
    exit_ns, turns_per_ns = _speed(machine)
    recorded = recorded_jobs(resolved)
    logs: list[NDArray[np.void] | None] = [None] * n_vcpus
    if log is not None:
        log_array(log)[:] = np.zeros((), dtype=OUTCOME)
        logs = list(np.array_split(log, n_vcpus))
    cells = []
    for place, group in enumerate(groups(resolved.workload, ids, 1)):
        cell = _Cell(resolved, group, plan.start_ns, recorded, logs[place])
        cell.vcpu = LiveVcpu(
            machine, place * resolved.planes, resolved.planes,
            keeps_isr=full, turns_per_ns=turns_per_ns, exit_ns=exit_ns,
        )  # fmt: skip
        cells.append(cell)
    result = Rounds(name, resolved, list(cells), n_vcpus, plan, progress).result()
    if log is not None:
        log[:] = log[np.lexsort((log["vcpu"], log["time_ns"], log["record"]))]
    return result


def _speed(machine: "Machine") -> tuple[int, float]:
    """Measure what an exit takes, and how many turns of its loop a guest does in a ns."""
    exit_ns = float(np.median(machine.sample("exit", 200)))
    few, many = (float(np.median(machine.sample("compute", 50, turns=k))) for k in (10, 1010))
    return round(exit_ns), 1000 / max(many - few, 50.0)
