"""Recorded traces: the text of Linux ``kvm:`` events, read, mapped to planes, made into jobs.

``read`` gives a `Reader` of records; ``jobs`` makes a replay's input of it under a `PlaneMap`.
"""

from .jobs import WAKE, JobStream, jobs, resolve
from .planemap import VECTOR_NAMES, PlaneMap, Rule, Target
from .reader import Reader, read
from .record import RECORD, Kind

__all__ = [
    "RECORD",
    "VECTOR_NAMES",
    "WAKE",
    "JobStream",
    "Kind",
    "PlaneMap",
    "Reader",
    "Rule",
    "Target",
    "jobs",
    "read",
    "resolve",
]
