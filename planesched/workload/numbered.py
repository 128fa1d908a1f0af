"""A workload under one policy, as the timed engine takes it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import seed_number
from ..errors import Mistake
from ..irqchip import Controller
from ..policy import Call, Policy
from ..text import MAX_NS
from ..traces import Target
from .costs import Costs
from .sources import Calls, Ipis, Source
from .workload import Workload, plane_of

__all__ = ["Resolved", "alike", "calm_ns", "groups", "seed_words"]

_DEFAULT_VECTOR = 0x30  # plus the number of the plane


def seed_words(seed: int) -> list[int]:
    """Give a seed as numpy's SeedSequence assembles it before a spawn key: 4 words or more."""
    words: list[int] = []
    left = seed_number(seed)
    while left or not words:
        words.append(left & 0xFFFFFFFF)
        left >>= 32
    return words + [0] * (4 - len(words))


@dataclass(frozen=True)
class Resolved:
    """A workload whose planes are numbers, for some number of vCPUs.

    Attributes
    ----------
    names : tuple of str
        The rows of figures: sources as in the workload (but for recorded ones), then planes.
    order : ndarray of int
        The engine's row of each of these.
    """

    workload: Workload
    policy: Policy
    planes: int
    costs: Costs
    seed: int
    slice_ns: int | None = None
    controller: Controller | None = None

    def __post_init__(self) -> None:
        recorded = [s for s in self.workload.sources if not isinstance(s, Source)]
        if self.controller is not None and recorded:
            expected = "none with a recorded source: replay takes the vectors of a trace"
            raise Mistake("controller", self.controller, expected)
        for target in self.workload.busy:
            self._plane(target)
        self.numbered()

    def _plane(self, target: Any) -> int:
        return plane_of(target, self.policy, self.planes, self.workload.main)

    @property
    def levels(self) -> dict[str, int]:
        """The plane that each level is: level 0 is the guest OS's."""
        found: dict[str, int] = {}
        for level in range(self.planes):
            try:
                found[f"level{level}"] = self._plane(Target("level", level))
            except Mistake:
                break
        return found

    @property
    def given(self) -> dict[str, Any]:
        """What a result rests on, as JSON holds it; the digest is that of the workload."""
        from hashlib import sha256

        text = repr(self.workload)
        vectors = {} if self.controller is None else self.vectors()
        text += f" vectors {vectors}" if vectors else ""
        return {
            "costs": str(self.costs),
            "costs_ns": self.costs.as_dict(),
            "seed": self.seed,
            **({} if self.slice_ns is None else {"slice_ns": self.slice_ns}),
            **({} if self.controller is None else {"controller": str(self.controller)}),
            "workload": text,
            "digest": sha256(text.encode()).hexdigest()[:16],
        }

    def sources(self) -> list[Source]:
        """Give the sources that draw."""
        return [source for source in self.workload.sources if isinstance(source, Source)]

    def numbered(self) -> list[tuple[int, int, Source]]:
        """Give (plane, number, source) in the engine's order, by plane."""
        return self._numbered

    @cached_property
    def _numbered(self) -> list[tuple[int, int, Source]]:
        found = []
        for number, source in enumerate(self.sources()):
            try:
                found.append((self._plane(source.plane), number, source))
            except Mistake as mistake:
                raise mistake.within(f"source {source.name}") from None
        return sorted(found, key=lambda item: item[:2])

    def vectors(self) -> dict[str, int]:
        """Give the vector of every source that interrupts, by its name."""
        return {
            source.name: _DEFAULT_VECTOR + plane if source.vector is None else source.vector
            for plane, _, source in self.numbered()
            if not isinstance(source, Calls)
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The rows of figures."""
        planes = (f"plane {plane}" for plane in range(self.planes))
        return (*(source.name for source in self.sources()), *planes)

    @property
    def order(self) -> NDArray[np.intp]:
        """The engine's row of each name."""
        numbers = [number for _, number, _ in self.numbered()]
        places = [numbers.index(number) for number in range(len(numbers))]
        return np.array([*places, *range(len(numbers), len(numbers) + self.planes)], dtype=np.intp)

    def guests(self, ids: NDArray[np.uint32]) -> dict[str, Any]:
        """Give the arguments of `Guests` for some vCPUs."""
        numbered = self.numbered()
        places = {source.name: place for place, (_, _, source) in enumerate(numbered)}
        sources = [self._fields(item, ids, places) for item in numbered]
        vectors = self.vectors()
        for fields, (_, _, source) in zip(sources, numbered, strict=True):
            fields["vector"] = vectors.get(source.name, 0)
        return {"sources": sources, "seed": seed_words(self.seed), "ids": ids}

    def _fields(
        self, item: tuple[int, int, Source], ids: NDArray[np.uint32], places: dict[str, int]
    ) -> dict[str, Any]:
        plane, number, source = item
        fields = source.fields() | {
            "plane": plane,
            "number": number,
            "service": source.service.fields(),
        }
        if source.vcpus is not None:
            fields["members"] = np.isin(ids, list(source.vcpus)).astype(np.uint8)
        if isinstance(source, Calls):
            fields["callee"] = self._callee(source)
        if isinstance(source, Ipis):
            if len(ids) < 2 and source.to is None:
                # Nobody to send to; the chance of 0 keeps the target unread.
                fields |= {"chance": 0.0, "targets": np.zeros(1, np.uint32)}
            if source.to is not None:
                targets = np.flatnonzero(np.isin(ids, list(source.to)))
                fields["targets"] = targets.astype(np.uint32)
                if not len(targets):
                    fields |= {"chance": 0.0, "targets": np.zeros(1, np.uint32)}
            if source.after not in places:
                expected = "a source that is not recorded: a trace sends none"
                raise Mistake(f"source {source.name}.after", source.after, expected)
            fields["origin"] = places[source.after]
        return fields

    def _callee(self, source: Calls) -> int:
        if self.policy.call == Call.next:
            return 0
        if source.to is None:
            expected = "a plane: the policy's call names one"
            raise Mistake(f"source {source.name}.to", None, expected)
        return self._plane(source.to)

    def engine(self) -> dict[str, Any]:
        """Give the other arguments of `Engine`."""
        route = self.workload.route
        if route is None:
            route = "marker" if self.policy.call == Call.descend else "own"
        return {
            "costs": self.costs,
            "route": route,
            "forward_ns": self.workload.forward,
            "main": self.workload.main,
            "busy": [self._plane(target) for target in self.workload.busy],
            "slice_ns": self.slice_ns,
            "controller": self.controller,
        }


def alike(workload: Workload) -> bool:
    """Tell whether all vCPUs do the same, each on its own."""
    return all(
        isinstance(source, Source) and source.vcpus is None and not isinstance(source, Ipis)
        for source in workload.sources
    )


def groups(workload: Workload, ids: NDArray[np.uint32], size: int) -> list[NDArray[np.uint32]]:
    """Part vCPUs into those that talk to each other; those that do not, into groups of `size`."""
    talks = [s for s in workload.sources if isinstance(s, Ipis) and s.chance > 0]
    if not talks:
        return [ids[i : i + size] for i in range(0, len(ids), size)]
    leader = {int(vcpu): int(vcpu) for vcpu in ids}

    def find(vcpu: int) -> int:
        while leader[vcpu] != vcpu:
            leader[vcpu] = leader[leader[vcpu]]
            vcpu = leader[vcpu]
        return vcpu

    for source in talks:
        senders = leader if source.vcpus is None else set(source.vcpus) & set(leader)
        targets = leader if source.to is None else set(source.to) & set(leader)
        talkers = sorted({*senders, *targets}) if senders and targets else []
        for vcpu in talkers[1:]:
            leader[find(vcpu)] = find(talkers[0])
    heads = np.array([find(int(vcpu)) for vcpu in ids])
    found, counts = np.unique(heads, return_counts=True)
    talking = [ids[heads == head] for head in found[counts > 1]]
    alone = ids[np.isin(heads, found[counts == 1])]
    return [*talking, *(alone[i : i + size] for i in range(0, len(alone), size))]


def calm_ns(workload: Workload, vcpus: int, jobs: int) -> int:
    """Give a stretch of time in which some `jobs` jobs of each source with a rate come at most."""
    calm = float(MAX_NS)
    for source in workload.sources:
        if isinstance(source, Source) and source.peak_hz:
            # Many vCPUs do not all have their bursts at once.
            most_hz = max(source.rate_hz * vcpus, source.peak_hz * min(vcpus, 64))
            calm = min(calm, jobs * 1e9 / most_hz)
    return max(1, int(calm))
