"""Reading traces and replaying them: lines a second of processor time."""

import lzma
import time
from pathlib import Path

import pytest

from planesched import replay, traces

DATA = Path(__file__).parents[1] / "tests" / "data" / "traces"
pytestmark = pytest.mark.benchmark(timer=time.process_time)

MAP = ["0x20-0x2f=level1", "reschedule=level2"]
FILES = {
    "tracefs": "k61-ipi-4vcpu.tracefs",
    "trace-cmd": "k61-boot-idle-2vcpu.trace-cmd-t-plugin",
    "perf": "k61-boot-idle-2vcpu.perf-script-ns",
}


@pytest.fixture(scope="module", params=FILES)
def plain(request, tmp_path_factory):
    """A trace that is decompressed, and how many lines it has."""
    text = lzma.decompress((DATA / f"{FILES[request.param]}.txt.xz").read_bytes())
    path = tmp_path_factory.mktemp("traces") / request.param
    path.write_bytes(text)
    return path, text.count(b"\n")


def seconds(work):
    began = time.process_time()
    work()
    return time.process_time() - began


def lines_a_second(benchmark, lines):
    rate = lines / benchmark.stats.stats.median / 1e6
    benchmark.extra_info["million lines a second"] = round(rate, 2)


def test_read(benchmark, plain):
    path, lines = plain
    found = []

    def read():
        reader = traces.read(path)
        found[:] = reader, sum(len(chunk) for chunk in reader)

    benchmark.pedantic(read, rounds=9, warmup_rounds=1)
    lines_a_second(benchmark, lines)
    reader, records = found
    assert 0 <= lines - sum(reader.counts.values()) <= 12  # the header's
    assert records == reader.kinds.sum() > lines / 10


def test_replay(benchmark, plain):
    """One policy; and what each of nine more costs of that, in alternating rounds."""
    path, lines = plain
    ten = {f"{name} {n}": name for name in ("vsm", "vsm_relay") for n in range(5)}
    benchmark.pedantic(replay, (path, "vsm"), {"plane_map": MAP}, rounds=9, warmup_rounds=1)
    lines_a_second(benchmark, lines)
    shares = []
    for _ in range(7):
        one = seconds(lambda: replay(path, "vsm", plane_map=MAP))
        more = seconds(lambda: replay(path, ten, plane_map=MAP))
        shares.append((more - one) / 9 / one)
    benchmark.extra_info["a further policy, of one"] = round(sorted(shares)[3], 3)
    (result,) = replay(path, "vsm", plane_map=MAP)
    first, *_, last = replay(path, ten, plane_map=MAP)
    assert first.stats == result.stats != last.stats
