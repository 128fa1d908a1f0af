"""One reader of policies and one of costs: the same things are taken wherever one is asked for.

Longer than 300 lines because most of it is what can be wrong, one line each.
"""

import numpy as np
import pytest

from planesched import (
    EVENT,
    JOB,
    VM,
    Costs,
    Engine,
    InputError,
    PlaneMap,
    Policy,
    Workload,
    check,
    compare,
    diff,
    replay,
    simulate,
    sweep,
)
from planesched.checking import matrix
from planesched.cli import main
from planesched.errors import Mistake, TypeMistake
from planesched.policytext import as_policies
from planesched.reference import Reference
from planesched.workload import Calls, Exponential, Poisson, Recorded

WANTED = Policy.preset("vsm").replace(ret="resume")
TIMER = Workload([Poisson("level1", "20 us", rate="1 kHz", name="timer")], busy=["level0"])
RUN = {"planes": 2, "vcpus": 1, "workload": TIMER, "duration": "20 ms"}
MAP = {0xEC: 1, "0x26-0x27": "level1"}


@pytest.fixture
def ways(tmp_path):
    """Every way to say one policy."""
    path = tmp_path / "mine.toml"
    path.write_text('preset = "vsm"\nret = "resume"\n')
    return [WANTED, "vsm:ret=resume", str(path), path, f"{path}:vina=edge"]


def test_a_policy_is_taken_alike_everywhere(ways):
    for way in ways:
        assert VM(way, 2, 1).policy == WANTED
        assert Engine(way).policy == WANTED
        assert Reference(way, 2).policy == WANTED
        assert check(way, properties="priority").policy == WANTED
        assert diff(way, WANTED).trace is None
        assert simulate(way, **RUN).policy == WANTED
        assert [each.policy for each in compare(way, **RUN).results] == [WANTED]
        assert [each.policy for each in replay(":demo", way, plane_map=MAP)] == [WANTED]
        assert len(sweep({"policy": way}, **RUN)) == 4
    assert list(matrix("vsm:ret=resume", properties="priority").reports) == ["vsm:ret=resume"]


def test_one_policy_or_several_with_labels(ways):
    assert list(as_policies("vsm")) == ["vsm"]
    assert list(as_policies(["vsm", WANTED, "vsm_relay"])) == ["vsm", "policy 2", "vsm_relay"]
    assert as_policies({"mine": "vsm:ret=resume"}) == {"mine": WANTED}
    with pytest.raises(Mistake, match="policies: vsm twice, expected each policy once"):
        compare(["vsm", "vsm"], **RUN)
    with pytest.raises(Mistake, match="policies: none, expected one or more"):
        as_policies([])
    for wrong in (3, [3]):
        with pytest.raises(TypeMistake):
            as_policies(wrong)


def test_an_unknown_preset_is_told_with_the_nearest():
    for act in (
        lambda: VM("vms", 2, 1),
        lambda: simulate("VSM", **RUN),
        lambda: check("vsm-"),
        lambda: replay(":demo", "v_sm", plane_map=MAP),
    ):
        with pytest.raises(Mistake, match="did you mean vsm"):
            act()


@pytest.fixture
def cost_file(tmp_path):
    path = tmp_path / "here.toml"
    path.write_text(
        'source = "planesched live measure"\n[machine]\ncpu = "a CPU"\n'
        '[costs]\nany = "2 us"\nexit = "10 us"\n'
    )
    return path


def test_costs_are_what_one_reader_takes(cost_file):
    wanted = Costs({"any": 2000}, exit=10_000)
    for given in (
        wanted,
        {"any": "2 us", "exit": 10_000},
        "any=2us,exit=10us",
        "2us, exit=10us",
        "kvm_exit,any=2us,exit=10us",
        str(cost_file),
        cost_file,
        wanted.as_dict(),
    ):
        assert Costs.of(given) == wanted
    assert Costs.of(None).free
    assert Costs.of(5) == Costs({"any": 5})
    assert Costs.of(Exponential("2 us")) == Costs({"any": Exponential(2000)})
    assert Costs.of({"0-1": "1 us"}) == Costs.of({(0, 1): 1000}) == Costs(between={(0, 1): 1000})
    assert Costs.of("0-1=1us").between == Costs.of("0-1=1us").changed({}).between
    assert str(Costs.of("any=2us,0-1=1us,exit=9us")) == "any 2.00 us, 0 to 1 1.00 us, exit 9.00 us"
    drawn = Costs.of({"any": {"gamma": {"mean": "2 us", "shape": 2}}})
    assert Costs.of(drawn.as_dict()) == drawn


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"coffee": 1}, "costs='coffee', expected one of call"),
        ({"any": "2"}, "costs.any='2', expected a time with its unit"),
        ("any=2", "costs.any='2', expected a time with its unit"),
        ("kvm-exit", "did you mean kvm_exit"),
        ("foo", "any=TIME, exit=TIME"),
        ("any=1us,any=2us", "costs: any twice"),
        (True, "costs=True, expected costs by reason"),
        (1.5, "costs=1.5, expected costs by reason"),
        ({(0, 16): 1}, "costs.0-16=16, expected a plane"),
        ({"any": {"exponentail": "1 us"}}, "did you mean exponential"),
    ],
)
def test_what_is_no_cost_is_named(given, told):
    with pytest.raises(Mistake) as caught:
        Costs.of(given)
    assert told in str(caught.value)


def test_what_is_of_another_type_is_named():
    figures = VM().run(np.zeros(0, EVENT))
    result = simulate("vsm", **RUN)
    for told, act in {
        "costs.reasons=5, expected a mapping": lambda: Costs(5),
        "costs.between=5, expected a mapping": lambda: Costs(between=5),
        "plane_map=5, expected .*VECTOR": lambda: PlaneMap.parse([5]),
        "events=.*, expected names of events": lambda: check("vsm", events=[5]),
        "metric=5, expected one of": lambda: result.interval(5),
        "other=5, expected a Result": lambda: result.merge(5),
        "other=5, expected figures of the same kind: Stats": lambda: figures.merge(5),
        "vcpus=5, expected a list of vCPUs": lambda: Poisson(1, 1, rate=1, vcpus=5),
        "sources=5, expected a list of sources": lambda: Workload(5),
    }.items():
        with pytest.raises(TypeMistake, match=told):
            act()


def test_costs_are_taken_alike_everywhere(cost_file):
    by_name = {"any": 2000, "exit": 10_000}
    policy = "vsm:scheduler=user"
    wanted = simulate(policy, costs=by_name, **RUN)
    assert wanted.stats.exits > 0
    for given in (cost_file, "2 us,exit=10us"):
        result = simulate(policy, costs=given, **RUN)
        assert result.time_ns.tolist() == wanted.time_ns.tolist()
        assert compare(policy, costs=given, **RUN).results[0].stats.exits == result.stats.exits
        assert len(sweep({"policy": [policy]}, costs=given, **RUN)) == 4
        [replayed] = replay(":demo", policy, plane_map=MAP, service="5 us", costs=given)
        [plain] = replay(":demo", policy, plane_map=MAP, service="5 us", costs=by_name)
        assert replayed.time_ns.tolist() == plain.time_ns.tolist()
        assert replayed.time_ns[:, 3].sum() > 0


def test_an_engine_takes_costs_of_pairs_and_distributions():
    def after(costs):
        engine = Engine("vsm", 2, costs=costs)
        jobs = np.zeros(2, JOB)
        jobs["time_ns"], jobs["plane"], jobs["service_ns"] = (1000, 500_000), 1, 100
        engine.feed(jobs)
        engine.advance(1_000_000)
        return int(engine.time_ns()[0, 3])

    # In and out again, twice.
    assert after({"any": 50}) == after("50 ns") == 200
    assert after({"0-1": 70, "1-0": 30}) == 200
    assert after({(0, 1): 70}) == 140
    drawn = after({"any": Exponential(50)})
    assert drawn not in (0, 200)
    assert drawn == after({"any": Exponential(50)})


def test_a_replay_grows_with_costs_of_pairs():
    [result] = replay(":demo", "vsm", plane_map=MAP, service="5 us", costs={"0-1": "1 us"})
    assert result.time_ns.shape[0] == 2
    assert result.time_ns[:, 3].sum() == 1000 * int(result.stats.entries[0, 1].sum())


@pytest.mark.parametrize("kind", [Poisson, Calls])
def test_a_source_says_its_service(kind):
    with pytest.raises(Mistake, match="service=None, expected how long a job takes"):
        kind(0, rate="1 kHz")
    assert kind(0, 0, rate="1 kHz").service.mean_ns == 0


def test_a_recorded_source_says_its_service_where_planes_have_one():
    with pytest.raises(Mistake, match="service=None"):
        Recorded("x.txt", ["timer=level1"])
    assert Recorded("x.txt", ["timer=level0"]).service == 0


SCENARIO = """\
title = "A test"
planes = 2
policies = ["vsm"]
duration = "1 ms"
[[source]]
kind = "poisson"
plane = "level1"
rate = "1 kHz"
service = "5 us"
"""
CASE = """\
[[case]]
id = "one"
preset = "vsm"
planes = 2
steps = [{ do = "irq 1", run = 1 }]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('duration = "1 ms"', "duration = 5", "x.toml:4: found duration=5, expected a time with"),
        ('duration = "1 ms"', 'duration = "1 ms"\nwarmup = 5', ":5: found warmup=5, expected a"),
        ('service = "5 us"', "service = 5", ":9: found service=5, expected a time with"),
        ('service = "5 us"', "", ":5: found a poisson without 'service', expected that key too"),
        ('rate = "1 kHz"', "rate = 1000", ":8: found rate=1000, expected a rate with its unit"),
        ('"5 us"', "{ uniform = [1, 2] }", ":9: found service.uniform.low=1, expected a time"),
        (
            '"5 us"', '{ lognormal = { mean = "5us", sigma = 1.0 } }',
            "found service.lognormal={'mean': '5us', 'sigma': 1.0}, expected its median and sigma",
        ),
        ("[[source]]", '[costs]\nany = { exponentail = "1us" }\n[[source]]', "found any='expo"),
        ("[[source]]", "[costs]\nany = 5\n[[source]]", ":6: found any=5, expected a time with"),
        ("[[source]]", "[source]", ":5: found [source], expected [[source]]"),
        ("planes = 2", "planes = 0", ":2: found planes=0, expected a whole number in 1..16"),
        ('"vsm"', '"vsm-relay"', "did you mean vsm_relay?"),
        ("plane =", "plan =", "did you mean plane?"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_scenario(old, new, told, tmp_path, capsys):
    assert old in SCENARIO
    (tmp_path / "x.toml").write_text(SCENARIO.replace(old, new, 1))
    assert main(["simulate", str(tmp_path / "x.toml")]) == 2
    assert told in capsys.readouterr().err


def test_a_byte_order_mark_is_none_of_the_text(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xef\xbb\xbf" + SCENARIO.encode())
    assert main(["simulate", str(tmp_path / "x.toml")]) == 0


@pytest.mark.parametrize(
    ("words", "text", "told"),
    [
        ("conform", SCENARIO, "found a scenario file (planesched simulate, compare and sweep take"),
        ("simulate", CASE, "found a case file (planesched conform takes it), expected a scenario"),
        ("simulate", CASE.replace("case", "scenario"), "found a case file (planesched conform"),
        ("check", SCENARIO, "found a scenario file"),
        ("check", '[map]\ntimer = "level1"\n', "found a plane map (planesched replay --map-file"),
        ("conform", 'preset = "vsm"\n', "found a policy (--policy takes it), expected a case"),
        ("replay :demo --policy vsm --map-file", CASE, "found a case file (planesched conform"),
        ("replay :demo --map 1=level1 --policy vsm --cost", CASE, "found a case file"),
    ],
)
def test_each_reader_knows_the_files_of_the_others(words, text, told, tmp_path, capsys):
    (tmp_path / "x.toml").write_text(text)
    assert main([*words.split(), str(tmp_path / "x.toml")]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("key", ["case", "scenario"])
def test_both_keys_of_case_files_are_read(key, tmp_path, capsys):
    (tmp_path / "x.toml").write_text(CASE.replace("case", key))
    assert main(["conform", str(tmp_path / "x.toml")]) == 0
    assert capsys.readouterr().out == "core: 1 case, 1 step: all agree\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("simulate S --duration -5s", "argument --duration: '-5s', expected a time with its unit"),
        ("simulate S --scale 0", "argument --scale: '0', expected a number above 0"),
        ("simulate S --cost foo", "--cost='foo', expected one of free, snp_vmpl"),
        ("simulate S --cost any=5", "--cost: any='5', expected a time with its unit"),
        ("simulate S --policy vsm --policy tdx", "--policy: vsm and tdx, expected one policy here"),
        ("compare S --policy vsm --policy vsm", "--policy: vsm twice, expected each policy once"),
        ("compare S --policy vms", "--policy='vms', expected one of"),
        ("sweep S --grid seed", "--grid='seed', expected SETTING=VALUE,VALUE,..."),
        ("sweep S --grid duration=5", "duration='5', expected a time with its unit"),
        ("sweep S --grid costs.exit=5,6us", "costs.exit='5', expected a time with its unit"),
        ("sweep S --grid policy.rett=resume", "did you mean ret?"),
        ("simulate vsm-bot", "did you mean vsm-boot?"),
        ("step vsm irk", "did you mean irq?"),
        ("replay :demo --map timmer=level1 --policy vsm", "did you mean timer?"),
        ("replay :demo --map timer=level1 --policy vsm --cost any=2", "--cost: any='2', expected"),
    ],
)  # fmt: skip
def test_what_is_typed_is_called_as_it_was_typed(words, told, tmp_path, capsys):
    (tmp_path / "x.toml").write_text(SCENARIO)
    words = [str(tmp_path / "x.toml") if word == "S" else word for word in words.split()]
    try:
        status = main(words)
    except SystemExit as end:  # argparse's own
        status = end.code
    said = capsys.readouterr().err
    assert status == 2
    assert told in said
    assert said.count("\n") == 1


def test_what_is_typed_for_costs_and_grids_is_taken(tmp_path, capsys, cost_file):
    path = str(tmp_path / "x.toml")
    (tmp_path / "x.toml").write_text(SCENARIO)
    grid = "policy=vsm:ret=resume,vina=off,vsm_relay"
    assert main(["sweep", path, "--grid", grid, "--cost", "kvm_exit"]) == 0
    printed = capsys.readouterr().out
    assert "vsm:ret=resume,vina=off" in printed
    assert "vsm_relay" in printed
    assert (
        main(["sweep", path, "--grid", "costs=free,kvm_exit", "--grid", "policy.rearm=true"]) == 0
    )
    words = ["replay", ":demo", "--map", "timer=level1", "--policy", "vsm"]
    capsys.readouterr()
    assert main([*words, "--cost", "any=2us"]) == 0
    assert "costs: any 2.00 us" in capsys.readouterr().out
    assert main([*words, "--cost", str(cost_file), "--cost", "exit=1us"]) == 0
    assert "costs: any 2.00 us, exit 1.00 us" in capsys.readouterr().out


def test_python_does_not_speak_of_options():
    for plane_map in ({"0x26": "ring1"}, ["0x26=ring1"], {0x26: "ring1"}):
        with pytest.raises(Mistake, match=r"^plane_map: plane 'ring1' in '(0x26|38)=ring1'"):
            replay(":demo", "vsm", plane_map=plane_map)
    by_number = replay(":demo", "vsm", plane_map={0x26: 1, 0x27: 1}, service="5 us")
    by_text = replay(":demo", "vsm", plane_map="0x26-0x27=plane1", service="5 us")
    assert by_number[0].stats.entries.tolist() == by_text[0].stats.entries.tolist()
    with pytest.raises(TypeMistake, match="plane_map=5, expected rules"):
        replay(":demo", "vsm", plane_map=5)


def test_a_cost_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "costs.toml"
    path.write_text('[costs]\nany = "2 us"\nexit = 5\n')
    with pytest.raises(InputError, match=r"costs\.toml:3: found exit=5, expected a time with its"):
        Costs.of(path)
    path.write_text('name = "x"\n')
    with pytest.raises(InputError, match=r"found no table \[costs\]"):
        Costs.of(str(path))
