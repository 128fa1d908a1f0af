"""The command: exit statuses, messages, pipes, and the examples that its help shows."""

import json
import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest

import planesched
from planesched import cli

COMMAND = [sys.executable, "-m", "planesched"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder: its exit status, what it printed, what it said."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        try:
            status = cli.main(words)
        except SystemExit as left:
            status = left.code
        return status, *capsys.readouterr()

    return run


def started(*words, cwd):
    """The same by a process of its own."""
    done = subprocess.run([*COMMAND, *words], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", ["--version", "--help", "step --help", "step vsm irk", "relpay"])
def test_a_process_of_its_own_does_what_main_does(words, run, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert started(*words.split(), cwd=tmp_path) == run(*words.split())


def test_version(run):
    assert run("--version") == (0, f"planesched {planesched.__version__}\n", "")


def test_help_lists_every_command(run):
    status, printed, said = run("--help")
    assert (status, said) == (0, "")
    for name, summary in cli.COMMANDS.items():
        assert name in printed
        assert summary.split()[0] in printed


def test_help_imports_no_command(run):
    code = "import sys; sys.argv = ['planesched', '--help']; from planesched.cli import main\n"
    code += "try: main()\nexcept SystemExit: print(*(n for n in sys.modules if 'planesched' in n))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "planesched.cli" in loaded
    heavy = ("commands", "reference", "conformance", "report")
    assert not [name for name in loaded if name.split(".")[1:2] and name.split(".")[1] in heavy]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_example_at_the_end_of_help_runs(name, run, root, tmp_path):
    (tmp_path / "tests").symlink_to(root / "tests")
    status, printed, said = run(name, "--help")
    assert (status, said) == (0, "")
    *_, head, example = printed.rstrip().splitlines()
    assert head == "example:"
    program, *words = shlex.split(example)
    assert program == "planesched"
    status, printed, said = run(*words)
    assert (status, said) == (0, "")
    assert printed
    for option, file in pairwise(words):
        if option in ("--plot", "--timeline"):
            assert f"{option.removeprefix('--')}: {file}" in printed.splitlines()
            assert (tmp_path / file).stat().st_size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "the following arguments are required: COMMAND (see planesched --help)"),
        ("relpay x", "argument COMMAND: 'relpay', expected one of demo, replay, trace"),
        ("step vsm", "the following arguments are required: EVENT (see planesched step --help)"),
        ("policies vms", "POLICY='vms', expected one of kvm_planes, kvm_user"),
        ("policies --planes 17", "argument --planes: 17, expected a whole number in 1..16"),
        ("policies --planes two", "argument --planes: 'two', expected a whole number"),
        ("step vsm irq", "event 1 (irq): plane=None, expected a plane in 0..1: irq needs one"),
        ("step vsm return 'irq 2'", "event 2 (irq 2): plane=2, expected a plane in 0..1"),
        ("step vsm 'irq x'", "event 1 (irq x): 'x', expected a whole number"),
        ("step vsm ''", "event 1 ()='', expected a name, or a name and a plane"),
        ("step vsm irk", "event 1 (irk): event='irk', expected one of resched, irq"),
        ("step vsm 'halt 1'", "event 1 (halt 1): plane=1, expected None: halt takes no plane"),
        (
            "step vsm halt --set ret=back",
            "--set='back', expected one of resume, next_online, marker",
        ),
        (
            "step vsm --vectors 'irq 1'",
            "event 1 (irq 1)='irq 1', expected a plane and a vector after irq",
        ),
        (
            "step vsm --vectors 'mask 1'",
            "event 1 (mask 1)='mask 1', expected tpr: the mask is the controller's own",
        ),
        ("step vsm --vectors 'eoi x'", "event 1 (eoi x)='eoi x', expected a number instead of 'x'"),
        ("step vsm --controller pic halt", "--controller='pic', expected one of lapic"),
        (
            "step vsm --controller lapic:auto_eoi=1 halt",
            "--controller: auto_eoi=1, expected a whole number in 16..255",
        ),
        (
            "step vsm --controller lapic:mask_by halt",
            "--controller: mask_by='', expected a value after it, as mask_by=tpr",
        ),
        ("step none.toml halt", "none.toml: No such file or directory"),
        ("conform none.toml", "none.toml: No such file or directory"),
    ],
)
def test_wrong_words_are_told_in_one_line(words, message, run):
    status, printed, said = run(*shlex.split(words))
    assert (status, printed) == (2, "")
    assert said.startswith(f"planesched: error: {message}")
    assert said.count("\n") == 1


def test_policies(run):
    status, printed, said = run("policies")
    assert (status, said) == (0, "")
    for preset in planesched.presets().values():
        text = " ".join(printed.split())
        assert f"{preset.name}: {preset.title} {preset.rule} Source: {preset.source}" in text


def test_one_policy(run):
    _, printed, _ = run("policies", "vsm_relay", "--planes", "3")
    fields = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.split()}
    assert fields["marker"] == ["2", "*"]
    assert fields["gate"] == ["priority"]


def test_a_policy_of_ones_own_is_shown_as_a_preset_is(run, tmp_path):
    (tmp_path / "mine.toml").write_text('preset = "vsm"\nret = "resume"\n')
    for policy in ("vsm:ret=resume", "mine.toml"):
        status, printed, said = run("policies", policy)
        assert (status, said) == (0, "")
        assert printed.splitlines()[0] == policy
        assert re.search(r"^ret +resume$", printed, re.MULTILINE)
        shown = json.loads(run("policies", policy, "--json")[1])["policies"][0]
        assert (shown["name"], shown["source"], shown["fields"]["ret"]) == (policy, None, "resume")


def test_step(run):
    status, printed, said = run("step", "vsm_relay", "irq 1", "return", "return", "--planes", "3")
    assert (status, said) == (0, "")
    assert printed == (
        "event   plane   reason  what happened       the vCPU then is\n"
        f"{'-' * 80}\n"
        "boot                                        plane 0 running\n"
        "irq 1   0 -> 2  relay   switched            plane 2 running, 0 suspended, irq: 1\n"
        "return  2 -> 1  return  switched, injected  plane 1 running, 0 suspended\n"
        "return  1 -> 0  return  switched            plane 0 running\n"
    )


def test_step_shows_faults_and_userspace(run):
    _, printed, _ = run("step", "kvm_user", "irq 0", "call 0", "force 1", "--wide")
    lines = printed.splitlines()[3:]
    assert "injected" in lines[0]
    assert "fault inval" in lines[1]
    assert "plane 0 in userspace" in lines[2]
    assert lines[2].endswith("userspace would enter plane 1")


def test_step_with_vectors_is_as_the_how_to_shows(run, root):
    page = (root / "docs" / "how-to" / "vectors.md").read_text(encoding="utf-8")
    block = page.split("```console\n")[1].split("```")[0]
    command, _, shown = block.partition("\n")
    words = shlex.split(command)
    assert words[:2] == ["$", "planesched"]
    assert run(*words[2:]) == (0, shown, "")


def test_step_with_vectors_tells_what_became_of_them(run):
    words = ["irq 1 5", "line_up 1 0x31", "eoi 1", "nmi 1", "iret 1", "apic_off 0", "tpr 1 0x40"]
    status, printed, _ = run("step", "vsm", "--vectors", "--json", *words)
    assert status == 0
    found = json.loads(printed)
    assert found["controller"] == "lapic"
    steps = found["steps"]
    assert [step["notes"] for step in steps] == [["dropped"], *[["reposted"]] * 2, *[[]] * 4]
    assert [step["vector"] for step in steps] == [0, 0x31, 0x31, 0, 0, 0, 0]
    assert [step["ended"] for step in steps] == [0, 0, 0x31, 0, 0, 0, 0]
    assert [step["controllers"][1]["nmi"] for step in steps] == [False] * 3 + [True] + [False] * 3
    assert steps[-1]["controllers"][1] == {
        "irr": [], "isr": [0x31], "tpr": 0x40, "ppr": 0x40, "lines": [0x31], "enabled": True,
        "nmi": False, "nmi_kept": False, "slots": [], "queued": [],
    }  # fmt: skip
    assert not steps[-1]["controllers"][0]["enabled"]


@pytest.mark.parametrize("model", ["core", "reference"])
def test_conform(model, run, tmp_path):
    path = tmp_path / "mine.toml"
    text = (
        '[[scenario]]\nid = "x"\npreset = "vsm"\nplanes = 2\nsteps = [{ do = "irq 1", run = 1 }]\n'
    )
    path.write_text(text)
    words = ["conform", "mine.toml", *(["--reference"] if model == "reference" else [])]
    assert run(*words) == (0, f"{model}: 1 case, 1 step: all agree\n", "")
    path.write_text(text.replace("run = 1", "run = 0"))
    status, printed, said = run(*words)
    assert (status, said) == (1, "")
    assert printed.splitlines() == [
        "mine.toml: x: step 1 (irq 1): run: expected 0, found 1",
        f"{model}: 1 case, 1 step: 1 differs",
    ]


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    # So much that it cannot all wait in the pipe.
    words = [*COMMAND, "step", "vsm", *["irq 1"] * 5000]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (cli.BROKEN_PIPE, b"")


@pytest.mark.parametrize(
    ("closed", "status", "said"),
    [
        ("step vsm 'irq 1' >&-", 2, "planesched: error: standard output is closed, expected open"),
        ("step vsm 'irq 1' 2>&-", 0, ""),
        ("trace - <&-", 2, "planesched: error: -: found the end without an event, expected"),
    ],
)
def test_what_the_shell_closed_is_no_traceback(closed, status, said):
    process = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} {closed}"], capture_output=True, text=True
    )
    assert process.returncode == status
    assert process.stderr.startswith(said)
    assert "Traceback" not in process.stderr


def test_the_package_is_the_command_too(capsys):
    assert cli.main(["step", "vsm", "irq 1"]) == 0
    assert "plane 1 running" in capsys.readouterr().out


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    from planesched.commands import step

    monkeypatch.setattr(step, "as_policy", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["step", "vsm", "irq 1"])


def test_ctrl_c_says_so(monkeypatch, capsys):
    from planesched.commands import step

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(step, "as_policy", interrupted)
    assert cli.main(["step", "vsm", "irq 1"]) == cli.INTERRUPTED
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("planesched sim", "simulate"),
        ("planesched compare exit", "exit-cost"),
        ("planesched compare vsm-boot --policy kvm_u", "kvm_user"),
        ("planesched compare vsm-boot --baseli", "--baseline"),
        ("planesched explain refuse_p", "refuse_pending"),
    ],
)
def test_a_shell_completes_words(line, expected, tmp_path):
    """As bash asks (argcomplete's protocol): the line, the cursor, and a file for the answer."""
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer), "COMP_LINE": line,
        "COMP_POINT": str(len(line)), "COMP_TYPE": "9", "_ARGCOMPLETE_SHELL": "bash",
    }  # fmt: skip
    command = [sys.executable, "-m", "planesched"]
    subprocess.run(command, env=os.environ | asked, check=False, capture_output=True, timeout=60)
    assert answer.read_text().strip() == expected
