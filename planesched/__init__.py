"""Which privilege plane of a virtual CPU runs next."""

from pathlib import Path

from .checking import check, diff, matrix
from .core import VCPU, VM, Outcome, pick_many
from .errors import TraceError
from .events import EVENT, JOB, OUTCOME, STATE, Event, Fault, Flags, Reason
from .figures.batches import Interval
from .figures.jobs import JobStats
from .figures.planes import Stats
from .figures.result import Result
from .policy import MAX_PLANES, Policy
from .presets import Preset, presets
from .replaying.run import ReplayResult, TraceSummary, replay
from .scenarios import Scenario, load_scenario, scenarios
from .simulation.compare import Comparison, compare
from .simulation.engine import Engine
from .simulation.run import simulate
from .simulation.sweep import Sweep, sweep
from .userspace import UserScheduler
from .workload import Costs, Workload, cost_sets

try:
    from ._version import __version__
except ImportError:  # a source tree that was never built
    __version__ = "0+unknown"

__all__ = [
    "EVENT",
    "JOB",
    "MAX_PLANES",
    "OUTCOME",
    "STATE",
    "VCPU",
    "VM",
    "Comparison",
    "Costs",
    "Engine",
    "Event",
    "Fault",
    "Flags",
    "Interval",
    "JobStats",
    "Outcome",
    "Policy",
    "Preset",
    "Reason",
    "ReplayResult",
    "Result",
    "Scenario",
    "Stats",
    "Sweep",
    "TraceError",
    "TraceSummary",
    "UserScheduler",
    "Workload",
    "__version__",
    "check",
    "compare",
    "cost_sets",
    "diff",
    "get_include",
    "load_scenario",
    "matrix",
    "pick_many",
    "presets",
    "replay",
    "scenarios",
    "simulate",
    "sweep",
]


def get_include() -> str:
    """Give the folder to put on a C compiler's include path for ``planesched/step.h``."""
    return str(Path(__file__).parent / "include")
