"""The figures of the rules' section 6, as every driver with a clock reports them.

Longer than 300 lines because each figure is a documented property.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import Event, Fault, Pending, Reason
from ..layouts import FIGURES
from .distribution import Distribution
from .equal import Alike

__all__ = ["Stats", "bounces", "exits", "merge_figures", "switches"]

_SUMMED = FIGURES.names[: FIGURES.names.index("time_ns")] if FIGURES.names else ()
_SUMMED_WIDE = ("time_ns", "suspended_ns", "latency_ns")


def switches(figures: NDArray[np.void]) -> int:
    """Count the times that a current plane changed, in figures of dtype FIGURES."""
    return int(figures["entries"].sum()) - bounces(figures)


def bounces(figures: NDArray[np.void]) -> int:
    """Count the times that a plane gave the vCPU up and got it back in the same step."""
    return int(np.trace(figures["entries"]))


def exits(figures: NDArray[np.void]) -> int:
    """Count the exits to userspace: steps there that have a reason."""
    return int(figures["exits"][Reason.NONE + 1 :].sum())


def merge_figures(mine: NDArray[np.void], theirs: NDArray[np.void]) -> NDArray[np.void]:
    """Give figures of dtype FIGURES, both together: sums, but extremes are kept."""
    merged = np.zeros((), dtype=FIGURES)
    for name in _SUMMED:
        merged[name] = mine[name] + theirs[name]
    for name in _SUMMED_WIDE:
        merged[name] = _wide_sum(mine[name], theirs[name])
    for name in ("latency_max_ns", "longest_ns", "age_ns"):
        merged[name] = np.maximum(mine[name], theirs[name])
    merged["latency_min_ns"] = np.minimum(mine["latency_min_ns"], theirs["latency_min_ns"])
    return merged


class Stats(Alike):
    """Figures of one run, or of several merged.

    Counts are exact. Times are sums over all vCPUs, exact whole nanoseconds. Latency runs from
    the delivery of an interrupt (of coalesced ones, the first) to its injection.

    Parameters
    ----------
    figures : ndarray, shape (), dtype FIGURES
        The counters.
    latency : ndarray of uint64, shape (planes, buckets)
        Injections by plane and latency bucket.
    elapsed_ns : int
        How long the run took, in its own time.
    vcpus : int
        How many vCPUs were counted.
    logged : int
        How many outcomes were worth a log entry, while a log was asked for.
    """

    def __init__(
        self,
        figures: NDArray[np.void],
        latency: NDArray[np.uint64],
        *,
        elapsed_ns: int,
        vcpus: int,
        logged: int = 0,
    ) -> None:
        self.figures = figures
        self.latency = latency
        self.elapsed_ns = elapsed_ns
        self.vcpus = vcpus
        self.logged = logged

    @property
    def planes(self) -> int:
        """How many planes each vCPU has."""
        return int(self.latency.shape[0])

    def _counts(self, name: str, *index: int) -> NDArray[np.uint64]:
        array: NDArray[np.uint64] = self.figures[name][index]
        return array[..., : self.planes]

    def _wide(self, name: str, *index: int) -> tuple[int, ...]:
        words = self.figures[name][index][: self.planes]
        return tuple(_to_int(lo, hi) for lo, hi in words.tolist())

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
    def delivered(self) -> NDArray[np.uint64]:
        """Interrupts delivered per plane, coalesced ones included."""
        return self._counts("steps", Event.IRQ)

    @property
    def injected(self) -> NDArray[np.uint64]:
        """Interrupts injected per plane."""
        return self._counts("taken", Pending.IRQ)

    @property
    def nmis(self) -> NDArray[np.uint64]:
        """NMIs injected per plane."""
        return self._counts("taken", Pending.NMI)

    @property
    def intercepts(self) -> NDArray[np.uint64]:
        """Intercepts delivered per plane."""
        return self._counts("taken", Pending.TRAP)

    @property
    def coalesced(self) -> NDArray[np.uint64]:
        """Interrupts per plane that found one pending."""
        return self._counts("coalesced", 0)

    @property
    def dropped(self) -> NDArray[np.uint64]:
        """Pending interrupts per plane that went with the plane."""
        return self._counts("dropped", 0)

    @property
    def pending(self) -> NDArray[np.uint64]:
        """Interrupts per plane still pending at the end."""
        return self._counts("pending", 0)

    @property
    def vina(self) -> NDArray[np.uint64]:
        """VINA notifications per plane."""
        return self._counts("vina")

    @property
    def running_ns(self) -> tuple[int, ...]:
        """Time that each plane ran."""
        return self._wide("time_ns", 0)

    @property
    def userspace_ns(self) -> tuple[int, ...]:
        """Time that the vCPU was in userspace, by the plane that was current."""
        return self._wide("time_ns", 1)

    @property
    def blocked_ns(self) -> tuple[int, ...]:
        """Time that the vCPU was blocked, by the plane that was current."""
        return self._wide("time_ns", 2)

    @property
    def transition_ns(self) -> tuple[int, ...]:
        """Time that switches took, by the plane entered; 0 where the driver gives them none."""
        return self._wide("time_ns", 3)

    @property
    def suspended_ns(self) -> tuple[int, ...]:
        """Time that each plane was runnable while another was current."""
        return self._wide("suspended_ns")

    @property
    def intervals(self) -> NDArray[np.uint64]:
        """Intervals per plane, from entry to leaving, that ended."""
        entries = self.entries
        left: NDArray[np.uint64] = entries.sum(axis=1) - np.diagonal(entries)
        return left

    @property
    def longest_ns(self) -> NDArray[np.uint64]:
        """The longest interval per plane that ended."""
        return self._counts("longest_ns")

    @property
    def age_ns(self) -> NDArray[np.uint64]:
        """The age of the oldest interval per plane that had not ended."""
        return self._counts("age_ns")

    def _latency(self, plane: int) -> Distribution:
        low, high = (int(self._counts(f"latency_{end}_ns")[plane]) for end in ("min", "max"))
        sum_ns = self._wide("latency_ns")[plane]
        return Distribution(int(self.injected[plane]), sum_ns, low, high, self.latency[plane])

    def latency_mean_ns(self, plane: int) -> float:
        """Give the mean latency of a plane; NaN where nothing was injected."""
        return self._latency(plane).mean_ns

    def latency_max_ns(self, plane: int) -> int | None:
        """Give the greatest latency of a plane; None where nothing was injected."""
        return self._latency(plane).max_ns

    def latency_min_ns(self, plane: int) -> int | None:
        """Give the least latency of a plane; None where nothing was injected."""
        return self._latency(plane).min_ns

    def latency_quantile_ns(self, plane: int, quantile: float) -> float | None:
        """Give a quantile of a plane's latency, off by at most 1/128 of itself.

        Parameters
        ----------
        plane : int
            Which plane.
        quantile : float
            In 0..1; 0 and 1 give the exact extremes.

        Returns
        -------
        float or None
            Nanoseconds; None where nothing was injected.

        Raises
        ------
        ValueError
            If `quantile` is not in 0..1.
        """
        return self._latency(plane).quantile_ns(quantile)

    def balance(self, kind: int = 0) -> NDArray[np.int64]:
        """Give deliveries minus what became of them, per plane: zero, or a bug.

        Parameters
        ----------
        kind : int
            0 interrupts, 1 NMIs, 2 intercepts.
        """
        counts = {name: self._counts(name, kind).astype(np.int64) for name in _BALANCED}
        came = self._counts("steps", Event.IRQ + kind).astype(np.int64) + counts["pending_before"]
        if kind == 0:
            came = came + self._counts("vina_set").astype(np.int64)
        return came - sum(counts[name] for name in _BALANCED if name != "pending_before")

    def merge(self, other: "Stats") -> "Stats":
        """Give the figures of both together: counts and times add up, extremes are kept.

        Raises
        ------
        ValueError
            If the two have different numbers of planes.
        """
        if self.planes != other.planes:
            raise ValueError(f"planes={other.planes} cannot be merged with planes={self.planes}")
        return Stats(
            merge_figures(self.figures, other.figures),
            self.latency + other.latency,
            elapsed_ns=max(self.elapsed_ns, other.elapsed_ns),
            vcpus=self.vcpus + other.vcpus,
            logged=self.logged + other.logged,
        )

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain numbers, lists and dicts, as JSON holds them."""
        out: dict[str, Any] = {"planes": self.planes}
        for name in ("vcpus", "events", "elapsed_ns", "switches", "bounces", "exits"):
            out[name] = getattr(self, name)
        for name in ("entries_by_reason", "exits_by_reason", "faults_by_code"):
            out[name] = getattr(self, name)
        out["refused_forces"] = self.refused_forces
        out["entries"] = self.entries.tolist()
        for name in _PER_PLANE:
            out[name] = [int(value) for value in getattr(self, name)]
        out["latency_ns"] = [self._latency(plane).as_dict() for plane in range(self.planes)]
        return out

    def __repr__(self) -> str:
        return (
            f"<Stats of {self.events} events: {self.switches} switches, {self.bounces} bounces, "
            f"{self.exits} exits, {int(self.injected.sum())} interrupts injected>"
        )


_BALANCED = ("pending_before", "coalesced", "taken", "dropped", "pending")
_PER_PLANE = (
    "delivered",
    "injected",
    "coalesced",
    "pending",
    "dropped",
    "nmis",
    "intercepts",
    "vina",
    "running_ns",
    "blocked_ns",
    "userspace_ns",
    "transition_ns",
    "suspended_ns",
    "intervals",
    "longest_ns",
    "age_ns",
)


def _named(enum: Any, counts: Sequence[int] | NDArray[np.uint64]) -> dict[str, int]:
    """Name the counts that are not zero; number 0 stands for none."""
    return {item.name.lower(): int(counts[item]) for item in enum if item and counts[item]}


def _to_int(lo: int, hi: int) -> int:
    value = hi << 64 | lo
    return value - (1 << 128) if value >> 127 else value


def _wide_sum(a: NDArray[np.void], b: NDArray[np.void]) -> NDArray[np.void]:
    out = np.empty_like(a)
    out["lo"] = a["lo"] + b["lo"]
    out["hi"] = a["hi"] + b["hi"] + (out["lo"] < a["lo"])
    return out
