"""Cost against work: time and peak memory as the work grows, each point in a process of its own.

    .venv/bin/python benches/growth.py                 # the table of docs/why/growth.md
    .venv/bin/python benches/growth.py growth.svg      # and its plot (extra `plot`)

The whole takes some four minutes of an idle machine and 3 GiB of memory, nearly all of it for the
search of 10^8 states. What takes less than some seconds is measured three times, and the least
counts. Times are those of the processor, but for sweeps, where it is the wall's.
"""

import json
import lzma
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
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
    # None of these is broken: for one that is, a second search asks whose doing it is.
    safety = "priority,nothing_lost,feasible"
    found = check("vsm", 4, events=events, properties=safety, threads=1, max_states=most)
    return found.coverage.states, found.coverage.transitions


def points(count, workers):
    """Sweep as `planesched sweep --workers` does; the time includes that of starting processes."""
    grid = {"seed": range(count)}
    began = time.perf_counter()
    if workers == 1:
        sweep(grid, POLICY, 3, 1, guests(3), duration="10 s", threads=1)
    else:
        with ProcessPoolExecutor(workers) as pool:
            sweep(grid, POLICY, 3, 1, guests(3), duration="10 s", threads=1, executor=pool)
    return count, time.perf_counter() - began


WORK = {
    "lines of trace": (lines, [(n,) for n in (20_000, 100_000, 500_000, 2_000_000)]),
    "vCPUs, 200 events each": (
        lambda n: (n, events_of(3, n, 200 * n)), [(n,) for n in (100, 1_000, 10_000, 100_000)],
    ),
    "planes, 4 million events": (
        lambda n: (n, events_of(n, 1, 4e6)), [(n,) for n in (2, 4, 8, 10, 12, 16)],
    ),
    "jobs queued at the end": (
        lambda n: (n, events_of(3, 1, 5 * n, load=1.5)),
        [(n,) for n in (10_000, 100_000, 1_000_000, 10_000_000)],
    ),
    "states searched": (states, [(10**n,) for n in (4, 5, 6, 7, 8)]),
    "points of a sweep, 1 worker": (points, [(n, 1) for n in (4, 16, 64)]),
    "points of a sweep, 2 workers": (points, [(n, 2) for n in (4, 16, 64)]),
}  # fmt: skip
ROUNDS, LONG_S = 3, 5


def alone(what, arguments):
    """Measure one point in this process: the work, seconds, MiB at most of one process."""
    work = WORK[what][0]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    amount, second = work(*arguments)
    seconds = time.process_time() - began
    if isinstance(second, float):  # what it took without getting ready
        seconds = second
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(who).ru_maxrss for who in whose)
    return amount, seconds, (most - before) / 1024, second


def point(what, arguments):
    """Measure one point, in the least of some processes of its own."""
    command = [sys.executable, __file__, "--alone", json.dumps([what, arguments])]
    # Else numpy starts a thread of BLAS, which spins for 30 ms on the other core when it is free.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    found = []
    while len(found) < ROUNDS and (not found or found[-1][1] < LONG_S):
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
        found.append(json.loads(done.stdout))
    return min(found, key=lambda row: row[1])


def measured():
    found = {}
    for what, (_, ways) in WORK.items():
        found[what] = []
        for arguments in ways:
            row = point(what, arguments)
            found[what].append(row)
            shown = f"{what:30} {row[0]:>12,} {row[1]:>9.3f} s {row[2]:>8.1f} MiB"
            print(shown, file=sys.stderr, flush=True)
    # The same searches by another measure: states that are found last are not gone on from.
    rows = found["states searched"]
    found["their transitions"] = [[row[3], row[1], row[2], 0] for row in rows]
    return found


def table(found):
    """Give a row of Markdown for each kind of work; the slope is that between the last two."""
    rows = ["| work | how much | s | slope at the end | MiB |", "|---|---|---|---|---|"]
    for what, points_ in found.items():
        amounts, seconds, mibs, _ = zip(*points_, strict=True)
        slope = math.log(seconds[-1] / seconds[-2]) / math.log(amounts[-1] / amounts[-2])
        cells = [
            "; ".join(f"{amount:,}" for amount in amounts),
            "; ".join(f"{took:.3g}" if took < 100 else f"{took:.0f}" for took in seconds),
            f"{slope:.2f}",
            "; ".join(f"{mib:,.0f}" for mib in mibs),
        ]
        rows.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(rows)


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
    print(table(found))
    if len(sys.argv) > 1:
        plot(found, sys.argv[1])


if __name__ == "__main__":
    main()
