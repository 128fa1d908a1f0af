"""Cases with vectors: a key ``controller``, acts of an interrupt controller, what it holds."""

from collections.abc import Callable, Mapping
from typing import Any

from ..checks import plane_id, whole
from ..errors import Mistake, unknown
from ..events import ChipEvent, Notes, chip_event_number
from ..irqchip import FIRST_VECTOR, Chip, Controller, as_controller
from ..policy import Policy
from .events import read_event

__all__ = ["CHIP_KEYS", "chip_wants", "found_in_chips", "read_chip_event", "read_controller"]

CHIP_KEYS = ("irr", "isr", "tpr", "ppr", "slots", "queued")
"""What is expected of the controllers: a list with one entry a plane; of tpr and ppr the class."""

EVERY_VECTOR = "all"
_WITH_ARGUMENT = {
    "irq": "a vector", "line_up": "a vector", "line_down": "a vector", "empty": "a vector",
    "eom": "a vector", "tpr": "a value",
}  # fmt: skip
_OF_CONTROLLERS = {event.name.lower() for event in ChipEvent} | {"irq"}


def read_controller(given: Any) -> Controller | None:
    """Return what a case calls ``controller``: a name, or a table of fields.

    ``auto_eoi = "all"`` stands for every vector.

    Raises
    ------
    Mistake
        If it is none.
    """
    if not isinstance(given, Mapping):
        return as_controller(given)
    known = Controller.__dataclass_fields__
    for name in given:
        if name not in known:
            raise unknown("controller", name, known)
    fields = dict(given)
    if fields.get("auto_eoi") == EVERY_VECTOR:
        fields["auto_eoi"] = range(FIRST_VECTOR, 256)
    try:
        return Controller(**fields)
    except Mistake as mistake:
        raise mistake.within("controller") from None


def read_chip_event(policy: Policy, planes: int, do: str) -> tuple[int, int | None, int | None]:
    """Read ``"irq 1 0x52"``, ``"tpr 1 0x40"``, ``"eoi 1"``, or an event without a vector.

    A vector below 16 can be named: it is dropped (rules, section 8).

    Raises
    ------
    Mistake
        If it is none of these.
    """
    name, *words = do.split() or [""]
    if name in ("mask", "unmask"):
        raise Mistake("do", do, "tpr: the mask is the controller's own")
    if name not in _OF_CONTROLLERS:
        event, named = read_event(policy, planes, do)
        return event, named, None
    what = _WITH_ARGUMENT.get(name, "")
    if len(words) != 1 + bool(what):
        raise Mistake("do", do, f"a plane{f' and {what}' if what else ''} after {name}")
    plane, *argument = (_number(do, word) for word in words)
    plane_id("do", plane, planes)
    for value in argument:
        whole("do", value, 0, 255)
    return chip_event_number(name), plane, argument[0] if argument else None


def _number(do: str, word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise Mistake("do", do, f"a number instead of {word!r}") from None


def chip_wants(planes: int) -> dict[str, tuple[str, Callable[[Any], bool]]]:
    """Give what a step may expect of controllers, by key: in words, and as a check."""

    def vector(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 256

    def row(value: Any) -> bool:
        return isinstance(value, list) and all(map(vector, value)) and value == sorted(set(value))

    def each(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
        return lambda value: (
            isinstance(value, list) and len(value) == planes and all(map(holds, value))
        )

    names = [str(note.name).lower() for note in Notes]

    def some(value: Any) -> bool:
        return isinstance(value, list) and all(name in names for name in value)

    rows = f"a list of {planes} rising lists of vectors", each(row)
    classes = f"a list of {planes} numbers in 0..255", each(vector)
    return {
        "vector": ("the vector that was taken, 0 for none", vector),
        "ended": ("the vector that an EOI ended, 0 for none", vector),
        "notes": (f"a list of {', '.join(names)}", some),
        "irr": rows, "isr": rows, "slots": rows, "queued": rows, "tpr": classes, "ppr": classes,
    }  # fmt: skip


def found_in_chips(key: str, chips: list[Chip]) -> list[Any]:
    """Give what controllers hold, in the words of the file."""
    if key in ("tpr", "ppr"):
        return [getattr(chip, key) & 0xF0 for chip in chips]
    return [list(getattr(chip, key)) for chip in chips]
