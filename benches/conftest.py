"""One pinned core, and C peers that are compiled when they are needed."""

import ctypes
import os
import statistics
import subprocess
import time
from pathlib import Path

import pytest

import planesched
from planesched import capi

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
    """Give a function that compiles benches/peers/NAME.c, and sources of csrc/, and loads it."""

    def compile_peer(name, *flags, sources=()):
        target = tmp_path_factory.mktemp("peers") / f"{name}.so"
        command = ["gcc", "-std=c11", "-O3", "-DNDEBUG", "-shared", "-fPIC", "-Wall", "-Wextra"]
        command += [f"-I{planesched.get_include()}", f"-I{CSRC}", *flags]
        command += ["-o", str(target), str(PEERS / f"{name}.c")]
        command += [str(CSRC / source) for source in sources]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(target))

    return compile_peer


@pytest.fixture
def fixed_policy(tmp_path):
    """Give a function that writes a policy as the constant `fixed_policy` of a header, fixed.h.

    It returns the flag with which a compiler finds it.
    """

    def fixed_policy(policy, planes):
        # As policy.h lays it out: 22 bytes, `accelerated`, `boot`, a byte that is reserved, then
        # nine words and two tables.
        words = capi.policy_words(policy, planes=planes)
        assert len(words) == 54
        bytes_ = words.view("u1").tolist()
        scalars = [*bytes_[:22], int(words[11]), *bytes_[24:26], *words[13:22].tolist()]
        tables = [f"{{{', '.join(map(str, words[at : at + 16]))}}}" for at in (22, 38)]
        fixed = ", ".join([*map(str, scalars), *tables])
        header = f"static const struct ps_policy fixed_policy = {{{fixed}}};\n"
        (tmp_path / "fixed.h").write_text(header)
        return f"-I{tmp_path}"

    return fixed_policy


@pytest.fixture
def beside(benchmark):
    """Give a function that times `work` round by round after `other`.

    A shared machine's speed drifts between rounds: what is noted is the median of `other`'s time by
    `work`'s in the same round. It returns what `work` did, and the median of `other`'s seconds.
    """

    def beside(other, work, note, rounds=9):
        took = []

        def setup():
            began = time.perf_counter()
            other()
            took.append(time.perf_counter() - began)

        result = benchmark.pedantic(work, setup=setup, rounds=rounds)
        pairs = zip(took, benchmark.stats.stats.data, strict=True)
        benchmark.extra_info[note] = round(statistics.median(a / b for a, b in pairs), 2)
        return result, statistics.median(took)

    return beside


@pytest.fixture
def per(benchmark):
    """Give a function that notes how long one of n things takes, by the median."""

    def note(n, what="event"):
        median = benchmark.stats.stats.median
        benchmark.extra_info[f"ns per {what}"] = round(median * 1e9 / n, 3)

    return note
