"""Holds a replay with interrupt controllers against the injections and EOIs that a trace recorded.

A policy's replay takes the base plane's vectors as they were recorded; what it injects there, and
what it ends, is set beside the trace's own ``kvm_inj_virq`` and ``kvm_eoi``: an injection agrees
where the same vector was taken on the same vCPU at the same time, an EOI where the same vector
ended after the same injection.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import traces
from ..checks import plane_count
from ..events import ChipEvent, Event
from ..irqchip import Controller, as_controller
from ..layouts import EVENT
from ..policytext import Several, as_policies
from ..simulation.engine import Engine
from ..text import counted, fill, table, width
from .run import route_of
from .source import Source, reader_of

__all__ = ["TakenVectors", "VectorCounts", "verify_vectors"]

_Taken = tuple[int, int, int]


@dataclass
class VectorCounts:
    """What the record and the replay have of one vector: injections and EOIs.

    Attributes
    ----------
    recorded, replayed, agreed : int
        Injections: in the trace, under the policy, in both.
    eois, eois_replayed, eois_agreed : int
        Likewise EOIs.
    """

    recorded: int = 0
    replayed: int = 0
    agreed: int = 0
    eois: int = 0
    eois_replayed: int = 0
    eois_agreed: int = 0


@dataclass
class TakenVectors:
    """How a policy's replay agrees with a trace's injections and EOIs at the base plane.

    Attributes
    ----------
    label : str
    vectors : dict of int to VectorCounts
    raced : int
        Injections of a vector while the trace shows a higher one as accepted already: the arrival
        was recorded while the injection was under way.
    unheralded : int
        Injections without a recorded arrival, by a PIC or before the trace: they arrive, and end,
        when they were injected.
    not_vectors : int
        Injections below vector 16, which no local APIC makes (a PIC in firmware): left out.
    lost : int
        Arrivals that the trace never shows as injected.
    """

    label: str
    vectors: dict[int, VectorCounts] = field(default_factory=dict)
    raced: int = 0
    unheralded: int = 0
    not_vectors: int = 0
    lost: int = 0

    def total(self, name: str) -> int:
        """Return the sum of a count over all vectors."""
        return sum(getattr(each, name) for each in self.vectors.values())

    @property
    def off(self) -> float:
        """By what part of the recorded injections the replay has more; negative: fewer."""
        recorded = self.total("recorded")
        return (self.total("replayed") - recorded) / recorded if recorded else 0.0

    @property
    def agrees(self) -> bool:
        """Whether it injects as often as was recorded, within half a percent."""
        return abs(self.off) <= 0.005

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self) | {"off": self.off, "agrees": self.agrees}

    def __str__(self) -> str:
        recorded, replayed = self.total("recorded"), self.total("replayed")
        head = (
            f"{self.label}: {replayed:,} injected for {recorded:,} recorded "
            f"({self.off:+.2%}), "
            f"{self.total('agreed'):,} of them the same vector at the same time; "
            f"{self.total('eois_agreed'):,} of {self.total('eois'):,} EOIs in the same order"
        )
        rows = [
            (
                f"{vector:#04x}",
                *(f"{getattr(found, name):,}" for name in _COLUMNS),
            )
            for vector, found in sorted(self.vectors.items())
        ]
        lines = [row for line in [head, *self._causes()] for row in fill(line, width(), hang=2)]
        return "\n".join([*lines, "", table(("vector", *_COLUMNS.values()), rows)])

    def _causes(self) -> list[str]:
        causes = [
            (self.raced, "injection", "that a higher vector overtook in the record: its arrival "
             "was printed while the injection was under way"),
            (self.unheralded, "injection", "without a recorded arrival: by a PIC, or begun before "
             "the trace; replayed when it was injected, and over at once"),
            (self.not_vectors, "injection", "of a vector below 16, by a PIC: left out"),
            (self.lost, "arrival", "that the trace never shows as injected"),
        ]  # fmt: skip
        return [f"{counted(count, what)} {text}" for count, what, text in causes if count]


_COLUMNS = {
    "recorded": "injected", "replayed": "replayed", "agreed": "agree", "eois": "EOIs",
    "eois_replayed": "replayed", "eois_agreed": "agree",
}  # fmt: skip


def verify_vectors(
    trace: Source,
    policies: Several,
    *,
    plane_map: traces.PlaneMap,
    controller: Controller | str,
    planes: int | None = None,
    main: int | None = None,
    skip_bad: bool = False,
    vm: int | Iterable[int] | None = None,
    progress: Callable[[float, int], object] | None = None,
) -> list[TakenVectors]:
    """Replay a trace with controllers, and say how its injections and EOIs agree, by vector.

    Parameters
    ----------
    trace, policies, plane_map, planes, main, skip_bad, vm, progress, controller
        As `planesched.replay` takes them. What the map gives to other planes is replayed too, and
        not compared: the trace is of a guest without planes.

    Returns
    -------
    list of TakenVectors
        In the order of `policies`.

    Raises
    ------
    InputError
        If a line of the trace is malformed.
    ValueError
        If a number, level or plane does not exist.
    """
    n_planes = plane_count(plane_map.n_planes if planes is None else planes)
    reader = reader_of(trace, skip_bad, vm)
    arrivals: traces.Arrivals = "accepted" if reader.vm is None else "injected"
    stream = traces.VectorJobs(reader, plane_map, arrivals=arrivals)
    named = as_policies(policies, n_planes).items()
    besides = []
    for label, policy in named:
        table = plane_map.planes(policy, n_planes, main=main)
        engine = Engine(
            policy, n_planes, 1, main=main, route=route_of(policy, None),
            controller=as_controller(controller),
        )  # fmt: skip
        besides.append((label, engine, table, _Log(engine)))
    replayed = 0
    for jobs, until_ns in stream:
        for _, engine, table, log in besides:
            if len(jobs):
                engine.grow(int(jobs["vcpu"].max()) + 1)
            engine.feed(traces.resolve(jobs, table))
            log.advance(until_ns, len(jobs))
        replayed += len(jobs)
        if progress is not None:
            progress(reader.part, replayed)
    return [
        _compared(label, stream.recorded, log.of(int(table[0]))) for label, _, table, log in besides
    ]


class _Log:
    """What an engine injects and ends, kept chunk by chunk."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: list[NDArray[np.void]] = []
        self._owed = 0

    def advance(self, until_ns: int, jobs: int) -> None:
        if until_ns <= self._engine.now_ns:
            self._owed += jobs
            return
        # Each job is injected and ended once at most; a VINA notice takes a step of another.
        self._owed += jobs
        log = np.zeros(8 * self._owed + 64, EVENT)
        self._engine.log_vectors_to(log)
        self._engine.advance(until_ns - 1)
        self._kept.append(log[: self._engine.vectors_logged].copy())

    def of(self, plane: int) -> NDArray[np.void]:
        found = np.concatenate([np.zeros(0, EVENT), *self._kept])
        mine: NDArray[np.void] = found[found["plane"] == plane]
        return mine


def _compared(label: str, recorded: traces.Recorded, log: NDArray[np.void]) -> TakenVectors:
    found = TakenVectors(
        label, raced=recorded.raced, unheralded=len(recorded.unheralded),
        not_vectors=recorded.not_vectors, lost=len(recorded.lost),
    )  # fmt: skip
    columns = (log["time_ns"].tolist(), log["vcpu"].tolist(), log["arg"].tolist())
    kinds = log["kind"].tolist()
    acts = list(zip(*columns, kinds, strict=True))
    mine = Counter(act[:3] for act in acts if act[3] == Event.IRQ)
    # What arrives when it is injected agrees of itself: it is no evidence.
    mine -= Counter(recorded.unheralded)
    theirs = Counter(recorded.taken)
    _add(found, mine, theirs, ("replayed", "recorded", "agreed"))
    events = sorted(
        [(*act, 0) for act in recorded.taken + recorded.unheralded]
        + [(*act, 1) for act in recorded.ended],
        key=lambda act: (act[0], act[1]),
    )
    theirs = _ends([(*act[:3], ChipEvent.EOI if act[3] else Event.IRQ) for act in events])
    short = Counter((time, vcpu, vector) for time, vcpu, vector in recorded.unheralded)
    _add(found, _ends(acts) - short, theirs, ("eois_replayed", "eois", "eois_agreed"))
    return found


def _ends(acts: "Iterable[tuple[int, int, int, int]]") -> "Counter[_Taken]":
    """Return each EOI by the time of the injection before it on its vCPU, vCPU and vector."""
    before: dict[int, int] = {}
    out: Counter[_Taken] = Counter()
    for time, vcpu, vector, kind in acts:
        if kind == Event.IRQ:
            before[vcpu] = time
        else:
            out[before.get(vcpu, -1), vcpu, vector] += 1
    return out


def _add(
    found: TakenVectors, mine: "Counter[_Taken]", theirs: "Counter[_Taken]", names: tuple[str, ...]
) -> None:
    for name, acts in zip(names, (mine, theirs, mine & theirs), strict=True):
        for (_, _, vector), count in acts.items():
            counts = found.vectors.setdefault(vector, VectorCounts())
            setattr(counts, name, getattr(counts, name) + count)
