"""Plane maps: what a user writes, what is wrong with it, and levels under every preset."""

import pytest

from planesched import InputError, Policy, presets, traces
from planesched.errors import Mistake
from planesched.traces import PlaneMap, Target


def names(plane_map):
    return [str(target) for target in plane_map.targets]


def test_rules():
    plane_map = PlaneMap.parse(
        [
            "0xec=level1",
            "0x20-0x2f=level2",
            "253=plane3",
            "call_function = level1",
            "vcpu1:0x26=level1",
        ]
    )
    assert names(plane_map) == ["level0", "level1", "level2", "plane3"]
    table = plane_map.table(0)
    assert len(table) == 256
    assert [table[v] for v in (0xEC, 0x1F, 0x20, 0x26, 0x2F, 0x30, 253, 0xFC)] == [
        *(1, 0, 2, 2, 2, 0, 3, 1)
    ]
    assert plane_map.table(1)[0x26] == 1
    assert plane_map.table(1)[0x27] == 2


def test_default():
    plane_map = PlaneMap.parse(["timer=level0", "default=plane2"])
    assert names(plane_map) == ["level0", "plane2"]
    assert plane_map.table(0)[0xEC] == 0
    assert plane_map.table(0)[0] == 1
    assert PlaneMap() == PlaneMap.parse([])
    assert PlaneMap.parse("timer=level1") == PlaneMap.parse(["timer=level1"])
    assert names(PlaneMap()) == ["level0"]


@pytest.mark.parametrize(
    ("rule", "found", "expected"),
    [
        ("0xec", "'0xec'", "[vcpuN:]VECTOR"),
        ("=level1", "'=level1'", "[vcpuN:]VECTOR"),
        ("0xec=level16", "plane 'level16'", "level0..level15"),
        ("0xec=vtl1", "plane 'vtl1'", "plane0..plane15"),
        ("0xec=level01", "plane 'level01'", "level0..level15"),
        ("0xec=", "plane ''", "level0..level15"),
        ("256=level1", "vector '256'", "0..255"),
        ("-1=level1", "vector ''", "0..255"),
        ("tmier=level1", "vector 'tmier'", "timer"),
        ("0x=level1", "vector '0x'", "0..255"),
        ("0x30-0x20=level1", "the range 0x30-0x20", "its lower end first"),
        ("0x20-=level1", "vector ''", "0..255"),
        ("cpu1:0x20=level1", "'cpu1'", "vcpu0..vcpu16383"),
        ("vcpu99999:0x20=level1", "'vcpu99999'", "vcpu0..vcpu16383"),
    ],
)
def test_wrong_rules(rule, found, expected):
    with pytest.raises(Mistake) as caught:
        PlaneMap.parse([rule])
    assert caught.value.name == "plane_map"
    assert caught.value.found.startswith(found)
    assert "--map" not in str(caught.value)
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    "rules",
    [
        ["0x20-0x2f=level1", "0x26=level2"],
        ["timer=level1", "0xec=level1"],
        ["vcpu1:0x20=level1", "vcpu1:0x10-0x20=level2"],
    ],
)
def test_overlapping_rules_are_both_named(rules):
    with pytest.raises(ValueError, match=f"{rules[0]} and {rules[1]}, which overlap"):
        PlaneMap.parse(rules)
    with pytest.raises(ValueError, match="default=level1 and default=level2, expected one default"):
        PlaneMap.parse(["default=level1", "default=level2"])


def test_other_vcpus_do_not_overlap():
    plane_map = PlaneMap.parse(["vcpu0:38=level1", "vcpu1:38=level2", "38=plane5"])
    assert [plane_map.targets[plane_map.table(vcpu)[38]].number for vcpu in (0, 1, 2)] == [1, 2, 5]


TABLE = """
title = "elsewhere"
[map]
"0x20-0x2f" = "level2"   # disks
timer = "level1"
"vcpu1:0x26" = "level1"
default = "level0"
"""


def test_toml(tmp_path):
    path = tmp_path / "map.toml"
    rules = ["0x20-0x2f=level2", "timer=level1", "vcpu1:0x26=level1", "default=level0"]
    path.write_text(TABLE)
    assert PlaneMap.load(path) == PlaneMap.parse(rules)
    path.write_text(f"map = {rules}")
    assert PlaneMap.load(path) == PlaneMap.parse(rules)


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        (TABLE.replace('timer = "level1"', 'tiemr = "level1"'), 5, "vector 'tiemr'"),
        (TABLE.replace('"level2"', '"level99"'), 4, "plane 'level99'"),
        (TABLE.replace('timer = "level1"', "timer = 1"), 5, "plane '1'"),
        ("map = 3", 1, "map = 3"),
        ("[maps]", 0, "no 'map'"),
        ("map = [", 0, "Invalid value"),
        ('map = [\n"0x20=level1",\n"0x300=level1"]', 3, "vector '0x300'"),
    ],
)
def test_wrong_toml(tmp_path, text, line, found):
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        PlaneMap.load(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)
    assert found in caught.value.found


LEVELS = ["1=level1", "2=level2", "3=plane1"]


@pytest.mark.parametrize(
    ("preset", "planes"),
    [
        ("vsm", [0, 1, 2, 1]),
        ("vsm_relay", [0, 1, 2, 1]),
        ("openhcl", [0, 1, 2, 1]),
        ("whp", [0, 1, 2, 1]),
        ("kvm_vsm", [0, 1, 2, 1]),
        ("kvm_planes", [2, 1, 0, 1]),
        ("snp", [2, 1, 0, 1]),
        ("tdx", [2, 1, 0, 1]),
        ("cca", [2, 1, 0, 1]),
        ("kvm_user", [2, 1, 0, 1]),
    ],
)
def test_levels_of_presets(preset, planes):
    policy = Policy.preset(preset, planes=3)
    resolved = PlaneMap.parse(LEVELS).planes(policy, 3)
    assert resolved.dtype == "uint8"
    assert resolved.tolist() == planes


def test_every_preset_resolves():
    for preset in presets():
        policy = Policy.preset(preset if isinstance(preset, str) else preset.name, planes=2)
        assert sorted(PlaneMap.parse(LEVELS[:1]).planes(policy, 2).tolist()) == [0, 1]


def test_main_plane():
    policy = Policy.preset("kvm_planes", planes=3)
    assert PlaneMap.parse(["1=level1"]).planes(policy, 3, main=1).tolist() == [1, 0]
    with pytest.raises(
        ValueError, match="level2, expected a level that exists: plane 1 is level0, and 1 of 3"
    ):
        PlaneMap.parse(LEVELS).planes(policy, 3, main=1)
    with pytest.raises(ValueError, match=r"main=3, expected a plane in 0\.\.2"):
        PlaneMap().planes(policy, 3, main=3)


def test_planes_that_do_not_exist():
    policy = Policy.preset("vsm", planes=2)
    with pytest.raises(ValueError, match="level2, expected a level that exists"):
        PlaneMap.parse(LEVELS).planes(policy, 2)
    with pytest.raises(ValueError, match="plane5, expected a plane that exists: there are 2"):
        PlaneMap.parse(["1=plane5"]).planes(policy, 2)


def test_resolve_sorts_anew(tmp_path):
    path = tmp_path / "t.txt"
    line = " q-9 [001] ..... 1.000000: kvm_apic_accept_irq: apicid 0 vec {} (Fixed|edge)\n"
    path.write_text(line.format(40) + line.format(41) + line.format(42))
    plane_map = PlaneMap.parse(["40=level0", "41=level1", "42=level1"])
    ((jobs, until),) = [part for part in traces.jobs(traces.read(path), plane_map) if len(part[0])]
    assert until == 1
    policy = Policy.preset("kvm_planes", planes=2)
    resolved = traces.resolve(jobs, plane_map.planes(policy, 2))
    assert jobs["plane"].tolist() == [0, 1, 1]
    assert resolved[["plane", "source"]].tolist() == [(0, 41), (0, 42), (1, 40)]
    assert plane_map.targets[1] == Target("level", 1)
