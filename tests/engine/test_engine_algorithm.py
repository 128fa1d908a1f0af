"""Algorithms of one's own, slices and told events in the drivers with a clock, by hand."""

import re

import numpy as np
import pytest
from engine_by_hand import make_jobs

import planesched
from planesched import Algorithm, Engine, Event, Policy, Workload
from planesched.cli import main
from planesched.layouts import OUTCOME
from planesched.scenarios import load_scenario, scenarios
from planesched.workload import Poisson

SIBLINGS = Policy(rank="siblings", marker=0, preempt="marker", call="handover", boot=0)
TURNS = SIBLINGS.replace(algorithm="round_robin")
BOTH = np.array((0b111, 0b110, *[0] * 13, 1, 0), planesched.STATE)


def engine(policy=TURNS, **given):
    """A vCPU whose planes 1 and 2 compute, plane 1 first."""
    given = {"initial": BOTH, "busy": [1, 2], "slice_ns": 10} | given
    return Engine(policy, planes=3, **given)


def switches(driver, until_ns):
    """When which plane was entered, up to a time."""
    log = np.zeros(100, OUTCOME)
    driver.log_to(log)
    driver.advance(until_ns)
    rows = log[: driver.logged]
    return [(int(row["time_ns"]), int(row["now"])) for row in rows if row["was"] != row["now"]]


def test_siblings_take_turns_by_slices():
    assert switches(engine(), 45) == [(10, 2), (20, 1), (30, 2), (40, 1)]
    assert switches(engine(policy=SIBLINGS), 45) == []
    assert switches(engine(slice_ns=None), 45) == []


def test_a_slice_is_running_time_since_the_entry():
    """A switch takes 3: the plane runs from its end on."""
    costs = {"resched": 3, "interrupt": 3, "call": 1}
    assert switches(engine(costs=costs), 40) == [(10, 2), (23, 1), (36, 2)]
    # The marker's job interrupts plane 1 after 4 of 10; what it calls afterwards begins anew.
    driver = engine(costs=costs)
    driver.feed(make_jobs((4, 0, 5)))
    assert switches(driver, 34) == [(4, 0), (12, 1), (23, 2)]


@pytest.mark.parametrize(("service_ns", "found"), [(10, []), (11, [(10, 2)])])
def test_at_one_time_the_job_ends_before_the_slice(service_ns, found):
    """Plane 1 has done its work, halts, and is no longer there for the slice to end."""
    driver = engine(busy=[])
    driver.feed(make_jobs((0, 1, service_ns), (0, 2, 50)))
    assert switches(driver, 15) == found


@pytest.mark.parametrize(("arrives_ns", "found"), [(9, [(9, 0)]), (10, [(10, 2), (10, 0)])])
def test_at_one_time_the_slice_ends_before_an_arrival(arrives_ns, found):
    driver = engine()
    driver.feed(make_jobs((arrives_ns, 0, 100)))
    assert switches(driver, 15) == found


def told(*events, until_ns=100, **given):
    driver = engine(**given)
    for time_ns, *event in events:
        driver.at(time_ns, 0, *event)
    return switches(driver, until_ns), driver


def test_hold_and_release():
    found, driver = told((15, "hold", 1), (35, "release", 1), until_ns=55)
    assert found == [(10, 2), (40, 1), (50, 2)]
    assert driver.stats().figures["steps"][Event.HOLD][1] == 1


def test_stop_start_force_and_init():
    found, _ = told((5, "stop", 1), (21, "start", 1), until_ns=34)
    assert found == [(5, 2), (25, 1)]
    found, _ = told((5, "force", 0), until_ns=9, policy=TURNS.replace(force="marker"))
    assert found[0] == (5, 0)
    assert told((5, "force", 0), until_ns=9)[1].stats().faults_by_code["perm"] == 1
    found, driver = told((5, "init", 2), until_ns=30)
    assert driver.state[0]["unstarted"] == 0b100


def test_at_one_time_told_first_and_in_order():
    driver = engine(busy=[1], policy=Policy.preset("kvm_planes", 3))
    driver.feed(make_jobs((20, 0, 5)))
    driver.at(20, 0, "release", 0)
    driver.at(20, 0, "mask", 0)
    driver.at(10, 0, "hold", 0)
    driver.advance(20)
    assert driver.state[0]["irq"] & 1
    assert driver.state[0]["current"] == 1
    driver.at(20, 0, "unmask", 0)
    driver.advance(20)
    assert driver.state[0]["current"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((5, 0, "halt"), "event='halt', expected one of resched, nmi, intercept, mask"),
        ((5, 0, "irq", 1), "event='irq', expected one of"),
        ((5, 0, "enable", 1), "event='enable', expected one of"),
        ((5, 0, "hold"), "plane=None, expected"),
        ((5, 0, "hold", 3), "plane=3, expected"),
        ((5, 0, "resched", 1), "plane=1, expected None: resched takes no plane"),
        ((5, 1, "hold", 1), "vcpu=1, expected"),
        ((-1, 0, "hold", 1), "time_ns=-1, expected"),
        ((19, 0, "hold", 1), "time_ns=19, expected a time that is not past"),
    ],
)
def test_what_cannot_be_told(arguments, words):
    driver = engine()
    driver.advance(20)
    with pytest.raises(ValueError, match=words):
        driver.at(*arguments)


def test_a_slice_is_a_time_above_0():
    for driver in (engine, lambda slice_ns: simulated(TURNS, slice_ns=slice_ns)):
        with pytest.raises(ValueError, match="slice_ns=0, expected"):
            driver(slice_ns=0)


# ---- Algorithms ----


def ages(state, base, pre, event, memory):
    """Pick the plane that was picked least often."""
    planes = [plane for plane in range(16) if (base | pre) >> plane & 1]
    plane = min(planes, key=lambda plane: int(memory[plane]))
    memory[plane] += 1
    return plane


AGES = Algorithm(ages, memory=np.zeros(16, np.uint32))


def simulated(policy, **given):
    sources = [Poisson(plane, "20 us", rate="10 kHz") for plane in range(1, 3)]
    workload = Workload(sources)
    given = {"duration": "5 ms", "slice_ns": "50 us", "seed": 3} | given
    return planesched.simulate(policy, 3, 4, workload, **given)


def test_the_same_with_any_number_of_threads_and_from_a_snapshot():
    one, two = (simulated(SIBLINGS.replace(algorithm=AGES), threads=n) for n in (1, 2))
    assert one.as_dict() == two.as_dict()
    driver = engine(SIBLINGS.replace(algorithm=AGES))
    driver.advance(37)
    other, snapshot = driver.copy(), driver.copy()
    driver.advance(500)
    other.advance(500)
    assert driver.stats().as_dict() == other.stats().as_dict()
    driver.restore(snapshot)
    driver.advance(500)
    assert driver.state.tobytes() == other.state.tobytes()
    assert driver.stats().as_dict() == other.stats().as_dict()


def test_what_is_pure_is_looked_up_and_decides_the_same():
    def highest(state, base, pre, event):
        return (base | pre).bit_length() - 1

    plain, pure = (
        simulated(SIBLINGS.replace(algorithm=Algorithm(highest, pure=pure, name="it")))
        for pure in (False, True)
    )
    assert plain.as_dict() == pure.as_dict()


@pytest.mark.parametrize("pure", [False, True])
def test_a_wrong_answer_stops_the_engine(pure):
    def wrong(state, base, pre, event):
        return 0 if event.name == "RESCHED" else (base | pre).bit_length() - 1

    algorithm = Algorithm(wrong, pure=pure, name="mine")
    driver = engine(SIBLINGS.replace(algorithm=algorithm))
    words = (
        r"answer of algorithm mine=0, expected a plane of base=\[1, 2\] or pre=\[\], asked at re"
    )
    with pytest.raises(ValueError, match=words):
        driver.advance(100)
    with pytest.raises(RuntimeError, match="stopped at a wrong answer"):
        driver.advance(100)
    with pytest.raises(ValueError, match="answer of algorithm mine"):
        simulated(SIBLINGS.replace(algorithm=algorithm, empty="marker"))


def test_what_it_raises_comes_out_of_the_engine():
    def broken(state, base, pre, event):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        engine(SIBLINGS.replace(algorithm=broken)).advance(100)


def test_compare_and_sweep_vary_it():
    workload = Workload([Poisson(1, "5 ms", rate="1 kHz"), Poisson(2, "5 ms", rate="1 kHz")])
    settings = {"workload": workload, "duration": "20 ms"}
    grid = {"policy.algorithm": ["rank", "round_robin", AGES], "slice_ns": ["100 us", "1 ms"]}
    swept = planesched.sweep(grid, policy="tdx", planes=3, **settings)
    assert swept.ran == 6
    assert "slice_ns" in swept.settings
    assert len({row["policy_algorithm"] for row in swept.rows()}) == 3
    found = planesched.compare(
        ["tdx", "tdx:algorithm=round_robin"], 3, 1, slice_ns="100 us", **settings
    )
    assert "algorithm rank -> round_robin" in str(found)


def test_two_algorithms_of_one_name_are_not_one_point():
    same = [Algorithm(lambda *args, give=give: give, name="it") for give in (0, 1)]
    with pytest.raises(ValueError, match="grid: two algorithms of one name at"):
        planesched.sweep({"policy.algorithm": same}, "tdx", 3, 1, Workload([]), duration="1 ms")


def test_the_page_runs_as_written(root, capsys):
    page = (root / "docs" / "how-to" / "algorithms.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```\n", page, re.DOTALL)
    names = {}
    exec(compile(block, "algorithms.md", "exec"), names)
    assert capsys.readouterr().out == "start 1\n"
    assert "algorithm" in str(names["found"])


def test_slices_in_a_scenario_and_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text('slice = "100 us"\n' + scenarios()["tdx-partitioning"].read_text())
    result = planesched.simulate(load_scenario(path), duration="2 ms", warmup="0", vcpus=1)
    assert result.given["slice_ns"] == 100_000
    short = ["--duration", "2ms", "--warmup", "0", "--vcpus", "1", "--json"]
    assert main(["simulate", str(path), "--slice", "200us", *short]) == 0
    assert '"slice_ns": 200000' in capsys.readouterr().out
    path.write_text('slice = "0 us"\n' + scenarios()["tdx-partitioning"].read_text())
    with pytest.raises(planesched.InputError, match=r"mine.toml:1: found slice='0 us', expected"):
        load_scenario(path)
    mapped = ["replay", ":demo", "--map", "default=level1", "--policy", "vsm:algorithm=round_robin"]
    assert main([*mapped, "--slice", "1ms", "--json"]) == 0
    assert '"slice_ns": 1000000' in capsys.readouterr().out


def test_userspace_where_nobody_asks_it_is_refused():
    for driver in (engine, lambda **given: simulated(SIBLINGS, **given)):
        with pytest.raises(ValueError, match=r"userspace=.*expected None: no vCPU leaves"):
            driver(userspace=lambda *args: 0)
