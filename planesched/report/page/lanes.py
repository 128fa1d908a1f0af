"""What each vCPU did under each policy: what runs, why, and where that is not the first's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...figures.result import Result
from ...text import listed
from ..timeline import marks
from ..tracks import Mark
from .whys import Whys

__all__ = ["Lane", "Slice", "States", "lanes_of", "parted", "states_of", "window_of"]

_SHOWN = 28
"""At first a lane shows about so many slices."""


class Slice(NamedTuple):
    """What a vCPU did for a while: by their numbers a state, a cause and a why, or -1."""

    begin: int
    length: int
    state: int
    cause: int
    why: int


@dataclass
class Lane:
    """What a vCPU did under a policy; `apart` is when that is not what it did under the first."""

    place: int
    vcpu: int
    slices: list[Slice] = field(default_factory=list)
    instants: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)

    def packed(self) -> dict[str, Any]:
        """Return it as the script reads it: length, state, cause and why of each."""
        begin = self.slices[0][0] if self.slices else 0
        flat = [number for _, *rest in self.slices for number in rest]
        return {
            "policy": self.place, "vcpu": self.vcpu, "begin": begin, "slices": flat,
            "instants": self.instants, "apart": self.apart,
        }  # fmt: skip


@dataclass
class States:
    """The states and causes that lanes name by number."""

    names: list[str]
    kinds: list[str]
    causes: dict[tuple[str, int, int], int] = field(default_factory=dict)

    def cause(self, mark: Mark) -> int:
        """Return the number of a cause: its words, and the planes that were left and entered."""
        told = dict(mark.args)
        was, now = int(told.get("from", -1)), int(told["plane"])
        words = [f"from plane {was}"] if "from" in told else []
        words += [f"{name} {told[name]}" for name in ("reason", "event") if name in told]
        text = f"{mark.name}: plane {now}" if not mark.name.startswith("plane") else mark.name
        return self.causes.setdefault((listed([text, *words]), was, now), len(self.causes))

    def state(self, mark: Mark, levels: Mapping[int, str]) -> int:
        """Return the number of a state; a plane goes by its level."""
        name = {"switch": "switching", "exit": "switching"}.get(mark.name, mark.name)
        if mark.name.startswith("plane "):
            name = levels.get(int(mark.name.removeprefix("plane ")), mark.name)
        return self.names.index(name)


def states_of(results: Sequence[Result]) -> States:
    """Return the states that lanes of some results have: planes by level, then the others."""
    levels = sorted({level for result in results for level in result.levels})
    rest = {
        f"plane {plane}"
        for result in results
        for plane in range(result.planes)
        if plane not in result.levels.values()
    }
    planes = [*levels, *sorted(rest)]
    others = ["switching", "userspace", "blocked"]
    kinds = [f"p{number % 8}" for number in range(len(planes))]
    return States([*planes, *others], [*kinds, *others])


def lanes_of(
    place: int,
    result: Result,
    log: NDArray[np.void],
    vcpus: Sequence[int],
    states: States,
    whys: Whys,
    bounds: tuple[int, int],
) -> list[Lane]:
    """Return the lanes of a result, one a vCPU, within the bounds."""
    start_ns, end_ns = bounds
    found = {vcpu: Lane(place, vcpu) for vcpu in vcpus}
    levels = {plane: level for level, plane in result.levels.items()}
    switching = states.names.index("switching")
    for vcpu, begin, length, mark in marks(log, start_ns, end_ns):
        if length is None:
            found[vcpu].instants.append((begin, states.cause(mark)))
        else:
            lane, why = found[vcpu].slices, whys.number(result.label, vcpu, begin)
            if why is None and lane and lane[-1].state == switching:
                why = lane[-1].why  # what follows a switch is there for the same reason
            state = states.state(mark, levels)
            lane.append(Slice(begin, length, state, states.cause(mark), -1 if why is None else why))
    return list(found.values())


def parted(one: Sequence[Slice], other: Sequence[Slice]) -> list[tuple[int, int]]:
    """Return from when to when two lanes are in different states."""
    out: list[tuple[int, int]] = []
    bounds = sorted({begin for begin, *_ in (*one, *other)})
    ends = [begin + length for begin, length, *_ in (*one[-1:], *other[-1:])]
    mine, theirs = _states_at(one, bounds), _states_at(other, bounds)
    for (begin, end), a, b in zip(pairwise([*bounds, *ends[:1]]), mine, theirs, strict=True):
        if a == b or None in (a, b) or end == begin:
            continue
        if out and out[-1][1] == begin:
            begin = out.pop()[0]
        out.append((begin, end))
    return out


def _states_at(slices: Sequence[Slice], times: Sequence[int]) -> list[int | None]:
    """Return the state at each time, which come in order."""
    out: list[int | None] = []
    at = -1
    for time_ns in times:
        while at + 1 < len(slices) and slices[at + 1][0] <= time_ns:
            at += 1
        out.append(slices[at][2] if at >= 0 else None)
    return out


def window_of(lanes: Sequence[Lane], start_ns: int, end_ns: int) -> tuple[int, int]:
    """Return what is shown at first: where a policy first does otherwise, or the begin."""
    parted = min((lane.apart[0][0] for lane in lanes if lane.apart), default=start_ns)
    wide = end_ns - start_ns
    for lane in lanes:
        after = [begin for begin, length, *_ in lane.slices if begin > parted and length]
        if len(after) > _SHOWN:
            wide = min(wide, after[_SHOWN] - parted)
    begin = max(start_ns, parted - wide // 8)
    return begin, min(end_ns, begin + wide + wide // 8)
