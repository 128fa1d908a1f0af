"""Case files: what they hold, and reading them (docs/reference/case-files.md)."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import reference
from ..checks import one_of, plane_count
from ..errors import Mistake, TypeMistake, Words, unknown
from ..events import MASKS, Fault, Flags, Reason
from ..files import Toml
from ..irqchip import Controller
from ..policy import Policy, Scheduler
from ..presets import presets
from .chips import chip_wants, read_chip_event, read_controller
from .events import read_event

__all__ = ["Case", "Step", "load"]

BASES = ("text", "code", "test", "model")
FLAGS = tuple(str(flag.name).lower() for flag in Flags)
REASONS = tuple(reason.name.lower() for reason in Reason)
FAULTS = ("", *(fault.name.lower() for fault in Fault if fault))
ANSWER = "answer"
"""A step in which userspace answers an exit as the default scheduler does (rules, 3.5)."""
HEAD = ("id", "title", "preset", "policy", "planes", "online", "current", "controller")
"""The keys that stand before the masks and the steps, in order."""
_KEYS = (*HEAD, "steps", "basis", "source")


@dataclass(frozen=True)
class Step:
    """One event, as ``"irq 1"``, or ``"answer"``; and what is expected of it by key."""

    do: str = "resched"
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A start state and the steps from there, each with what is expected.

    Parameters
    ----------
    id, title, basis, source : str
        Its name, what it shows, whether a specification's ``text``, shipped ``code``, an existing
        ``test`` or this ``model`` decides it, and where that stands.
    preset : str
        The policy, with `policy` for the fields that differ.
    planes : int
        How many planes the VM has, 1..16.
    steps : sequence of Step
        What happens.
    online : sequence of int, optional
        The planes that exist; all, unless given.
    current : int, optional
        The plane that runs instead of the boot plane, alone runnable.
    controller : str or mapping, optional
        How interrupt controllers are set up, if planes have them: ``"lapic"``, or the fields of a
        `Controller` that differ. Steps name vectors then.
    masks : mapping of str to sequence of int
        Masks of the start state that differ from that, each a list of planes.
    file : str
        Where it was read.

    Raises
    ------
    Mistake
        If a value is not what the format allows.
    """

    id: str
    preset: str
    planes: int
    steps: Sequence[Step]
    title: str = ""
    basis: str = "model"
    source: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)
    online: Sequence[int] | None = None
    current: int | None = None
    controller: str | Mapping[str, Any] | None = None
    masks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    file: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def make_policy(self) -> Policy:
        """Return the policy that the case runs under."""
        return Policy.preset(self.preset, self.planes).replace(**self.policy)

    def make_controller(self) -> Controller | None:
        """Return how its controllers are set up; None where planes have none."""
        return read_controller(self.controller)

    def read(self, do: str) -> tuple[int, int | None, int | None]:
        """Read what a step does: the event, its plane and its argument, if it takes them."""
        if self.controller is not None:
            return read_chip_event(self.make_policy(), self.planes, do)
        return *read_event(self.make_policy(), self.planes, do), None

    def start(self) -> reference.Values:
        """Give the start state as plain values."""
        policy = self.make_policy()
        state = reference.boot_state(policy, self.planes, self.online)
        values = dict(zip((*MASKS, "current", "status"), state, strict=True))
        if self.current is not None:
            values["current"], values["runnable"] = self.current, 1 << self.current
            if policy.scheduler == Scheduler.user:
                asked = reference.prepare(policy, state, self.current)
                values["req_exit"] = asked[MASKS.index("req_exit")]
        for name, planes in self.masks.items():
            values[name] = sum(1 << plane for plane in planes)
        if (values["halted"] | values["unstarted"]) >> values["current"] & 1:
            values["status"] = reference.BLOCKED
        return tuple(values.values())


def load(path: str | os.PathLike[str]) -> tuple[Case, ...]:
    """Return the cases of a file: tables ``[[case]]``, or ``[[scenario]]``.

    Raises
    ------
    InputError
        If it is not TOML or not of the format: file, line, case, what stands there, and what was
        expected.
    OSError
        If it cannot be read.
    """
    file = Toml(path, arrays=("case", "scenario"))
    file.check_kind("case")
    # The key that the format had first, and that shared files still have.
    table = "scenario" if "scenario" in file.table else "case"
    file.known(file.table, (table,))
    rows = file.subtables(table)
    if not rows:
        raise file.error("no case", "tables [[case]]")
    from .kick import kick_case

    found: dict[str, Case] = {}
    for index, row in enumerate(rows):
        try:
            case = kick_case(file.path, row) if "sends" in row else _case(file.path, row)
            if case.id in found:
                raise Mistake("id", case.id, "an id of its own")
        except Mistake as mistake:
            key = re.split(r"[.\[]", mistake.name, maxsplit=1)[0]
            told = f"{mistake.what} in case {row.get('id', index + 1)!r}"
            raise file.error(told, mistake.expected, key, table, index) from None
        found[case.id] = case
    return tuple(found.values())


def _is_plane(value: Any, planes: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < planes


def _want_planes(planes: int) -> tuple[str, Callable[[Any], bool]]:
    def holds(value: Any) -> bool:
        each = _is_list(value) and all(_is_plane(plane, planes) for plane in value)
        return each and list(value) == sorted(set(value))

    return f"a rising list of planes in 0..{planes - 1}", holds


def _want_some(names: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    def holds(value: Any) -> bool:
        return _is_list(value) and all(name in names for name in value)

    return f"a list of {', '.join(names)}", holds


def _want_one(names: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(name or repr('') for name in names)}", lambda value: value in names


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _require(name: str, value: Any, want: tuple[str, Callable[[Any], bool]]) -> None:
    expected, holds = want
    if not holds(value):
        raise Mistake(name, value, expected)


def _known(within: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise Mistake(within + key, table[key], unknown("", key, keys).expected)


def _check(case: Case) -> None:
    """Raise Mistake unless every value is what the format allows."""
    text = ("a str", lambda value: isinstance(value, str))
    for key in ("id", "title", "source"):
        _require(key, getattr(case, key), text)
    _require("basis", case.basis, _want_one(BASES))
    one_of("preset", case.preset, presets())
    planes = plane_count(case.planes)
    for key, value in (("online", case.online), *case.masks.items()):
        if value is not None:
            _require(key, value, _want_planes(planes))
    _known("", case.masks, MASKS)
    policy = _policy(case)
    online = range(planes) if case.online is None else case.online
    if policy.boot not in online:
        raise Mistake("online", case.online, f"the boot plane {policy.boot} in it")
    if case.current is not None and (isinstance(case.current, bool) or case.current not in online):
        raise Mistake("current", case.current, "a plane that is online")
    if case.make_controller() is not None:
        for key in ("irq", "masked"):
            if key in case.masks:
                raise Mistake(key, case.masks[key], "none: the controllers give it")
    if not case.steps:
        raise Mistake("steps", case.steps, "at least one step")
    for number, step in enumerate(case.steps, 1):
        _check_step(f"steps[{number}].", case, step)


def _policy(case: Case) -> Policy:
    if not isinstance(case.policy, Mapping):
        raise TypeMistake("policy", case.policy, "a table of fields")
    try:
        policy = case.make_policy()
        policy.check_planes(case.planes)
    except Mistake as mistake:
        raise mistake.within("policy") from None
    return policy


def _check_step(place: str, case: Case, step: Step) -> None:
    planes = case.planes
    truth = ("true or false", lambda value: isinstance(value, bool))
    wanted: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "run": (f"a plane in 0..{planes - 1}", lambda value: _is_plane(value, planes)),
        "reason": _want_one(REASONS),
        "fault": _want_one(FAULTS),
        "blocked": truth,
        "user": truth,
        "flags": _want_some(FLAGS),
        "not_flags": _want_some(FLAGS),
        **dict.fromkeys(MASKS, _want_planes(planes)),
        **({} if case.controller is None else chip_wants(planes)),
    }
    _require(f"{place}do", step.do, ("a str", lambda value: isinstance(value, str)))
    try:
        if step.do != ANSWER:
            case.read(step.do)
    except Mistake as mistake:
        raise Mistake(f"{place}do", step.do, mistake.expected) from None
    _known(place, step.expect, ("do", *wanted))
    for key, value in step.expect.items():
        _require(f"{place}{key}", value, wanted[key])


def _case(file: str, row: Mapping[str, Any]) -> Case:
    """Make a case of its table."""
    _known("", row, (*_KEYS, *MASKS))
    for key in ("id", "preset", "planes", "steps"):
        if key not in row:
            raise Mistake("", Words(f"no {key}"), f"a line {key} = ...")
    steps = row["steps"]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise TypeMistake("steps", steps, "a list of tables")
    fields = {key: row[key] for key in _KEYS if key in row and key != "steps"}
    return Case(
        **fields,
        steps=tuple(_step(step) for step in steps),
        masks={key: row[key] for key in MASKS if key in row and key != "online"},
        file=file,
    )


def _step(table: Mapping[str, Any]) -> Step:
    expect = {key: value for key, value in table.items() if key != "do"}
    return Step(table.get("do", Step.do), expect)
