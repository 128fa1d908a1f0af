"""What every printed answer has: like for like, what was entered for nothing, a block to cite."""

import json
import re
import shlex
from pathlib import Path

import pytest

from planesched import Scenario, Workload, compare, simulate, sweep
from planesched.cli import main
from planesched.figures.likeness import unlike
from planesched.workload import Periodic

TIMER = Workload([Periodic("level1", "2 us", period="1 ms", name="timer")])


@pytest.fixture(scope="module")
def relayed():
    """Direct entry and relaying, with all else alike."""
    both = ["vsm:marker=2", "vsm:marker=2,preempt=relay"]
    return compare(both, 3, 1, TIMER, duration="1 s", costs="any=1us")


def test_a_relay_is_an_entry_for_nothing(relayed):
    direct, relay = relayed
    assert direct.stats.idle_entries.tolist() == [0, 0, 0]
    assert relay.stats.idle_entries.tolist() == [0, 0, 1001]
    assert relay.stats.entries_by_reason["relay"] == 1001
    assert relay.stats.switches - direct.stats.switches == 1000  # the last one still runs
    row = relay.table()
    assert row["idle_entries"][:4] == [1001, 0, 0, 1001]
    assert row["idle_entries_hz"][0] == 1001
    assert "idle entries/s" in str(relayed)


# A mix in which the highest plane dominates: the shipped presets alone would say that relaying
# saves switches.
HIGH = """
title = "the highest plane dominates"
policies = ["vsm", "vsm_relay"]
planes = 3
duration = "200 ms"
seed = 1
costs = { any = "1 us" }
[[source]]
kind = "poisson"
name = "middle"
plane = "level1"
rate = "2 kHz"
service = "20 us"
[[source]]
kind = "poisson"
name = "highest"
plane = "level2"
rate = "40 kHz"
service = "5 us"
"""


@pytest.fixture
def high(tmp_path):
    path = tmp_path / "hi.toml"
    path.write_text(HIGH)
    return str(path)


def told(capsys, *words):
    assert main([*words]) == 0
    return capsys.readouterr().out


def test_no_line_says_that_relaying_saves_switches(high, capsys):
    """Where more than one field differs, each one's own part is said at once, and never hidden."""
    policies = ("--policy", "vsm", "--policy", "vsm:ret=resume,marker=2,preempt=relay")
    out = told(capsys, "compare", high, *policies)
    first = " ".join(out.split("\n\n")[0].split())
    assert "field by field: marker=2 +0.0 %, preempt=relay +" in first
    assert ", ret=resume -" in first
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("preempt=relay"))
    assert lines[at - 1].startswith("marker=2 ")
    assert lines[at + 1].startswith("ret=resume")
    assert max(map(len, lines)) <= 80
    assert "steps from" not in told(capsys, "compare", high, *policies, "--no-steps")


def test_of_many_fields_a_sentence_tells_those_that_change_something(high, capsys):
    out = told(capsys, "compare", high, "--policy", "vsm", "--policy", "kvm_planes")
    said = " ".join(out.split("field by field: ")[1].split(")")[0].split())
    assert said.endswith(", the others nothing")
    assert "+0.0 %" not in said
    assert "+0.0 %" in out.partition("\nsteps from ")[2]
    same = ("--policy", "tdx", "--policy", "cca", "--duration", "5ms")
    assert "(field by field: nothing)" in told(capsys, "compare", "tdx-partitioning", *same)


def test_steps_are_what_those_policies_do(high):
    scenario = Scenario.load(high)
    found = compare(scenario).stepped(lambda between: compare(between, **scenario.arguments))
    [step] = found.between["vsm_relay"]
    alone = simulate("vsm:marker=2", **scenario.arguments)
    assert step.label == "vsm:marker=2"
    assert step.stats == alone.stats
    assert found.as_dict()["steps"]["vsm_relay"][0]["stats"] == alone.stats.as_dict()


def test_one_field_of_one_policy_varies(high, capsys):
    """--ab names the policies by the field, and they differ in it alone."""
    words = ("compare", high, "--policy", "vsm:marker=2", "--ab", "preempt=target,relay")
    out = told(capsys, *words)
    assert "vsm:marker=2,preempt=relay differs from vsm:marker=2,preempt=target in" in out
    assert "preempt target -> relay alone" in " ".join(out.split())
    assert "steps from" not in out
    assert main(["compare", high, "--ab", "preempt=relay"]) == 2
    assert "--ab='preempt=relay', expected FIELD=VALUE,VALUE" in capsys.readouterr().err
    assert main(["compare", high, "--ab", "preempt=target,relai"]) == 2
    assert "did you mean relay?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("simulate", "design-question", "--duration", "20ms"),
        ("compare", "design-question", "--duration", "20ms", "--no-steps"),
        ("replay", ":demo", "--map", "0x26-0x27=level1", "--policy", "vsm", "--policy", "tdx"),
    ],
)
def test_a_block_to_cite(words, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["planesched", *words, "--cite"])
    lines = told(capsys, *words, "--cite").splitlines()
    assert max(map(len, lines)) <= 72
    assert "switches/s a vCPU" in lines[0] + lines[1] or lines[0].startswith("WARNING")
    assert " ".join(lines).endswith("--cite")
    assert any(line.startswith("planesched 0") for line in lines)
    assert "sha256" in "".join(lines) or "input " in "".join(lines)


def test_what_quantiles_are_of_stands_beside_them(relayed):
    """Injected of arrived, for each source, in one result and in several."""
    assert "injected of arrived, timer  1001 of 1001" in relayed.text(None)
    assert "1000 of 1001" in relayed[1].text(None)


def test_the_verdict_comes_first(relayed):
    assert str(relayed).startswith("vsm:marker=2,preempt=relay makes 3,001 switches/s a vCPU (+")
    assert str(relayed[0]).startswith("vsm:marker=2 makes 2,001 switches/s a vCPU and 0 exits/s")


def test_an_answer_is_made_again_and_compared_with(high, tmp_path, capsys):
    """--again runs what printed a JSON; --baseline shows what changed, and only that."""
    then = str(tmp_path / "then.json")
    words = ("compare", high, "--policy", "vsm", "--no-steps")
    command = shlex.join(["planesched", *words])
    assert main([*words, "--out", then]) == 0
    first = capsys.readouterr().out
    text = Path(then).read_text()
    document = json.loads(text)
    Path(then).write_text(json.dumps(document | {"command": command}))
    assert told(capsys, "compare", "--again", then) == first
    again = json.loads(told(capsys, "compare", "--again", then, "--json"))
    assert again == document | {"command": command}
    same = told(capsys, *words, "--baseline", then)
    assert same.startswith(first)
    assert "no figure of these policies has changed" in same

    changed = told(capsys, *words, "--cost", "any=2us", "--baseline", then)
    assert "costs was any 1.00 us, is any 2.00 us" in changed
    row = next(line for line in changed.splitlines() if "p99 response, middle" in line)
    assert row.split()[0] == "vsm"
    assert row.split()[-2].startswith("+")
    Path(high).write_text(HIGH.replace("2 kHz", "3 kHz"))
    assert main(["compare", "--again", then]) == 2
    assert "it is not what it was" in capsys.readouterr().err


def test_what_was_written_then_is_not_written_again(tmp_path, capsys):
    """--again shows an answer; a file of then stays as it is, or is not there."""
    then, cases = tmp_path / "then.json", tmp_path / "cases.toml"
    words = ["check", "vsm:preempt=none", "--planes", "2", "--save", str(cases)]
    assert main([*words, "--json"]) == 1
    command = shlex.join(["planesched", *words, "--json"])
    document = json.loads(capsys.readouterr().out) | {"command": command}
    then.write_text(json.dumps(document))
    assert "priority" in cases.read_text()
    cases.unlink()
    assert main(["compare", "--again", str(then), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["verdicts"] == document["verdicts"]
    assert not cases.exists()


def test_what_is_no_answer(high, tmp_path, capsys):
    (tmp_path / "x.json").write_text("[1]")
    assert main(["compare", "--again", str(tmp_path / "x.json")]) == 2
    assert "found the schema None, expected planesched's: what" in capsys.readouterr().err
    assert main(["compare"]) == 2
    assert "SCENARIO: none, expected a .toml file, a name, or --again" in capsys.readouterr().err


def test_what_was_made_up_is_told_apart(capsys):
    """Busy periods that no interrupt began are jobs, and no interrupts: the trace has 932."""
    words = ("replay", ":demo", "--map", "0x26-0x27=level1", "--policy", "vsm")
    out = " ".join(told(capsys, *words).split())
    assert "932 interrupts; 148 busy periods that no interrupt began: jobs of the guest OS, " in out
    assert "514 of 514" in out
    assert "418 of 418" in out
    csv = told(capsys, *words, "--format", "csv").splitlines()
    rows = [dict(zip(csv[0].split(","), line.split(","), strict=True)) for line in csv[1:]]
    made_up = {row["name"]: row["made_up"] for row in rows if row["made_up"]}
    assert made_up == {"plane 0": "148", "plane 1": "0"}
    assert {row["injected"] for row in rows} == {"932", "514", "418"}
    assert {row["arrived"] for row in rows} == {str(932 + 148), str(514 + 148), "418"}


@pytest.mark.parametrize(
    "words",
    [
        ("demo",),
        ("check", "vsm"),
        ("check", "--matrix", "--planes", "2"),
        ("diff", "vsm", "openhcl"),
        ("policies",),
        ("scenarios",),
        ("trace", ":demo"),
        ("simulate", "svsm-vtpm", "--duration", "20ms"),
        ("compare", "vsm-boot", "--duration", "20ms"),
        ("sweep", "exit-cost", "--duration", "5ms"),
    ],
)
def test_in_a_pipe_no_line_is_wider_than_80(words, capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    main([*words])
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_the_answer_of_a_search_comes_first(capsys):
    assert main(["check", "vsm"]) == 0
    assert capsys.readouterr().out.startswith("everything that was asked holds in all states\n")
    assert main(["check", "kvm_planes"]) == 1
    assert capsys.readouterr().out.startswith("broken: wakeup, delivery (of 9 properties)\n")


def test_frames_take_results_by_arrow(relayed):
    import polars as pl

    frame = pl.DataFrame(relayed)
    assert frame.columns == list(relayed.table())
    assert frame["exits"].dtype == pl.Int64
    assert list(relayed) == [relayed[0], relayed[1]]


def test_of_how_few_responses_a_sweeps_p99_may_be(high, capsys):
    found = sweep(
        {"seed": [1]}, **{**Scenario.load(high).arguments, "policy": "vsm", "duration": "20 ms"}
    )
    least = min(row["injected"] for row in found.rows() if row["kind"] == "source")
    assert 0 < least < 100
    assert found.rests().endswith(f", p99 of as few as {least} responses")


def test_policies_of_a_grid_are_named_once(high, capsys):
    grid = ("--grid", "policy=vsm,vsm:scheduler=user", "--grid", "costs.exit=5us,20us")
    out = told(capsys, "sweep", high, *grid, "--duration", "20ms")
    assert re.search("vsm:scheduler=user +5.00 us ", out)
    assert "vsm:scheduler=user differs from vsm in scheduler kernel -> user alone" in out
    assert "given" not in out.split("\n\n")[0]


def test_a_sweep_names_what_differs_and_what_starves(high, capsys):
    """Beside the table of a grid of policies, and in the cell instead of a quantile."""
    grid = ("--grid", "policy=vsm,vsm_relay:ret=resume,kvm_planes", "--duration", "20ms")
    out = told(capsys, "sweep", high, *grid)
    said = "not like for like: vsm_relay:ret=resume differs from vsm in 3 fields: marker none -> 2"
    assert said in " ".join(out.split())
    assert re.search(r"^kvm_planes +starved: 0 of \d+", out, re.MULTILINE)
    assert "costs any 1.00 us, seed 1, workload " in " ".join(out.split())
    lines = told(capsys, "sweep", high, *grid, "--cite").splitlines()
    assert max(map(len, lines)) <= 72
    assert re.match(r"3 points, with [\d,]+ to [\d,]+ switches/s a vCPU\.", lines[0])
    found = json.loads(told(capsys, "sweep", high, *grid, "--json"))
    assert found["policies"]["kvm_planes"]["preempt"] == "marker"


@pytest.mark.parametrize("name", Scenario.shipped())
def test_shipped_scenarios_compare_like_for_like(name):
    """Each policy differs from the first in one field."""
    first, *others = Scenario.load(name).policies.values()
    assert all(len(unlike(first, other)) == 1 for other in others)
