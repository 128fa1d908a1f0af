"""Case files: worked cases that a model of the rules either agrees with or not."""

from .run import (
    Difference,
    Report,
    Scenario,
    Step,
    conform,
    dump,
    load,
    nearest,
    run,
)

__all__ = [
    "Difference",
    "Report",
    "Scenario",
    "Step",
    "conform",
    "dump",
    "load",
    "nearest",
    "run",
]
