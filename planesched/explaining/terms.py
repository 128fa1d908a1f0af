"""What each term means: the rules' own words, the values, who has which, and an example.

The texts stand elsewhere, each once: fields, events, reasons, faults, flags and masks in the rules,
properties in `planesched.checking.properties`, presets in `planesched.presets`, figures in
`planesched.figures.words`, cost sets in `planesched.workload.costs`,
acts and alphabets of searches in `planesched.checking.alphabets`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..checking.alphabets import ACTS, ALPHABETS
from ..checking.properties import PROPERTIES
from ..errors import Mistake, nearest
from ..events import MASKS, ChipEvent, Event, Fault, Flags, Reason
from ..figures.words import FIGURES
from ..policy import ENUMS, Policy, field_names
from ..presets import presets
from ..workload.costs import cost_sets
from . import rules
from .examples import example

__all__ = ["KINDS", "SCHEMA", "Term", "lookup", "meaning", "terms"]

SCHEMA = "planesched.terms/1"
"""Changes when what ``planesched explain --json`` gives changes its form."""

KINDS = (
    "field",
    "property",
    "reason",
    "fault",
    "event",
    "flag",
    "mask",
    "preset",
    "figure",
    "cost set",
    "act",
    "alphabet",
)
"""What a term may be; the same word may be several things."""


@dataclass(frozen=True)
class Term:
    """One term.

    Attributes
    ----------
    name, kind : str
        What it is called, and which of `KINDS` it is.
    text : str
        What it means, in a sentence.
    values : dict of str to str
        A field's values, and the presets that have each; a preset's fields and their values.
    rules : dict of str to str
        The rules that speak of it, by where they stand.
    sources : tuple of str
        Where that comes from.
    example : str
        A command that shows it.

    Examples
    --------
    >>> [term] = lookup("wake")
    >>> term.kind, list(term.values)
    ('field', ['preemptors', 'own'])
    """

    name: str
    kind: str
    text: str
    values: dict[str, str]
    rules: dict[str, str]
    sources: tuple[str, ...]
    example: str

    def __str__(self) -> str:
        from .words import term_text

        return term_text(self)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, as JSON holds them."""
        return {**vars(self), "sources": list(self.sources)}


@cache
def terms() -> tuple[Term, ...]:
    """Return every term, by kind and in the order of the rules."""
    return tuple(_terms())


def lookup(name: str) -> list[Term]:
    """Return what has this name, in the order of `KINDS`.

    Raises
    ------
    Mistake
        If nothing has; with what was probably meant.
    """
    wanted = "_".join(name.casefold().replace("-", " ").split())
    found = [term for term in terms() if term.name == wanted]
    if not found:
        near = nearest(wanted, {term.name for term in terms()})
        meant = "" if near is None else f"; did you mean {near}?"
        raise Mistake("TERM", name, f"a term, which planesched explain alone lists{meant}")
    return found


def meaning(kind: str, name: str) -> str:
    """Return what one term means, in a sentence."""
    return next(term.text for term in terms() if (term.kind, term.name) == (kind, name))


def _terms() -> Iterator[Term]:
    for name in field_names():
        _, _, meaning = rules.tables()["field"][name]
        yield _term(name, "field", meaning, _presets_of(name), _sources_of(name))
    for item in PROPERTIES.values():
        usual = "" if item.usual else " Looked at where it is named."
        yield Term(
            item.name, "property", item.sentence + usual, {}, {"as a formula": item.formula},
            ("docs/reference/checker.md",), example("property", item.name),
        )  # fmt: skip
    yield from _named("reason", Reason)
    yield from _named("fault", Fault)
    yield from _named("event", Event)
    for event in ChipEvent:
        name = event.name.lower()
        yield _term(name, "event", rules.bullet("8", name), sources=("rules, 8",))
    yield from _named("flag", Flags)
    for name in MASKS:
        yield _term(name, "mask", f"plane p {rules.tables()['mask'][name][1]} (1)")
    for preset in presets().values():
        fields = {key: _word(value) for key, value in preset.fields.items()}
        yield Term(
            preset.name, "preset", f"{preset.title}. {preset.rule}", fields, {}, (preset.source,),
            example("preset", preset.name),
        )  # fmt: skip
    for name, text in FIGURES.items():
        yield Term(
            name, "figure", text, {}, {}, ("docs/reference/simulation.md, Figures",),
            example("figure", name),
        )  # fmt: skip
    for each in cost_sets().values():
        text = f"{str(each.costs) or 'none'}. {each.note}"
        shown = example("cost set", each.name)
        yield Term(each.name, "cost set", text, {}, {}, (each.source,), shown)
    searched = ("docs/reference/checker.md, What may happen",)
    for name, text in ACTS.items():
        yield Term(name, "act", text, {}, {}, searched, example("act", name))
    for alphabet in ALPHABETS.values():
        text = f"{alphabet.question} ({', '.join(alphabet.events)})"
        shown = example("alphabet", alphabet.name)
        yield Term(alphabet.name, "alphabet", text, {}, {}, searched, shown)


def _named(kind: str, members: Iterable[Any]) -> Iterator[Term]:
    for member in members:
        name = member.name.lower()
        first, text = rules.tables()[kind][name]
        yield _term(name, kind, f"{first}: {text}" if kind == "event" else text)


def _term(
    name: str, kind: str, meaning: str, values: dict[str, str] | None = None,
    sources: tuple[str, ...] = (),
) -> Term:  # fmt: skip
    found = dict(_cited(name, kind, meaning))
    where = "docs/reference/rules.md, " + ", ".join(_home(kind, meaning))
    return Term(
        name, kind, rules.plain(meaning), values or {}, found, (where, *sources),
        example(kind, name),
    )  # fmt: skip


def _home(kind: str, meaning: str) -> list[str]:
    first = {"field": "2", "mask": "1", "event": "4", "reason": "4", "fault": "4", "flag": "4"}[
        kind
    ]
    return list(dict.fromkeys([first, *rules.cited(meaning)]))


def _cited(name: str, kind: str, meaning: str) -> Iterator[tuple[str, str]]:
    """Give the rules that a meaning cites; of long ones, the parts that speak of the name."""
    numbers = rules.cited(meaning)
    for number in numbers or (rules.speaking(name) if kind == "field" else []):
        if number == "3.4":
            for step in range(1, 9):
                text = rules.section(f"3.4.{step}")
                if rules.mentions(text, name):
                    yield f"3.4.{step}", rules.plain(text)
        elif number.startswith("3"):
            yield number, rules.plain(rules.section(number))
        elif number == "4" and kind in ("field", "reason"):
            yield from _event_rows(name, kind)
    if kind == "field":
        for i, text in enumerate(rules.readings(name), 1):
            yield f"reading {i}", text


def _event_rows(name: str, kind: str) -> Iterator[tuple[str, str]]:
    """Give the events whose effect looks at a field, or that are a reason's cause."""
    values = _values_of(name) if kind == "field" else []
    seen = set()
    for event, (first, text) in rules.tables()["event"].items():
        spoken = any(rules.mentions(text, word) for word in (name, *values))
        if (event == name or spoken or (kind == "field" and name in text)) and first not in seen:
            seen.add(first)
            yield f"4, {rules.plain(first)}", rules.plain(text)


def _values_of(name: str) -> list[str]:
    return [member.name for member in ENUMS[name]] if name in ENUMS else []


def _presets_of(name: str) -> dict[str, str]:
    """Return a field's values in their order, each with the presets that have it."""
    found: dict[str, list[str]] = {value: [] for value in _values_of(name)}
    usual = Policy().as_dict()[name]
    for preset in presets().values():
        found.setdefault(_word(preset.fields.get(name, usual)), []).append(preset.name)
    return {value: ", ".join(names) for value, names in found.items()}


def _sources_of(name: str) -> tuple[str, ...]:
    """Return the sources of the first preset that has each value."""
    firsts = dict.fromkeys(names.split(", ")[0] for names in _presets_of(name).values() if names)
    return tuple(f"{preset}: {presets()[preset].source}" for preset in firsts)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
