"""Files of tracks with slices and instants on them.

``.json`` is the Trace Event Format, which ui.perfetto.dev and chrome://tracing read:
https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU . Its times are
microseconds; the three decimals that they have here are exact. ``.pftrace`` is Perfetto's own, with
64-bit nanoseconds, by the package perfetto:
https://perfetto.dev/docs/reference/synthetic-track-event .
"""

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple, Protocol

from ..errors import Mistake, Words
from ..files import check_target, replacing

__all__ = ["Args", "Mark", "Tracks", "check_timeline", "tracks"]

Args = tuple[tuple[str, int | str], ...]
"""What is told of a slice or an instant, by name."""

_ENDINGS = (".json", ".json.gz", ".pftrace")
_LINES = 1 << 12
# Beyond every process number: where the two are equal, viewers take a thread for the main one.
_FIRST_THREAD = 1000


class Mark(NamedTuple):
    """A slice or an instant, wherever it stands."""

    name: str
    args: Args


class Tracks(Protocol):
    """A file under way."""

    def group(self, number: int, label: str, vcpus: Iterable[int]) -> None:
        """Name a policy's tracks; what is written from now on belongs there."""

    def write(self, vcpu: int, begin_ns: int, length_ns: int | None, mark: Mark) -> None:
        """Write a slice, or an instant where it has no length; a track's slices in order."""


def check_timeline(path: str | os.PathLike[str]) -> None:
    """Raise if such a file cannot be made, before the work that fills it is done.

    Raises
    ------
    Mistake
        If the name ends with none of ``.json``, ``.json.gz``, ``.pftrace``, or a package is
        missing.
    OSError
        If it cannot be written.
    """
    name = os.fspath(path)
    if not name.endswith(_ENDINGS):
        expected = f"a name that ends with {', '.join(_ENDINGS)}"
        raise Mistake("timeline", Words(name), expected)
    check_target(path)
    if name.endswith(".pftrace"):
        _perfetto()


@contextmanager
def tracks(path: str | os.PathLike[str]) -> Iterator[Tracks]:
    """Open a file, of the kind that its name ends with, that takes its place when all went well."""
    name = os.fspath(path)
    with replacing(path, "wb") as file:
        if name.endswith(".pftrace"):
            yield _Perfetto(file)
        elif name.endswith(".json"):
            yield from _json(file)
        else:
            # Without a name and a time in it, so that the same log gives the same bytes.
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                yield from _json(packed)


def _json(file: IO[bytes] | gzip.GzipFile) -> Iterator["_Json"]:
    file.write(b'{"displayTimeUnit":"ns","traceEvents":[\n')
    writer = _Json(file)
    yield writer
    writer.flush()
    file.write(b"\n]}\n")


class _Json:
    """Complete events ("X") and instants ("i"); a process a policy, a thread a vCPU."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._lines: list[str] = []
        self._between = ""
        self._pid = 0
        # Texts by mark: there are few, whatever the length of the log.
        self._texts: dict[Mark, str] = {}

    def group(self, number: int, label: str, vcpus: Iterable[int]) -> None:
        """Name a policy's tracks."""
        self._pid = number
        self._name("process", 0, label, number)
        for vcpu in vcpus:
            self._name("thread", _FIRST_THREAD + vcpu, f"vCPU {vcpu}", vcpu)

    def _name(self, what: str, tid: int, name: str, rank: int) -> None:
        for key, value in (("name", name), ("sort_index", rank)):
            event = {"ph": "M", "pid": self._pid, "tid": tid, "name": f"{what}_{key}"}
            args = {"args": {key: value}}
            self._lines.append(json.dumps(event | args, separators=(",", ":")))

    def write(self, vcpu: int, begin_ns: int, length_ns: int | None, mark: Mark) -> None:
        """Write a slice or an instant."""
        text = self._texts.get(mark)
        if text is None:
            body = {"name": mark.name, "args": dict(mark.args)}
            text = self._texts[mark] = json.dumps(body, separators=(",", ":"))[1:]
        kind = '"i","s":"t"' if length_ns is None else f'"X","dur":{_us(length_ns)}'
        tid = _FIRST_THREAD + vcpu
        self._lines.append(
            f'{{"ph":{kind},"ts":{_us(begin_ns)},"pid":{self._pid},"tid":{tid},{text}'
        )
        if len(self._lines) > _LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        if self._lines:
            self._file.write((self._between + ",\n".join(self._lines)).encode())
            self._between = ",\n"
            self._lines.clear()


def _us(time_ns: int) -> str:
    return f"{time_ns // 1000}.{time_ns % 1000:03d}"


class _Perfetto:
    """Packets of track events: a track a policy, below it a track a vCPU."""

    def __init__(self, file: IO[bytes]) -> None:
        self._protos, builder = _perfetto()
        self._builder = builder(file)
        self._uuid = 0
        # Packets by mark, of which only time and track change.
        self._packets: dict[tuple[bool, Mark], Any] = {}
        self._end = self._packet(self._protos.TrackEvent.TYPE_SLICE_END)

    def group(self, number: int, label: str, vcpus: Iterable[int]) -> None:
        """Name a policy's tracks."""
        self._uuid = number << 40
        top = self._track(self._uuid, label, number)
        top.track_descriptor.child_ordering = self._protos.TrackDescriptor.EXPLICIT
        self._builder.write_packet(top)
        for vcpu in vcpus:
            track = self._track(self._uuid + vcpu + 1, f"vCPU {vcpu}", vcpu)
            track.track_descriptor.parent_uuid = self._uuid
            self._builder.write_packet(track)

    def _track(self, uuid: int, name: str, rank: int) -> Any:
        packet = self._builder.create_packet()
        packet.track_descriptor.uuid = uuid
        packet.track_descriptor.name = name
        packet.track_descriptor.sibling_order_rank = rank
        return packet

    def _packet(self, kind: int, mark: Mark | None = None) -> Any:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = 1
        packet.track_event.type = kind
        if mark is not None:
            packet.track_event.name = mark.name
            for name, value in mark.args:
                note = packet.track_event.debug_annotations.add(name=name)
                setattr(note, "string_value" if isinstance(value, str) else "int_value", value)
        return packet

    def write(self, vcpu: int, begin_ns: int, length_ns: int | None, mark: Mark) -> None:
        """Write a slice or an instant."""
        key = (length_ns is None, mark)
        packet = self._packets.get(key)
        if packet is None:
            kinds = self._protos.TrackEvent
            kind = kinds.TYPE_INSTANT if length_ns is None else kinds.TYPE_SLICE_BEGIN
            packet = self._packets[key] = self._packet(kind, mark)
        self._send(packet, vcpu, begin_ns)
        if length_ns is not None:
            self._send(self._end, vcpu, begin_ns + length_ns)

    def _send(self, packet: Any, vcpu: int, time_ns: int) -> None:
        packet.timestamp = time_ns
        packet.track_event.track_uuid = self._uuid + vcpu + 1
        self._builder.write_packet(packet)


def _perfetto() -> tuple[Any, Any]:
    try:
        from perfetto.protos.perfetto.trace import perfetto_trace_pb2
        from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder
    except ImportError:
        expected = "perfetto: pip install 'planesched[timeline]'"
        raise Mistake("timeline", Words("a .pftrace file needs a package"), expected) from None
    return perfetto_trace_pb2, StreamingTraceProtoBuilder
