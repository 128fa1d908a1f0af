"""How far a replay is: the part of the file that was read, compressed or not."""

import lzma

import pytest

from planesched import replay
from planesched.traces import Reader


@pytest.mark.parametrize("ending", ["txt", "txt.xz"])
def test_the_part_grows_to_one(demo_text, tmp_path, ending):
    path = tmp_path / f"long.{ending}"
    path.write_bytes(demo_text if ending == "txt" else lzma.compress(demo_text))
    reader = Reader(path)
    parts = [reader.part for _ in reader]
    assert parts == sorted(parts)
    assert parts[-1] == 1.0
    told = []
    replay(path, "vsm", plane_map="timer=level1", progress=lambda *far: told.append(far))
    assert told[-1][0] == 1.0
    assert told[-1][1] > 0


@pytest.fixture
def demo_text(root):
    return lzma.decompress((root / "planesched" / "data" / "demo.txt.xz").read_bytes())
