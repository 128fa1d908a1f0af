"""Replay: what each policy would have done with a recorded trace (rules, section 7)."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import traces
from ..figures.replayed import ReplayResult, TraceSummary
from ..layouts import OUTCOME
from ..policy import Call, Policy, Scheduler, plane_count
from ..simulation.engine import Engine
from ..text import duration_ns

__all__ = ["ReplayResult", "TraceSummary", "replay"]

Route = Literal["own", "marker"]


def replay(
    trace: str | os.PathLike[str] | traces.Reader,
    policies: str | Policy | Iterable[str | Policy] | Mapping[str, str | Policy],
    *,
    plane_map: traces.PlaneMap | str | Iterable[str],
    planes: int | None = None,
    vcpus: int | None = None,
    service: str | int | Mapping[str, str | int] = 0,
    costs: Mapping[str, str | int] | None = None,
    forward_ns: str | int = 0,
    in_userspace: bool = False,
    userspace: object = None,
    route: Route | None = None,
    main: int | None = None,
    skip_bad: bool = False,
    log: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> list[ReplayResult]:
    """Replay a trace under several policies, in one pass and bounded memory.

    Parameters
    ----------
    trace : str, path-like or traces.Reader
        The text of ``kvm:`` trace events (see `planesched.traces`).
    policies : str or Policy, or an iterable or mapping of these
        A str names a preset. A mapping gives labels.
    plane_map : traces.PlaneMap, str or iterable of str
        Which plane each vector is for; rules as `traces.PlaneMap.parse` takes them.
    planes : int, optional
        How many planes each vCPU has; as many as the map names, at least 2, by default.
    vcpus : int, optional
        How many vCPUs there are; as many as the trace shows by default.
    service : str, int or mapping of str to those
        How long an interrupt takes its plane (see `traces.jobs`). Here and below: with its unit
        (``"5 us"``), or an int of ns.
    costs : mapping of str to str or int, optional
        What a switch takes, by its reason; ``"exit"`` an exit to userspace. 0 by default.
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
    TraceError
        If a line of it is malformed.
    ValueError
        If a number or name is out of range, or a level or plane does not exist.
    """
    if log < 0:
        raise ValueError(f"log={log} is negative")
    if not isinstance(plane_map, traces.PlaneMap):
        plane_map = traces.PlaneMap.parse(plane_map)
    n_planes = plane_count(plane_map.n_planes if planes is None else planes)
    costs_ns = _by_name("costs", costs or {})
    forward = _duration("forward_ns", forward_ns)
    runs = [
        _Run(
            label,
            policy,
            plane_map,
            n_planes,
            vcpus or 1,
            costs=costs_ns,
            forward_ns=forward,
            route=route,
            main=main,
            userspace=userspace,
            log=log,
        )
        for label, policy in _labelled(policies, n_planes, in_userspace)
    ]
    if not runs:
        raise ValueError("policies is empty")
    reader = trace if isinstance(trace, traces.Reader) else traces.read(trace, skip_bad=skip_bad)
    times: int | dict[str, int]
    if isinstance(service, Mapping):
        times = _by_name("service", service)
    else:
        times = _duration("service", service)
    stream = traces.jobs(reader, plane_map, service=times)
    replayed = 0
    for jobs, until_ns in stream:
        seen = int(jobs["vcpu"].max()) + 1 if len(jobs) else 0
        if vcpus is not None and seen > vcpus:
            raise ValueError(f"vcpus={vcpus}, but the trace has vCPU {seen - 1}")
        for run in runs:
            run.take(jobs, seen, until_ns)
        replayed += len(jobs)
        if progress is not None:
            progress(until_ns, replayed)
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
    )
    return [run.result(shown, summary) for run in runs]


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
        costs: Mapping[str, int],
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


def _duration(what: str, given: str | int) -> int:
    try:
        return duration_ns(given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{what}: {error}") from None


def _by_name(what: str, given: Mapping[str, str | int]) -> dict[str, int]:
    return {name: _duration(f"{what}: {name}", value) for name, value in given.items()}


def _labelled(
    policies: str | Policy | Iterable[str | Policy] | Mapping[str, str | Policy],
    n_planes: int,
    in_userspace: bool,
) -> Iterator[tuple[str, Policy]]:
    if isinstance(policies, str | Policy):
        policies = [policies]
    given: Sequence[tuple[str | None, str | Policy]]
    if isinstance(policies, Mapping):
        given = list(policies.items())
    else:
        given = [(None, policy) for policy in policies]
    for number, (name, policy) in enumerate(given, 1):
        label = name or (policy if isinstance(policy, str) else f"policy {number}")
        if isinstance(policy, str):
            policy = Policy.preset(policy, planes=n_planes)
        yield label, policy
        if in_userspace and policy.scheduler != Scheduler.user:
            yield f"{label} (userspace)", policy.replace(scheduler="user")
