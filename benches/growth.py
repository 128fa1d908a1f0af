"""Cost against work: time and peak memory as the work grows, each point in a process of its own.

    .venv/bin/python benches/growth.py                 # a table
    .venv/bin/python benches/growth.py growth.svg      # and a plot (extra `plot`)

Times are those of the processor, but for sweeps on two workers, where it is the wall's.
"""

import json
import lzma
import re
import resource
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from itertools import cycle
from pathlib import Path

from planesched import Policy, Workload, check, replay, simulate, sweep
from planesched.commands.demo import RULES
from planesched.traces import PlaneMap
from planesched.workload import Exponential, Poisson

MEAN_NS = 10_000
POLICY = Policy(direction="highest_first", call="next", ret="resume")
TIME = re.compile(r"(\d+\.\d{6}):")


def guests(planes, load=0.7):
    rate_hz = load / planes / MEAN_NS * 1e9
    return Workload([Poisson(p, Exponential(MEAN_NS), rate=rate_hz) for p in range(planes)])


def events_of(planes, vcpus, events, load=0.7):
    duration = int(events / vcpus / (1 + min(load, 1) / load) / load * MEAN_NS)
    work = guests(planes, load)
    return simulate(POLICY, planes, vcpus, work, duration=duration, threads=1).events


def lines(count):
    """Replay the demo's trace again and again, each time later."""
    packed = files("planesched") / "data" / "demo.txt.xz"
    text = lzma.decompress(packed.read_bytes()).decode().splitlines()
    body = [line for line in text if TIME.search(line)]
    span = float(TIME.search(body[-1])[1]) - float(TIME.search(body[0])[1]) + 1e-3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.txt"
        with path.open("w") as out:
            for number, line in zip(range(count), cycle(body), strict=False):
                later = number // len(body) * span
                out.write(TIME.sub(lambda at: f"{float(at[1]) + later:.6f}:", line) + "\n")  # noqa: B023
        began = time.process_time()
        replay(path, "kvm_vsm", plane_map=PlaneMap.parse(RULES))
        return count, time.process_time() - began


def states(most):
    events = "hostile,+nmi,+intercept,+hold,+release"
    safety = "priority,wakeup,work_conserving,nothing_lost,feasible"
    found = check("vsm", 4, events=events, properties=safety, threads=1, max_states=most)
    return found.coverage.states


def points(count, threads):
    grid = {"seed": range(count)}
    began = time.perf_counter()
    sweep(grid, POLICY, 3, 1, guests(3), duration="100 ms", threads=threads)
    return count, time.perf_counter() - began


WORK = {
    "lines of trace": (lines, [(n,) for n in (20_000, 100_000, 500_000, 2_000_000)]),
    "vCPUs, 200 events each": (
        lambda n: (n, events_of(3, n, 200 * n)), [(n,) for n in (100, 1_000, 10_000, 50_000)],
    ),
    "planes, 4 million events": (
        lambda n: (n, events_of(n, 1, 4e6)), [(n,) for n in (2, 4, 8, 10, 12, 16)],
    ),
    "jobs queued at the end": (
        lambda n: (n, events_of(3, 1, 5 * n, load=1.5)),
        [(n,) for n in (10_000, 100_000, 1_000_000)],
    ),
    "states": (states, [(n,) for n in (10_000, 100_000, 1_000_000, 5_000_000)]),
    "points of a sweep, 1 worker": (points, [(n, 1) for n in (4, 16, 64)]),
    "points of a sweep, 2 workers": (points, [(n, 2) for n in (4, 16, 64)]),
}  # fmt: skip


def alone(what, arguments):
    """Measure one point in this process: the work, seconds, MiB at most."""
    work = WORK[what][0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    done = work(*arguments)
    seconds = time.process_time() - began
    amount = done if isinstance(done, int) else done[0]
    if isinstance(done, tuple) and isinstance(done[1], float):
        seconds = done[1]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return amount, seconds, (most - before) / 1024


def measured():
    found = {}
    for what, (_, ways) in WORK.items():
        found[what] = []
        for arguments in ways:
            command = [sys.executable, __file__, "--alone", json.dumps([what, arguments])]
            row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            found[what].append(row)
            print(f"{what:30} {row[0]:>12,} {row[1]:>9.3f} s {row[2]:>8.1f} MiB", flush=True)
    return found


def plot(found, path):
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column, label in zip(figure.subplots(1, 2), (1, 2), ("s", "MiB more"), strict=True):
        for what, rows in found.items():
            kept = [(row[0], row[column]) for row in rows if row[column] > 0]
            axes.loglog(*zip(*kept, strict=True), marker=".", label=what)
        axes.set(xlabel="work", ylabel=label)
        axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=6)
    figure.savefig(path, metadata={"Date": None})


def main():
    if sys.argv[1:2] == ["--alone"]:
        print(json.dumps(alone(*json.loads(sys.argv[2]))))
        return
    found = measured()
    if len(sys.argv) > 1:
        plot(found, sys.argv[1])


if __name__ == "__main__":
    main()
