"""The panels of a search for lost wake-ups: each property, and how acts interleave to break it."""

from ...checking.wakeup_report import KICK_PROPERTIES, KickReport, KickVerdict
from ...figures.written import written_by
from ...text import counted, listed
from .checks import quoted
from .frame import Panel
from .markup import Html, el, join, table
from .results import beside

__all__ = ["wakeups_page_parts"]


def wakeups_page_parts(found: KickReport, command: str) -> tuple[Html, list[Panel]]:
    """Return the answer and the panels of such a search."""
    firsts = [str(verdict).splitlines()[0] for verdict in found.verdicts.values()]
    dead = [said for said, each in zip(firsts, found.verdicts.values(), strict=True)
            if each.holds is False]  # fmt: skip
    told = "No wake-up is lost: every property that was asked holds."
    if found.broken:
        told = f"Broken: {listed(found.broken)} (of {len(found.verdicts)} properties)."
    elif found.status:
        told = "None is broken so far; the bound came first."
    again = "again and again" if found.repeat else "once each"
    rests = [
        f"protocol: {found.protocol}",
        f"senders: {listed(found.sends)}, {again}; guests: {listed(found.events)}",
        f"searched: {found.states:,} states, {found.transitions:,} acts "
        f"({'all states' if found.exhausted else 'not all: the bound came first'})",
    ]
    said = [
        el("p", told, class_="verdict"),
        el("ul", (el("li", each) for each in dead), class_="warnings") if dead else None,
        el("p", rests[0], class_="hint"),
        el("p", rests[1], class_="hint"),
    ]
    lines = [told, *firsts, *rests, f"planesched {written_by()['version']}", command]
    ways = [_way(name, verdict) for name, verdict in found.verdicts.items() if verdict.shortest]
    panels = [_properties(found, firsts)]
    if ways:
        hint = (
            "A shortest way to each broken property: what senders and the vCPU do, an act a row, "
            "and how things stand after it."
        )
        panels.append(Panel("ladders", "Interleavings", hint, join(ways)))
    body = el("ul", (el("li", text) for text in rests))
    panels.append(Panel("rests", "What it rests on", "", body))
    return beside(join(said), quoted(lines)), panels


def _properties(found: KickReport, firsts: list[str]) -> Panel:
    rows = []
    for said, name in zip(firsts, found.verdicts, strict=True):
        row = [name, KICK_PROPERTIES.get(name, ""), said.partition(": ")[2]]
        if found.cures is not None:
            cured = listed(found.cures.get(name, ())) or "no single field"
            row.append(cured if name in found.broken else "")
        rows.append(row)
    header = ["property", "what it says", "verdict", *(["cured by"] if found.cures else [])]
    return Panel("matrix", "Properties", "", table("Properties", header, [
        row[: len(header)] for row in rows], class_="told"))  # fmt: skip


def _way(name: str, verdict: KickVerdict) -> Html:
    assert verdict.shortest is not None, "what is broken has a way there"
    rows = [["start", "", "", *_stands(verdict.shortest.start)]]
    rows += [
        [str(number), row.sender, row.vcpu, *_stands(row)]
        for number, row in enumerate(verdict.shortest.rows, 1)
    ]
    header = ["act", "senders", "vCPU", "phase", "runs", "posted, flags"]
    title = f"{name}: {counted(len(rows) - 1, 'act')}"
    return table(title, header, rows, class_="told")


def _stands(row: object) -> list[str]:
    return [str(getattr(row, part)) for part in ("phase", "runs", "layer")]
