"""Case files as a C table, for programs that run them without Python: a kernel module, Rust.

Cases that name vectors, an algorithm, or posting, kick and look, are not rules of ``ps_step`` alone
and are left out.
"""

import os
from collections.abc import Iterable

from ..events import MASKS, Fault, Flags, Reason
from ..policy import Policy, field_names
from .case import ANSWER, Case, Step, load
from .kick import KickCase

__all__ = ["c_table"]

# What is looked at after a step, by number: the masks in their order, then these.
OTHERS = ("run", "reason", "fault", "flags", "not_flags", "blocked", "user")
_NO_PLANE = 255
_ANSWER = 255

_HEAD = """\
/* SPDX-License-Identifier: MIT
 * Conformance cases as a C table, made by `planesched conform --c-table`. */
#ifndef PLANESCHED_CASES_H
#define PLANESCHED_CASES_H

#include "planesched/step.h"

/* What is looked at after a step: 0 to 14 a mask by its place in ps_state, then these. */
enum ps_case_key {{
    PS_CASE_RUN = 15, PS_CASE_REASON, PS_CASE_FAULT, PS_CASE_FLAGS, PS_CASE_NOT_FLAGS,
    PS_CASE_BLOCKED, PS_CASE_USER
}};

struct ps_case_want {{
    uint16_t key, value;
}};

struct ps_case_step {{
    uint8_t event, plane; /* event {answer}: userspace answers as the default scheduler does */
    uint16_t want, n_wants;
}};

struct ps_case {{
    const char *id;
    uint16_t fields[PS_N_POLICY_FIELDS];
    struct ps_state start;
    uint16_t step, n_steps;
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
    for case in (case for path in paths for case in load(path)):
        if isinstance(case, KickCase) or case.controller is not None:
            continue
        if case.make_policy().has_algorithm:
            continue
        first = len(steps)
        for step in case.steps:
            found = [(key, value) for key in step.expect for value in [_number(step, key)]]
            event, plane = _event(case, step)
            steps.append(f"    {{{event}, {plane}, {len(wants)}, {len(found)}}},")
            wants += [f"    {{{_key(key)}, {value}}}," for key, value in found]
        *masks, current, status = case.start()
        fields = ", ".join(map(str, _fields(case.make_policy())))
        start = ", ".join(map(str, [*masks, current, status]))
        cases.append(
            f'    {{"{case.id}",\n     {{{fields}}},\n     {{{start}}}, {first}, '
            f"{len(case.steps)}}},"
        )
    return "\n".join(
        [
            _HEAD.format(answer=_ANSWER) + "static const struct ps_case_want ps_case_wants[] = {",
            *wants,
            "};\n\nstatic const struct ps_case_step ps_case_steps[] = {",
            *steps,
            "};\n\nstatic const struct ps_case ps_cases[] = {",
            *cases,
            f"}};\n\n#define PS_N_CASES {len(cases)}u\n\n#endif\n",
        ]
    )


def _event(case: Case, step: Step) -> tuple[int, int]:
    if step.do == ANSWER:
        return _ANSWER, 0
    event, plane, _ = case.read(step.do)
    return int(event), plane or 0


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


def _key(key: str) -> int:
    return MASKS.index(key) if key in MASKS else len(MASKS) + OTHERS.index(key)


def _number(step: Step, key: str) -> int:
    value = step.expect[key]
    if key in MASKS:
        return sum(1 << plane for plane in value)
    if key == "reason":
        return int(Reason[value.upper()])
    if key == "fault":
        return int(Fault[value.upper()]) if value else 0
    if key in ("flags", "not_flags"):
        return sum(int(Flags[name.upper()]) for name in value)
    return int(value)
