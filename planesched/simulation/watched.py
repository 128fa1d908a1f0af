"""An engine that keeps, beside each outcome that it logs, the state that the vCPU was in before."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import VM
from ..events import Event, takes_plane
from ..layouts import OUTCOME, STATE
from .engine import Engine

__all__ = ["Watched"]


class Watched(Engine):
    """An engine that goes from event to event while its log has room.

    What happens at once on a vCPU happens in several steps, of which a log has those that changed
    something. So each is done again from the state before; where that does not lead to what was
    logged and to the state that the vCPU is in then, the states are not known.

    """

    _before: list[Any]
    _room: NDArray[np.void] | None = None

    def watch(self) -> None:
        """Begin to keep states: before all else."""
        self._before = []
        self._again = VM(self.policy, self.planes).vcpus[0]

    @property
    def before(self) -> NDArray[np.void]:
        """The state before each outcome logged; where it is not known, no plane is online."""
        self._fill_to(0 if self._room is None else min(self.logged, len(self._room)))
        return np.array(self._before, STATE)

    def _fill_to(self, count: int) -> None:
        """Know nothing of what was logged outside of `advance`."""
        self._before += [np.zeros((), STATE)] * (count - len(self._before))

    def log_to(self, log: NDArray[np.void] | None) -> None:
        """Write outcomes to this log from now on."""
        super().log_to(log)
        self._room = log

    def advance(self, until_ns: int, stop: Callable[[], bool] | None = None) -> bool:
        """Let everything up to and including `until_ns` happen, and keep states on the way."""
        log = self._room
        while log is not None and self.logged < len(log):
            next_ns = self.next_event_ns
            if next_ns is None or next_ns > until_ns:
                break
            states, first = self.state, self.logged
            if not super().advance(next_ns, stop):
                return False
            if self.logged > first:
                self._fill_to(first)
                self._keep(states, log[first : min(self.logged, len(log))])
        return super().advance(until_ns, stop)

    def _keep(self, states: NDArray[np.void], rows: NDArray[np.void]) -> None:
        after = self.state
        found: list[Any] = [None] * len(rows)
        for vcpu in np.unique(rows["vcpu"]).tolist():
            mine = np.flatnonzero(rows["vcpu"] == vcpu).tolist()
            told = [(row, rows[row]) for row in mine]
            if vcpu < len(states):  # it may be one that has only just come
                self._replay(states[vcpu], after[vcpu], told, found)
        nothing = np.zeros((), STATE)
        self._before += [nothing if state is None else state for state in found]

    def _replay(self, start: Any, end: Any, rows: list[tuple[int, Any]], found: list[Any]) -> None:
        """Do the steps of a vCPU again, and keep the states if all comes out as it did."""
        from ..reference import answered  # slow to import, and few watch

        vcpu = self._again
        vcpu.state = start
        states = []
        for _, row in rows:
            kind = int(row["kind"])
            named = takes_plane(Event(kind), call_takes_plane=self.policy.hands_over)
            if kind == Event.ENTER:
                vcpu.state = answered(self.policy, vcpu.state, int(row["plane"]))
            states.append(vcpu.state.copy())
            out = vcpu.step(kind, int(row["plane"]) if named else None)
            told = (out.was, out.now, int(out.reason), int(out.fault), int(out.flags))
            if told != tuple(int(row[name]) for name in _TOLD):
                return
        if vcpu.state.tobytes() == end.tobytes():
            for (at, _), state in zip(rows, states, strict=True):
                found[at] = state


_TOLD = ("was", "now", "reason", "fault", "flags")
assert set(_TOLD) < set(OUTCOME.names or ())
