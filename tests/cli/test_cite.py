"""The block for a mail: what commands print with --cite."""

import json
import lzma
import shlex

import pytest

import planesched
from planesched.cli import main
from planesched.figures.budget import change
from planesched.text import format_ns

LONG = "vsm:preempt=relay,marker=2,direction=lowest_first"


def cite(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["planesched", *words, "--cite"])
    status = main([*words, "--cite"])
    return status, capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("words", "begins", "shown"),
    [
        (("check", "vsm"), "vsm: everything that was asked holds", "nothing_lost, feasible"),
        (("check", "kvm_planes"), "kvm_planes: broken: wakeup", "wakeup: call 1, halt, irq 0"),
        (("check", "--matrix", "vsm", "snp"), "everything that was asked holds under 1 ", "snp"),
        (("check", "vsm", "--sends", "irq 1", "--protocol", "consume=never"),
         "vsm: broken: ", "senders: irq 1"),
        (("diff", "vsm", "openhcl"), "vsm and openhcl: no sequence", "next_online | resume"),
        (("diff", "vsm", LONG, "--planes", "3"), "vsm and vsm:pre", "plane 1 runs"),
        (("trace", ":demo"), ":demo: 768 ms of 2 vCPUs, 932 interrupts accepted", "local timer"),
    ],
)  # fmt: skip
def test_a_block(words, begins, shown, capsys, monkeypatch):
    """What was found, a table, version, digest and the command; 72 columns."""
    status, lines = cite(capsys, monkeypatch, *words)
    plain = main([*words])
    capsys.readouterr()
    assert plain == status
    assert lines[0].startswith(begins)
    assert shown in "\n".join(lines)
    assert [line for line in lines if len(line) > 72] == []
    assert " ".join(" ".join(lines).split()).endswith(shlex.join(["planesched", *words, "--cite"]))
    assert f"planesched {planesched.__version__}" in lines
    [digest] = [line.split()[-1] for line in lines if line.startswith("input") or "sha256" in line]
    assert len(digest) == 16
    assert int(digest, 16)


def test_the_digest_is_that_of_what_was_asked(capsys, monkeypatch):
    """The same for the same question however it is put, another for another."""

    def digest(*words):
        _, lines = cite(capsys, monkeypatch, *words)
        return next(line for line in lines if line.startswith("input"))

    one = digest("check", "vsm")
    assert digest("check", "vsm:ret=next_online", "--threads", "1") == one
    assert digest("check", "vsm:ret=resume") != one
    assert digest("check", "vsm", "--planes", "3") != one
    assert digest("check", "vsm", "--events=-mask") != one


def test_many_broken_properties_are_named(capsys, monkeypatch):
    """Three with the way there, the others by name: a table of few lines."""
    words = ("check", "vsm_locked", "--events", "hostile", "--planes", "3")
    _, lines = cite(capsys, monkeypatch, *words)
    [named] = [line.split(maxsplit=1)[1] for line in lines if line.startswith("broken  ")]
    main([*words, "--json"])
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    broken = [name for name, each in verdicts.items() if each["holds"] is False]
    assert named.split(", ") == broken[3:]
    assert all(f"  {name}: " in "\n".join(lines) for name in broken[:3])


def test_a_wide_counterexample_fits(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    main(["check", "vsm_locked", "--events", "hostile", "--planes", "3"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_what_was_found_is_said_first(capsys):
    main(["check", "--matrix", "vsm", "snp"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "everything that was asked holds under 1 of 2 policies; broken under snp"
    main(["check", "vsm", "--sends", "irq 1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "everything that was asked holds in all states"
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        # The SVSM is plane 0, which is the highest there; the guest's plane has the highest number.
        ("compare svsm-vtpm --duration 100ms --no-steps", "p99 response of SVSM console 1"),
        ("replay :demo --map 0x26=level1 --planes 3 --policy kvm_planes", "of level1 starved"),
    ],
)
def test_of_whom_the_sentence_tells(words, said, capsys, monkeypatch):
    """Of level 1, also where it starves, or else of the most privileged."""
    _, lines = cite(capsys, monkeypatch, *words.split())
    assert said in " ".join(lines)
    assert ("service none" in " ".join(lines)) == words.startswith("replay")


def test_what_a_trace_lacks_is_cited_with_its_figures(capsys, monkeypatch, tmp_path):
    """Events lost, and what stands for what: they cannot be read off the command."""
    trace = tmp_path / "lost.txt"
    with lzma.open(planesched.__path__[0] + "/data/demo.txt.xz", "rt") as demo:
        lines = demo.readlines()
    trace.write_text("".join([*lines[:2000], "CPU:1 [LOST 123 EVENTS]\n", *lines[2000:]]))
    words = ["replay", str(trace), "--map", "0x26=level1", "--policy", "vsm"]
    _, lines = cite(capsys, monkeypatch, *words, "--arrivals", "injected")
    assert "note: 123 events lost by the producer" in lines
    assert any(line.startswith("note: injections (kvm_inj_virq) stand for") for line in lines)
    assert max(map(len, lines[: lines.index("")])) <= 72


def test_how_sure_a_p99_is_stands_below_it(capsys, monkeypatch):
    """Its interval where it has one, or of how few it is."""
    words = ["simulate", "design-question"]
    _, lines = cite(capsys, monkeypatch, *words, "--duration", "100ms")
    found = planesched.simulate(planesched.Scenario.load("design-question"), duration="100 ms")
    sure = found.interval("response_p99", "secure kernel")
    span = f"{format_ns(sure.low)} to {format_ns(sure.high)}"
    assert f"with 95 % confidence: vsm:marker=2 {span}" in " ".join(map(str.strip, lines))
    assert "100 ms of 4 vCPUs" in " ".join(lines)
    _, lines = cite(capsys, monkeypatch, *words, "--duration", "1ms")
    assert "p99 response of secure kernel is of few responses: vsm:marker=2 5" in lines


def test_a_small_change_is_no_zero(capsys, monkeypatch):
    words = ["replay", ":demo", "--map", "0x26=level1", "--policy", "vsm", "--policy", "kvm_planes"]
    _, lines = cite(capsys, monkeypatch, *words, "--no-steps")
    assert "kvm_planes makes 285 switches/s a vCPU (-0.5 %)" in " ".join(lines)
    assert change(0) == "+0 %"
    assert change(0.374) == "+37 %"
