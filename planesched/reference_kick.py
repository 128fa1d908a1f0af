"""The slow model of posting, kick and look, to be read beside its rules (docs/reference/kick.md).

It stands around `reference.step` and decides when a posted event becomes an event of the rules,
and nothing else. A set of planes, or of flags, is an int whose bit p speaks of plane p.

Longer than 300 lines because it is one text: every act and property stands here once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import reference
from .events import Event, Fault, Flags
from .policy import Policy, Scheduler
from .protocol import Protocol
from .reference import BLOCKED, NOBODY, USER, Outcome, Rules, Values

__all__ = [
    "PHASES",
    "PROPERTIES",
    "Act",
    "Kicked",
    "Layer",
    "Send",
    "broken_by",
    "broken_in",
    "possible",
    "start",
]

OUT, LOOKING, TAKEN, LOOKED, COMMITTED, IN = range(6)
PHASES = ("out", "looking", "taken", "looked", "committed", "in")

PROPERTIES = ("lost_asleep", "lost_running", "owed", "loop", "twice")
"""The properties, in the order of their bits in C."""

TEST, POST, KICK = range(3)
PROGRAMS = {
    "post_first": (POST, KICK),
    "kick_first": (KICK, POST),
    "test_first": (TEST, POST, KICK),
}
LEAVING = (Event.HALT, Event.CALL, Event.RETURN)
NOTICED = Flags.SWITCHED | Flags.INJECTED | Flags.NMI | Flags.VINA


@dataclass(frozen=True)
class Send:
    """An interrupt or NMI for a plane, by a sender: post and kick, or only one of the two."""

    kind: str
    plane: int
    kicked: bool = True
    posted: bool = True

    def program(self, protocol: Protocol) -> tuple[int, ...]:
        """Return the acts of this send, in order."""
        acts = PROGRAMS[protocol.order]
        if not self.kicked:
            return (POST,)
        return acts if self.posted else tuple(act for act in acts if act != POST)


class Due(NamedTuple):
    """What a test found: is a kick due, and if so a signal."""

    kick: bool
    signal: bool


class Place(NamedTuple):
    """Where a sender stands in its program, and what its test found."""

    done: int = 0
    due: Due | None = None


class Layer(NamedTuple):
    """The state of the layer beside the 32 bytes."""

    posted: int = 0
    pnmi: int = 0
    kick: int = 0
    mute: int = 0
    look: int = 0
    seen: int = 0
    phase: int = OUT
    places: tuple[Place, ...] = ()


class Act(NamedTuple):
    """One act: its name, the send or plane that it names, and a guest's event."""

    name: str
    number: int = NOBODY
    event: Event | None = None

    def __str__(self) -> str:
        word = self.name if self.event is None else self.event.name.lower()
        return word if self.number == NOBODY else f"{word} {self.number}"


@dataclass(frozen=True)
class Kicked:
    """One vCPU and its senders: all that an act depends on."""

    policy: Policy
    protocol: Protocol
    sends: tuple[Send, ...]
    state: Values
    layer: Layer

    # ---- What the acts and properties ask ----

    @property
    def looker(self) -> int:
        """The plane that looks, or `NOBODY` for the host's thread."""
        return NOBODY if self.protocol.looker == "host" else int(self.protocol.looker)

    @property
    def current(self) -> int:
        """The current plane."""
        return self.state[-2]

    @property
    def user(self) -> bool:
        """Whether the vCPU is in userspace."""
        return bool(self.state[-1] & USER)

    @property
    def blocked(self) -> bool:
        """Whether the vCPU is blocked."""
        return bool(self.state[-1] & BLOCKED)

    @property
    def rules(self) -> Rules:
        """The rules, loaded with the 32 bytes."""
        rules = Rules(self.policy)
        rules.load(self.state)
        return rules

    @property
    def looker_runs(self) -> bool:
        """Whether a looker plane runs, so that it can act."""
        return self.current == self.looker and not self.state[-1]

    def flag(self, plane: int) -> int:
        """Return the flag of a plane."""
        return reference.bit(plane) if self.protocol.scope == "plane" else 1

    def booked(self, plane: int) -> int:
        """Return the flag that a kick for a plane raises; its latch is the target's if none."""
        return self.flag(self.current if self.protocol.book == "current" else plane)

    def bit_of(self, send: Send) -> int:
        """Return the planes' bit of a send if it is posted already, else 0."""
        masks = self.layer.pnmi if send.kind == "nmi" else self.layer.posted
        return masks & reference.bit(send.plane)

    def half_way(self, number: int) -> bool:
        """Whether a sender has begun and not ended."""
        done = self.layer.places[number].done
        return 0 < done < len(self.sends[number].program(self.protocol))

    def any_half_way(self) -> bool:
        """Whether some send is half-way."""
        return any(self.half_way(i) for i in range(len(self.sends)))

    # ---- Changes ----

    def with_layer(self, **changes: object) -> "Kicked":
        """Return it with masks or phase of the layer changed."""
        layer = self.layer._replace(**changes)  # type: ignore[arg-type]
        return Kicked(self.policy, self.protocol, self.sends, self.state, layer)

    def with_state(self, state: Values) -> "Kicked":
        """Return it with other 32 bytes."""
        return Kicked(self.policy, self.protocol, self.sends, state, self.layer)

    def moved(self, number: int, place: Place) -> "Kicked":
        """Return it with a sender elsewhere in its program."""
        places = list(self.layer.places)
        places[number] = place
        return self.with_layer(places=tuple(places))

    def step(self, event: Event, plane: int = NOBODY) -> tuple["Kicked", Outcome]:
        """Let the rules decide."""
        state, outcome = reference.step(self.policy, self.state, event, plane)
        return self.with_state(state), outcome

    def used_up(self, cover: int) -> "Kicked":
        """Return it with the flags of `cover` down and their latches open."""
        flags = cover if self.protocol.scope == "plane" else int(bool(cover))
        opened = self.flag(self.current) if self.protocol.suppress == "current" else flags
        return self.with_layer(kick=self.layer.kick & ~flags, mute=self.layer.mute & ~opened)

    def resettled(self) -> "Kicked":
        """Return it with a looker plane that runs again no longer away."""
        if self.looker != NOBODY and self.layer.phase == IN and self.looker_runs:
            return self.with_layer(phase=OUT)
        return self


def start(
    policy: Policy,
    state: Values,
    sends: Sequence[Send] = (),
    protocol: Protocol | None = None,
    phase: str | None = None,
) -> Kicked:
    """Return the start: all masks empty, ``out``, or ``in`` where the looker is not current."""
    protocol = protocol or Protocol()
    layer = Layer(places=(Place(),) * len(sends))
    kicked = Kicked(policy, protocol, tuple(sends), state, layer)
    away = kicked.looker not in (NOBODY, kicked.current)
    return kicked.with_layer(phase=PHASES.index(phase) if phase else IN if away else OUT)


# ---- Senders ----


def due(k: Kicked, send: Send) -> Due:
    """Return what of a kick is due now."""
    protocol, host = k.protocol, k.looker == NOBODY
    resting = k.layer.phase == IN
    runs = k.current == send.plane and not k.state[-1] and (resting or not host)
    kick = not (
        (protocol.when == "first" and protocol.order == "kick_first" and k.bit_of(send))
        or (protocol.when == "other" and runs)
        or (protocol.when == "resting" and not resting)
        or k.layer.mute & k.booked(send.plane)
    )
    signal = not (
        protocol.signal == "none"
        or (protocol.signal == "exit" and k.blocked)
        or (protocol.signal == "wake" and not k.blocked)
        or (host and not resting)
    )
    return Due(kick, signal)


def post(k: Kicked, number: int) -> Kicked:
    """Do `post`."""
    send, place = k.sends[number], k.layer.places[number]
    over = place._replace(done=len(send.program(k.protocol)))
    nmi = send.kind == "nmi"
    if k.looker != NOBODY and not k.rules.below(k.looker) & reference.bit(send.plane):
        own, _ = k.step(Event.NMI if nmi else Event.IRQ, send.plane)
        return own.moved(number, over)
    again = k.bit_of(send) and k.protocol.when == "first" and k.protocol.order != "kick_first"
    mask = "pnmi" if nmi else "posted"
    k = k.with_layer(**{mask: getattr(k.layer, mask) | reference.bit(send.plane)})
    return k.moved(number, over if again else place._replace(done=place.done + 1))


def kick(k: Kicked, number: int) -> Kicked:
    """Do `kick`."""
    send, place = k.sends[number], k.layer.places[number]
    now = place.due or due(k, send)
    k = k.moved(number, place._replace(done=place.done + 1, due=None))
    if not now.kick:
        return k
    flag = k.booked(send.plane)
    if k.protocol.suppress != "off":
        k = k.with_layer(mute=k.layer.mute | flag)
    if k.protocol.book != "none":
        k = k.with_layer(kick=k.layer.kick | flag, seen=k.layer.seen & ~flag)
    if not now.signal:
        return k
    if k.looker != NOBODY:
        return k.step(Event.IRQ, k.looker)[0]
    return k.with_layer(phase=OUT) if k.layer.phase == IN else k


def sending(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield what senders can do."""
    for number, (send, place) in enumerate(zip(k.sends, k.layer.places, strict=True)):
        program = send.program(k.protocol)
        if place.done == len(program):
            continue
        act = program[place.done]
        if act == TEST:
            yield Act("test", number), k.moved(number, Place(place.done + 1, due(k, send)))
        elif act == POST:
            yield Act("post", number), post(k, number)
        else:
            yield Act("kick", number), kick(k, number)


# ---- The looker ----


def covered(k: Kicked) -> int:
    """Return the planes that a look would cover."""
    if k.protocol.scope == "plane" or not k.layer.kick:
        return k.layer.kick
    online = k.rules.online
    return online if k.protocol.scope == "vcpu" else reference.bit(k.rules.first(online))


def look(k: Kicked) -> Kicked:
    """Do `look`."""
    cover = covered(k)
    if not cover:
        return k.with_layer(phase=LOOKED)
    flags = cover if k.protocol.scope == "plane" else 1
    if k.protocol.consume == "before":
        k = k.used_up(cover)
    elif k.protocol.consume == "never":
        k = k.with_layer(seen=k.layer.seen | flags)
    return k.with_layer(look=cover, phase=LOOKING)


def taking(k: Kicked, planes: int) -> tuple[Kicked, list[Outcome]]:
    """Take the posted events of some planes in order of rank, an NMI before an interrupt."""
    outcomes = []
    while waiting := planes & (k.layer.posted | k.layer.pnmi):
        plane = k.rules.first(waiting)
        nmi = k.layer.pnmi & reference.bit(plane)
        mask = "pnmi" if nmi else "posted"
        k = k.with_layer(**{mask: getattr(k.layer, mask) & ~reference.bit(plane)})
        k, outcome = k.step(Event.NMI if nmi else Event.IRQ, plane)
        outcomes.append(outcome)
    return k, outcomes


def take(k: Kicked) -> Kicked:
    """Do `take`."""
    k, _ = taking(k, k.layer.look)
    if k.protocol.consume == "after":
        return k.with_layer(phase=TAKEN)
    return k.with_layer(look=0, phase=LOOKED)


def end(k: Kicked) -> Kicked:
    """Do `end`."""
    return k.used_up(k.layer.look).with_layer(look=0, phase=LOOKED)


def recheck(k: Kicked, asleep: bool) -> str:
    """Return when flags are tested before an entry, or before sleep."""
    return k.protocol.recheck_sleep if asleep else k.protocol.recheck_entry


def looking(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield what the looker alone can do, but for leaving."""
    host, phase = k.looker == NOBODY, k.layer.phase
    if k.user or not (host or k.looker_runs):
        return
    if phase == OUT:
        yield Act("look"), look(k)
    elif phase == LOOKING:
        yield Act("take"), take(k)
    elif phase == TAKEN:
        yield Act("end"), end(k)
    elif phase == LOOKED:
        early = [recheck(k, k.blocked)]
        if not host:
            early = [k.protocol.recheck_entry, k.protocol.recheck_sleep]
        if "early" in early:
            yield Act("check"), k.with_layer(phase=OUT if k.layer.kick else COMMITTED)
    if host:
        yield from resting(k)


def resting(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield the host's entry or sleep."""
    when = recheck(k, k.blocked)
    if k.layer.phase != (COMMITTED if when == "early" else LOOKED):
        return
    refused = when == "last" and k.layer.kick
    yield Act("sleep" if k.blocked else "enter"), k.with_layer(phase=OUT if refused else IN)


def answering(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield what the default userspace scheduler does."""
    host = k.looker == NOBODY
    if not k.user or (host and k.layer.phase not in (OUT, LOOKED)):
        return
    pick = reference.default_pick(k.policy, k.state)
    if pick is None:
        return
    state = k.state
    if k.policy.scheduler == Scheduler.user:
        state = reference.prepare(k.policy, state, pick)
    entered, outcome = k.with_state(state).step(Event.ENTER, pick)
    if outcome.fault == Fault.NONE:
        yield Act("answer"), entered.with_layer(phase=OUT) if host else entered


def leaving(k: Kicked, event: Event, plane: int) -> Iterator[tuple[Act, Kicked]]:
    """Yield a looker plane's halt, call or return, if it can do it; refused, it looks again."""
    halts = event == Event.HALT
    when = recheck(k, halts)
    if k.layer.phase != COMMITTED and (k.layer.phase != LOOKED or when == "early"):
        return
    if plane == k.looker or (halts and k.rules.deliverable() & k.rules.below(k.looker)):
        return
    act = Act("guest", plane, event)
    left, outcome = k.step(event, plane)
    if outcome.fault != Fault.NONE:
        return
    if when == "last" and k.layer.kick:
        yield act, k.with_layer(phase=OUT)
    else:
        yield act, left.with_layer(phase=IN)


# ---- Everything else ----


def guest(k: Kicked, event: Event, plane: int = NOBODY) -> Iterator[tuple[Act, Kicked]]:
    """Yield an event of the guest, if it can happen."""
    if k.state[-1]:
        return
    host = k.looker == NOBODY
    if not host and k.current == k.looker:
        if event in LEAVING:
            yield from leaving(k, event, plane)
        return
    if host and k.layer.phase != IN:
        return
    after, outcome = k.step(event, plane)
    if outcome.fault != Fault.NONE:
        return
    if host and (event in LEAVING or after.user):
        after = after.with_layer(phase=OUT)
    yield Act("guest", plane, event), after


def polling(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield the poll, where there is one."""
    how = k.protocol.poll
    if k.looker != NOBODY or how == "off" or k.layer.phase != IN:
        return
    if how == "rest" or k.blocked:
        flags = k.rules.online if k.protocol.scope == "plane" else 1
        yield Act("poll"), k.with_layer(kick=k.layer.kick | flags, phase=OUT)


def restoring(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield a save and restore that loses flags."""
    if k.protocol.restore == "lost" and k.layer.phase == OUT and not k.any_half_way():
        yield Act("restore"), k.with_layer(kick=0, mute=0, seen=0)


def possible(k: Kicked, events: Sequence[tuple[Event, int]] = ()) -> Iterator[tuple[Act, Kicked]]:
    """Yield every act that can happen, with what it leads to.

    Parameters
    ----------
    k : Kicked
        Where it stands.
    events : sequence of (Event, int)
        What guests may do, with the plane that each names, or -1.
    """
    for source in (sending(k), looking(k), answering(k), polling(k), restoring(k)):
        for act, after in source:
            yield act, after.resettled()
    for event, plane in events:
        for act, after in guest(k, event, plane):
            yield act, after.resettled()


# ---- Properties ----


def matters(k: Kicked) -> bool:
    """Whether a look matters: the posted events would change something if they were taken."""
    waiting = k.layer.posted | k.layer.pnmi
    if not waiting:
        return False
    if k.looker != NOBODY:
        called, _ = k.step(Event.IRQ, k.looker)
        if not called.looker_runs:
            return False
        taken, _ = taking(called, waiting)
        return bool(taken.rules.deliverable() & waiting)
    taken, outcomes = taking(k, waiting)
    noticed = any(out.flags & NOTICED for out in outcomes)
    return noticed or (k.blocked and not taken.blocked) or (taken.user and not k.user)


def lost(k: Kicked) -> str | None:
    """Return ``lost_asleep`` or ``lost_running`` where that is broken."""
    if k.layer.phase != IN or k.user or k.any_half_way() or any(polling(k)) or not matters(k):
        return None
    return "lost_asleep" if k.blocked else "lost_running"


def loops(k: Kicked) -> bool:
    """Whether the looker's acts alone never come to rest."""
    met = set()
    while (k.state, k.layer) not in met:
        met.add((k.state, k.layer))
        if k.layer.phase == IN or free_to_leave(k):
            return False
        acts = [*looking(k), *answering(k), *refusals(k)]
        if not acts:
            return False
        k = acts[0][1].resettled()
    return True


def may_leave(k: Kicked, event: Event) -> str | None:
    """Return the re-check of a looker plane's event in this phase; None: not possible here."""
    when = recheck(k, event == Event.HALT)
    if k.looker == NOBODY or not k.looker_runs:
        return None
    here = k.layer.phase == COMMITTED or (k.layer.phase == LOOKED and when != "early")
    return when if here else None


def free_to_leave(k: Kicked) -> bool:
    """Whether a looker plane stands where it may leave, and would not be refused."""
    when = [may_leave(k, event) for event in (Event.HALT, Event.RETURN)]
    return any(w is not None and not (w == "last" and k.layer.kick) for w in when)


def refusals(k: Kicked) -> Iterator[tuple[Act, Kicked]]:
    """Yield what a looker plane's attempt to leave leads to, where it is refused."""
    if may_leave(k, Event.RETURN) == "last" and k.layer.kick:
        yield Act("guest", NOBODY, Event.RETURN), k.with_layer(phase=OUT)


def broken_in(k: Kicked) -> set[str]:
    """Return the properties of states that are broken here."""
    found = {name for name in (lost(k),) if name}
    return found | {"loop"} if loops(k) else found


def broken_by(before: Kicked, act: Act, after: Kicked) -> set[str]:
    """Return the properties of acts that this one breaks."""
    broken = set()
    leaves = act.name in ("enter", "sleep") or (
        before.looker != NOBODY and before.current == before.looker and act.event in LEAVING
    )
    refused = leaves and after.layer.phase == OUT and after.state == before.state
    if leaves and not refused and before.layer.kick:
        broken.add("owed")
    if act.name == "look":
        cover = covered(before)
        flags = cover if before.protocol.scope == "plane" else int(bool(cover))
        if flags & before.layer.seen:
            broken.add("twice")
    return broken
