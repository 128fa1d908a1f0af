"""Named vectors of a search: which there are, what TPR becomes, and the acts that they add."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..checks import plane_id, whole
from ..errors import Mistake, TypeMistake, Words
from ..irqchip import (
    DISABLED,
    FIRST_VECTOR,
    MASK_BY,
    NMI_BLOCKED,
    RESCANS,
    Controller,
    as_controller,
)
from ..text import listed
from .alphabet import Item
from .search import MAX_NAMED

__all__ = ["Chips", "GivenVectors", "as_chips", "single_controllers", "with_vectors"]

GivenVectors = str | Iterable[int] | Mapping[int, Iterable[int]]
"""What vectors are given as: ``"0x31,1:0x51"``, of every plane or one; numbers, also by plane."""

_MOST = 3
_LINES = ("line_up", "line_down")
_MESSAGES = ("empty", "eom")
_PLAIN = ("eoi", "iret", "apic_on", "apic_off")


@dataclass(frozen=True)
class Chips:
    """How the controllers of a search are set up.

    Attributes
    ----------
    controllers : (Controller, Controller)
        One for each policy; the same twice, but in a `diff` of two.
    vectors, tprs : tuple of tuple of int
        By plane, rising: the vectors, and what TPR becomes (0 first).
    lines : bool
        Whether there are level-triggered lines.
    owed : bool
        Whether what is looked for is the end of what is in service, not its injection.
    """

    controllers: tuple[Controller, Controller]
    vectors: tuple[tuple[int, ...], ...]
    tprs: tuple[tuple[int, ...], ...]
    lines: bool = False
    owed: bool = False

    def __str__(self) -> str:
        alike = len(set(self.vectors)) == 1
        by_plane = enumerate(self.vectors[:1] if alike else self.vectors)
        words = [
            (f"{plane}: " if not alike else "") + ",".join(f"{v:#x}" for v in named)
            for plane, named in by_plane
            if named
        ]
        tpr = ", tpr" if any(len(values) > 1 for values in self.tprs) else ""
        same = self.controllers[0] == self.controllers[1]
        named = [str(each) for each in (self.controllers[:1] if same else self.controllers)]
        return f"vectors {'; '.join(words)}{tpr} ({' | '.join(named)})"

    def as_dict(self) -> dict[str, Any]:
        """Give them as plain values, ready for JSON: by plane."""
        return {
            "named": [list(row) for row in self.vectors],
            "tpr": [list(row) for row in self.tprs],
            "controllers": [str(setup) for setup in self.controllers],
        }

    def named(self, item: Item) -> Iterator[tuple[int, int, int]]:
        """Yield what an item names: plane, vector or value, and 1 + the one who does it or 0."""
        planes = range(len(self.vectors))
        if item.name == "tpr":
            yield from ((0, value, 1 + plane) for plane in planes for value in self.tprs[plane])
        elif item.name in _PLAIN:
            yield 0, 0, 0
        else:
            for plane in planes if item.plane is None else (item.plane,):
                yield from self._named_at(item, plane)

    def _named_at(self, item: Item, plane: int) -> Iterator[tuple[int, int, int]]:
        named = self.vectors[plane]
        if item.name in _MESSAGES:
            named = tuple(v for v in named if v in self.controllers[0].messages_of(plane))
        if item.vector is not None:
            if item.vector not in named:
                raise Mistake("events", str(item), f"one of {listed(map(hex, named))}")
            named = (item.vector,)
        who = 1 + plane if item.name in _MESSAGES else 0
        yield from ((plane, vector, who) for vector in named)


def with_vectors(items: Sequence[Item], events: str | Iterable[str], tpr: bool) -> tuple[Item, ...]:
    """Return an alphabet for planes with controllers.

    ``mask`` and ``unmask`` go, for the controllers give them. ``eoi`` comes, ``tpr`` where it is
    asked for, and ``iret`` where there are NMIs; but not what `events` takes away, as ``-eoi``.
    """
    words = events.split(",") if isinstance(events, str) else list(events)
    taken = {word.strip()[1:].strip() for word in words if word.strip().startswith("-")}
    found = [item for item in items if item.name not in ("mask", "unmask")]
    has_nmi = any(item.name == "nmi" for item in found)
    added = ["eoi", *(["tpr"] if tpr else []), *(["iret"] if has_nmi else [])]
    taken |= {item.name for item in found}
    return (*found, *(Item(name) for name in added if name not in taken))


def as_chips(
    vectors: GivenVectors | None,
    tpr: bool,
    controllers: Sequence[Controller | str | None],
    planes: int,
    items: Sequence[Item],
) -> Chips | None:
    """Return how controllers are set up for a search, None without vectors.

    Raises
    ------
    Mistake
        If there are too many vectors, one is not in 16..255, or there are none for TPR.
    """
    made = [as_controller(each) for each in controllers]
    if vectors is None:
        if tpr or any(each is not None for each in made):
            what = "tpr" if tpr else "a controller"
            raise Mistake("vectors", Words(f"none, with {what}"), "one to three, as 0x31,0x51")
        return None
    named = _named(vectors, planes)
    setups = [each or Controller() for each in made]
    if any(item.name.startswith("vina") for item in items):
        named = tuple(
            tuple(sorted({*each, *(setup.vina_vector_of(plane) for setup in setups)}))
            for plane, each in enumerate(named)
        )
    for each in named:
        if len(each) > MAX_NAMED:
            raise Mistake(
                "vectors", Words(listed(map(hex, each))), f"{MAX_NAMED} with that of VINA"
            )
    if tpr:
        values = [tuple(sorted({0, *(vector & 0xF0 for vector in each)})) for each in named]
    else:
        values = [(0,)] * planes
    return Chips(
        (setups[0], setups[-1]),
        named,
        tuple(values),
        lines=any(item.name in _LINES for item in items),
    )


def _named(vectors: GivenVectors, planes: int) -> tuple[tuple[int, ...], ...]:
    by_plane: Any
    if isinstance(vectors, Mapping):
        by_plane = {plane_id("vectors", plane, planes): vectors[plane] for plane in vectors}
    elif isinstance(vectors, str):
        by_plane = _read(vectors, planes)
    elif isinstance(vectors, Iterable):
        by_plane = dict.fromkeys(range(planes), tuple(vectors))
    else:
        raise TypeMistake("vectors", vectors, "vectors, or vectors by plane")
    rows = []
    for plane in range(planes):
        row = sorted({whole("vectors", v, FIRST_VECTOR, 255) for v in by_plane.get(plane, ())})
        if len(row) > _MOST:
            raise Mistake("vectors", Words(listed(map(hex, row))), f"at most {_MOST} of a plane")
        rows.append(tuple(row))
    if not any(rows):
        raise Mistake("vectors", vectors, "one to three, as 0x31,0x51")
    return tuple(rows)


def _read(text: str, planes: int) -> dict[int, list[int]]:
    """Read ``"0x31,1:0x51"``: a vector of every plane, and one of plane 1."""
    rows: dict[int, list[int]] = {plane: [] for plane in range(planes)}
    for word in text.split(","):
        named, colon, number = word.strip().rpartition(":")
        try:
            vector, plane = int(number, 0), int(named) if colon else None
        except ValueError:
            raise Mistake("vectors", word.strip(), "a vector, as 0x31 or 1:0x31") from None
        for each in rows if plane is None else [plane_id("vectors", plane, planes)]:
            rows[each].append(vector)
    return rows


def single_controllers(chips: Chips) -> Iterator[tuple[str, Chips]]:
    """Yield the set-ups that differ in one field alone: ``("mask_by=ppr", Chips)``."""
    setup = chips.controllers[0]
    named = sorted({vector for row in chips.vectors for vector in row})
    choices: list[tuple[str, Sequence[Any]]] = [
        ("mask_by", MASK_BY), ("nmi_blocked", NMI_BLOCKED), ("rescan", RESCANS),
        ("disabled", DISABLED), ("auto_eoi", [(), tuple(named)]),
    ]  # fmt: skip
    for name, values in choices:
        for value in values:
            changed = replace(setup, **{name: value})
            if changed != setup:
                word = value if isinstance(value, str) else "all" if value else "none"
                yield f"{name}={word}", replace(chips, controllers=(changed, changed))
