"""The block for a mail of what a search found: 72 columns, with what makes it again."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from ..figures.cite import CITED, block
from ..figures.written import written_by
from ..policy import Policy
from ..text import counted, hung, listed
from .counterexample import state_text
from .report import DiffReport, Matrix, Report
from .wakeup_report import KickReport

__all__ = ["cited", "digest"]

_KICK = ("policy", "planes", "protocol", "sends", "events")
_MOST = 3
"""How many broken properties are shown with the way there; the others are named."""


def cited(
    answer: Report | DiffReport | Matrix | KickReport, command: str, labels: Sequence[str] = ()
) -> str:
    """Return the block: what was found, a small table, and what it rests on.

    Parameters
    ----------
    answer : Report, DiffReport, Matrix or KickReport
    command : str
        What makes it again.
    labels : sequence of str
        What the policies of a Report or KickReport are called.
    """
    if isinstance(answer, DiffReport):
        return _of_diff(answer, command)
    if isinstance(answer, Matrix):
        return _of_matrix(answer, command)
    if isinstance(answer, Report):
        ways = {
            name: (each.short, listed(step.do for step in each.trace.steps) if each.trace else "")
            for name, each in answer.verdicts.items()
            if each.holds is False
        }
        asked = _asked(answer, [answer.policy])
        seen = answer.coverage.said
    else:
        ways = {
            name: (f"broken ({len(each.shortest.rows)})", listed(each.shortest.acts))
            for name, each in answer.verdicts.items()
            if each.shortest is not None
        }
        asked = [
            f"{counted(answer.planes, 'plane')}, 1 vCPU, protocol {answer.protocol}",
            f"senders: {listed(answer.sends)}; guests: {listed(answer.events)}",
            f"input {digest(answer)}",
        ]
        end = "all states" if answer.exhausted else "not exhausted"
        seen = f"{answer.states:,} states, {answer.transitions:,} acts ({end})"
    of = listed(labels)
    sentence = f"{of}: {answer.said}." if of else f"{answer.said}."
    return block([sentence], _verdicts(answer.verdicts, ways), [*asked, seen, *_made(command)])


def digest(answer: Report | DiffReport | Matrix | KickReport) -> str:
    """Return the digest of what a search began with, as `cited` names it."""
    if isinstance(answer, KickReport):
        return _digest(answer.as_dict(), *_KICK)
    if isinstance(answer, Matrix):
        reports = [*answer.reports.values()]
        return _digest_of(reports[0], [report.policy for report in reports]) if reports else ""
    return _digest_of(
        answer, answer.policies if isinstance(answer, DiffReport) else [answer.policy]
    )


def _verdicts(verdicts: Mapping[str, Any], ways: Mapping[str, tuple[str, str]]) -> str:
    """Lay out what is broken, each with the way there, and name what is not."""
    rows = [(short, f"{name}: {way}") for name, (short, way) in [*ways.items()][:_MOST]]
    if len(ways) > _MOST:
        rows.append(("broken", listed([*ways][_MOST:])))
    for said, holds in (("holds", True), ("not told", None)):
        if names := [name for name, each in verdicts.items() if each.holds is holds]:
            rows.append((said, listed(names)))
    return hung(("verdict", "properties, and the shortest way there"), rows, CITED)


def _of_diff(answer: DiffReport, command: str) -> str:
    """Show the step in which they differ."""
    # A label may be broken after its commas.
    labels = [label.replace(",", ", ") for label in answer.labels]
    rows: list[tuple[str, str]] = []
    sentence = f"{' and '.join(answer.labels)}: {answer.said}"
    if answer.trace is not None:
        steps = answer.trace.steps
        sentence += f": {listed(step.do for step in steps[::2])}"
        for vcpu, (label, step) in enumerate(zip(labels, steps[-2:], strict=True)):
            rows.append((label, f"{step.did}; {_stands(step.states[vcpu])}"))
        header = ("policy", "what the last one does")
    else:
        rows = [(name, f"{one} | {other}") for name, (one, other) in answer.fields.items()]
        header = ("field", "value of each")
    foot = [*_asked(answer, answer.policies), answer.coverage.said, *_made(command)]
    shown = hung(header, rows, CITED) if rows else "no field differs"
    return block([f"{sentence}."], shown, foot)


def _stands(state: Any) -> str:
    how = {0: "runs", 1: "in userspace", 2: "blocked"}[int(state["status"])]
    return f"plane {int(state['current'])} {how}, {state_text(state)}"


def _of_matrix(answer: Matrix, command: str) -> str:
    """Say of each policy what is broken; of those under which all holds, their names."""
    whole, rows = [], []
    for name, report in answer.reports.items():
        broken = [f"{key} {each.short}" for key, each in report.verdicts.items() if not each.holds]
        if broken:
            rows.append((name, listed(broken)))
        else:
            whole.append(name)
    if whole:
        rows.append((listed(whole), "all hold"))
    first = next(iter(answer.reports.values()))
    policies = [report.policy for report in answer.reports.values()]
    ways = ["in brackets: the steps of a shortest way there"] if len(whole) < len(policies) else []
    foot = [*ways, *_asked(first, policies), *_made(command)]
    return block([f"{answer.said}."], hung(("policies", "properties"), rows, CITED), foot)


def _asked(answer: Report | DiffReport, policies: Sequence[Policy]) -> list[str]:
    """Say what was searched, and the digest of what the search began with."""
    vcpus = getattr(answer, "vcpus", 1)
    size = f"{counted(answer.planes, 'plane')}, {counted(vcpus, 'vCPU')}"
    chips = [] if answer.chips is None else [str(answer.chips)]
    made = _digest_of(answer, policies)
    return [f"{size}, events {listed(answer.events)}", *chips, f"input {made}"]


def _digest_of(answer: Report | DiffReport, policies: Sequence[Policy]) -> str:
    given: dict[str, Any] = {"policies": [policy.as_dict() for policy in policies]}
    given |= {"vcpus": getattr(answer, "vcpus", 1)} | answer.as_dict()
    return _digest(given, "policies", "planes", "vcpus", "events", "vectors")


def _digest(given: Mapping[str, Any], *names: str) -> str:
    """Return the digest of these entries: 16 hexadecimal digits, as those of other answers."""
    chosen = {name: given[name] for name in names if name in given}
    return sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def _made(command: str) -> list[str]:
    return [f"planesched {written_by()['version']}", command]
