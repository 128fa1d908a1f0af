"""Recorded traces: the text of Linux ``kvm:`` events, read, mapped to planes, made into jobs.

``read`` gives a `Reader` of records, `Records` takes those that come from Python; ``jobs`` makes a
replay's input of them under a `PlaneMap`, and ``evidence`` says what a trace can tell.
"""

from .arrays import Records
from .evidence import Arrivals, Evidence, evidence
from .jobs import WAKE, JobStream, jobs, resolve
from .planemap import VECTOR_NAMES, PlaneMap, Rule, Target
from .reader import Reader, read
from .record import RECORD, Kind
from .vector_jobs import Recorded, VectorJobs

__all__ = [
    "RECORD",
    "VECTOR_NAMES",
    "WAKE",
    "Arrivals",
    "Evidence",
    "JobStream",
    "Kind",
    "PlaneMap",
    "Reader",
    "Recorded",
    "Records",
    "Rule",
    "Target",
    "VectorJobs",
    "evidence",
    "jobs",
    "read",
    "resolve",
]
