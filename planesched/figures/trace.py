"""What was read of a trace."""

from dataclasses import dataclass

__all__ = ["TraceSummary"]


@dataclass(frozen=True)
class TraceSummary:
    """What was read of a trace.

    Attributes
    ----------
    producer : str
        Who printed it, for example ``"tracefs"``.
    vcpus : int
        How many vCPUs it shows.
    arrivals, wakes : int
        Jobs that a vector brought, and busy periods of the base plane that no arrival began.
    cuts : int
        Busy periods that were too long to be held in memory, and were cut in two.
    busy_ns : int
        How long the vCPUs were busy, in sum.
    lost, bad : int
        Events that the producer lost, and malformed lines that were skipped.
    bad_lines : tuple of str
        The first of those, with their places.
    notes : tuple of str
        What the trace lacks, and so what to know about the answer.
    unmatched : tuple of str
        Rules of the plane map that no interrupt of the trace has.
    """

    producer: str
    vcpus: int
    arrivals: int
    wakes: int
    cuts: int
    busy_ns: int
    lost: int
    bad: int
    bad_lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
