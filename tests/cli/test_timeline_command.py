"""Commands that draw: timelines are the figures, and wrong names are told before the work."""

import json
import re

import numpy as np
import pytest
from timeline_files import check, read_timeline

import planesched
from planesched import cli, replay
from planesched.policy import Call
from planesched.traces import PlaneMap

KINDS = (".json", ".json.gz", ".pftrace")


def command(*words, capsys):
    status = cli.main(words)
    said = capsys.readouterr()
    return status, said.out, said.err


REPLAY = ["replay", ":demo", "--map", "0x26-0x27=level1", "--map", "call_function_single=level2"]
# A replay begins with one vCPU that finds nothing to do, tries to return, and halts.
AT_ONCE = {"ud": 1}
REPLAY += ["--policy", "vsm", "--policy", "snp", "--cost", "interrupt=3us", "--in-userspace"]


@pytest.mark.parametrize("kind", KINDS)
def test_replay_draws_what_it_tells(kind, root, tmp_path, capsys):
    path, plot = tmp_path / f"t{kind}", tmp_path / "p.svg"
    words = [*REPLAY, "--cost", "exit=20us", "--timeline", str(path), "--plot", str(plot), "--json"]
    status, printed, said = command(*words, capsys=capsys)
    assert (status, said) == (0, f"plot: {plot}\ntimeline: {path}\n")
    items = read_timeline(path)
    results = replay(
        root / "planesched" / "data" / "demo.txt.xz", ["vsm", "snp"], in_userspace=True,
        plane_map=PlaneMap.parse(["0x26-0x27=level1", "call_function_single=level2"]),
        costs={"interrupt": 3000, "exit": 20_000},
    )  # fmt: skip
    assert [each["stats"] for each in json.loads(printed)["results"]] == [
        result.stats.as_dict() for result in results
    ]
    assert len({item.policy for item in items}) == len(results) == 4
    for result in results:
        mine = [item for item in items if item.policy == result.label]
        if result.policy.call == Call.next:
            check(mine, result.stats, 0, result.elapsed_ns, AT_ONCE)
    assert "vsm (userspace)" in plot.read_text()


def test_replay_logs_no_more_than_asked(root):
    demo = root / "planesched" / "data" / "demo.txt.xz"
    some = {"plane_map": PlaneMap.parse(["0x26-0x27=level1"])}
    whole, short, none = (replay(demo, "vsm", log=n, **some)[0].log for n in (9999, 10, 0))
    assert (np.diff(whole["time_ns"]) >= 0).all()
    assert 100 < len(whole) < 9999
    assert len(short) == 10
    assert none is None
    assert np.isin(short, whole).all()
    with pytest.raises(ValueError, match="log=-1, expected a whole number, 0 or more"):
        replay(demo, "vsm", log=-1, **some)


def test_simulate_draws_what_it_tells(tmp_path, capsys, monkeypatch):
    path, plot = tmp_path / "t.json.gz", tmp_path / "p.png"
    words = [
        "simulate",
        "design-question",
        "--duration",
        "20ms",
        "--warmup",
        "3ms",
        "--threads",
        "1",
    ]
    words += ["--timeline", str(path), "--plot", str(plot), "--out", str(tmp_path / "r.npz")]
    status, printed, said = command(*words, capsys=capsys)
    assert (status, said) == (0, "")
    assert printed.endswith(f"\nplot: {plot}\ntimeline: {path}\n")
    result = planesched.Result.load(tmp_path / "r.npz")
    check(read_timeline(path), result.stats, 3_000_000, 23_000_000)
    assert plot.stat().st_size
    monkeypatch.setattr("planesched.commands.out.LOG_ROOM", 40)
    monkeypatch.setattr("planesched.commands.simulate.LOG_ROOM", 40)
    _, printed, _ = command(*words, capsys=capsys)
    assert printed.endswith(f"{path} (up to what was logged: there is room for 40 changes)\n")
    assert max(item.begin_ns for item in read_timeline(path)) < 23_000_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("replay none --map 1=level1 --policy vsm --plot a.gif", "plot: a.gif, expected a name"),
        (
            "replay none --map 1=level1 --policy vsm --timeline a.txt",
            "timeline: a.txt, expected a",
        ),
        ("simulate none --plot nowhere/a.svg", "nowhere/a.svg: there is no folder nowhere"),
        ("simulate none --timeline nowhere/a.json", "nowhere/a.json: there is no folder nowhere"),
        ("compare none --plot a", "plot: a, expected a name that ends with .svg, .png, .pdf"),
    ],
)
def test_wrong_files_are_told_before_the_work(words, message, capsys):
    status, printed, said = command(*words.split(), capsys=capsys)
    assert (status, printed) == (2, "")
    assert said.startswith(f"planesched: error: {message}")


def test_the_page_of_the_docs_makes_what_it_says(root, tmp_path, monkeypatch):
    page = (root / "docs" / "reference" / "simulation.md").read_text()
    begins, draws, *_ = (
        block
        for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if "grid" not in block
    )
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(begins + draws, names)
    short = names["short"]
    check(read_timeline(tmp_path / "vsm.json"), short.stats, 0, short.elapsed_ns)
    assert "secure timer</text>" in (tmp_path / "both.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.svg", "vsm.json"]
