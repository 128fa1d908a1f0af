"""One pinned core, and C peers that are compiled when they are needed."""

import ctypes
import os
import subprocess
from pathlib import Path

import pytest

import planesched

PEERS = Path(__file__).parent / "peers"
CSRC = Path(__file__).parents[1] / "csrc"


@pytest.fixture(scope="session", autouse=True)
def one_core():
    """Keep the whole run on one core, the last one."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@pytest.fixture
def two_cores():
    """Give back what the whole run is kept from, for one test."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count()))
    yield
    os.sched_setaffinity(0, before)


@pytest.fixture(scope="session")
def compile_peer(tmp_path_factory):
    """Give a function that compiles benches/peers/NAME.c and loads it."""

    def compile_peer(name, *flags):
        target = tmp_path_factory.mktemp("peers") / f"{name}.so"
        command = ["gcc", "-std=c11", "-O3", "-DNDEBUG", "-shared", "-fPIC", "-Wall", "-Wextra"]
        command += [f"-I{planesched.get_include()}", f"-I{CSRC}", *flags]
        command += ["-o", str(target), str(PEERS / f"{name}.c")]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(target))

    return compile_peer


@pytest.fixture
def per(benchmark):
    """Give a function that notes how long one of n things takes, by the median."""

    def note(n, what="event"):
        median = benchmark.stats.stats.median
        benchmark.extra_info[f"ns per {what}"] = round(median * 1e9 / n, 3)

    return note
