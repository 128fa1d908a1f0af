"""Ask the slow model why: it tells what each rule says while it decides."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from .. import reference
from ..checking.cures import single_fields
from ..checks import plane_count, planes_of
from ..conformance import nearest
from ..errors import Mistake
from ..events import MASKS, Event, Reason, event_number
from ..policy import Policy, Scheduler
from ..policytext import Given, as_policy
from ..text import counted
from .explanation import Change, Explanation, Note, PlaneStory

__all__ = ["explain"]

_SILENT = ("fault", "exit", "effect", "base", "pre", "not asked")
"""Topics that say something of no plane, too."""


def explain(
    policy: Given, state: Any, event: str | int, plane: int | None = None, *,
    planes: int | None = None, label: str | None = None,
) -> Explanation:  # fmt: skip
    """Say why an event in a state leads to what it leads to, rule by rule.

    The slow model (`planesched.reference`) decides, and tells what each rule says of which plane
    as it goes; it agrees with the core in every bit. An algorithm with memory is asked with the
    memory that it begins with. Each other value of each field is tried alone, from this very state:
    `boot` too, where a step asks for it (``empty = marker`` without a marker, locks), but not as
    another beginning.

    Parameters
    ----------
    policy : Policy, str or path-like
        How the planes are scheduled, as of `VM`.
    state : ndarray or void, dtype STATE
        The 32 bytes before the event, as `VM.state` and `VCPU.state` give them. They may be ones
        that no system reaches.
    event : str or int
        What happens, as `VCPU.step` takes it.
    plane : int, optional
        The plane that the event names.
    planes : int, optional
        How many there are, 1..16; as many as the state speaks of, unless given.
    label : str, optional
        What the policy is called; what it is given as, or its nearest preset, unless given.

    Returns
    -------
    Explanation
        Its str() is at most 80 columns wide.

    Raises
    ------
    Mistake
        A ValueError, if there is no such event, or it lacks a plane or has one too many, or the
        policy's algorithm is a C function, or the state is none of that many planes; a TypeError
        too, if `state` is no state.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("kvm_planes").vcpus[0]
    >>> print(explain("kvm_planes", vcpu.state, "irq", 1).text().splitlines()[0])
    irq 1 under kvm_planes with 2 planes, while plane 0 runs: plane 0 goes on.
    """
    before = reference.values_of(state)
    top = max(int(mask).bit_length() for mask in before[: len(MASKS)])
    count = plane_count(max(2, top, before[-2] + 1) if planes is None else planes)
    if top > count or not 0 <= before[-2] < count or before[-1] > reference.BLOCKED:
        raise Mistake("state", state, f"one of a vCPU with {counted(count, 'plane')}")
    made = as_policy(policy, count)
    heard = _Heard(count)
    slow = reference.Reference(made, count, listener=heard)
    slow.state = reference.record_of(before)
    outcome = slow.step(event, plane)
    after = slow.values
    number = event_number(event)
    name = Event(number).name.lower()
    at = heard.at or before
    return Explanation(
        label=_label(policy, made, count) if label is None else label,
        policy=made,
        planes=count,
        event=name if plane is None else f"{name} {plane}",
        before=before,
        at=at,
        after=after,
        outcome=outcome,
        order=tuple(slow.order()),
        notes=tuple(heard.notes),
        stories=tuple(_stories(heard, at, [*slow.order(), *range(count)])),
        changes=tuple(_changes(made, count, before, number, plane)),
    )


class _Heard:
    """Listens to a step."""

    def __init__(self, planes: int) -> None:
        self.planes = planes
        self.notes: list[Note] = []
        self.at: reference.Values | None = None
        self._last: dict[str, str] = {}

    def hear(
        self, rules: reference.Rules, topic: str, planes: int, section: str, text: str
    ) -> None:
        """Keep what is said of a plane, or of the vCPU."""
        if topic == "effect":
            self.at = rules.values()
        named = tuple(plane for plane in planes_of(planes) if plane < self.planes)
        if topic in ("view", "pick") and named:
            self._last[topic] = str(named[0])
        if named or topic in _SILENT:
            self.notes.append(Note(topic, named, section, text.format_map(self._last)))

    def until(self, topic: str) -> list[Note]:
        """Return what was said until this topic, which ends a part of the decision."""
        topics = [note.topic for note in self.notes]
        return self.notes[: topics.index(topic)] if topic in topics else []


def _stories(heard: _Heard, at: reference.Values, planes: list[int]) -> Iterator[PlaneStory]:
    """Say of each plane what became of it."""
    said = {note.topic: note.planes for note in heard.notes}
    base, pre, view = said.get("base", ()), said.get("pre", ()), said.get("view", ())
    pick = said.get("pick", ())
    to_base, to_pre = heard.until("base"), heard.until("pre")
    for plane in dict.fromkeys(planes):
        runs = [note for note in to_base if note.topic == "not base" and plane in note.planes]
        enters: tuple[Note, ...] = ()
        if plane not in (*base, *pre, *view):
            enters = _entering(to_pre, plane) + _asking(heard.notes, plane)
        behind = [n for n in heard.notes if n.topic == "not pick" and plane in n.planes]
        yield PlaneStory(
            plane=plane,
            has=tuple(name for name, mask in zip(MASKS, at, strict=False) if mask >> plane & 1),
            picked=plane in pick,
            runs=runs[0] if runs and plane not in base else None,
            enters=enters,
            behind=behind[0] if behind else None,
        )


def _entering(notes: list[Note], plane: int) -> tuple[Note, ...]:
    """Return the first rule that keeps a plane's events out, or what is said of each event."""
    early = [n for n in notes if n.topic == "not pre" and plane in n.planes]
    if early:
        return (early[0],)
    start = max((i for i, note in enumerate(notes) if note.topic == "view"), default=0)
    events = [n for n in notes[start:] if n.topic == "no event" and plane in n.planes]
    return tuple(dict.fromkeys(events))


def _asking(notes: list[Note], plane: int) -> tuple[Note, ...]:
    """Return what keeps a plane's events from making the vCPU exit, where that was looked at."""
    topics = [note.topic for note in notes]
    if "not asked" not in topics:
        return ()
    looked = notes[topics.index("not asked") :]
    why = [n for n in looked if n.topic in ("not asked", "no event") and plane in n.planes]
    return tuple(why[:1])


@lru_cache(16)
def _near(policy: Policy, planes: int) -> tuple[tuple[str, Policy], ...]:
    """Give the policies that differ in one field, which many steps of a run ask for.

    Of `accelerated`, which is a set that only userspace's scheduling looks at, each reason is
    taken away or added alone.
    """
    near = list(single_fields(policy, planes))
    near += [(f"boot={p}", policy.replace(boot=p)) for p in range(planes) if p != policy.boot]
    if policy.scheduler == Scheduler.kernel and policy.algorithm == "rank":
        near.append(("algorithm=round_robin", policy.replace(algorithm="round_robin")))
    if policy.scheduler == Scheduler.user:
        for reason in list(Reason)[1:]:
            changed = policy.replace(accelerated={*policy.accelerated} ^ {reason})
            named = _word(changed.as_dict()["accelerated"]) or "none"
            near.append((f"accelerated={named}", changed))
    return tuple(near)


def _changes(
    policy: Policy, planes: int, before: reference.Values, event: int, plane: int | None
) -> Iterator[Change]:
    """Do the same step under every policy that differs in one field."""
    named = reference.NOBODY if plane is None else plane
    for setting, changed in _near(policy, planes):
        if changed.hands_over != policy.hands_over and event == Event.CALL:
            continue  # Its call is another event: one that names a plane, or none.
        after, outcome = reference.step(changed, before, event, named)
        yield Change(setting, outcome, after)


def _label(given: Given, policy: Policy, planes: int) -> str:
    return given if isinstance(given, str) else _in_words(policy, planes)


@lru_cache(16)
def _in_words(policy: Policy, planes: int) -> str:
    """Return a policy as the preset that it is nearest to, with what differs."""
    preset, fields = nearest(policy, planes)
    settings = ",".join(f"{name}={_word(value)}" for name, value in fields.items())
    return f"{preset}:{settings}" if settings else preset


def _word(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
