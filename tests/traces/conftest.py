"""Real traces: each is decoded once, for all tests that look at it."""

import pickle
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planesched import traces
from planesched.traces import Kind

DATA = Path(__file__).parents[1] / "data" / "traces"


ATTRIBUTES = (
    "path", "skip_bad", "bad", "bad_lines", "lost", "producer", "first_ns", "last_ns",
    "counts", "skipped", "n_vcpus", "reinjected", "kernel", "vm", "malformed", "cut", "kinds",
    "hardware",
)  # fmt: skip


class Again(traces.Reader):
    """A trace that was read to its end, to be read from the start: its attributes and records."""

    # They count what is read; here they are known.
    counts = skipped = n_vcpus = reinjected = kernel = hardware = first_ns = last_ns = None

    def __init__(self, attributes: dict[str, Any], chunks: list[np.ndarray]) -> None:
        vars(self).update(attributes)
        self._again = (chunk.copy() for chunk in chunks)

    def __iter__(self):
        return self._again


def decode(path: Path, to: Path) -> None:
    reader = traces.read(path)
    chunks = list(reader)
    attributes = {name: getattr(reader, name) for name in ATTRIBUTES}
    (to / "trace").write_bytes(pickle.dumps((attributes, chunks)))


class Trace:
    """What a file holds; `chunks` as the reader gave them."""

    def __init__(self, path: Path, decoded: Path) -> None:
        self.path, self.name = path, path.name
        self._attributes, self.chunks = pickle.loads((decoded / "trace").read_bytes())
        self.records = np.concatenate(self.chunks)

    def read(self) -> traces.Reader:
        return Again(self._attributes, self.chunks)

    @cached_property
    def busy_ns(self) -> int:
        """Busy time from the records alone, vCPU by vCPU, without holding or attaching anything."""
        since, begin, unknown, busy = {}, {}, {}, 0
        for now, wait, thread, vcpu, _, kind, _ in self.records.tolist():
            if kind == Kind.WAKEUP:
                if vcpu == 0xFFFFFFFF:
                    unknown[thread] = now
                elif vcpu in since:
                    busy += max(0, now - wait - since.pop(vcpu))
                    begin[vcpu] = now
                else:
                    begin[vcpu] = now
            elif kind == Kind.RUN and vcpu not in since:
                since[vcpu] = begin.pop(vcpu, unknown.pop(thread, now))
            elif kind == Kind.HALT and vcpu in since:
                busy += now - since.pop(vcpu)
        # A trace without entries and exits does not tell whether a woken vCPU ran.
        if Kind.RUN not in self.records["kind"]:
            return 0
        last = self._attributes["last_ns"]
        return busy + sum(last - now for now in (*since.values(), *begin.values()))


@pytest.fixture(scope="session")
def trace(request, made_once):
    """The trace that the test names: `parametrize("trace", [...], indirect=True)`."""
    path = DATA / request.param
    return Trace(path, made_once(path.name, lambda to: decode(path, to)))
