"""What commands print as JSON."""

import json
import shlex

import pytest

import planesched
from planesched.cli import main


def test_policies_as_json(capsys):
    assert main(["policies", "--json", "--planes", "4"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed["policies"]] == list(planesched.presets())
    assert listed["planes"] == 4
    for each in listed["policies"]:
        assert list(each) == ["name", "title", "rule", "source", "fields"]
        fields = {key: value for key, value in each["fields"].items() if value is not None}
        assert planesched.Policy(**fields) == planesched.Policy.preset(each["name"], 4)


def test_step_as_json(capsys, tmp_path):
    policy = tmp_path / "mine.toml"
    policy.write_text('preset = "vsm"\n')
    words = ["step", str(policy), "irq 1", "--set", "vina=off", "--planes", "2", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    made = planesched.Policy.preset("vsm", 2).replace(vina="off")
    fields = {key: value for key, value in found["policy"].items() if value is not None}
    assert planesched.Policy(**fields) == made
    assert (found["planes"], found["controller"]) == (2, None)
    assert found["start"] == "plane 0 running"
    assert found["steps"] == [
        {
            "event": "irq 1",
            "was": 0,
            "now": 1,
            "reason": "interrupt",
            "fault": "none",
            "flags": ["switched", "injected"],
            "vcpu": "plane 1 running, 0 suspended",
        }
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("check", "vsm"),
        ("check", "--matrix", "vsm", "tdx"),
        ("check", "vsm", "--sends", "irq 1"),
        ("diff", "vsm", "vsm"),
        ("explain", "ret"),
        ("policies",),
        ("policies", "vsm"),
        ("replay", ":demo", "--map", "0x26=level1", "--policy", "vsm"),
        ("scenarios",),
        ("scenarios", "vsm-boot"),
        ("step", "vsm", "irq 1"),
        ("simulate", "vsm-boot", "--duration", "1ms"),
        ("compare", "vsm-boot", "--duration", "1ms"),
        ("sweep", "exit-cost", "--duration", "1ms"),
        ("trace", ":demo"),
    ],
)
def test_each_json_says_what_it_is_and_what_made_it(words, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["planesched", *words, "--json"])
    main([*words, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert list(found)[:3] == ["schema", "command", "version"]
    assert found["schema"].startswith("planesched")
    assert found["command"] == shlex.join(["planesched", *words, "--json"])
