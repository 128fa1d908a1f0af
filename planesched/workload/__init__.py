"""What guests do: where work comes from, how long it takes, what switches cost."""

from .costs import Costs, CostSet, cost_sets
from .distributions import Constant, Empirical, Exponential, Gamma, LogNormal, Spread, Uniform
from .sources import Calls, Ipis, OnOff, Periodic, Poisson, Recorded, Source, Times
from .workload import Workload

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
