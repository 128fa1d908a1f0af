"""The slow model: the rules (docs/reference/rules.md) in plain Python, to be read beside them.

A set of planes is an int whose bit p speaks of plane p. A method that is named after a property
gives the set of planes that have it; one that names a single plane gives its id, or `NOBODY`.
Where a rule keeps planes out, or decides, a `Listener` is told; that explains a decision.

Longer than 300 lines because it is one text: every rule of sections 3 and 4 stands here once.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from .algorithm import Algorithm
from .checks import online_mask, plane_count, plane_id, planes_of, whole
from .errors import Mistake, TypeMistake, Words
from .events import MASKS, Event, Fault, Flags, Reason, event_number, takes_plane
from .layouts import STATE
from .policy import (
    MAX_PLANES,
    Call,
    CallSelf,
    Direction,
    Empty,
    Force,
    ForceSelf,
    Gate,
    HaltScope,
    Idle,
    Nmi,
    Policy,
    Preempt,
    Rank,
    Return,
    Scheduler,
    Trigger,
    Unhalt,
    Vina,
    Wake,
)
from .policytext import Given, as_policy

__all__ = [
    "Listener",
    "Outcome",
    "Reference",
    "Values",
    "answered",
    "boot_state",
    "default_pick",
    "prepare",
    "step",
]

ALL = 0xFFFF
NOBODY = -1
USER, BLOCKED = 1, 2

Values = tuple[int, ...]
"""A state as plain ints: the masks in the order of `MASKS`, then ``current`` and ``status``."""


class Outcome(NamedTuple):
    """What one step did: the plane before and after, why, what was refused, what happened."""

    was: int
    now: int
    reason: Reason
    fault: Fault
    flags: Flags


class Listener(Protocol):
    """Is told of a step's decisions as they are made."""

    def hear(self, rules: "Rules", topic: str, planes: int, section: str, text: str) -> None:
        """Hear what a rule says of some planes.

        Parameters
        ----------
        rules : Rules
            The step, as far as it is.
        topic : str
            ``fault``, ``effect``, ``edge``, ``base``, ``view``, ``pre``, ``pick``, ``reason``,
            ``exit`` and ``arrival`` are what is found; ``not base``, ``not pre``, ``no event``,
            ``not asked`` and ``not pick`` those that a rule keeps out.
        planes : int
            The planes.
        section : str
            Where the rule stands.
        text : str
            The rule in words, of these planes. ``{view}`` and ``{pick}`` stand for the plane that
            was last told of under this topic.
        """


def bit(plane: int) -> int:
    """Give the set that holds `plane` alone."""
    return 1 << plane


class Rules:
    """One vCPU under a policy: the state of section 1, and sections 3 and 4 as its methods."""

    def __init__(
        self, policy: Policy, own: "Own | None" = None, listener: Listener | None = None
    ) -> None:
        self.policy = policy
        self.listener = listener
        self.takes_turns = policy.algorithm == "round_robin"
        self.own = own
        self.marker = 0 if policy.marker is None else bit(policy.marker)
        self.accelerated = sum(bit(reason) for reason in Reason if reason in policy.accelerated)
        # Section 1, the state.
        self.online = self.runnable = self.halted = self.irq = self.masked = self.noint = 0
        self.nmi = self.trap = self.held = self.edge = self.locked = 0
        self.vina = self.vina_asserted = self.req_exit = self.unstarted = 0
        self.current = 0
        self.user = self.blocked = False
        # The step that is under way.
        self.event = self.plane = self.was = 0
        self.was_blocked = self.gave_up = self.unseen = False
        self.reason = self.fault = self.flags = 0

    def tell(self, topic: str, planes: int, section: str, text: str) -> None:
        """Tell who listens what is decided here."""
        if self.listener is not None:
            self.listener.hear(self, topic, planes, section, text)

    def kept(self, topic: str, planes: int, keep: int, section: str, text: str) -> int:
        """Give those of `planes` that are in `keep`; `text` says why the others are out."""
        if self.listener is not None:
            self.listener.hear(self, topic, planes & ~keep, section, text)
        return planes & keep

    # 3.1 Rank

    def demoted(self) -> int:
        """Planes that are not locked in, where that counts."""
        if self.policy.rank != Rank.locked:
            return 0
        return ALL & ~(self.marker | bit(self.policy.boot) | self.locked)

    def before(self, plane: int) -> int:
        """Planes that come before `plane` in the order: marker, not demoted, demoted."""
        if bit(plane) == self.marker:
            return 0
        lower = bit(plane) - 1
        if self.policy.direction == Direction.lowest_first:
            ahead = lower
        else:
            ahead = ALL & ~lower & ~bit(plane)
        demoted = self.demoted()
        if demoted & bit(plane):
            return self.marker | ALL & ~demoted | ahead & demoted
        return self.marker | ahead & ~demoted

    def outranking(self, plane: int) -> int:
        """Planes that outrank `plane`."""
        if self.policy.rank == Rank.siblings:
            return self.marker & ~bit(plane)
        return self.before(plane)

    def below(self, plane: int) -> int:
        """Planes that `plane` outranks."""
        if self.policy.rank == Rank.siblings and bit(plane) != self.marker:
            return 0
        return ALL & ~self.before(plane) & ~bit(plane)

    def first(self, planes: int) -> int:
        """Give the plane of `planes` that no other of them comes before."""
        if not planes:
            return NOBODY
        for plane in range(MAX_PLANES):
            if planes & bit(plane) and not planes & self.before(plane):
                return plane
        return NOBODY

    def last(self, planes: int) -> int:
        """Give the least privileged of `planes`: all others come before it."""
        for plane in range(MAX_PLANES):
            if planes & bit(plane) and not planes & ~self.before(plane) & ~bit(plane):
                return plane
        return NOBODY

    # 3.2 Events of a plane. An unstarted plane has none.

    def urgent(self) -> int:
        """Planes with an NMI or an intercept that may force an entry."""
        nmi = self.nmi
        if self.policy.nmi == Nmi.waits:
            nmi = self.kept("no event", nmi, 0, "3.2", "its NMI waits until it runs (nmi = waits)")
        return self.kept(
            "no event", nmi | self.trap, ~self.unstarted, "3.2", "it waits for its start"
        )

    def deliverable(self) -> int:
        """Planes whose event may bring them in; ``noint`` holds none back."""
        return self.urgent() | self.irq & ~self.masked & ~self.unstarted

    def injectable(self) -> int:
        """Planes that could take their interrupt now."""
        return self.irq & ~self.masked & ~self.noint & ~self.unstarted

    def woken(self) -> int:
        """Planes that an event would wake from a halt."""
        if self.policy.unhalt == Unhalt.any:
            irq = self.irq
        elif self.policy.unhalt == Unhalt.deliverable:
            irq = self.irq & ~self.masked
        else:
            irq = self.injectable()
        return (self.nmi | self.trap | irq) & ~self.unstarted

    def dead(self) -> int:
        """Planes that the others are let past, where a halt lets others run (3.4.2)."""
        if self.policy.idle != Idle.fall_through:
            return 0
        return self.unstarted | self.halted & ~self.woken()

    # 3.3 Preemptors

    def counting(self) -> int:
        """Planes with an event that may force an entry."""
        self.tell(
            "no event", ALL & ~(self.irq | self.nmi | self.trap), "3.3", "nothing pends on it"
        )
        irq = self.kept("no event", self.irq, ~self.unstarted, "3.2", "it waits for its start")
        if self.policy.gate == Gate.priority:
            why = "its priority mask holds its interrupt back (gate = priority)"
            irq = self.kept("no event", irq, ~self.masked, "3.3", why)
        if self.policy.trigger == Trigger.edge:
            why = "its interrupt has had its one attempt (trigger = edge)"
            irq = self.kept("no event", irq, self.edge, "3.3", why)
        why = "it is halted or unstarted and nothing wakes it (idle = fall_through)"
        return self.kept("no event", self.urgent() | irq, ~self.dead(), "3.3", why)

    def preemptors(self, view: int) -> int:
        """Planes that would take the vCPU from the plane `view`."""
        able = self.kept("not pre", ALL, self.online, "3.3", "it is not online")
        able = self.kept("not pre", able, ~self.held, "3.3", "it is held")
        why = "it does not outrank plane {view}"
        wanting = self.kept("not pre", able, self.outranking(view), "3.3", why) & self.counting()
        if not wanting:
            return 0
        if self.policy.preempt == Preempt.none:
            return self.kept(
                "not pre", wanting, 0, "3.3", "no event brings one in (preempt = none)"
            )
        if self.policy.preempt == Preempt.nearest:
            why = "of the planes with an event another is nearer (preempt = nearest)"
            return self.kept("not pre", wanting, bit(self.last(wanting)), "3.3", why)
        if self.policy.preempt == Preempt.marker:
            why = "only the marker's events bring it in (preempt = marker)"
            return self.kept("not pre", wanting, self.marker, "3.3", why)
        marker = able & self.marker & ~bit(view)
        if self.policy.preempt == Preempt.relay and marker:
            why = "the marker comes in for it (preempt = relay)"
            return self.kept("not pre", wanting | marker, marker, "3.3", why)
        return wanting

    # 3.4 Dispatch

    def dispatch(self, cause: int) -> None:
        """Choose the plane that runs now and arrive there, or block, or leave for userspace."""
        policy = self.policy
        self.blocked = False
        if self.gave_up and policy.trigger == Trigger.edge and policy.rearm:  # 1
            left = self.irq & bit(self.current)
            self.tell("edge", left, "3.4.1", "is armed again, left with its interrupt pending")
            self.edge |= left
        base = self.base()  # 2
        self.tell("base", base, "3.4.2", "can run")
        view = self.view(base)  # 3
        self.unseen = self.sleeps_on(base)
        pre = 0 if self.unseen else self.entering(view)
        self.tell("pre", pre, "3.3", "would take the vCPU")
        if policy.trigger == Trigger.edge and policy.gate == Gate.priority and not self.unseen:  # 4
            tried = self.outranking(view) & self.irq & self.masked
            why = "has had its one attempt a posting, for its interrupt is masked"
            self.tell("edge", self.edge & tried, "3.4.4", why)
            self.edge &= ~tried
        pick = self.chosen(base, pre)  # 5
        if pick == NOBODY:
            if policy.empty == Empty.user:
                self.tell("exit", 0, "3.4.5", "nothing can run (empty = user)")
                self.leave(cause)
            else:
                self.tell("exit", 0, "3.4.5", "nothing can run: the vCPU is blocked")
                self.blocked = True
            return
        if pre & ~base & bit(pick):  # 6
            self.go(pick, self.why_entered(pick))
        else:
            self.tell(
                "reason", bit(pick), "3.4.6", "the cause of the step, as no event brings it in"
            )
            self.go(pick, cause)

    def base(self) -> int:
        """Planes that can run (3.4.2)."""
        planes = self.kept("not base", ALL, self.online, "3.4.2", "it is not online")
        planes = self.kept("not base", planes, self.runnable, "3.4.2", "it is not runnable")
        planes = self.kept("not base", planes, ~self.held, "3.4.2", "it is held")
        why = "it is halted or unstarted and nothing wakes it (idle = fall_through)"
        return self.kept("not base", planes, ~self.dead(), "3.4.2", why)

    def sleeps_on(self, base: int) -> bool:
        """Tell whether the current plane's block goes on, whatever others have (3.4.3)."""
        if self.policy.wake != Wake.own or not self.was_blocked:
            return False
        concerns_what_is_taken = (
            self.event in (Event.IRQ, Event.NMI, Event.INTERCEPT)
            or self.event in (Event.MASK, Event.UNMASK, Event.CLI, Event.STI)
            or self.event in (Event.VINA_ON, Event.VINA_OFF, Event.VINA_CLEAR)
        )
        if concerns_what_is_taken and bit(self.current) & base & ~self.woken():
            why = "the current plane sleeps on, and nothing else is looked at (wake = own)"
            self.tell("not pre", ALL, "3.4.3", why)
            return True
        return False

    def view(self, base: int) -> int:
        """Give the plane from which preemptors are seen (3.4.3)."""
        if base & bit(self.current) or not base:
            why = "which is current and can run" if base else "which is current; none can run"
            self.tell("view", bit(self.current), "3.4.3", why)
            return self.current
        view = self.first(base)
        self.tell("view", bit(view), "3.4.3", "the first that can run, as the current one cannot")
        return view

    def entering(self, view: int) -> int:
        """Preemptors, unless userspace is asked about interrupts (3.4.3)."""
        if self.policy.scheduler == Scheduler.user and not self.accelerates(Reason.INTERRUPT):
            self.tell("not pre", ALL, "3.4.3", "its events are userspace's (scheduler = user)")
            return 0
        return self.preemptors(view)

    def picked(self, planes: int) -> int:
        """Give the first of `planes`; where there is none, ``empty`` may start one (3.4.5)."""
        if planes or self.policy.empty != Empty.marker:
            return self.first(planes)
        resort = (self.marker or bit(self.policy.boot)) & self.online & ~self.held
        self.runnable |= resort
        self.tell("pick", resort, "3.4.5", "as nothing can run (empty = marker)")
        return self.first(resort)

    def chosen(self, base: int, pre: int) -> int:
        """Give the plane that an algorithm picks, or else the first (3.4.5, 3.7)."""
        if self.takes_turns and base | pre:
            pick, section = self.round_robin(base | pre), "3.7"
            how, why = "whose turn it is", "it is the turn of plane {pick}"
        elif self.own is not None and base | pre:
            pick, section = self.own.pick(self.values(), base, pre, self.event), "3.7"
            how, why = "by the algorithm", "the algorithm picks plane {pick}"
        else:
            pick, section = self.picked(base | pre), "3.4.5"
            how, why = "as the first by rank", "plane {pick} comes before it"
        if base | pre:
            self.tell("pick", bit(pick), section, how)
            self.kept("not pick", base | pre, bit(pick), section, why)
        return pick

    def round_robin(self, planes: int) -> int:
        """Give the plane whose turn it is (3.7)."""
        if self.event != Event.RESCHED and planes & bit(self.current):
            first = self.first(planes)
            return first if bit(first) & self.outranking(self.current) else self.current
        for ahead in range(1, MAX_PLANES + 1):
            plane = (self.current + ahead) % MAX_PLANES
            if planes & bit(plane) and not planes & self.outranking(plane):
                return plane
        return NOBODY

    def why_entered(self, pick: int) -> int:
        """Give the reason of an entry that an event forced (3.4.6)."""
        me = bit(pick)
        if self.policy.preempt == Preempt.relay and not self.counting() & me:
            self.tell("reason", me, "3.4.6", "it has no event of its own and comes in for another")
            return Reason.RELAY
        if self.trap & me:
            self.tell("reason", me, "3.4.6", "an intercept of its own brings it in")
            return Reason.INTERCEPT
        self.tell("reason", me, "3.4.6", "an event of its own brings it in")
        return Reason.INTERRUPT

    def go(self, pick: int, reason: int) -> None:
        """Arrive at the pick, unless userspace is to be asked first (3.4.7)."""
        policy = self.policy
        if policy.scheduler == Scheduler.kernel:
            self.arrive(pick, reason, False)
            return
        asks = not self.accelerates(Reason.INTERRUPT)
        if pick != self.current:
            if not self.accelerates(reason):
                why = "the switch is userspace's to make (scheduler = user)"
                self.tell("exit", bit(pick), "3.4.7", why)
                self.leave(reason)
                return
            self.tell("reason", bit(pick), "3.4.7", "the kernel makes this switch (accelerated)")
            self.req_exit = self.asked_for(pick)
            self.arrive(pick, reason, asks)
            return
        if asks and not self.unseen and self.requested(pick):
            self.tell("exit", 0, "3.4.7", "a plane in req_exit has an event")
            self.leave(Reason.INTERRUPT)
            return
        self.arrive(pick, reason, False)

    # 3.5 Userspace

    def accelerates(self, reason: int) -> bool:
        """Tell whether the kernel makes switches for this reason itself."""
        return self.accelerated & bit(reason) != 0

    def leave(self, reason: int) -> None:
        """Exit to userspace; the current plane stays."""
        self.user, self.blocked = True, False
        self.reason = reason

    def asked_for(self, plane: int) -> int:
        """Planes of which the default userspace scheduler is told while `plane` runs."""
        if self.policy.preempt == Preempt.none:
            return 0
        outranking = self.online & self.outranking(plane)
        return outranking & self.marker if self.policy.preempt == Preempt.marker else outranking

    def requested(self, running: int) -> bool:
        """Tell whether a plane other than `running` was asked for and has an event (3.4.7)."""
        others = self.online & ~self.held & ~bit(running)
        why = "userspace has not asked to be told of it (req_exit)"
        asked = self.kept("not asked", others, self.req_exit, "3.4.7", why)
        return asked & self.counting() != 0

    # 3.6 Arrival

    def arrive(self, plane: int, reason: int, recheck: bool) -> None:
        """Run `plane`: notify it, wake it, inject; with `recheck` it may exit again at once."""
        me = bit(plane)
        moved = plane != self.was or self.gave_up
        self.current = plane
        self.runnable |= me
        if plane != self.was:
            self.flags |= Flags.SWITCHED
            self.reason = reason
            self.tell("arrival", me, "3.6", "the vCPU switches to it")
            if self.policy.call == Call.descend:
                self.tell("arrival", me, "3.6", "no other stays runnable (call = descend)")
                self.runnable = me
            if self.policy.halt_scope == HaltScope.vcpu:
                self.tell("arrival", self.halted, "3.6", "its halt is ended by the switch")
                self.halted = 0
        elif self.gave_up:
            self.flags |= Flags.BOUNCED
            self.reason = reason
            self.tell("arrival", me, "3.6", "it gave the vCPU up and gets it back")
        else:
            self.tell("arrival", me, "3.6", "it goes on, which needs no reason")
        if recheck and self.requested(plane):
            self.tell("exit", 0, "3.5", "the re-check finds an event of a plane in req_exit")
            self.leave(Reason.INTERRUPT)
            return
        trapped = self.trap & me & ~self.unstarted
        if not me & self.unstarted:
            self.trap &= ~me
            self.edge &= ~me
        self.tell("arrival", trapped, "3.6", "its intercept is delivered")
        if moved and self.policy.vina_auto_reset:
            self.tell("arrival", me & self.vina_asserted, "3.6", "its vina_asserted is cleared")
            self.vina_asserted &= ~me
        if me & self.vina & ~self.vina_asserted and self.notifying(plane, moved):
            self.tell("arrival", me, "3.6", "VINA tells it that a plane below has an event")
            self.vina_asserted |= me
            self.irq |= me
            self.flags |= Flags.VINA
        if me & self.unstarted:
            self.tell("arrival", me, "3.6", "it waits for its start: the vCPU is blocked")
            self.blocked = True
            return
        if me & self.woken() or trapped or self.reason == Reason.RELAY:
            self.tell("arrival", me & self.halted, "3.6", "it is halted no longer")
            self.halted &= ~me
        if me & self.halted:
            self.tell("arrival", me, "3.6", "nothing wakes it from its halt: the vCPU is blocked")
            self.blocked = True
        else:
            self.inject(me)

    def notifying(self, plane: int, moved: bool) -> int:
        """Planes below `plane` with an interrupt of which it is to be told."""
        ready = self.nmi & ~self.unstarted | self.injectable()
        planes = self.online & self.below(plane) & ready
        if self.policy.vina == Vina.off:
            return 0
        if self.policy.vina == Vina.edge and not moved:
            raised = self.event in (Event.IRQ, Event.NMI, Event.UNMASK, Event.STI)
            return planes & bit(self.plane) if raised else 0
        return planes

    def inject(self, me: int) -> None:
        """Let the plane of the set `me` take what is pending for it."""
        if me & self.nmi:
            self.tell("arrival", me, "3.6", "it takes its NMI")
            self.nmi &= ~me
            self.flags |= Flags.NMI
        if me & self.injectable():
            self.tell("arrival", me, "3.6", "it takes its interrupt")
            self.irq &= ~me
            self.edge &= ~me
            self.flags |= Flags.INJECTED
        why = "its interrupt stays pending: it is masked, or interrupts are off"
        self.tell("arrival", me & self.irq, "3.6", why)

    # 4 Events

    def step(self, event: int, plane: int = NOBODY) -> None:
        """Do one step; `was`, `reason`, `fault` and `flags` hold its outcome."""
        self.event, self.plane = event, plane
        self.was, self.was_blocked = self.current, self.blocked
        self.reason, self.flags = Reason.NONE, 0
        self.fault = self.refusal()
        if not self.fault:
            self.take()
        if self.user:
            self.flags |= Flags.USER
        if self.blocked:
            self.flags |= Flags.BLOCKED

    def take(self) -> None:
        """Do what the event does, then dispatch, or arrive, or neither in userspace."""
        could_give_up = self.event in (Event.HALT, Event.CALL, Event.RETURN, Event.STOP)
        ran = self.runnable & bit(self.current)
        cause = self.effect()
        self.gave_up = could_give_up and ran & ~self.runnable != 0
        self.tell("effect", ran if self.gave_up else 0, "4", "gave the vCPU up")
        if self.event == Event.ENTER:
            self.tell("reason", bit(self.plane), "3.5", "userspace picks it")
            self.user = False
            self.arrive(self.plane, Reason.USER, self.policy.scheduler == Scheduler.user)
        elif not self.user:
            self.dispatch(cause)
        else:
            self.tell("exit", 0, "3.5", "in userspace nothing is dispatched")

    def refuse(self, fault: int, text: str) -> int:
        """Give a fault; `text` says what is wrong."""
        self.tell("fault", 0, "4", text)
        return fault

    def refusal(self) -> int:
        """Give the first fault that the event meets; it is looked for before anything changes."""
        event, policy, named = self.event, self.policy, self.plane != NOBODY
        if event in (Event.HALT, Event.CALL, Event.RETURN):
            if self.user:
                return self.refuse(Fault.USER, "in userspace no guest does anything")
            if self.blocked:
                return self.refuse(Fault.BLOCKED, "blocked, no guest does anything")
        p = bit(self.plane) if named else 0
        if named and event != Event.ENABLE and not p & self.online:
            return self.refuse(Fault.OFFLINE, "the plane is not online")
        if event == Event.HALT and self.leaves_on_halt() and not self.marker & self.online:
            return self.refuse(Fault.OFFLINE, "the marker that it leaves to is not online")
        if event == Event.CALL:
            return self.refusal_of_call()
        if event == Event.RETURN:
            return self.refusal_of_return()
        if event == Event.ENABLE and p & self.online:
            return self.refuse(Fault.EXISTS, "the plane is online already")
        if event == Event.DISABLE and p == self.online:
            return self.refuse(Fault.INVAL, "it is the only plane online")
        if event == Event.FORCE:
            if policy.force == Force.none or (policy.force == Force.marker and p != self.marker):
                return self.refuse(Fault.PERM, "the host may not force this plane in (force)")
            if self.plane == self.current and policy.force_self == ForceSelf.fault:
                return self.refuse(Fault.INVAL, "the plane runs already (force_self = fault)")
        if event == Event.VINA_ON and not self.online & self.below(self.plane):
            return self.refuse(Fault.INVAL, "the plane outranks none that is online")
        if event == Event.ENTER:
            if not self.user:
                return self.refuse(Fault.INVAL, "the vCPU is not in userspace")
            if p & self.held:
                return self.refuse(Fault.BUSY, "the plane is held")
        return Fault.NONE

    def refusal_of_call(self) -> int:
        """Give the fault of a guest's switch request."""
        me, policy = bit(self.current), self.policy
        if policy.call == Call.next:
            if self.online & self.outranking(self.current):
                return Fault.NONE
            return self.refuse(Fault.UD, "no plane online outranks the one that calls")
        if policy.call == Call.descend and me != self.marker:
            return self.refuse(Fault.PERM, "only the marker may call (call = descend)")
        if self.plane == self.current and policy.call_self == CallSelf.fault:
            return self.refuse(Fault.INVAL, "a plane calls itself (call_self = fault)")
        if policy.refuse_pending and me & self.deliverable():
            return self.refuse(Fault.PENDING, "the caller has an event (refuse_pending)")
        return Fault.NONE

    def refusal_of_return(self) -> int:
        """Give the fault of a return."""
        me, policy = bit(self.current), self.policy
        if policy.ret == Return.marker:
            if me == self.marker:
                return self.refuse(Fault.UD, "the marker has nowhere to return to (ret = marker)")
            if self.marker & self.online:
                return Fault.NONE
            return self.refuse(Fault.OFFLINE, "the marker is not online (ret = marker)")
        if not self.online & self.below(self.current):
            return self.refuse(Fault.UD, "no plane online is below the one that returns")
        if policy.ret == Return.resume and not self.runnable & self.online & ~self.held & ~me:
            return self.refuse(Fault.UD, "no other plane can be resumed (ret = resume)")
        return Fault.NONE

    def leaves_on_halt(self) -> bool:
        """Tell whether a halt of the current plane hands the vCPU to the marker."""
        return self.policy.idle == Idle.leave and bit(self.current) != self.marker

    def effect(self) -> int:
        """Do what the event does to the state before dispatch; give the cause of this step."""
        event = self.event
        if event in (Event.IRQ, Event.NMI, Event.INTERCEPT):
            self.deliver(bit(self.plane))
            return Reason.RESCHED
        if event == Event.HALT:
            return self.effect_of_halt()
        if event == Event.CALL:
            return self.effect_of_call()
        if event == Event.RETURN:
            return self.effect_of_return()
        if event in (Event.RESCHED, Event.ENTER):
            return Reason.RESCHED
        return self.effect_on(bit(self.plane))

    def deliver(self, p: int) -> None:
        """Deliver an interrupt, an NMI or an intercept."""
        if self.event == Event.IRQ:
            pending = self.irq
            self.irq |= p
            if self.policy.trigger == Trigger.edge:
                self.edge |= p
        elif self.event == Event.NMI:
            pending = self.nmi
            self.nmi |= p
        else:
            pending = self.trap
            self.trap |= p
        if pending & p:
            self.flags |= Flags.COALESCED

    def effect_of_halt(self) -> int:
        """Halt the current plane; the marker may take over."""
        self.halted |= bit(self.current)
        if self.leaves_on_halt():
            self.runnable &= ~bit(self.current)
            self.go_on(self.marker)
        return Reason.HALT

    def effect_of_call(self) -> int:
        """Start the plane that the guest switches to."""
        if self.policy.call == Call.next:
            self.go_on(bit(self.last(self.online & self.outranking(self.current))))
            return Reason.CALL
        self.runnable &= ~bit(self.current)
        if self.plane != self.current:
            self.go_on(bit(self.plane))
        return Reason.CALL

    def effect_of_return(self) -> int:
        """Stop the current plane, and start what the return goes to."""
        policy, below = self.policy, self.online & self.below(self.current)
        self.runnable &= ~bit(self.current)
        if policy.ret == Return.marker:
            self.go_on(self.marker)
            return Reason.RETURN
        if policy.ret == Return.next_online:
            self.runnable |= bit(self.first(below))
        if policy.preempt == Preempt.relay and bit(self.current) == self.marker:
            waiting = below & ~self.held & self.deliverable()
            if waiting:
                self.runnable |= bit(self.first(waiting))
        return Reason.RETURN

    def go_on(self, p: int) -> None:
        """Make planes runnable and not halted."""
        self.runnable |= p
        self.halted &= ~p

    def effect_on(self, p: int) -> int:
        """Do the events that change the plane of the set `p` whatever plane runs."""
        event, cause = self.event, Reason.RESCHED
        if event == Event.MASK:
            self.masked |= p
        elif event == Event.UNMASK:
            self.masked &= ~p
        elif event == Event.CLI:
            self.noint |= p
        elif event == Event.STI:
            self.noint &= ~p
        elif event == Event.START:
            self.go_on(p)
            self.unstarted &= ~p
            cause = Reason.START
        elif event == Event.STOP:
            self.runnable &= ~p
            cause = Reason.STOP
        elif event == Event.ENABLE:
            self.online |= p
        elif event == Event.DISABLE:
            self.disable(p)
            cause = Reason.STOP
        elif event == Event.LOCK:
            self.locked |= p
        elif event == Event.FORCE and self.plane != self.current:
            self.runnable &= ~self.outranking(self.plane)
            self.go_on(p)
            cause = Reason.FORCE
        elif event == Event.HOLD:
            self.held |= p
            cause = Reason.STOP
        elif event == Event.RELEASE:
            self.held &= ~p
            cause = Reason.START
        elif event == Event.VINA_ON:
            self.vina |= p
        elif event == Event.VINA_OFF:
            self.vina &= ~p
            self.vina_asserted &= ~p
        elif event == Event.VINA_CLEAR:
            self.vina_asserted &= ~p
        elif event == Event.INIT:
            self.init(p)
            cause = Reason.STOP
        return cause

    def init(self, p: int) -> None:
        """Let the plane wait for its start, without what it had pending."""
        self.unstarted |= p
        self.halted &= ~p
        self.irq &= ~p
        self.masked &= ~p
        self.noint &= ~p
        self.nmi &= ~p
        self.trap &= ~p
        self.edge &= ~p
        self.vina_asserted &= ~p

    def disable(self, p: int) -> None:
        """Take every bit of the plane but ``req_exit``, which is userspace's own."""
        self.online &= ~p
        self.runnable &= ~p
        self.halted &= ~p
        self.irq &= ~p
        self.masked &= ~p
        self.noint &= ~p
        self.nmi &= ~p
        self.trap &= ~p
        self.held &= ~p
        self.edge &= ~p
        self.locked &= ~p
        self.vina &= ~p
        self.vina_asserted &= ~p
        self.unstarted &= ~p

    # The state as values, and the outcome

    def load(self, values: Iterable[int]) -> None:
        """Take over a state."""
        *masks, current, status = values
        for name, mask in zip(MASKS, masks, strict=True):
            setattr(self, name, mask)
        self.current = current
        self.user, self.blocked = bool(status & USER), bool(status & BLOCKED)

    def values(self) -> Values:
        """Give the state."""
        status = USER * self.user + BLOCKED * self.blocked
        return (*(getattr(self, name) for name in MASKS), self.current, status)

    def outcome(self) -> Outcome:
        """Give the outcome of the last step."""
        fault, flags = Fault(self.fault), Flags(self.flags)
        return Outcome(self.was, self.current, Reason(self.reason), fault, flags)


class Own:
    """An algorithm of one's own for one vCPU, with its memory (3.7).

    Raises
    ------
    Mistake
        If it is a C function: this model asks Python alone.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        if algorithm.kind != "python":
            raise Mistake("algorithm", algorithm, "a Python callable, in the slow model")
        self.algorithm = algorithm
        self.memory = () if algorithm.memory is None else (np.array(algorithm.memory),)

    def pick(self, values: Values, base: int, pre: int, event: int) -> int:
        """Ask, and raise Mistake for a plane that was not offered."""
        function = self.algorithm.function
        answer = function(record_of(values), base, pre, Event(event), *self.memory)
        name = f"answer of algorithm {self.algorithm}"
        plane = whole(name, answer)
        if plane < 0 or not (base | pre) >> plane & 1:
            offered = f"a plane of base={planes_of(base)} or pre={planes_of(pre)}"
            raise Mistake(name, plane, f"{offered}, asked at {Event(event).name.lower()}")
        return plane


def own_of(policy: Policy) -> Own | None:
    """Give the algorithm of a policy that is not shipped."""
    return Own(policy.algorithm) if isinstance(policy.algorithm, Algorithm) else None


def record_of(values: Values) -> Any:
    """Give a state as a record of `planesched.layouts.STATE`."""
    record = np.zeros((), STATE)
    for name, value in zip(STATE.names or (), values, strict=True):
        record[name] = value
    return record


def values_of(state: Any) -> Values:
    """Give a record of `planesched.layouts.STATE` as plain numbers.

    Raises
    ------
    Mistake
        A TypeError too, if it is no such record.
    """
    array = np.asarray(state)
    if array.dtype != STATE or array.size != 1:
        found = Words(f"a {type(state).__name__}")
        raise TypeMistake("state", found, "one record of dtype STATE, as VCPU.state gives")
    record = array.reshape(-1)[0]
    return tuple(int(record[name]) for name in (*MASKS, "current", "status"))


def step(
    policy: Policy,
    state: Values,
    event: int,
    plane: int = NOBODY,
    own: Own | None = None,
    listener: Listener | None = None,
) -> tuple[Values, Outcome]:
    """Do one step of a vCPU as a pure function (rules, section 5).

    Parameters
    ----------
    policy : Policy
        How the planes are scheduled.
    state : tuple of int
        The masks in the order of `planesched.events.MASKS`, then ``current`` and ``status``.
    event : int
        An `Event`.
    plane : int
        The plane that the event names, -1 where it names none; not checked.
    own : Own, optional
        The policy's algorithm, with the memory that it has by now; a new one by default.
    listener : Listener, optional
        Who is told of each decision.

    Returns
    -------
    state, outcome : tuple of int, Outcome
        The state after the step, and what it did.
    """
    rules = Rules(policy, own or own_of(policy), listener)
    rules.load(state)
    rules.step(event, plane)
    return rules.values(), rules.outcome()


def boot_state(policy: Policy, planes: int, online: Iterable[int] | None = None) -> Values:
    """Give the state at boot: the boot plane is runnable and current (rules, 2 and 3.5).

    Raises
    ------
    Mistake
        If the policy's marker or boot plane does not exist, the boot plane is not online, or
        `online` holds a plane that does not exist.
    """
    planes = plane_count(planes)
    policy.check_planes(planes)
    rules = Rules(policy)
    rules.online = online_mask(online, planes, policy.boot)
    rules.runnable, rules.current = bit(policy.boot), policy.boot
    if policy.scheduler == Scheduler.user:
        rules.req_exit = rules.asked_for(policy.boot)
    return rules.values()


def default_pick(policy: Policy, state: Values) -> int | None:
    """Give the plane that the default userspace scheduler enters, if any (rules, 3.5)."""
    rules = Rules(policy.replace(scheduler=Scheduler.kernel))
    rules.load(state)
    base = rules.base()
    pick = rules.picked(base | rules.entering(rules.view(base)))
    return None if pick == NOBODY else pick


def prepare(policy: Policy, state: Values, plane: int) -> Values:
    """Set ``req_exit`` as the default userspace scheduler does before it enters `plane`."""
    rules = Rules(policy)
    rules.load(state)
    rules.req_exit = rules.asked_for(plane)
    return rules.values()


def answered(policy: Policy, state: Any, plane: int) -> Any:
    """Return a state in userspace as the default scheduler leaves it just before it enters a plane.

    Its answer is two steps: req_exit is set, and then comes `enter`. The state is a record.
    """
    values = values_of(state)
    return record_of(prepare(policy, values, plane)) if values[-1] & USER else state


class Reference:
    """One vCPU of the slow model, with the surface of one vCPU of the core.

    Every event is a method too: ``vcpu.irq(1)``, ``vcpu.halt()``, ``vcpu.return_()``.

    Parameters
    ----------
    policy : Policy, str or path-like
        How the planes are scheduled; as `policytext.as_policy` takes it.
    planes : int
        How many planes the VM has, 1..16.
    online : iterable of int, optional
        The planes that exist on this vCPU; all, unless given.
    listener : Listener, optional
        Who is told of each decision.

    Raises
    ------
    Mistake
        As `boot_state`.
    """

    def __init__(
        self,
        policy: Given,
        planes: int,
        online: Iterable[int] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.policy = as_policy(policy, planes)
        self.planes = planes
        self._rules = Rules(self.policy, own_of(self.policy), listener)
        self._rules.load(boot_state(self.policy, planes, online))

    def step(self, event: str | int, plane: int | None = None) -> Outcome:
        """Do one step.

        Raises
        ------
        Mistake
            If there is no such event, it lacks a plane or has one too many, or the VM has no such
            plane: as the core's.
        """
        number = event_number(event)
        name = Event(number).name.lower()
        if not takes_plane(number, call_takes_plane=self.policy.hands_over):
            if plane is not None:
                raise Mistake("plane", plane, f"None: {name} takes no plane here")
            self._step(number, NOBODY)
        elif plane is None:
            raise Mistake("plane", plane, f"a plane in 0..{self.planes - 1}: {name} needs one")
        else:
            self._step(number, plane_id("plane", plane, self.planes))
        return self._rules.outcome()

    def _step(self, event: int, plane: int) -> None:
        """Step; where the algorithm makes a mistake, nothing has changed."""
        before = self._rules.values()
        try:
            self._rules.step(event, plane)
        except BaseException:
            self._rules.load(before)
            raise

    def __getattr__(self, verb: str) -> Callable[..., Outcome]:
        """Give an event as a method; ``return_`` stands for ``return``."""
        name = "return" if verb == "return_" else verb
        if name.upper() in Event.__members__ and name.islower() and verb != "return":
            return partial(self.step, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {verb!r}")

    @property
    def current(self) -> int:
        """The plane that runs, or ran last."""
        return self._rules.current

    @property
    def blocked(self) -> bool:
        """Whether the current plane is halted, or nothing can run."""
        return self._rules.blocked

    @property
    def user(self) -> bool:
        """Whether the vCPU is in userspace."""
        return self._rules.user

    @property
    def values(self) -> Values:
        """The state as plain ints."""
        return self._rules.values()

    def order(self) -> list[int]:
        """Return the planes that are online, from the most to the least privileged (3.1)."""
        rules, found = self._rules, []
        rest = rules.online
        while rest:
            found.append(rules.first(rest))
            rest &= ~bit(found[-1])
        return found

    def mask(self, name: str) -> int:
        """Return one mask of the state."""
        value: int = getattr(self._rules, name)
        return value

    def set_masks(self, masks: Mapping[str, int]) -> None:
        """Set some masks of the state, and nothing else."""
        for name, value in masks.items():
            setattr(self._rules, name, value)

    @property
    def state(self) -> Any:
        """The state as a record of `planesched.layouts.STATE` (a copy); may be set from one."""
        return record_of(self._rules.values())

    @state.setter
    def state(self, record: Any) -> None:
        self._rules.load(int(record[name]) for name in (*MASKS, "current", "status"))
