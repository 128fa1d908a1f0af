"""Holds policies against the switches that a trace recorded: how many agree, and the first not.

Each vCPU has a model beside it. Interrupts, halts and what planes and host asked for are given to
the model as they were recorded, and after each record that names a plane the model's plane is
looked at. Where it is another, the model is put where the record says, so that one difference is
not counted twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import traces
from ..checks import plane_count, plane_id, planes_of
from ..core import VCPU, VM, Outcome
from ..errors import InputError
from ..events import MASKS, Event
from ..policy import Call, Policy
from ..policytext import Several, as_policies
from ..text import counted, fill, format_ns, width
from ..traces.record import NO_VCPU, Kind
from .source import Source, reader_of

__all__ = ["Agreement", "Disagreement", "verify"]

SWITCHES = (Kind.CALL, Kind.RETURN, Kind.PREEMPT, Kind.INTERCEPT, Kind.PICK)
_ANSWERS = 16


@dataclass(frozen=True)
class Disagreement:
    """A recorded switch that the policy would not have made.

    Attributes
    ----------
    time_ns : int
        Since the trace's first event.
    vcpu : int
    recorded : str
        What the trace says: ``"preempt to plane 2"``.
    decided : str
        What the policy does instead.
    state : str
        The 32 bytes before it, as ``planesched step --from`` takes them.
    """

    time_ns: int
    vcpu: int
    recorded: str
    decided: str
    state: str

    def __str__(self) -> str:
        return (
            f"at {format_ns(self.time_ns)} on vCPU {self.vcpu}: recorded {self.recorded}, "
            f"decided {self.decided}\nstate before: {self.state}"
        )


@dataclass
class Agreement:
    """How a policy agrees with recorded switches.

    Attributes
    ----------
    label : str
    switches : dict of str to int
        Recorded ones that name a plane or ask for one, by kind.
    agreed : dict of str to int
        Those of them that the policy makes too.
    first : Disagreement or None
    """

    label: str
    switches: dict[str, int] = field(default_factory=dict)
    agreed: dict[str, int] = field(default_factory=dict)
    first: Disagreement | None = None

    @property
    def agrees(self) -> bool:
        """Whether every recorded switch is one that the policy makes."""
        return self.first is None

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        total, same = sum(self.switches.values()), sum(self.agreed.values())
        kinds = (
            f"{kind} {self.agreed.get(kind, 0):,} of {n:,}" for kind, n in self.switches.items()
        )
        head = f"{self.label}: {same:,} of {counted(total, 'recorded switch')} agree"
        lines = [f"{head} ({', '.join(kinds)})" if total else f"{self.label}: no switch recorded"]
        if self.first is not None:
            lines += f"the first that does not, {self.first}".split("\n")
        return "\n".join(row for line in lines for row in fill(line, width(), hang=2))


def verify(
    trace: Source,
    policies: Several,
    *,
    plane_map: traces.PlaneMap,
    planes: int | None = None,
    online: Iterable[int] | None = None,
    main: int | None = None,
    skip_bad: bool = False,
    vm: int | Iterable[int] | None = None,
    progress: Callable[[float, int], object] | None = None,
) -> list[Agreement]:
    """Run policies beside recorded switches between planes.

    A switch that came because of an interrupt or intercept which the trace does not show is given
    to the model as that event. Where an interrupt's flag or priority held it back the trace does
    not say; the model then takes it at once.

    Parameters
    ----------
    trace, plane_map, planes, main, skip_bad, vm, progress
        As `planesched.replay` takes them.
    policies : policy, or iterable or mapping of policies
    online : iterable of int, optional
        The planes that exist; all by default. OpenHCL without guest VSM has 0 and 2.

    Returns
    -------
    list of Agreement
        In the order of `policies`.

    Raises
    ------
    InputError
        If a line is malformed, or the trace holds no switch.
    ValueError
        If a number, level or plane does not exist.
    """
    n_planes = plane_count(plane_map.n_planes if planes is None else planes)
    there = None if online is None else [plane_id("online", p, n_planes) for p in online]
    besides = [
        _Beside(label, policy, plane_map, n_planes, there, main)
        for label, policy in as_policies(policies, n_planes).items()
    ]
    reader = reader_of(trace, skip_bad, vm)
    for chunk in reader:
        chunk["time_ns"] -= reader.first_ns
        for record in chunk.tolist():
            for beside in besides:
                beside.take(record)
        if progress is not None:
            progress(0.0, sum(besides[0].found.switches.values()))
    if not besides[0].found.switches:
        kinds = (
            "kvm_vmgexit_enter, kvm_hv_hypercall, mshv_vtl_enter_vtl0, probes of a planes kernel"
        )
        raise InputError(reader.path, 0, "no switch between planes", f"one to verify: {kinds}")
    return [beside.found for beside in besides]


class _Beside:
    """One policy, with a model beside each vCPU of a trace."""

    def __init__(
        self,
        label: str,
        policy: Policy,
        plane_map: traces.PlaneMap,
        n_planes: int,
        online: list[int] | None,
        main: int | None,
    ) -> None:
        self.found = Agreement(label)
        self._policy, self._planes, self._map = policy, n_planes, plane_map
        self._online = range(n_planes) if online is None else online
        self._resolved = plane_map.planes(policy, n_planes, main=main).tolist()
        self._vcpus: dict[int, _Follower] = {}

    def take(self, record: tuple[int, int, int, int, int, int, int]) -> None:
        now, _, _, number, vector, kind, _ = record
        if number == NO_VCPU:
            return
        follower = self._vcpus.get(number)
        if follower is None:
            table = [self._resolved[target] for target in self._map.table(number)]
            follower = _Follower(self._policy, self._planes, self._online, table)
            self._vcpus[number] = follower
        if kind not in SWITCHES:
            follower.follow(Kind(kind), vector)
            return
        joined, before = follower.joined, follower.vcpu.state.copy()
        decided = follower.decide(Kind(kind), vector)
        if not joined:  # where the vCPU was before, only its first switch could tell
            return
        name = Kind(kind).name.lower()
        self.found.switches[name] = self.found.switches.get(name, 0) + 1
        if decided is None:
            self.found.agreed[name] = self.found.agreed.get(name, 0) + 1
        elif self.found.first is None:
            to = f" to plane {vector}" if vector >= 0 else ""
            self.found.first = Disagreement(now, number, name + to, decided, _words(before))


class _Follower:
    """The model beside one vCPU."""

    def __init__(
        self, policy: Policy, planes: int, online: Iterable[int], table: list[int]
    ) -> None:
        self._vm = VM(policy, planes)
        self.vcpu: VCPU = self._vm.vcpus[0]
        self._table = table
        self._takes_plane = policy.call != Call.next
        self.joined = False
        state = self.vcpu.state
        state["online"] = sum({1 << plane for plane in online} | {1 << policy.boot})
        self.vcpu.state = state

    def follow(self, kind: Kind, vector: int) -> None:
        """Give the model an event that is no switch."""
        if kind in (Kind.ARRIVAL, Kind.POSTED):
            self._step(Event.IRQ, self._table[vector])
        elif kind == Kind.HALT:
            self._step(Event.HALT)
        elif kind == Kind.RUN and self.vcpu.blocked:
            self._put(self.vcpu.current)  # by what the trace does not show
        elif kind in (Kind.START, Kind.STOP):
            self._step(Event.START if kind == Kind.START else Event.STOP, vector)

    def decide(self, kind: Kind, plane: int) -> str | None:
        """Let the model decide a recorded switch; return what it did if that is another."""
        was = self.vcpu.current
        out = self._cause(kind, plane)
        now = self.vcpu.current
        agrees = now == plane if plane >= 0 else now != was
        self.joined = self.joined or plane >= 0 or agrees
        if agrees:
            return None
        if plane >= 0:
            self._put(plane)
        if out is not None and out.fault:
            return f"fault {out.fault.name.lower()}, plane {now} stays"
        return f"plane {now}"

    def _cause(self, kind: Kind, plane: int) -> Outcome | None:
        if kind == Kind.CALL:
            return self._step(Event.CALL, plane if self._takes_plane and plane >= 0 else None)
        if kind == Kind.RETURN:
            return self._step(Event.RETURN)
        if kind == Kind.PICK or self.vcpu.current == plane:
            return None
        event = Event.IRQ if kind == Kind.PREEMPT else Event.INTERCEPT
        waits = "irq" if event == Event.IRQ else "trap"
        if int(self.vcpu.state[waits]) >> plane & 1:
            return None
        return self._step(event, plane)

    def _step(self, event: Event, plane: int | None = None) -> Outcome:
        out = self.vcpu.step(event, plane)
        for _ in range(_ANSWERS):
            if not self.vcpu.user:
                break
            self.vcpu.answer()
        return out

    def _put(self, plane: int) -> None:
        """Put the vCPU where the trace says that it is."""
        state = self.vcpu.state
        state["online"] |= 1 << plane
        state["runnable"] |= 1 << plane
        state["halted"] &= ~(1 << plane) & 0xFFFF
        state["unstarted"] &= ~(1 << plane) & 0xFFFF
        state["current"], state["status"] = plane, 0
        self.vcpu.state = state


def _words(state: NDArray[np.void]) -> str:
    masks = ((mask, planes_of(state[mask])) for mask in MASKS)
    shown = (f"{mask}={','.join(map(str, planes))}" for mask, planes in masks if planes)
    return " ".join([f"current={int(state['current'])}", *shown])
