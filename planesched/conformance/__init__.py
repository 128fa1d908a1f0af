"""Case files: worked cases that a model of the rules either agrees with or not."""

from .run import (
    Case,
    Difference,
    Report,
    Step,
    conform,
    dump,
    load,
    nearest,
    run,
)

__all__ = [
    "Case",
    "Difference",
    "Report",
    "Step",
    "conform",
    "dump",
    "load",
    "nearest",
    "run",
]
