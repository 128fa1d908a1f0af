"""Which privilege plane of a virtual CPU runs next."""

from .events import EVENT, JOB, OUTCOME, STATE, Event, Fault, Flags, Reason
from .policy import MAX_PLANES, Policy
from .presets import Preset, presets

__all__ = [
    "EVENT",
    "JOB",
    "MAX_PLANES",
    "OUTCOME",
    "STATE",
    "Event",
    "Fault",
    "Flags",
    "Policy",
    "Preset",
    "Reason",
    "presets",
]
