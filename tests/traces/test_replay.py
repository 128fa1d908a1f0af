"""Replay of real traces: what was recorded, under policies that did not run it."""

from pathlib import Path

import numpy as np
import pytest

import planesched
from planesched import InputError, Policy, replay
from planesched.traces import PlaneMap, jobs, read

DEMO = Path(planesched.__file__).parent / "data" / "demo.txt.xz"
TRACES = Path(__file__).parents[1] / "data" / "traces"
RULES = ["timer=level1"]
MAP = PlaneMap.parse(RULES)
DESIGN = ["vsm", "vsm_relay", "kvm_planes"]


def demo(policies=DESIGN, **settings):
    return replay(DEMO, policies, **{"plane_map": MAP, "planes": 3, "service": 5000} | settings)


def test_every_arrival_is_replayed_under_every_policy():
    stream = jobs(read(DEMO), MAP, service=5000)
    chunks = [chunk for chunk, _ in stream]
    arrived = sum(len(chunk) for chunk in chunks)
    results = demo(in_userspace=True)
    assert [result.label for result in results] == [
        label for name in DESIGN for label in (name, f"{name} (userspace)")
    ]
    for result in results:
        assert int(result.jobs.arrived.sum()) == arrived
        assert int(result.jobs.woken.sum()) == stream.wakes == result.trace.wakes
        assert (result.jobs.arrived == result.jobs.finished + result.jobs.queued).all()
        assert not result.stats.balance().any()
        assert result.time_ns.sum(axis=1).tolist() == [result.elapsed_ns] * result.trace.vcpus
        assert result.stats.vcpus == result.trace.vcpus == 2


def test_direct_needs_fewer_switches_than_relay_and_no_policy_changes_the_work():
    direct, relay = demo(["vsm", "vsm_relay"])
    assert direct.levels == relay.levels == {"level0": 0, "level1": 1}
    for result in (direct, relay):
        assert not result.notes
        assert sum(result.stats.running_ns) == result.trace.busy_ns + 5000 * int(
            result.jobs.finished[1]
        )
    # Each entry of level 1 goes by way of plane 2, in and out: one switch more.
    entered = direct.stats.entries_by_reason["interrupt"]
    assert direct.stats.switches == 2 * entered
    assert relay.stats.switches == 3 * entered
    assert relay.stats.entries_by_reason["relay"] == entered


def test_userspace_pays_for_every_exit():
    kernel, user = demo("vsm", in_userspace=True, costs={"exit": 2000})
    assert sum(kernel.stats.transition_ns) == 0
    assert user.stats.exits == user.stats.switches
    assert sum(user.stats.transition_ns) == 2000 * user.stats.exits
    assert kernel.stats.latency[1].max_ns == 0
    assert user.stats.latency[1].min_ns >= 2000


def test_times_have_units_and_a_map_may_be_its_rules():
    plain = demo("vsm", service={"level1": 5000}, costs={"exit": 2000}, forward_ns=1000)
    units = demo("vsm", plane_map=RULES, service={"level1": "5 us"}, costs={"exit": "2 us"},
                 forward_ns="1 us")  # fmt: skip
    assert plain == units
    assert demo("vsm", service="5 us") == demo("vsm", service=np.int64(5000))
    with pytest.raises(ValueError, match=r"^costs.exit='2 parsecs', expected a time"):
        demo("vsm", costs={"exit": "2 parsecs"})
    with pytest.raises(ValueError, match=r"^service='5', expected a time"):
        demo("vsm", service="5")


def test_what_stays_undelivered_is_noted():
    (result,) = demo("kvm_planes")
    # Only plane 0's events preempt: plane 1 never gets in.
    assert result.levels == {"level0": 2, "level1": 1}
    note, *_ = result.notes
    left = result.jobs.queued[1]
    assert note.startswith(
        f"level1 (plane 1) never ran: {left} of {left} jobs undone, 2 interrupts"
    )
    assert "pending at the end, the oldest for " in note
    assert str(result).startswith("WARNING: level1 (plane 1) never ran")


def test_tdx_is_routed_by_way_of_l1_unless_told_otherwise():
    by_marker, own = (demo("tdx", forward_ns=1000, route=route)[0] for route in (None, "own"))
    assert by_marker.jobs.forwarded[1:].sum() == by_marker.jobs.arrived[1:].sum() > 0
    assert by_marker.stats.running_ns[0] == 1000 * by_marker.jobs.forwarded.sum()
    assert own.jobs.forwarded.sum() == 0


def test_labels():
    policy = Policy.preset("vsm", planes=3)
    assert [r.label for r in demo([policy, "vsm", policy])] == ["policy 1", "vsm", "policy 3"]
    assert [r.label for r in demo({"mine": policy, "locked": "vsm_locked"})] == ["mine", "locked"]
    one, two = demo([policy, "vsm"])
    one.label = two.label = ""
    assert one == two


def test_as_many_planes_as_the_map_names():
    assert demo("vsm", planes=None)[0].stats.planes == 2
    named = PlaneMap.parse(["timer=plane4"])
    assert demo("vsm", planes=None, plane_map=named)[0].stats.planes == 5


def test_progress_tells_part_and_jobs():
    told = []
    (result,) = demo("vsm", progress=lambda part, count: told.append((part, count)))
    assert told == sorted(told)
    assert 0 <= told[-1][0] <= 1
    assert told[-1][1] == int(result.jobs.arrived.sum())


def test_wrong_input(tmp_path):
    with pytest.raises(ValueError, match="policies: none, expected one or more"):
        demo([])
    with pytest.raises(ValueError, match="vcpus=1, expected 2 or more: the trace has vCPU 1"):
        demo("vsm", vcpus=1)
    with pytest.raises(ValueError, match="level2, expected a level that exists"):
        demo("vsm", planes=2, plane_map=PlaneMap.parse(["timer=level2"]))
    with pytest.raises(ValueError, match=r"costs='exits', expected one of .* did you mean exit"):
        demo("vsm", costs={"exits": 1})
    broken = tmp_path / "broken.txt"
    broken.write_text("# tracer: nop\n qemu-1 [000] ..... 1.000000: kvm_entry: vcpu x\n")
    with pytest.raises(InputError, match=r"broken.txt:2: found"):
        replay(broken, "vsm", plane_map=MAP)


@pytest.mark.parametrize(
    "trace", sorted(path.name for path in TRACES.glob("k*.txt*")), indirect=True
)
def test_real_traces_of_every_kind(trace):
    results = replay(trace.read(), ["vsm", "kvm_vsm"], plane_map=MAP, service=2000)
    direct, nearest = results
    assert direct.trace.arrivals > 2000 or "head" in trace.name or "slice" in trace.name
    assert direct.trace.busy_ns > 0
    assert int(direct.jobs.arrived.sum()) == direct.trace.arrivals + direct.trace.wakes
    for result in results:
        assert not result.stats.balance().any()
        assert not result.livelocks
        assert (result.time_ns.sum(axis=1) == result.elapsed_ns).all()
    # With two planes the nearest plane that has an event is the only one.
    assert direct.stats.entries.tolist() == nearest.stats.entries.tolist()
    assert direct.stats.latency == nearest.stats.latency


def test_what_is_no_trace_is_told():
    with pytest.raises(TypeError, match="trace=5, expected a file, or arrays of dtype RECORD"):
        replay(5, plane_map="0x26=level1", policies="vsm")
