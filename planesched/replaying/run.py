"""Replay: what each policy would have done with a recorded trace (rules, section 7)."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import traces
from ..checks import plane_count, whole
from ..errors import InputError, Mistake
from ..figures.replayed import ReplayResult, TraceSummary
from ..layouts import OUTCOME
from ..policy import Call, Policy, Scheduler
from ..policytext import Several, as_policies
from ..simulation.engine import Engine
from ..text import duration_ns
from ..workload import Costs
from ..workload.costs import Given as GivenCosts

__all__ = ["ReplayResult", "TraceSummary", "replay"]

Route = Literal["own", "marker"]


def replay(
    trace: str | os.PathLike[str] | traces.Reader | NDArray[np.void] | Iterable[NDArray[np.void]],
    policies: Several,
    *,
    plane_map: traces.PlaneMap | str | Iterable[str] | Mapping[str | int, str | int],
    planes: int | None = None,
    vcpus: int | None = None,
    service: str | int | Mapping[str, str | int] = 0,
    costs: GivenCosts = None,
    forward_ns: str | int = 0,
    in_userspace: bool = False,
    userspace: object = None,
    route: Route | None = None,
    main: int | None = None,
    skip_bad: bool = False,
    arrivals: traces.Arrivals = "accepted",
    vm: int | Iterable[int] | None = None,
    log: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> list[ReplayResult]:
    """Replay a trace under several policies, in one pass and bounded memory.

    Parameters
    ----------
    trace : str, path-like, traces.Reader, or ndarray of traces.RECORD or an iterable of these
        The text of ``kvm:`` trace events (see `planesched.traces`), or records made by hand;
        ``":demo"`` is the trace that ``planesched demo`` replays.
    policies : policy, or iterable or mapping of policies
        One or several: ``"vsm"``, ``"vsm:ret=resume"``, a TOML file, a Policy. A mapping gives
        labels.
    plane_map : traces.PlaneMap, str, iterable of str or mapping
        Which plane each vector is for; rules as `traces.PlaneMap.parse` takes them.
    planes : int, optional
        How many planes each vCPU has; as many as the map names, at least 2, by default.
    vcpus : int, optional
        How many vCPUs there are; as many as the trace shows by default.
    service : str, int or mapping of str to those
        How long an interrupt takes its plane (see `traces.jobs`). Here and below: with its unit
        (``"5 us"``), or an int of ns.
    costs : Costs, or what `Costs.of` takes, optional
        What switches take: by reason, ``"any"``, ``"exit"`` or planes; the name of a cost set; a
        TOML file; a time or distribution for any switch. Nothing by default.
    forward_ns : str or int
        How long a marker works to forward an interrupt (``route="marker"``).
    in_userspace : bool
        Replay each policy also with ``scheduler="user"``.
    userspace : UserScheduler, or what that takes, optional
        Answers exits to userspace; the default userspace scheduler unless given.
    route : {"own", "marker"}, optional
        Whether an interrupt goes to its plane, or to the marker, which forwards it; by default to
        the marker where only that may call (``call="descend"``: the presets tdx and cca).
    main : int, optional
        The guest OS's plane where the policy hands over; the highest by default.
    skip_bad : bool
        Skip and count malformed lines; not looked at with a `traces.Reader`.
    arrivals : {"accepted", "injected"}
        What stands for the arrival of an interrupt (see `traces.jobs`).
    vm : int or iterable of int, optional
        Of several VMs only one (see `traces.read`); ``arrivals`` is then ``"injected"``.
    log : int
        How many outcomes each `ReplayResult.log` has room for, 32 bytes each; the first ones, as
        `VM.run` logs them. What the first vCPU does at once, as it begins, is counted, not logged.
    progress : callable, optional
        Called after every chunk with the time reached, in ns, and the jobs replayed so far.

    Returns
    -------
    list of ReplayResult
        In the order of `policies`, each followed by its variant in userspace.

    Raises
    ------
    OSError
        If the trace cannot be read.
    InputError
        If a line of it is malformed, or the trace cannot tell (see `traces.evidence`).
    ValueError
        If a number or name is out of range, or a level or plane does not exist.
    """
    whole("log", log, 0)
    if not isinstance(plane_map, traces.PlaneMap):
        plane_map = traces.PlaneMap.parse(plane_map)
    n_planes = plane_count(plane_map.n_planes if planes is None else planes)
    found = Costs.of(costs)
    forward = duration_ns(forward_ns, "forward_ns")
    runs = [
        _Run(
            label,
            policy,
            plane_map,
            n_planes,
            vcpus or 1,
            costs=found,
            forward_ns=forward,
            route=route,
            main=main,
            userspace=userspace,
            log=log,
        )
        for label, policy in _labelled(policies, n_planes, in_userspace)
    ]
    reader = _reader(trace, skip_bad, vm)
    if reader.vm is not None:
        arrivals = "injected"
    times: int | dict[str, int]
    if isinstance(service, Mapping):
        times = _by_name("service", service)
    else:
        times = duration_ns(service, "service")
    stream = traces.jobs(reader, plane_map, service=times, arrivals=arrivals)
    replayed = 0
    for jobs, until_ns in stream:
        seen = int(jobs["vcpu"].max()) + 1 if len(jobs) else 0
        if vcpus is not None and seen > vcpus:
            raise Mistake("vcpus", vcpus, f"{seen} or more: the trace has vCPU {seen - 1}")
        for run in runs:
            run.take(jobs, seen, until_ns)
        replayed += len(jobs)
        if progress is not None:
            progress(until_ns, replayed)
    told = traces.evidence(reader, arrivals, vm=reader.vm is not None)
    if told.refusal is not None:
        raise InputError(reader.path, 0, *told.refusal)
    shown = max(reader.n_vcpus, 1) if vcpus is None else vcpus
    summary = TraceSummary(
        producer=reader.producer,
        vcpus=reader.n_vcpus,
        arrivals=stream.arrivals,
        wakes=stream.wakes,
        cuts=stream.cuts,
        busy_ns=stream.busy_ns,
        lost=reader.lost,
        bad=reader.bad,
        bad_lines=tuple(reader.bad_lines),
        notes=told.notes,
        unmatched=plane_map.unmatched(stream.seen()),
    )
    return [run.result(shown, summary) for run in runs]


def _reader(
    trace: str | os.PathLike[str] | traces.Reader | NDArray[np.void] | Iterable[NDArray[np.void]],
    skip_bad: bool,
    vm: int | Iterable[int] | None,
) -> traces.Reader | traces.Records:
    if isinstance(trace, traces.Reader | traces.Records):
        return trace
    if isinstance(trace, str | os.PathLike):
        if trace == ":demo":
            trace = Path(__file__).parents[1] / "data" / "demo.txt.xz"
        return traces.read(trace, skip_bad=skip_bad, vm=vm)
    return traces.Records(trace)


class _Run:
    """One policy under way."""

    def __init__(
        self,
        label: str,
        policy: Policy,
        plane_map: traces.PlaneMap,
        n_planes: int,
        vcpus: int,
        *,
        costs: Costs,
        forward_ns: int,
        route: Route | None,
        main: int | None,
        userspace: object,
        log: int,
    ) -> None:
        self.label = label
        self.table = plane_map.planes(policy, n_planes, main=main)
        names = map(str, plane_map.targets)
        self.planes = dict(zip(names, self.table.tolist(), strict=True))
        self.engine = Engine(
            policy,
            n_planes,
            vcpus,
            costs=costs,
            route=route or ("marker" if policy.call == Call.descend else "own"),
            forward_ns=forward_ns,
            main=main,
            userspace=userspace,
        )
        self.log = np.zeros(log, OUTCOME)
        self.engine.log_to(self.log)

    def take(self, jobs: NDArray[np.void], vcpus: int, until_ns: int) -> None:
        if vcpus > self.engine.vcpus:
            self.engine.grow(vcpus)
        self.engine.feed(traces.resolve(jobs, self.table))
        if until_ns > self.engine.now_ns:
            self.engine.advance(until_ns - 1)

    def result(self, vcpus: int, trace: TraceSummary) -> ReplayResult:
        if vcpus > self.engine.vcpus:
            self.engine.grow(vcpus)
            self.engine.advance(self.engine.now_ns)
        written = self.log[: self.engine.logged]
        return ReplayResult(
            label=self.label,
            policy=self.engine.policy,
            planes=self.planes,
            stats=self.engine.stats(),
            jobs=self.engine.jobs(),
            time_ns=self.engine.time_ns(),
            livelocks=self.engine.livelocks(),
            trace=trace,
            log=written[np.argsort(written["time_ns"], kind="stable")],
        )


def _by_name(what: str, given: Mapping[str, str | int]) -> dict[str, int]:
    return {name: duration_ns(value, f"{what}.{name}") for name, value in given.items()}


def _labelled(policies: Several, n_planes: int, in_userspace: bool) -> Iterator[tuple[str, Policy]]:
    for label, policy in as_policies(policies, n_planes).items():
        yield label, policy
        if in_userspace and policy.scheduler != Scheduler.user:
            yield f"{label} (userspace)", policy.replace(scheduler="user")
