"""Where a search, or a walk by steps, begins: said in words, or by a case file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import reference
from ..errors import Mistake, unknown
from ..events import MASKS
from ..layouts import STATE
from ..policy import Policy

__all__ = ["start_state"]

EXPECTED = "words as 'current=1 irq=1 edge=1', or FILE.toml, FILE.toml:ID or FILE.toml:ID@STEP"


def start_state(text: str, policy: Policy, planes: int) -> NDArray[np.void]:
    """Return the 32 bytes that a text stands for.

    Parameters
    ----------
    text : str
        ``"current=1 irq=1,2 edge=1"``: masks with the planes in them, and what differs from boot;
        ``current`` becomes runnable, and blocked where it is halted or unstarted. Or a case file,
        as saved counterexamples are: ``FILE.toml`` with one case, ``FILE.toml:ID``; with ``@3``
        behind it the state after its third step, with ``@end`` that after its last.
    policy : Policy
        How the planes are scheduled.
    planes : int
        How many there are.

    Returns
    -------
    ndarray, shape (), dtype STATE

    Raises
    ------
    Mistake
        If the text is neither, or names a mask, plane, case or step that there is not.
    OSError
        If the file cannot be read.
    """
    if "=" in text.partition(":")[0] or not text.strip():
        return _of_words(text, policy, planes)
    return _of_case(text, planes)


def _of_words(text: str, policy: Policy, planes: int) -> NDArray[np.void]:
    values = _named(reference.boot_state(policy, planes))
    for word in text.split():
        name, equals, listed = word.partition("=")
        numbers = listed.split(",") if listed else []
        if not equals or not all(n.isdecimal() and int(n) < planes for n in numbers):
            raise Mistake("start state", word, f"{EXPECTED}; planes are below {planes}")
        if name == "current" and len(numbers) == 1:
            values["current"] = int(numbers[0])
            values["runnable"] |= 1 << int(numbers[0])
        elif name in MASKS:
            values[name] = sum(1 << int(n) for n in set(numbers))
        else:
            raise unknown("start state", name, ["current", *MASKS])
    if not values["online"] >> values["current"] & 1:
        raise Mistake("start state", text, f"current={values['current']} among those online")
    stuck = values["halted"] | values["unstarted"]
    values["status"] = reference.BLOCKED if stuck >> values["current"] & 1 else 0
    return _record(values)


def _of_case(text: str, planes: int) -> NDArray[np.void]:
    from ..conformance.case import load
    from ..conformance.events import read_event

    path, _, rest = text.partition(".toml")
    path = f"{path}.toml"
    wanted, _, step = rest.removeprefix(":").partition("@")
    if rest[:1] not in ("", ":", "@") or not Path(path).exists():
        raise Mistake("start state", text, EXPECTED)
    cases = {case.id: case for case in load(path)}
    if not wanted and len(cases) == 1:
        wanted = next(iter(cases))
    if wanted not in cases:
        raise unknown(f"case of {path}", wanted, cases)
    case = cases[wanted]
    if case.planes != planes:
        raise Mistake(f"planes of case {wanted!r}", case.planes, f"{planes}")
    if step not in ("", "end") and not (step.isdecimal() and int(step) <= len(case.steps)):
        most = len(case.steps)
        raise Mistake(f"step of case {wanted!r}", step, f"0 to {most}, or end")
    count = len(case.steps) if step == "end" else int(step or 0)
    values, policy = case.start(), case.make_policy()
    for each in case.steps[:count]:
        event, plane = read_event(policy, planes, each.do)
        named = reference.NOBODY if plane is None else plane
        values, _ = reference.step(policy, values, event, named)
    return _record(_named(values))


def _named(values: reference.Values) -> dict[str, int]:
    return dict(zip((*MASKS, "current", "status"), values, strict=True))


def _record(values: dict[str, int]) -> NDArray[np.void]:
    found: NDArray[np.void] = np.zeros((), STATE)
    for name, value in values.items():
        found[name] = value
    return found
