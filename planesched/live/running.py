"""Run a scenario's guests in real time, beside the simulation of the same."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import slice_of, vcpu_count
from ..errors import Mistake, Words
from ..figures.result import Result
from ..policy import Scheduler
from ..policytext import Given, as_policy
from ..scenarios import Scenario, load_scenario
from ..simulation.rounds import Rounds
from ..simulation.run import new_log, settings_of, simulate, written_log
from ..simulation.stopping import Plan
from ..workload import Costs
from ..workload.costs import Given as GivenCosts
from ..workload.numbered import Resolved
from ..workload.recorded import recorded_jobs
from .host import Host, open_machine, probe, urgent
from .measuring import measure
from .ran import Ran
from .together import LiveCell, Meeting

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["run"]

_MEASURED = 1000
_MOST_NS = 10_000_000_000
"""Of a run that Ctrl-C ended, not more is simulated: an answer is waited for."""


def run(
    scenario: Scenario | str | os.PathLike[str],
    policy: Given | None = None,
    *,
    duration: str | int | None = None,
    warmup: str | int | None = None,
    vcpus: int | None = None,
    seed: int | None = None,
    costs: GivenCosts = None,
    log: int = 0,
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
    log : int
        How many outcomes the `Result.log` of the live run has room for, as that of `simulate`.
    progress : callable, optional
        Called some times a second with the part that is done, 0..1, and the arrivals and ends of
        jobs so far.

    Returns
    -------
    Ran
        Both results. On Ctrl-C after the warm-up, what was run until then, with ``partial``.

    Raises
    ------
    LiveError
        If planes cannot run here, or a guest ended otherwise than by its commands.
    ValueError, TypeError, InputError, OSError
        If the scenario or a number is wrong, or asks for what a live run has not: controllers.
    """
    read = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    said = settings_of(read, vcpus=vcpus, duration=duration, warmup=warmup, seed=seed)
    planes, workload = said["planes"], said["workload"]
    n_vcpus = vcpu_count(said.get("vcpus", 1))
    if said.get("controller") is not None:
        expected = "none: in a live run each plane has one vector, in KVM's own local APIC"
        raise Mistake("scenario", Words("a controller"), expected)
    name, given = next(iter(read.policies.items()))
    scheduled = as_policy(given if policy is None else policy, planes)
    name = str(policy) if isinstance(policy, str) else name if policy is None else "policy"
    if scheduled.scheduler != Scheduler.user:
        scheduled = scheduled.replace(scheduler="user")
    host = probe().check()
    with open_machine(planes * n_vcpus) as machine:
        found = Costs.of(costs) if costs is not None else _measured(host)
        resolved = Resolved(
            workload, scheduled, planes, Costs.of(None), said.get("seed") or 0,
            slice_of(said.get("slice_ns")),
        )  # fmt: skip
        with urgent(real_time=n_vcpus < host.cpus) as how:
            live = _live(
                machine, resolved, n_vcpus, said, host, log=log,
                progress=progress, name=f"{name}, live",
            )  # fmt: skip
    if live.partial:  # Who pressed Ctrl-C waits, for some 20 ms of computing.
        with urgent(real_time=True):
            simulated = _simulated(live, resolved, found, name, most_ns=_MOST_NS, threads=1)
    else:
        simulated = _simulated(live, resolved, found, name)
    return Ran(live, simulated, host, how)


def _simulated(
    live: Result,
    resolved: Resolved,
    costs: Costs,
    name: str,
    *,
    most_ns: int = 2**62,
    threads: int | None = None,
) -> Result:
    """Simulate what was run."""
    return simulate(
        resolved.policy, resolved.planes, live.vcpu_ids.tolist(), resolved.workload, costs=costs,
        seed=resolved.seed, duration=min(live.elapsed_ns, most_ns), warmup=live.start_ns,
        label=f"{name}, simulated", threads=threads, slice_ns=resolved.slice_ns,
    )  # fmt: skip


def _measured(host: Host) -> Costs:
    found = measure(_MEASURED)
    if found.partial:
        raise KeyboardInterrupt
    return found.costs(copied=host.sync_regs)


def _live(
    machine: "Machine",
    resolved: Resolved,
    n_vcpus: int,
    said: dict[str, Any],
    host: Host,
    *,
    log: int,
    progress: Callable[[float, int], object] | None,
    name: str,
) -> Result:
    """Run it, a thread a vCPU."""
    from .machine import LiveVcpu

    ids = np.arange(n_vcpus, dtype=np.uint32)
    plan = Plan(resolved, ids, said.get("duration"), None, said.get("warmup") or 0, None)
    copy = "shared" if host.sync_regs else "none"
    machine.shows_registers(host.sync_regs)
    exit_ns, turns_per_ns = _speed(machine)
    recorded = recorded_jobs(resolved)
    logs: list[NDArray[np.void] | None] = [None] * n_vcpus
    room = new_log(log)
    if room is not None:
        logs = list(np.array_split(room, n_vcpus))
    meeting = Meeting(n_vcpus)
    for place in range(n_vcpus):
        own = ids[place : place + 1]
        cell = LiveCell(resolved, own, plan.start_ns, recorded, logs[place])
        cell.vcpu = LiveVcpu(
            machine, place * resolved.planes, resolved.planes,
            keeps_isr=not host.auto_eoi, turns_per_ns=turns_per_ns, exit_ns=exit_ns, copy=copy,
        )  # fmt: skip
        cell.meeting = meeting
        meeting.cells.append(cell)
    vcpus, sources = [cell.vcpu for cell in meeting.cells], resolved.guests(ids)["sources"]
    for place, vcpu in enumerate(vcpus):
        vcpu.talk(vcpus, list(_senders(sources, place, n_vcpus)))
    result = Rounds(name, resolved, list(meeting.cells), n_vcpus, plan, progress).result()
    return replace(result, log=written_log(room))


def _senders(
    sources: Sequence[dict[str, Any]], place: int, n_vcpus: int
) -> Iterator[tuple[int, int, float, Sequence[int]]]:
    """Give the sources of IPIs of a vCPU as `LiveVcpu.talk` takes them."""
    for number, source in enumerate(sources):
        sends = source.get("members") is None or source["members"][place]
        if sends and source.get("chance", 0) > 0:
            targets = source.get("targets")
            if targets is None:
                targets = [other for other in range(n_vcpus) if other != place]
            yield number, source["origin"], source["chance"], targets


def _speed(machine: "Machine") -> tuple[int, float]:
    """Measure what an exit takes, and how many turns of its loop a guest does in a ns."""
    exit_ns = float(np.median(machine.sample("exit", 200)))
    few, many = (float(np.median(machine.sample("compute", 50, turns=k))) for k in (10, 1010))
    return round(exit_ns), 1000 / max(many - few, 50.0)
