"""Case files as a C table, for programs that run them without Python: a kernel module, Rust.

Cases of posting, kick and look are of a layer around the step that has no header, and left out.
"""

import os
from collections.abc import Iterable
from typing import Any

from ..algorithm import NAMED
from ..events import MASKS, MAX_PLANES, Fault, Flags, Notes, Reason
from ..irqchip import DISABLED, MASK_BY, NMI_BLOCKED, RESCANS, Controller
from ..policy import Policy, field_names
from .case import ANSWER, Case, Step, load
from .chips import CHIP_KEYS
from .kick import KickCase

__all__ = ["c_table"]

# What is looked at after a step, by number: the masks in their order, then these, then what stands
# once for each plane, whose value has the plane above bit 7: a vector that is there, or how many.
OTHERS = (
    "run", "reason", "fault", "flags", "not_flags", "blocked", "user", "vector", "ended", "notes",
)  # fmt: skip
BY_PLANE = (
    "irr", "n_irr", "isr", "n_isr", "slots", "n_slots", "queued", "n_queued", "tpr", "ppr",
)  # fmt: skip
_KEYS = (*MASKS, *OTHERS, *BY_PLANE)
_NO_PLANE = 255
_ANSWER = 255
_NO_CONTROLLER = 255

_HEAD = """\
/* SPDX-License-Identifier: MIT
 * Conformance cases as a C table, made by `planesched conform --c-table`. */
#ifndef PLANESCHED_CASES_H
#define PLANESCHED_CASES_H

#include "planesched/irqchip.h"

/* What is looked at after a step: 0 to 14 a mask by its place in ps_state, then these. From
 * PS_CASE_IRR on a value has the plane above bit 7; below stands a vector that must be there, how
 * many are, or the class of a priority. */
enum ps_case_key {{
{keys}
}};

struct ps_case_want {{
    uint16_t key, value;
}};

struct ps_case_step {{
    uint8_t event, plane, arg; /* event {answer}: userspace answers as the default scheduler does */
    uint8_t n_wants;
    uint16_t want;
}};

struct ps_case {{
    const char *id;
    uint16_t fields[PS_N_POLICY_FIELDS];
    struct ps_state start;
    uint16_t step, n_steps;
    uint8_t algorithm;  /* {algorithms} */
    uint8_t controller; /* which of ps_case_controllers; {none}: planes have none */
    uint8_t planes;
}};

"""


def c_table(paths: Iterable[str | os.PathLike[str]]) -> str:
    """Return the cases of some files as a C header, those that ps_step alone runs.

    Raises
    ------
    InputError, OSError
        As `load`.
    """
    wants: list[str] = []
    steps: list[str] = []
    cases: list[str] = []
    controllers: list[str] = []
    for case in (case for path in paths for case in load(path)):
        if isinstance(case, KickCase):
            continue
        first = len(steps)
        for step in case.steps:
            found = [want for key in step.expect for want in _wants(key, step.expect[key])]
            event, plane, arg = _event(case, step)
            steps.append(f"    {{{event}, {plane}, {arg}, {len(found)}, {len(wants)}}},")
            wants += [f"    {{{_KEYS.index(key)}, {value}}}," for key, value in found]
        cases.append(_case(case, first, _place(controllers, case.make_controller())))
    return "\n".join(
        [
            _head() + "static const struct ps_case_want ps_case_wants[] = {",
            *wants,
            "};\n\nstatic const struct ps_case_step ps_case_steps[] = {",
            *steps,
            "};\n\nstatic const struct ps_chip_policy ps_case_controllers[] = {",
            *(controllers or [_controller(Controller())]),
            "};\n\nstatic const struct ps_case ps_cases[] = {",
            *cases,
            f"}};\n\n#define PS_N_CASES {len(cases)}u\n\n#endif\n",
        ]
    )


def _head() -> str:
    keys = [f"PS_CASE_{key.upper()}" for key in (*OTHERS, *BY_PLANE)]
    keys[0] += f" = {len(MASKS)}"
    algorithms = ["0: none", *(f"{number}: {name}" for number, name in enumerate(NAMED, 1))]
    return _HEAD.format(
        keys="\n".join(f"    {key}," for key in keys),
        answer=_ANSWER,
        algorithms="; ".join(algorithms),
        none=_NO_CONTROLLER,
    )


def _case(case: Case, first: int, controller: int) -> str:
    policy = case.make_policy()
    *masks, current, status = case.start()
    fields = ", ".join(map(str, _fields(policy)))
    start = ", ".join(map(str, [*masks, current, status]))
    algorithm = NAMED.index(str(policy.algorithm)) + 1 if policy.has_algorithm else 0
    return (
        f'    {{"{case.id}",\n     {{{fields}}},\n     {{{start}}},\n     {first}, '
        f"{len(case.steps)}, {algorithm}, {controller}, {case.planes}}},"
    )


def _place(controllers: list[str], controller: Controller | None) -> int:
    """Return which of the controllers this is; it is added where it is a new one."""
    if controller is None:
        return _NO_CONTROLLER
    text = _controller(controller)
    if text not in controllers:
        controllers.append(text)
    return controllers.index(text)


def _controller(controller: Controller) -> str:
    """Return a controller as C's initializer."""
    planes = range(MAX_PLANES)
    messages = [sorted(controller.messages_of(plane)) for plane in planes]
    fields = {
        "mask_by": MASK_BY.index(controller.mask_by),
        "nmi_blocked": NMI_BLOCKED.index(controller.nmi_blocked),
        "rescan": RESCANS.index(controller.rescan),
        "disabled": DISABLED.index(controller.disabled),
        "vina_vector": _row(controller.vina_vector_of(plane) for plane in planes),
        "auto_eoi": _row(_row(_words(controller.auto_eoi_of(plane))) for plane in planes),
        "messages": _row(_row(of_plane or [0]) for of_plane in messages),
        "has_messages": int(any(messages)),
    }
    return f"    {{{', '.join(f'.{name} = {value}' for name, value in fields.items())}}},"


def _row(values: Iterable[object]) -> str:
    return f"{{{', '.join(map(str, values))}}}"


def _words(vectors: frozenset[int]) -> list[int]:
    """Return vectors as one word a class; those at the end that are zero left out."""
    words = [sum(1 << (vector & 15) for vector in vectors if vector >> 4 == c) for c in range(16)]
    while len(words) > 1 and not words[-1]:
        words.pop()
    return words


def _event(case: Case, step: Step) -> tuple[int, int, int]:
    if step.do == ANSWER:
        return _ANSWER, 0, 0
    event, plane, arg = case.read(step.do)
    return int(event), plane or 0, arg or 0


def _fields(policy: Policy) -> list[int]:
    """Return the values of the fields that C has, in its order."""
    return [_as_number(getattr(policy, name)) for name in field_names() if name != "algorithm"]


def _as_number(value: object) -> int:
    if value is None:
        return _NO_PLANE
    if isinstance(value, frozenset):
        return sum(1 << int(reason) for reason in value)
    assert isinstance(value, int)
    return int(value)


def _wants(key: str, value: Any) -> list[tuple[str, int]]:
    """Return what a step's key means in the table."""
    if key not in CHIP_KEYS:
        return [(key, _number(key, value))]
    if key in ("tpr", "ppr"):
        return [(key, plane << 8 | priority & 0xF0) for plane, priority in enumerate(value)]
    wants = []
    for plane, vectors in enumerate(value):
        wants.append((f"n_{key}", plane << 8 | len(vectors)))
        wants += [(key, plane << 8 | vector) for vector in vectors]
    return wants


def _number(key: str, value: Any) -> int:
    if key in MASKS:
        return sum(1 << plane for plane in value)
    if key == "reason":
        return int(Reason[value.upper()])
    if key == "fault":
        return int(Fault[value.upper()]) if value else 0
    if key in ("flags", "not_flags"):
        return sum(int(Flags[name.upper()]) for name in value)
    if key == "notes":
        return sum(int(Notes[name.upper()]) for name in value)
    return int(value)
