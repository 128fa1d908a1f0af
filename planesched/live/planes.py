"""The planes of one vCPU on a machine: scheduled by the slow model, as userspace would do it.

What is run, posted and woken follows from the slow model's outcomes; what the planes then took, and
what their APICs hold, is the machine's own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..conformance.run import answer
from ..events import ChipEvent, Event, Flags, Notes
from ..irqchip import Chip, Controller
from ..policy import Policy
from ..reference_irqchip import ChipOutcome, ReferenceChip

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["GUEST", "LivePlanes", "Shown"]

GUEST = {
    Event.HALT: "halt", Event.CALL: "call", Event.RETURN: "return", Event.CLI: "cli",
    Event.STI: "sti", ChipEvent.TPR: "tpr", ChipEvent.EOI: "eoi",
}  # fmt: skip
"""Events that a guest's own command is, for the plane that runs."""

_TO_SLEEP_NS = 5_000_000
_STILL_ASLEEP_NS = 30_000
_TO_SETTLE_NS = 2_000_000_000


@dataclass(frozen=True)
class Shown:
    """What the machine showed after an act.

    Attributes
    ----------
    run : int
        The plane that is run.
    blocked, user : bool
        Whether it sleeps in HLT, or nothing is run.
    vectors : tuple of int
        What planes took since the act began, in order.
    chips : tuple of Chip
        What the APICs hold, read from KVM.
    noint : bool or None
        Whether the plane that runs has interrupts disabled; None where that cannot be seen.
    odd : str
        What the machine did that no act asks of it; empty if nothing.
    """

    run: int
    blocked: bool
    user: bool
    vectors: tuple[int, ...]
    chips: tuple[Chip, ...]
    noint: bool | None
    odd: str


class LivePlanes:
    """One vCPU whose planes run on a machine.

    Parameters
    ----------
    machine : Machine
        With as many KVM vCPUs as there are planes; it is reset.
    policy : Policy
        How they are scheduled.
    controller : Controller
        What the slow model takes their APICs for.
    """

    def __init__(self, machine: "Machine", policy: Policy, controller: Controller) -> None:
        machine.reset()
        self.machine = machine
        self.policy = policy
        self.slow = ReferenceChip(policy, machine.planes, controller)
        self.controller = controller
        self._asleep: set[int] = set()
        self._odd = ""
        self._asks = False
        self._took: list[int] = []
        self._settle(self.slow.vcpu.current)

    def act(self, event: int | None, plane: int | None, argument: int | None) -> ChipOutcome:
        """Do one act on the machine and in the slow model, of which the outcome is.

        Without an event, userspace answers. What then is to be seen, `shown` gives.
        """
        self._took.clear()
        current = self.slow.vcpu.current
        if event in GUEST and not (self.slow.vcpu.blocked or self.slow.vcpu.user):
            self._command(current, int(event or 0), argument)
        if event is None:
            outcome: ChipOutcome = answer(self.slow)
        else:
            outcome = self.slow.step(event, plane, argument or 0)
        if event == Event.IRQ and plane is not None and argument is not None:
            self.machine.post(plane, argument)
        self._follow(outcome)
        return outcome

    def _command(self, plane: int, event: int, argument: int | None) -> None:
        """Have the guest of the plane that runs do it."""
        name = GUEST[event]  # type: ignore[index]
        expected = {"halt": "time", "call": "call", "return": "return"}.get(name, "asks")
        self.machine.give(plane, name, argument if name == "tpr" and argument else 0)
        limit_ns = _TO_SLEEP_NS if name == "halt" else _TO_SETTLE_NS
        stop, took = (
            self._halt(plane) if name == "halt" else self.machine.settle(plane, 1, limit_ns)
        )
        self._took += took
        self._asks = stop == "asks"
        if stop == "time":
            self._asleep.add(plane)
        if stop != expected and not (took and expected == "asks"):
            self._odd = f"plane {plane} did {stop} instead of {expected} after {name}"

    def _halt(self, plane: int) -> tuple[str, tuple[int, ...]]:
        """Run a plane until it sleeps: it takes a moment, of which nobody tells."""
        limit_ns = _STILL_ASLEEP_NS
        while True:
            stop, took = self.machine.settle(plane, 1, limit_ns)
            if stop != "time" or self.machine.is_halted(plane) or limit_ns > _TO_SLEEP_NS:
                return stop, took
            limit_ns *= 2

    def _follow(self, outcome: ChipOutcome) -> None:
        """Do on the machine what was decided."""
        state = self.slow.vcpu
        now = int(outcome.now)
        if outcome.flags & Flags.VINA and not outcome.notes & Notes.VINA_DROPPED:
            self.machine.post(now, self.controller.vina_vector_of(now))
        if state.user:
            return
        if outcome.notes & Notes.MORE and not outcome.flags & Flags.INJECTED:
            return  # Its VINA vector can be taken at the next look, which comes before it runs.
        asleep = now in self._asleep
        if state.blocked:
            # A vCPU is blocked too where nothing may run.
            may_run = state.mask("runnable") & ~state.mask("held") & 1 << now
            if asleep and may_run:
                self._stays_asleep(now)
            return
        if asleep:
            self._asleep.discard(now)
            if not outcome.flags & Flags.INJECTED:
                self.machine.unhalt(now)
        # A vector that the guest's own command let through was taken before the host looked.
        if not (self._took and outcome.flags & Flags.INJECTED):
            stop, took = self.machine.settle(now, 1, _TO_SETTLE_NS)
            self._took += took
            self._not_over(now, stop)
        if not outcome.notes & Notes.MORE:
            self._settle(now)

    def _settle(self, plane: int) -> None:
        """Run a plane to its next command: nothing more is there to take."""
        stop, took = self.machine.settle(plane, 16, _TO_SETTLE_NS)
        self._took += took
        self._not_over(plane, stop)

    def _not_over(self, plane: int, stop: str) -> None:
        self._asks = stop == "asks"
        if stop not in ("asks", "vector"):
            self._odd = f"plane {plane} did {stop} where it should ask for a command"

    def _stays_asleep(self, plane: int) -> None:
        stop, took = self.machine.settle(plane, 1, _STILL_ASLEEP_NS)
        self._took += took
        if stop != "time" or not self.machine.is_halted(plane):
            self._asleep.discard(plane)
            self._odd = f"plane {plane} was to sleep on, and did not: {stop}"

    def shown(self) -> Shown:
        """Return what the machine shows now, and forget what was odd."""
        state = self.slow.vcpu
        current = state.current
        chips = []
        for plane in range(self.machine.planes):
            irr, isr, tpr, ppr = self.machine.apic(plane)
            chips.append(Chip(irr=irr, isr=isr, tpr=tpr & 0xF0, ppr=ppr & 0xF0))
        # In its handler it has them disabled, whatever it had before.
        known = self._asks and not (state.blocked or state.user)
        noint = not self.machine.takes_interrupts(current) if known else None
        shown = Shown(
            current, state.blocked, state.user, tuple(self._took), tuple(chips), noint, self._odd
        )
        self._odd = ""
        return shown
