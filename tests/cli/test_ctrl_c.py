"""Ctrl-C stops a simulation within 100 ms, and what was simulated is there."""

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from busy_guests import BUSY, check_books

from planesched import compare, simulate
from planesched.workload import Exponential, Poisson, Times, Workload

APART = BUSY.replace(sources=BUSY.sources[:3])
# Nothing for a long time, then a million jobs at once.
LATE = Workload([Times(1, 0, times=10**12 + np.arange(3_000_000) // 100, name="late")])
SIXTEEN = Workload([Poisson(plane, Exponential("2 us"), rate="20 kHz") for plane in range(16)])
LONG = {
    "one vCPU": (2, 1, APART, {"duration": "200000 s"}),
    "many vCPUs": (2, 20_000, APART, {"duration": "200 s"}),
    "vCPUs that talk": (2, 500, BUSY, {"duration": "2000 s"}),
    "16 planes": (16, 1, SIXTEEN, {"duration": "20000 s"}),
    "precision": (2, 100, APART, {"duration": "2000 s", "until_precision": 1e-6}),
    "a burst": (2, 20, LATE, {"duration": "2000 s"}),
}


def interrupted(work, after_s=0.4):
    """Send SIGINT while `work` runs; give what it returned, and how long that took from then on."""
    sent = []

    def interrupt():
        time.sleep(after_s)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Thread(target=interrupt)
    timer.start()
    try:
        result = work()
        return result, time.monotonic() - sent[0]
    finally:
        timer.join()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LONG)
def test_ctrl_c_gives_what_was_simulated_within_100_ms(name, threads):
    planes, vcpus, workload, options = LONG[name]
    took = []
    while len(took) < 5 and not (took and min(took) < 0.1):
        result, seconds = interrupted(
            lambda: simulate("vsm", planes, vcpus, workload, threads=threads, **options)
        )
        took.append(seconds)
        assert result.partial
        assert 0 < result.elapsed_ns < 2 * 10**17
        check_books(result)
    # One of a few tries: somebody else may have the processor for a while.
    assert min(took) < 0.1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert "(partial: stopped before its end)" in str(result)
    assert pickle.loads(pickle.dumps(result)).as_dict() == result.as_dict()


def test_ctrl_c_before_anything_was_counted_is_an_interrupt():
    with pytest.raises(KeyboardInterrupt):
        interrupted(lambda: simulate("vsm", 2, 2, APART, duration="1 s", warmup="2000000 s"))


def test_ctrl_c_while_comparing_gives_every_policy_as_far_as_it_came():
    def tell(part, events):
        if part >= 0.5:
            raise KeyboardInterrupt

    found = compare(["vsm", "vsm_relay"], 3, 1, APART, duration="5 ms", progress=tell)
    assert found.partial
    assert found.labels == ("vsm", "vsm_relay")
    assert all(result.partial and 0 < result.elapsed_ns < 5 * 10**6 for result in found)
    assert "(partial: stopped before its end)" in str(found)
    found, seconds = interrupted(
        lambda: compare(["vsm", "openhcl"], 3, 2, APART, duration="60 min")
    )
    assert found.partial
    assert seconds < 1


def test_a_burst_does_not_slow_down_what_is_before_and_after_it():
    tick = Poisson(1, 1000, rate="1 kHz", name="tick")
    burst = Times(1, 0, times=[5 * 10**9] * 200_000, name="burst")
    result = simulate("vsm", 2, 2, Workload([tick, burst]), duration="10 s", seed=1)
    # In strides that are short enough for the burst this would take hours.
    assert result.rows["finished"][1] == 400_000
    assert result.rows["finished"][0] > 19_000


@pytest.mark.parametrize("after_s", [0.08, 0.15, 0.25])
def test_ctrl_c_while_the_command_begins_is_quiet(after_s):
    """It may come before the package, in Python's own start, where nobody can do anything."""
    command = shutil.which("planesched", path=str(Path(sys.executable).parent))
    words = [command, "compare", "vsm-boot", "--duration", "100000s"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert not re.search(r"planesched/\w+\.py", said)
    assert process.returncode == 130 or said.startswith(("Traceback", "Fatal", "Exception"))
