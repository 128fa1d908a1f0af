"""Random acts: drawn, done in the core, and held against what a machine showed."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from ..conformance.run import answer
from ..core import VM
from ..events import ChipEvent, Event, Flags, Notes
from ..irqchip import Controller
from ..policy import Policy
from .planes import GUEST, LINES, LivePlanes, Order, Shown

__all__ = ["WALK", "Act", "Carry", "Walk", "held", "showed"]

WALK = 100
"""Acts before the machine and the model begin anew: what a difference takes is never longer."""

Carry = Callable[[list[Order]], list[Any]]
"""Does on a machine what is ordered, and gives what each order gave."""

_VECTORS = (0x21, 0x2F, 0x31, 0x35, 0x42, 0x51, 0x58, 0x93, 0xF3)
_GUESTS: list[int] = [Event.HALT, Event.CALL, Event.RETURN] * 8
_GUESTS += [ChipEvent.EOI] * 8 + [ChipEvent.TPR] * 6 + [Event.CLI, Event.STI, Event.STI] * 2
_GUESTS += [ChipEvent.APIC_OFF] + [ChipEvent.APIC_ON] * 3
# What stops a plane for good is rarer than what lets it go on.
_HOSTS: list[int] = [Event.IRQ] * 48
_HOSTS += [Event.START, Event.RELEASE] * 6
_HOSTS += [
    Event.STOP, Event.FORCE, Event.HOLD, Event.INTERCEPT, Event.VINA_ON, Event.VINA_OFF,
    Event.VINA_CLEAR, Event.LOCK, Event.RESCHED,
] * 2  # fmt: skip
_HOSTS += [Event.NMI] * 4 + [Event.INIT, Event.DISABLE] + [Event.ENABLE] * 4
_HOSTS += [ChipEvent.LINE_UP] * 10 + [ChipEvent.LINE_DOWN] * 5
_WITHOUT_PLANE = {Event.HALT, Event.RETURN, Event.RESCHED}


class Act(NamedTuple):
    """One act: an event, the plane it names and its vector or value; no event is an answer."""

    event: int | None
    plane: int | None = None
    argument: int | None = None

    def __str__(self) -> str:
        if self.event is None:
            return "answer"
        kind = ChipEvent if self.event >= min(ChipEvent) else Event
        words = [kind(self.event).name.lower()]
        words += [] if self.plane is None else [str(self.plane)]
        words += [] if self.argument is None else [hex(self.argument)]
        return " ".join(words)


class Walk:
    """Acts from a start on: what the machine is to do, and what the core holds after each.

    Parameters
    ----------
    planes : int
        How many planes there are.
    scheduled, policy : Policy
        How the machine's planes are scheduled, and how the core does it.
    controller : Controller
        How the APICs are.
    """

    def __init__(
        self, planes: int, scheduled: Policy, policy: Policy, controller: Controller
    ) -> None:
        self.planes = planes
        self.hands_over = scheduled.hands_over
        self.live = LivePlanes(planes, scheduled, controller)
        self.core = VM(policy, planes, controller=controller).vcpus[0]
        self.script: list[Act] = []
        self.steps: list[str] = []
        self.vectors = 0
        self._took_nmi: int | None = None
        self.shown: Shown | None = None
        self.found: dict[str, Any] = {}

    def draw(self, rng: random.Random) -> Act:
        """Draw what happens next: what guests do, where one runs, and what the host does."""
        vcpu = self.live.slow.vcpu
        current = vcpu.current
        if vcpu.user and rng.random() < 0.6:
            return Act(None)
        runs = not (vcpu.user or vcpu.blocked)
        event: int = rng.choice(_GUESTS if runs and rng.random() < 0.5 else _HOSTS)
        if event == Event.CALL:
            return Act(event, rng.randrange(self.planes) if self.hands_over else None)
        if event == Event.IRQ:
            few = rng.random() < 0.5
            vector = rng.choice(_VECTORS) if few else rng.randrange(16, 256)
            return Act(event, rng.randrange(self.planes), vector)
        if event in (ChipEvent.LINE_UP, ChipEvent.LINE_DOWN):
            return Act(event, rng.randrange(self.planes), rng.choice(LINES))
        if event in GUEST and event not in _WITHOUT_PLANE:
            value = rng.randrange(256) if rng.random() < 0.5 else 0
            return Act(event, current, value if event == ChipEvent.TPR else None)
        return Act(event, None if event in _WITHOUT_PLANE else rng.randrange(self.planes))

    def begin(self, carry_out: Carry) -> None:
        """Make the machine begin."""
        carry_out(self.live.begin())

    def do(self, act: Act, carry_out: Carry) -> bool:
        """Do an act, and look again while there is more to take; tell whether all is equal."""
        self.script.append(act)
        was_blocked = self.live.slow.vcpu.blocked
        equal, more = self._step(act, carry_out)
        took = self._took_nmi
        # After a block the host looks once more before guests go on.
        more = more or (was_blocked and not self.live.slow.vcpu.blocked)
        while equal and more:
            equal, more = self._step(Act(Event.RESCHED), carry_out)
            took = took if self._took_nmi is None else self._took_nmi
        # Our handlers return at once.
        if equal and took is not None:
            equal, _ = self._step(Act(ChipEvent.IRET, took), carry_out)
        return equal

    def _step(self, act: Act, carry_out: Carry) -> tuple[bool, bool]:
        if not self._possible(act):
            return True, False
        self.steps.append(str(act))
        expected, orders = self.live.act(*act)
        self._took_nmi = int(expected.now) if expected.flags & Flags.NMI else None
        results = carry_out(orders)
        if act.event is None:
            outcome = answer(self.core)
        else:
            outcome = self.core.step(act.event, act.plane, act.argument)
        self.found = held(self.core, outcome, self.planes)
        self.shown = shown = self.live.shown(orders, results)
        self.vectors += len(shown.vectors)
        equal = showed(shown) == self.found and not shown.odd and self._same_noint(shown)
        return equal, bool(expected.notes & Notes.MORE)

    def _possible(self, act: Act) -> bool:
        """Tell whether it can be done: a guest that does not run does nothing to its APIC."""
        vcpu = self.live.slow.vcpu
        if act.event is None:
            return vcpu.user
        if act.event not in GUEST or act.event in (Event.HALT, Event.CALL, Event.RETURN):
            return True
        return act.plane == vcpu.current and not (vcpu.user or vcpu.blocked)

    def _same_noint(self, shown: Shown) -> bool:
        if shown.noint is None:
            return True
        return bool(int(self.core.state["noint"]) >> shown.run & 1) == shown.noint


def showed(shown: Shown) -> dict[str, Any]:
    """Give what the machine showed, in the words of case files."""
    return {
        "run": shown.run,
        "blocked": shown.blocked,
        "user": shown.user,
        "vector": shown.vectors[0] if len(shown.vectors) == 1 else 0 if not shown.vectors else -1,
        "irr": [list(chip.irr) for chip in shown.chips],
        "isr": [list(chip.isr) for chip in shown.chips],
        "tpr": [chip.tpr for chip in shown.chips],
        "ppr": [chip.ppr for chip in shown.chips],
        "nmi": list(shown.nmi),
    }


def held(core: Any, outcome: Any, planes: int) -> dict[str, Any]:
    """Give what the core has, in the same words."""
    chips = [core.chip(plane) for plane in range(planes)]
    return {
        "run": int(outcome.now),
        "blocked": core.blocked,
        "user": core.user,
        "vector": int(outcome.vector),
        "irr": [list(chip.irr) for chip in chips],
        "isr": [list(chip.isr) for chip in chips],
        "tpr": [chip.tpr & 0xF0 for chip in chips],
        "ppr": [chip.ppr & 0xF0 for chip in chips],
        "nmi": [plane for plane in range(planes) if int(core.state["nmi"]) >> plane & 1],
    }
