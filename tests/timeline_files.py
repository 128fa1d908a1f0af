"""Read timelines back, by json and by Perfetto's own protos, and hold them to figures."""

import gzip
import json
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos


class Item(NamedTuple):
    """A slice, or an instant, whose length is None."""

    policy: str
    vcpu: int
    name: str
    begin_ns: int
    length_ns: int | None
    args: dict


def read_timeline(path):
    if path.suffix == ".pftrace":
        return list(read_perfetto(path))
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(read_json(text))


def read_json(text):
    whole = json.loads(text, parse_float=Decimal)
    assert whole["displayTimeUnit"] == "ns"
    names = {}
    for event in whole["traceEvents"]:
        if event["ph"] == "M" and event["name"].endswith("_name"):
            key = (event["pid"], event["tid"] if event["name"] == "thread_name" else None)
            names[key] = event["args"]["name"]
    for event in whole["traceEvents"]:
        if event["ph"] == "M":
            continue
        policy, vcpu = names[event["pid"], None], names[event["pid"], event["tid"]]
        length_ns = ns(event["dur"]) if event["ph"] == "X" else None
        yield Item(
            policy, int(vcpu.removeprefix("vCPU ")), event["name"], ns(event["ts"]), length_ns,
            event["args"],
        )  # fmt: skip


def ns(microseconds):
    nanoseconds = microseconds * 1000
    assert nanoseconds == int(nanoseconds)
    return int(nanoseconds)


def read_perfetto(path):
    trace = protos.Trace()
    trace.ParseFromString(path.read_bytes())
    tracks = {
        packet.track_descriptor.uuid: packet.track_descriptor
        for packet in trace.packet
        if packet.HasField("track_descriptor")
    }
    begun = {}
    for packet in trace.packet:
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        track = tracks[event.track_uuid]
        if event.type == event.TYPE_SLICE_END:
            yield begun.pop(track.uuid)(packet.timestamp)
            continue
        args = {
            note.name: getattr(note, note.WhichOneof("value")) for note in event.debug_annotations
        }
        policy, vcpu = tracks[track.parent_uuid].name, int(track.name.removeprefix("vCPU "))

        def item(end_ns, of=(policy, vcpu, event.name), begin_ns=packet.timestamp, args=args):
            return Item(*of, begin_ns, None if end_ns is None else end_ns - begin_ns, args)

        if event.type == event.TYPE_INSTANT:
            yield item(None)
        else:
            assert track.uuid not in begun
            begun[track.uuid] = item
    assert not begun


def check(items, stats, start_ns, end_ns, at_once=None):
    """Hold what was read against figures, which have the faults `at_once` before all logging."""
    assert items
    slices = [item for item in items if item.length_ns is not None]
    reached = {}
    for item in slices:
        assert item.begin_ns == reached.get(item.vcpu, start_ns)
        reached[item.vcpu] = item.begin_ns + item.length_ns
    assert set(reached.values()) == {end_ns}
    assert len(reached) == stats.vcpus
    assert {item.name for item in slices} <= {
        "switch", "exit", "userspace", "blocked", *(f"plane {p}" for p in range(stats.planes)),
    }  # fmt: skip
    for plane in range(stats.planes):
        times = Counter()
        for item in slices:
            if item.args["plane"] == plane:
                times[item.name] += item.length_ns
        assert times[f"plane {plane}"] == stats.running_ns[plane]
        assert times["userspace"] == stats.userspace_ns[plane]
        assert times["blocked"] == stats.blocked_ns[plane]
        assert times["switch"] + times["exit"] == stats.transition_ns[plane]
    entries = np.zeros_like(stats.entries)
    reasons = Counter()
    for item in slices:
        if "from" in item.args:
            entries[item.args["from"], item.args["plane"]] += 1
    instants = [item for item in items if item.length_ns is None]
    for item in instants:
        assert start_ns <= item.begin_ns <= end_ns
        if item.name == "bounce":
            entries[item.args["plane"], item.args["plane"]] += 1
            reasons["bounce"] += 1
    assert (entries == stats.entries).all()
    assert entries.sum() - np.trace(entries) == stats.switches
    seen = Counter(item.name for item in instants)
    assert seen["bounce"] == stats.bounces
    assert seen["VINA"] == stats.vina.sum()
    exits = Counter(item.args["reason"] for item in instants if item.name == "exit")
    assert exits == stats.exits_by_reason
    faults = {name.removeprefix("fault "): n for name, n in seen.items() if "fault" in name}
    assert Counter(faults) + Counter(at_once) == stats.faults_by_code
