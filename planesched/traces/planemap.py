"""Plane maps: which plane each vector of a trace is for, said by the user.

Longer than 300 lines because what a rule may be and what is wrong with one stand together.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..checks import plane_count, plane_id
from ..errors import InputError, Mistake, TypeMistake, Words, nearest
from ..events import MAX_PLANES
from ..files import Toml
from ..policy import Policy
from .record import MAX_VCPUS

__all__ = ["VECTOR_NAMES", "PlaneMap", "Rule", "Target"]

VECTOR_NAMES = {
    "legacy_timer": 0x30,
    "timer": 0xEC,
    "hyperv_stimer": 0xED,
    "hypervisor_callback": 0xF3,
    "irq_work": 0xF6,
    "reboot": 0xF8,
    "call_function_single": 0xFB,
    "call_function": 0xFC,
    "reschedule": 0xFD,
}
"""Vectors that a Linux guest uses alike on every vCPU (arch/x86/include/asm/irq_vectors.h)."""

_RULE = "'[vcpuN:]VECTOR[-VECTOR]=PLANE', for example 0xec=level1 or default=level0"
_TARGET = f"level0..level{MAX_PLANES - 1} or plane0..plane{MAX_PLANES - 1}"
_VECTOR = f"a vector 0..255 or one of {', '.join(VECTOR_NAMES)}"


@dataclass(frozen=True, order=True)
class Target:
    """A plane, by its number or by its level (see `PlaneMap.planes`)."""

    kind: Literal["level", "plane"]
    number: int

    def __str__(self) -> str:
        return f"{self.kind}{self.number}"


LEVEL0 = Target("level", 0)


@dataclass(frozen=True)
class Rule:
    """Vectors `first` to `last`, on every vCPU or on one, are for `target`."""

    first: int
    last: int
    target: Target
    vcpu: int | None = None
    text: str = ""

    def overlaps(self, other: "Rule") -> bool:
        """Tell whether a vector on a vCPU has both rules."""
        return self.vcpu == other.vcpu and self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class PlaneMap:
    """Which plane each vector is for.

    The rules of one vCPU go before the rules of all vCPUs, and these before the default; the order
    in which rules are given has no meaning, for two that overlap are refused.

    Parameters
    ----------
    rules : tuple of Rule
    default : Target
        Where all other vectors go; level 0 unless given.

    Examples
    --------
    >>> PlaneMap.parse(["timer=level1", "vcpu1:0x26-0x2f=level2"]).targets
    (Target(kind='level', number=0), Target(kind='level', number=1), Target(kind='level', number=2))
    """

    rules: tuple[Rule, ...] = ()
    default: Target = LEVEL0

    def __post_init__(self) -> None:
        for index, rule in enumerate(self.rules):
            for other in self.rules[:index]:
                if rule.overlaps(other):
                    both = f"{other.text or other} and {rule.text or rule}, which overlap"
                    raise Mistake("plane_map", Words(both), "one plane for a vector")

    @classmethod
    def parse(cls, rules: str | Iterable[str] | Mapping[str | int, str | int]) -> Self:
        """Return the map of some rules.

        Parameters
        ----------
        rules : str, iterable of str, or mapping
            ``VECTOR=PLANE``, ``FIRST-LAST=PLANE`` or ``default=PLANE``; ``vcpuN:`` before the
            vector restricts a rule to one vCPU. A vector is decimal, 0x and hexadecimal, or a name
            of `VECTOR_NAMES`; a plane is ``levelK`` or ``planeP``. A mapping has vectors, also as
            numbers, and their planes.

        Raises
        ------
        Mistake
            If a rule is malformed, two overlap, or there are two defaults.
        """
        if isinstance(rules, Mapping):
            rules = [_as_rule(vector, plane) for vector, plane in rules.items()]
        rules = [rules] if isinstance(rules, str) else rules
        if not isinstance(rules, Iterable):
            raise TypeMistake("plane_map", rules, f"rules {_RULE}")
        return cls._from(list(rules))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a map from a TOML file.

        The file holds a table, ``[map]`` with lines like ``"0x20-0x2f" = "level2"`` and ``default =
        "level0"``, or a list, ``map = ["0x20-0x2f=level2", "default=level0"]``. Other tables are
        left to others.

        Raises
        ------
        OSError
            If the file cannot be read.
        InputError
            If it is no TOML, has no map, a rule is malformed, or two overlap; with the line.
        """
        file = Toml(path)
        table = file.table.get("map")
        if isinstance(table, dict):
            pairs = [(key, f"{key}={value}") for key, value in table.items()]
        elif isinstance(table, list):
            pairs = [(str(rule), str(rule)) for rule in table]
        else:
            file.check_kind("map")
            found = "no 'map'" if table is None else f"map = {table!r}"
            raise file.error(found, "a table [map] or a list of rules", "map")
        for place, (key, rule) in enumerate(pairs):
            try:
                made = cls._from([rule for _, rule in pairs[: place + 1]])
            except Mistake as mistake:
                line = _line_of(file.text, key)
                raise InputError.of(file.path, line, mistake) from None
        return made if pairs else cls()

    @classmethod
    def _from(cls, rules: Iterable[str]) -> Self:
        made: list[Rule] = []
        default = None
        for text in rules:
            if not isinstance(text, str):
                raise TypeMistake("plane_map", text, _RULE)
            name, _, plane = text.rpartition("=")
            if not name.strip():
                raise Mistake("plane_map", Words(repr(text)), _RULE)
            target = _target(text, plane.strip())
            if name.strip() != "default":
                made.append(_rule(name.strip(), target, text))
            elif default is not None:
                raise Mistake("plane_map", Words(f"default={default} and {text}"), "one default")
            else:
                default = target
        return cls(tuple(made), default or LEVEL0)

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """The planes that the map names; the first one is level 0, the guest OS's."""
        named = {self.default, *(rule.target for rule in self.rules)}
        return (LEVEL0, *sorted(named - {LEVEL0}))

    @property
    def n_planes(self) -> int:
        """How many planes the targets need, at least 2."""
        return max(2, *(target.number + 1 for target in self.targets))

    def table(self, vcpu: int) -> list[int]:
        """Give the index in `targets` for each of the 256 vectors on one vCPU."""
        out = [self.targets.index(self.default)] * 256
        for scope in (None, vcpu):
            for rule in self.rules:
                if rule.vcpu == scope:
                    count = rule.last - rule.first + 1
                    out[rule.first : rule.last + 1] = [self.targets.index(rule.target)] * count
        return out

    def unmatched(self, seen: Mapping[int, Collection[int]]) -> tuple[str, ...]:
        """Give the rules that none of the vectors `seen`, by vCPU, has."""
        return tuple(
            rule.text or str(rule)
            for rule in self.rules
            if not any(
                rule.first <= vector <= rule.last
                for vcpu, vectors in seen.items()
                if rule.vcpu in (None, vcpu)
                for vector in vectors
            )
        )

    def planes(
        self, policy: Policy, n_planes: int, *, main: int | None = None
    ) -> NDArray[np.uint8]:
        """Resolve `targets` to plane numbers under a policy.

        Level 0 is the guest OS's plane: the main plane where the policy hands over, else the least
        privileged plane. Level k is the k-th plane above it by rank (rules, 7).

        Parameters
        ----------
        policy : Policy
        n_planes : int
            Planes 0 to ``n_planes - 1`` are online.
        main : int, optional
            The main plane, the highest-numbered one unless given; looked at only where the policy
            hands over.

        Returns
        -------
        ndarray of uint8, shape (len(targets),)

        Raises
        ------
        Mistake
            If a level or plane does not exist.
        """
        n_planes = plane_count(n_planes)
        order = policy.order(range(n_planes))
        base = order[-1]
        if policy.hands_over:
            base = n_planes - 1 if main is None else plane_id("main", main, n_planes)
        resolved = (_resolve(target, order, base) for target in self.targets)
        return np.fromiter(resolved, np.uint8, len(self.targets))


def _resolve(target: Target, order: tuple[int, ...], base: int) -> int:
    if target.kind == "plane":
        if target.number not in order:
            there = f"a plane that exists: there are {len(order)}"
            raise Mistake("plane", Words(str(target)), there)
        return target.number
    above = order.index(base)
    if target.number > above:
        there = f"plane {base} is level0, and {above} of {len(order)} planes rank above it"
        raise Mistake("plane", Words(str(target)), f"a level that exists: {there}")
    return order[above - target.number]


def _as_rule(vector: object, plane: object) -> str:
    """Write an item of a mapping as a rule; planes are numbers there, too."""
    number = isinstance(plane, int) and not isinstance(plane, bool)
    return f"{vector}={f'plane{plane}' if number else plane}"


def _target(text: str, plane: str) -> Target:
    found = re.fullmatch(r"(level|plane)(0|[1-9]\d?)", plane, re.ASCII)
    if not found or int(found[2]) >= MAX_PLANES:
        near = nearest(plane, [f"{word}{n}" for word in ("level", "plane") for n in range(16)])
        meant = f"{_TARGET}; did you mean {near}?" if near else _TARGET
        raise Mistake("plane_map", Words(f"plane {plane!r} in {text!r}"), meant)
    return Target("level" if found[1] == "level" else "plane", int(found[2]))


def _rule(name: str, target: Target, text: str) -> Rule:
    scope, colon, vectors = name.rpartition(":")
    vcpu = None
    if colon:
        number = re.fullmatch(r"vcpu(\d{1,5})", scope.strip(), re.ASCII)
        if not number or int(number[1]) >= MAX_VCPUS:
            found = Words(f"{scope!r} in {text!r}")
            raise Mistake("plane_map", found, f"vcpu0..vcpu{MAX_VCPUS - 1}")
        vcpu = int(number[1])
    first, dash, last = vectors.partition("-")
    low = _vector(text, first)
    high = _vector(text, last) if dash else low
    if high < low:
        raise Mistake("plane_map", Words(f"the range {vectors.strip()}"), "its lower end first")
    return Rule(low, high, target, vcpu, text)


def _vector(rule: str, text: str) -> int:
    text = text.strip()
    if text in VECTOR_NAMES:
        return VECTOR_NAMES[text]
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|\d{1,9}", text, re.ASCII):
        vector = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        if vector <= 255:
            return vector
    near = nearest(text, VECTOR_NAMES)
    expected = _VECTOR if near is None else f"{_VECTOR}; did you mean {near}?"
    raise Mistake("plane_map", Words(f"vector {text!r} in {rule!r}"), expected)


def _line_of(text: str, key: str) -> int:
    """Find the line that a rule stands on; tomllib does not tell. 0 if it cannot be found."""
    return next(_lines_with(text, key), 0)


def _lines_with(text: str, key: str) -> Iterator[int]:
    word = re.compile(rf"(?<![\w:-]){re.escape(key)}(?![\w:-])")
    for number, line in enumerate(text.splitlines(), 1):
        if word.search(line.split("#")[0]):
            yield number
