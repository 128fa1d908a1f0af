"""Every record and set of figures that C reads or writes, as a numpy dtype.

Each is held against its C struct when the compiled module that works on it is imported (`hold`),
and so are the enums of `planesched.events`: what does not agree is an ImportError.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum

import numpy as np

from . import events
from .events import MASKS, MAX_PLANES, Event, Fault, Pending, Reason

__all__ = [
    "ACT",
    "APIC",
    "EVENT",
    "FIGURES",
    "JOB",
    "OUTCOME",
    "RECORD",
    "ROW",
    "STATE",
    "TIMED",
    "TOTALS",
    "VECTOR",
    "WIDE",
    "hold",
    "hold_numbers",
]

_PLANES = (MAX_PLANES,)
_PENDING = (len(Pending), MAX_PLANES)

STATE = np.dtype([*((name, "<u2") for name in MASKS), ("current", "i1"), ("status", "u1")])
"""One vCPU: 32 bytes. Bit p of a mask speaks of plane p."""

EVENT = np.dtype(
    [("time_ns", "<i8"), ("vcpu", "<u4"), ("kind", "u1"), ("plane", "u1"), ("arg", "<u2")]
)
"""One timed event: 16 bytes. ``plane`` is 0 or ``NO_PLANE`` where the event takes none."""

APIC = np.dtype(
    [
        ("serving", "<u8"),
        ("irr", "<u2", (16,)),
        ("lines", "<u2", (16,)),
        ("irr_classes", "<u2"),
        ("isr_classes", "<u2"),
        ("tpr", "u1"),
        ("flags", "u1"),
        ("slots", "u1"),
        ("queued", "u1"),
    ]
)
"""One plane's interrupt controller: 80 bytes, ``struct ps_apic`` in irqchip.h."""

OUTCOME = np.dtype(
    [
        ("record", "<i8"),
        ("time_ns", "<i8"),
        ("vcpu", "<u4"),
        ("kind", "u1"),
        ("plane", "u1"),
        ("was", "i1"),
        ("now", "i1"),
        ("reason", "u1"),
        ("fault", "u1"),
        ("flags", "u1"),
        ("status", "u1"),
        ("took_ns", "<u4"),
    ]
)
"""One logged outcome: 32 bytes. ``record`` is the index of the event that had it.

``status`` is what the vCPU did before: 0 it ran plane ``was``, 1 it was in userspace, 2 it was
blocked; ``flags`` say what it does then. ``took_ns`` is what the switch or exit takes, where the
driver gives that time; at most 2**32 - 1 (4.29 s).
"""

JOB = np.dtype(
    [
        ("time_ns", "<i8"),
        ("service_ns", "<i8"),
        ("vcpu", "<u4"),
        ("source", "<u2"),
        ("plane", "u1"),
        ("kind", "u1"),
    ]
)
"""One piece of work that arrives for a plane: 24 bytes."""

WIDE = np.dtype([("lo", "<u8"), ("hi", "<u8")])
"""A sum of 128 bits."""

FIGURES = np.dtype(
    [
        ("steps", "<u8", (len(Event), MAX_PLANES)),
        ("faults", "<u8", (len(Event), len(Fault))),
        ("entries", "<u8", (MAX_PLANES, MAX_PLANES)),
        ("reasons", "<u8", (len(Reason),)),
        ("exits", "<u8", (len(Reason),)),
        ("coalesced", "<u8", _PENDING),
        ("taken", "<u8", _PENDING),
        ("dropped", "<u8", _PENDING),
        ("pending_before", "<u8", _PENDING),
        ("pending", "<u8", _PENDING),
        ("vina", "<u8", _PLANES),
        ("vina_set", "<u8", _PLANES),
        ("idle_entries", "<u8", _PLANES),
        ("time_ns", WIDE, (4, MAX_PLANES)),
        ("suspended_ns", WIDE, _PLANES),
        ("latency_ns", WIDE, _PLANES),
        ("latency_min_ns", "<u8", _PLANES),
        ("latency_max_ns", "<u8", _PLANES),
        ("longest_ns", "<u8", _PLANES),
        ("age_ns", "<u8", _PLANES),
    ]
)
"""The figures of the rules, section 6: ``struct ps_figures`` in planesched/figures.h."""

TOTALS = np.dtype(
    [
        *((name, "<u8", _PLANES) for name in ("arrived", "finished", "queued_before", "queued")),
        ("sojourn_ns", WIDE, _PLANES),
        ("sojourn_min_ns", "<u8", _PLANES),
        ("sojourn_max_ns", "<u8", _PLANES),
        *((name, "<u8", _PLANES) for name in ("woken", "forwarded", "starved_ns", "oldest_ns")),
        *((name, WIDE) for name in ("load_ns", "age_ns", "age_before_ns")),
    ]
)
"""What became of all jobs, by plane: ``struct ps_totals`` in planesched/jobs.h."""

TIMED = ("latency", "response", "sojourn")
"""What is timed of jobs: to the injection, to the first instruction, to the end of service."""

ROW = np.dtype(
    [
        *((name, "<u8") for name in ("arrived", "finished", "injected", "queued_before", "queued")),
        *((f"{what}_ns", WIDE) for what in TIMED),
        *((f"{what}_{end}_ns", "<u8") for what in TIMED for end in ("min", "max")),
    ]
)
"""What became of the jobs of one source: ``struct ps_row`` in planesched/jobs.h."""

VECTOR = np.dtype(
    [
        *((name, "<u8") for name in ("posted", "injected", "coalesced", "dropped")),
        *((name, "<u8") for name in ("before", "pending")),
        *((f"{what}_ns", WIDE) for what in TIMED[:2]),
        *((f"{what}_{end}_ns", "<u8") for what in TIMED[:2] for end in ("min", "max")),
    ]
)
"""What became of one vector of one plane: ``struct ps_vector_row`` in planesched/jobs.h.

posted + before = injected + coalesced + dropped + pending.
"""

ACT = np.dtype([(name, "u1") for name in ("kind", "vcpu", "plane", "target", "how", "by")])
"""One thing that may happen in a search: ``struct ps_act`` in csrc/checker/world.h."""

RECORD = np.dtype(
    [
        ("time_ns", "<i8"),
        ("arg", "<i8"),
        ("thread", "<i8"),
        ("vcpu", "<u4"),
        ("vector", "<i2"),
        ("kind", "u1"),
        ("pad", "u1"),
    ]
)
"""One record of a trace: 32 bytes. ``time_ns`` is the trace's own clock; ``vector`` is -1 where
none is."""

_STRUCTS = {
    "ps_state": STATE,
    "ps_apic": APIC,
    "ps_event_record": EVENT,
    "ps_outcome_record": OUTCOME,
    "ps_figures": FIGURES,
    "ps_job": JOB,
    "ps_totals": TOTALS,
    "ps_row": ROW,
    "ps_vector_row": VECTOR,
    "ps_act": ACT,
    "ps_trace_record": RECORD,
}


def hold(struct: str, size: int, fields: list[tuple[str, int, int]]) -> None:
    """Raise ImportError unless a C struct is what its dtype says.

    Parameters
    ----------
    struct : str
        Its name in C.
    size : int
        Its size in bytes.
    fields : list of tuple
        Name, offset and size in bytes of each field, in order.
    """
    dtype = _STRUCTS[struct]
    held = [(name, dtype.fields[name][1], dtype[name].itemsize) for name in dtype.names or ()]  # type: ignore[index]
    if (size, fields) != (dtype.itemsize, held):
        differing = sorted(set(fields) ^ set(held), key=lambda field: field[1])
        raise ImportError(
            f"struct {struct} has {size} bytes in C and {dtype.itemsize} in planesched.layouts; "
            f"name, offset and size of what differs: {differing}"
        )


def hold_numbers(
    numbers: Iterable[tuple[str, str | None, int]],
    enums: Mapping[str, type[IntEnum]] | None = None,
) -> None:
    """Raise ImportError unless enums have the numbers of C.

    Parameters
    ----------
    numbers : iterable of tuple
        Enum, name and value; of how many there are, the name is None.
    enums : mapping, optional
        The enums by name; those of `planesched.events` unless given.
    """
    found: dict[str, dict[str, int]] = {}
    for of, name, value in numbers:
        members = found.setdefault(of, {})
        if name is not None:
            members[name] = value
        elif len(members) != value:
            raise ImportError(f"{of}: C has {value} numbers, and names {len(members)}")
    for of, members in found.items():
        held: type[IntEnum] = getattr(events, of) if enums is None else enums[of]
        if {each.name: int(each) for each in held} != members:
            differing = {each.name: int(each) for each in held}.items() ^ members.items()
            raise ImportError(f"{of}: {held.__module__} and C differ in {sorted(differing)}")
