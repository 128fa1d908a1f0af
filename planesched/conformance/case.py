"""Scenario files: what they hold, and reading them (docs/conformance.md)."""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import reference
from ..events import MASKS, Fault, Flags, Reason, event_number, takes_plane
from ..policy import Policy, Scheduler, plane_count
from ..presets import presets

__all__ = ["Scenario", "Step", "load", "read_event"]

BASES = ("text", "code", "test", "model")
FLAGS = tuple(str(flag.name).lower() for flag in Flags)
REASONS = tuple(reason.name.lower() for reason in Reason)
FAULTS = ("", *(fault.name.lower() for fault in Fault if fault))
ANSWER = "answer"
"""A step in which userspace answers an exit as the default scheduler does (rules, 3.5)."""
_KEYS = (
    "id",
    "title",
    "preset",
    "policy",
    "planes",
    "online",
    "current",
    "steps",
    "basis",
    "source",
)


@dataclass(frozen=True)
class Step:
    """One event, as ``"irq 1"``, or ``"answer"``; and what is expected of it by key."""

    do: str = "resched"
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
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
    masks : mapping of str to sequence of int
        Masks of the start state that differ from that, each a list of planes.
    file : str
        Where it was read.

    Raises
    ------
    ValueError
        If a value is not what the format allows; the message names scenario, key and value.
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
    masks: Mapping[str, Sequence[int]] = field(default_factory=dict)
    file: str = ""

    def __post_init__(self) -> None:
        _check(self)

    def make_policy(self) -> Policy:
        """Give the policy that the scenario runs under."""
        return Policy.preset(self.preset, self.planes).replace(**self.policy)

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
        if values["halted"] >> values["current"] & 1:
            values["status"] = reference.BLOCKED
        return tuple(values.values())


def load(path: str | os.PathLike[str]) -> tuple[Scenario, ...]:
    """Read a scenario file.

    Raises
    ------
    ValueError
        If it is not TOML or not of the format; the message names file, scenario, key, value and
        what was expected.
    OSError
        If it cannot be read.
    """
    name = os.fspath(path)
    try:
        tables = tomllib.loads(Path(name).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: not TOML: {error}") from None
    _known(name, tables, ("scenario",))
    rows = tables.get("scenario")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{name}: scenario={rows!r}: expected [[scenario]] tables")
    found: dict[str, Scenario] = {}
    for number, row in enumerate(rows, 1):
        scenario = _scenario(name, number, row)
        if scenario.id in found:
            raise ValueError(f"{name}: id={scenario.id!r}: expected an id of its own")
        found[scenario.id] = scenario
    return tuple(found.values())


def read_event(policy: Policy, planes: int, do: str) -> tuple[int, int | None]:
    """Read ``"irq 1"``: the event's number, and its plane if it takes one."""
    name, *words = do.split() or [""]
    event = event_number(name)
    needed = int(takes_plane(event, call_takes_plane=policy.hands_over))
    numbers = [word for word in words if word.isdecimal() and int(word) < planes]
    if len(words) != needed or numbers != words:
        wanted = f"a plane in 0..{planes - 1} after it" if needed else "no plane after it"
        raise ValueError(f"expected {wanted}")
    return event, int(words[0]) if needed else None


def _is_plane(value: Any, planes: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < planes


def _want_planes(planes: int) -> tuple[str, Callable[[Any], bool]]:
    def holds(value: Any) -> bool:
        each = _is_list(value) and all(_is_plane(plane, planes) for plane in value)
        return each and list(value) == sorted(set(value))

    return f"a rising list of planes in 0..{planes - 1}", holds


def _want_one(names: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    return f"one of {', '.join(name or repr('') for name in names)}", lambda value: value in names


def _want_some(names: Sequence[str]) -> tuple[str, Callable[[Any], bool]]:
    def holds(value: Any) -> bool:
        return _is_list(value) and all(name in names for name in value)

    return f"a list of {', '.join(names)}", holds


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _require(place: str, key: str, value: Any, want: tuple[str, Callable[[Any], bool]]) -> None:
    expected, holds = want
    if not holds(value):
        raise ValueError(f"{place}: {key}={value!r}: expected {expected}")


def _known(place: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in table:
        if key not in keys:
            raise ValueError(f"{place}: {key}={table[key]!r}: expected one of {', '.join(keys)}")


def _check(scenario: Scenario) -> None:
    """Raise ValueError unless every value is what the format allows."""
    place = f"{scenario.file}: scenario {scenario.id!r}" if scenario.file else scenario.id
    planes = scenario.planes
    text = ("a str", lambda value: isinstance(value, str))
    for key in ("id", "title", "source"):
        _require(place, key, getattr(scenario, key), text)
    _require(place, "basis", scenario.basis, _want_one(BASES))
    _require(place, "preset", scenario.preset, _want_one(tuple(presets())))
    try:
        plane_count(planes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None
    for key, value in (("online", scenario.online), *scenario.masks.items()):
        if value is not None:
            _require(place, key, value, _want_planes(planes))
    _known(place, scenario.masks, MASKS)
    policy = _policy(place, scenario)
    online = range(planes) if scenario.online is None else scenario.online
    if policy.boot not in online:
        raise ValueError(f"{place}: online={online!r}: expected the boot plane {policy.boot} in it")
    if scenario.current is not None and (
        isinstance(scenario.current, bool) or scenario.current not in online
    ):
        raise ValueError(f"{place}: current={scenario.current!r}: expected a plane that is online")
    if not scenario.steps:
        raise ValueError(f"{place}: steps={scenario.steps!r}: expected at least one step")
    for number, step in enumerate(scenario.steps, 1):
        _check_step(f"{place}: step {number}", policy, planes, step)


def _policy(place: str, scenario: Scenario) -> Policy:
    if not isinstance(scenario.policy, Mapping):
        raise ValueError(f"{place}: policy={scenario.policy!r}: expected a table of fields")
    try:
        policy = scenario.make_policy()
        policy.check_planes(scenario.planes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: policy: {error}") from None
    return policy


def _check_step(place: str, policy: Policy, planes: int, step: Step) -> None:
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
    }
    _require(place, "do", step.do, ("a str", lambda value: isinstance(value, str)))
    try:
        if step.do != ANSWER:
            read_event(policy, planes, step.do)
    except ValueError as error:
        raise ValueError(f"{place}: do={step.do!r}: {error}") from None
    _known(place, step.expect, ("do", *wanted))
    for key, value in step.expect.items():
        _require(place, key, value, wanted[key])


def _scenario(file: str, number: int, row: Mapping[str, Any]) -> Scenario:
    """Make a scenario of its table."""
    place = f"{file}: scenario {row.get('id', number)!r}"
    _known(place, row, (*_KEYS, *MASKS))
    for key in ("id", "preset", "planes", "steps"):
        if key not in row:
            raise ValueError(f"{place}: no {key}: expected one")
    steps = row["steps"]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise ValueError(f"{place}: steps={steps!r}: expected a list of tables")
    fields = {key: row[key] for key in _KEYS if key in row and key != "steps"}
    return Scenario(
        **fields,
        steps=tuple(_step(step) for step in steps),
        masks={key: row[key] for key in MASKS if key in row and key != "online"},
        file=file,
    )


def _step(table: Mapping[str, Any]) -> Step:
    expect = {key: value for key, value in table.items() if key != "do"}
    return Step(table.get("do", Step.do), expect)
