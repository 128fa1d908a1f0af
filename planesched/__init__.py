"""Which privilege plane of a virtual CPU runs next.

Rules
    Policy, presets, Algorithm, Controller; Event, Reason, Fault, Flags; MAX_PLANES.
Step
    VM, VCPU, Outcome, UserScheduler, pick_many; explain why a step did what it did; the dtypes
    STATE, EVENT, OUTCOME, JOB; get_include for C.
Drivers
    replay a recorded trace, simulate a workload, compare policies, sweep a grid of settings, check
    every state, diff two policies; Engine, the clock under them.
Input
    Workload, Costs, PlaneMap, Scenario; InputError says what is wrong in a file, and where.
Answers
    Result, Results of several policies, Interval.

Rooms with more: checking, conformance, explaining, irqchip, live, report, traces, workload. Each
name's help has an example.
"""

import sys

if sys.argv[:1] and sys.argv[0].replace("\\", "/").rpartition("/")[2] == "planesched":
    # The command: Ctrl-C while it still imports is quiet. `cli.main` takes over. An exception would
    # do where Python code runs; C that imports (numpy's) makes an ImportError of it.
    import os
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from typing import TYPE_CHECKING

# At once, for two functions hide the modules that they are from, which takes that they come first.
from .events import MAX_PLANES as MAX_PLANES
from .policy import Policy as Policy
from .presets import presets as presets

try:
    from ._version import __version__
except ImportError:  # a source tree that was never built
    __version__ = "0+unknown"

# Where each public name is from; it is imported when it is first asked for (PEP 562).
_HOMES = {
    # Rules
    "MAX_PLANES": "events",
    "Policy": "policy",
    "Algorithm": "algorithm",
    "presets": "presets",
    "Controller": "irqchip",
    "Event": "events",
    "Fault": "events",
    "Flags": "events",
    "Reason": "events",
    # Step
    "VM": "core",
    "VCPU": "core",
    "Outcome": "core",
    "UserScheduler": "core",
    "pick_many": "core",
    "explain": "explaining",
    "EVENT": "layouts",
    "JOB": "layouts",
    "OUTCOME": "layouts",
    "STATE": "layouts",
    "get_include": "",
    # Drivers
    "Engine": "simulation.engine",
    "check": "checking",
    "compare": "simulation.compare",
    "diff": "checking",
    "replay": "replaying.run",
    "simulate": "simulation.run",
    "sweep": "simulation.sweep",
    # Input
    "Costs": "workload",
    "InputError": "errors",
    "PlaneMap": "traces",
    "Scenario": "scenarios",
    "Workload": "workload",
    # Answers
    "Interval": "figures.interval",
    "Result": "figures.result",
    "Results": "figures.results",
}
# Public too, each with a list of its own.
_ROOMS = {
    "checking", "conformance", "explaining", "irqchip", "live", "report", "traces", "workload",
}  # fmt: skip

__all__ = [*_HOMES, "__version__"]

if TYPE_CHECKING:  # The same once more, for those who read and do not run.
    from . import checking as checking
    from . import conformance as conformance
    from . import explaining as explaining
    from . import irqchip as irqchip
    from . import live as live
    from . import report as report
    from . import traces as traces
    from . import workload as workload
    from .algorithm import Algorithm as Algorithm
    from .checking import check as check
    from .checking import diff as diff
    from .core import VCPU as VCPU
    from .core import VM as VM
    from .core import Outcome as Outcome
    from .core import UserScheduler as UserScheduler
    from .core import pick_many as pick_many
    from .errors import InputError as InputError
    from .events import Event as Event
    from .events import Fault as Fault
    from .events import Flags as Flags
    from .events import Reason as Reason
    from .explaining import explain as explain
    from .figures.interval import Interval as Interval
    from .figures.result import Result as Result
    from .figures.results import Results as Results
    from .irqchip import Controller as Controller
    from .layouts import EVENT as EVENT
    from .layouts import JOB as JOB
    from .layouts import OUTCOME as OUTCOME
    from .layouts import STATE as STATE
    from .replaying.run import replay as replay
    from .scenarios import Scenario as Scenario
    from .simulation.compare import compare as compare
    from .simulation.engine import Engine as Engine
    from .simulation.run import simulate as simulate
    from .simulation.sweep import sweep as sweep
    from .traces import PlaneMap as PlaneMap
    from .workload import Costs as Costs
    from .workload import Workload as Workload
else:

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)


def get_include() -> str:
    """Return the folder to put on a C compiler's include path for ``planesched/step.h``.

    Examples
    --------
    >>> from pathlib import Path
    >>> (Path(get_include()) / "planesched" / "step.h").is_file()
    True
    """
    from pathlib import Path

    return str(Path(__file__).parent / "include")
