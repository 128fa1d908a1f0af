"""Guests in real time: what the machine did beside what simulation says of the same arrivals."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from planesched import Policy, presets
from planesched.cli import main
from planesched.live import LiveError, run, running, together

SCENARIO = """\
title = "A guest OS that computes, a secure kernel above it and a device on top"
origin = "Made for the test."
planes = 3
vcpus = 1
policies = ["vsm"]
duration = "300 ms"
seed = 3
[workload]
busy = ["level0"]
[[source]]
name = "secure kernel"
kind = "poisson"
plane = "level1"
rate = "400 Hz"
service = { exponential = "100 us" }
[[source]]
name = "device"
kind = "poisson"
plane = "level2"
rate = "200 Hz"
service = "100 us"
"""
CALLING = """
[[source]]
name = "vtl call"
kind = "calls"
plane = "level0"
to = "level1"
rate = "300 Hz"
service = "50 us"
"""
IPIS = """
[[source]]
name = "ipi"
kind = "ipis"
after = "device"
plane = "level1"
chance = 0.5
service = "30 us"
"""
COSTS = "any=1us,exit=8us"


@pytest.fixture
def live(kvm):
    """`run`, where that can be done; elsewhere the refusal is looked at."""
    if not kvm:
        with pytest.raises(LiveError, match="/dev/kvm"):
            run("design-question", duration="1 ms")
        return None
    return run


@pytest.mark.parametrize("preset", sorted(presets()))
def test_the_same_arrivals_and_all_their_work(live, scenario, preset):
    """The simulation draws the same jobs; live, each is computed for as long as it is to take."""
    if live is None:
        return
    ran = live(scenario(SCENARIO), preset, costs=COSTS)
    assert ran.live.jobs.arrived.tolist() == ran.simulated.jobs.arrived.tolist()
    finished = ran.live.jobs.finished.sum()
    assert 0.9 * ran.live.jobs.arrived.sum() <= finished <= ran.live.jobs.arrived.sum()
    assert ran.live.elapsed_ns == 300_000_000
    assert ran.live.stats.exits > 0
    # What a guest takes to report a vector cannot be less than an exit by far.
    assert ran.live.response["device"].min_ns > 1000
    predicted, measured = ran.switches_hz()
    assert measured > 0.4 * predicted
    assert ("predicted 0 ns:" in str(ran)) == (0 in ran.table()["predicted_ns"])


def test_a_guest_calls_another_plane(live, scenario):
    if live is None:
        return
    ran = live(scenario(SCENARIO + CALLING), "vsm", costs=COSTS)
    # Where the host runs others, guests get to fewer calls: those come by their own computing.
    for each, most in [(ran.live, 10), (ran.simulated, 40)]:
        [row] = each.rows_of("vtl call")
        assert int(each.rows[row]["finished"]) > most
        assert each.stats.entries_by_reason["user"] > most


def test_vcpus_send_each_other_ipis(live, scenario):
    """Half of the jobs that end send one, at most; each that arrives is computed for."""
    if live is None:
        return
    ran = live(scenario(SCENARIO + IPIS), "vsm", vcpus=2, costs=COSTS)
    ended = sum(int(ran.live.rows[row]["finished"]) for row in ran.live.rows_of("device"))
    [row] = ran.live.rows_of("ipi")
    arrived, finished = (int(ran.live.rows[row][name]) for name in ("arrived", "finished"))
    # What one sends that comes to its end after the other does not arrive any more.
    assert 0.2 * ended < arrived < 0.7 * ended
    assert arrived > 10
    assert 0.5 * arrived < finished <= arrived
    assert ran.live.response["ipi"].min_ns > 1000


def test_the_end_of_a_slice_has_the_plane_left(live, scenario, monkeypatch):
    """What runs is told a resched then, which is not logged where it changes nothing."""
    if live is None:
        return
    cells = []

    def cell(*given):
        cells.append(together.LiveCell(*given))
        return cells[-1]

    monkeypatch.setattr(running, "LiveCell", cell)
    sliced = SCENARIO.replace("seed = 3", 'seed = 3\nslice = "25 us"')
    for each in (SCENARIO, sliced):
        ran = live(scenario(each), costs=COSTS)
        assert ("slice_ns" in ran.simulated.given) == (each == sliced)
    # A busy plane computes for 100 us at a time.
    plain, more = (cell.vcpu.exits for cell in cells)
    assert more > 1.5 * plain


def test_what_is_logged_is_a_timeline(live, scenario):
    if live is None:
        return
    ran = live(scenario(SCENARIO), costs=COSTS, log=10_000)
    written = ran.live.log
    assert 100 < len(written) < 10_000
    assert (np.diff(written["time_ns"]) >= 0).all()
    assert 0 <= written["time_ns"].min() <= written["time_ns"].max() <= ran.live.elapsed_ns


def test_it_takes_as_long_as_it_says(live, scenario):
    if live is None:
        return
    began = time.monotonic()
    live(scenario(SCENARIO), duration="500 ms", costs=COSTS)
    assert 0.5 <= time.monotonic() - began < 3


def test_ctrl_c_gives_what_was_run_until_then(live, scenario):
    """Of several vCPUs, at one time of all; within 100 ms, of which the host may take some."""
    if live is None:
        return
    vcpus, took_s = 0, []
    while vcpus < 2 or min(took_s) > 0.1:
        assert len(took_s) < 8
        told_s, sent_s = [], []

        def press(part, done, told_s=told_s, sent_s=sent_s):
            told_s.append(time.monotonic())
            if told_s[-1] - told_s[0] > 0.3 and not sent_s:
                sent_s.append(told_s[-1])
                os.kill(os.getpid(), signal.SIGINT)

        more = {"duration": "60 min", "vcpus": 2, "progress": press}
        ran = live(scenario(SCENARIO), costs=COSTS, **more)
        took_s.append(time.monotonic() - sent_s[0])
        assert ran.partial
        assert 0 < ran.live.elapsed_ns < 2**32
        assert ran.live.elapsed_ns == ran.simulated.elapsed_ns
        assert ran.live.vcpu_ids.tolist() == ran.simulated.vcpu_ids.tolist()
        assert "stopped before its end" in " ".join(str(ran).split())
        vcpus = max(vcpus, ran.live.vcpus)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_ctrl_c_before_anything_was_counted_ends_it(live, scenario):
    if live is None:
        return

    def press(part, done):
        os.kill(os.getpid(), signal.SIGINT)

    more = {"costs": COSTS, "vcpus": 2, "warmup": "60 min", "progress": press}
    with pytest.raises(KeyboardInterrupt):
        live(scenario(SCENARIO), **more)


def test_the_command(kvm, scenario, tmp_path, capsys):
    out, timeline = tmp_path / "ran.json", tmp_path / "ran.json.gz"
    words = ["live", "run", str(scenario(SCENARIO)), "--policy", "openhcl", "--cost", COSTS]
    more = ["--duration", "200ms", "--out", str(out), "--timeline", str(timeline)]
    assert main([*words, *more]) == (0 if kvm else 2)
    said = capsys.readouterr()
    if not kvm:
        assert "/dev/kvm" in said.err
        assert not out.exists()
        return
    assert said.out.startswith("openhcl, live: 1 vCPU, 200 ms: ")
    assert timeline.stat().st_size > 1000
    found = json.loads(out.read_text())
    assert found["schema"] == "planesched.ran/1"
    assert {row["figure"] for row in found["responses"]} == {"p50", "p99"}


def test_what_userspace_does_not_schedule_by_is_refused(live, scenario):
    if live is None:
        return
    for algorithm in ("round_robin", lambda state, base, pre, event: 0):
        policy = Policy.preset("vsm", 3).replace(algorithm=algorithm)
        with pytest.raises(ValueError, match="there userspace picks"):
            live(scenario(SCENARIO), policy, costs=COSTS)


def test_a_machine_takes_little_memory(kvm):
    """What one of 64 planes takes beside Python, what all of `planesched.live` does."""
    code = (
        "import resource\n"
        "from planesched.live.host import open_machine\n"
        "def most():\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "import planesched.live.machine\n"
        "from planesched.live import measure, run, verify\n"
        "before = most()\n"
        "with open_machine(64) as machine:\n"
        "    [machine.settle(plane) for plane in range(64)]\n"
        "    print(most() - before)\n"
        "verify(acts=100)\n"
        "measure(10)\n"
        "run('design-question', duration='100 ms', vcpus=2, costs='exit=8us')\n"
        "print(most() - before)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if not kvm:
        assert "/dev/kvm" in found.stderr
        return
    machine, everything = map(int, found.stdout.split())
    assert machine < 8 << 10
    assert everything < 64 << 10


def test_bad_input(kvm, scenario, tmp_path, capsys):
    chips = SCENARIO.replace("seed = 3", 'seed = 3\ncontroller = "lapic"')
    (tmp_path / "chips.toml").write_text(chips)
    for words, said in [
        (["nothing.toml"], "nothing.toml"),
        ([str(scenario(SCENARIO)), "--policy", "vms"], "did you mean vsm"),
        ([str(scenario(SCENARIO)), "--out", "x.svg"], "ends with"),
        ([str(scenario(SCENARIO)), "--vcpus", "30"], "in 1..64" if kvm else "/dev/kvm"),
        ([str(tmp_path / "chips.toml")], "each plane has one vector"),
    ]:
        assert main(["live", "run", *words]) == 2
        assert said in capsys.readouterr().err
