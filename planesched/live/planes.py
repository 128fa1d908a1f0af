"""The planes of one vCPU on a machine: scheduled by the slow model, as userspace would do it.

What is to be done on the machine follows from the slow model's outcomes alone, so it can be done
somewhere else, and later; what planes then took, and what their APICs hold, is the machine's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ..conformance.run import answer
from ..events import ChipEvent, Event, Flags, Notes
from ..irqchip import Chip, Controller
from ..policy import Policy
from ..reference_irqchip import ChipOutcome, ReferenceChip

if TYPE_CHECKING:
    from .machine import Machine

__all__ = ["GUEST", "LINES", "RENEWS", "LivePlanes", "Order", "Shown", "carry_out"]

GUEST = {
    Event.HALT: "halt", Event.CALL: "call", Event.RETURN: "return", Event.CLI: "cli",
    Event.STI: "sti", ChipEvent.TPR: "tpr", ChipEvent.EOI: "eoi", ChipEvent.APIC_ON: "svr",
    ChipEvent.APIC_OFF: "svr",
}  # fmt: skip
"""Events that a guest's own command is, for the plane that runs."""

LINES = (0x35, 0x58, 0x9A)
"""The vectors that a level-triggered line brings: for their EOIs a plane is left."""

RENEWS = (Event.INIT, Event.DISABLE)
"""Events after which userspace makes a plane as new."""

_SVR = {ChipEvent.APIC_ON: 0x1FF, ChipEvent.APIC_OFF: 0xFF}
"""What the guest writes there: the software enable, above the spurious vector."""
_NMI = 2
_STILL_ASLEEP_NS = 30_000
_TO_SLEEP_NS = 50_000_000
_MOST = 16


class Order(NamedTuple):
    """What the machine is to do for a plane. What runs tells how it ended and the vectors taken.

    - ``reset``: make all planes as new; ``renew``: make it as new.
    - ``post``: post a vector (`name`) to it; ``line``: for a line that is up, level-triggered.
    - ``nmi``: post an NMI to it.
    - ``give``: give it a command (`name`), and `argument`.
    - ``run``: run it until it asks, or has taken so many vectors (`name`).
    - ``eoi``: run it: the EOI that it does must have it left, and of this vector (`name`).
    - ``sleep``: run it until it sleeps in HLT; ``asleep``: run it: it must sleep on.
    - ``unhalt``: end its HLT.
    - ``show``: tell what all APICs hold, and whether this plane takes interrupts.
    """

    what: str
    plane: int = 0
    name: str | int = 0
    argument: int = 0


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
    nmi : tuple of int
        Planes that were posted an NMI and have not taken it yet, rising.
    odd : str
        What the machine did that no act asks of it; empty if nothing.
    """

    run: int
    blocked: bool
    user: bool
    vectors: tuple[int, ...]
    chips: tuple[Chip, ...]
    noint: bool | None
    nmi: tuple[int, ...]
    odd: str


class LivePlanes:
    """One vCPU whose planes run on a machine.

    Parameters
    ----------
    planes : int
        How many there are.
    policy : Policy
        How they are scheduled.
    controller : Controller
        What the slow model takes their APICs for.
    """

    def __init__(self, planes: int, policy: Policy, controller: Controller) -> None:
        self.slow = ReferenceChip(policy, planes, controller)
        self.controller = controller
        self._asleep: set[int] = set()
        self._inside: set[int] = set()
        self._nmi: set[int] = set()
        self._orders: list[Order] = []

    def begin(self) -> list[Order]:
        """Return what makes the machine begin."""
        return [Order("reset"), Order("run", self.slow.vcpu.current, _MOST)]

    def act(
        self, event: int | None, plane: int | None, argument: int | None
    ) -> tuple[ChipOutcome, list[Order]]:
        """Do one act in the slow model; return its outcome and what the machine is to do.

        Without an event, userspace answers. The last order is to show what there is then.
        """
        self._orders = []
        vcpu = self.slow.vcpu
        current, runs = vcpu.current, not (vcpu.blocked or vcpu.user)
        if event is None:
            outcome: ChipOutcome = answer(self.slow)
        else:
            outcome = self.slow.step(event, plane, argument or 0)
        own = runs and event in GUEST
        if own:
            if event in _SVR:
                argument = _SVR[event]  # type: ignore[index]
            self._command(current, GUEST[event], argument, outcome)  # type: ignore[index]
        if plane is not None and not outcome.fault:
            self._host(event, plane, argument, outcome)
            if own and outcome.ended in LINES:
                self._run(current, 1)
        self._follow(outcome, taken=own and outcome.now == current)
        self._order("show", int(outcome.now))
        return outcome, self._orders

    def _order(self, what: str, plane: int = 0, name: str | int = 0, argument: int = 0) -> None:
        self._orders.append(Order(what, plane, name, argument))

    def _run(self, plane: int, most: int) -> None:
        self._order("run", plane, most)

    def _host(
        self, event: int | None, plane: int, argument: int | None, outcome: ChipOutcome
    ) -> None:
        """Have the host do to a plane's vCPU what the event is there."""
        if event == Event.IRQ and argument is not None:
            self._order("post", plane, argument)
        # KVM keeps two NMIs for a vCPU that does not run; where the rules have one, one is sent.
        elif event == Event.NMI and not outcome.flags & Flags.COALESCED:
            self._order("nmi", plane)
        elif event in RENEWS:
            self._order("renew", plane)
            self._asleep.discard(plane)
            self._inside.discard(plane)
        elif outcome.notes & Notes.REPOSTED:  # what userspace's I/O APIC does for a line
            self._order("line", plane, argument or int(outcome.ended))

    def _command(self, plane: int, name: str, argument: int | None, outcome: ChipOutcome) -> None:
        """Have the guest of the plane that runs do it."""
        self._order("give", plane, name, argument or 0)
        if name == "halt":
            self._order("sleep", plane)
            self._asleep.add(plane)
        elif outcome.ended in LINES:
            self._order("eoi", plane, int(outcome.ended))
        else:
            self._run(plane, 1)

    def _follow(self, outcome: ChipOutcome, *, taken: bool) -> None:
        """Do on the machine what was decided.

        `taken`: the plane was run already, and took what its own command let through.
        """
        state = self.slow.vcpu
        now = int(outcome.now)
        injected = bool(outcome.flags & Flags.INJECTED)
        nmi = bool(outcome.flags & Flags.NMI)
        more = bool(outcome.notes & Notes.MORE)
        if outcome.flags & Flags.VINA and not outcome.notes & Notes.VINA_DROPPED:
            self._order("post", now, self.controller.vina_vector_of(now))
        if state.user or (more and not injected and not nmi):
            return  # A VINA vector can be taken at the next look, which comes before it runs.
        if state.blocked:
            # A vCPU is blocked too where nothing may run.
            may_run = state.mask("runnable") & ~state.mask("held") & 1 << now
            if now in self._asleep and may_run:
                self._order("asleep", now)
            return
        if now in self._asleep:
            self._asleep.discard(now)
            if not injected and not nmi:
                self._order("unhalt", now)
        if nmi:
            self._run(now, 1)
        if not taken and (injected or not nmi):
            self._run(now, 1)
        self._inside.discard(now)
        if more:
            self._inside.add(now)
        else:
            self._run(now, _MOST)

    def shown(self, orders: Sequence[Order], results: Iterable[Any]) -> Shown:
        """Return what the machine showed, of what it was ordered and gave."""
        state = self.slow.vcpu
        current = state.current
        took: list[int] = []
        odd = ""
        chips: tuple[Chip, ...] = ()
        takes = True
        for order, result in zip(orders, results, strict=True):
            if order.what == "show":
                found, takes = result
                chips = tuple(
                    Chip(irr=irr, isr=isr, tpr=tpr & 0xF0, ppr=ppr & 0xF0)
                    for irr, isr, tpr, ppr in found
                )
            elif order.what == "nmi":
                self._nmi.add(order.plane)
            elif order.what == "renew":
                self._nmi.discard(order.plane)
            elif order.what == "eoi":
                if result != ("eoi", (order.name,)):
                    odd = f"plane {order.plane} was left by {result}, not for its EOI"
            elif order.what in ("run", "sleep", "asleep"):
                stop, vectors = result
                if _NMI in vectors and order.plane not in self._nmi:
                    odd = f"plane {order.plane} took an NMI that nobody posted"
                if _NMI in vectors:
                    self._nmi.discard(order.plane)
                took += [vector for vector in vectors if vector != _NMI]
                wanted = ("asks", "vector", "call", "return") if order.what == "run" else ("time",)
                if stop not in wanted:
                    odd = f"plane {order.plane} was to {order.what}, and ended with {stop}"
        # In its handler it has interrupts disabled, whatever it had before.
        known = current not in self._inside and not (state.blocked or state.user)
        noint = not takes if known else None
        return Shown(
            current,
            state.blocked,
            state.user,
            tuple(took),
            chips,
            noint,
            tuple(sorted(self._nmi)),
            odd,
        )


def carry_out(machine: "Machine", orders: Iterable[Order]) -> list[Any]:
    """Do what is ordered on a machine of this host; return what each order gave."""
    return [_carry_out(machine, *order) for order in orders]


def _carry_out(machine: "Machine", what: str, plane: int, name: str | int, argument: int) -> Any:
    if what in ("reset", "renew"):
        return machine.reset(None if what == "reset" else plane)
    if what == "nmi":
        return machine.nmi(plane)
    if what == "post":
        return machine.post(plane, int(name))
    if what == "line":
        return machine.line(plane, int(name))
    if what == "eoi":
        return machine.settle(plane, 1)[0], (machine.ended(plane),)
    if what == "give":
        return machine.give(plane, str(name), argument)
    if what == "run":
        return machine.settle(plane, int(name))
    if what == "unhalt":
        return machine.unhalt(plane)
    if what == "show":
        chips = [machine.apic(each) for each in range(machine.planes)]
        return chips, machine.takes_interrupts(plane)
    if what == "asleep":
        stop, took = machine.settle(plane, 1, _STILL_ASLEEP_NS)
        return ("time" if machine.is_halted(plane) else "awake") if stop == "time" else stop, took
    limit_ns = _STILL_ASLEEP_NS
    while True:  # It takes a moment until it sleeps, of which nobody tells.
        stop, took = machine.settle(plane, 1, limit_ns)
        if stop != "time" or machine.is_halted(plane) or limit_ns > _TO_SLEEP_NS:
            return stop, took
        limit_ns *= 2
