"""Timelines, read back: every nanosecond, switch and instant is that of the figures."""

import sys

import numpy as np
import pytest
from timeline_files import check, read_timeline

import planesched
from planesched import EVENT, OUTCOME, Event, Flags, simulate
from planesched.policy import Call
from planesched.report.timeline import write_timeline
from planesched.workload import Calls, Exponential, Ipis, Poisson, Workload

KINDS = (".json", ".json.gz", ".pftrace")


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
    vm = planesched.VM(name, planes=3, vcpus=4)
    events = some_events(vm.policy, 3, 4, 4000, seed=5)
    log = np.zeros(4000, OUTCOME)
    stats = vm.run(events, log)
    assert stats.logged <= len(log)
    start_ns, end_ns = (int(events["time_ns"][i]) for i in (0, -1))
    path = tmp_path / f"run{kind}"
    write_timeline(path, {name: log[: stats.logged]}, start_ns=start_ns, end_ns=end_ns)
    check(read_timeline(path), stats, start_ns, end_ns)
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
    result = simulate(
        name, 3, 3, WORK, costs=costs, warmup="1100 us", duration="20 ms", seed=3, log=1 << 14,
        in_userspace=in_userspace,
    )  # fmt: skip
    written = result.log
    assert 300 < len(written) < 1 << 14
    path = tmp_path / f"simulation{kind}"
    start_ns, end_ns = result.start_ns, result.start_ns + result.elapsed_ns
    write_timeline(path, {result.label: written}, start_ns=start_ns, end_ns=end_ns)
    items = read_timeline(path)
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
        assert sorted(read_timeline(path), key=lambda item: item.begin_ns) == [
            ("mine", 0, "plane 0", 1000, 500, {"plane": 0}),
            ("mine", 0, "switch", 1500, 250, {"plane": 1, **cause}),
            ("mine", 0, "plane 1", 1750, 250, {"plane": 1}),
            ("mine", 0, "blocked", 2000, 1000, {"plane": 1, "event": "halt"}),
            ("mine", 0, "fault blocked", 2001, None, {"plane": 1, "event": "call"}),
        ]


def test_a_switch_that_the_end_cuts(tmp_path):
    log = outcome(time_ns=10, now=1, reason=2, flags=Flags.SWITCHED, took_ns=100)
    write_timeline(tmp_path / "cut.json", {"a": log}, end_ns=60)
    lengths = [(item.name, item.length_ns) for item in read_timeline(tmp_path / "cut.json")]
    assert lengths == [("plane 0", 10), ("switch", 50)]


def test_policies_have_tracks_of_their_own(tmp_path):
    one, other = (outcome(time_ns=5, vcpu=v, now=1, flags=Flags.SWITCHED) for v in (0, 7))
    for kind in KINDS:
        write_timeline(tmp_path / f"two{kind}", {"a": one, "b": other}, end_ns=9)
        found = [(i.policy, i.vcpu, i.name) for i in read_timeline(tmp_path / f"two{kind}")]
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
        assert read_timeline(tmp_path / f"none{kind}") == []


def test_wrong_logs(tmp_path):
    path = tmp_path / "x.json"
    late = np.concatenate([outcome(time_ns=5), outcome(time_ns=4)])
    with pytest.raises(ValueError, match=r"logs\['a'\]\[1\]: the time goes from 5 ns back to 4 ns"):
        write_timeline(path, {"a": late})
    with pytest.raises(ValueError, match=r"from 5 ns back to 3 ns, .* end_ns=3"):
        write_timeline(path, {"a": outcome(time_ns=5)}, end_ns=3)
    with pytest.raises(ValueError, match=r"from 6 ns back to 5 ns, .* start_ns=6"):
        write_timeline(path, {"a": outcome(time_ns=5)}, start_ns=6)
    with pytest.raises(TypeError, match=r"logs\['a'\]=.*, expected an ndarray of dtype OUTCOME"):
        write_timeline(path, {"a": np.zeros(3)})
    assert not list(tmp_path.iterdir())


def test_wrong_names(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"x\.txt, expected a name that ends with \.json, "):
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


def test_where_a_log_was_full_tracks_end_with_their_last_entries(tmp_path):
    log = np.concatenate(
        [
            outcome(time_ns=5, now=1, reason=2, flags=Flags.SWITCHED),
            outcome(time_ns=7, was=1, now=1, fault=1),
            outcome(time_ns=9, vcpu=1, now=1, reason=2, flags=Flags.SWITCHED),
        ]
    )
    write_timeline(tmp_path / "full.json", {"a": log})
    found = [
        (i.vcpu, i.name, i.begin_ns, i.length_ns) for i in read_timeline(tmp_path / "full.json")
    ]
    assert sorted(found, key=lambda item: item[:3]) == [
        (0, "fault ud", 7, None), (0, "plane 0", 0, 5), (0, "plane 1", 5, 2),
        (1, "plane 0", 0, 9), (1, "plane 1", 9, 0),
    ]  # fmt: skip
