"""Interrupt controllers: how those of a VM are set up, what happens to them, and what one holds.

The rules are section 8.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from .checks import plane_id, several, whole
from .errors import Mistake, TypeMistake, unknown
from .events import MAX_PLANES, ChipEvent, Notes

__all__ = ["Chip", "ChipEvent", "Controller", "Notes", "as_controller"]

FIRST_VECTOR = 16
"""Below it, a vector is a mistake of its sender."""
VINA_VECTOR = 0xF3
MASK_BY = ("ppr", "tpr")
NMI_BLOCKED = ("counts", "waits")
RESCANS = ("eom", "eoi")
DISABLED = ("delivers", "holds")
_VECTORS = "vectors, as [0x31, 0x41]"
MAX_MESSAGES = 8
"""Message slots of a plane at most."""


@dataclass(frozen=True)
class Controller:
    """How the local APICs of a VM's planes are set up: the same on each vCPU.

    Parameters
    ----------
    mask_by : str
        What holds an interrupt back by priority: ``"ppr"``, or ``"tpr"`` (the TLFS by the letter;
        what is in service then holds back the injection alone).
    nmi_blocked : str
        Whether an NMI behind one in progress forces an entry: ``"counts"`` (SNP) or ``"waits"``
        (TDX).
    auto_eoi : collection of int, or mapping of int to collection of int
        The vectors that never get into ISR (SINTs with auto-EOI), of every plane or by plane.
    messages : collection of int, or mapping of int to collection of int
        The vectors of SINTs that come with a message, at most 8 a plane, of every plane or by
        plane. While the message slot is full the next one waits, and its interrupt with it.
    rescan : str
        What has a message that waits come, once the guest has emptied the slot: ``"eom"``, a write
        to the EOM register alone (TLFS); or ``"eoi"``, the EOI of its vector too (KVM).
    disabled : str
        What one that software disabled does with what is in its IRR: it ``"delivers"`` that
        (processors, KVM), or ``"holds"`` it until it is enabled (OpenVMM). None takes what comes.
    vina_vector : int, or mapping of int to int
        The vector that tells a plane of interrupts for less privileged ones, of every plane or by
        plane; 0xf3 where none is named.

    Raises
    ------
    Mistake
        If a value is not one of these, a vector not in 16..255 or a plane not in 0..15.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", controller=Controller(auto_eoi=[0x31])).vcpus[0]
    >>> vcpu.irq(1, 0x31).vector, vcpu.eoi(1).ended  # nothing is in service
    (49, 0)
    """

    mask_by: str = "ppr"
    nmi_blocked: str = "counts"
    auto_eoi: Collection[int] | Mapping[int, Collection[int]] = ()
    vina_vector: int | Mapping[int, int] = VINA_VECTOR
    messages: Collection[int] | Mapping[int, Collection[int]] = ()
    rescan: str = "eom"
    disabled: str = "delivers"

    def __post_init__(self) -> None:
        named = (
            ("mask_by", MASK_BY), ("nmi_blocked", NMI_BLOCKED), ("rescan", RESCANS),
            ("disabled", DISABLED),
        )  # fmt: skip
        for name, values in named:
            if getattr(self, name) not in values:
                raise unknown(name, getattr(self, name), values)
        for name in ("auto_eoi", "vina_vector", "messages"):
            value = getattr(self, name)
            for plane in value if isinstance(value, Mapping) else ():
                plane_id(name, plane)
            for given in value.values() if isinstance(value, Mapping) else [value]:
                row = [given] if name == "vina_vector" else several(name, given, _VECTORS)
                for vector in row:
                    whole(name, vector, FIRST_VECTOR, 255)
        for plane in range(MAX_PLANES):
            self._check_messages(plane)

    def __str__(self) -> str:
        """Return the text that `as_controller` reads, where no plane differs from another."""
        words = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            if isinstance(value, Collection) and not isinstance(value, str | Mapping):
                value = "+".join(f"{vector:#x}" for vector in sorted(value))
            words.append(
                f"{field.name}={value:#x}" if isinstance(value, int) else f"{field.name}={value}"
            )
        return "lapic" + (f":{','.join(words)}" if words else "")

    def _check_messages(self, plane: int) -> None:
        messages = self.messages_of(plane)
        if len(messages) > MAX_MESSAGES:
            raise Mistake("messages", sorted(messages), f"at most {MAX_MESSAGES} of a plane")
        if self.vina_vector_of(plane) in messages:
            raise Mistake("messages", self.vina_vector_of(plane), "another than the VINA vector")

    def messages_of(self, plane: int) -> frozenset[int]:
        """Return the vectors of a plane that come with a message."""
        if isinstance(self.messages, Mapping):
            return frozenset(self.messages.get(plane, ()))
        return frozenset(self.messages)

    def auto_eoi_of(self, plane: int) -> frozenset[int]:
        """Return the vectors of a plane that never get into ISR."""
        if isinstance(self.auto_eoi, Mapping):
            return frozenset(self.auto_eoi.get(plane, ()))
        return frozenset(self.auto_eoi)

    def vina_vector_of(self, plane: int) -> int:
        """Return the VINA vector of a plane."""
        if isinstance(self.vina_vector, Mapping):
            return self.vina_vector.get(plane, VINA_VECTOR)
        return self.vina_vector


@dataclass(frozen=True)
class Chip:
    """What the controller of one plane holds.

    Attributes
    ----------
    irr, isr : tuple of int
        The vectors that are pending, and in service, rising.
    tpr, ppr : int
        The task and the processor priority; of either only the class (``>> 4``) is compared.
    lines : tuple of int
        The level-triggered vectors whose line is up, rising.
    enabled : bool
        Whether software has not disabled the controller.
    nmi, nmi_kept : bool
        Whether an NMI is in progress, and whether one waits behind it.
    slots, queued : tuple of int
        The vectors whose message slot is full, and those for which a message waits, rising.

    Examples
    --------
    >>> from planesched import VM
    >>> vcpu = VM("vsm", controller="lapic").vcpus[0]
    >>> vcpu.irq(1, 0x31).vector, vcpu.irq(1, 0x31).vector  # the second waits for its EOI
    (49, 0)
    >>> chip = vcpu.chip(1)
    >>> chip.irr, chip.isr, hex(chip.ppr)
    ((49,), (49,), '0x30')
    """

    irr: tuple[int, ...] = ()
    isr: tuple[int, ...] = ()
    tpr: int = 0
    ppr: int = 0
    lines: tuple[int, ...] = ()
    enabled: bool = True
    nmi: bool = False
    nmi_kept: bool = False
    slots: tuple[int, ...] = ()
    queued: tuple[int, ...] = ()


def said_chips(chips: Iterable[Chip]) -> str:
    """Say what controllers hold, of each plane what is not as after reset: in a cell.

    Examples
    --------
    >>> said_chips([Chip(), Chip(irr=(0x31,), tpr=0x40, ppr=0x40)])
    '1: irr 0x31 tpr 0x40 ppr 0x40'
    """
    told = []
    for plane, chip in enumerate(chips):
        rows = ("irr", "isr", "lines", "slots", "queued")
        words = [
            f"{name} {','.join(f'{vector:#x}' for vector in getattr(chip, name))}"
            for name in rows
            if getattr(chip, name)
        ]
        words += [
            f"{name} {getattr(chip, name):#x}" for name in ("tpr", "ppr") if getattr(chip, name)
        ]
        words += ["off"] * (not chip.enabled) + ["nmi"] * chip.nmi + ["nmi kept"] * chip.nmi_kept
        if words:
            told.append(f"{plane}: {' '.join(words)}")
    return "; ".join(told)


def as_controller(controller: Controller | str | None) -> Controller | None:
    """Return what a caller calls ``controller``.

    ``"lapic"`` is one that nothing was said of; after a colon stand the fields that differ, vectors
    joined by ``+``: ``"lapic:mask_by=tpr,auto_eoi=0x31+0x41"``.

    Raises
    ------
    Mistake
        If it is another name, or a field or value is not known; a TypeError too if it is neither a
        str nor a Controller nor None.

    Examples
    --------
    >>> as_controller("lapic:mask_by=tpr") == Controller(mask_by="tpr")
    True
    """
    if controller is None or isinstance(controller, Controller):
        return controller
    if not isinstance(controller, str):
        raise TypeMistake("controller", controller, "'lapic', a Controller or None")
    name, _, settings = controller.partition(":")
    if name != "lapic":
        raise unknown("controller", name, ("lapic",))
    try:
        return Controller(**dict(_field(part) for part in settings.split(",") if part.strip()))
    except Mistake as mistake:
        raise mistake.within("controller") from None


def _field(text: str) -> tuple[str, Any]:
    """Read one ``field=value``."""
    field, equals, value = (part.strip() for part in text.partition("="))
    known = Controller.__dataclass_fields__
    if field not in known:
        raise unknown("field", field, known)
    if not equals or not value:
        raise Mistake(field, value, "a value after it, as mask_by=tpr")
    if isinstance(known[field].default, str):
        return field, value
    numbers = [_number(field, word) for word in value.split("+")]
    return field, numbers[0] if isinstance(known[field].default, int) else numbers


def _number(field: str, word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise Mistake(field, word, "a vector, as 0x31") from None
