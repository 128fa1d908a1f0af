"""Opening: compressions, files cut short or corrupt, standard input, and hostile bytes."""

import bz2
import gzip
import io
import lzma
import re
import sys
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from planesched import InputError, traces
from planesched.traces import PlaneMap
from planesched.traces.text import BLOCK, MAX_LINE, Unended, line_blocks

DATA = Path(__file__).parents[1] / "data" / "traces"
with lzma.open(DATA / "k61-disk-2vcpu.tracefs.txt.xz", "rb") as file:
    LINES = file.read(400_000).splitlines(True)[:3000]
TEXT = b"".join(LINES)
EVENTS = sum(not line.startswith(b"#") for line in LINES)
SAMPLES = [
    TEXT,
    (DATA / "k61.perf-script-us-head.txt").read_bytes(),
    (DATA / "k61.trace-cmd-tsdiff-head.txt").read_bytes(),
]

COMPRESS = {
    "plain": lambda data: data,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def n_events(path):
    reader = traces.read(path)
    assert sum(len(chunk) for chunk in reader) > 0
    return sum(reader.counts.values())


@pytest.mark.parametrize("kind", COMPRESS)
def test_recognised_by_bytes_not_by_name(tmp_path, kind):
    path = tmp_path / "trace.dat"
    path.write_bytes(COMPRESS[kind](TEXT))
    assert n_events(path) == EVENTS


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_two_members(tmp_path, kind):
    path = tmp_path / "t"
    half = len(LINES) // 2
    parts = [b"".join(LINES[:half]), b"".join(LINES[half:])]
    path.write_bytes(b"".join(COMPRESS[kind](part) for part in parts))
    assert n_events(path) == EVENTS


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_cut_short(tmp_path, kind, keep):
    data = COMPRESS[kind](TEXT)
    path = tmp_path / "t"
    path.write_bytes(data[: int(len(data) * keep)])
    for skip_bad in False, True:
        with pytest.raises(InputError, match="cut short"):
            list(traces.read(path, skip_bad=skip_bad))


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_corrupt(tmp_path, kind):
    data = bytearray(COMPRESS[kind](TEXT))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path = tmp_path / "t"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"corrupt|cut short|found"):
        list(traces.read(path))


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b"\x17\x08\x44tracing", "trace.dat"),
        (b"PERFILE2", "perf.data"),
        (b"BZh91AY", "corrupt bzip2"),
        (b"PK\x03\x04", "zip"),
        (b"\x04\x22\x4d\x18", "lz4"),
        (b"x" * 257 + b"ustar", "tar archive"),
        ("# tracer: nop\n".encode("utf-16-le"), "UTF-16"),
        ("# tracer: nop\n".encode("utf-16-be"), "UTF-16"),
        (gzip.compress(b"PERFILE2" + bytes(100), mtime=0), "perf.data file, compressed"),
        (gzip.compress(gzip.compress(TEXT, mtime=0)), "gzip data in compressed data"),
    ],
)
def test_binary_files(tmp_path, start, found):
    path = tmp_path / "t"
    path.write_bytes(start + bytes(1000))
    with pytest.raises(InputError, match=found):
        list(traces.read(path))


@pytest.mark.parametrize(
    ("start", "typed"),
    [
        (b"\x17\x08\x44tracing", "trace-cmd report -t -i {} | planesched replay -"),
        (b"PERFILE2", "perf script --ns --show-lost-events -f -i {} | planesched replay -"),
    ],
)
def test_the_pipeline_to_type_where_the_tool_is_missing(tmp_path, monkeypatch, start, typed):
    path = tmp_path / "t"
    path.write_bytes(start + bytes(1000))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as caught:
        traces.read(path)
    assert typed.format(path) in str(caught.value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    with pytest.raises(InputError, match="on standard input"):
        traces.read("-")


@pytest.mark.parametrize("kind", COMPRESS)
def test_standard_input(monkeypatch, kind):
    data = COMPRESS[kind](TEXT)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert n_events("-") == EVENTS


def test_zstandard_is_optional(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = tmp_path / "t"
    path.write_bytes(COMPRESS["zst"](TEXT))
    if sys.version_info < (3, 14):
        with pytest.raises(InputError, match="the package zstandard"):
            traces.read(path)
    else:
        assert n_events(path) == EVENTS


def test_lines_of_any_block_size(tmp_path):
    path = tmp_path / "t"
    text = b"\n".join(b"x" * (n % 300) for n in range(5000))
    path.write_bytes(text)
    *blocks, last = line_blocks(str(path))
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") for block in blocks)
    assert b"".join(blocks) + last == text
    assert isinstance(last, Unended)


def test_an_endless_line_is_not_held(tmp_path):
    path = tmp_path / "t"
    path.write_bytes(b"a\n" + b"x" * (20 * BLOCK) + b"\nb")
    lines = b"".join(line_blocks(str(path))).split(b"\n")
    assert [lines[0], lines[2]] == [b"a", b"b"]
    assert MAX_LINE < len(lines[1]) <= MAX_LINE + 1 + BLOCK


@pytest.mark.python
def test_a_small_file_may_hold_a_lot(tmp_path):
    path = tmp_path / "t"
    for kind in "gz", "bz2", "xz", "zst":
        path.write_bytes(COMPRESS[kind](bytes(50_000_000)))
        (block,) = line_blocks(str(path))
        assert len(block) == MAX_LINE + 1


def error_of_jobs(path, skip_bad):
    """Read and make jobs; the text of the trace error, empty if there is none."""
    try:
        reader = traces.read(path, skip_bad=skip_bad)
        stream = traces.jobs(reader, PlaneMap.parse(["0x20-0x2f=level1"]))
        total = sum(int(chunk["service_ns"].sum()) for chunk, _ in stream)
    except InputError as error:
        return str(error)
    assert total == stream.busy_ns
    return ""


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutated_lines_raise_nothing_but_trace_errors(tmp_path_factory, data):
    sample = data.draw(st.sampled_from(SAMPLES)).splitlines(True)
    first = data.draw(st.integers(0, max(0, len(sample) - 60)))
    text = bytearray(b"".join(sample[first : first + 60]))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(text) - 1))
        length = data.draw(st.integers(0, 30))
        text[place : place + length] = data.draw(
            st.one_of(st.binary(max_size=12), st.from_regex(rb"[-0-9: |.x]{1,12}", fullmatch=True))
        )
    path = tmp_path_factory.getbasetemp() / "mutated"
    path.write_bytes(text)
    for skip_bad in False, True:
        error = error_of_jobs(path, skip_bad)
        assert re.match(r"$|.*mutated(:\d+)?: found .+, expected .+", error)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000))
def test_junk_raises_nothing_but_trace_errors(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "junk"
    for start in b"", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd":
        path.write_bytes(start + data)
        with pytest.raises(InputError):
            list(traces.read(path, skip_bad=True))


@pytest.mark.parametrize("unit", [b" ", b"-1 ", b"-1 [0] ", b"1 [", b"1/1 ", b"\t", b": ", b"9"])
def test_no_line_takes_long(tmp_path, unit):
    # A pattern that backtracks more than once would need minutes for these.
    path = tmp_path / "t"
    line = (unit * MAX_LINE)[: MAX_LINE - 10]
    path.write_bytes((b"x" + line + b": \n") * 20)
    with pytest.raises(InputError):
        list(traces.read(path, skip_bad=True))


@pytest.mark.parametrize(("start", "unit"), [(b" 00000000 ", b"("), (b" ", b" "), (b"", b" \v")])
def test_no_line_takes_long_that_looks_like_another(tmp_path, start, unit):
    path = tmp_path / "t"
    line = (start + unit * MAX_LINE)[: MAX_LINE - 10]
    path.write_bytes((line + b"\0x\n") * 8)
    before = time.process_time()
    with pytest.raises(InputError):
        list(traces.read(path, skip_bad=True))
    # 0.05 s; a pattern that looks at each letter from each letter needs 5 to 40 s.
    assert time.process_time() - before < 2
