"""The commands check and diff: statuses, output, progress, and the scenarios that they save."""

import io
import json
import re
import signal
import sys
import threading

import pytest

from planesched.cli import main


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def run(capsys):
    def run(*words):
        status = main(words)
        return status, *capsys.readouterr()

    return run


def test_holds(run):
    status, printed, _ = run("check", "vsm", "--planes", "3", "--property", "priority")
    assert status == 0
    assert printed.splitlines()[-1] == "priority: holds"


def test_with_vectors(run, tmp_path):
    words = (
        "--vectors",
        "0x31,0x33",
        "--controller",
        "lapic:mask_by=tpr",
        "--property",
        "progress",
    )
    path = tmp_path / "found.toml"
    status, printed, _ = run("check", "vsm", *words, "--events", "irq,return", "--save", str(path))
    assert status == 1
    assert "vectors 0x31,0x33 (lapic:mask_by=tpr)" in printed
    assert "took 0x31" in printed
    assert 'controller = { mask_by = "tpr" }' in path.read_text()
    assert run("conform", str(path))[0] == 0
    status, printed, _ = run("diff", "vsm", *words[:4], "--controller", "lapic", "--json")
    assert status == 1
    assert json.loads(printed)["vectors"]["controllers"] == ["lapic:mask_by=tpr", "lapic"]
    for more, said in [
        (("--controller", "lapic"), "--controller: lapic:mask_by=tpr and lapic, expected one"),
        (("--sends", "irq 1"), "--vectors: with --sends or --protocol, expected a search of"),
    ]:
        status, _, told = run("check", "vsm", *words, *more)
        assert status == 2
        assert said in told


def test_broken_and_saved(run, tmp_path):
    path = tmp_path / "found.toml"
    words = ("--set", "rearm=false", "--events", "irq, return, cli, sti")
    status, printed, said = run("check", "kvm_vsm", *words, "--save", str(path))
    assert status == 1
    assert "delivery: stranded in 4 steps: the interrupt of plane 1 is never injected" in printed
    assert said == f"2 cases in {path}\n"
    for words in (("conform", str(path)), ("conform", "--reference", str(path))):
        status, printed, _ = run(*words)
        assert (status, "all agree" in printed) == (0, True)


def test_could_not_tell(run):
    words = ("check", "vsm", "--planes", "4", "--property", "priority", "--max-states", "1000")
    status, printed, _ = run(*words)
    assert status == 2
    assert "not exhausted" in printed
    assert "priority: not told" in printed


def test_matrix(run):
    status, printed, _ = run("check", "--matrix", "--planes", "3")
    assert status == 1
    said, above = printed.split("\n\n")[0], printed.split("\n\n")[1].splitlines()
    assert said.endswith("8 of 11 policies; broken under kvm_planes,\n  vsm_locked, snp")
    assert len(above) == 2 + 11
    assert len({line.split(maxsplit=1)[1] for line in above[2:]}) > 2
    assert max(map(len, printed.splitlines())) <= 80
    status, hostile, _ = run("check", "--matrix", "--planes", "3", "--events", "hostile")
    assert hostile.count("broken") > printed.count("broken")
    status, printed, _ = run("check", "--matrix", "vsm", "tdx:idle=keep", "--property", "feasible")
    assert status == 0
    assert [line.split()[0] for line in printed.splitlines()[4:]] == ["vsm", "tdx:idle=keep"]


def test_json(run):
    status, printed, _ = run(
        "check", "vsm", "--events", "hostile", "--property", "wakeup", "--json"
    )
    found = json.loads(printed)
    assert (status, found["holds"]) == (1, False)
    assert [step["do"] for step in found["verdicts"]["wakeup"]["steps"]][-1] == "halt"
    status, printed, _ = run("diff", "vsm", "whp", "--json")
    assert json.loads(printed)["same"] is False
    status, printed, _ = run("check", "--matrix", "vsm", "--json")
    assert list(json.loads(printed)["policies"]) == ["vsm"]
    words = ("check", "vsm", "--events", "hostile", "--cure", "--all", "--json")
    first, again = (json.loads(run(*words)[1]) for _ in range(2))
    assert first == again
    assert first["schema"] == "planesched.check/1"


def test_a_file(run, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('preset = "kvm_vsm"\nrearm = false\n')
    words = ("--property", "delivery", "--events", "irq,return,cli,sti")
    assert run("check", str(path), *words)[0] == 1


def test_diff(run):
    status, printed, _ = run("diff", "vsm", "--set", "ret=resume", "--planes", "3")
    assert status == 1
    assert "fields that differ (vsm | vsm:ret=resume): ret: next_online | resume" in printed
    assert "events: irq, safe_halt, call" in printed
    assert printed.startswith("with these events ")
    assert max(map(len, printed.splitlines())) <= 80
    assert ["step", "event", "vsm"] in map(str.split, printed.splitlines())
    assert ["step", "vsm:ret=resume"] in map(str.split, printed.splitlines())
    assert "has 2 steps" in printed
    assert run("diff", "vsm", "vsm")[0] == 0
    assert run("diff", "vsm", "vsm", "--planes", "3", "--max-states", "50")[0] == 2


LARGE = (
    "--planes",
    "6",
    "--events",
    "hostile,nmi,intercept,hold,release",
    "--property",
    "priority",
)


def test_a_terminal_sees_progress_and_is_left_clean(monkeypatch, run):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert run("check", "vsm", *LARGE, "--max-states", "400000")[0] == 2
    said = sys.stderr.getvalue()
    assert re.search(r"[\d,]+ states, [\d,]+ states/s, \d+% of the bound", said)
    assert said.endswith("\r\x1b[K")


@pytest.mark.parametrize(
    "words", [("check", "vsm", *LARGE), ("check", "--matrix", "vsm", "whp", *LARGE)]
)
def test_ctrl_c_prints_what_was_found(run, words):
    main_thread = threading.main_thread().ident
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main_thread, signal.SIGINT))
    timer.start()
    status, printed, said = run(*words, "--max-states", str(1 << 30))
    timer.join()
    assert (status, said) == (2, "")
    assert "not told" in printed
    if "--matrix" in words:
        assert printed.splitlines()[-2].endswith("+")
        assert printed.splitlines()[-1] == "not reached: whp"
    else:
        assert "interrupted, not exhausted" in printed


WRONG = [
    (("check",), "expected a preset"),
    (("check", "vsm", "tdx"), "--matrix for a table"),
    (
        ("check", "vsm", "--matrix", "--save", "x.toml"),
        "--save: with --matrix, expected",
    ),
    (("check", "nosuch"), "'nosuch'"),
    (("check", "vsm", "--property", "speed"), "'speed', expected one of"),
    (("check", "vsm", "--events", "irq 7"), "expected a plane below planes=2"),
    (("diff", "vsm"), "expected a second one"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_wrong_words(words, message, run):
    status, printed, said = run(*words)
    assert (status, printed) == (2, "")
    assert message in said
