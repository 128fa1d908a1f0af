"""The slow model of the interrupt controllers, before that of steps (docs/reference/rules.md, 8).

Vectors are held as sets of ints. Written from the text, to be read beside it. Longer than 300
lines because it is one text: every rule of section 8 stands here once.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .errors import Mistake
from .events import ChipEvent, Event, Fault, Flags, Notes, Reason, chip_event_number
from .irqchip import FIRST_VECTOR, Chip, Controller, as_controller
from .policytext import Given
from .reference import Reference, bit

__all__ = ["ChipOutcome", "ReferenceChip"]


class ChipOutcome(NamedTuple):
    """What one step did, and to which vectors; 0 where there is none."""

    was: int
    now: int
    reason: Reason
    fault: Fault
    flags: Flags
    vector: int
    ended: int
    notes: Notes


class Apic:
    """The registers of one plane."""

    def __init__(self) -> None:
        self.irr: set[int] = set()
        self.isr: set[int] = set()
        self.lines: set[int] = set()
        self.tpr = 0
        self.enabled = True
        self.nmi_in_progress = self.nmi_kept = False
        self.interrupts_off = False
        self.slots: set[int] = set()
        self.queued: set[int] = set()

    @property
    def isr_class(self) -> int:
        """The class of the highest vector in service, 0 if there is none."""
        return max(self.isr, default=0) >> 4

    @property
    def ppr(self) -> int:
        """TPR where its class is at least that of what is in service, else that class."""
        return self.tpr if self.tpr >> 4 >= self.isr_class else self.isr_class << 4


class ReferenceChip:
    """One vCPU of the slow model whose planes have controllers.

    Parameters
    ----------
    policy : Policy, str or path-like
        How the planes are scheduled, or the name of a preset.
    planes : int
        How many planes the VM has, 1..16.
    controller : Controller or str
        How the controllers are set up.
    online : sequence of int, optional
        The planes that exist on this vCPU; all, unless given.

    Raises
    ------
    ValueError, TypeError, IndexError
        As `Reference` and `as_controller`.
    """

    def __init__(
        self,
        policy: Given,
        planes: int,
        controller: Controller | str = "lapic",
        online: Iterable[int] | None = None,
    ) -> None:
        made = as_controller(controller)
        if made is None:
            raise Mistake("controller", None, "one")
        self.controller = made
        self.vcpu = Reference(policy, planes, online)
        self.apics = [Apic() for _ in range(planes)]

    def chip(self, plane: int) -> Chip:
        """Return what the controller of a plane holds."""
        apic = self.apics[plane]
        return Chip(
            irr=tuple(sorted(apic.irr)),
            isr=tuple(sorted(apic.isr)),
            tpr=apic.tpr,
            ppr=apic.ppr,
            lines=tuple(sorted(apic.lines)),
            enabled=apic.enabled,
            nmi=apic.nmi_in_progress,
            nmi_kept=apic.nmi_kept,
            slots=tuple(sorted(apic.slots)),
            queued=tuple(sorted(apic.queued)),
        )

    # Derived bits

    def top_class(self, plane: int) -> int:
        """Give the class that priority is asked of: the highest pending, or that of VINA."""
        return max(self.apics[plane].irr, default=self.controller.vina_vector_of(plane)) >> 4

    def masked(self, plane: int) -> bool:
        """Tell whether priority holds the interrupt back."""
        apic = self.apics[plane]
        priority = apic.tpr if self.controller.mask_by == "tpr" else apic.ppr
        if not apic.enabled and (not apic.irr or self.controller.disabled == "holds"):
            return True  # it drops a VINA vector
        return self.top_class(plane) <= priority >> 4

    def held_at_injection(self, plane: int) -> bool:
        """Tell whether what is in service holds back the injection alone."""
        apic = self.apics[plane]
        return self.controller.mask_by == "tpr" and self.top_class(plane) <= apic.isr_class

    def derive(self, *, event: int | None = None, plane: int = 0) -> None:
        """Write the derived bits; but not the one that the event under way is about to write."""
        masks: dict[str, int] = {}
        for p, apic in enumerate(self.apics):
            bits = {"irq": bool(apic.irr), "masked": self.masked(p)}
            if self.controller.mask_by == "tpr":
                bits["noint"] = apic.interrupts_off or self.held_at_injection(p)
            if p == plane and event == Event.IRQ:
                bits["irq"] = bool(self.vcpu.mask("irq") & bit(p))
            for name, value in bits.items():
                masks[name] = masks.get(name, 0) | (bit(p) if value else 0)
        self.vcpu.set_masks(masks)

    def priority(self, plane: int) -> tuple[bool, bool]:
        """Give what priority says of a plane: held back from entry, from injection."""
        return self.masked(plane), self.held_at_injection(plane)

    # Events

    def step(self, event: str | int, plane: int | None = None, arg: int = 0) -> ChipOutcome:
        """Do one step; `arg` is the vector of an irq, a line or a message, or the value of TPR.

        Raises
        ------
        ValueError, IndexError
            As `Reference.step`; and for ``mask`` and ``unmask``, which are the controller's own.
        """
        number = chip_event_number(event)
        if number in (Event.MASK, Event.UNMASK):
            raise Mistake("event", event, "tpr: the mask is the controller's own")
        self.ended, self.vector, self.notes = 0, 0, Notes(0)
        coalesced: bool | None = None
        offline = plane is not None and not self.vcpu.mask("online") & bit(plane)
        follows: int | None = number
        if number in set(ChipEvent) and offline:
            follows = Event.UNMASK  # which says that it is offline
        elif plane is not None and not offline:
            follows, coalesced = self.act(number, plane, arg)
        if follows is None:
            out = self.nothing()
        else:
            before = {name: self.vcpu.mask(name) for name in DERIVED}
            self.derive(event=follows, plane=0 if plane is None else plane)
            step = self.vcpu.step(follows, plane)
            if step.fault:
                self.vcpu.set_masks(before)
            out = ChipOutcome(*step, 0, 0, Notes(0))
        return self.settle(number, plane, out, coalesced)

    def act(self, number: int, plane: int, arg: int) -> tuple[int | None, bool | None]:
        """Do to the registers what an event does; give the step's event and whether it coalesced.

        None is no step, and a flag that the step shall set as it does.
        """
        apic = self.apics[plane]
        held = self.priority(plane)
        if number == Event.IRQ:
            return self.come(plane, arg)
        if number == ChipEvent.EMPTY:
            apic.slots -= {arg}
            return None, None
        if number == ChipEvent.EOM:
            return self.rescan(plane, arg)
        if number == Event.NMI:
            return self.nmi(apic)
        if number in (Event.CLI, Event.STI) and self.controller.mask_by == "tpr":
            apic.interrupts_off = number == Event.CLI
            shut = apic.interrupts_off or self.held_at_injection(plane)
            return (Event.CLI if shut else Event.STI), None
        if number == ChipEvent.IRET:
            kept, apic.nmi_kept, apic.nmi_in_progress = apic.nmi_kept, False, False
            return (Event.NMI if kept else None), False
        if number == ChipEvent.LINE_UP:
            rises = arg not in apic.lines
            apic.lines |= {arg} if arg >= FIRST_VECTOR else set()
            if rises and arg not in apic.irr | apic.isr:
                self.notes |= Notes.REPOSTED
                return self.post(plane, arg)
            return None, None
        if number == ChipEvent.LINE_DOWN:
            apic.lines -= {arg}
            return None, None
        if number == ChipEvent.EOI:
            self.ended = max(apic.isr, default=0)
            apic.isr -= {self.ended}
            if self.ended in apic.lines:
                self.notes |= Notes.REPOSTED
                event, coalesced = self.post(plane, self.ended)
                if event is not None:
                    return event, coalesced
            elif self.controller.rescan == "eoi":
                event, coalesced = self.rescan(plane, self.ended)
                if event is not None:
                    return event, coalesced
        elif number == ChipEvent.TPR:
            apic.tpr = arg
        elif number in (ChipEvent.APIC_ON, ChipEvent.APIC_OFF):
            apic.enabled = number == ChipEvent.APIC_ON
        else:
            return number, None
        return self.changed(plane, held), None

    def changed(self, plane: int, held: tuple[bool, bool]) -> int | None:
        """Give the event that tells step what priority no longer says, or says now."""
        masked, shut = self.priority(plane)
        if masked != held[0]:
            return Event.MASK if masked else Event.UNMASK
        if shut != held[1] and not self.apics[plane].interrupts_off:
            return Event.CLI if shut else Event.STI
        return None

    def come(self, plane: int, vector: int) -> tuple[int | None, bool | None]:
        """Let a vector come: one with a message has its slot first, or waits for it."""
        apic = self.apics[plane]
        if vector in self.controller.messages_of(plane):
            if vector in apic.slots:
                self.notes |= Notes.QUEUED
                coalesced = vector in apic.queued
                apic.queued |= {vector}
                return None, coalesced
            apic.slots |= {vector}
        return self.post(plane, vector)

    def rescan(self, plane: int, vector: int) -> tuple[int | None, bool | None]:
        """Have a message that waits come, if its slot is empty."""
        apic = self.apics[plane]
        if vector not in apic.queued or vector in apic.slots:
            return None, None
        apic.queued -= {vector}
        self.notes |= Notes.REPOSTED
        return self.come(plane, vector)

    def post(self, plane: int, vector: int) -> tuple[int | None, bool | None]:
        """Let a vector arrive."""
        apic = self.apics[plane]
        if vector < FIRST_VECTOR or not apic.enabled:
            self.notes |= Notes.DROPPED
            return None, None
        coalesced = vector in apic.irr
        apic.irr |= {vector}
        return Event.IRQ, coalesced

    def nmi(self, apic: Apic) -> tuple[int | None, bool | None]:
        """Let an NMI arrive: behind one in progress one is kept, further ones coalesce."""
        if not apic.nmi_in_progress:
            return Event.NMI, None
        coalesced, apic.nmi_kept = apic.nmi_kept, True
        return (None if self.controller.nmi_blocked == "waits" else Event.NMI), coalesced

    def nothing(self) -> ChipOutcome:
        """Give the outcome of an event after which nothing is dispatched."""
        current = self.vcpu.current
        flags = Flags(0)
        if self.vcpu.user:
            flags |= Flags.USER
        if self.vcpu.blocked:
            flags |= Flags.BLOCKED
        return ChipOutcome(current, current, Reason.NONE, Fault.NONE, flags, 0, 0, Notes(0))

    def settle(
        self, number: int, plane: int | None, out: ChipOutcome, coalesced: bool | None
    ) -> ChipOutcome:
        """Do to the registers what step decided."""
        flags, controller = out.flags, self.controller
        if coalesced is not None:
            flags = flags & ~Flags.COALESCED | (Flags.COALESCED if coalesced else Flags(0))
        if number in RESETS and not out.fault and plane is not None:
            before, self.apics[plane] = self.apics[plane], Apic()
            self.apics[plane].lines = before.lines
            if number == Event.INIT:  # which leaves the SynIC as it is
                self.apics[plane].slots, self.apics[plane].queued = before.slots, before.queued
        apic = self.apics[out.now]
        if flags & Flags.VINA:
            vina = controller.vina_vector_of(out.now)
            if not apic.enabled:
                self.notes |= Notes.VINA_DROPPED
            elif vina in apic.irr:
                self.notes |= Notes.VINA_PENDING
            else:
                apic.irr |= {vina}
        if flags & Flags.INJECTED:
            self.vector = max(apic.irr)
            apic.irr -= {self.vector}
            if self.vector not in controller.auto_eoi_of(out.now):
                apic.isr |= {self.vector}
        if flags & Flags.NMI and apic.nmi_in_progress:
            flags &= ~Flags.NMI  # entered for one that it cannot take yet
            self.vcpu.set_masks({"nmi": self.vcpu.mask("nmi") | bit(out.now)})
        elif flags & Flags.NMI:
            apic.nmi_in_progress = True
        self.derive()
        took = out.flags & (Flags.INJECTED | Flags.NMI | Flags.VINA)
        # Blocked, it sleeps on a VINA vector that the step did not know yet.
        if took and not self.vcpu.user and self.ready(out.now):
            self.notes |= Notes.MORE
        return out._replace(flags=flags, vector=self.vector, ended=self.ended, notes=self.notes)

    def ready(self, plane: int) -> bool:
        """Tell whether a plane could take an interrupt now."""
        held = self.vcpu.mask("masked") | self.vcpu.mask("noint") | self.vcpu.mask("unstarted")
        return bool(self.vcpu.mask("irq") & ~held & bit(plane))


DERIVED = ("irq", "masked", "noint")

RESETS = {number for name, number in Event.__members__.items() if name in ("DISABLE", "INIT")}
"""Events that leave a plane's controller as after reset."""
