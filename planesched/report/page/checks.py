"""The panels of a search: which property holds under which policy, and ladders to where not."""

from collections.abc import Mapping, Sequence

from ...checking.counterexample import Trace
from ...checking.properties import PROPERTIES
from ...checking.report import DiffReport, Matrix, Report, Verdict
from ...explaining.walks import explained
from ...figures.cite import CITED
from ...figures.written import written_by
from ...text import counted, fill
from .frame import Panel
from .ladders import ladder
from .markup import Html, el, join, table
from .results import beside
from .whys import explanation

__all__ = ["check_page_parts", "diff_page_parts", "quoted"]

_FEW = 6
"""So many ladders stand open; of more, one opens those that one wants to see."""

Parts = tuple[Html, list[Panel]]


def check_page_parts(found: Report | Matrix, command: str, label: str = "") -> Parts:
    """Return the answer and the panels of a search, of one policy or of several."""
    reports = found.reports if isinstance(found, Matrix) else {label or "the policy": found}
    first = next(iter(reports.values()))
    head = f"{counted(first.planes, 'plane')}, {counted(first.vcpus, 'vCPU')}"
    asked = f"{head}, {_events(first)}"
    dead = [
        f"{name}: {each.name}: {each.short}" + (f" ({each.what})" if each.what else "")
        for name, report in reports.items()
        for each in report.verdicts.values()
        if each.holds is False
    ]
    said = first.said if len(reports) == 1 else _said(reports)
    unreached = found.unreached if isinstance(found, Matrix) else ()
    lines = [
        said,
        *dead,
        asked,
        *(_seen(name, report, reports) for name, report in reports.items()),
    ]
    lines += [f"not reached: {', '.join(unreached)}"] if unreached else []
    lines += [f"planesched {written_by()['version']}", command]
    head_of = [
        el("p", said[:1].upper() + said[1:] + ".", class_="verdict"),
        el("ul", (el("li", each) for each in dead), class_="warnings") if dead else None,
        el("p", asked, class_="hint"),
    ]
    panels = [_matrix(reports, unreached)]
    ladders = [
        (f"{name}-{each.name}", name, each)
        for name, report in reports.items()
        for each in report.verdicts.values()
        if each.trace is not None
    ]
    if ladders:
        hint = (
            "A shortest way to each broken property. The thick line is what runs, a dashed box "
            "where the vCPU is blocked; a ring is a pending interrupt, a cross a fault."
        )
        shown = [_shown(number, *each, folded=len(ladders) > _FEW)
                 for number, each in enumerate(ladders)]  # fmt: skip
        body = join(shown) if len(ladders) > _FEW else el("div", shown, class_="pairs")
        panels.append(Panel("ladders", "Counterexamples", hint, body))
    panels.append(_coverage(reports))
    return beside(join(head_of), quoted(lines)), panels


def quoted(lines: Sequence[str]) -> str:
    """Return lines as they stand in a mail."""
    return "\n".join(line for text in lines for line in fill(text, CITED, hang=2))


def _events(found: Report | DiffReport) -> str:
    vectors = f", {found.chips}" if found.chips is not None else ""
    return f"events {', '.join(found.events)}{vectors}"


def _said(reports: Mapping[str, Report]) -> str:
    hold = [name for name, report in reports.items() if report.holds]
    words = f"{len(hold)} of {len(reports)} policies keep every property that was asked"
    return f"{words}: {', '.join(hold)}" if hold else words


def _seen(name: str, report: Report, reports: Mapping[str, Report]) -> str:
    return report.coverage.said if len(reports) == 1 else f"{name}: {report.coverage.said}"


# ---- Verdicts ----


def _matrix(reports: Mapping[str, Report], unreached: Sequence[str]) -> Panel:
    names = list(next(iter(reports.values())).verdicts)
    heads = [el("th", name, scope="col") for name in reports]
    number = 0
    rows: dict[str, list[Html]] = {name: [] for name in names}
    for report in reports.values():
        for name in names:
            verdict = report.verdicts[name]
            inside: Html | str = verdict.short
            if verdict.trace is not None:
                inside = el("a", verdict.short, href=f"#ladder-{number}-box")
                number += 1
            kind = "dead" if verdict.holds is False else "holds" if verdict.holds else None
            rows[name].append(el("td", inside, class_=kind))
    body = [
        el("tr", el("th", name, el("span", _sentence(name), class_="sentence"), scope="row"), cells)
        for name, cells in rows.items()
    ]
    caption = "Whether each property holds, and if not how many steps show it"
    head = el("thead", el("tr", el("th", "property", scope="col"), heads))
    inner = el("table", el("caption", caption), head, el("tbody", body), class_="verdicts")
    found = el("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)
    told = f"Ctrl-C came before {', '.join(unreached)}." if unreached else ""
    return Panel("matrix", "Properties", told, found)


def _sentence(name: str) -> str:
    return PROPERTIES[name].sentence if name in PROPERTIES else ""


def _shown(number: int, name: str, policy: str, verdict: Verdict, *, folded: bool) -> Html:
    assert verdict.trace is not None, "only what is broken has a ladder"
    what = f": {verdict.what}" if verdict.what else ""
    title = f"{policy}: {verdict.name} {verdict.short}{what}"
    notes = [_sentence(verdict.name)]
    if verdict.whose:
        whose = "a guest's; it holds while all keep their own rules"
        notes.append(f"Whose doing: {whose if verdict.whose == 'guest' else 'the policy'}.")
    if verdict.cures is not None:
        notes.append(f"Cured by: {', '.join(verdict.cures) or 'no single field'}.")
    ways = [verdict.trace, *verdict.more]
    drawn = []
    for place, trace in enumerate(ways):
        more = f"-{place}" if place else ""
        told = f"{title}. Steps: {'; '.join(step.do for step in trace.steps)}"
        drawn.append(el("div", ladder(f"ladder-{number}{more}", told, trace), class_="scroll",
                        tabindex="0", role="region", aria_label=title))  # fmt: skip
        drawn.append(el("details", el("summary", "The steps as text"), el("pre", trace.text)))
        reasons = None if place else _reasons(f"why-{number}", trace, [policy])
        drawn += [reasons] if reasons is not None else []
    inside = [el("p", " ".join(filter(None, notes)), class_="hint"), *drawn]
    if folded:
        return el("details", el("summary", title), inside, id=f"ladder-{number}-box")
    caption = el("figcaption", el("strong", title))
    return el("figure", caption, inside, id=f"ladder-{number}-box")


def _reasons(name: str, trace: Trace, labels: Sequence[str]) -> Html | None:
    """Return why each step of a way did what it did."""
    found = [
        explanation(why, f"{name}-{number}", f"step {number}")
        for number, _, why in explained(trace, labels)
    ]
    return el("details", el("summary", "Why each step"), found) if found else None


def _coverage(reports: Mapping[str, Report]) -> Panel:
    rows = [
        [name, f"{seen.states:,}", f"{seen.transitions:,}", str(seen.depth),
         "yes" if seen.exhausted else "no"]
        for name, seen in ((name, report.coverage) for name, report in reports.items())
    ]  # fmt: skip
    header = ["policy", "states", "transitions", "depth", "all states"]
    found = table("How much of the state space was searched", header, rows)
    return Panel("rests", "What it rests on", "", found)


# ---- Two policies ----


def diff_page_parts(found: DiffReport, command: str) -> Parts:
    """Return the answer and the panels of a comparison of two policies."""
    first, second = found.labels
    fields = [[name, _word(one), _word(other)] for name, (one, other) in found.fields.items()]
    told = found.said[:1].upper() + found.said[1:] + "."
    asked = f"{counted(found.planes, 'plane')}, {_events(found)}"
    differing = [f"{name}: {first} {one}, {second} {other}" for name, one, other in fields]
    lines = [told, *differing, asked, found.coverage.said]
    lines += [f"planesched {written_by()['version']}", command]
    said = [el("p", told, class_="verdict"), el("p", asked, class_="hint")]
    panels = []
    if found.trace is not None:
        steps = "; ".join(step.do for step in found.trace.steps[::2])
        name = f"{first} and {second} part after: {steps}"
        drawn = ladder("ladder-0", name, found.trace, (first, second))
        box = el("div", drawn, class_="scroll", tabindex="0", role="region", aria_label=name)
        text = el("details", el("summary", "The steps as text"), el("pre", found.trace.text))
        reasons = _reasons("why", found.trace, found.labels)
        hint = (
            "Each step is done under both. The thick line is what runs, a dashed box where the "
            "vCPU is blocked; a ring is a pending interrupt, a cross a fault."
        )
        panels.append(
            Panel("ladders", "A shortest way to a difference", hint, join([box, text, reasons]))
        )
    panels.append(
        Panel("fields", "Fields that differ", "", table("Fields", ["field", first, second], fields))
    )
    panels.append(Panel("rests", "What it rests on", "", el("p", found.coverage.said)))
    return beside(join(said), quoted(lines)), panels


def _word(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value).lower()
