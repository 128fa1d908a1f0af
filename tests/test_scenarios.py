"""Scenario files: those of the package, and what is said about wrong ones."""

import json

import pytest

from planesched import TraceError, compare, load_scenario, scenarios
from planesched.cli import main
from planesched.workload import Constant, Exponential, Gamma, cost_sets

FILE = """\
title = "A test"
planes = 3
policies = ["vsm", "vsm:ret=resume"]
duration = "10 ms"

[costs]
set = "kvm_exit"
any = { exponential = "2 us" }

[costs.between]
"0-1" = "3 us"

[workload]
busy = ["level0"]

[[source]]
name = "a"
kind = "poisson"
plane = "level1"
rate = "1 kHz"
service = { gamma = { mean = "2 us", shape = 2 } }
vcpus = "0-1,3"

[[source]]
name = "b"
kind = "periodic"
plane = 0
period = "1 ms"
service = "5 us"
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "test.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_is_read_as_it_says(write):
    found = load_scenario(write(FILE))
    assert list(found.policies) == ["vsm", "vsm:ret=resume"]
    work = found.arguments["workload"]
    assert work.source("a").service == Gamma("2 us", 2)
    assert work.source("a").vcpus == (0, 1, 3)
    assert work.source("b").service == Constant(5000)
    costs = found.arguments["costs"]
    assert costs.reasons["any"] == Exponential("2 us")
    assert costs.between[0, 1] == Constant("3 us")
    assert costs.exit == cost_sets()["kvm_exit"].costs.exit


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('rate = "1 kHz"', 'rate = "1 kHx"', 20, "'1 kHx' is not a rate with its unit"),
        ('rate = "1 kHz"', 'rat = "1 kHz"', 20, "'rat', expected one of kind, plane"),
        ('rate = "1 kHz"\n', "", 16, "a poisson without 'rate'"),
        ('kind = "periodic"', 'kind = "often"', 26, "kind='often', expected one of poisson"),
        ('service = "5 us"', 'service = "5 u"', 29, "'5 u' is not a time with its unit"),
        ('period = "1 ms"', "period = -5", 28, "period=-5"),
        ("gamma", "gamba", 21, "is no distribution"),
        ('vcpus = "0-1,3"', 'vcpus = "all"', 22, "'all' is no set of vCPUs"),
        ('any = {', 'anny = {', 8, "'anny' is none of"),
        ('"0-1" = "3 us"', '"0>1" = "3 us"', 11, "planes left and entered"),
        ('set = "kvm_exit"', 'set = "cheap"', 7, "set='cheap', expected one of free"),
        ('busy = ["level0"]', 'busy = ["ring0"]', 14, "busy='ring0' is none of level0"),
        ("planes = 3", "planes = 17", 2, "planes=17 exceeds MAX_PLANES=16"),
        ('"vsm:ret=resume"', '"vsm:rat=resume"', 3, "'rat' is no field of a policy"),
        ('duration = "10 ms"', 'duration = "10"', 4, "'10' is not a time with its unit"),
        ('duration = "10 ms"\n', "", 0, "neither 'duration' nor 'jobs'"),
        ("[workload]", "[wörkload", 13, "expected a TOML file"),
        ("[workload]", "[work]", 13, "the key 'work'"),
    ],
)  # fmt: skip
def test_a_wrong_key_unit_or_value_is_named_with_its_line(write, old, new, line, message):
    assert old in FILE
    with pytest.raises(TraceError) as caught:
        load_scenario(write(FILE.replace(old, new, 1)))
    assert caught.value.line == line, caught.value
    assert message in str(caught.value)


@pytest.mark.parametrize("name", scenarios())
def test_each_file_of_the_package_runs_and_says_where_it_is_from(name):
    found = load_scenario(name)
    assert found.title
    assert "assumed" in found.origin
    assert len(found.policies) >= 2
    result = compare(found.policies, **(found.arguments | {"duration": "100 ms", "warmup": 0}))
    for one in result.results:
        assert one.rows["finished"].sum() > 10
        assert not one.livelocks


def test_the_commands_print_and_write(tmp_path, capsys):
    assert main(["scenarios"]) == 0
    assert "vsm-boot: " in capsys.readouterr().out
    assert main(["scenarios", "vsm-boot"]) == 0
    assert capsys.readouterr().out == scenarios()["vsm-boot"].read_text()
    common = ["design-question", "--duration", "50ms", "--warmup", "0"]
    out = tmp_path / "rows.parquet"
    assert main(["simulate", *common, "--out", str(out)]) == 0
    assert "secure kernel" in capsys.readouterr().out
    assert out.exists()
    assert main(["simulate", *common, "--json", "--policy", "vsm_relay", "--cost", "call=1us"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == "vsm_relay"
    assert main(["compare", *common, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["results"]) == 4
    grid = ["--grid", "policy=vsm,vsm_relay", "--grid", "workload.scale=0.5,1"]
    assert main(["sweep", *common, *grid, "--out", str(tmp_path / "s.parquet")]) == 0
    assert "vsm_relay" in capsys.readouterr().out
    assert main(["simulate", "no-such"]) == 2
    assert "none of design-question" in capsys.readouterr().err
    assert main(["simulate", *common, "--out", "x.csv"]) == 2
    assert "expected .parquet, .json, .npz" in capsys.readouterr().err


def test_cost_sets_say_what_is_not_known():
    for cost_set in cost_sets().values():
        assert cost_set.source
        assert cost_set.note
    assert "No cycle cost of a KVM plane switch is published" in " ".join(
        cost_sets()["snp_vmpl"].note.split()
    )
