"""Scenario files: those of the package, and what is said about wrong ones."""

import json

import pytest

from planesched import InputError, Policy, compare, simulate
from planesched.cli import main
from planesched.scenarios import load_scenario, scenarios
from planesched.workload import Constant, Exponential, Gamma, cost_sets

FILE = """\
title = "A test"
planes = 3
policies = ["vsm", "vsm:ret=resume"]
duration = "10 ms"
vcpus = 4
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


def test_a_file_is_read_as_it_says(scenario):
    found = load_scenario(scenario(FILE))
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
        ('rate = "1 kHz"', 'rate = "1 kHx"', 20, "found rate='1 kHx', expected a rate with its"),
        ('rate = "1 kHz"', 'rate = 0', 20, "found rate=0.0, expected above 0"),
        ('rate = "1 kHz"', 'rat = "1 kHz"', 20, "'rat', expected one of kind, plane"),
        ('rate = "1 kHz"\n', "", 16, "a poisson without 'rate'"),
        ('plane = "level1"', 'plane = "ring1"', 19, "found plane='ring1', expected one of level0"),
        ('plane = "level1"', 'plane = "level3"', 19, "found plane: level3, expected a level that"),
        ('plane = "level1"', "plane = 3", 19, "that exists: there are 3, with vsm"),
        ('kind = "periodic"', 'kind = "often"', 26, "kind='often', expected one of poisson"),
        ('kind = "periodic"', "kind = {}", 26, "kind={}, expected one of poisson"),
        ('name = "b"', 'name = "a"', 25, "found name='a', expected a name that no other has"),
        ('name = "b"', "name = 7", 25, "found name=7, expected a str"),
        ('service = "5 us"', 'service = "5 u"', 29, "found service='5 u', expected a time with"),
        ('service = "5 us"', "service = 5.5", 29, "expected a time with its unit"),
        ('service = "5 us"', "service = { empirical = [] }", 29, "found service.empirical.values:"),
        ('period = "1 ms"', "period = -5", 28, "found period=-5, expected a time with its unit"),
        ('period = "1 ms"', "period = 0", 28, "found period=0, expected a time above 0"),
        ("gamma", "gamba", 21, "found service='gamba', expected one of constant"),
        ("shape = 2", "shap = 2", 21, "expected its mean and shape"),
        ("shape = 2", f"shape = 1{400 * '0'}", 21, "expected a finite number above 0"),
        ("shape = 2", "shape = -1", 21, "found service.gamma.shape=-1, expected a finite number a"),
        ('vcpus = "0-1,3"', 'vcpus = "all"', 22, "'all', expected a set of vCPUs"),
        ('vcpus = "0-1,3"', "vcpus = 3", 22, "vcpus=3, expected a set of vCPUs"),
        ('vcpus = "0-1,3"', 'vcpus = "0-4"', 22, "found vcpus: vCPU 4, expected one in 0..3"),
        ('vcpus = "0-1,3"', 'vcpus = "3-1"', 22, "'3-1', expected the lower end of a range first"),
        ('vcpus = "0-1,3"', 'vcpus = "0-999999999"', 22, "expected at most 1048576 vCPUs"),
        ('any = {', 'anny = {', 8, "found the key 'anny', expected one of set, call"),
        ('"2 us" }', '"2 uss" }', 8, "found any.exponential.mean='2 uss', expected a time with it"),
        ('"0-1" = "3 us"', '"0>1" = "3 us"', 11, "planes left and entered"),
        ('set = "kvm_exit"', 'set = "cheap"', 7, "set='cheap', expected one of free"),
        ('busy = ["level0"]', 'busy = ["ring0"]', 14, "busy='ring0', expected one of level0"),
        ('busy = ["level0"]', 'busy = "level0"', 14, "found busy='level0', expected a list of"),
        ('busy = ["level0"]', "busy = 0", 14, "found busy=0, expected a list of planes"),
        ('busy = ["level0"]', 'busy = ["level3"]', 14, "found busy: level3, expected a level that"),
        ('busy = ["level0"]', 'main = 3', 14, "found main=3, expected a plane in 0..2"),
        ('busy = ["level0"]', 'route = "marker"', 14, "found route='marker', expected own, or a p"),
        ('busy = ["level0"]', 'route = "left"', 14, "found route='left', expected one of own"),
        ('busy = ["level0"]', 'forward = "4 ly"', 14, "found forward='4 ly', expected a time"),
        ("planes = 3", "planes = 17", 2, "planes=17, expected a whole number"),
        ("vcpus = 4", "vcpus = 0", 5, "found vcpus=0, expected a whole number in 1.."),
        ("vcpus = 4", "seed = -1", 5, "found seed=-1, expected a whole number in 0..2**512 - 1"),
        ("vcpus = 4", "jobs = 0", 5, "found jobs=0, expected a whole number, 1 or more"),
        ("vcpus = 4", 'warmup = "1 msec"', 5, "found warmup='1 msec', expected a time with"),
        ('"vsm:ret=resume"', '"vsm:rat=resume"', 3, "'rat', expected one of direction"),
        ('"vsm:ret=resume"', '"vsm"', 3, "found policies: vsm twice, expected each"),
        ('"vsm:ret=resume"', '"vsn"', 3, "policies.policy='vsn', expected one of kvm_planes"),
        ('duration = "10 ms"', 'duration = "10"', 4, "found duration='10', expected a time with"),
        ('duration = "10 ms"', "duration = 0", 4, "found duration=0, expected a time above 0"),
        ('duration = "10 ms"\n', "", 0, "neither 'duration' nor 'jobs'"),
        ("[workload]", "[wörkload", 13, "expected a TOML file"),
        ("[workload]", "[work]", 13, "the key 'work'"),
    ],
)  # fmt: skip
def test_a_wrong_key_unit_or_value_is_named_with_its_line(scenario, old, new, line, message):
    assert old in FILE
    with pytest.raises(InputError) as caught:
        load_scenario(scenario(FILE.replace(old, new, 1)))
    assert caught.value.line == line, caught.value
    assert message in str(caught.value)


def test_calls_need_to_say_whom_where_the_policy_hands_over(scenario):
    calls = '[[source]]\nkind = "calls"\nplane = "level0"\nrate = "1 kHz"\nservice = "5 ns"\n'
    text = FILE.replace('"vsm", "vsm:ret=resume"', '"snp"').replace('"level1"', '"plane1"') + calls
    with pytest.raises(InputError) as caught:
        load_scenario(scenario(text))
    assert caught.value.line == 30
    assert "calls without 'to' under snp" in str(caught.value)
    found = load_scenario(scenario(text + 'to = "plane0"\n'))
    assert simulate(found.policies["snp"], **found.arguments).rows["finished"][2] > 0


def test_policies_may_be_files_beside_the_scenario(scenario, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text('preset = "vsm"\nret = "resume"\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load_scenario(
        scenario(FILE.replace('"vsm:ret=resume"', '"mine.toml", "mine.toml:vina=off"'))
    )
    assert list(found.policies) == ["vsm", "mine.toml", "mine.toml:vina=off"]
    assert found.policies["mine.toml"] == Policy.preset("vsm", 3).replace(ret="resume")


@pytest.mark.parametrize("name", scenarios())
def test_each_file_of_the_package_runs_and_says_where_it_is_from(name):
    found = load_scenario(name)
    assert found.title
    assert "assumed" in found.origin
    assert len(found.policies) >= 2 or found.grid
    result = compare(found.policies, **(found.arguments | {"duration": "100 ms", "warmup": 0}))
    for one in result:
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
    assert len(json.loads(capsys.readouterr().out)["results"]) == 3
    grid = ["--grid", "policy=vsm,vsm_relay", "--grid", "workload.scale=0.5,1"]
    assert main(["sweep", *common, *grid, "--out", str(tmp_path / "s.parquet")]) == 0
    assert "vsm_relay" in capsys.readouterr().out
    assert main(["simulate", "no-such"]) == 2
    assert "one of design-question" in capsys.readouterr().err
    assert main(["simulate", *common, "--out", "x.odd"]) == 2
    assert (
        "expected a name that ends with .csv, .json, .parquet, .arrow, .npz"
        in capsys.readouterr().err
    )


def test_cost_sets_say_what_is_not_known():
    for cost_set in cost_sets().values():
        assert cost_set.source
        assert cost_set.note
    assert "No cycle cost of a KVM plane switch is published" in " ".join(
        cost_sets()["snp_vmpl"].note.split()
    )
