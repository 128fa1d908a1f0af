"""`planesched replay --verify`: policies held against recorded switches.

Trace lines are made by hand from the formats, and records from walks of the slow model: no public
recording of switches between planes exists.
"""

import json
import random

import numpy as np
import pytest

from planesched import InputError, Policy, reference, traces
from planesched.checking.start import start_state
from planesched.cli import main
from planesched.events import Event
from planesched.replaying import verify
from planesched.traces import RECORD, Kind, PlaneMap

pytestmark = pytest.mark.python

MAP = PlaneMap.parse(["0x31=plane1", "0x32=plane2", "default=plane0"])
BODY = "cpu_ctx=00000000a1b2c3d4"
OPENHCL = [
    f"mshv_vtl_enter_vtl0: {BODY}",
    f"mshv_vtl_exit_vtl0: vtl2 entry reason 1, {BODY}",
    f"mshv_vtl_enter_vtl0: {BODY}",
    f"mshv_vtl_exit_vtl0: vtl2 entry reason 2, {BODY}",
    f"mshv_vtl_enter_vtl0: {BODY}",
    f"mshv_vtl_exit_vtl0: vtl2 entry reason 3, {BODY}",
    f"mshv_vtl_enter_vtl0: {BODY}",
]


@pytest.fixture
def openhcl(tmp_path):
    path = tmp_path / "openhcl.txt"
    rows = (f" openvmm-134 [005] ..... 10.{i:06}: {body}\n" for i, body in enumerate(OPENHCL, 1))
    path.write_text("".join(rows))
    return str(path)


def test_the_system_that_was_recorded_agrees_and_another_does_not(openhcl, capsys):
    command = ["replay", openhcl, "--map", "default=level0", "--planes", "3", "--verify"]
    assert main([*command, "--online", "0,2", "--policy", "openhcl"]) == 0
    assert "openhcl: 6 of 6 recorded switches agree" in capsys.readouterr().out
    # Its interrupts do not preempt: only the marker's do.
    assert main([*command, "--online", "0,2", "--policy", "kvm_planes"]) == 1
    out = capsys.readouterr().out
    assert "kvm_planes: 4 of 6 recorded switches agree" in out
    assert "recorded preempt to plane 2,\n  decided plane 0\n" in out
    assert "state before: current=0 online=0,2 runnable=0\n" in out
    # With VTL1 there, a call goes to it.
    assert main([*command, "--policy", "openhcl", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "planesched.verify/1"
    assert document["command"].split()[0] == "planesched"
    first = document["policies"][0]["first"]
    assert (first["recorded"], first["decided"]) == ("call to plane 2", "plane 1")
    # What `step --from` takes.
    before = start_state(first["state"], Policy.preset("openhcl", 3), 3)
    assert (before["current"], before["runnable"], before["online"]) == (0, 0b001, 0b111)


def walk(policy: Policy, planes: int, acts: int, seed: int) -> np.ndarray:
    """Let the slow model live, and record what such a kernel's probes would print."""
    chance = random.Random(seed)
    state = reference.boot_state(policy, planes)
    rows = []

    def record(time, kind, vector):
        rows.append((time, 0, 7, 3, vector, kind, 0))

    for time in range(1, acts):
        plane = chance.randrange(planes)
        event = chance.choice(["irq", "start", "stop"])
        if event == "irq":
            record(10 * time, Kind.ARRIVAL, 0x30 + plane)
        else:
            record(10 * time, Kind.START if event == "start" else Kind.STOP, plane)
        state, _ = reference.step(policy, state, Event[event.upper()], plane)
        record(10 * time + 1, Kind.PICK, state[-2])
    return np.array(rows, dtype=RECORD)


@pytest.mark.parametrize("preset", ["kvm_planes", "vsm", "vsm_relay", "cca", "openhcl"])
def test_a_recording_of_the_slow_model_agrees_with_its_own_policy_alone(preset):
    policy = Policy.preset(preset, 3)
    changed = policy.replace(preempt="none")
    records = walk(policy, 3, 2000, 1)
    mine, others = verify(records, {"same": policy, "changed": changed}, plane_map=MAP, planes=3)
    # The first pick tells where the vCPU is, and is no switch yet.
    assert mine.switches == mine.agreed == {"pick": 1998}
    assert mine.agrees
    assert others.first is not None
    assert 0 < others.agreed["pick"] < 1998


def test_each_difference_counts_once():
    rows = [
        (0, 0, 7, 0, 0, Kind.PICK, 0),
        (10, 0, 7, 0, 1, Kind.PICK, 0),  # nothing brought it in
        (20, 0, 7, 0, 1, Kind.PICK, 0),
        (30, 0, 7, 0, 0, Kind.RETURN, 0),
    ]
    found = verify(np.array(rows, dtype=RECORD), "vsm", plane_map=MAP, planes=3)[0]
    assert found.switches == {"pick": 2, "return": 1}
    assert found.agreed == {"pick": 1, "return": 1}
    assert (found.first.time_ns, found.first.recorded) == (10, "pick to plane 1")


def test_what_cannot_be_verified_is_refused(capsys):
    command = ["replay", ":demo", "--map", "default=level0", "--policy", "vsm"]
    assert main([*command, "--verify"]) == 2
    assert "found no switch between planes" in capsys.readouterr().err
    assert main([*command, "--verify", "--service", "1us"]) == 2
    assert "--service: given, expected none with --verify" in capsys.readouterr().err
    assert main([*command, "--online", "0"]) == 2
    assert "expected --verify beside it" in capsys.readouterr().err
    with pytest.raises(InputError, match="no switch between planes"):
        verify(traces.Records(np.zeros(1, RECORD)), "vsm", plane_map=MAP, planes=3)
