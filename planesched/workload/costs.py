"""The one reader of costs: what switches cost, and what is published about that."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checks import one_of, plane_id
from ..errors import Mistake, TypeMistake, Words, unknown
from ..events import MAX_PLANES, Draw, Reason
from ..files import Toml
from .distributions import Fields, Spread, plain, spread

__all__ = ["CostSet", "Costs", "Given", "cost_sets", "read_costs"]

_REASONS = {reason.name.lower(): int(reason) for reason in Reason if reason}
_KEYS = (*_REASONS, "any", "exit")
_EXPECTED = (
    'costs by reason, a time for any switch as "2 us", a distribution, the name of a cost set, or '
    "a TOML file"
)


@dataclass(frozen=True)
class Costs:
    """What a switch takes before the new plane works.

    Each cost is a time with its unit, an int of ns, or a distribution.

    Parameters
    ----------
    reasons : mapping of str to Spread, str or int
        By the reason of the switch; ``"any"`` stands for those not named. What is not said is 0.
    between : mapping of (int, int) to Spread, str or int
        By the planes left and entered; goes before `reasons`.
    exit : Spread, str or int
        What an exit to userspace takes besides.

    Raises
    ------
    Mistake
        If there is no such reason or plane, or a cost is none.

    Examples
    --------
    >>> from planesched.workload import Exponential
    >>> Costs({"any": "2 us", "call": Exponential("1 us")}, exit="10 us").table()[1:]
    (10000, [(<Draw.EXPONENTIAL: 2>, 1000.0, 0.0, 0, None)])
    """

    reasons: Mapping[str, Any] = field(default_factory=dict)
    between: Mapping[tuple[int, int], Any] = field(default_factory=dict)
    exit: Any = 0

    def __post_init__(self) -> None:
        for field_name in ("reasons", "between"):
            if not isinstance(getattr(self, field_name), Mapping):
                raise TypeMistake(f"costs.{field_name}", getattr(self, field_name), "a mapping")
        reasons = {}
        for name, value in self.reasons.items():
            one_of("costs", name, (*_REASONS, "any"))
            reasons[name] = spread(value, f"costs.{name}")
        between = {}
        for (left, entered), value in self.between.items():
            name = f"costs.{left}-{entered}"
            between[plane_id(name, left), plane_id(name, entered)] = spread(value, name)
        object.__setattr__(self, "reasons", MappingProxyType(reasons))
        object.__setattr__(self, "between", MappingProxyType(between))
        object.__setattr__(self, "exit", spread(self.exit, "costs.exit"))

    @classmethod
    def of(cls, given: "Given") -> "Costs":
        """Return the costs that are meant.

        Parameters
        ----------
        given : Costs, mapping, str, int, Spread, path-like or None
            Costs; or a mapping of what costs: reasons, ``"any"``, ``"exit"``, and planes left and
            entered, as ``(0, 1)`` or ``"0-1"``. A time (``"2 us"``, an int of ns) or a distribution
            is what any switch takes. A str may be the name of a cost set, a TOML file with a table
            ``[costs]``, ``"any=2us"``, or several of these with commas between, of which the later
            change the earlier: ``"snp_vmpl,exit=200us"``. None: nothing costs anything.

        Raises
        ------
        Mistake
            If it is none of these; a TypeError too where it is of another type.
        OSError, InputError
            If a file cannot be read, or does not hold costs.

        Examples
        --------
        >>> Costs.of("kvm_exit,any=2us").reasons
        mappingproxy({'any': Constant(time=2000)})
        """
        if given is None:
            return cls()
        if isinstance(given, Costs):
            return given
        if isinstance(given, Mapping):
            return cls().changed(given)
        if isinstance(given, str):
            return cls().typed(given)
        if isinstance(given, os.PathLike):
            return _load(given)
        if isinstance(given, bool) or not (
            isinstance(given, Spread) or hasattr(given, "__index__")
        ):
            raise TypeMistake("costs", given, _EXPECTED)
        return cls({"any": given})

    def changed(self, items: Mapping[Any, Any], *, typed: bool = False) -> "Costs":
        """Return the same costs but for some: by reason, ``"any"``, ``"exit"``, or planes.

        `typed`: they stand in a file, where times have units.
        """
        reasons, between, leave = dict(self.reasons), dict(self.between), self.exit
        for key, value in items.items():
            pair = _pair(key)
            name = f"costs.{key if pair is None else '{}-{}'.format(*pair)}"
            if pair is not None:
                between[pair] = spread(value, name, typed=typed)
            elif key == "between" and isinstance(value, Mapping):
                between.update(self.changed(value, typed=typed).between)
            elif key == "exit":
                leave = spread(value, name, typed=typed)
            elif isinstance(key, str) and key in _KEYS:
                reasons[key] = spread(value, name, typed=typed)
            else:
                raise unknown("costs", key, _KEYS)
        return Costs(reasons, between, leave)

    def typed(self, text: str) -> "Costs":
        """Return the same costs as what was typed changes them (see `of`)."""
        costs, keys = self, set()
        for part in (part.strip() for part in text.split(",")):
            key, equals, value = (word.strip() for word in part.partition("="))
            if equals and key in keys:
                raise Mistake("costs", Words(f"{key} twice"), "each once")
            keys.add(key)
            if part.endswith(".toml") or "/" in part:
                costs = _load(part)
            elif equals:
                costs = costs.changed({key: value})
            elif part in cost_sets():
                costs = cost_sets()[part].costs
            elif part[:1].isdigit():
                costs = costs.changed({"any": part})
            else:
                raise unknown("costs", part, [*cost_sets(), *(f"{key}=TIME" for key in _KEYS)])
        return costs

    def __reduce__(self) -> tuple[Any, ...]:
        return Costs, (dict(self.reasons), dict(self.between), self.exit)

    @property
    def free(self) -> bool:
        """Whether nothing costs anything."""
        all_of = [*self.reasons.values(), *self.between.values(), self.exit]
        return all(cost.mean_ns == 0 for cost in all_of)

    def as_dict(self) -> dict[str, Any]:
        """Return what `of` takes, as plain numbers and dicts: times in ns, planes as ``"0-1"``."""
        out: dict[str, Any] = {name: plain(cost) for name, cost in self.reasons.items()}
        out |= {f"{left}-{to}": plain(cost) for (left, to), cost in self.between.items()}
        return out | ({"exit": plain(self.exit)} if self.exit.mean_ns else {})

    def __str__(self) -> str:
        """Say what costs how much, in one line; nothing for what is free."""
        parts = [f"{name} {cost}" for name, cost in self.reasons.items() if cost.mean_ns]
        parts += [f"{left} to {to} {cost}" for (left, to), cost in self.between.items()]
        return ", ".join([*parts, *([f"exit {self.exit}"] if self.exit.mean_ns else [])])

    def table(self) -> tuple[NDArray[np.int64], int, list[Fields]]:
        """Return costs by reason, from, to, that of an exit, and what negative ones draw from."""
        spreads: list[Fields] = []
        out = np.zeros((len(Reason), MAX_PLANES, MAX_PLANES), dtype=np.int64)
        out[1:] = _entry(self.reasons.get("any", spread(0)), spreads)
        for name, cost in self.reasons.items():
            if name != "any":
                out[_REASONS[name]] = _entry(cost, spreads)
        for (left, entered), cost in self.between.items():
            out[1:, left, entered] = _entry(cost, spreads)
        return out, _entry(self.exit, spreads), spreads


Given = Costs | Spread | Mapping[Any, Any] | str | int | os.PathLike[str] | None
"""What costs are given as: see `Costs.of`."""


def read_costs(file: Toml) -> Costs:
    """Return what a file's table ``[costs]`` says: what `Costs.of` takes, and ``set``.

    Raises
    ------
    InputError
        If a key, unit or value is wrong; with the line.
    """
    table = dict(file.subtable("costs"))
    pairs = table.pop("between", {})
    costs = Costs()
    if "set" in table:
        name = file.read(one_of, "set", table.pop("set"), cost_sets(), key="set", table="costs")
        costs = cost_sets()[name].costs
    pairs_only = {key: value for key, value in table.items() if _pair(key) is not None}
    file.known(table, ("set", *_KEYS, "between", *pairs_only), "costs")
    for where, items in (("costs", table), ("costs.between", pairs)):
        for key, value in items.items():
            if where != "costs" and _pair(key) is None:
                expected = 'planes left and entered, as "0-1"'
                raise file.error(f"the key {key!r}", expected, key, where)
            try:
                costs = costs.changed({key: value}, typed=True)
            except Mistake as mistake:
                bare = mistake.named(mistake.name.removeprefix("costs."))
                raise file.placed(bare, key, where) from None
    return costs


def _load(path: str | os.PathLike[str]) -> Costs:
    """Read a cost set in TOML; what else it says (who measured, where) is for people."""
    file = Toml(Path(path))
    if "costs" not in file.table:
        file.check_kind("costs")
        raise file.error("no table [costs]", "a cost set: [costs] with any, exit, reasons")
    return read_costs(file)


def _pair(key: Any) -> tuple[int, int] | None:
    """Return the planes left and entered that a key names, if it does."""
    if isinstance(key, tuple) and len(key) == 2:
        return key[0], key[1]
    found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", key, re.ASCII) if isinstance(key, str) else None
    return (int(found[1]), int(found[2])) if found else None


def _entry(cost: Spread, spreads: list[Fields]) -> int:
    fields = cost.fields()
    if fields[0] == Draw.CONSTANT:
        return fields[3]
    spreads.append(fields)
    return -len(spreads)


@dataclass(frozen=True)
class CostSet:
    """Costs of a real system: where they stand, and what they are not."""

    name: str
    costs: Costs
    source: str
    note: str


_SETS = (
    CostSet(
        "free",
        Costs(),
        "nobody",
        "Switches take no time: what is seen is the policy alone.",
    ),
    CostSet(
        "snp_vmpl",
        Costs({"any": "11 us"}),
        "NestedSGX, arXiv 2402.11438 v3: 32,000 to 34,000 cycles a VMPL switch, seen by the guest",
        "Not measured with KVM planes. 33,000 cycles at 3 GHz; the clock is our assumption. No "
        "cycle cost of a KVM plane switch is published in any thread on planes.",
    ),
    CostSet(
        "vtl_userspace",
        Costs(exit="200 us"),
        "D. Woodhouse on linux-hyperv, 2026: an exit and about a dozen cross-thread ioctls a "
        "switch cost minutes of a Windows boot with hundreds of thousands of them",
        "An order of magnitude: one minute by 300,000 switches. N. Saenz Julienne reported in "
        "November 2023 no major effect; the contradiction is not explained.",
    ),
    CostSet(
        "kvm_exit",
        Costs(exit="843 ns"),
        "lkml, 2012: about 2,528 cycles from the ioctl through VMRUN to the exit, SVM, not SEV",
        "Old, and of another path: 2,528 cycles at 3 GHz, the clock is our assumption. A lower "
        "bound for an exit to userspace on such a machine; switches are free in it.",
    ),
)


def cost_sets() -> Mapping[str, CostSet]:
    """Give the cost sets by name, with their sources and what is not known about them."""
    return MappingProxyType({cost_set.name: cost_set for cost_set in _SETS})
