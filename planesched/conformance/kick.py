"""Cases of posting, kick and look: the same files, with a protocol, sends and acts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .. import reference_kick as slow
from ..checks import one_of, planes_of, several
from ..core import KICK_KINDS, MAX_SENDS, KickState
from ..errors import Mistake, TypeMistake, Words
from ..events import MASKS, Event, event_number, takes_plane
from ..layouts import STATE
from ..policy import Policy
from ..protocol import PROTOCOL_FIELDS, Protocol, protocol_numbers, send_numbers
from ..reference import BLOCKED, USER
from ..reference_kick import PHASES, PROPERTIES
from .case import Case, Step

__all__ = ["KICK_KEYS", "KickCase", "kick_case", "kick_models"]

KICK_KEYS = ("protocol", "sends", "phase", "blocked")
"""What a case of this kind says beside the others' keys; ``sends`` makes it one."""

LAYER = ("posted", "pnmi", "kick", "mute", "look", "seen")
_SENDING = ("test", "post", "kick")
_ALONE = ("look", "take", "end", "check", "enter", "sleep", "answer", "poll", "restore")


@dataclass(frozen=True)
class KickCase(Case):
    """A start, a protocol, senders, and acts with what is so after each.

    Parameters
    ----------
    protocol : mapping
        The fields that are not at their first value.
    sends : sequence of str
        ``"irq 1"`` each, numbered from 0.
    phase : str, optional
        Where the looker stands; as the rules say, unless given.
    blocked : bool, optional
        Whether the vCPU is blocked at the start: to be read, as the masks say it too.
    """

    protocol: Mapping[str, Any] = field(default_factory=dict)
    sends: Sequence[str] = ()
    phase: str | None = None
    blocked: bool | None = None

    def __post_init__(self) -> None:
        Case(**{f.name: getattr(self, f.name) for f in fields(Case)} | {"steps": [Step()]})
        if not isinstance(self.protocol, Mapping):
            raise TypeMistake("protocol", self.protocol, "a table of fields")
        for name in self.protocol:
            one_of("protocol", name, PROTOCOL_FIELDS)
        if len(several("sends", self.sends, "a list of sends, as ['irq 1']")) > MAX_SENDS:
            raise Mistake("sends", self.sends, f"at most {MAX_SENDS} of them")
        self.make_protocol()
        self.make_sends()
        if self.phase is not None:
            one_of("phase", self.phase, PHASES)
        if not self.steps:
            raise Mistake("steps", self.steps, "at least one step")
        for number, step in enumerate(self.steps, 1):
            _check_step(f"steps[{number}].", self, step)

    def make_protocol(self) -> Protocol:
        """Return the protocol."""
        return Protocol(**self.protocol)

    def make_sends(self) -> list[slow.Send]:
        """Return the sends."""
        return [_send(words, self.planes) for words in self.sends]


def kick_case(file: str, row: Mapping[str, Any]) -> KickCase:
    """Return the case of a table of a file."""
    known = {f.name for f in fields(KickCase)} - {"masks", "file", "steps"}
    rest = {key: value for key, value in row.items() if key not in known and key != "steps"}
    for key, value in rest.items():
        if key not in MASKS:
            raise Mistake(key, value, f"one of {', '.join(sorted(known | set(MASKS)))}")
    for key in ("id", "preset", "planes", "steps"):
        if key not in row:
            raise Mistake(key, Words("missing"), "one")
    if not isinstance(row["steps"], list) or not all(isinstance(s, dict) for s in row["steps"]):
        raise Mistake("steps", row["steps"], "a list of tables")
    steps = [
        Step(step.get("do", ""), {k: v for k, v in step.items() if k != "do"})
        for step in row["steps"]
    ]
    said = {key: value for key, value in row.items() if key in known}
    return KickCase(**said, steps=tuple(steps), masks=rest, file=file)


def _send(words: str, planes: int) -> slow.Send:
    kind, plane, *more = [*str(words).split(), "", ""][: max(2, len(str(words).split()))]
    if kind not in ("irq", "nmi") or not plane.isdecimal() or int(plane) >= planes:
        raise Mistake("sends", words, f"irq or nmi and a plane in 0..{planes - 1}, as 'irq 1'")
    return slow.Send(kind, int(plane), "unkicked" not in more, "only" not in more)


def _check_step(place: str, case: KickCase, step: Step) -> None:
    known = {"run", "blocked", "user", "phase", "enabled", "broken", *LAYER, *MASKS}
    for key, value in step.expect.items():
        if key not in known:
            raise Mistake(place + key, value, f"one of {', '.join(sorted(known))}")
    broken = step.expect.get("broken", ())
    for name in several(f"{place}broken", broken, "a list of properties"):
        one_of(f"{place}broken", name, PROPERTIES)
    if not isinstance(step.do, str):
        raise TypeMistake(f"{place}do", step.do, "a str")
    try:
        read_act(case.make_policy(), case.planes, len(case.sends), step.do)
    except Mistake as mistake:
        raise Mistake(f"{place}do", step.do, mistake.expected) from None


def read_act(policy: Policy, planes: int, n_sends: int, do: str) -> tuple[str, int, int]:
    """Read ``"post 0"``, ``"look"`` or a guest's event: its kind, number and event."""
    name, *words = do.split() or [""]
    if name in _ALONE and not words:
        return name, -1, -1
    if name in _SENDING:
        if len(words) != 1 or not words[0].isdecimal() or int(words[0]) >= n_sends:
            raise Mistake("do", do, f"one of the {n_sends} sends after it, from 0")
        return name, int(words[0]), -1
    event = event_number(name)
    needed = int(takes_plane(event, call_takes_plane=policy.hands_over))
    if len(words) != needed or any(not w.isdecimal() or int(w) >= planes for w in words):
        raise Mistake("do", do, f"{'a plane' if needed else 'nothing'} after it")
    return "guest", int(words[0]) if needed else -1, event


# ---- Both models, as one thing: do an act, and look ----


class _Slow:
    def __init__(self, case: KickCase) -> None:
        self.k = slow.start(
            case.make_policy(), case.start(), case.make_sends(), case.make_protocol(), case.phase
        )

    def do(self, name: str, number: int, event: int) -> set[str] | None:
        events = [(Event(event), number)] if name == "guest" else []
        for act, after in slow.possible(self.k, events):
            if act.name == name and (name == "guest" or act.number == number):
                broken = slow.broken_by(self.k, act, after) | slow.broken_in(after)
                self.k = after
                return broken
        return None

    def look(self) -> dict[str, Any]:
        found: dict[str, Any] = dict(zip((*MASKS, "current", "status"), self.k.state, strict=True))
        return found | {"phase": self.k.layer.phase} | {n: getattr(self.k.layer, n) for n in LAYER}


class _Core:
    def __init__(self, case: KickCase) -> None:
        self.kinds = KICK_KINDS
        record = np.zeros((), STATE)
        for name, value in zip((*MASKS, "current", "status"), case.start(), strict=True):
            record[name] = value
        sends = [
            send_numbers(send.kind, send.plane, kicked=send.kicked, posted=send.posted)
            for send in case.make_sends()
        ]
        numbers = protocol_numbers(case.make_protocol())
        self.state = KickState(case.make_policy(), case.planes, numbers, sends, record)
        if case.phase is not None:
            self.state.phase = PHASES.index(case.phase)

    def do(self, name: str, number: int, event: int) -> set[str] | None:
        bits = self.state.do(self.kinds[name], max(number, 0), max(event, 0))
        if bits is None:
            return None
        return {name for i, name in enumerate(PROPERTIES) if bits >> i & 1}

    def look(self) -> dict[str, Any]:
        record = self.state.state
        found: dict[str, Any] = {n: int(record[n]) for n in (*MASKS, "current", "status")}
        masks = zip(LAYER, self.state.masks, strict=True)
        return found | {"phase": self.state.phase} | dict(masks)


def kick_models(case: KickCase, model: str) -> Callable[[], Any]:
    """Yield, through the returned generator, what differs: (step, key, expected, found)."""

    def differing() -> Any:
        vcpu: Any = _Slow(case) if model == "reference" else _Core(case)
        policy = case.make_policy()
        for number, step in enumerate(case.steps, 1):
            act = read_act(policy, case.planes, len(case.sends), step.do)
            broken = vcpu.do(*act)
            enabled = step.expect.get("enabled", True)
            if enabled != (broken is not None):
                yield number, "enabled", enabled, broken is not None
                return
            if broken is None:
                continue
            for key, expected, found in _compared(step, vcpu.look(), broken):
                if expected != found:
                    yield number, key, expected, found

    return differing


def _compared(step: Step, at: Mapping[str, Any], broken: set[str]) -> list[tuple[str, Any, Any]]:
    """Pair what is expected with what is so; of the layer what is not named is empty."""
    expect = step.expect
    rows: list[tuple[str, Any, Any]] = [
        (name, list(expect.get(name, [])), planes_of(at[name])) for name in LAYER
    ]
    rows += [(name, list(expect[name]), planes_of(at[name])) for name in MASKS if name in expect]
    rows.append(("broken", sorted(expect.get("broken", [])), sorted(broken)))
    shown = {
        "phase": PHASES[at["phase"]],
        "run": at["current"],
        "blocked": bool(at["status"] & BLOCKED),
        "user": bool(at["status"] & USER),
    }
    return rows + [(key, expect[key], found) for key, found in shown.items() if key in expect]
