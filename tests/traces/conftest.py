"""Real traces: each is decoded once, for all tests that look at it."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from planesched import traces
from planesched.traces import Kind

DATA = Path(__file__).parents[1] / "data" / "traces"


class Again(traces.Reader):
    """A reader that has been read, to be read from the start: the same attributes and records."""

    def __init__(self, done: traces.Reader, chunks: list[np.ndarray]) -> None:
        vars(self).update(vars(done))
        self._again = (chunk.copy() for chunk in chunks)

    def __iter__(self):
        return self._again


class Trace:
    """What a file holds; `chunks` as the reader gave them."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.reader = traces.read(path)
        self.chunks = list(self.reader)
        self.records = np.concatenate(self.chunks)

    def read(self) -> Again:
        return Again(self.reader, self.chunks)

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
        last = self.reader.last_ns
        return busy + sum(last - now for now in (*since.values(), *begin.values()))


@pytest.fixture(scope="session")
def trace(request):
    """The trace that the test names: `parametrize("trace", [...], indirect=True)`."""
    return Trace(DATA / request.param)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks for groups
def pytest_collection_modifyitems(items) -> None:
    """Keep the tests of one trace together: each is decoded by one process."""
    for item in items:
        if "trace" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.callspec.params["trace"]))
