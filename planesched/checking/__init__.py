"""Ask questions of every reachable state: does a property hold, what does a field change."""

from .ask import (
    ALPHABETS,
    DEFAULT,
    MAX_STATES,
    PROPERTIES,
    Coverage,
    DiffReport,
    Matrix,
    Property,
    Report,
    Trace,
    TraceStep,
    Verdict,
    check,
    diff,
    matrix,
)

__all__ = [
    "ALPHABETS",
    "DEFAULT",
    "MAX_STATES",
    "PROPERTIES",
    "Coverage",
    "DiffReport",
    "Matrix",
    "Property",
    "Report",
    "Trace",
    "TraceStep",
    "Verdict",
    "check",
    "diff",
    "matrix",
]
