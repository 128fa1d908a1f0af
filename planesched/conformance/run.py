"""Case files: worked cases that a model of the rules either agrees with or not.

The format, and how to add a case, is described in docs/reference/case-files.md.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import reference
from ..checks import planes_of
from ..errors import unknown
from ..events import MASKS, Flags, Notes, Reason, set_names
from ..files import replacing
from ..layouts import STATE
from ..markup import preformatted
from ..policy import Policy
from ..presets import presets
from ..reference_irqchip import ReferenceChip
from ..text import counted
from .case import ANSWER, FAULTS, HEAD, Case, Step, load
from .chips import CHIP_KEYS, found_in_chips
from .kick import KICK_KEYS, KickCase, kick_models

__all__ = [
    "Case",
    "Difference",
    "Report",
    "Step",
    "answer",
    "as_toml",
    "conform",
    "dump",
    "load",
    "nearest",
    "run",
]

Model = Literal["core", "reference"]


@dataclass(frozen=True)
class Difference:
    """One expectation that a model does not meet; `step` counts from 1."""

    case: Case
    step: int
    key: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        place = f"{self.case.file}: " if self.case.file else ""
        do = self.case.steps[self.step - 1].do
        return (
            f"{place}{self.case.id}: step {self.step} ({do}): {self.key}: "
            f"expected {_value(self.expected)}, found {_value(self.found)}"
        )


@dataclass(frozen=True)
class Report:
    """What `conform` found; its `str` is the text that the command prints."""

    model: Model
    n_cases: int
    n_steps: int
    differences: tuple[Difference, ...]

    @property
    def status(self) -> int:
        """The exit status: 0 if the model agrees with every case, else 1."""
        return int(bool(self.differences))

    def _repr_html_(self) -> str:
        return preformatted(str(self))

    def __str__(self) -> str:
        failed = len({(d.case.file, d.case.id) for d in self.differences})
        verdict = f"{failed} differ{'s' * (failed == 1)}" if failed else "all agree"
        counts = f"{counted(self.n_cases, 'case')}, {counted(self.n_steps, 'step')}"
        lines = [str(difference) for difference in self.differences]
        return "\n".join([*lines, f"{self.model}: {counts}: {verdict}"])


def run(case: Case, model: Model = "core") -> list[Difference]:
    """Run one case; give what differs, in order.

    Raises
    ------
    ValueError
        If `model` is neither ``"core"`` nor ``"reference"``.
    """
    if isinstance(case, KickCase):
        return [Difference(case, *found) for found in kick_models(case, model)()]
    vcpu, state = _vcpu(case, model)
    differences = []
    for number, step in enumerate(case.steps, 1):
        if step.do == ANSWER:
            outcome = answer(vcpu)
        else:
            event, plane, argument = case.read(step.do)
            given = () if argument is None else (argument,)
            outcome = vcpu.step(event, plane, *given)
        for key, expected in step.expect.items():
            if key in CHIP_KEYS:
                found = found_in_chips(key, [vcpu.chip(plane) for plane in range(case.planes)])
            else:
                found = _found(key, expected, outcome, state())
            if found != expected:
                differences.append(Difference(case, number, key, expected, found))
    return differences


def conform(paths: Iterable[str | os.PathLike[str]], model: Model = "core") -> Report:
    """Run every case of some files and report what differs.

    Raises
    ------
    ValueError, OSError
        As `load` and `run`.
    """
    cases = [case for path in paths for case in load(path)]
    n_steps = sum(len(case.steps) for case in cases)
    found = tuple(d for case in cases for d in run(case, model))
    return Report(model, len(cases), n_steps, found)


def dump(cases: Iterable[Case], path: str | os.PathLike[str]) -> None:
    """Write a case file that `load` reads; it is written beside `path` and then renamed."""
    with replacing(path) as file:
        file.write("\n".join(as_toml(case) for case in cases))


def nearest(policy: Policy, planes: int) -> tuple[str, dict[str, Any]]:
    """Give the preset that differs least from `policy`, and the fields that differ.

    They are the ``preset`` and ``policy`` of a case that runs under it.
    """
    wanted = policy.as_dict()
    best: tuple[str, dict[str, Any]] | None = None
    for name in presets():
        known = Policy.preset(name, planes).as_dict()
        changed = {key: value for key, value in wanted.items() if value != known[key]}
        # TOML has no word for "none", so a preset with a marker cannot lose it.
        if changed.get("marker", 0) is not None and (best is None or len(changed) < len(best[1])):
            best = name, changed
    assert best is not None, "there is a preset without a marker"
    return best


def _vcpu(case: Case, model: Model) -> tuple[Any, Callable[[], Any]]:
    """Give a vCPU of the model in the start state, and a way to read its state."""
    policy, planes = case.make_policy(), case.planes
    record = np.zeros((), STATE)
    for name, value in zip((*MASKS, "current", "status"), case.start(), strict=True):
        record[name] = value
    controller = case.make_controller()
    if model == "reference" and controller is not None:
        chips = ReferenceChip(policy, planes, controller, case.online)
        chips.vcpu.state = record
        return chips, lambda: chips.vcpu.state
    if model == "reference":
        slow = reference.Reference(policy, planes, case.online)
        slow.state = record
        return slow, lambda: slow.state
    if model != "core":
        raise unknown("model", model, ("core", "reference"))
    from ..core import VM

    vm = VM(policy, planes=planes, vcpus=1, online=case.online, controller=controller)
    vm.state[0] = record
    return vm.vcpus[0], lambda: vm.state[0]


def answer(vcpu: Any) -> Any:
    """Have the default userspace scheduler answer; where it waits, nothing happens.

    It takes a vCPU of the core, or of either slow model.
    """
    slow = vcpu.vcpu if isinstance(vcpu, ReferenceChip) else vcpu
    if not isinstance(slow, reference.Reference):
        outcome = vcpu.answer()
        return vcpu.step("resched") if outcome is None else outcome
    record = slow.state
    values = tuple(int(record[name]) for name in (*MASKS, "current", "status"))
    plane = reference.default_pick(slow.policy, values)
    if plane is None:
        return vcpu.step("resched")
    record["req_exit"] = reference.prepare(slow.policy, values, plane)[MASKS.index("req_exit")]
    slow.state = record
    return vcpu.step("enter", plane)


def _found(key: str, expected: Any, outcome: Any, state: Any) -> Any:
    """Give what the model shows for a key, in the words of the file."""
    if key == "run":
        return int(outcome.now)
    if key in ("vector", "ended"):
        return int(getattr(outcome, key))
    if key == "notes":
        return set_names(Notes, outcome.notes)
    if key == "reason":
        return Reason(outcome.reason).name.lower()
    if key == "fault":
        return FAULTS[outcome.fault]
    if key in ("blocked", "user"):
        bit = reference.USER if key == "user" else reference.BLOCKED
        return bool(state["status"] & bit)
    if key in ("flags", "not_flags"):
        shown = set_names(Flags, outcome.flags)
        wrong = set(expected) - set(shown) if key == "flags" else set(expected) & set(shown)
        return shown if wrong else expected
    return planes_of(state[key])


def as_toml(case: Case) -> str:
    """Return one case as TOML."""
    lines = ["[[case]]"]
    for key in (*HEAD, *KICK_KEYS):
        value = getattr(case, key, None)
        if value is not None and value not in ({}, ()):
            lines.append(f"{key} = {_value(value)}")
    lines += [f"{name} = {_value(planes)}" for name, planes in case.masks.items()]
    steps = [f"  {_value({'do': step.do, **step.expect})},\n" for step in case.steps]
    lines.append(f"steps = [\n{''.join(steps)}]")
    lines += [f"{key} = {_value(getattr(case, key))}" for key in ("basis", "source")]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        # A JSON string is a TOML string but for DEL, which JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return "[" + ", ".join(_value(item) for item in value) + "]"
