"""Which privilege plane of a virtual CPU runs next."""

from pathlib import Path

from ._scan import pick_many
from .core import VCPU, VM, Outcome
from .errors import TraceError
from .events import EVENT, JOB, OUTCOME, STATE, Event, Fault, Flags, Reason
from .jobstats import JobStats
from .policy import MAX_PLANES, Policy
from .presets import Preset, presets
from .replay import ReplayResult, TraceSummary, replay
from .simulation import Engine
from .stats import Stats

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
    "Engine",
    "Event",
    "Fault",
    "Flags",
    "JobStats",
    "Outcome",
    "Policy",
    "Preset",
    "Reason",
    "ReplayResult",
    "Stats",
    "TraceError",
    "TraceSummary",
    "__version__",
    "get_include",
    "pick_many",
    "presets",
    "replay",
]


def get_include() -> str:
    """Give the folder to put on a C compiler's include path for ``planesched/step.h``."""
    return str(Path(__file__).parent / "include")
