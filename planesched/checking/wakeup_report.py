"""What a search for lost wake-ups answers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..markup import preformatted
from ..policy import Policy
from ..protocol import Protocol
from ..text import fill, width
from .interleaving import Interleaving
from .sends import Sent

__all__ = ["KICK_PROPERTIES", "KickReport", "KickVerdict"]

KICK_PROPERTIES: Mapping[str, str] = {
    "lost_asleep": "no vCPU sleeps on something that a look would act on",
    "lost_running": "no guest runs on past something that a look would act on",
    "owed": "no entry and no sleep with a kick flag up",
    "loop": "the looker by itself always comes to rest",
    "twice": "no look is begun for a flag that an earlier one served",
}
"""The properties, each in a sentence (docs/reference/kick.md, 4)."""


@dataclass(frozen=True)
class KickVerdict:
    """What the search found of one property.

    Attributes
    ----------
    property : str
        Its name.
    holds : bool or None
        None: the search ended before it could tell.
    shortest : Interleaving or None
        A shortest way to where it is broken.
    for_good : bool
        Of what is lost: whether one more complete send does not help either.
    """

    property: str
    holds: bool | None
    shortest: Interleaving | None = None
    for_good: bool = False

    def __str__(self) -> str:
        if self.holds is None:
            return f"{self.property}: not known"
        if self.holds or self.shortest is None:
            return f"{self.property}: holds"
        healed = ""
        if self.property.startswith("lost"):
            healed = "; a further send " + ("does not heal it" if self.for_good else "heals it")
        acts = len(self.shortest.rows)
        lines = [f"{self.property}: broken ({acts} acts){healed}"]
        return "\n".join(lines + ["  " + line for line in str(self.shortest).splitlines()])


@dataclass(frozen=True)
class KickReport:
    """What was found of a policy under a protocol.

    Attributes
    ----------
    policy, planes, protocol, sends, repeat, events
        What was asked.
    verdicts : mapping of str to KickVerdict
        By property.
    states, transitions : int
        How much was searched.
    exhausted : bool
        Whether that is all that can happen.
    partial : bool
        Whether Ctrl-C ended the search.
    cures : mapping of str to tuple of str
        Where asked for: for each broken property, the single changes of a field
        (``"consume=before"``) under which it holds.
    """

    policy: Policy
    planes: int
    protocol: Protocol
    sends: tuple[Sent, ...]
    repeat: bool
    events: tuple[str, ...]
    verdicts: Mapping[str, KickVerdict]
    states: int
    transitions: int
    exhausted: bool
    partial: bool = False
    cures: Mapping[str, tuple[str, ...]] | None = None

    @property
    def broken(self) -> tuple[str, ...]:
        """The properties that are broken."""
        return tuple(name for name, verdict in self.verdicts.items() if verdict.holds is False)

    @property
    def status(self) -> int:
        """The exit status: 0 all hold, 1 one is broken, 2 the search could not tell."""
        if self.broken:
            return 1
        return 0 if all(verdict.holds for verdict in self.verdicts.values()) else 2

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        if self.broken:
            return f"broken: {', '.join(self.broken)} (of {len(self.verdicts)} properties)"
        unknown = [name for name, verdict in self.verdicts.items() if verdict.holds is None]
        if unknown:
            return f"not told: {', '.join(unknown)}; none is broken so far"
        return "everything that was asked holds in all states"

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def table(self) -> dict[str, list[Any]]:
        """Return one row a property, as columns."""
        each = self.verdicts.values()
        words = {True: "holds", False: "broken", None: "not told"}
        shortest = [verdict.shortest for verdict in each]
        return {
            "property": list(self.verdicts),
            "verdict": [words[verdict.holds] for verdict in each],
            "acts": [None if way is None else len(way.rows) for way in shortest],
            "way": [None if way is None else "; ".join(way.acts) for way in shortest],
        }

    def __str__(self) -> str:
        return self.shown(width())

    def shown(self, columns: int | None) -> str:
        """Return what `str` gives, at most `columns` wide; None: as wide as its tables are."""
        sends = ", ".join(map(str, self.sends))
        again = "again and again" if self.repeat else "once each"
        end = "Ctrl-C" if self.partial else "the bound"
        seen = "all states" if self.exhausted else f"not all: {end} came first"
        heads = [
            self.said,
            f"protocol: {self.protocol}",
            f"senders: {sends}, {again}; guests: {', '.join(self.events)}",
            f"searched: {self.states:,} states, {self.transitions:,} acts ({seen}); one vCPU,"
            " which is exact, as vCPUs share nothing but senders",
        ]
        lines = [line for head in heads for line in fill(head, columns, hang=2)]
        for name, verdict in self.verdicts.items():
            lines.append(str(verdict))
            if self.cures is not None and verdict.holds is False:
                found = ", ".join(self.cures.get(name, ())) or "no single field"
                lines.append(f"  cured by: {found}")
        return "\n".join(lines)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the case file that ``planesched conform`` runs: a case for each broken property."""
        from ..conformance import dump, nearest
        from ..conformance.case import Step
        from ..conformance.kick import KickCase

        preset, fields = nearest(self.policy, self.planes)
        cases = []
        for name in self.broken:
            found = self.verdicts[name].shortest
            assert found is not None, "what is broken has a shortest way there"
            rows = zip(found.acts, found.rows, strict=True)
            cases.append(
                KickCase(
                    id=name,
                    title=f"{name} is broken",
                    preset=preset,
                    policy=fields,
                    planes=self.planes,
                    protocol=self.protocol.changed(),
                    sends=[str(send) for send in self.sends],
                    steps=tuple(Step(act, row.expect) for act, row in rows),
                    source="planesched check",
                )
            )
        dump(cases, path)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON, the same at every run."""
        return {
            "schema": "planesched.wakeups/1",
            "policy": self.policy.as_dict(),
            "planes": self.planes,
            "protocol": self.protocol.changed(),
            "sends": [str(send) for send in self.sends],
            "repeat": self.repeat,
            "events": list(self.events),
            "states": self.states,
            "transitions": self.transitions,
            "exhausted": self.exhausted,
            "partial": self.partial,
            "verdicts": {
                name: {
                    "holds": verdict.holds,
                    "for_good": verdict.for_good,
                    "acts": verdict.shortest.acts if verdict.shortest else [],
                }
                for name, verdict in self.verdicts.items()
            },
            "cures": None if self.cures is None else {n: list(c) for n, c in self.cures.items()},
        }
