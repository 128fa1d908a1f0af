"""Timelines, read back: every nanosecond, switch and instant is that of the figures."""

import gzip
import json
import sys
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

import planesched
from planesched import EVENT, OUTCOME, Event, Flags, simulate
from planesched.policy import Call
from planesched.report.timeline import write_timeline
from planesched.workload import Calls, Exponential, Ipis, Poisson, Workload

KINDS = (".json", ".json.gz", ".pftrace")


class Item(NamedTuple):
    """A slice, or an instant, whose length is None."""

    policy: str
    vcpu: int
    name: str
    begin_ns: int
    length_ns: int | None
    args: dict


def read(path):
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


def check(items, stats, start_ns, end_ns):
    """Hold what was read against the figures."""
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
    assert faults == stats.faults_by_code


def some_events(policy, planes, vcpus, count, seed):
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["time_ns"] = 1000 + np.cumsum(rng.integers(0, 3, count) * rng.integers(1, 900, count))
    events["vcpu"] = rng.integers(0, vcpus, count)
    events["kind"] = rng.integers(0, len(Event), count)
    events["plane"] = rng.integers(0, planes, count)
    alone = [Event.RESCHED, Event.HALT, Event.RETURN]
    alone += [Event.CALL] if policy.call == Call.next else []
    events["plane"][np.isin(events["kind"], alone)] = 0
    return events


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", planesched.presets())
def test_a_run_of_anything(name, kind, tmp_path):
    vm = planesched.VM(planes=3, vcpus=4, policy=name)
    events = some_events(vm.policy, 3, 4, 4000, seed=5)
    log = np.zeros(4000, OUTCOME)
    stats = vm.run(events, log)
    assert stats.logged <= len(log)
    start_ns, end_ns = (int(events["time_ns"][i]) for i in (0, -1))
    path = tmp_path / f"run{kind}"
    write_timeline(path, {name: log[: stats.logged]}, start_ns=start_ns, end_ns=end_ns)
    check(read(path), stats, start_ns, end_ns)
    assert list(tmp_path.iterdir()) == [path]


WORK = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="4 kHz"),
        Poisson("level0", Exponential("8 us"), rate="20 kHz", name="network"),
        Calls("level0", "30 us", rate="2 kHz", to="level1"),
        Ipis("level1", "5 us", after="network", chance=0.2),
    ],
    busy=["level0"],
)
COSTS = {"any": Exponential("2 us"), "exit": "9 us"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("costs", [None, COSTS], ids=["free", "costly"])
@pytest.mark.parametrize(
    ("name", "in_userspace"),
    [("vsm", False), ("vsm", True), ("vsm_relay", True), ("cca", False), ("tdx", False)],
)
def test_a_simulation(name, in_userspace, costs, kind, tmp_path):
    log = np.zeros(1 << 14, OUTCOME)
    result = simulate(
        name, 3, 3, WORK, costs=costs, warmup="1100 us", duration="20 ms", seed=3, log=log,
        in_userspace=in_userspace,
    )  # fmt: skip
    written = log[log["record"] == -1]
    assert 300 < len(written) < len(log)
    path = tmp_path / f"simulation{kind}"
    start_ns, end_ns = result.start_ns, result.start_ns + result.elapsed_ns
    write_timeline(path, {result.label: written}, start_ns=start_ns, end_ns=end_ns)
    items = read(path)
    check(items, result.stats, start_ns, end_ns)
    assert {item.policy for item in items} == {result.label}
    names = {item.name for item in items if item.length_ns is not None}
    assert ("switch" in names) == (costs is not None)
    assert ("exit" in names) == (costs is not None and in_userspace)


def outcome(**fields):
    row = np.zeros(1, OUTCOME)
    for name, value in fields.items():
        row[name] = value
    return row


def test_what_is_written(tmp_path):
    log = np.concatenate(
        [
            outcome(time_ns=1500, kind=Event.IRQ, plane=1, now=1, reason=2, flags=Flags.SWITCHED,
                    took_ns=250),
            outcome(time_ns=2000, kind=Event.HALT, was=1, now=1, flags=Flags.BLOCKED),
            outcome(time_ns=2001, kind=Event.CALL, was=1, now=1, fault=9, flags=Flags.BLOCKED,
                    status=2),
        ]
    )  # fmt: skip
    for kind in KINDS:
        path = tmp_path / f"few{kind}"
        write_timeline(path, {"mine": log}, start_ns=1000, end_ns=3000)
        cause = {"from": 0, "reason": "interrupt", "event": "irq 1"}
        assert sorted(read(path), key=lambda item: item.begin_ns) == [
            ("mine", 0, "plane 0", 1000, 500, {"plane": 0}),
            ("mine", 0, "switch", 1500, 250, {"plane": 1, **cause}),
            ("mine", 0, "plane 1", 1750, 250, {"plane": 1}),
            ("mine", 0, "blocked", 2000, 1000, {"plane": 1, "event": "halt"}),
            ("mine", 0, "fault blocked", 2001, None, {"plane": 1, "event": "call"}),
        ]


def test_a_switch_that_the_end_cuts(tmp_path):
    log = outcome(time_ns=10, now=1, reason=2, flags=Flags.SWITCHED, took_ns=100)
    write_timeline(tmp_path / "cut.json", {"a": log}, end_ns=60)
    lengths = [(item.name, item.length_ns) for item in read(tmp_path / "cut.json")]
    assert lengths == [("plane 0", 10), ("switch", 50)]


def test_policies_have_tracks_of_their_own(tmp_path):
    one, other = (outcome(time_ns=5, vcpu=v, now=1, flags=Flags.SWITCHED) for v in (0, 7))
    for kind in KINDS:
        write_timeline(tmp_path / f"two{kind}", {"a": one, "b": other}, end_ns=9)
        found = [(i.policy, i.vcpu, i.name) for i in read(tmp_path / f"two{kind}")]
        assert found == [
            ("a", 0, "plane 0"), ("a", 0, "plane 1"), ("b", 7, "plane 0"), ("b", 7, "plane 1"),
        ]  # fmt: skip


def test_the_same_log_gives_the_same_bytes(tmp_path):
    log = outcome(time_ns=5, now=1, flags=Flags.SWITCHED)
    for kind in KINDS:
        paths = [tmp_path / f"{n}{kind}" for n in "ab"]
        for path in paths:
            write_timeline(path, {"a": log})
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_log_of_nothing(tmp_path):
    for kind in KINDS:
        write_timeline(tmp_path / f"none{kind}", {"a": np.zeros(0, OUTCOME)})
        assert read(tmp_path / f"none{kind}") == []


def test_wrong_logs(tmp_path):
    path = tmp_path / "x.json"
    late = np.concatenate([outcome(time_ns=5), outcome(time_ns=4)])
    with pytest.raises(ValueError, match=r"logs\['a'\]\[1\]: the time goes from 5 ns back to 4 ns"):
        write_timeline(path, {"a": late})
    with pytest.raises(ValueError, match=r"from 5 ns back to 3 ns, .* end_ns=3"):
        write_timeline(path, {"a": outcome(time_ns=5)}, end_ns=3)
    with pytest.raises(ValueError, match=r"from 6 ns back to 5 ns, .* start_ns=6"):
        write_timeline(path, {"a": outcome(time_ns=5)}, start_ns=6)
    with pytest.raises(TypeError, match=r"logs\['a'\] is no ndarray of dtype OUTCOME"):
        write_timeline(path, {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_wrong_names(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"x\.txt: expected a name that ends with \.json, "):
        write_timeline(tmp_path / "x.txt", {})
    monkeypatch.setitem(sys.modules, "perfetto.protos.perfetto.trace", None)
    with pytest.raises(ValueError, match=r"pip install 'planesched\[timeline\]'"):
        write_timeline(tmp_path / "x.pftrace", {})
    write_timeline(tmp_path / "x.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_log_is_all_that_is_held(tmp_path):
    """Memory does not follow the length of the log."""
    import tracemalloc

    log = np.tile(
        np.concatenate([outcome(now=1, flags=Flags.SWITCHED), outcome(was=1, kind=10, flags=1)]),
        5_000,
    )
    log["time_ns"] = np.arange(len(log)) * 10
    write_timeline(tmp_path / "warm.pftrace", {})
    for kind in (".json", ".pftrace"):
        tracemalloc.start()
        write_timeline(tmp_path / f"long{kind}", {"a": log[:5_000]})
        _, some = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        write_timeline(tmp_path / f"long{kind}", {"a": log[:10_000]})
        _, more = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert more < 1.2 * some
