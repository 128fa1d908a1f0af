"""``planesched replay``: its table and JSON say what the public call says; Ctrl-C is clean."""

import json
import lzma
import shlex
import signal
import subprocess
import sys
from hashlib import sha256

import pytest

import planesched
from planesched import cli
from planesched.commands import replay as command
from planesched.figures.budget import per_second
from planesched.figures.rests import costs_text
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


def test_the_text_is_that_of_the_public_call(run, demo):
    both = ("--policy", "vsm", "--policy", "kvm_user", "--no-steps")
    status, printed, said = run(str(demo), *MAPPED, *both)
    assert (status, said) == (0, "")
    plane_map = PlaneMap.parse(RULES)
    expected = planesched.replay(demo, ["vsm", "kvm_user"], plane_map=plane_map, planes=3)
    assert printed == f"{expected}\n"
    text = " ".join(printed.split())
    for result in expected:
        assert f"{per_second(result, result.stats.switches):,.0f}" in text
        for note in result.notes:
            assert note in text
    assert "switches and exits take no time" in text
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("form", ["md", "csv"])
def test_other_formats(run, demo, form):
    _, printed, _ = run(str(demo), *MAPPED, "--policy", "vsm", "--format", form)
    assert printed.startswith("| policy | kind |" if form == "md" else "policy,kind,name,plane,")


def test_json_and_out(run, demo, tmp_path):
    words = [str(demo), *MAPPED, "--policy", "vsm", "--in-userspace", "--service", "level1=2us"]
    words += ["--cost", "exit=30 us", "--cost", "interrupt=1us", "--json", "--out", "x.json"]
    status, printed, said = run(*words)
    assert (status, said) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    found = json.loads(printed)
    assert found.pop("command").startswith("planesched ")
    written = json.loads((tmp_path / "x.json").read_text())
    assert written.pop("command").startswith("planesched ")
    assert written == found
    assert list(found) == [
        "schema",
        "version",
        "partial",
        "given",
        "results",
        "steps",
        "differences",
    ]
    assert found["schema"] == "planesched.results/1"
    given = found["given"]
    assert given["costs_ns"] == {"exit": 30_000, "interrupt": 1_000}
    assert given["service_ns"] == {"level1": 2_000}
    assert given["trace"]["digest"] == sha256(demo.read_bytes()).hexdigest()[:16]
    expected = planesched.replay(
        demo, ["vsm"], plane_map=PlaneMap.parse(RULES), in_userspace=True,
        service={"level1": 2_000}, costs={"exit": 30_000, "interrupt": 1_000},
    )  # fmt: skip
    assert found["results"] == [json.loads(json.dumps(each.as_dict())) for each in expected]


def test_map_file_and_policy_file(run, demo, tmp_path):
    (tmp_path / "map.toml").write_text('[map]\n"0x26-0x27" = "level1"\n')
    (tmp_path / "mine.toml").write_text('preset = "vsm"\nret = "resume"\n')
    words = [str(demo), "--map-file", "map.toml", "--policy", "./mine.toml", "--planes", "3"]
    status, printed, _ = run(*words)
    assert status == 0
    policy = planesched.Policy.preset("vsm", 3).replace(ret="resume")
    plane_map = PlaneMap.load(tmp_path / "map.toml")
    [expected] = planesched.replay(demo, [policy], plane_map=plane_map, planes=3)
    assert f"{expected.stats.switches} switches" in " ".join(printed.split())


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
    assert b"-: tracefs, 768 ms, 2 vCPUs, 932 interrupts" in done.stdout


def test_a_pipe_is_read_once(demo):
    """As by <(zcat ...): no steps between policies, for which it would be read again."""
    words = ["/dev/stdin", *MAPPED, "--policy", "vsm", "--policy", "kvm_planes"]
    text = lzma.decompress(demo.read_bytes())
    done = subprocess.run([*COMMAND, *words], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"/dev/stdin: tracefs, 768 ms, 2 vCPUs, 932 interrupts" in done.stdout
    assert b"not like for like: kvm_planes" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (":demo --policy vsm", "one of the arguments --map --map-file is required"),
        (":demo --map timer=level1", "the following arguments are required: --policy"),
        (":demo --map timer=level1 --map-file x --policy vsm", "argument --map-file: not allowed"),
        (
            ":demo --map 0x77=level1 --policy vsm",
            "--map: 0x77=level1, expected a vector of an interrupt of :demo (planesched trace",
        ),
        (
            ":demo --map vcpu9:0xec=level1 --policy vsm",
            "--map: vcpu9:0xec=level1, expected a vector of an interrupt of :demo",
        ),
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
            "--service='level4', expected one",
        ),
        (":demo --map timer=level1 --policy vsm --forward 5", "argument --forward: '5', expected"),
        (
            ":demo --map timer=level1 --policy vsm --vcpus 0",
            "argument --vcpus: 0, expected 1 or more",
        ),
        (":demo --map timer=level1 --policy vsm --vcpus 1", "--vcpus=1, expected 2 or more"),
        (":demo --map timer=level1 --policy vsm --route marker", "route='marker', expected own"),
        (":demo --map timer=level1 --policy vsm --out no/x.csv", "no/x.csv: there is no folder no"),
        (
            ":demo --map timer=level1 --policy vsm --out x",
            "--out: x, expected a name",
        ),
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
    # What was replayed by then, if anything was; a file is whole, the old one or the new one.
    assert process.returncode == cli.INTERRUPTED
    assert (b"partial" in printed) != (said == b"interrupted\n")
    written = (tmp_path / "x.json").read_text()
    assert json.loads(written)["partial"] if printed else written == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_planes_stand_by_level(demo):
    results = command.replay_trace(
        str(demo),
        {name: planesched.Policy.preset(name, 3) for name in ("vsm", "kvm_planes")},
        plane_map=PlaneMap.parse(["0x26=level1", "0x27=level2"]),
        planes=3,
    )
    expected = [{"level0": 0, "level1": 1, "level2": 2}, {"level0": 2, "level1": 1, "level2": 0}]
    assert [result.levels for result in results] == expected
    assert "kvm_planes: level0 (guest OS) = plane 2," in " ".join(str(results).split())


def test_costs_are_told():
    assert "take no time" in costs_text("")
    told = costs_text(str(Costs.of({"exit": 2_000})))
    assert told.startswith("costs: exit 2.00 us; response is to the plane's first instruction")
