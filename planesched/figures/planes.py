"""The figures of the rules, section 6, of planes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import Event, Fault, Pending, Reason
from .counts import Counts, PerPlane, merged
from .distribution import Distribution

__all__ = ["Stats", "bounces", "exits", "switches"]


def switches(figures: NDArray[np.void]) -> int:
    """Count the times that a current plane changed, in figures of dtype FIGURES."""
    return int(figures["entries"].sum()) - bounces(figures)


def bounces(figures: NDArray[np.void]) -> int:
    """Count the times that a plane gave the vCPU up and got it back in the same step."""
    return int(np.trace(figures["entries"]))


def exits(figures: NDArray[np.void]) -> int:
    """Count the exits to userspace: steps there that have a reason."""
    return int(figures["exits"][Reason.NONE + 1 :].sum())


class Stats(Counts):
    """Figures of one run, or of several merged.

    Counts are exact. Times are sums over all vCPUs, exact whole nanoseconds. Latency runs from
    the delivery of an interrupt (of coalesced ones, the first) to its injection.

    Parameters
    ----------
    figures : ndarray, shape (), dtype FIGURES
        The counters.
    buckets : ndarray of uint64, shape (planes, buckets)
        Injections by plane and latency bucket.
    elapsed_ns : int
        How long the run took, in its own time.
    vcpus : int
        How many vCPUs were counted.
    logged : int
        How many outcomes were worth a log entry, while a log was asked for.
    partial : bool
        Whether Ctrl-C ended the run.

    Examples
    --------
    >>> import numpy as np
    >>> from planesched import EVENT, VM, Event
    >>> events = np.array([(5, 0, Event.IRQ, 1, 0), (9, 0, Event.RETURN, 0, 0)], EVENT)
    >>> stats = VM("vsm", planes=2).run(events)
    >>> stats.switches, stats.injected.tolist(), stats.latency[1].max_ns
    (2, [0, 1], 0)
    """

    def __init__(
        self,
        figures: NDArray[np.void],
        buckets: NDArray[np.uint64],
        *,
        elapsed_ns: int,
        vcpus: int,
        logged: int = 0,
        partial: bool = False,
    ) -> None:
        super().__init__(figures, buckets)
        self.elapsed_ns = elapsed_ns
        self.vcpus = vcpus
        self.logged = logged
        self.partial = partial

    delivered = PerPlane("Interrupts delivered, coalesced ones included.", "steps", Event.IRQ)
    injected = PerPlane("Interrupts injected.", "taken", Pending.IRQ)
    nmis = PerPlane("NMIs injected.", "taken", Pending.NMI)
    intercepts = PerPlane("Intercepts delivered.", "taken", Pending.TRAP)
    coalesced = PerPlane("Interrupts that found one pending.", "coalesced", Pending.IRQ)
    dropped = PerPlane("Pending interrupts that went with the plane.", "dropped", Pending.IRQ)
    pending = PerPlane("Interrupts still pending at the end.", "pending", Pending.IRQ)
    vina = PerPlane("VINA notifications.")
    idle_entries = PerPlane(
        "Switches into the plane by an interrupt, a relay, a force or userspace, when it neither "
        "ran before nor was called and took nothing: OpenHCL's spurious_exits."
    )
    longest_ns = PerPlane("The longest interval that ended.")
    age_ns = PerPlane("The age of the oldest interval that had not ended.")

    @property
    def figures(self) -> NDArray[np.void]:
        """The counters, of dtype FIGURES."""
        return self.record

    @property
    def events(self) -> int:
        """Steps taken, refused ones included."""
        return int(self.figures["steps"].sum() + self.figures["faults"].sum())

    @property
    def entries(self) -> NDArray[np.uint64]:
        """Entries by plane left and plane entered, shape (planes, planes); bounces diagonal."""
        matrix: NDArray[np.uint64] = self.figures["entries"]
        return matrix[: self.planes, : self.planes]

    @property
    def switches(self) -> int:
        """Times that the current plane changed."""
        return switches(self.figures)

    @property
    def bounces(self) -> int:
        """Times that a plane gave the vCPU up and got it back in the same step."""
        return bounces(self.figures)

    @property
    def entries_by_reason(self) -> dict[str, int]:
        """Entries, bounces included, by reason."""
        return _named(Reason, self.figures["reasons"])

    @property
    def exits_by_reason(self) -> dict[str, int]:
        """Exits to userspace by reason."""
        return _named(Reason, self.figures["exits"])

    @property
    def exits(self) -> int:
        """Exits to userspace."""
        return exits(self.figures)

    @property
    def faults_by_code(self) -> dict[str, int]:
        """Refused events by fault."""
        return _named(Fault, self.figures["faults"].sum(axis=0))

    @property
    def refused_forces(self) -> int:
        """Forced entries that were refused."""
        return int(self.figures["faults"][Event.FORCE].sum())

    @property
    def running_ns(self) -> tuple[int, ...]:
        """Time that each plane ran."""
        return self.wide_by_plane("time_ns", 0)

    @property
    def userspace_ns(self) -> tuple[int, ...]:
        """Time that the vCPU was in userspace, by the plane that was current."""
        return self.wide_by_plane("time_ns", 1)

    @property
    def blocked_ns(self) -> tuple[int, ...]:
        """Time that the vCPU was blocked, by the plane that was current."""
        return self.wide_by_plane("time_ns", 2)

    @property
    def transition_ns(self) -> tuple[int, ...]:
        """Time that switches took, by the plane entered; 0 where the driver gives them none."""
        return self.wide_by_plane("time_ns", 3)

    @property
    def suspended_ns(self) -> tuple[int, ...]:
        """Time that each plane was runnable while another was current."""
        return self.wide_by_plane("suspended_ns")

    @property
    def intervals(self) -> NDArray[np.uint64]:
        """Intervals per plane, from entry to leaving, that ended."""
        entries = self.entries
        left: NDArray[np.uint64] = entries.sum(axis=1) - np.diagonal(entries)
        return left

    @property
    def latency(self) -> tuple[Distribution, ...]:
        """From delivery to injection, by plane; not of what no interrupt brought."""
        return self.timed("latency", self.buckets.sum(axis=1))

    def balance(self, kind: int = 0) -> NDArray[np.int64]:
        """Return deliveries minus what became of them, per plane: zero, or a bug.

        Parameters
        ----------
        kind : int
            0 interrupts, 1 NMIs, 2 intercepts.
        """
        counts = {name: self.by_plane(name, kind).astype(np.int64) for name in _BALANCED}
        came = self.by_plane("steps", Event.IRQ + kind).astype(np.int64) + counts["pending_before"]
        if kind == 0:
            came = came + self.by_plane("vina_set").astype(np.int64)
        return came - sum(counts[name] for name in _BALANCED if name != "pending_before")

    def merge(self, other: "Stats") -> "Stats":
        """Return the figures of both together: counts and times add up, extremes are kept.

        Raises
        ------
        Mistake
            If the two have different numbers of planes.
        """
        self.same_planes(other)
        return Stats(
            merged(self.figures, other.figures),
            self.buckets + other.buckets,
            elapsed_ns=max(self.elapsed_ns, other.elapsed_ns),
            vcpus=self.vcpus + other.vcpus,
            logged=self.logged + other.logged,
            partial=self.partial or other.partial,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers, lists and dicts, as JSON holds them."""
        out: dict[str, Any] = {"planes": self.planes}
        for name in ("vcpus", "events", "elapsed_ns", "switches", "bounces", "exits"):
            out[name] = getattr(self, name)
        for name in ("entries_by_reason", "exits_by_reason", "faults_by_code"):
            out[name] = getattr(self, name)
        out["refused_forces"] = self.refused_forces
        out["entries"] = self.entries.tolist()
        for name in _PER_PLANE:
            out[name] = [int(value) for value in getattr(self, name)]
        out["latency_ns"] = [found.as_dict() for found in self.latency]
        return out

    def plot(self, title: str = "") -> Any:
        """Draw latency by percentile, and below it switches, as `Result.plot` does (matplotlib)."""
        from .drawn import overview

        return overview(self, title)

    def __repr__(self) -> str:
        return (
            f"<Stats of {self.events} events: {self.switches} switches, {self.bounces} bounces, "
            f"{self.exits} exits, {int(self.injected.sum())} interrupts injected>"
        )


_BALANCED = ("pending_before", "coalesced", "taken", "dropped", "pending")
_PER_PLANE = (
    "delivered", "injected", "coalesced", "pending", "dropped", "nmis", "intercepts", "vina",
    "running_ns", "blocked_ns", "userspace_ns", "transition_ns", "suspended_ns", "intervals",
    "longest_ns", "age_ns", "idle_entries",
)  # fmt: skip


def _named(enum: Any, counts: Sequence[int] | NDArray[np.uint64]) -> dict[str, int]:
    """Name the counts that are not zero; number 0 stands for none."""
    return {item.name.lower(): int(counts[item]) for item in enum if item and counts[item]}
