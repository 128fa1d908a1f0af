"""What guests do: where work comes from, how long it takes, what switches cost."""

from typing import TYPE_CHECKING

from .costs import Costs, CostSet, cost_sets
from .distributions import Constant, Empirical, Exponential, Gamma, LogNormal, Spread, Uniform

__all__ = [
    "Calls",
    "Constant",
    "CostSet",
    "Costs",
    "Empirical",
    "Exponential",
    "Gamma",
    "Ipis",
    "LogNormal",
    "OnOff",
    "Periodic",
    "Poisson",
    "Recorded",
    "Source",
    "Spread",
    "Times",
    "Uniform",
    "Workload",
    "cost_sets",
]

if TYPE_CHECKING:
    from .sources import Calls, Ipis, OnOff, Periodic, Poisson, Recorded, Source, Times
    from .workload import Workload
else:
    # A replay has costs and no sources: these are imported when they are first asked for.
    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = "workload" if name == "Workload" else "sources"
        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
