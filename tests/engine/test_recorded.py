"""Recorded traces as a source of a workload: what arrives is what the trace says, on its vCPUs."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import planesched
from planesched import InputError, compare, replay, simulate
from planesched.cli import main
from planesched.scenarios import load_scenario
from planesched.traces import PlaneMap, jobs, read
from planesched.workload import Constant, Poisson, Recorded, Workload, recorded

DEMO = Path(planesched.__file__).parent / "data" / "demo.txt.xz"
MAP = ["timer=level1"]

# Two vCPUs; the timer (236) of each, and a device (38) of vCPU 1. vCPU 0 halts at 1 ms, is woken
# by its timer at 2 ms, halts at 2.5 ms; vCPU 1 runs from 0 to 3 ms and then halts.
TRACE = """\
# tracer: nop
 CPU 0/KVM-10 [000] ..... 5.000000: kvm_entry: vcpu 0, rip 0x1
 CPU 1/KVM-11 [001] ..... 5.000000: kvm_entry: vcpu 1, rip 0x1
 CPU 0/KVM-10 [000] ..... 5.001000: kvm_exit: vcpu 0 reason hlt rip 0x1 info1 0x0 info2 0x0 \
intr_info 0x0 error_code 0x0
 qemu-9 [000] ..... 5.001500: kvm_apic_accept_irq: apicid 1 vec 38 (Fixed|edge)
 qemu-9 [000] ..... 5.002000: kvm_apic_accept_irq: apicid 0 vec 236 (Fixed|edge)
 CPU 0/KVM-10 [000] ..... 5.002000: kvm_entry: vcpu 0, rip 0x1
 CPU 0/KVM-10 [000] ..... 5.002500: kvm_exit: vcpu 0 reason hlt rip 0x1 info1 0x0 info2 0x0 \
intr_info 0x0 error_code 0x0
 qemu-9 [000] ..... 5.002700: kvm_apic_accept_irq: apicid 1 vec 236 (Fixed|edge)
 CPU 1/KVM-11 [001] ..... 5.003000: kvm_exit: vcpu 1 reason hlt rip 0x1 info1 0x0 info2 0x0 \
intr_info 0x0 error_code 0x0
"""

FILE = """\
title = "A test"
planes = 3
vcpus = 2
policies = ["vsm"]
duration = "10 ms"

[[source]]
name = "trace"
kind = "recorded"
trace = "traces/two.txt"
map = ["timer=level1", "vcpu1:0x26=level2"]
service = "100 us"
"""


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "two.txt"
    path.write_text(TRACE)
    return path


@pytest.fixture(autouse=True)
def beside(tmp_path):
    """The trace in a folder beside the scenario file."""
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces" / "two.txt").write_text(TRACE)


def finished(result):
    return result.jobs.finished.tolist()


def test_a_trace_arrives_on_its_vcpus_at_its_times(trace):
    workload = Workload([Recorded(trace, [*MAP, "vcpu1:0x26=level2"], "100 us")])
    result = simulate("vsm", 3, 2, workload, duration="10 ms")
    # Two timers, one device; the busy periods of both vCPUs, which end with their halts.
    assert finished(result)[1:] == [2, 1]
    assert result.jobs.queued.tolist() == [0, 0, 0]
    running, _, blocked, _ = result.time_ns.T
    # vCPU 0: 1 ms, then 0.5 ms from its timer on, and that timer's 100 us at plane 1.
    assert running.tolist() == [1_600_000, 3_200_000]
    assert blocked.tolist() == [8_400_000, 6_800_000]
    assert result.stats.running_ns == (4_500_000, 200_000, 100_000)


def test_the_record_ends_and_nothing_comes_after(trace):
    workload = Workload([Recorded(trace, MAP, "100 us")])
    short, long = (simulate("vsm", 3, 2, workload, duration=d) for d in ("4 ms", "4 s"))
    assert finished(short) == finished(long)
    assert short.stats.running_ns == long.stats.running_ns
    # A window that begins behind the record sees an idle machine.
    after = simulate("vsm", 3, 2, workload, duration="1 ms", warmup="4 ms")
    assert after.rows["arrived"].sum() == 0
    assert after.time_ns.tolist() == [[0, 0, 1_000_000, 0]] * 2


def test_service_times_are_by_target_with_units(trace):
    by_target = Recorded(trace, [*MAP, "38=level2"], {"level1": "30 us", "level2": 4000})
    assert by_target.service == {"level1": 30_000, "level2": 4000}
    result = simulate("vsm", 3, 2, Workload([by_target]), duration="10 ms")
    assert result.stats.running_ns[1:] == (60_000, 4000)
    assert pickle.loads(pickle.dumps(by_target)) == by_target
    with pytest.raises(ValueError, match="service='level3', expected one of level0, level1"):
        Recorded(trace, MAP, {"level3": "1 us"})
    with pytest.raises(ValueError, match="'5 parsecs', expected a time with its unit"):
        Recorded(trace, MAP, "5 parsecs")


def test_a_trace_gives_what_its_replay_gives():
    costs = {"interrupt": 2000, "return": 1000}
    (replayed,) = replay(DEMO, "vsm", plane_map=PlaneMap.parse(MAP), planes=3, service=5000,
                         costs=costs)  # fmt: skip
    workload = Workload([Recorded(DEMO, MAP, "5 us")])
    result = simulate("vsm", 3, 2, workload, costs=costs, duration=replayed.elapsed_ns)
    assert result.stats.entries.tolist() == replayed.stats.entries.tolist()
    assert result.stats.running_ns == replayed.stats.running_ns
    assert result.stats.latency == replayed.stats.latency
    assert finished(result) == replayed.jobs.finished.tolist()
    assert finished(result)[0] > 100


@pytest.mark.parametrize("name", ["vsm", "kvm_planes", "tdx"])
def test_levels_are_planes_of_either_direction(trace, name):
    result = simulate(name, 2, 2, Workload([Recorded(trace, MAP, "100 us")]), duration="10 ms")
    secure = 1 if name == "vsm" else 0
    assert finished(result)[secure] >= 2
    assert result.stats.running_ns[secure] == 200_000


def test_parts_of_the_vcpus_are_simulated_apart_and_merged():
    workload = Workload([Recorded(DEMO, MAP, "5 us"), Poisson(2, Constant(700), rate="1 kHz")])
    options = {"duration": "2 s", "seed": 4}
    one, two = (simulate("vsm", 3, 2, workload, threads=n, **options) for n in (1, 2))
    apart = [simulate("vsm", 3, [vcpu], workload, **options) for vcpu in (0, 1)]
    assert pickle.dumps(one) == pickle.dumps(two) == pickle.dumps(apart[0].merge(apart[1]))
    assert all(part.rows["arrived"].sum() > 2000 for part in apart)
    # A machine may have more vCPUs than the trace; fewer would lose what is recorded for them.
    more = simulate("vsm", 3, 5, workload, **options)
    assert more.rows["finished"][1:].tolist() == one.rows["finished"][1:].tolist()
    with pytest.raises(
        ValueError, match="vcpus=1, expected more than 1: a recorded trace has vCPU 1"
    ):
        simulate("vsm", 3, 1, workload, **options)


def test_two_traces_and_generated_work_add_up(trace):
    sources = [Recorded(trace, MAP, "100 us"), Recorded(DEMO, MAP, "5 us")]
    apart = [simulate("vsm", 3, 2, Workload([one]), duration="30 s") for one in sources]
    both = simulate("vsm", 3, 2, Workload(sources), duration="30 s")
    arrived = sum(result.jobs.arrived for result in apart)
    assert both.jobs.arrived.tolist() == arrived.tolist()
    names = Workload(sources).scaled(2).sources
    assert [source.name for source in names] == ["recorded0", "recorded1"]


def test_policies_are_compared_on_a_trace():
    workload = Workload([Recorded(DEMO, MAP, "5 us")])
    found = compare(["vsm", "vsm_relay"], 3, 2, workload, duration="20 s", costs={"any": "1 us"})
    direct, relay = found
    assert direct.jobs.arrived.tolist() == relay.jobs.arrived.tolist()
    assert relay.latency[1].quantile_ns(0.5) > direct.latency[1].quantile_ns(0.5)
    assert len(direct.stats.latency) == 3
    # 932 interrupts were accepted; what no interrupt brought is injected, but none of them.
    assert int(direct.histograms["latency"].sum()) == 932
    assert int(direct.stats.injected.sum()) == 932 + int(direct.jobs.woken.sum())
    assert [each.count for each in direct.stats.latency] == [534, 398, 0]


def test_a_trace_is_decoded_once_until_it_is_written_to(trace, monkeypatch):
    read_paths = []
    monkeypatch.setattr(recorded, "read", lambda path: read_paths.append(path) or read(path))
    workload = Workload([Recorded(trace, MAP, {"level1": "100 us"})])
    for policies in (["vsm", "vsm_relay"], ["openhcl", "vsm"]):
        compare(policies, 3, 2, workload, duration="10 ms")
    assert read_paths == [str(trace)]
    before = simulate("vsm", 3, 2, workload, duration="10 ms")
    trace.write_text(TRACE.replace("5.002700", "5.002800"))
    after = simulate("vsm", 3, 2, workload, duration="10 ms")
    assert read_paths == [str(trace)] * 2
    assert after != before


def test_the_jobs_are_those_of_the_reader(trace):
    stream = jobs(read(trace), PlaneMap.parse(MAP), service=100_000)
    chunks = np.concatenate([chunk for chunk, _ in stream])
    result = simulate("vsm", 3, 2, Workload([Recorded(trace, MAP, "100 us")]), duration="10 ms")
    assert result.jobs.arrived.sum() == len(chunks)
    assert sum(result.stats.running_ns) == chunks["service_ns"].sum()


def test_a_scenario_names_its_trace_from_its_own_folder(scenario, monkeypatch, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = scenario(FILE)
    found = load_scenario(path)
    result = simulate("vsm", **found.arguments)
    assert finished(result)[1:] == [2, 1]
    assert result.stats.running_ns == (4_500_000, 200_000, 100_000)
    assert main(["simulate", str(path)]) == 0
    assert "plane 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "two.txt",
            "none.txt",
            10,
            "trace='traces/none.txt', expected a recorded trace: there is no such file in",
        ),
        ('trace = "traces/two.txt"\n', "", 7, "a recorded without 'trace'"),
        ("map = ", "maps = ", 11, "the key 'maps', expected one of kind, trace, map"),
        ("timer=level1", "tamer=level1", 11, "found map: vector 'tamer'"),
        ("timer=level1", "timer=ring1", 11, "found map: plane 'ring1'"),
        ('"timer=level1"', "7", 11, "expected a list of rules"),
        (
            'service = "100 us"',
            'service = "100 u"',
            12,
            "found service='100 u', expected a time with its",
        ),
        ('"100 us"', '{ level7 = "1 us" }', 12, "'level7', expected one of level0"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(scenario, old, new, line, message):
    assert old in FILE
    path = scenario(FILE.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        load_scenario(path)
    assert (caught.value.path, caught.value.line) == (str(path), line), caught.value
    assert message in str(caught.value)


def test_a_malformed_trace_is_named_with_its_own_line(scenario, tmp_path, capsys):
    trace = tmp_path / "traces" / "two.txt"
    trace.write_text(TRACE.replace("vec 38", "vec x"))
    assert main(["simulate", str(scenario(FILE))]) == 2
    assert f"{trace}:5: found" in capsys.readouterr().err
    with pytest.raises(ValueError, match="level2, expected a level that exists"):
        simulate("vsm", 2, 2, Workload([Recorded(DEMO, ["timer=level2"], 0)]), duration="1 ms")
