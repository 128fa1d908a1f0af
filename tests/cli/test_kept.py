"""Answers as JSON are run again whatever printed them, and compared with where they are results."""

import json
from pathlib import Path

import pytest

from planesched.cli import main


@pytest.fixture
def kept(tmp_path, capsys, monkeypatch):
    """Run a command with --json and keep what it prints; also in its usual form."""

    def kept(*words):
        path = tmp_path / "then.json"
        monkeypatch.setattr("sys.argv", ["planesched", *words, "--json"])
        main([*words, "--json"])
        path.write_text(capsys.readouterr().out)
        return str(path)

    return kept


DEMO = ("replay", ":demo", "--map", "0x26-0x27=level1", "--policy", "vsm")


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "vsm-boot", "--duration", "1ms"),
        ("sweep", "exit-cost", "--duration", "1ms", "--grid", "costs.exit=1us,5us"),
        DEMO,
        ("check", "vsm_locked"),
        ("check", "--matrix", "vsm", "tdx"),
        ("check", "vsm", "--sends", "irq 1"),
        ("diff", "vsm", "tdx"),
        ("step", "vsm", "irq 1", "return"),
        ("trace", ":demo"),
        ("policies", "vsm"),
        ("explain", "ret"),
    ],
)
def test_every_answer_is_run_again(words, kept, capsys):
    path = kept(*words)
    status = main([*words])
    shown = capsys.readouterr().out
    assert main(["compare", "--again", path]) == status
    assert capsys.readouterr().out == shown
    assert main(["compare", "--again", path, "--json"]) == status
    assert Path(path).read_text() == capsys.readouterr().out


def test_what_an_answer_rests_on_may_not_have_changed(tmp_path, kept, capsys):
    mine = tmp_path / "mine.toml"
    mine.write_text('preset = "vsm"\n')
    path = kept("check", str(mine))
    mine.write_text('preset = "vsm"\nret = "resume"\n')
    assert main(["compare", "--again", path]) == 2
    assert "found an input with the digest" in capsys.readouterr().err


def test_a_document_without_a_command_of_ours(tmp_path, capsys):
    path = tmp_path / "x.json"
    wrong = ("planesched no x", "no,"), ("planesched out x", "out,")
    for command, said in (("ls -l x", "found the command 'ls -l x'"), *wrong):
        path.write_text(json.dumps({"schema": "planesched.results/1", "command": command}))
        assert main(["compare", "--again", str(path)]) == 2
        assert said in capsys.readouterr().err


def test_one_policy_and_replays_are_compared_with_too(kept, capsys):
    words = ("simulate", "vsm-boot", "--duration", "5ms")
    path = kept(*words)
    assert main([*words, "--baseline", path]) == 0
    assert "no figure of these policies has changed" in capsys.readouterr().out
    path = kept(*DEMO)
    changed = ("--service", "level1=500us", "--cost", "any=2us")
    assert main([*DEMO, *changed, "--baseline", path]) == 0
    said = capsys.readouterr().out
    assert "service_ns was none, is {'level1': 500000}" in " ".join(said.split())
    assert [line for line in said.splitlines() if "p99 response, level1" in line]
    assert main([*words, "--baseline", kept("check", "vsm")]) == 2
    assert "found the schema 'planesched.check/1'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": "planesched.results/1"}', "found an answer that lacks something"),
        ('{"schema": "planesched.result/1", "rows": [1]}', "found an answer that lacks something"),
        (100_000 * "[", "found no JSON"),
    ],
)
def test_a_baseline_that_is_none(tmp_path, capsys, text, said):
    path = tmp_path / "x.json"
    path.write_text(text)
    assert main(["simulate", "vsm-boot", "--duration", "1ms", "--baseline", str(path)]) == 2
    assert said in capsys.readouterr().err
