"""What a search answers: a verdict for each property, and how much of the state space it saw.

Longer than 300 lines because four answers are read and written alike here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..figures.likeness import word
from ..markup import html_table, preformatted
from ..policy import Policy
from ..text import counted, fill, fitted, width
from .counterexample import Trace, said, table
from .properties import PROPERTIES
from .vectors import Chips

__all__ = ["Coverage", "DiffReport", "Matrix", "Report", "Verdict"]

_MANY = 100_000
"""Fewer states than this do not fill the blocks that they are stored in."""


@dataclass(frozen=True)
class Coverage:
    """How much a search saw.

    Attributes
    ----------
    states, transitions, depth : int
        States stored, acts tried, and how many acts the deepest state needs.
    exhausted : bool
        Whether that is all that can be reached.
    interrupted : bool
        Whether Ctrl-C ended it.
    elapsed_s : float
        Seconds.
    nbytes : int
        Bytes taken by the states and their table.
    """

    states: int
    transitions: int
    depth: int
    exhausted: bool
    interrupted: bool
    elapsed_s: float
    nbytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return what does not change from run to run, ready for JSON."""
        return {
            "states": self.states,
            "transitions": self.transitions,
            "depth": self.depth,
            "exhausted": self.exhausted,
            "interrupted": self.interrupted,
        }

    @property
    def said(self) -> str:
        """What was seen, without what changes from run to run."""
        end = "all states" if self.exhausted else "not exhausted"
        if self.interrupted:
            end = f"interrupted, {end}"
        return (
            f"{self.states:,} states, {self.transitions:,} transitions, depth {self.depth} ({end})"
        )

    def __str__(self) -> str:
        rate = self.transitions / self.elapsed_s / 1e6 if self.elapsed_s else 0.0
        size = f"{self.nbytes / 2**20:.1f} MiB"
        if self.states >= _MANY:
            size += f", {self.nbytes / self.states:.0f} bytes a state"
        return f"{self.said}; {self.elapsed_s:.2f} s, {rate:.1f} M transitions/s, {size}"


@dataclass(frozen=True)
class Verdict:
    """Whether one property holds.

    Attributes
    ----------
    holds : bool or None
        None where the search could not tell.
    kind : str
        Of a broken `delivery`: ``deadlock`` where no guest and no userspace can change anything
        any more, else ``stranded``. Of a broken `progress`: ``livelock``.
    what : str
        What is wrong in the last state, in words.
    trace : Trace or None
        A shortest way there, where the property is broken.
    whose : str
        Of what is broken: ``guest`` where it holds as long as guests keep their own rules (the
        alphabet ``behaved``), else ``policy``.
    cures : tuple of str or None
        Where asked for: the single fields of the policy under which it holds.
    more : tuple of Trace
        Where asked for: further ways, one for each distinct last step and plane.
    """

    name: str
    holds: bool | None
    kind: str = ""
    what: str = ""
    trace: Trace | None = None
    whose: str = ""
    cures: tuple[str, ...] | None = None
    more: tuple[Trace, ...] = ()

    @property
    def short(self) -> str:
        """The verdict in a word and the number of steps: ``holds``, ``broken (4)``."""
        if self.holds or self.holds is None:
            return "holds" if self.holds else "not told"
        return f"{self.kind or 'broken'} ({len(self.trace or ())})"

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return preformatted(self.text)

    @property
    def text(self) -> str:
        """The verdict, and where the property is broken the steps that show it."""
        if self.trace is None:
            return f"{self.name}: {self.short}" + (f": {self.what}" if self.what else "")
        head = f"{self.name}: {self.kind or 'broken'} in {counted(len(self.trace), 'step')}"
        lines = [f"{head}: {self.what}" if self.what else head]
        lines += [f"  {line}".rstrip() for line in self.trace.text.splitlines()]
        if self.whose == "guest":
            lines.append("  whose doing: a guest's; it holds while all keep their own rules")
        elif self.whose:
            lines.append("  whose doing: the policy's")
        if self.cures is not None:
            lines.append(f"  cured by: {', '.join(self.cures) or 'no single field'}")
        for number, trace in enumerate(self.more, 2):
            lines += [
                f"  way {number}:",
                *(f"    {line}".rstrip() for line in trace.text.splitlines()),
            ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Report:
    """The answers of one search.

    Attributes
    ----------
    verdicts : mapping of str to Verdict
        By property, in the order in which they were asked.
    coverage : Coverage
        How much the search saw.
    chips : Chips or None
        The vectors, and how the controllers were set up, where planes had any.
    """

    policy: Policy
    planes: int
    vcpus: int
    events: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    coverage: Coverage
    chips: Chips | None = None

    @property
    def holds(self) -> bool | None:
        """Whether every property holds: False if one is broken, None if none is but some may be."""
        all_hold = [verdict.holds for verdict in self.verdicts.values()]
        return False if False in all_hold else None if None in all_hold else True

    @property
    def partial(self) -> bool:
        """Whether it was stopped by Ctrl-C: what was found until then."""
        return self.coverage.interrupted

    @property
    def status(self) -> int:
        """The exit status: 0 holds, 1 broken, 2 could not tell."""
        return {True: 0, False: 1, None: 2}[self.holds]

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        rows = [(name, each.short, each.whose) for name, each in self.verdicts.items()]
        shown = [each for each in self.verdicts.values() if each.trace is not None]
        return html_table(("property", "verdict", "whose doing"), rows, left=True) + "".join(
            preformatted(text) for text in (*(each.text for each in shown), self.coverage.said)
        )

    @property
    def text(self) -> str:
        """The report as the command prints it."""
        return self.shown(width())

    def table(self) -> dict[str, list[Any]]:
        """Return one row a property, as columns."""
        each = self.verdicts.values()
        return {
            "property": list(self.verdicts),
            "verdict": [verdict.short.partition(" (")[0] for verdict in each],
            "steps": [None if verdict.trace is None else len(verdict.trace) for verdict in each],
            "whose": [verdict.whose or None for verdict in each],
            "what": [verdict.what or None for verdict in each],
            "way": [_way(verdict.trace) for verdict in each],
        }

    def shown(self, columns: int | None) -> str:
        """Return `text`, at most `columns` wide; None: as wide as its tables are."""
        vcpus, planes = counted(self.vcpus, "vCPU"), counted(self.planes, "plane")
        vectors = f", {self.chips}" if self.chips is not None else ""
        head = f"{planes}, {vcpus}, events {', '.join(self.events)}{vectors}"
        told = [_asked(verdict, columns) for verdict in self.verdicts.values()]
        return "\n".join([_wrapped([self.said, head, self.coverage.said], columns), "", *told])

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        broken = [name for name, each in self.verdicts.items() if each.holds is False]
        unknown = [name for name, each in self.verdicts.items() if each.holds is None]
        if broken:
            return f"broken: {', '.join(broken)} (of {len(self.verdicts)} properties)"
        if unknown:
            return f"not told: {', '.join(unknown)}; none is broken so far"
        return "everything that was asked holds in all states"

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain values, ready for JSON."""
        return {
            "schema": "planesched.check/1",
            "policy": self.policy.as_dict(),
            "planes": self.planes,
            "vcpus": self.vcpus,
            "events": list(self.events),
            **({} if self.chips is None else {"vectors": self.chips.as_dict()}),
            "holds": self.holds,
            "verdicts": {name: _plain(verdict) for name, verdict in self.verdicts.items()},
            "coverage": self.coverage.as_dict(),
        }


@dataclass(frozen=True)
class DiffReport:
    """Where two policies first do different things.

    Attributes
    ----------
    differing : int
        From how many of the states that both reach alike some event has them do different things.
    trace : Trace or None
        A shortest way to a difference: each step done by both, vCPU 0 under the first policy.
    """

    policies: tuple[Policy, Policy]
    planes: int
    events: tuple[str, ...]
    differing: int
    trace: Trace | None
    coverage: Coverage
    labels: tuple[str, str] = ("A", "B")
    chips: Chips | None = None

    @property
    def same(self) -> bool | None:
        """Whether they always do the same; None where the search could not tell."""
        if self.trace is not None:
            return False
        return True if self.coverage.exhausted else None

    @property
    def partial(self) -> bool:
        """Whether it was stopped by Ctrl-C: what was found until then."""
        return self.coverage.interrupted

    @property
    def status(self) -> int:
        """The exit status: 0 the same, 1 different, 2 could not tell."""
        return {True: 0, False: 1, None: 2}[self.same]

    @property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """The fields of the policies, and of their controllers, that differ, with both values."""
        first, second = (policy.as_dict() for policy in self.policies)
        if self.chips is not None:
            one, other = self.chips.controllers
            first, second = {**first, **vars(one)}, {**second, **vars(other)}
        return {key: (first[key], second[key]) for key in first if first[key] != second[key]}

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return preformatted(self.text)

    @property
    def text(self) -> str:
        """The report as the command prints it."""
        return self.shown(width())

    def table(self) -> dict[str, list[Any]]:
        """Return one row a step of the shortest way, with what each policy does, as columns."""
        steps = () if self.trace is None else self.trace.steps
        columns: dict[str, list[Any]] = {
            "step": [*range(1, len(steps) // 2 + 1)],
            "event": [step.do for step in steps[::2]],
        }
        for vcpu, label in enumerate(self.labels):
            columns[label] = [step.said(vcpu) for step in steps[vcpu::2]]
        return columns

    def shown(self, columns: int | None) -> str:
        """Return `text`, at most `columns` wide; None: as wide as its tables are."""
        first, second = self.labels
        lines = [f"fields that differ ({first} | {second}): {self._differing() or 'none'}"]
        lines += [f"events: {', '.join(self.events)}"]
        lines += [*([] if self.chips is None else [str(self.chips)]), self.coverage.said]
        if self.trace is None:
            return _wrapped([self.said, *lines], columns)
        steps_shown = "\n".join(f"  {line}".rstrip() for line in self._columns(columns))
        return f"{_wrapped([f'{self.said}, below', *lines], columns)}\n{steps_shown}"

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        if self.trace is None:
            told = "no sequence of these events tells them apart" if self.same else ""
            return told or "no difference so far, with these events"
        steps = len(self.trace) // 2
        of = "" if self.coverage.exhausted else " at least"
        return (
            f"with these events {self.differing:,} of {self.coverage.states:,} states differ{of}; "
            f"the shortest way to a difference has {counted(steps, 'step')}"
        )

    def _differing(self) -> str:
        return ", ".join(f"{key}: {word(a)} | {word(b)}" for key, (a, b) in self.fields.items())

    def _columns(self, columns: int | None) -> list[str]:
        """Lay the steps out, with what each of the two does beside the other."""
        assert self.trace is not None, "there is a difference to show"
        starts = [said(state) for state in self.trace.start]
        header, rows = ["step", "event", *self.labels], [["", "", *starts]]
        steps = self.trace.steps
        for number, (one, other) in enumerate(zip(steps[::2], steps[1::2], strict=True), 1):
            rows.append([str(number), one.do, one.said(0), other.said(1)])
        lines = table([header, *rows])
        if columns is None or max(map(len, lines)) <= columns - 2:
            return lines
        return fitted(header, rows, columns - 2).splitlines()

    def as_dict(self) -> dict[str, Any]:
        """Give the report as plain values, ready for JSON."""
        return {
            "schema": "planesched.diff/1",
            "policies": [policy.as_dict() for policy in self.policies],
            "planes": self.planes,
            "events": list(self.events),
            **({} if self.chips is None else {"vectors": self.chips.as_dict()}),
            "same": self.same,
            "labels": list(self.labels),
            "differing": self.differing,
            "steps": [step.do for step in self.trace.steps[::2]] if self.trace else [],
            "coverage": self.coverage.as_dict(),
        }


@dataclass(frozen=True)
class Matrix:
    """Every property under every policy: a report by the policy's name.

    Attributes
    ----------
    reports : mapping of str to Report
        What was found, by the policy's name.
    unreached : tuple of str
        The policies that Ctrl-C came before.
    """

    reports: Mapping[str, Report]
    unreached: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether it was stopped by Ctrl-C: what was found until then."""
        return bool(self.unreached) or any(report.partial for report in self.reports.values())

    @property
    def status(self) -> int:
        """The exit status: 0 all hold, 1 some are broken, 2 could not tell."""
        found = {report.status for report in self.reports.values()}
        return 1 if 1 in found else 2 if self.unreached else max(found)

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return html_table(*self._cells())

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        names = list(next(iter(self.reports.values())).verdicts)
        rows = []
        for name, report in self.reports.items():
            cells = [report.verdicts[key].short for key in names]
            more = "" if report.coverage.exhausted else "+"
            rows.append([name, *cells, f"{report.coverage.states:,}{more}"])
        return ["", *names, "states"], rows

    @property
    def said(self) -> str:
        """What was found, in a sentence."""
        by_answer: dict[bool | None, list[str]] = {True: [], False: [], None: []}
        for name, report in self.reports.items():
            by_answer[report.holds].append(name)
        whole = f"{len(by_answer[True])} of {len(self.reports)} policies"
        told = [f"everything that was asked holds under {whole}"]
        told += [f"broken under {', '.join(by_answer[False])}"] if by_answer[False] else []
        told += [f"not told of {', '.join(by_answer[None])}"] if by_answer[None] else []
        return "; ".join(told)

    @property
    def text(self) -> str:
        """What was found, and the table with a row a policy and a column a property."""
        return self.shown(width())

    def table(self) -> dict[str, list[Any]]:
        """Return one row a policy and a column a property, as columns."""
        header, rows = self._cells()
        states = [report.coverage.states for report in self.reports.values()]
        found = dict(zip(["policy", *header[1:-1]], zip(*rows, strict=True), strict=False))
        return {name: list(cells) for name, cells in found.items()} | {"states": states}

    def shown(self, columns: int | None) -> str:
        """Return `text`, at most `columns` wide; None: as wide as its table is."""
        lines = [_wrapped([self.said], columns), ""]
        lines += fitted(*self._cells(), columns).splitlines()
        if any(report.holds is False for report in self.reports.values()):
            lines += ["", _wrapped([_BRACKETS], columns)]
        if self.unreached:
            lines.append(f"not reached: {', '.join(self.unreached)}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Give the matrix as plain values, ready for JSON; None for a policy not reached."""
        found = {name: report.as_dict() for name, report in self.reports.items()}
        policies = {**found, **dict.fromkeys(self.unreached)}
        return {"schema": "planesched.matrix/1", "policies": policies}


_BRACKETS = (
    "in brackets: the steps of a shortest way there, which planesched check POLICY shows; "
    "planesched explain PROPERTY says what one asks"
)


def _way(trace: Trace | None) -> str | None:
    return None if trace is None else "; ".join(step.do for step in trace.steps)


def _asked(verdict: Verdict, columns: int | None) -> str:
    """Return a verdict's text; of what is broken, with what was asked."""
    if verdict.trace is None or verdict.name not in PROPERTIES:
        return verdict.text
    head, *steps = verdict.text.splitlines()
    asked = fill(f"asked: {PROPERTIES[verdict.name].sentence}", columns, indent=2, hang=4)
    return "\n".join([head, *asked, *steps])


def _wrapped(texts: list[str], columns: int | None) -> str:
    return "\n".join(line for text in texts for line in fill(text, columns, hang=2))


def _plain(verdict: Verdict) -> dict[str, Any]:
    steps = [] if verdict.trace is None else verdict.trace.steps
    return {
        "holds": verdict.holds,
        "kind": verdict.kind,
        "what": verdict.what,
        "steps": [{"vcpu": step.vcpu, "do": step.do} for step in steps],
        "whose": verdict.whose,
        "cures": None if verdict.cures is None else list(verdict.cures),
        "more": [[step.do for step in trace.steps] for trace in verdict.more],
    }
