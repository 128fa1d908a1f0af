"""Replay: what each policy would have done with a recorded trace (rules, section 7).

Longer than 300 lines by a few, for most of it says what one function takes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import traces
from ..checks import plane_count, slice_of, whole
from ..errors import InputError, Mistake
from ..figures.batches import Batches
from ..figures.result import Result
from ..figures.results import Results
from ..figures.trace import TraceSummary
from ..figures.vectors import VectorTimes
from ..irqchip import Controller, as_controller
from ..layouts import OUTCOME, TIMED
from ..policy import Call, Policy, Scheduler, check_userspace
from ..policytext import Several, as_policies
from ..simulation.engine import Engine
from ..simulation.watched import Watched
from ..text import duration_ns
from ..workload import Costs
from ..workload.costs import Given as GivenCosts
from .source import Source, digest_of, reader_of

__all__ = ["going", "replay", "route_of"]

Route = Literal["own", "marker"]
_Stream = traces.JobStream | traces.VectorJobs


def replay(
    trace: Source,
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
    progress: Callable[[float, int], object] | None = None,
    slice_ns: str | int | None = None,
    states: bool = False,
    controller: Controller | str | None = None,
) -> Results:
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
        How many outcomes each `Result.log` has room for, 32 bytes each; the first ones, as
        `VM.run` logs them; with 0 it is None. What the first vCPU does at once, as it begins, is
        counted, not logged.
    progress : callable, optional
        Called after every chunk with the part that is done, 0..1 (0 where that is not known), and
        the jobs replayed so far.
    slice_ns : str or int, optional
        After so much running time since a plane was entered, or since its last slice ended, it
        gets a resched, at which the policy's algorithm may choose another. Never by default.
    states : bool
        Also keep the state before each outcome of the log (`Result.states`), from event to event.
    controller : Controller or str, optional
        Planes have interrupt controllers: ``"lapic"``, or what `irqchip.as_controller` takes. Each
        interrupt then has its vector, handlers nest by class, the end of a job is its EOI; how long
        a vector of the base plane was in service, and when it could not be taken, is as it was
        recorded (docs/how-to/vectors.md).

    Returns
    -------
    Results
        In the order of `policies`, each followed by its variant in userspace. On Ctrl-C, of what
        was replayed, with ``partial``.

    Raises
    ------
    OSError
        If the trace cannot be read.
    InputError
        If a line of it is malformed, or the trace cannot tell (see `traces.evidence`).
    ValueError
        If a number or name is out of range, or a level or plane does not exist.

    Examples
    --------
    >>> levels = ["0x26-0x27=level1", "call_function_single=level2"]
    >>> direct, relay = replay(":demo", ["vsm:marker=2", "vsm_relay"], plane_map=levels)
    >>> direct.stats.switches, relay.stats.switches
    (1133, 1551)
    """
    whole("log", log, 0)
    if not isinstance(plane_map, traces.PlaneMap):
        plane_map = traces.PlaneMap.parse(plane_map)
    n_planes = plane_count(plane_map.n_planes if planes is None else planes)
    found = Costs.of(costs)
    forward = duration_ns(forward_ns, "forward_ns")
    slice_length = slice_of(slice_ns)
    controller = as_controller(controller)
    labelled = list(_labelled(policies, n_planes, in_userspace))
    check_userspace(userspace, [policy for _, policy in labelled])
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
            userspace=userspace if policy.exits else None,
            log=log,
            slice_ns=slice_length,
            states=states,
            controller=controller,
        )
        for label, policy in labelled
    ]
    named = trace
    reader = reader_of(trace, skip_bad, vm)
    if reader.vm is not None:
        arrivals = "injected"
    times = _service(service)
    stream = _stream_of(controller)(reader, plane_map, service=times, arrivals=arrivals)
    partial = _replay_all(runs, stream, vcpus, progress)
    told = traces.evidence(reader, arrivals, vm=reader.vm is not None)
    if told.refusal is not None and not partial:
        raise InputError(reader.path, 0, *told.refusal)
    shown = max(reader.n_vcpus, 1) if vcpus is None else vcpus
    given = {
        "trace": digest_of(named),
        "map": [rule.text or str(rule) for rule in plane_map.rules],
        "service_ns": times,
        "costs": str(found),
        "costs_ns": found.as_dict(),
        **({} if slice_length is None else {"slice_ns": slice_length}),
        **({} if controller is None else {"controller": str(controller)}),
    }
    summary = _summary(stream, plane_map, told.notes)
    return Results([run.result(shown, summary, given, partial=partial) for run in runs], partial)


def _replay_all(
    runs: "list[_Run]",
    stream: _Stream,
    vcpus: int | None,
    progress: Callable[[float, int], object] | None,
) -> bool:
    """Have every run take every chunk; return whether Ctrl-C came first. All are equally far."""
    replayed, chunk = 0, None
    try:
        for number, (jobs, until_ns) in enumerate(stream, 1):
            seen = int(jobs["vcpu"].max()) + 1 if len(jobs) else 0
            if vcpus is not None and seen > vcpus:
                raise Mistake("vcpus", vcpus, f"{seen} or more: the trace has vCPU {seen - 1}")
            chunk = number, jobs, seen, until_ns
            for run in runs:
                run.take(*chunk)
            replayed += len(jobs)
            if progress is not None:
                progress(stream.reader.part, replayed)
    except KeyboardInterrupt:
        if chunk is None:
            raise
        for run in runs:  # all come as far as the one that was interrupted
            run.take(*chunk)
        return True
    return False


def _summary(stream: _Stream, plane_map: traces.PlaneMap, notes: tuple[str, ...]) -> TraceSummary:
    reader = stream.reader
    return TraceSummary(
        producer=reader.producer,
        vcpus=reader.n_vcpus,
        arrivals=stream.arrivals,
        wakes=stream.wakes,
        cuts=stream.cuts,
        busy_ns=stream.busy_ns,
        lost=reader.lost,
        bad=reader.bad,
        bad_lines=tuple(reader.bad_lines),
        notes=notes,
        unmatched=plane_map.unmatched(stream.seen()),
    )


def going(
    trace: Source,
    policy: Policy,
    *,
    plane_map: traces.PlaneMap,
    planes: int,
    vcpus: int | None = None,
    service: str | int | Mapping[str, str | int] = 0,
    costs: GivenCosts = None,
    forward_ns: str | int = 0,
    route: Route | None = None,
    main: int | None = None,
    skip_bad: bool = False,
    arrivals: traces.Arrivals = "accepted",
    vm: int | Iterable[int] | None = None,
    slice_ns: str | int | None = None,
    controller: Controller | str | None = None,
) -> Iterator[tuple[Engine, int]]:
    """Replay as `replay` does, in the caller's steps: its engine, and until when all jobs are fed.

    The engine may be advanced to just before that time; what is left is done before the next.
    """
    run = _Run(
        "", policy, plane_map, planes, vcpus or 1, costs=Costs.of(costs),
        forward_ns=duration_ns(forward_ns, "forward_ns"), route=route, main=main, userspace=None,
        log=0, slice_ns=slice_of(slice_ns), states=False, controller=as_controller(controller),
    )  # fmt: skip
    reader = reader_of(trace, skip_bad, vm)
    stream = _stream_of(controller)(
        reader, plane_map, service=_service(service),
        arrivals=arrivals if reader.vm is None else "injected",
    )  # fmt: skip
    for number, (jobs, until_ns) in enumerate(stream, 1):
        seen = int(jobs["vcpu"].max()) + 1 if len(jobs) else 0
        run.feed(number, jobs, seen)
        yield run.engine, until_ns
        run.take(number, jobs, seen, until_ns)


def _stream_of(controller: object) -> type[_Stream]:
    return traces.JobStream if controller is None else traces.VectorJobs


def _service(given: str | int | Mapping[str, str | int]) -> int | dict[str, int]:
    if isinstance(given, Mapping):
        return _by_name("service", given)
    return duration_ns(given, "service")


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
        slice_ns: int | None,
        states: bool,
        controller: Controller | None,
    ) -> None:
        self.label = label
        self.table = plane_map.planes(policy, n_planes, main=main)
        names = map(str, plane_map.targets)
        found = dict(zip(names, self.table.tolist(), strict=True))
        self.levels = {name: plane for name, plane in found.items() if name.startswith("level")}
        self.engine = (Watched if states else Engine)(
            policy,
            n_planes,
            vcpus,
            costs=costs,
            route=route_of(policy, route),
            forward_ns=forward_ns,
            main=main,
            userspace=userspace,
            slice_ns=slice_ns,
            controller=controller,
        )
        if isinstance(self.engine, Watched):
            self.engine.watch()
        self.fed = 0
        self.log = np.zeros(log, OUTCOME) if log else None
        self.engine.log_to(self.log)

    def feed(self, number: int, jobs: NDArray[np.void], vcpus: int) -> None:
        """Take a chunk; what of it was fed before Ctrl-C is not fed again."""
        if vcpus > self.engine.vcpus:
            self.engine.grow(vcpus)
        if number > self.fed:
            self.engine.feed(traces.resolve(jobs, self.table))
            self.fed = number

    def take(self, number: int, jobs: NDArray[np.void], vcpus: int, until_ns: int) -> None:
        """Replay a chunk."""
        self.feed(number, jobs, vcpus)
        if until_ns > self.engine.now_ns:
            self.engine.advance(until_ns - 1)

    def result(
        self, vcpus: int, trace: TraceSummary, given: dict[str, Any], *, partial: bool
    ) -> Result:
        engine = self.engine
        if vcpus > engine.vcpus:
            engine.grow(vcpus)
            engine.advance(engine.now_ns)
        figures, totals, rows, *timed = engine.read()
        time_ns = engine.time_ns()
        written = before = None
        if self.log is not None:
            written = self.log[: engine.logged]
            order = np.argsort(written["time_ns"], kind="stable")
            written = written[order]
            before = engine.before[order] if isinstance(engine, Watched) else None
        return Result(
            label=self.label,
            policy=engine.policy,
            planes=engine.planes,
            seed=0,
            start_ns=0,
            elapsed_ns=engine.stats().elapsed_ns,
            names=tuple(f"plane {plane}" for plane in range(engine.planes)),
            row_planes=tuple(engine.row_planes),
            vcpu_ids=np.arange(vcpus, dtype=np.uint32),
            figures=figures,
            totals=totals,
            rows=rows,
            histograms=dict(zip(TIMED, timed, strict=True)),
            time_ns=time_ns,
            batches=Batches.whole(figures, rows, timed, engine.planes),
            livelocks=engine.livelocks(),
            partial=partial,
            levels=self.levels,
            given=given,
            trace=trace,
            log=written,
            states=before,
            vectors=None if engine.controller is None else engine.vectors(),
            vector_times=None if engine.controller is None else VectorTimes(*engine.vector_times()),
        )


def route_of(policy: Policy, route: Route | None) -> Route:
    """Return where interrupts go: to the marker where only that may call."""
    return route or ("marker" if policy.call == Call.descend else "own")


def _by_name(what: str, given: Mapping[str, str | int]) -> dict[str, int]:
    return {name: duration_ns(value, f"{what}.{name}") for name, value in given.items()}


def _labelled(policies: Several, n_planes: int, in_userspace: bool) -> Iterator[tuple[str, Policy]]:
    for label, policy in as_policies(policies, n_planes).items():
        yield label, policy
        if in_userspace and policy.scheduler != Scheduler.user:
            yield f"{label} (userspace)", policy.replace(scheduler="user")
