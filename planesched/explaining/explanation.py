"""An explanation: what one step did, by which rules, and what else could have been."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..checks import planes_of
from ..events import MASKS, Flags, set_names
from ..figures.written import written_by
from ..policy import Policy
from ..reference import Outcome, Values

if TYPE_CHECKING:
    from .. import core

__all__ = ["SCHEMA", "Change", "Explanation", "Note", "PlaneStory"]

SCHEMA = "planesched.explanation/1"
"""Changes when what `Explanation.as_dict` gives changes its form."""


@dataclass(frozen=True)
class Note:
    """What a rule said in this step.

    Attributes
    ----------
    topic : str
        As `planesched.reference.Listener` hears it.
    planes : tuple of int
        Of which planes.
    section : str
        Where the rule stands (docs/reference/rules.md).
    text : str
        The rule in words.

    Examples
    --------
    >>> from planesched import VM, explain
    >>> print(explain("vsm", VM("vsm").state[0], "irq", 1).told("pick")[0])
    as the first by rank (3.4.5)
    """

    topic: str
    planes: tuple[int, ...]
    section: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.section})"


@dataclass(frozen=True)
class PlaneStory:
    """What became of one plane.

    Attributes
    ----------
    plane : int
        The plane.
    has : tuple of str
        The masks of the state that it is in when the choice is made.
    picked : bool
        Whether it is the pick.
    runs : Note or None
        What keeps it from running of itself; None where it could.
    enters : tuple of Note
        What keeps its events from bringing it in, the first rule; of several events one for each.
    behind : Note or None
        What it is behind of, where it could run or be brought in and is not picked.

    Examples
    --------
    >>> from planesched import VM, explain
    >>> story = explain("vsm", VM("vsm").state[0], "irq", 1).stories[1]
    >>> story.plane, story.picked, str(story.behind)
    (0, False, 'plane 1 comes before it (3.4.5)')
    """

    plane: int
    has: tuple[str, ...]
    picked: bool
    runs: Note | None
    enters: tuple[Note, ...]
    behind: Note | None


@dataclass(frozen=True)
class Change:
    """What the same event in the same state would have led to with one field changed.

    Attributes
    ----------
    setting : str
        The field and its value: ``"preempt=none"``.
    outcome : Outcome
        What it does then.
    after : tuple of int
        The state that it leaves.

    Examples
    --------
    >>> from planesched import VM, explain
    >>> found = explain("vsm", VM("vsm").state[0], "irq", 1)
    >>> [change.setting for change in found.changes if change.outcome.now == 0]
    ['direction=lowest_first', 'rank=locked', 'preempt=none', 'scheduler=user', 'marker=0']
    """

    setting: str
    outcome: Outcome
    after: Values


@dataclass(frozen=True)
class Explanation:
    """Why one step did what it did: as text, as HTML in a notebook, as JSON.

    Attributes
    ----------
    label : str
        The policy in words.
    policy : Policy
        How the planes are scheduled.
    planes : int
        How many there are.
    event : str
        What happened, as ``planesched step`` takes it.
    before, after : tuple of int
        The state: the masks in the order of `planesched.events.MASKS`, ``current``, ``status``.
    at : tuple of int
        The state when the choice is made: after the event's own effect.
    outcome : Outcome
        What the step did.
    order : tuple of int
        The planes that are online, from the most to the least privileged (rules, 3.1).
    notes : tuple of Note
        What every rule said, in the order of the decision.
    stories : tuple of PlaneStory
        What became of each plane, in `order`, those that are not online last.
    changes : tuple of Change
        What each field changed alone would have led to.

    Examples
    --------
    >>> from planesched import VM, explain
    >>> vm = VM("vsm", planes=3)
    >>> found = explain("vsm", vm.state[0], "irq", 1)
    >>> found.pick, found.order, found.stories[0].runs.text
    (1, (2, 1, 0), 'it is not runnable')
    """

    label: str
    policy: Policy
    planes: int
    event: str
    before: Values
    at: Values
    after: Values
    outcome: Outcome
    order: tuple[int, ...]
    notes: tuple[Note, ...]
    stories: tuple[PlaneStory, ...]
    changes: tuple[Change, ...]

    def told(self, topic: str) -> list[Note]:
        """Return the notes of a topic, in the order of the decision."""
        return [note for note in self.notes if note.topic == topic]

    def _planes(self, topic: str) -> tuple[int, ...] | None:
        notes = self.told(topic)
        return notes[-1].planes if notes else None

    @property
    def base(self) -> tuple[int, ...] | None:
        """The planes that could run of themselves (3.4.2); None where nothing was dispatched."""
        return self._planes("base")

    @property
    def view(self) -> int | None:
        """The plane from which events were seen (3.4.3)."""
        planes = self._planes("view")
        return planes[0] if planes else None

    @property
    def preemptors(self) -> tuple[int, ...] | None:
        """The planes whose events would have taken the vCPU (3.3)."""
        return self._planes("pre")

    @property
    def pick(self) -> int | None:
        """The plane that was chosen (3.4.5), if one was."""
        planes = self._planes("pick")
        return planes[0] if planes else None

    def same(self, change: Change) -> bool:
        """Tell whether a change would have led to the same."""
        return (change.outcome, change.after) == (self.outcome, self.after)

    def text(self, columns: int | None = None) -> str:
        """Return what str() gives, at most `columns` wide, 80 by default."""
        from .words import as_text

        return as_text(self, columns)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        from .words import as_html

        return as_html(self)

    def __repr__(self) -> str:
        return f"<Explanation of {self.event} under {self.label}: {self.outcome}>"

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON holds them."""
        return {
            "schema": SCHEMA,
            **written_by(),
            "policy": self.policy.as_dict(),
            "label": self.label,
            "planes": self.planes,
            "event": self.event,
            "before": state_dict(self.before),
            "at": state_dict(self.at),
            "after": state_dict(self.after),
            "outcome": outcome_dict(self.outcome),
            "order": list(self.order),
            "base": _listed(self.base),
            "view": self.view,
            "preemptors": _listed(self.preemptors),
            "pick": self.pick,
            "notes": [_note(note) for note in self.notes],
            "stories": [_story(story) for story in self.stories],
            "changes": [
                {
                    "setting": change.setting,
                    "same": self.same(change),
                    "outcome": outcome_dict(change.outcome),
                    "after": state_dict(change.after),
                }
                for change in self.changes
            ],
        }

    def to_json(self) -> str:
        """Return `as_dict` as JSON."""
        return json.dumps(self.as_dict(), indent=2)


def _listed(planes: Sequence[int] | None) -> list[int] | None:
    return None if planes is None else list(planes)


def _note(note: Note) -> dict[str, Any]:
    return {
        "topic": note.topic, "planes": list(note.planes), "section": note.section,
        "text": note.text,
    }  # fmt: skip


def _story(story: PlaneStory) -> dict[str, Any]:
    return {
        "plane": story.plane,
        "has": list(story.has),
        "picked": story.picked,
        "runs": None if story.runs is None else _note(story.runs),
        "enters": [_note(note) for note in story.enters],
        "behind": None if story.behind is None else _note(story.behind),
    }


def state_dict(values: Values) -> dict[str, Any]:
    """Return a state as plain values: planes by mask, current, and how the vCPU is."""
    masks = {name: planes_of(mask) for name, mask in zip(MASKS, values, strict=False) if mask}
    status = values[-1]
    return {**masks, "current": values[-2], "user": bool(status & 1), "blocked": bool(status & 2)}


def outcome_dict(outcome: "Outcome | core.Outcome") -> dict[str, Any]:
    """Return an outcome, of either model, as plain values."""
    return {
        "was": outcome.was,
        "now": outcome.now,
        "reason": outcome.reason.name.lower(),
        "fault": outcome.fault.name.lower(),
        "flags": set_names(Flags, outcome.flags),
    }
