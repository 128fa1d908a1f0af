"""The steps of counterexamples and of runs are explained as they were: every bit is the run's."""

import json

import numpy as np
import pytest

import planesched
from planesched import STATE, Policy, Workload, check, diff, presets, replay, simulate
from planesched.cli import main
from planesched.errors import Mistake
from planesched.explaining.moments import moment, wanted
from planesched.explaining.walks import explained
from planesched.replaying.run import going
from planesched.simulation.run import cells
from planesched.traces import PlaneMap
from planesched.workload import Constant, Exponential, Poisson, Times

LEVELS = PlaneMap.parse(["0x26-0x27=level1", "call_function_single=level2"])
NAMES = ("was", "now", "reason", "fault", "flags")


@pytest.mark.parametrize("preset", ["kvm_planes", "kvm_user:force=none", "vsm_locked", "snp"])
def test_every_step_of_every_counterexample(preset):
    n = 0
    for planes, vcpus in ((2, 1), (3, 1), (2, 2)):
        report = check(preset, planes, vcpus, max_states=5_000)
        for verdict in report.verdicts.values():
            for _, step, why in explained(verdict.trace) if verdict.trace else ():
                assert tuple(why.outcome) == tuple(step.outcome)[:5]
                state = step.states[step.vcpu]
                assert why.after == tuple(int(state[name]) for name in STATE.names)
                n += 1
    assert n >= 3


def test_every_step_with_controllers():
    """What the rules did agrees but for `coalesced`, which is of a vector there."""
    n = 0
    for preset in ("kvm_planes", "vsm_locked"):
        report = check(preset, 2, vectors=[0x31], max_states=2_000)
        for verdict in report.verdicts.values():
            for _, step, why in explained(verdict.trace) if verdict.trace else ():
                out = why.outcome
                assert (out.was, out.now, out.reason) == tuple(step.outcome)[:3]
                kept = ~int(planesched.Flags.COALESCED)
                assert int(out.flags) & kept == int(step.outcome.flags) & kept
                n += 1
    assert n > 3


def test_the_command_explains_each_step_of_a_counterexample(capsys):
    assert main(["check", "kvm_planes", "--property", "wakeup", "--explain", "--json"]) == 1
    steps = json.loads(capsys.readouterr().out)["explained"]["wakeup"]
    assert [each["step"] for each in steps] == [1, 2, 3]
    assert [each["explanation"]["event"] for each in steps] == ["call 1", "halt", "irq 0"]
    last = steps[-1]["explanation"]["stories"][0]["enters"]
    assert "wake = own" in last[0]["text"]
    assert main(["check", "kvm_planes", "--property", "wakeup", "--explain"]) == 1
    out = capsys.readouterr().out
    assert "\nwakeup, step 3:\n\nirq 0 under kvm_planes with 2 planes" in out
    assert main(["check", "--matrix", "--explain"]) == 2


def test_a_difference_is_explained_on_both_sides(capsys):
    assert main(["diff", "vsm", "vsm:wake=own", "--explain", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["explained"]["where they differ"]
    assert [each["explanation"]["label"] for each in found] == ["vsm", "vsm:wake=own"]
    assert [each["explanation"]["event"] for each in found] == ["irq 1", "irq 1"]
    now = [each["explanation"]["outcome"]["now"] for each in found]
    assert now == [1, 0]
    trace = diff("vsm", "vsm:wake=own").trace
    assert len(list(explained(trace))) == len(trace)


WORK = Workload(
    [
        Poisson("level1", Exponential("20 us"), rate="20 kHz", name="one"),
        Poisson("level0", Exponential("5 us"), rate="10 kHz", name="two"),
    ]
)
SETTINGS = {"costs": "any=2us,exit=3us", "duration": "20 ms", "warmup": "1 ms", "seed": 5}


@pytest.mark.parametrize("preset", presets())
def test_a_change_of_a_simulation_is_explained_as_it_was_logged(preset):
    policy = Policy.preset(preset, 2)
    result = simulate(policy, 2, 2, WORK, log=10_000, threads=1, **SETTINGS)
    log = result.log
    span_ns = result.start_ns, result.start_ns + result.elapsed_ns

    def again():
        yield cells(policy, 2, 2, WORK, **SETTINGS)[0].begin(), span_ns[1] + 1

    ids = cells(policy, 2, 2, WORK, **SETTINGS)[0].ids.tolist()
    mine = log[np.isin(log["vcpu"], ids)]
    for record in mine[np.linspace(1, len(mine) - 1, 3).astype(int)]:
        time_ns, vcpu = int(record["time_ns"]), int(record["vcpu"])
        same = mine[(mine["time_ns"] == time_ns) & (mine["vcpu"] == vcpu)]
        asked = wanted(f"vcpu{vcpu}:{time_ns} ns")
        found = moment(again, asked, policy, 2, preset, span_ns, ids)
        assert (found.time_ns, found.vcpu) == (time_ns, vcpu)
        outcome = found.explanation.outcome
        assert tuple(map(int, outcome)) == tuple(int(same[-1][name]) for name in NAMES)


def test_the_first_interrupt_that_waits_is_found_and_how_long():
    """Plane 1 works from 100 us for 90 us; what comes for plane 0 at 110 us waits 80 us."""
    work = Workload(
        [
            Times("level1", Constant(90_000), times=["100 us"], name="long"),
            Times("level0", Constant(0), times=["50 us", "110 us"], name="short"),
        ]
    )

    policy = Policy.preset("vsm", 2)

    def again():
        yield cells(policy, 2, 1, work, duration="1 ms")[0].begin(), 1_000_001

    found = moment(again, wanted("first-wait>79us"), policy, 2, "vsm", (0, 1_000_000))
    assert found.time_ns == 110_000
    assert found.explanation.event == "irq 0"
    assert found.why.endswith("it is for plane 0, and waits 80.0 us")
    assert str(found.explanation.stories[-1].behind) == "plane 1 comes before it (3.4.5)"
    assert moment(again, wanted("first-wait>80us"), policy, 2, "vsm", (0, 1_000_000)) is None


@pytest.mark.parametrize("label", ["vsm_relay", "kvm_planes", "kvm_user"])
def test_a_change_of_a_replay_is_explained_as_it_was_logged(label):
    [result] = replay(":demo", label, plane_map=LEVELS, planes=3, log=100_000)
    log = result.log[result.log["vcpu"] == 0]

    def again():
        return going(":demo", result.policy, plane_map=LEVELS, planes=3)

    for at in (1, len(log) // 2, len(log) - 1):
        time_ns = int(log[at]["time_ns"])
        record = log[log["time_ns"] == time_ns][-1]
        asked = wanted(f"{time_ns} ns")
        found = moment(again, asked, result.policy, 3, label, (0, result.elapsed_ns))
        assert found.time_ns == time_ns
        assert tuple(map(int, found.explanation.outcome)) == tuple(int(record[n]) for n in NAMES)


def test_the_commands(capsys):
    demo = ["replay", ":demo", "--map", "0x26-0x27=level1", "--map", "call_function_single=level2"]
    demo += ["--policy", "vsm_relay", "--policy", "kvm_planes", "--no-steps"]
    assert main([*demo, "--explain-at", "first-wait>1ms"]) == 0
    out = capsys.readouterr().out
    assert "vsm_relay: no interrupt waits more than 1.00 ms\n" in out
    assert "only the marker's events bring it in" in " ".join(out.split())
    assert main([*demo, "--explain-at", "5 ms", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["explained"]
    assert {*found} == {"vsm_relay", "kvm_planes"}
    assert all(each["time_ns"] <= 5_000_000 for each in found.values())
    words = ["simulate", "design-question", "--duration", "10ms", "--explain-at"]
    assert main([*words, "vcpu3:505 ms"]) == 0
    assert "on vCPU 3, the last change at or before 505 ms:\n\n" in capsys.readouterr().out
    assert main([*words, "5 ms"]) == 2
    assert "expected a time in 500 ms to 510 ms" in capsys.readouterr().err
    assert main([*words, "vcpu9:505 ms"]) == 2
    assert "vcpu9, expected a vCPU of the run" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "5", "first-wait>", "vcpu:5 ms", "later"])
def test_what_is_no_moment_is_named(text):
    with pytest.raises(Mistake, match="first-wait>1ms"):
        wanted(text)
