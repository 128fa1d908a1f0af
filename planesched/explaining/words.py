"""An explanation in words: as text for people, and as HTML for notebooks."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from ..events import MASKS, Fault, Flags, Reason
from ..markup import html_table
from ..reference import Outcome, Values
from ..text import PIPE_WIDTH, counted, fill
from .explanation import Explanation, Note, PlaneStory

if TYPE_CHECKING:
    from .terms import Term

__all__ = ["as_html", "as_text", "parts", "said", "term_text"]


def as_text(found: Explanation, columns: int | None = None) -> str:
    """Return an explanation as text: the answer, how it came about, each plane, each field."""
    wide = columns or PIPE_WIDTH
    changed = [f"{text}: {settings}" for settings, text in _changed(found)]
    parts = [
        "\n".join(fill(_headline(found), wide)),
        "\n".join(line for text in _course(found) for line in fill(text, wide, 2, 4)),
        *([_by_plane(found, wide)] if found.base is not None else []),
        "\n".join(
            ["One field changed alone, from this state:"]
            + [line for text in changed for line in fill(text, wide, 2, 6)]
        ),
    ]
    return "\n\n".join(parts)


def as_html(found: Explanation) -> str:
    """Return the same as HTML."""
    headline, course, planes, changes = parts(found)
    items = "".join(f"<li>{escape(text)}</li>" for text in course)
    return (
        f"<p><b>{escape(headline)}</b></p><ol>{items}</ol>"
        + _table(("plane", "is", "what became of it"), planes)
        + _table(("one field changed alone", "from this state"), changes)
    )


def parts(
    found: Explanation,
) -> tuple[str, list[str], list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Return the answer, its course, each plane with what became of it, and each field changed."""
    planes = _stories(found) if found.base is not None else []
    return _headline(found), list(_course(found)), planes, _changed(found)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return html_table(head, rows, left=True) if rows else ""


def _by_plane(found: Explanation, wide: int) -> str:
    """Lay the planes out, what became of each as a paragraph beside it."""
    lines = ["Plane by plane:"]
    has = max(len(story[1]) for story in _stories(found))
    for plane, state, text in _stories(found):
        indent = 8 + has
        if indent > wide // 2:
            lines += [*fill(f"{plane:>2}  {state}", wide, 2), *fill(text, wide, 6)]
        else:
            first, *rest = fill(text, wide - indent)
            lines += [f"  {plane:>2}  {state:{has}}  {first}", *(" " * indent + x for x in rest)]
    return "\n".join(lines)


def _headline(found: Explanation) -> str:
    how = {0: "runs", 1: "is in userspace", 2: "is blocked"}[found.before[-1]]
    return (
        f"{found.event} under {found.label} with {counted(found.planes, 'plane')}, while plane "
        f"{found.before[-2]} {how}: {said(found.outcome, was_blocked=found.before[-1] == 2)}."
    )


def said(outcome: Outcome, *, was_blocked: bool = False) -> str:
    """Return what a step did, in words."""
    now, reason = f"plane {outcome.now}", f", by {outcome.reason.name.lower()}"
    if outcome.fault != Fault.NONE:
        return f"refused with fault {outcome.fault.name.lower()}"
    if outcome.flags & Flags.SWITCHED:
        text = f"{now} is entered{reason}"
        text += ", and exits to userspace at once" if outcome.flags & Flags.USER else ""
    elif outcome.flags & Flags.USER:
        exits = outcome.reason != Reason.NONE
        text = f"the vCPU exits to userspace{reason}" if exits else "the vCPU stays in userspace"
    elif outcome.flags & Flags.BOUNCED:
        text = f"{now} gets the vCPU back{reason}"
    else:
        still = f"{now} stays blocked" if was_blocked else f"{now} is blocked"
        text = still if outcome.flags & Flags.BLOCKED else f"{now} goes on"
    if outcome.flags & Flags.BLOCKED and outcome.flags & (Flags.SWITCHED | Flags.BOUNCED):
        text += ", and blocks"
    taken = [
        word
        for flag, word in (
            (Flags.NMI, "takes its NMI"),
            (Flags.INJECTED, "takes its interrupt"),
            (Flags.VINA, "is told by VINA"),
        )
        if flag & outcome.flags
    ]
    return f"{text}, and {' and '.join(taken)}" if taken else text


def _course(found: Explanation) -> Iterator[str]:
    """Tell the decision in its order, a sentence each."""
    if found.outcome.fault != Fault.NONE:
        yield from (f"Refused: {note}." for note in found.told("fault"))
        return
    yield f"By rank: {', '.join(f'plane {p}' for p in found.order)} (3.1)."
    yield f"The event {_effect(found)} (4)."
    if found.base is not None:
        yield f"{_named(found.base)} could run then (3.4.2)."
    for note in found.told("view"):
        yield f"Events are seen from plane {note.planes[0]}, {note}."
    if found.preemptors is not None:
        yield f"{_named(found.preemptors)} would take the vCPU from it (3.3)."
    for note in found.told("edge"):
        yield f"{_named(note.planes)} {note}."
    for note in found.told("pick"):
        yield f"Plane {note.planes[0]} is picked, {note}."
    # A pick that goes on has no reason; 3.6 says so.
    for note in found.told("reason") if found.outcome.reason else ():
        yield f"The reason is {found.outcome.reason.name.lower()}: {note}."
    for note in found.told("exit"):
        yield f"{_capital(note.text)} ({note.section})."
    arrival = [_arrived(note, found.outcome.now) for note in found.told("arrival")]
    if arrival:
        yield f"Plane {found.outcome.now} arrives: {'; '.join(arrival)} (3.6)."


def _arrived(note: Note, now: int) -> str:
    """Say what the arrival did; to which planes, where it is not the one that arrives."""
    others = [plane for plane in note.planes if plane != now]
    return f"plane {_and(map(str, others))}: {note.text}" if others else note.text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _named(planes: Sequence[int]) -> str:
    if not planes:
        return "No plane"
    return ("Plane " if len(planes) == 1 else "Planes ") + _and(map(str, planes))


def _and(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _effect(found: Explanation) -> str:
    """Say what the event itself changed."""
    changed = list(_differences(found.before, found.at))
    if found.outcome.flags & Flags.COALESCED:
        changed.append("finds that set already (coalesced)")
    return _and(changed) if changed else "changes nothing itself"


def _differences(before: Values, after: Values) -> Iterator[str]:
    for name, old, new in zip(MASKS, before, after, strict=False):
        for planes, verb in ((new & ~old, "sets"), (old & ~new, "clears")):
            if planes:
                listed = ",".join(str(p) for p in range(planes.bit_length()) if planes >> p & 1)
                yield f"{verb} {name} of plane {listed}"


def _stories(found: Explanation) -> list[tuple[str, str, str]]:
    return [(str(story.plane), _has(story), _became(found, story)) for story in found.stories]


def _has(story: PlaneStory) -> str:
    if "online" not in story.has:
        return "offline"
    return " ".join(name for name in story.has if name != "online") or "-"


def _became(found: Explanation, story: PlaneStory) -> str:
    """Say what became of a plane; of itself it runs where it is in base, else by an event."""
    texts = []
    if story.runs is None:
        texts.append("could run")
    elif story.enters or story.plane == found.view:
        texts.append(f"could not run of itself: {story.runs}")
    if story.plane in (found.preemptors or ()):
        texts.append("is brought in" if story.runs is not None else "its event counts too")
    elif story.enters and story.runs is not None:
        why = [note for note in story.enters if note != story.runs]
        if [note.text for note in why] != [story.runs.text]:
            texts.append(f"is not brought in: {' and '.join(map(str, why))}")
    if story.behind is not None:
        texts.append(str(story.behind))
    return ("picked; " if story.picked else "") + "; ".join(texts)


def _changed(found: Explanation) -> list[tuple[str, str]]:
    """Group the changes by what they lead to; those that change nothing come last."""
    groups: dict[str, list[str]] = {}
    same = 0
    for change in found.changes:
        text = said(change.outcome)
        if found.same(change):
            same += 1
            continue
        if change.outcome == found.outcome:
            text = f"the same, but leaves {', '.join(_left(found.after, change.after))}"
        groups.setdefault(text, []).append(change.setting)
    rows = [(", ".join(settings), text) for text, settings in groups.items()]
    if same:
        rows.append((f"{'the other' if rows else 'all'} {counted(same, 'change')}", "the same"))
    return rows


def _left(now: Values, after: Values) -> Iterator[str]:
    for name, old, new in zip((*MASKS, "current", "status"), now, after, strict=True):
        if old != new:
            listed = ",".join(str(p) for p in range(16) if new >> p & 1) if name in MASKS else new
            yield f"{name}={listed or 'none'}"


def term_text(term: "Term", columns: int | None = None) -> str:
    """Return what a term means: its rule, its values, who has them, where it stands, an example."""
    wide = columns or PIPE_WIDTH
    kind = "field of a policy" if term.kind == "field" else term.kind
    parts = [fill(f"{term.name} ({kind}): {term.text}", wide, hang=2)]
    if term.values:
        longest = max(map(len, term.values)) + 2
        parts.append(["Values:" if term.kind == "field" else "Fields:"])
        for value, text in term.values.items():
            lines = fill(text or "no preset", wide, 2 + longest)
            parts[-1] += [f"  {value:{longest}}{lines[0].strip()}", *lines[1:]]
    if term.rules:
        parts.append(["Rules:"])
        for where, text in term.rules.items():
            parts[-1] += fill(f"{where}: {text}", wide, 2, 4)
    parts.append(["Sources:" if len(term.sources) > 1 else "Source:"])
    parts[-1] += [line for source in term.sources for line in fill(source, wide, 2, 4)]
    parts.append(["Example:", f"  {term.example}"])
    return "\n\n".join("\n".join(part) for part in parts)
