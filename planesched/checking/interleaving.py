"""An interleaving of senders and a vCPU, as a table of two columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..checks import planes_of
from ..core import KICK_KINDS, KICK_SELF, KickState
from ..events import MASKS, Event
from ..policy import Policy
from ..reference import BLOCKED
from ..reference_kick import PHASES, PROPERTIES

__all__ = ["Interleaving", "Row", "interleaving"]

_LAYER = ("posted", "pnmi", "kick", "mute", "look", "seen")
_SENDING = ("test", "post", "kick")
_NAMES = {number: name for name, number in KICK_KINDS.items()}


@dataclass(frozen=True)
class Row:
    """One act: whose it is, in words, and how things stand after it."""

    sender: str
    vcpu: str
    phase: str
    runs: str
    layer: str
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Interleaving:
    """Acts in order.

    Attributes
    ----------
    start : str
        How things stand before the first.
    rows : tuple of Row
        The acts.
    acts : list of str
        The same as case files write them (``"post 0"``).
    """

    start: Row
    rows: tuple[Row, ...]
    acts: list[str]

    def __str__(self) -> str:
        head = Row("senders", "vCPU", "phase", "runs", "posted, flags")
        cells = [
            (row.sender, row.vcpu, row.phase, row.runs, row.layer)
            for row in (head, self.start, *self.rows)
        ]
        widths = [max(len(row[i]) for row in cells) for i in range(5)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in cells
        )


def interleaving(
    policy: Policy,
    planes: int,
    protocol: Sequence[int],
    sends: Sequence[tuple[int, int, int, int]],
    start: Any,
    acts: Sequence[tuple[int, int, int]],
    names: Sequence[str],
    repeat: bool,
) -> Interleaving:
    """Return the acts done from `start`, each with what it led to."""
    state = KickState(policy, planes, protocol, sends, start, repeat)
    rows, words = [], []
    first = _row(state, "", "")
    for kind, number, event in acts:
        name = _NAMES[kind]
        current = int(state.state["current"])
        broken = state.do(kind, number, event) or 0
        if name in _SENDING:
            words.append(f"{name} {number}")
            rows.append(_row(state, f"{name} {names[number]}", "", broken))
            continue
        if name == "guest":
            name = Event(event).name.lower()
            if event in (Event.CLI, Event.STI, Event.MASK, Event.UNMASK) or number == KICK_SELF:
                name += f" {current if number == KICK_SELF else number}"
            elif event == Event.CALL and policy.hands_over:
                name += f" {number}"
        words.append(name)
        rows.append(_row(state, "", name, broken))
    return Interleaving(first, tuple(rows), words)


def _row(state: KickState, sender: str, vcpu: str, broken: int = 0) -> Row:
    record = state.state
    status = {0: "", 1: ", in userspace", 2: ", blocked"}[int(record["status"])]
    shown = [*zip(_LAYER, state.masks, strict=True)]
    shown += [(mask, int(record[mask])) for mask in MASKS if mask in ("irq", "nmi", "halted")]
    layer = " ".join(
        f"{name}={','.join(map(str, planes_of(mask)))}" for name, mask in shown if mask
    )
    phase = PHASES[state.phase]
    masks = {name: planes_of(mask) for name, mask in zip(_LAYER, state.masks, strict=True) if mask}
    expect = {
        "phase": phase,
        "run": int(record["current"]),
        "blocked": bool(record["status"] & BLOCKED),
        **masks,
        "broken": [name for i, name in enumerate(PROPERTIES) if broken >> i & 1],
    }
    return Row(sender, vcpu, phase, f"{int(record['current'])}{status}", layer, expect)
