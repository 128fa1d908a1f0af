"""Ask whether a wake-up can be lost between posting, kick and look: `check_wakeups`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..core import KICK_SELF, VM
from ..errors import Mistake, unknown
from ..events import Event, takes_plane
from ..layouts import STATE
from ..policy import Policy
from ..policytext import Given
from ..protocol import PROTOCOL_FIELDS, Protocol, protocol_numbers
from ..protocols import as_protocol
from .alphabet import Item, parse_events
from .interleaving import interleaving
from .search import KickSearch
from .sends import Sent, parse_sends
from .threads import Watched
from .wakeup_report import KICK_PROPERTIES, KickReport, KickVerdict

__all__ = ["KICK_EVENTS", "KICK_PROPERTIES", "KickReport", "KickVerdict", "check_wakeups"]

KICK_EVENTS = ("halt", "call", "return", "cli", "sti")
"""What guests do where nothing else is said."""

_ROOM = 10_000_000
_BATCH = 100_000
_SELF = (Event.CLI, Event.STI, Event.MASK, Event.UNMASK)
_SELF_TOO = (Event.VINA_ON, Event.VINA_OFF, Event.VINA_CLEAR)


def check_wakeups(
    policy: Given,
    planes: int = 2,
    *,
    protocol: Protocol | str = "correct",
    sends: str | Iterable[str | Sent],
    senders: str = "repeat",
    events: str | Iterable[str] = KICK_EVENTS,
    properties: Iterable[str] | None = None,
    start: NDArray[np.void] | None = None,
    max_states: int = _ROOM,
    cure: bool = False,
    progress: Watched = None,
) -> KickReport:
    """Search every interleaving of senders, a vCPU's thread and its guests for lost wake-ups.

    Parameters
    ----------
    policy : Policy or str
        How the planes are scheduled.
    planes : int
        How many planes there are.
    protocol : Protocol or str
        A protocol, the name of one, or ``"field=value,..."``.
    sends : str or sequence
        One sender each: ``"irq 1, irq 0"``.
    senders : {"repeat", "once"}
        Whether each sends again and again.
    events : str or sequence of str
        What guests may do, by name.
    properties : sequence of str, optional
        Of KICK_PROPERTIES; all by default.
    start : ndarray, shape (), dtype STATE, optional
        Where the vCPU begins; at boot by default.
    max_states : int
        The search ends at about so many.
    cure : bool
        Whether to look which single field's change heals each broken property.
    progress : callable, optional
        Called with the part of `max_states` that is used, 0..1, and the states so far.

    Returns
    -------
    KickReport
        ``str()`` of it is what the command prints. Also after Ctrl-C, with what was found until
        then, marked ``partial``.

    Raises
    ------
    Mistake
        If a name is not known or a number out of range.

    Examples
    --------
    >>> report = check_wakeups("vsm", protocol="recheck_entry=no", sends="irq 1")
    >>> report.broken
    ('lost_running', 'owed')
    """
    vm = VM(policy, planes=planes, vcpus=1)
    ask = _Question(
        policy=vm.policy,
        planes=planes,
        protocol=as_protocol(protocol),
        sends=parse_sends(sends),
        repeat=_repeats(senders),
        items=parse_events(events),
        names=_chosen(properties),
        start=np.array(vm.state[0], dtype=STATE) if start is None else start,
        max_states=max_states,
    )
    ask.check_planes()
    report = ask.answer(progress)
    if not cure or not report.broken:
        return report if not cure else replace(report, cures={})
    return replace(report, cures=_cures(ask, report.broken))


def _repeats(senders: str) -> bool:
    if senders not in ("repeat", "once"):
        raise Mistake("senders", senders, "repeat or once")
    return senders == "repeat"


def _chosen(properties: Iterable[str] | None) -> tuple[str, ...]:
    names = tuple(KICK_PROPERTIES if properties is None else properties)
    for name in names:
        if name not in KICK_PROPERTIES:
            raise unknown("properties", name, KICK_PROPERTIES)
    return names


@dataclass(frozen=True)
class _Question:
    policy: Policy
    planes: int
    protocol: Protocol
    sends: tuple[Sent, ...]
    repeat: bool
    items: Sequence[Item]
    names: tuple[str, ...]
    start: NDArray[np.void]
    max_states: int

    def check_planes(self) -> None:
        """Raise Mistake if a plane is named that there is not."""
        for send in self.sends:
            if send.plane >= self.planes:
                raise Mistake("sends", str(send), f"a plane below planes={self.planes}")
        looker = self.protocol.looker
        if looker != "host" and int(looker) >= self.planes:
            raise Mistake("protocol.looker", looker, f"a plane below planes={self.planes}")

    def answer(self, progress: Watched = None) -> KickReport:
        """Search."""
        order = tuple(KICK_PROPERTIES)
        wanted = sum(1 << order.index(name) for name in self.names)
        search = KickSearch(
            self.policy,
            self.planes,
            protocol_numbers(self.protocol),
            [send.numbers for send in self.sends],
            _guest_events(self.items, self.policy, self.planes),
            self.repeat,
            wanted,
        )
        search.add_root(self.start)
        partial = False
        try:
            while search.expand(_BATCH, self.max_states, True):
                if progress is not None:
                    progress(min(1.0, search.states / self.max_states), search.states)
        except KeyboardInterrupt:
            partial = True
        verdicts = {name: self._verdict(search, name, order.index(name)) for name in self.names}
        return KickReport(
            self.policy,
            self.planes,
            self.protocol,
            self.sends,
            self.repeat,
            tuple(map(str, self.items)),
            verdicts,
            search.states,
            search.transitions,
            search.exhausted,
            partial,
        )

    def _verdict(self, search: KickSearch, name: str, number: int) -> KickVerdict:
        found = search.found(number)
        if found is None:
            return KickVerdict(name, True if search.exhausted else None)
        state, act, for_good = found
        _, acts = search.path(state)
        way = interleaving(
            self.policy,
            self.planes,
            protocol_numbers(self.protocol),
            [send.numbers for send in self.sends],
            self.start,
            [*acts, *([act] if act else [])],
            [str(send) for send in self.sends],
            self.repeat,
        )
        return KickVerdict(name, False, way, for_good)


def _guest_events(items: Sequence[Item], policy: Policy, planes: int) -> list[tuple[int, int]]:
    found = []
    for item in items:
        event = Event["HALT" if item.name == "safe_halt" else item.name.upper()]
        if event in _SELF or event in _SELF_TOO:
            named = [KICK_SELF if item.plane is None else item.plane]
        elif takes_plane(event, call_takes_plane=policy.hands_over):
            named = list(range(planes)) if item.plane is None else [item.plane]
        else:
            named = [0]
        found += [(int(event), plane) for plane in named]
    return found


def _cures(ask: _Question, broken: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Try every other value of each field alone."""
    found: dict[str, list[str]] = {name: [] for name in broken}
    for field in PROTOCOL_FIELDS.values():
        for value in field.values:
            if value == getattr(ask.protocol, field.name):
                continue
            changed = replace(ask.protocol, **{field.name: value})
            report = replace(ask, protocol=changed, names=tuple(broken)).answer()
            for name in broken:
                if report.verdicts[name].holds:
                    found[name].append(f"{field.name}={value}")
    return {name: tuple(values) for name, values in found.items()}
