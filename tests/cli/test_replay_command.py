"""``planesched replay``: its table and JSON say what the public call says; Ctrl-C is clean."""

import json
import lzma
import shlex
import signal
import subprocess
import sys

import pytest

import planesched
from planesched import cli
from planesched.commands import replay as command
from planesched.traces import PlaneMap
from planesched.workload import Costs

COMMAND = [sys.executable, "-m", "planesched", "replay"]
RULES = ["0x26-0x27=level1", "call_function_single=level2"]
MAPPED = [word for rule in RULES for word in ("--map", rule)]


@pytest.fixture
def run(tmp_path):
    def run(*words):
        done = subprocess.run([*COMMAND, *words], cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def demo(root):
    return root / "planesched" / "data" / "demo.txt.xz"


def cells(printed):
    """The cells of the table's rows, by policy: all words of their first lines."""
    rows = printed.partition("\n\n")[2].splitlines()
    return {
        line.split()[0]: line.split() for line in rows[3:] if line[:1].strip() and ": " not in line
    }


def test_the_table_is_what_the_public_call_gives(run, demo):
    status, printed, said = run(str(demo), *MAPPED, "--policy", "vsm", "--policy", "kvm_user")
    assert (status, said) == (0, "")
    expected = planesched.replay(
        demo, ["vsm", "kvm_user"], plane_map=PlaneMap.parse(RULES), planes=3
    )
    found = cells(printed)
    assert list(found) == ["vsm", "kvm_user"]
    for result in expected:
        shown = found[result.label]
        stats = result.stats
        assert shown[1:4] == [str(n) for n in (stats.switches, stats.exits, stats.bounces)]
        plane = result.planes["level0"]
        assert shown[6:8] == [str(plane), str(stats.injected[plane])]
        for note in result.notes:
            assert note in " ".join(printed.split())
    assert "switches and exits take no time" in printed


def test_json_and_out(run, demo, tmp_path):
    words = [str(demo), *MAPPED, "--policy", "vsm", "--in-userspace", "--service", "level1=2us"]
    words += ["--cost", "exit=30 us", "--cost", "interrupt=1us", "--json", "--out", "x.json"]
    status, printed, said = run(*words)
    assert (status, said) == (0, "")
    assert (tmp_path / "x.json").read_text() == printed
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    found = json.loads(printed)
    assert list(found) == ["schema", "trace", "costs_ns", "service_ns", "results"]
    assert found["schema"] == "planesched.replay/1"
    assert found["costs_ns"] == {"exit": 30_000, "interrupt": 1_000}
    assert found["service_ns"] == {"level1": 2_000}
    assert list(found["trace"]) == [
        "path", "elapsed_ns", "producer", "vcpus", "arrivals", "wakes", "cuts", "busy_ns", "lost",
        "bad", "bad_lines", "notes", "unmatched",
    ]  # fmt: skip
    expected = planesched.replay(
        demo, ["vsm"], plane_map=PlaneMap.parse(RULES), in_userspace=True,
        service={"level1": 2_000}, costs={"exit": 30_000, "interrupt": 1_000},
    )  # fmt: skip
    assert found["results"] == [json.loads(json.dumps(each.as_dict())) for each in expected]
    assert [list(each) for each in found["results"]] == 2 * [
        ["label", "policy", "planes", "stats", "jobs", "time_ns", "livelocks", "notes"]
    ]


def test_map_file_and_policy_file(run, demo, tmp_path):
    (tmp_path / "map.toml").write_text('[map]\n"0x26-0x27" = "level1"\n')
    (tmp_path / "mine.toml").write_text('preset = "vsm"\nret = "resume"\n')
    words = [str(demo), "--map-file", "map.toml", "--policy", "./mine.toml", "--planes", "3"]
    status, printed, _ = run(*words)
    assert status == 0
    policy = planesched.Policy.preset("vsm", 3).replace(ret="resume")
    plane_map = PlaneMap.load(tmp_path / "map.toml")
    [expected] = planesched.replay(demo, [policy], plane_map=plane_map, planes=3)
    assert cells(printed)["./mine.toml"][1] == str(expected.stats.switches)


def test_standard_input_and_bad_lines(run, demo, tmp_path):
    text = lzma.decompress(demo.read_bytes())
    lines = text.splitlines(keepends=True)
    bad = next(i for i, line in enumerate(lines) if b"kvm_eoi: " in line)
    lines[bad] = lines[bad].replace(b"vector ", b"vector ?")
    (tmp_path / "bad.txt").write_bytes(b"".join(lines))
    words = ["bad.txt", *MAPPED, "--policy", "vsm"]
    status, printed, said = run(*words)
    assert (status, printed) == (2, "")
    assert said.startswith(f"planesched: error: bad.txt:{bad + 1}: found ")
    assert ", expected " in said
    status, printed, said = run(*words, "--skip-bad")
    assert (status, said) == (0, "")
    assert f"1 malformed line skipped (first: bad.txt:{bad + 1}: " in " ".join(printed.split())
    done = subprocess.run([*COMMAND, "-", *words[1:]], input=text, capture_output=True, check=True)
    assert done.stdout.startswith(b"-: tracefs, 768 ms, 2 vCPUs, 932 interrupts")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (":demo --policy vsm", "one of the arguments --map --map-file is required"),
        (":demo --map timer=level1", "the following arguments are required: --policy"),
        (":demo --map timer=level1 --map-file x --policy vsm", "argument --map-file: not allowed"),
        (":demo --map timer=b --policy vsm", "--map: plane 'b' in 'timer=b', expected level0.."),
        (
            ":demo --map timer=level2 --policy vsm --planes 2",
            "plane: level2, expected a level that exists",
        ),
        (
            ":demo --map timer=level1 --policy vsm:x=1",
            "--policy: field='x', expected one of direction",
        ),
        (
            ":demo --map timer=level1 --policy vsm --cost go=1us",
            "--cost='go', expected one of call",
        ),
        (
            ":demo --map timer=level1 --policy vsm --cost call=1",
            "--cost: call='1', expected a time",
        ),
        (
            ":demo --map timer=level1 --policy vsm --cost call",
            "--cost='call', expected one of free",
        ),
        (
            ":demo --map timer=level1 --policy vsm --cost call=1us --cost call=2us",
            "--cost: call twice, expected each once",
        ),
        (":demo --map timer=level1 --policy vsm --service 5", "--service='5', expected a time"),
        (
            ":demo --map timer=level1 --policy vsm --service level4=5us",
            "service='level4', expected one",
        ),
        (":demo --map timer=level1 --policy vsm --forward 5", "argument --forward: '5', expected"),
        (
            ":demo --map timer=level1 --policy vsm --vcpus 0",
            "argument --vcpus: 0, expected 1 or more",
        ),
        (":demo --map timer=level1 --policy vsm --vcpus 1", "vcpus=1, expected 2 or more"),
        (":demo --map timer=level1 --policy vsm --route marker", "route='marker', expected own"),
        (":demo --map timer=level1 --policy vsm --out no/x", "no/x: there is no folder no"),
        (":demo --map timer=level1 --policy vsm --out .", ".: is a folder"),
        (":demo --map-file none.toml --policy vsm", "none.toml: No such file or directory"),
        ("none.txt --map timer=level1 --policy vsm", "none.txt: No such file or directory"),
    ],
)
def test_wrong_words_are_told_in_one_line(words, message, run):
    status, printed, said = run(*shlex.split(words))
    assert (status, printed) == (2, "")
    assert said.startswith(f"planesched: error: {message}")
    assert said.count("\n") == 1


def test_ctrl_c_leaves_a_message_and_the_old_file(demo, tmp_path):
    (tmp_path / "x.json").write_text("old")
    words = [*COMMAND, "-", *MAPPED, "--policy", "vsm", "--out", "x.json"]
    pipe = subprocess.PIPE
    # Tests that run in the background ignore SIGINT, and so would what they start.
    with subprocess.Popen(
        words, cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        try:
            # More than a pipe holds: once all is written, the replay reads, and waits for more.
            process.stdin.write(lzma.decompress(demo.read_bytes()))
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            # A signal that comes just before a read blocks is seen when that ends.
            process.stdin.close()
            process.wait(timeout=60)
            printed, said = process.stdout.read(), process.stderr.read()
        finally:
            process.kill()
    assert (process.returncode, printed, said) == (cli.INTERRUPTED, b"", b"interrupted\n")
    assert (tmp_path / "x.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_planes_stand_by_level(demo):
    results = command.replay_trace(
        str(demo),
        {name: planesched.Policy.preset(name, 3) for name in ("vsm", "kvm_planes")},
        plane_map=PlaneMap.parse(["0x26=level1"]),
        planes=3,
    )
    assert [command.row(result).planes for result in results] == [(0, 1, 2), (2, 1, 0)]


def test_costs_are_told():
    assert "take no time" in command.costs_text(Costs(exit=0))
    assert command.costs_text(Costs.of({"exit": 2_000})).startswith(
        "costs: exit 2.00 us; others take no time"
    )
