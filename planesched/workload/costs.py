"""What switches cost, and what is published about that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import Reason
from ..policy import MAX_PLANES, plane_id
from .distributions import Fields, Spread, spread

__all__ = ["CostSet", "Costs", "cost_sets"]

_REASONS = {reason.name.lower(): int(reason) for reason in Reason if reason}


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

    Examples
    --------
    >>> Costs({"any": "2 us", "call": Exponential("1 us")}, exit="10 us").table()[1]
    [(2, 1000.0, 0.0, 0, None)]
    """

    reasons: Mapping[str, Any] = field(default_factory=dict)
    between: Mapping[tuple[int, int], Any] = field(default_factory=dict)
    exit: Any = 0

    def __post_init__(self) -> None:
        reasons = {}
        for name, value in self.reasons.items():
            if name not in _REASONS and name != "any":
                known = ", ".join([*_REASONS, "any"])
                raise ValueError(f"costs: {name!r} is none of {known}")
            reasons[name] = _cost(name, value)
        between = {}
        for (left, entered), value in self.between.items():
            pair = plane_id("between", left), plane_id("between", entered)
            between[pair] = _cost(f"{left} to {entered}", value)
        object.__setattr__(self, "reasons", MappingProxyType(reasons))
        object.__setattr__(self, "between", MappingProxyType(between))
        object.__setattr__(self, "exit", _cost("exit", self.exit))

    @classmethod
    def of(cls, costs: "Costs | Mapping[str, Any] | str | None") -> "Costs":
        """Take costs, the name of a cost set, or a mapping of reasons, where ``"exit"`` may be."""
        if costs is None:
            return cls()
        if isinstance(costs, Costs):
            return costs
        if isinstance(costs, str):
            if costs not in cost_sets():
                raise ValueError(f"costs={costs!r} is none of {', '.join(cost_sets())}")
            return cost_sets()[costs].costs
        reasons = dict(costs)
        return cls(exit=reasons.pop("exit", 0), reasons=reasons)

    def __reduce__(self) -> tuple[Any, ...]:
        return Costs, (dict(self.reasons), dict(self.between), self.exit)

    @property
    def free(self) -> bool:
        """Whether nothing costs anything."""
        all_of = [*self.reasons.values(), *self.between.values(), self.exit]
        return all(cost.mean_ns == 0 for cost in all_of)

    def table(self) -> tuple[NDArray[np.int64], list[Fields]]:
        """Give costs by reason, from and to, as C holds them, and what negative ones draw from."""
        spreads: list[Fields] = []
        out = np.zeros((len(Reason), MAX_PLANES, MAX_PLANES), dtype=np.int64)
        out[1:] = _entry(self.reasons.get("any", spread(0)), spreads)
        for name, cost in self.reasons.items():
            if name != "any":
                out[_REASONS[name]] = _entry(cost, spreads)
        for (left, entered), cost in self.between.items():
            out[1:, left, entered] = _entry(cost, spreads)
        return out, spreads


def _entry(cost: Spread, spreads: list[Fields]) -> int:
    fields = cost.fields()
    if fields[0] == 0:
        return fields[3]
    spreads.append(fields)
    return -len(spreads)


def _cost(name: str, value: Any) -> Spread:
    try:
        return spread(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"cost of {name}: {error}") from None


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
