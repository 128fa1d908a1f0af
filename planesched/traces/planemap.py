"""Plane maps: which plane each vector of a trace is for, said by the user."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import TraceError
from ..policy import MAX_PLANES, Policy, plane_count, plane_id
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
                    raise ValueError(
                        f"plane map: {rule.text or rule} overlaps {other.text or other}; "
                        "a vector has one plane"
                    )

    @classmethod
    def parse(cls, rules: str | Iterable[str]) -> Self:
        """Make a map from strings as the command line takes them.

        Parameters
        ----------
        rules : str or iterable of str
            ``VECTOR=PLANE``, ``FIRST-LAST=PLANE`` or ``default=PLANE``; ``vcpuN:`` before the
            vector restricts a rule to one vCPU. A vector is decimal, 0x and hexadecimal, or a name
            of `VECTOR_NAMES`; a plane is ``levelK`` or ``planeP``.

        Raises
        ------
        TraceError
            If a rule is malformed; `path` is then the rule.
        ValueError
            If two rules overlap, or there are two defaults.
        """
        rules = [rules] if isinstance(rules, str) else rules
        return cls._from((f"--map {text}", 0, text) for text in rules)

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
        TraceError
            If it is no TOML, has no map, or a rule is malformed; with the line.
        ValueError
            If two rules overlap.
        """
        import tomllib

        name = os.fspath(path)
        data = Path(name).read_bytes()
        try:
            text = data.decode()
            table = tomllib.loads(text).get("map")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise TraceError(name, 0, f"no TOML ({error})", "a TOML file") from None
        if isinstance(table, dict):
            pairs = [(key, f"{key}={value}") for key, value in table.items()]
        elif isinstance(table, list):
            pairs = [(str(rule), str(rule)) for rule in table]
        else:
            found = "no 'map'" if table is None else f"map = {table!r}"
            raise TraceError(name, 0, found, "a table [map] or a list of rules")
        return cls._from((name, _line_of(text, key), rule) for key, rule in pairs)

    @classmethod
    def _from(cls, rules: Iterable[tuple[str, int, str]]) -> Self:
        made: list[Rule] = []
        default = None
        for path, line, text in rules:
            name, _, plane = text.rpartition("=")
            if not name.strip():
                raise TraceError(path, line, repr(text), _RULE)
            target = _target(path, line, plane.strip())
            if name.strip() != "default":
                made.append(_rule(path, line, name.strip(), target, text))
            elif default is not None:
                raise ValueError(f"plane map: {text} comes after default={default}")
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
        ValueError
            If a level or plane does not exist.
        """
        n_planes = plane_count(n_planes)
        order = policy.order(range(n_planes))
        base = order[-1]
        if policy.hands_over:
            base = n_planes - 1 if main is None else plane_id("main", main)
            if base >= n_planes:
                raise ValueError(f"main={base} is not below planes={n_planes}")
        resolved = (_resolve(target, order, base) for target in self.targets)
        return np.fromiter(resolved, np.uint8, len(self.targets))


def _resolve(target: Target, order: tuple[int, ...], base: int) -> int:
    if target.kind == "plane":
        if target.number not in order:
            raise ValueError(f"{target} does not exist: there are {len(order)} planes")
        return target.number
    above = order.index(base)
    if target.number > above:
        raise ValueError(
            f"{target} does not exist: plane {base} is level0, and {above} of {len(order)} planes "
            "rank above it"
        )
    return order[above - target.number]


def _target(path: str, line: int, text: str) -> Target:
    found = re.fullmatch(r"(level|plane)(0|[1-9]\d?)", text, re.ASCII)
    if not found or int(found[2]) >= MAX_PLANES:
        raise TraceError(path, line, f"plane {text!r}", _TARGET)
    return Target("level" if found[1] == "level" else "plane", int(found[2]))


def _rule(path: str, line: int, name: str, target: Target, text: str) -> Rule:
    scope, colon, vectors = name.rpartition(":")
    vcpu = None
    if colon:
        number = re.fullmatch(r"vcpu(\d{1,5})", scope.strip(), re.ASCII)
        if not number or int(number[1]) >= MAX_VCPUS:
            raise TraceError(path, line, f"{scope!r}", f"vcpu0..vcpu{MAX_VCPUS - 1}")
        vcpu = int(number[1])
    first, dash, last = vectors.partition("-")
    low = _vector(path, line, first)
    high = _vector(path, line, last) if dash else low
    if high < low:
        raise TraceError(path, line, f"the range {vectors.strip()}", "its lower end first")
    return Rule(low, high, target, vcpu, text)


def _vector(path: str, line: int, text: str) -> int:
    text = text.strip()
    if text in VECTOR_NAMES:
        return VECTOR_NAMES[text]
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}|\d{1,9}", text, re.ASCII):
        vector = int(text, 16 if text[:2] in ("0x", "0X") else 10)
        if vector <= 255:
            return vector
    raise TraceError(path, line, f"vector {text!r}", _VECTOR)


def _line_of(text: str, key: str) -> int:
    """Find the line that a rule stands on; tomllib does not tell. 0 if it cannot be found."""
    return next(_lines_with(text, key), 0)


def _lines_with(text: str, key: str) -> Iterator[int]:
    word = re.compile(rf"(?<![\w:-]){re.escape(key)}(?![\w:-])")
    for number, line in enumerate(text.splitlines(), 1):
        if word.search(line.split("#")[0]):
            yield number
